//! Asks every shard and merges what they answer.

use std::collections::BTreeMap;

use futures::future::join_all;
use vivier_proto::v1;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::{Facet, Violation};

use crate::cluster::{Cluster, Encoder, collection};
use crate::error::{CallError, GatewayError};
use crate::expansion::Additions;
use crate::merge::{ShardHit, merge};
use crate::options::Options;
use crate::query::Query;
use crate::report::Report;

/// Finds the `options.depth` best profiles over all shards.
///
/// A shard that does not answer is reported as missing; the others serve.
///
/// # Errors
/// When nothing of the query has weight, when a shard refuses the request, or
/// when no shard answers.
pub(crate) async fn search(
    cluster: &Cluster,
    query: &Query,
    options: &Options,
    deadline: Deadline,
    report: &mut Report,
) -> Result<Vec<ShardHit>, GatewayError> {
    let request = request(query, options)?;
    ask(cluster, (query, request), deadline, report).await
}

/// Finds the ids of the `options.depth` best profiles by a query without what was added to
/// it; none when it then says nothing about any facet that has weight. Fails with what to
/// tell, also when a part of the pool is missing.
pub(crate) async fn search_without(
    cluster: &Cluster,
    query: &Query,
    options: &Options,
    deadline: Deadline,
) -> Result<Vec<String>, String> {
    let facets = facets(query, options, None);
    if facets.is_empty() {
        return Ok(Vec::new());
    }
    let request = v1::SearchRequest {
        parts: None,
        ..with_facets(query, options, facets)
    };
    let mut report = Report::default();
    let hits = ask(cluster, (query, request), deadline, &mut report).await;
    let hits = hits.map_err(|error| error.to_string())?;
    match report.first_problem() {
        Some(problem) => Err(problem.to_owned()),
        None => Ok(hits.into_iter().map(|hit| hit.id).collect()),
    }
}

/// Asks every shard for as many profiles as the request says, and merges.
async fn ask(
    cluster: &Cluster,
    (query, request): (&Query, v1::SearchRequest),
    deadline: Deadline,
    report: &mut Report,
) -> Result<Vec<ShardHit>, GatewayError> {
    let depth = usize::try_from(request.k).unwrap_or(usize::MAX);
    let known = cluster.known_encoder();
    let encoder = query.encoder.as_deref().or(known.as_deref());
    let calls = (0..cluster.shards.len())
        .map(|shard| search_shard(cluster, shard, (request.clone(), encoder), deadline));
    let (mut answers, mut failures) = (Vec::new(), Vec::new());
    for (shard, answer) in join_all(calls).await.into_iter().enumerate() {
        match answer {
            Ok(answer) => {
                report.shard(shard, answer.statistics);
                answers.push((shard, answer.hits));
            }
            Err(error) if error.code == ErrorCode::InvalidArgument => {
                return Err(GatewayError::Refused(error));
            }
            Err(error) => failures.push(error),
        }
    }
    let refused = |error: &CallError| error.code == ErrorCode::FailedPrecondition;
    let is_mismatch = cluster.embedders.len() > 1 && failures.iter().any(refused);
    if answers.is_empty() || (is_mismatch && cluster.settle(deadline).await) {
        return Err(no_shard(failures));
    }
    for error in failures {
        report.degraded("search", missing_part(&error, cluster.shards.len()));
    }
    let placement = cluster.placement;
    let work = move || {
        let hits = answers
            .into_iter()
            .map(|(shard, hits)| read_hits(shard, hits));
        let hits = hits.collect::<Result<Vec<_>, _>>()?;
        Ok(merge(hits, depth, |id| placement.shard_of(id)))
    };
    let merged: Result<Vec<ShardHit>, &str> = cluster.pool.run(work).await?;
    let hits = merged.map_err(|problem| GatewayError::Protocol {
        service: "index",
        problem: problem.to_owned(),
    })?;
    report.retrieval(cluster.shards.len(), hits.len());
    Ok(hits)
}

fn read_hits(shard: usize, hits: Vec<v1::SearchHit>) -> Result<Vec<ShardHit>, &'static str> {
    hits.into_iter()
        .map(|hit| ShardHit::read(shard, hit))
        .collect()
}

