//! Between the messages of `reranker.proto` and the values of the service.

use std::collections::{BTreeMap, HashMap};

use prost::Message as _;
use rayon::prelude::*;
use vivier_features::{Polarity, Reason, ReasonLanguage, SkillEvidence};
use vivier_heads::Contribution;
use vivier_proto::v1;
use vivier_types::{Facet, FacetScores, ProfileId, Summary, Violation};

use crate::service::{Answer, Candidate, Job, ModelVersion, Ranked};

/// Largest absolute score of a retrieval or a facet.
const MAX_SCORE: f32 = 1_000_000.0;
/// Candidates that one thread reads at a time.
const CANDIDATES_PER_TASK: usize = 64;

/// Decodes a request; `max_candidates` bounds its list.
///
/// # Errors
/// Names the field that breaks a rule: a missing query or kind, too many
/// candidates, a candidate without id or with an id given before, a score that
/// is not finite, an unknown facet.
pub(crate) fn decode(wire: v1::RerankRequest, max_candidates: usize) -> Result<Job, Violation> {
    let count = wire.candidates.len();
    if count > max_candidates {
        let reason = format!("must hold at most {max_candidates} entries");
        return Err(Violation::new("candidates", count, reason));
    }
    let query_kind = v1::ProfileKind::required("query_kind", wire.query_kind)?;
    let Some(query) = wire.query else {
        return Err(Violation::new("query", "", "must be given"));
    };
    let query = Summary::try_from(query).map_err(within("query"))?;
    let candidates = wire
        .candidates
        .into_par_iter()
        .with_min_len(CANDIDATES_PER_TASK)
        .enumerate()
        .map(|(place, candidate)| {
            decode_candidate(candidate)
                .map_err(|violation| within(&format!("candidates[{place}]"))(violation))
        })
        .collect::<Vec<Result<Candidate, Violation>>>();
    // In order, so that the first mistake is the one that is named.
    let candidates = candidates
        .into_iter()
        .collect::<Result<Vec<Candidate>, Violation>>()?;
    refuse_repetitions(&candidates)?;
    Ok(Job {
        model: wire.model,
        query_kind,
        query,
        candidates,
        top_k: usize::try_from(wire.top_k).unwrap_or(usize::MAX),
        explain: wire.explain,
        language: decode_language(&wire.lang)?,
    })
}

fn decode_language(code: &str) -> Result<ReasonLanguage, Violation> {
    if code.is_empty() {
        return Ok(ReasonLanguage::default());
    }
    let reason = "reasons are in \"en\" or \"fr\"";
    ReasonLanguage::from_code(code).ok_or_else(|| Violation::new("lang", code, reason))
}

fn decode_candidate(wire: v1::RerankCandidate) -> Result<Candidate, Violation> {
    if wire.summary.is_empty() {
        return Err(Violation::new("summary", "", "must be given"));
    }
    let length = wire.summary.len();
    let summary = v1::Summary::decode(wire.summary).map_err(|error| {
        let reason = format!("must be a serialised Summary: {error}");
        Violation::new("summary", format!("{length} bytes"), reason)
    })?;
    let summary = Summary::try_from(summary).map_err(within("summary"))?;
    let Some(id) = summary.id.clone() else {
        return Err(Violation::new("summary.id", "", "must be given"));
    };
    check_score("retrieval_score", wire.retrieval_score)?;
    let facet_scores = decode_facets(wire.facet_scores)?;
    Ok(Candidate {
        id,
        summary,
        retrieval_score: wire.retrieval_score,
        facet_scores,
    })
}

fn decode_facets(wire: BTreeMap<String, f32>) -> Result<FacetScores, Violation> {
    let mut scores = FacetScores::new();
    for (name, score) in wire {
        let Some(facet) = Facet::from_name(&name) else {
            let known = Facet::ALL.map(Facet::name).join(", ");
            return Err(Violation::new(
                "facet_scores",
                name,
                format!("unknown facet, known are {known}"),
            ));
        };
        check_score(facet.name(), score).map_err(within("facet_scores"))?;
        scores.insert(facet, score);
    }
    Ok(scores)
}

fn check_score(field: &str, score: f32) -> Result<(), Violation> {
    if score.is_finite() && score.abs() <= MAX_SCORE {
        return Ok(());
    }
    Err(Violation::new(
        field,
        score,
        format!("must be a number within ±{MAX_SCORE}"),
    ))
}

fn refuse_repetitions(candidates: &[Candidate]) -> Result<(), Violation> {
    let mut seen: HashMap<&ProfileId, usize> = HashMap::with_capacity(candidates.len());
    for (place, candidate) in candidates.iter().enumerate() {
        if let Some(first) = seen.insert(&candidate.id, place) {
            let field = format!("candidates[{place}].summary.id");
            return Err(Violation::new(
                field,
                &candidate.id,
                format!("was given before, in candidates[{first}]"),
            ));
        }
    }
    Ok(())
}

/// Puts a violation inside the field that holds it.
fn within(outer: &str) -> impl Fn(Violation) -> Violation + '_ {
    move |violation| Violation {
        field: format!("{outer}.{}", violation.field),
        ..violation
    }
}

/// Encodes an answer.
pub(crate) fn encode(answer: Answer) -> v1::RerankResponse {
    v1::RerankResponse {
        results: answer.results.into_iter().map(encode_result).collect(),
        model: Some(encode_model(answer.model)),
        seconds: answer.elapsed.as_secs_f64(),
    }
}

fn encode_result(ranked: Ranked) -> v1::RerankResult {
    v1::RerankResult {
        id: ranked.id.into(),
        score: ranked.score,
        retrieval_rank: u32::try_from(ranked.retrieval_rank).unwrap_or(u32::MAX),
        features: ranked
            .contributions
            .into_iter()
            .map(encode_contribution)
            .collect(),
        reasons: ranked.reasons.into_iter().map(encode_reason).collect(),
        completeness_error: ranked.completeness_error,
    }
}

fn encode_contribution(part: Contribution) -> v1::FeatureContribution {
    v1::FeatureContribution {
        name: part.feature.name().to_owned(),
        value: part.value,
        contribution: part.contribution,
    }
}

fn encode_reason(reason: Reason) -> v1::Reason {
    let polarity = match reason.polarity {
        Polarity::For => v1::Polarity::For,
        Polarity::Neutral => v1::Polarity::Neutral,
        Polarity::Against => v1::Polarity::Against,
    };
    v1::Reason {
        topic: reason.feature.name().to_owned(),
        text: reason.text,
        polarity: polarity.into(),
        evidence: reason.evidence,
        skills: reason.skills.into_iter().map(encode_evidence).collect(),
    }
}

fn encode_evidence(skill: SkillEvidence) -> v1::SkillEvidence {
    v1::SkillEvidence {
        asked: Some(skill.asked.into()),
        held: skill.held.map(v1::Skill::from),
        similarity: skill.similarity,
        path: skill.path,
        spans: Vec::new(),
    }
}

/// Encodes the name and the fingerprint of a model.
pub(crate) fn encode_model(model: ModelVersion) -> v1::ModelVersion {
    v1::ModelVersion {
        name: model.name,
        fingerprint: model.fingerprint,
    }
}
