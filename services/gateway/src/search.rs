//! Asks every shard and merges what they answer.

use std::collections::BTreeMap;

use futures::future::join_all;
use vivier_proto::v1;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::{Facet, Violation};

use crate::cluster::{Cluster, Encoder, collection};
use crate::error::{CallError, GatewayError};
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
    let (placement, depth) = (cluster.placement, options.depth);
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
    let facets: BTreeMap<String, v1::FacetQuery> = options
        .weights
        .iter()
        .filter_map(|(facet, weight)| {
            let query = facet_query(query, *facet)?;
            let facet_query = v1::FacetQuery {
                query: Some(query),
                weight: Some(*weight),
            };
            Some((facet.name().to_owned(), facet_query))
        })
        .collect();
    if facets.is_empty() {
        let names: Vec<&str> = options.weights.keys().map(|facet| facet.name()).collect();
        let reason = "says nothing about any facet that has weight";
        return Err(Violation::new("query", names.join(", "), reason).into());
    }
    let encoded = query
        .vectors
        .keys()
        .any(|facet| matches!(facet, Facet::Text | Facet::Skills));
    let encoder = query.encoder.as_ref().filter(|_| encoded);
    Ok(v1::SearchRequest {
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
    })
}

fn facet_query(query: &Query, facet: Facet) -> Option<v1::facet_query::Query> {
    match facet {
        Facet::Words => query.words.clone().map(v1::facet_query::Query::Words),
        Facet::Text
        | Facet::Skills
        | Facet::Occupation
        | Facet::Geography
        | Facet::Seniority
        | Facet::Languages => {
            let values = query.vectors.get(&facet)?.clone();
            Some(v1::facet_query::Query::Vector(v1::Vector { values }))
        }
    }
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
