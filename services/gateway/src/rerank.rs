//! Orders the retrieved profiles by the reranker, or keeps their order when it
//! does not answer.

use std::collections::BTreeMap;

use prost::Message;
use vivier_features::Feature;
use vivier_proto::v1;
use vivier_runtime::Deadline;
use vivier_types::{Facet, FacetWeights, ProfileKind};

use crate::cluster::Cluster;
use crate::merge::ShardHit;
use crate::options::Options;
use crate::query::Query;
use crate::report::Report;

/// Returns the `options.k` best of `retrieved`, by the reranker unless it is
/// skipped or does not answer; then in retrieval order, and the report says so.
pub(crate) async fn rank(
    cluster: &Cluster,
    query: &Query,
    options: &Options,
    retrieved: Vec<ShardHit>,
    context: (Deadline, &mut Report),
) -> Vec<v1::MatchResult> {
    let (deadline, report) = context;
    if options.skip_rerank || retrieved.is_empty() {
        return in_retrieval_order(&retrieved, options);
    }
    let limit = cluster
        .rerank_limit()
        .unwrap_or(usize::MAX)
        .min(retrieved.len());
    let request = request(query, &retrieved[..limit], options);
    let response = match cluster.reranker.rerank(request, deadline).await {
        Ok(response) => response,
        Err(error) => {
            report.degraded("rerank", format!("{error}; results are in retrieval order"));
            return in_retrieval_order(&retrieved, options);
        }
    };
    let model = response.model.clone();
    let Some(mut results) = read_results(response, &retrieved[..limit], options) else {
        let text = "reranker: its answer does not fit the request; results are in retrieval order";
        report.degraded("rerank", text.to_owned());
        return in_retrieval_order(&retrieved, options);
    };
    model.iter().for_each(|model| report.model(model));
    if limit < retrieved.len() {
        let text = format!(
            "reranker: it takes {limit} profiles, so the other {} keep their order behind these",
            retrieved.len() - limit
        );
        report.degraded("rerank", text);
        let missing = options.k.saturating_sub(results.len());
        let rest = retrieved.iter().enumerate().skip(limit).take(missing);
        results.extend(rest.map(|(place, one)| plain_result(place, one, options)));
    }
    number(&mut results);
    results
}

/// Hands the summaries on as they came, with the scores of what was asked: additions to the
/// query have no part in what is compared. A sum of ranks has no such part.
fn request(query: &Query, retrieved: &[ShardHit], options: &Options) -> v1::RerankRequest {
    let candidates = retrieved
        .iter()
        .map(|one| {
            let (score, parts) = match query.expansion() {
                None => (one.score, &one.facet_scores),
                Some(_) if options.fusion == v1::Fusion::Rrf => (one.score, &one.asked_scores),
                Some(_) => (one.asked_scores.values().sum(), &one.asked_scores),
            };
            v1::RerankCandidate {
                summary: one.summary.clone(),
                retrieval_score: score,
                facet_scores: unweighted(parts, &options.weights),
            }
        })
        .collect();
    let query_kind = match query.kind {
        ProfileKind::Candidate => v1::ProfileKind::Candidate,
        ProfileKind::Vacancy => v1::ProfileKind::Vacancy,
    };
    v1::RerankRequest {
        model: String::new(),
        query_kind: query_kind.into(),
        query: Some(query.summary.clone()),
        candidates,
        top_k: u32::try_from(options.k).unwrap_or(u32::MAX),
        explain: options.explain,
        lang: query.reason_language(options.lang).code().to_owned(),
    }
}

/// Divides each facet's part of a score by its weight.
fn unweighted(parts: &BTreeMap<String, f32>, weights: &FacetWeights) -> BTreeMap<String, f32> {
    let divide = |(name, part): (&String, &f32)| {
        let weight = weights.get(&Facet::from_name(name)?)?;
        Some((name.clone(), part / weight))
    };
    parts.iter().filter_map(divide).collect()
}

/// Joins the reranker's order with what the retrieval knows; `None` when a
/// result points nowhere, comes twice, or has no finite score.
fn read_results(
    response: v1::RerankResponse,
    retrieved: &[ShardHit],
    options: &Options,
) -> Option<Vec<v1::MatchResult>> {
    let expected = options.k.min(retrieved.len());
    if response.results.len() != expected {
        return None;
    }
    let mut seen = vec![false; retrieved.len()];
    let mut results = Vec::with_capacity(expected);
    for result in response.results {
        let place = usize::try_from(result.retrieval_rank).ok()?;
        let one = retrieved.get(place).filter(|one| one.id == result.id)?;
        if std::mem::replace(&mut seen[place], true) || !result.score.is_finite() {
            return None;
        }
        results.push(v1::MatchResult {
            score: result.score,
            features: result.features,
            reasons: result.reasons,
            completeness_error: result.completeness_error,
            ..bare_result(place, one)
        });
    }
    Some(results)
}