async fn search_shard(
    cluster: &Cluster,
    shard: usize,
    (request, encoder): (v1::SearchRequest, Option<&Encoder>),
    deadline: Deadline,
) -> Result<v1::SearchResponse, CallError> {
    if let Some(encoder) = encoder {
        cluster.prepare(shard, encoder, deadline).await?;
    }
    cluster.shards[shard].search(request, deadline).await
}

/// Builds the request: one query for each facet that has weight and that the
/// query knows something about.
fn request(query: &Query, options: &Options) -> Result<v1::SearchRequest, GatewayError> {
    let facets = facets(query, options, query.expansion());
    if facets.is_empty() {
        let names: Vec<&str> = options.weights.keys().map(|facet| facet.name()).collect();
        let reason = "says nothing about any facet that has weight";
        return Err(Violation::new("query", names.join(", "), reason).into());
    }
    let mut request = with_facets(query, options, facets);
    if query.expansion().is_some() {
        request.reported_facets = self::facets(query, options, None);
    }
    Ok(request)
}

/// Returns what is asked of each facet that has weight and about which something is known:
/// by the query, and by what is added to it.
fn facets(
    query: &Query,
    options: &Options,
    additions: Option<&Additions>,
) -> BTreeMap<String, v1::FacetQuery> {
    let weights = options.weights.iter();
    let asked = weights.filter_map(|(facet, weight)| {
        let mut asked = facet_query(query, *facet, additions)?;
        asked.weight = Some(*weight);
        Some((facet.name().to_owned(), asked))
    });
    asked.collect()
}

fn with_facets(
    query: &Query,
    options: &Options,
    facets: BTreeMap<String, v1::FacetQuery>,
) -> v1::SearchRequest {
    let is_encoded = |facet: &Facet| matches!(facet, Facet::Text | Facet::Skills);
    let added = query.expansion().and_then(|added| added.skills.as_ref());
    let encoded = added.is_some() || query.vectors.keys().any(is_encoded);
    let encoder = query.encoder.as_ref().filter(|_| encoded);
    v1::SearchRequest {
        collection: collection(query.kind.other()).to_owned(),
        facets,
        filter: options.filter.clone(),
        k: u32::try_from(options.depth).unwrap_or(u32::MAX),
        ef: 0,
        exact: options.exact,
        fusion: options.fusion.into(),
        parts: Some(v1::PointParts {
            summary: true,
            ..Default::default()
        }),
        model_fingerprint: encoder
            .map(|encoder| encoder.version.fingerprint.clone())
            .unwrap_or_default(),
        ..Default::default()
    }
}

fn facet_query(
    query: &Query,
    facet: Facet,
    additions: Option<&Additions>,
) -> Option<v1::FacetQuery> {
    use v1::facet_query::Query as Wire;
    let (asked, added) = match facet {
        Facet::Words => {
            let added = additions.map(Additions::words).unwrap_or_default();
            (Wire::Words(query.words.clone()?), added)
        }
        Facet::Text
        | Facet::Skills
        | Facet::Occupation
        | Facet::Geography
        | Facet::Seniority
        | Facet::Languages => {
            let asked = query.vectors.get(&facet);
            let values = match additions.filter(|_| facet == Facet::Skills) {
                Some(additions) => additions.widen(asked)?,
                None => asked?.clone(),
            };
            (Wire::Vector(v1::Vector { values }), Vec::new())
        }
    };
    Some(v1::FacetQuery {
        query: Some(asked),
        added,
        weight: None,
    })
}

fn missing_part(error: &CallError, shards: usize) -> String {
    let part = 100 / shards.max(1);
    format!("{error}; its part of the pool, about {part} %, is missing from the answer")
}

/// Chooses the failure to report when no shard answered: one that a retry does
/// not mend says more than one that it may.
fn no_shard(failures: Vec<CallError>) -> GatewayError {
    let shards = failures.len();
    let weight = |error: &CallError| match error.code {
        ErrorCode::Internal | ErrorCode::InvalidArgument => 4,
        ErrorCode::FailedPrecondition | ErrorCode::NotFound => 3,
        ErrorCode::ResourceExhausted => 2,
        ErrorCode::Unavailable => 1,
        ErrorCode::DeadlineExceeded => 0,
    };
    match failures.into_iter().max_by_key(weight) {
        Some(cause) => GatewayError::NoShard { shards, cause },
        None => GatewayError::Protocol {
            service: "gateway",
            problem: "there is no shard to ask".to_owned(),
        },
    }
}
