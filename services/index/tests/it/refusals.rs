//! How each call refuses: every code, and what its message names.

use tonic::Code;
use vivier_proto::v1;

use crate::api::filled;
use crate::support::*;

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
        (
            with(|s| s.name = "No Good".to_owned()),
            invalid,
            ["spec.name", "No Good"],
        ),
        (
            with(|s| s.facets[0].name.clear()),
            invalid,
            ["spec.facets[\"\"]", "1 to 64"],
        ),
        (
            with(|s| s.facets[1].name = "text".to_owned()),
            invalid,
            ["spec.facets[1].name", "twice"],
        ),
        (
            with(|s| s.facets[0].kind = None),
            invalid,
            ["spec.facets[0].kind", "missing"],
        ),
        (
            with(|s| s.facets[0].default_weight = -1.0),
            invalid,
            ["spec.facets[\"text\"].default_weight", "-1"],
        ),
        (
            with(|s| {
                s.facets[0].kind = Some(v1::facet_spec::Kind::Dense(v1::DenseFacet { dim: 5_000 }))
            }),
            invalid,
            ["spec.facets[\"text\"].dense.dim", "4096"],
        ),
        (
            with(|s| s.model_fingerprint = "f2".to_owned()),
            Code::FailedPrecondition,
            ["\"f2\"", "\"f1\""],
        ),
        (
            with(|s| drop(s.facets.pop())),
            Code::FailedPrecondition,
            ["spec.facets", "Dense(1)"],
        ),
    ] {
        refused(create(client, spec).await, code, &names);
    }
    let absent = v1::CreateCollectionRequest { spec: None };
    refused(
        client.create_collection(absent).await,
        invalid,
        &["spec", "missing"],
    );
    let names = client
        .list_collections(v1::ListCollectionsRequest {})
        .await
        .unwrap()
        .into_inner();
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
        (
            with(|p| p.id = "x".repeat(300)),
            invalid,
            ["points[1].id", "256"],
        ),
        (
            with(|p| p.vectors.get_mut("text").unwrap().values = vec![1.0; 3]),
            mismatch,
            ["points[1].vectors[\"text\"]", "expected 2 values"],
        ),
        (
            with(|p| p.vectors.get_mut("text").unwrap().values[1] = f32::NAN),
            invalid,
            ["points[1].vectors[\"text\"][1]", "finite"],
        ),
        (
            with(|p| p.vectors.get_mut("text").unwrap().values[0] = 1e9),
            invalid,
            ["points[1].vectors[\"text\"]", "1000000"],
        ),
        (
            with(|p| drop(p.vectors.insert("odd".to_owned(), vector(&[1.0])))),
            mismatch,
            ["points[1].vectors[\"odd\"]", "one of the facets"],
        ),
        (
            with(|p| drop(p.vectors.insert("words".to_owned(), vector(&[1.0])))),
            mismatch,
            ["points[1].vectors[\"words\"]", "expected words"],
        ),
        (
            with(|p| drop(p.words.insert("text".to_owned(), words("x", "")))),
            mismatch,
            ["points[1].words[\"text\"]", "expected a vector"],
        ),
        (
            with(|p| {
                drop(
                    p.words
                        .insert("words".to_owned(), words(&"x".repeat(101), "")),
                )
            }),
            invalid,
            ["points[1].words[\"words\"].text", "limit 100"],
        ),
        (
            with(|p| {
                drop(
                    p.payload
                        .insert("c".to_owned(), v1::PayloadValue { kind: None }),
                )
            }),
            invalid,
            ["points[1].payload[\"c\"]", "missing"],
        ),
        (
            with(|p| {
                let place = v1::Coordinates {
                    latitude: f64::NAN,
                    longitude: 0.0,
                };
                let kind = Some(v1::payload_value::Kind::Coordinates(place));
                p.payload.insert("c".to_owned(), v1::PayloadValue { kind });
            }),
            invalid,
            ["points[1].payload[\"c\"].latitude", "-90 to 90"],
        ),
        (
            upsert_request(vec![point("x", [0.0; 2], "x"); 4]),
            invalid,
            ["points", "limit 3"],
        ),
        (
            v1::UpsertRequest {
                collection: "nowhere".to_owned(),
                ..with(|_| {})
            },
            Code::NotFound,
            ["collection", "nowhere"],
        ),
        (
            v1::UpsertRequest {
                model_fingerprint: "f9".to_owned(),
                ..with(|_| {})
            },
            mismatch,
            ["model_fingerprint", "\"f1\""],
        ),
    ] {
        refused(upsert(client, vec![request]).await, code, &names);
    }
    let other = v1::UpsertRequest {
        collection: "other".to_owned(),
        ..with(|_| {})
    };
    refused(
        upsert(client, vec![upsert_request(vec![]), other]).await,
        invalid,
        &["collection", "people"],
    );
    assert_eq!(
        scroll(client, 10).await.len(),
        3,
        "none of the good ones went in"
    );
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
    fn added(weight: f32) -> v1::AddedWords {
        v1::AddedWords {
            text: "search".to_owned(),
            weight,
        }
    }
    let invalid = Code::InvalidArgument;
    let mismatch = Code::FailedPrecondition;
    for (request, code, names) in [
        (
            with(|r| r.k = 0),
            invalid,
            ["k: must be 1 to 10000", "\"0\""],
        ),
        (
            with(|r| r.k = 10_001),
            invalid,
            ["k: must be 1 to 10000", "10001"],
        ),
        (
            with(|r| r.ef = 10_001),
            invalid,
            ["ef: must be 1 to 10000", "10001"],
        ),
        (
            with(|r| r.collection = "nowhere".to_owned()),
            Code::NotFound,
            ["collection", "nowhere"],
        ),
        (
            with(|r| r.facets.clear()),
            invalid,
            ["facets", "at least one"],
        ),
        (
            with(|r| r.model_fingerprint = "f9".to_owned()),
            mismatch,
            ["model_fingerprint", "\"f1\""],
        ),
        (with(|r| r.fusion = 9), invalid, ["fusion", "9"]),
        (
            with(|r| r.facets.get_mut("text").unwrap().query = None),
            invalid,
            ["facets[\"text\"].query", "missing"],
        ),
        (
            with(|r| r.facets.get_mut("text").unwrap().weight = Some(f32::NAN)),
            invalid,
            ["facets[\"text\"].weight", "NaN"],
        ),
        (
            with(|r| {
                r.facets.get_mut("text").unwrap().query =
                    Some(v1::facet_query::Query::Vector(vector(&[1.0])));
            }),
            mismatch,
            ["facets[\"text\"].vector", "expected 2 values"],
        ),
        (
            with(|r| r.facets.get_mut("text").unwrap().added = vec![added(0.5)]),
            invalid,
            ["facets[\"text\"].added", "not to a vector"],
        ),
        (
            with(|r| r.facets.get_mut("words").unwrap().added = vec![added(0.5), added(1.5)]),
            invalid,
            ["facets[\"words\"].added[1].weight", "1.5"],
        ),
        (
            with(|r| r.facets.get_mut("words").unwrap().added = vec![added(0.5); 257]),
            invalid,
            ["facets[\"words\"].added", "limit 256"],
        ),
        (
            with(|r| {
                let looks = v1::FacetQuery {
                    query: Some(v1::facet_query::Query::Vector(vector(&[1.0]))),
                    ..v1::FacetQuery::default()
                };
                r.reported_facets.insert("text".to_owned(), looks);
            }),
            mismatch,
            ["reported_facets[\"text\"].vector", "expected 2 values"],
        ),
        (
            with(|r| r.filter = filter(None)),
            invalid,
            ["filter.node", "missing"],
        ),
        (
            with(|r| r.filter = test(None)),
            invalid,
            ["filter.condition.test", "missing"],
        ),
        (
            with(|r| {
                r.filter = test(Some(v1::condition::Test::Range(v1::Range {
                    min: Some(2.0),
                    max: Some(1.0),
                })))
            }),
            invalid,
            ["filter.condition.range.min", "max 1"],
        ),
        (
            with(|r| {
                let center = Some(v1::Coordinates {
                    latitude: 0.0,
                    longitude: 0.0,
                });
                r.filter = test(Some(v1::condition::Test::Within(v1::Within {
                    center,
                    radius_km: 0.0,
                })));
            }),
            invalid,
            ["filter.condition.within.radius_km", "more than 0"],
        ),
        (
            with(|r| {
                for _ in 0..17 {
                    r.filter = filter(Some(v1::filter::Node::Not(Box::new(
                        r.filter.take().unwrap_or_default(),
                    ))));
                }
            }),
            invalid,
            ["depth 17", "limit 16"],
        ),
        (
            with(|r| {
                let filters = vec![test(Some(v1::condition::Test::Is(true))).unwrap(); 300];
                r.filter = filter(Some(v1::filter::Node::Any(v1::FilterList { filters })));
            }),
            invalid,
            ["257 nodes", "limit 256"],
        ),
    ] {
        refused(search(client, request).await, code, &names);
    }
    let page = |limit| v1::ScrollRequest {
        collection: "people".to_owned(),
        limit,
        ..v1::ScrollRequest::default()
    };
    refused(
        client.scroll(page(0)).await,
        invalid,
        &["limit", "1 to 1000"],
    );
    refused(
        client.scroll(page(1_001)).await,
        invalid,
        &["limit", "1 to 1000"],
    );
    refused(delete(client, &[""]).await, invalid, &["ids[0]", "empty"]);
    let explain = v1::ExplainWordsRequest {
        collection: "people".to_owned(),
        facet: "text".to_owned(),
        max_terms: 3,
        ..v1::ExplainWordsRequest::default()
    };
    refused(
        client.explain_words(explain).await,
        mismatch,
        &["facet", "a vector"],
    );
    assert_eq!(
        search(client, search_request(5)).await.unwrap().hits.len(),
        3
    );
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
    let late = served.client.search(expired).await.unwrap_err().code();
    // The client's own timer may win the race: it says CANCELLED.
    assert!(
        matches!(late, Code::DeadlineExceeded | Code::Cancelled),
        "{late:?}"
    );

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