fn in_retrieval_order(retrieved: &[ShardHit], options: &Options) -> Vec<v1::MatchResult> {
    let first = retrieved.iter().enumerate().take(options.k);
    let mut results: Vec<v1::MatchResult> = first
        .map(|(place, one)| plain_result(place, one, options))
        .collect();
    number(&mut results);
    results
}

/// Makes the result of a profile whose score is that of the retrieval. Its
/// features are the facets, whose parts sum to the score; ranks that were fused
/// have no parts.
fn plain_result(place: usize, one: &ShardHit, options: &Options) -> v1::MatchResult {
    let mut result = bare_result(place, one);
    if options.explain && options.fusion == v1::Fusion::Sum {
        let values = unweighted(&one.facet_scores, &options.weights);
        result.features = one
            .facet_scores
            .iter()
            .map(|(name, part)| v1::FeatureContribution {
                name: feature_name(name),
                value: values.get(name).copied(),
                contribution: *part,
            })
            .collect();
    }
    result
}

/// Returns the name of the feature that carries a facet's score, as the
/// reranker names it.
fn feature_name(facet: &str) -> String {
    Facet::from_name(facet)
        .map_or(facet, |facet| Feature::of_facet(facet).name())
        .to_owned()
}

fn bare_result(place: usize, one: &ShardHit) -> v1::MatchResult {
    v1::MatchResult {
        id: one.id.clone(),
        rank: 0,
        score: one.score,
        retrieval_score: one.score,
        retrieval_rank: u32::try_from(place).map_or(u32::MAX, |place| place.saturating_add(1)),
        facet_scores: one.facet_scores.clone(),
        summary: v1::Summary::decode(one.summary.clone()).ok(),
        features: Vec::new(),
        reasons: Vec::new(),
        completeness_error: 0.0,
        unexpanded_rank: None,
    }
}

fn number(results: &mut [v1::MatchResult]) {
    for (rank, result) in (1..).zip(results) {
        result.rank = rank;
    }
}

#[cfg(test)]
mod tests {
    use vivier_types::ProfileKind;

    use super::*;
    use crate::config::Config;

    fn options(wire: v1::MatchOptions) -> Options {
        Options::check(
            wire,
            ProfileKind::Vacancy,
            &Config::default(),
            crate::options::today(),
        )
        .unwrap()
    }

    fn retrieved(ids: &[&str]) -> Vec<ShardHit> {
        let make = |id: &&str| ShardHit {
            shard: 0,
            id: (*id).to_owned(),
            score: 0.75,
            facet_scores: [("text".to_owned(), 0.5), ("skills".to_owned(), 0.25)].into(),
            asked_scores: BTreeMap::new(),
            summary: prost::bytes::Bytes::new(),
        };
        ids.iter().map(make).collect()
    }

    fn answer(results: &[(&str, u32)]) -> v1::RerankResponse {
        let results = results
            .iter()
            .map(|(id, retrieval_rank)| v1::RerankResult {
                id: (*id).to_owned(),
                retrieval_rank: *retrieval_rank,
                score: 1.0,
                ..Default::default()
            })
            .collect();
        v1::RerankResponse {
            results,
            ..Default::default()
        }
    }

    #[test]
    fn parts_are_divided_by_their_weights() {
        let values = unweighted(
            &retrieved(&["a"])[0].facet_scores,
            &options(v1::MatchOptions::default()).weights,
        );
        assert_eq!(
            values,
            [("text".to_owned(), 0.5), ("skills".to_owned(), 0.5)].into()
        );
    }

    #[test]
    fn the_features_of_a_plain_result_sum_to_its_score() {
        let options = options(v1::MatchOptions {
            explain: true,
            ..Default::default()
        });
        let results = in_retrieval_order(&retrieved(&["a", "b"]), &options);
        assert_eq!(results[1].rank, 2);
        for result in results {
            let sum: f32 = result
                .features
                .iter()
                .map(|feature| feature.contribution)
                .sum();
            assert!((sum - result.score).abs() < 1e-6);
        }
    }

    #[test]
    fn an_answer_that_does_not_fit_is_not_used() {
        let options = options(v1::MatchOptions {
            k: Some(2),
            ..Default::default()
        });
        let retrieved = retrieved(&["a", "b", "c"]);
        let read = |results: &[(&str, u32)]| read_results(answer(results), &retrieved, &options);
        let good = read(&[("c", 2), ("a", 0)]).unwrap();
        assert_eq!(good[0].retrieval_rank, 3);
        assert!(read(&[("c", 2)]).is_none(), "too few");
        assert!(read(&[("c", 1), ("a", 0)]).is_none(), "wrong place");
        assert!(read(&[("c", 3), ("a", 0)]).is_none(), "outside");
        assert!(read(&[("a", 0), ("a", 0)]).is_none(), "twice");
    }
}
