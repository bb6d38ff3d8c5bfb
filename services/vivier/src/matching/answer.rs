//! The answer to a match in a form of our own: what `--json` prints, with names
//! that stay, and what the table is drawn from.

use std::collections::BTreeMap;

use super::expansion::Expansion;
use serde::Serialize;
use vivier_proto::v1;
use vivier_types::ProfileKind;

/// An answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Answer {
    /// What was found: `candidate` or `vacancy`.
    pub(crate) kind: ProfileKind,
    pub(crate) results: Vec<MatchResult>,
    pub(crate) report: Report,
}

/// One result, best first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct MatchResult {
    pub(crate) rank: u32,
    pub(crate) id: String,
    pub(crate) score: f32,
    pub(crate) retrieval_score: f32,
    pub(crate) retrieval_rank: u32,
    pub(crate) facet_scores: BTreeMap<String, f32>,
    pub(crate) titles: Vec<String>,
    pub(crate) skills: Vec<String>,
    pub(crate) languages: Vec<String>,
    pub(crate) location: Location,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seniority: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) years_of_experience: Option<f32>,
    /// Only with `--explain`.
    pub(crate) features: Vec<Feature>,
    /// Only with `--explain`.
    pub(crate) reasons: Vec<Reason>,
    /// Only with `--explain`: how far the contributions miss the score.
    pub(crate) completeness_error: f32,
    /// Only with `--expand`, when the retrieval without it found the result, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) unexpanded_rank: Option<u32>,
}

/// A place.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Location {
    pub(crate) place: String,
    pub(crate) region: String,
    pub(crate) country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) longitude: Option<f64>,
}

/// A feature of the pair and its part of the score.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Feature {
    pub(crate) name: String,
    pub(crate) value: Option<f32>,
    pub(crate) contribution: f32,
}

/// Why a result is there, or why not higher.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reason {
    pub(crate) topic: String,
    pub(crate) text: String,
    pub(crate) polarity: Polarity,
    pub(crate) evidence: Vec<String>,
    /// Only of reasons about skills.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) skills: Vec<SkillEvidence>,
}

/// How one skill asked for is met.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SkillEvidence {
    pub(crate) asked: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) held: Option<String>,
    pub(crate) similarity: f32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) path: Vec<String>,
    pub(crate) spans: Vec<Span>,
}

/// A place in the candidate's record.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Span {
    pub(crate) field: String,
    /// Bytes of the field.
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) text: String,
}

/// Whether a reason speaks for the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Polarity {
    For,
    Neutral,
    Against,
}

/// How the answer came about.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) stages: Vec<Stage>,
    pub(crate) models: Vec<Model>,
    pub(crate) degradations: Vec<Degradation>,
    pub(crate) retrieved: u32,
    pub(crate) searched: u64,
    pub(crate) shards_asked: u32,
    pub(crate) shards_answered: u32,
    pub(crate) query_tokens_used: u32,
    pub(crate) query_tokens: u32,
    pub(crate) plans: Vec<String>,
    /// Only with `--expand`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expansion: Option<Expansion>,
}

/// A step and its time.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) seconds: f64,
}

/// A model that took part.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
}

/// What is missing from the answer.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Degradation {
    pub(crate) stage: String,
    pub(crate) text: String,
}

impl Answer {
    /// Decodes what the gateway sent.
    pub(crate) fn new(
        kind: ProfileKind,
        results: Vec<v1::MatchResult>,
        report: Option<v1::MatchReport>,
    ) -> Self {
        let results = results.into_iter().map(MatchResult::from).collect();
        Self {
            kind,
            results,
            report: report.unwrap_or_default().into(),
        }
    }
}

impl From<v1::MatchResult> for MatchResult {
    fn from(result: v1::MatchResult) -> Self {
        let summary = result.summary.unwrap_or_default();
        let seniority = summary.seniority();
        let named = seniority != v1::Seniority::Unspecified;
        let seniority = seniority
            .as_str_name()
            .trim_start_matches("SENIORITY_")
            .to_lowercase();
        Self {
            rank: result.rank,
            id: result.id,
            score: result.score,
            retrieval_score: result.retrieval_score,
            retrieval_rank: result.retrieval_rank,
            facet_scores: result.facet_scores,
            titles: summary.titles,
            skills: summary.skills.into_iter().map(|skill| skill.name).collect(),
            languages: summary
                .languages
                .into_iter()
                .map(|language| language.code)
                .collect(),
            location: summary.location.map(Location::from).unwrap_or_default(),
            seniority: named.then_some(seniority),
            years_of_experience: summary.years_of_experience,
            features: result.features.into_iter().map(Feature::from).collect(),
            reasons: result.reasons.into_iter().map(Reason::from).collect(),
            completeness_error: result.completeness_error,
            unexpanded_rank: result.unexpanded_rank,
        }
    }
}

impl From<v1::Location> for Location {
    fn from(location: v1::Location) -> Self {
        Self {
            place: location.place,
            region: location.region,
            country: location.country,
            latitude: location.coordinates.map(|coordinates| coordinates.latitude),
            longitude: location
                .coordinates
                .map(|coordinates| coordinates.longitude),
        }
    }
}

impl From<v1::FeatureContribution> for Feature {
    fn from(feature: v1::FeatureContribution) -> Self {
        Self {
            name: feature.name,
            value: feature.value,
            contribution: feature.contribution,
        }
    }
}

impl From<v1::Reason> for Reason {
    fn from(reason: v1::Reason) -> Self {
        let polarity = match reason.polarity() {
            v1::Polarity::For => Polarity::For,
            v1::Polarity::Against => Polarity::Against,
            v1::Polarity::Neutral | v1::Polarity::Unspecified => Polarity::Neutral,
        };
        Self {
            topic: reason.topic,
            text: reason.text,
            polarity,
            evidence: reason.evidence,
            skills: reason.skills.into_iter().map(SkillEvidence::from).collect(),
        }
    }
}

impl From<v1::SkillEvidence> for SkillEvidence {
    fn from(skill: v1::SkillEvidence) -> Self {
        let span = |span: v1::TextSpan| Span {
            field: span.field,
            start: span.start,
            end: span.end,
            text: span.text,
        };
        Self {
            asked: skill.asked.map(|asked| asked.name).unwrap_or_default(),
            held: skill.held.map(|held| held.name),
            similarity: skill.similarity,
            path: skill.path,
            spans: skill.spans.into_iter().map(span).collect(),
        }
    }
}

impl From<v1::MatchReport> for Report {
    fn from(report: v1::MatchReport) -> Self {
        let stage = |stage: v1::Stage| Stage {
            name: stage.name,
            seconds: stage.seconds,
        };
        let degradation = |degradation: v1::Degradation| Degradation {
            stage: degradation.stage,
            text: degradation.text,
        };
        Self {
            stages: report.stages.into_iter().map(stage).collect(),
            models: report.models.into_iter().map(Model::from).collect(),
            degradations: report.degradations.into_iter().map(degradation).collect(),
            retrieved: report.retrieved,
            searched: report.searched,
            shards_asked: report.shards_asked,
            shards_answered: report.shards_answered,
            query_tokens_used: report.query_tokens_used,
            query_tokens: report.query_tokens,
            plans: report.plans,
            expansion: report.expansion.map(Expansion::from),
        }
    }
}

impl From<v1::ModelVersion> for Model {
    fn from(model: v1::ModelVersion) -> Self {
        Self {
            name: model.name,
            fingerprint: model.fingerprint,
        }
    }
}
