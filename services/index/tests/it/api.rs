//! What each call answers.

use tonic::Code;
use vivier_proto::v1;

use crate::support::*;

pub(crate) async fn filled(served: &mut Served) {
    assert!(create(&mut served.client, people()).await.unwrap());
    let points = vec![
        point("a", [1.0, 0.0], "Rust and search engines"),
        point("b", [0.5, 0.5], "rust"),
        point("c", [0.0, 1.0], "cooking"),
    ];
    upsert(&mut served.client, vec![upsert_request(points)])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_found_explained_paged_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    filled(&mut served).await;
    let client = &mut served.client;
    assert!(
        !create(client, people()).await.unwrap(),
        "a second time changes nothing"
    );

    let mut request = search_request(10);
    request.parts = Some(v1::PointParts {
        summary: true,
        ..v1::PointParts::default()
    });
    let found = search(client, request).await.unwrap();
    assert_eq!(ids(&found), ["a", "b", "c"]);
    for hit in &found.hits {
        let sum: f32 = hit.facet_scores.values().sum();
        assert_eq!(sum.to_bits(), hit.score.to_bits(), "parts sum to the score");
        let point = hit.point.as_ref().unwrap();
        assert_eq!(point.summary, format!("summary of {}", point.id));
        assert!(point.document.is_empty() && point.payload.is_empty());
    }
    let statistics = found.statistics.unwrap();
    assert_eq!(statistics.plan(), v1::SearchPlan::Exact);
    assert_eq!(
        (statistics.points, statistics.matching, statistics.scored),
        (3, 3, 3)
    );

    explanations_sum(client, found.hits[0].facet_scores["words"] / 0.5).await;

    let answers = upsert(
        client,
        vec![
            upsert_request(vec![
                point("d", [0.9, 0.0], "new"),
                point("c", [2.0, 0.0], "again"),
            ]),
            upsert_request(vec![]),
        ],
    );
    let answers = answers.await.unwrap();
    assert_eq!((answers[0].inserted, answers[0].replaced), (1, 1));
    assert_eq!(answers[1].sequence, answers[0].sequence);
    assert_eq!(
        ids(&search(client, search_request(1)).await.unwrap()),
        ["c"]
    );

    assert_eq!(delete(client, &["c", "absent"]).await.unwrap(), 1);
    assert_eq!(
        ids(&search(client, search_request(9)).await.unwrap()),
        ["a", "d", "b"]
    );
    let all = scroll(client, 2).await;
    assert_eq!(
        all.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(),
        ["a", "b", "d"]
    );
    let mut wanted = point("a", [1.0, 0.0], "Rust and search engines");
    wanted.words.clear();
    assert_eq!(all[0], wanted, "a point comes back whole, its words aside");

    let request = v1::GetRequest {
        collection: "people".to_owned(),
        ids: ["d", "absent", "a"].map(str::to_owned).to_vec(),
        parts: None,
    };
    let got = client.get(request).await.unwrap().into_inner().points;
    assert_eq!(
        got.iter()
            .map(|p| (p.id.as_str(), p.revision.as_ref()))
            .collect::<Vec<_>>(),
        [("d", b"r1".as_slice()), ("a", b"r1".as_slice())]
    );
    let stats = client
        .get_stats(v1::GetStatsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((stats.sequence, stats.collections[0].points), (4, 3));
    assert!(stats.log_bytes > 0 && stats.collections[0].vector_bytes > 0);
    served.stop().await;
}

async fn explanations_sum(client: &mut Client, words_score: f32) {
    let request = v1::ExplainWordsRequest {
        collection: "people".to_owned(),
        facet: "words".to_owned(),
        query: Some(words("SEARCHING in Rust, with rust; nowhere", "en")),
        ids: ["a", "absent", "c"].map(str::to_owned).to_vec(),
        max_terms: 5,
    };
    let matches = client
        .explain_words(request)
        .await
        .unwrap()
        .into_inner()
        .matches;
    let shown: Vec<_> = matches[0].words.iter().map(|m| m.word.as_str()).collect();
    assert_eq!(shown, ["SEARCHING", "Rust"], "best first, as written");
    let sum: f32 = matches[0].words.iter().map(|m| m.score).sum();
    assert!((sum - words_score).abs() < 1e-6, "{sum} {words_score}");
    assert_eq!(
        (
            matches[1].id.as_str(),
            matches[1].words.len(),
            matches[2].words.len()
        ),
        ("absent", 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_weights_and_fusion_are_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    filled(&mut served).await;
    let client = &mut served.client;
    let condition = |column: &str, test| v1::Filter {
        node: Some(v1::filter::Node::Condition(v1::Condition {
            column: column.to_owned(),
            test: Some(test),
        })),
    };
    let pooled = condition(
        "status",
        v1::condition::Test::In(strings(&["pooled", "hired"])),
    );
    let mut request = search_request(2);
    request.filter = Some(pooled.clone());
    let found = search(client, request.clone()).await.unwrap();
    assert_eq!(
        found.statistics.unwrap().plan(),
        v1::SearchPlan::FilteredScan
    );
    assert_eq!(ids(&found), ["a", "b"]);
    request.filter = Some(v1::Filter {
        node: Some(v1::filter::Node::Not(Box::new(pooled))),
    });
    assert!(
        search(client, request.clone())
            .await
            .unwrap()
            .hits
            .is_empty()
    );
    request.filter = Some(condition("region", v1::condition::Test::Missing(true)));
    assert_eq!(search(client, request).await.unwrap().hits.len(), 2);

    let mut request = search_request(3);
    request.facets.get_mut("text").unwrap().weight = Some(0.0);
    let found = search(client, request).await.unwrap();
    assert!(found.hits.iter().all(|hit| hit.facet_scores["text"] == 0.0));
    assert_eq!(ids(&found), ["a", "b", "c"]);
    let mut request = search_request(3);
    request.set_fusion(v1::Fusion::Rrf);
    let found = search(client, request).await.unwrap();
    assert!(
        (found.hits[0].score - 2.0 / 61.0).abs() < 1e-6,
        "first in both orders"
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_without_facets_stores_documents() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    let client = &mut served.client;
    let mut spec = people();
    spec.facets.clear();
    spec.model_fingerprint.clear();
    assert!(create(client, spec).await.unwrap());
    let mut document = point("v", [0.0, 0.0], "");
    document.vectors.clear();
    document.words.clear();
    let mut request = upsert_request(vec![document.clone()]);
    request.model_fingerprint.clear();
    upsert(client, vec![request]).await.unwrap();
    assert_eq!(scroll(client, 10).await, [document]);
    refused(
        search(client, search_request(1)).await,
        Code::FailedPrecondition,
        &["facets[\"text\"]", "people"],
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_default_weights_are_no_other_collection() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    let client = &mut served.client;
    assert!(create(client, people()).await.unwrap());
    let mut reweighed = people();
    reweighed.facets[0].default_weight = 7.0;
    assert!(!create(client, reweighed).await.unwrap());
    served.stop().await;
}

#[tokio::test]
async fn real_searches_are_compared_with_exact_ones() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.segments.seal_points = 2_000;
    config.graph.scan_points = 1;
    config.graph.recall_share = 1.0;
    let mut served = Served::start(config).await;
    let client = &mut served.client;
    create(client, people()).await.unwrap();
    assert_eq!(
        stats(client).await.collections[0].recall.unwrap().searches,
        0
    );
    let angle = |number: u16| f32::from(number) / 500.0;
    let points = (0..2_000).map(|number| {
        let text = [angle(number).cos(), angle(number).sin()];
        point(&format!("{number:05}"), text, "rust")
    });
    let points: Vec<v1::Point> = points.collect();
    let requests = points.chunks(500).map(|lot| upsert_request(lot.to_vec()));
    upsert(client, requests.collect()).await.unwrap();
    sealed(client, 2_000).await;
    // One search is compared at a time, so others may have to come for the next.
    let reading = loop {
        let found = search(client, search_request(5)).await.unwrap();
        assert_eq!(found.hits.len(), 5);
        let reading = stats(client).await.collections[0].recall.unwrap();
        if reading.searches >= 2 {
            break reading;
        }
    };
    assert!(
        reading.lowest > 0.9 && reading.lowest <= reading.mean,
        "{reading:?}"
    );
    assert!(reading.mean <= 1.0, "{reading:?}");
    served.stop().await;
}
