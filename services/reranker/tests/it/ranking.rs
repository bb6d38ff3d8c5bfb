//! What the answers hold.

use vivier_proto::v1;
use vivier_reranker::Config;

use crate::support::{candidate, request, skills, start};

fn ids(response: &v1::RerankResponse) -> Vec<&str> {
    response
        .results
        .iter()
        .map(|result| result.id.as_str())
        .collect()
}

#[tokio::test]
async fn facts_overtake_retrieval_and_ties_keep_its_order() {
    let mut running = start(Config::default()).await;
    let list = vec![
        candidate("none", 0.50, &["Cooking"]),
        candidate("tie one", 0.45, &["rust"]),
        candidate("tie two", 0.45, &["sql"]),
        candidate("both", 0.40, &["SQL", "Rust", "Go"]),
        candidate("unknown", 0.45, &[]),
    ];
    let response = running
        .client
        .rerank(request(list))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        ids(&response),
        ["both", "tie one", "tie two", "unknown", "none"]
    );
    assert!(
        response
            .results
            .is_sorted_by(|one, other| one.score >= other.score)
    );
    let ranks: Vec<u32> = response
        .results
        .iter()
        .map(|result| result.retrieval_rank)
        .collect();
    assert_eq!(ranks, [3, 1, 2, 4, 0]);
    assert_eq!(response.model.unwrap().name, "linear-v0");
    assert!(
        response
            .results
            .iter()
            .all(|result| result.features.is_empty() && result.reasons.is_empty())
    );
    running.stop().await;
}

#[tokio::test]
async fn top_k_cuts_and_explanations_sum_to_the_score() {
    let mut running = start(Config::default()).await;
    let list = vec![
        candidate("a", 0.3, &["Rust"]),
        candidate("b", 0.6, &["Rust", "SQL"]),
        candidate("c", 0.2, &[]),
    ];
    let asked = v1::RerankRequest {
        top_k: 2,
        explain: true,
        model: "linear-v0".to_owned(),
        ..request(list)
    };
    let response = running.client.rerank(asked).await.unwrap().into_inner();
    assert_eq!(ids(&response), ["b", "a"]);
    for result in &response.results {
        let sum = result
            .features
            .iter()
            .fold(0.0_f32, |sum, part| sum + part.contribution);
        assert_eq!(sum.to_bits(), result.score.to_bits());
        assert_eq!(result.features.len(), 28);
        let unknown = result
            .features
            .iter()
            .find(|part| part.name == "location_fit")
            .unwrap();
        assert_eq!((unknown.value, unknown.contribution), (None, 0.0));
    }
    let reasons = &response.results[1].reasons;
    assert_eq!(reasons[0].topic, "facet_text");
    assert_eq!(
        reasons[1].text,
        "Has 1 of 2 required skills: Rust. Missing: SQL."
    );
    assert_eq!(reasons[1].topic, "skill_overlap");
    assert_eq!(reasons[1].polarity(), v1::Polarity::For);
    assert_eq!(reasons[1].evidence, ["Rust"]);
    running.stop().await;
}

#[tokio::test]
async fn vacancies_are_ranked_for_a_candidate() {
    let mut running = start(Config::default()).await;
    let list = vec![
        candidate("cook", 0.4, &["Baking", "Wine"]),
        candidate("dev", 0.4, &["Rust", "SQL"]),
    ];
    let asked = v1::RerankRequest {
        query_kind: v1::ProfileKind::Candidate.into(),
        query: Some(v1::Summary {
            skills: skills(&["rust"]),
            ..Default::default()
        }),
        explain: true,
        ..request(list)
    };
    let response = running.client.rerank(asked).await.unwrap().into_inner();
    assert_eq!(ids(&response), ["dev", "cook"]);
    let texts: Vec<&str> = response.results[0]
        .reasons
        .iter()
        .map(|reason| reason.text.as_str())
        .collect();
    assert!(
        texts.contains(&"Has 1 of 2 required skills: Rust. Missing: SQL."),
        "{texts:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn an_empty_list_is_answered_and_info_names_the_limits() {
    let mut running = start(Config {
        max_candidates: 7,
        ..Config::default()
    })
    .await;
    let response = running
        .client
        .rerank(request(Vec::new()))
        .await
        .unwrap()
        .into_inner();
    assert!(response.results.is_empty());
    let info = running
        .client
        .get_info(v1::RerankerServiceGetInfoRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!(
        (info.default_model.as_str(), info.max_candidates),
        ("linear-v0", 7)
    );
    assert_eq!(info.models[0].fingerprint.len(), 64);
    assert_eq!(response.model.unwrap(), info.models[0]);
    running.stop().await;
}
