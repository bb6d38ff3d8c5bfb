//! Adds to each reason about skills where the candidate's record names them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::join_all;
use rayon::prelude::*;
use vivier_features::{SkillSpan, skill_spans};
use vivier_proto::v1;
use vivier_runtime::{Deadline, PoolError};
use vivier_types::{Candidate, Profile, ProfileKind, Skill};

use crate::cluster::{Cluster, collection};
use crate::error::{CallError, GatewayError};
use crate::query::Query;
use crate::records::decode_document;
use crate::report::Report;

/// By result the places of each skill that its reasons name, in their order.
type Found = BTreeMap<String, Vec<Vec<SkillSpan>>>;

/// The places found, and why some are missing.
pub(crate) struct Spans {
    of: Found,
    problems: Vec<String>,
}

/// Looks in the records of the results, or in that of a query that is a candidate, where
/// they name the skills that the reasons rest on.
pub(crate) async fn find_spans(
    cluster: &Cluster,
    query: &Query,
    shard_of: &BTreeMap<String, usize>,
    (results, deadline): (&[v1::MatchResult], Deadline),
) -> Spans {
    let mut wanted: BTreeMap<String, Vec<Skill>> = BTreeMap::new();
    for result in results {
        let held = held(result);
        if !held.is_empty() {
            wanted.insert(result.id.clone(), held);
        }
    }
    let knowledge = Arc::clone(&cluster.knowledge);
    if let Some(candidate) = query.candidate.clone() {
        // One record for all results: it is read once.
        let look = move || {
            let all: Vec<Skill> = wanted.values().flatten().cloned().collect();
            let mut spans = skill_spans(&candidate, &all, &knowledge).into_iter();
            let split = wanted.into_iter().map(|(id, held)| {
                let own = spans.by_ref().take(held.len()).collect();
                (id, own)
            });
            split.collect()
        };
        return Spans::of(cluster.pool.run(look).await, Vec::new());
    }
    let (records, problems) = fetch(cluster, wanted.keys(), shard_of, deadline).await;
    let look = move || {
        let found = wanted.into_par_iter().filter_map(|(id, held)| {
            let candidate: &Candidate = records.get(&id)?;
            let spans = skill_spans(candidate, &held, &knowledge);
            Some((id, spans))
        });
        found.collect()
    };
    Spans::of(cluster.pool.run(look).await, problems)
}

impl Spans {
    fn of(found: Result<Found, PoolError>, mut problems: Vec<String>) -> Self {
        let of = found.unwrap_or_else(|error| {
            problems.push(error.to_string());
            Found::new()
        });
        Self { of, problems }
    }
}

/// Adds the places to the reasons; what is missing is reported.
pub(crate) fn add_spans(results: &mut [v1::MatchResult], spans: Spans, report: &mut Report) {
    let Spans { mut of, problems } = spans;
    for problem in problems {
        report.degraded(
            "explain",
            format!("{problem}; the places of skills are missing"),
        );
    }
    for result in results {
        let found = of.remove(&result.id).unwrap_or_default();
        let skills = evidence_mut(result).filter(|skill| skill.held.is_some());
        for (skill, spans) in skills.zip(found) {
            skill.spans = spans.into_iter().map(on_wire).collect();
        }
    }
}

/// Returns the skills of the candidate that reasons name, in order.
fn held(result: &v1::MatchResult) -> Vec<Skill> {
    let skills = result.reasons.iter().flat_map(|reason| &reason.skills);
    let held = skills.filter_map(|skill| skill.held.as_ref());
    let read = held.map(|held| Skill {
        name: held.name.clone(),
        uri: Some(held.uri.clone()).filter(|uri| !uri.is_empty()),
    });
    read.collect()
}

fn evidence_mut(result: &mut v1::MatchResult) -> impl Iterator<Item = &mut v1::SkillEvidence> {
    let reasons = result.reasons.iter_mut();
    reasons.flat_map(|reason| reason.skills.iter_mut())
}

/// Fetches candidates by id; says what went wrong with those that are missing.
async fn fetch(
    cluster: &Cluster,
    ids: impl Iterator<Item = &String>,
    shard_of: &BTreeMap<String, usize>,
    deadline: Deadline,
) -> (BTreeMap<String, Box<Candidate>>, Vec<String>) {
    let mut by_shard: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for id in ids {
        if let Some(shard) = shard_of.get(id) {
            by_shard.entry(*shard).or_default().push(id.clone());
        }
    }
    let calls = by_shard.into_iter().map(|(shard, ids)| {
        let request = v1::GetRequest {
            collection: collection(ProfileKind::Candidate).to_owned(),
            ids,
            parts: Some(v1::PointParts {
                document: true,
                ..v1::PointParts::default()
            }),
        };
        cluster.shards[shard].get(request, deadline)
    });
    let answers: Vec<Result<Vec<v1::Point>, CallError>> = join_all(calls).await;
    let (mut records, mut problems) = (BTreeMap::new(), Vec::new());
    for answer in answers {
        let points = match answer {
            Ok(points) => points,
            Err(error) => {
                problems.push(error.to_string());
                continue;
            }
        };
        for point in points {
            match decode(&point) {
                Ok(Some(candidate)) => {
                    records.insert(point.id, candidate);
                }
                Ok(None) => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
    }
    (records, problems)
}

fn decode(point: &v1::Point) -> Result<Option<Box<Candidate>>, GatewayError> {
    let kind = ProfileKind::Candidate;
    let wire = decode_document(kind, &point.id, &point.document)?;
    let profile = Profile::try_from(wire).map_err(|source| GatewayError::Corrupt {
        kind,
        id: point.id.clone(),
        source: Box::new(source),
    })?;
    Ok(match profile {
        Profile::Candidate(candidate) => Some(candidate),
        Profile::Vacancy(_) => None,
    })
}

fn on_wire(span: SkillSpan) -> v1::TextSpan {
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    v1::TextSpan {
        field: span.field,
        start: offset(span.range.start),
        end: offset(span.range.end),
        text: span.text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(held: Option<&str>) -> v1::SkillEvidence {
        v1::SkillEvidence {
            held: held.map(|name| v1::Skill {
                name: name.to_owned(),
                uri: String::new(),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn places_go_to_the_skills_that_are_held() {
        let reason = v1::Reason {
            skills: vec![
                evidence(None),
                evidence(Some("SQL")),
                evidence(Some("Rust")),
            ],
            ..Default::default()
        };
        let result = v1::MatchResult {
            id: "c".to_owned(),
            reasons: vec![v1::Reason::default(), reason],
            ..Default::default()
        };
        let names: Vec<String> = held(&result).into_iter().map(|skill| skill.name).collect();
        assert_eq!(names, ["SQL", "Rust"]);
        let span = SkillSpan {
            field: "text".to_owned(),
            range: 3..7,
            text: "Rust".to_owned(),
        };
        let spans = Spans {
            of: [("c".to_owned(), vec![Vec::new(), vec![span]])].into(),
            problems: vec!["shard 1 is away".to_owned()],
        };
        let mut results = [result];
        let mut report = Report::default();
        add_spans(&mut results, spans, &mut report);
        let skills = &results[0].reasons[1].skills;
        assert!(skills[0].spans.is_empty() && skills[1].spans.is_empty());
        assert_eq!((skills[2].spans[0].start, skills[2].spans[0].end), (3, 7));
        let said = report.finish().degradations;
        assert!(said[0].text.starts_with("shard 1 is away; "), "{said:?}");
    }
}
