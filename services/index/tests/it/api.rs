//! What each call answers, and how it refuses.

use tonic::Code;
use vivier_proto::v1;

use crate::support::*;

async fn filled(served: &mut Served) {
    assert!(create(&mut served.client, people()).await.unwrap());
    let points = vec![
        point("a", [1.0, 0.0], "Rust and search engines"),
        point("b", [0.5, 0.5], "rust"),
        point("c", [0.0, 1.0], "cooking"),
    ];
    upsert(&mut served.client, vec![upsert_request(points)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn points_are_found_explained_paged_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    filled(&mut served).await;
    let client = &mut served.client;
    assert!(!create(client, people()).await.unwrap(), "a second time changes nothing");

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
    assert_eq!((statistics.points, statistics.matching, statistics.scored), (3, 3, 3));

    explanations_sum(client, found.hits[0].facet_scores["words"] / 0.5).await;

    let answers = upsert(client, vec![
        upsert_request(vec![point("d", [0.9, 0.0], "new"), point("c", [2.0, 0.0], "again")]),
        upsert_request(vec![]),
    ]);
    let answers = answers.await.unwrap();
    assert_eq!((answers[0].inserted, answers[0].replaced), (1, 1));
    assert_eq!(answers[1].sequence, answers[0].sequence);
    assert_eq!(ids(&search(client, search_request(1)).await.unwrap()), ["c"]);

    assert_eq!(delete(client, &["c", "absent"]).await.unwrap(), 1);
    assert_eq!(ids(&search(client, search_request(9)).await.unwrap()), ["a", "d", "b"]);
    let all = scroll(client, 2).await;
    assert_eq!(all.iter().map(|p| p.id.as_str()).collect::<Vec<_>>(), ["a", "b", "d"]);
    let mut wanted = point("a", [1.0, 0.0], "Rust and search engines");
    wanted.words.clear();
    assert_eq!(all[0], wanted, "a point comes back whole, its words aside");

    let request = v1::GetRequest {
        collection: "people".to_owned(),
        ids: ["d", "absent", "a"].map(str::to_owned).to_vec(),
        parts: None,
    };
    let got = client.get(request).await.unwrap().into_inner().points;
    assert_eq!(got.iter().map(|p| (p.id.as_str(), p.revision.as_ref())).collect::<Vec<_>>(), [
        ("d", b"r1".as_slice()),
        ("a", b"r1".as_slice())
    ]);
    let stats = client.get_stats(v1::GetStatsRequest {}).await.unwrap().into_inner();
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
    let matches = client.explain_words(request).await.unwrap().into_inner().matches;
    let shown: Vec<_> = matches[0].words.iter().map(|m| m.word.as_str()).collect();
    assert_eq!(shown, ["SEARCHING", "Rust"], "best first, as written");
    let sum: f32 = matches[0].words.iter().map(|m| m.score).sum();
    assert!((sum - words_score).abs() < 1e-6, "{sum} {words_score}");
    assert_eq!((matches[1].id.as_str(), matches[1].words.len(), matches[2].words.len()), ("absent", 0, 0));
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
    let pooled = condition("status", v1::condition::Test::In(strings(&["pooled", "hired"])));
    let mut request = search_request(2);
    request.filter = Some(pooled.clone());
    let found = search(client, request.clone()).await.unwrap();
    assert_eq!(found.statistics.unwrap().plan(), v1::SearchPlan::FilteredScan);
    assert_eq!(ids(&found), ["a", "b"]);
    request.filter = Some(v1::Filter {
        node: Some(v1::filter::Node::Not(Box::new(pooled))),
    });
    assert!(search(client, request.clone()).await.unwrap().hits.is_empty());
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
    assert!((found.hits[0].score - 2.0 / 61.0).abs() < 1e-6, "first in both orders");
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
    refused(search(client, search_request(1)).await, Code::FailedPrecondition, &["facets[\"text\"]", "people"]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_collections_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    filled(&mut served).await;
    let client = &mut served.client;
    let with = |change: fn(&mut v1::CollectionSpec)| {
        let mut spec = people();
        change(&mut spec);
        spec
    };
    let invalid = Code::InvalidArgument;
    for (spec, code, names) in [
        (with(|s| s.name = "No Good".to_owned()), invalid, ["spec.name", "No Good"]),
        (with(|s| s.facets[0].name.clear()), invalid, ["spec.facets[\"\"]", "1 to 64"]),
        (with(|s| s.facets[1].name = "text".to_owned()), invalid, ["spec.facets[1].name", "twice"]),
        (with(|s| s.facets[0].kind = None), invalid, ["spec.facets[0].kind", "missing"]),
        (with(|s| s.facets[0].default_weight = -1.0), invalid, ["spec.facets[\"text\"].default_weight", "-1"]),
        (
            with(|s| s.facets[0].kind = Some(v1::facet_spec::Kind::Dense(v1::DenseFacet { dim: 5_000 }))),
            invalid,
            ["spec.facets[\"text\"].dense.dim", "4096"],
        ),
        (with(|s| s.model_fingerprint = "f2".to_owned()), Code::FailedPrecondition, ["\"f2\"", "\"f1\""]),
        (with(|s| drop(s.facets.pop())), Code::FailedPrecondition, ["spec.facets", "Dense(1)"]),
    ] {
        refused(create(client, spec).await, code, &names);
    }
    let absent = v1::CreateCollectionRequest { spec: None };
    refused(client.create_collection(absent).await, invalid, &["spec", "missing"]);
    let names = client.list_collections(v1::ListCollectionsRequest {}).await.unwrap().into_inner();
    assert_eq!(names.collections.len(), 1);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_points_are_refused_and_harm_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = config(folder.path());
    small.limits.max_points = 3;
    small.limits.max_text_bytes = 100;
    let mut served = Served::start(small).await;
    filled(&mut served).await;
    let client = &mut served.client;
    let with = |change: fn(&mut v1::Point)| {
        let mut bad = point("bad", [1.0, 0.0], "x");
        change(&mut bad);
        upsert_request(vec![point("good", [1.0, 0.0], "x"), bad])
    };
    let invalid = Code::InvalidArgument;
    let mismatch = Code::FailedPrecondition;
    for (request, code, names) in [
        (with(|p| p.id.clear()), invalid, ["points[1].id", "empty"]),
        (with(|p| p.id = "x".repeat(300)), invalid, ["points[1].id", "256"]),
        (with(|p| p.vectors.get_mut("text").unwrap().values = vec![1.0; 3]), mismatch, ["points[1].vectors[\"text\"]", "expected 2 values"]),
        (with(|p| p.vectors.get_mut("text").unwrap().values[1] = f32::NAN), invalid, ["points[1].vectors[\"text\"][1]", "finite"]),
        (with(|p| p.vectors.get_mut("text").unwrap().values[0] = 1e9), invalid, ["points[1].vectors[\"text\"]", "1000000"]),
        (with(|p| drop(p.vectors.insert("odd".to_owned(), vector(&[1.0])))), mismatch, ["points[1].vectors[\"odd\"]", "one of the facets"]),
        (with(|p| drop(p.vectors.insert("words".to_owned(), vector(&[1.0])))), mismatch, ["points[1].vectors[\"words\"]", "expected words"]),
        (with(|p| drop(p.words.insert("text".to_owned(), words("x", "")))), mismatch, ["points[1].words[\"text\"]", "expected a vector"]),
        (with(|p| drop(p.words.insert("words".to_owned(), words(&"x".repeat(101), "")))), invalid, ["points[1].words[\"words\"].text", "limit 100"]),
        (with(|p| drop(p.payload.insert("c".to_owned(), v1::PayloadValue { kind: None }))), invalid, ["points[1].payload[\"c\"]", "missing"]),
        (with(|p| {
            let place = v1::Coordinates { latitude: f64::NAN, longitude: 0.0 };
            let kind = Some(v1::payload_value::Kind::Coordinates(place));
            p.payload.insert("c".to_owned(), v1::PayloadValue { kind });
        }), invalid, ["points[1].payload[\"c\"].latitude", "-90 to 90"]),
        (upsert_request(vec![point("x", [0.0; 2], "x"); 4]), invalid, ["points", "limit 3"]),
        (v1::UpsertRequest { collection: "nowhere".to_owned(), ..with(|_| {}) }, Code::NotFound, ["collection", "nowhere"]),
        (v1::UpsertRequest { model_fingerprint: "f9".to_owned(), ..with(|_| {}) }, mismatch, ["model_fingerprint", "\"f1\""]),
    ] {
        refused(upsert(client, vec![request]).await, code, &names);
    }
    let other = v1::UpsertRequest {
        collection: "other".to_owned(),
        ..with(|_| {})
    };
    refused(upsert(client, vec![upsert_request(vec![]), other]).await, invalid, &["collection", "people"]);
    assert_eq!(scroll(client, 10).await.len(), 3, "none of the good ones went in");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_searches_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    filled(&mut served).await;
    let client = &mut served.client;
    let with = |change: fn(&mut v1::SearchRequest)| {
        let mut request = search_request(5);
        change(&mut request);
        request
    };
    fn filter(node: Option<v1::filter::Node>) -> Option<v1::Filter> {
        Some(v1::Filter { node })
    }
    fn test(test: Option<v1::condition::Test>) -> Option<v1::Filter> {
        filter(Some(v1::filter::Node::Condition(v1::Condition {
            column: "c".to_owned(),
            test,
        })))
    }
    let invalid = Code::InvalidArgument;
    let mismatch = Code::FailedPrecondition;
    for (request, code, names) in [
        (with(|r| r.k = 0), invalid, ["k: must be 1 to 10000", "\"0\""]),
        (with(|r| r.k = 10_001), invalid, ["k: must be 1 to 10000", "10001"]),
        (with(|r| r.ef = 10_001), invalid, ["ef: must be 1 to 10000", "10001"]),
        (with(|r| r.collection = "nowhere".to_owned()), Code::NotFound, ["collection", "nowhere"]),
        (with(|r| r.facets.clear()), invalid, ["facets", "at least one"]),
        (with(|r| r.model_fingerprint = "f9".to_owned()), mismatch, ["model_fingerprint", "\"f1\""]),
        (with(|r| r.fusion = 9), invalid, ["fusion", "9"]),
        (with(|r| r.facets.get_mut("text").unwrap().query = None), invalid, ["facets[\"text\"].query", "missing"]),
        (with(|r| r.facets.get_mut("text").unwrap().weight = Some(f32::NAN)), invalid, ["facets[\"text\"].weight", "NaN"]),
        (with(|r| {
            r.facets.get_mut("text").unwrap().query = Some(v1::facet_query::Query::Vector(vector(&[1.0])));
        }), mismatch, ["facets[\"text\"].vector", "expected 2 values"]),
        (with(|r| r.filter = filter(None)), invalid, ["filter.node", "missing"]),
        (with(|r| r.filter = test(None)), invalid, ["filter.condition.test", "missing"]),
        (with(|r| r.filter = test(Some(v1::condition::Test::Range(v1::Range { min: Some(2.0), max: Some(1.0) })))), invalid, ["filter.condition.range.min", "max 1"]),
        (with(|r| {
            let center = Some(v1::Coordinates { latitude: 0.0, longitude: 0.0 });
            r.filter = test(Some(v1::condition::Test::Within(v1::Within { center, radius_km: 0.0 })));
        }), invalid, ["filter.condition.within.radius_km", "more than 0"]),
        (with(|r| {
            for _ in 0..17 {
                r.filter = filter(Some(v1::filter::Node::Not(Box::new(r.filter.take().unwrap_or_default()))));
            }
        }), invalid, ["depth 17", "limit 16"]),
        (with(|r| {
            let filters = vec![test(Some(v1::condition::Test::Is(true))).unwrap(); 300];
            r.filter = filter(Some(v1::filter::Node::Any(v1::FilterList { filters })));
        }), invalid, ["257 nodes", "limit 256"]),
    ] {
        refused(search(client, request).await, code, &names);
    }
    let page = |limit| v1::ScrollRequest {
        collection: "people".to_owned(),
        limit,
        ..v1::ScrollRequest::default()
    };
    refused(client.scroll(page(0)).await, invalid, &["limit", "1 to 1000"]);
    refused(client.scroll(page(1_001)).await, invalid, &["limit", "1 to 1000"]);
    refused(delete(client, &[""]).await, invalid, &["ids[0]", "empty"]);
    let explain = v1::ExplainWordsRequest {
        collection: "people".to_owned(),
        facet: "text".to_owned(),
        max_terms: 3,
        ..v1::ExplainWordsRequest::default()
    };
    refused(client.explain_words(explain).await, mismatch, &["facet", "a vector"]);
    assert_eq!(search(client, search_request(5)).await.unwrap().hits.len(), 3);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn load_and_time_limits_have_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let mut narrow = config(folder.path());
    narrow.limits.max_concurrent_searches = 1;
    narrow.search_threads = 1;
    let mut served = Served::start(narrow).await;
    filled(&mut served).await;
    let mut expired = tonic::Request::new(search_request(1));
    expired.set_timeout(std::time::Duration::from_nanos(1));
    refused(served.client.search(expired).await, Code::DeadlineExceeded, &["deadline"]);

    let searches = (0..200).map(|_| {
        let mut client = served.client.clone();
        tokio::spawn(async move { search(&mut client, search_request(3)).await })
    });
    let mut shed = 0;
    for task in searches.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(found) => assert_eq!(found.hits.len(), 3),
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted);
                assert!(vivier_runtime::retry_delay(&status).is_some());
                shed += 1;
            }
        }
    }
    assert!(shed > 0, "one permit for 200 searches");
    served.stop().await;
}
