//! Searches and their answers.

use std::collections::BTreeMap;

use vivier_proto::v1;

use super::{count, filter, missing, parts, point_message, size, words};
use crate::config::IndexLimits;
use crate::error::IndexError;
use crate::model::AddedWords;
use crate::search::{FacetInput, Fusion, Plan};
use crate::service::{AskedInputs, SearchAnswer, SearchRequest};

/// Reads a search.
pub(crate) fn search(
    message: v1::SearchRequest,
    limits: &IndexLimits,
) -> Result<SearchRequest, IndexError> {
    let fusion = match v1::Fusion::try_from(message.fusion) {
        Ok(v1::Fusion::Unspecified | v1::Fusion::Sum) => Fusion::Sum,
        Ok(v1::Fusion::Rrf) => Fusion::Rrf,
        Err(_) => return Err(IndexError::invalid("fusion", message.fusion, "is unknown")),
    };
    Ok(SearchRequest {
        collection: message.collection,
        facets: inputs("facets", message.facets)?,
        reported: inputs("reported_facets", message.reported_facets)?,
        filter: filter(message.filter, limits)?,
        k: size(message.k),
        ef: size(message.ef),
        exact: message.exact,
        fusion,
        parts: parts(message.parts),
        model_fingerprint: message.model_fingerprint,
    })
}

/// Reads what is asked of facets in a field.
fn inputs(
    field: &str,
    messages: BTreeMap<String, v1::FacetQuery>,
) -> Result<AskedInputs, IndexError> {
    let mut inputs = AskedInputs::new();
    for (name, facet) in messages {
        let path = format!("{field}[{name:?}]");
        let added = facet.added;
        let input = match facet.query {
            Some(v1::facet_query::Query::Words(message)) => {
                let added = added.into_iter();
                let added =
                    added.map(|v1::AddedWords { text, weight }| AddedWords { text, weight });
                FacetInput::Words(words(message), added.collect())
            }
            Some(v1::facet_query::Query::Vector(_)) if !added.is_empty() => {
                let reason = "words are added to words, not to a vector";
                return Err(IndexError::invalid(
                    format!("{path}.added"),
                    added.len(),
                    reason,
                ));
            }
            Some(v1::facet_query::Query::Vector(vector)) => FacetInput::Vector(vector.values),
            None => return Err(missing(format!("{path}.query"))),
        };
        inputs.insert(name, (input, facet.weight));
    }
    Ok(inputs)
}

/// Writes the answer of a search.
pub(crate) fn search_message(answer: SearchAnswer) -> v1::SearchResponse {
    let plan = match answer.plan {
        Plan::Exact => v1::SearchPlan::Exact,
        Plan::Graph => v1::SearchPlan::Graph,
        Plan::FilteredScan => v1::SearchPlan::FilteredScan,
        Plan::FilteredGraph => v1::SearchPlan::FilteredGraph,
    };
    let hits = answer.hits.into_iter().map(|(hit, record)| v1::SearchHit {
        point: Some(point_message(record)),
        score: hit.score,
        facet_scores: hit.parts.into_iter().collect(),
        reported_scores: hit.reported.into_iter().collect(),
    });
    v1::SearchResponse {
        hits: hits.collect(),
        statistics: Some(v1::SearchStatistics {
            plan: plan.into(),
            points: count(answer.points),
            // Without a filter every point passes.
            matching: count(answer.matching.unwrap_or(answer.points)),
            scored: count(answer.scored),
            seconds: answer.elapsed.as_secs_f64(),
        }),
    }
}
