//! Adds to each result the words that matched.

use std::collections::BTreeMap;

use futures::future::join_all;
use vivier_features::{Feature, ReasonLanguage, shared_words_sentence};
use vivier_proto::v1;
use vivier_runtime::Deadline;
use vivier_types::Facet;

use crate::cluster::{Cluster, collection};
use crate::query::Query;
use crate::report::Report;

/// The words that matched, by result.
#[derive(Default)]
pub(crate) struct Words {
    of: BTreeMap<String, Vec<v1::WordMatch>>,
    problems: Vec<String>,
}

/// Asks the shards which words of the query, if any, matched the results. `shard_of` gives
/// the shard from which each result came.
pub(crate) async fn matched_words(
    cluster: &Cluster,
    query: Option<&Query>,
    shard_of: &BTreeMap<String, usize>,
    (results, deadline): (&[v1::MatchResult], Deadline),
) -> Words {
    let mut found = Words::default();
    let asked = query.and_then(|query| Some((query, query.words.as_ref()?)));
    let Some((query, words)) = asked else {
        return found;
    };
    let mut ids: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for result in results {
        if let Some(shard) = shard_of.get(&result.id) {
            ids.entry(*shard).or_default().push(result.id.clone());
        }
    }
    let calls = ids.into_iter().map(|(shard, ids)| {
        let request = v1::ExplainWordsRequest {
            collection: collection(query.kind.other()).to_owned(),
            facet: Facet::Words.name().to_owned(),
            query: Some(words.clone()),
            ids,
            max_terms: cluster.config.max_words,
        };
        cluster.shards[shard].explain_words(request, deadline)
    });
    for answer in join_all(calls).await {
        match answer {
            Ok(matches) => {
                let matches = matches.into_iter();
                found.of.extend(matches.map(|one| (one.id, one.words)));
            }
            Err(error) => found.problems.push(error.to_string()),
        }
    }
    found
}

/// Adds the words to the results as evidence. A shard that did not answer costs its
/// results their words, and is reported.
pub(crate) fn add_words(
    results: &mut [v1::MatchResult],
    words: Words,
    (language, report): (ReasonLanguage, &mut Report),
) {
    let Words { mut of, problems } = words;
    for problem in problems {
        report.degraded("explain", format!("{problem}; matched words are missing"));
    }
    for result in results {
        if let Some(words) = of.remove(&result.id) {
            add_to(result, words, language);
        }
    }
}

/// Adds matched words to a result: to the reason about words when there is one,
/// else as a reason of its own, at the place that its part of the score gives.
fn add_to(result: &mut v1::MatchResult, words: Vec<v1::WordMatch>, language: ReasonLanguage) {
    if words.is_empty() {
        return;
    }
    let evidence: Vec<String> = words.into_iter().map(|one| one.word).collect();
    let name = Feature::FacetWords.name();
    if let Some(reason) = result
        .reasons
        .iter_mut()
        .find(|reason| reason.topic == name)
    {
        reason.evidence = evidence;
        return;
    }
    let strength = |topic: &str| {
        let feature = result.features.iter().find(|feature| feature.name == topic);
        feature.map_or(0.0, |feature| feature.contribution.abs())
    };
    let own = strength(name);
    let place = result
        .reasons
        .iter()
        .position(|reason| strength(&reason.topic) < own);
    let reason = v1::Reason {
        topic: name.to_owned(),
        text: shared_words_sentence(&evidence, language),
        polarity: v1::Polarity::For.into(),
        evidence,
        skills: Vec::new(),
    };
    result
        .reasons
        .insert(place.unwrap_or(result.reasons.len()), reason);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feature(name: &str, contribution: f32) -> v1::FeatureContribution {
        v1::FeatureContribution {
            name: name.to_owned(),
            value: None,
            contribution,
        }
    }

    fn reason(topic: &str) -> v1::Reason {
        v1::Reason {
            topic: topic.to_owned(),
            ..Default::default()
        }
    }

    fn words(words: &[&str]) -> Vec<v1::WordMatch> {
        words
            .iter()
            .map(|word| v1::WordMatch {
                word: (*word).to_owned(),
                score: 1.0,
            })
            .collect()
    }

    #[test]
    fn words_stand_where_their_part_of_the_score_puts_them() {
        let mut result = v1::MatchResult {
            features: vec![
                feature("facet_text", 0.9),
                feature("facet_words", 0.5),
                feature("distance", -0.2),
            ],
            reasons: vec![reason("facet_text"), reason("distance")],
            ..Default::default()
        };
        add_to(
            &mut result,
            words(&["cook", "kitchen"]),
            ReasonLanguage::English,
        );
        let topics: Vec<&str> = result
            .reasons
            .iter()
            .map(|reason| reason.topic.as_str())
            .collect();
        assert_eq!(topics, ["facet_text", "facet_words", "distance"]);
        assert_eq!(result.reasons[1].evidence, ["cook", "kitchen"]);
        assert_eq!(result.reasons[1].text, "Shares words: cook, kitchen.");
    }

    #[test]
    fn a_reason_about_words_gets_the_evidence() {
        let mut result = v1::MatchResult {
            reasons: vec![reason("facet_words")],
            ..Default::default()
        };
        add_to(&mut result, words(&["cook"]), ReasonLanguage::English);
        assert_eq!(result.reasons.len(), 1);
        assert_eq!(result.reasons[0].evidence, ["cook"]);
        add_to(&mut result, Vec::new(), ReasonLanguage::English);
        assert_eq!(result.reasons[0].evidence, ["cook"]);
    }
}
