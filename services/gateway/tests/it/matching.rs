//! Matches: whole ones, degraded ones, refused ones.

use std::time::{Duration, Instant};

use tonic::Code;
use vivier_proto::v1;
use vivier_proto::v1::search_candidates_request::Query;

use crate::fakes::{FakeEmbedder, FakeReranker, Fault, summary_of};
use crate::world::{World, candidate, degraded, edit_candidate, ids, refusal, vacancy};

fn default() -> v1::MatchOptions {
    v1::MatchOptions::default()
}

fn text(text: &str) -> Query {
    Query::Text(text.to_owned())
}

fn plain() -> v1::MatchOptions {
    v1::MatchOptions {
        skip_rerank: true,
        ..default()
    }
}

#[tokio::test]
async fn a_match_runs_every_stage_and_says_so() {
    let mut world = World::start(1).await;
    world.fill().await;
    let calls = *world.embedder.calls.lock().unwrap();
    let options = v1::MatchOptions {
        k: Some(3),
        explain: true,
        ..default()
    };
    let answer = world.search(options).await.unwrap();
    let retrieval = ids(&world.search(plain()).await.unwrap().results)
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    assert_eq!(retrieval.len(), 6);
    let reversed: Vec<&str> = retrieval.iter().rev().take(3).map(String::as_str).collect();
    assert_eq!(
        ids(&answer.results),
        reversed,
        "the fake reranker turns the order round"
    );
    let first = &answer.results[0];
    assert_eq!((first.rank, first.retrieval_rank, first.score), (1, 6, 5.0));
    let sum: f32 = first.facet_scores.values().sum();
    assert!((sum - first.retrieval_score).abs() < 1e-5);
    assert_eq!(first.summary.as_ref().unwrap().id, first.id);

    let report = answer.report.unwrap();
    let stages: Vec<&str> = report
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(stages, ["fetch", "describe", "search", "rerank", "explain"]);
    let models: Vec<&str> = report
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(models, ["letters", "reverse"]);
    assert!(report.degradations.is_empty(), "{:?}", report.degradations);
    assert_eq!((report.retrieved, report.searched), (6, 6));
    assert_eq!((report.shards_asked, report.shards_answered), (1, 1));
    assert_eq!(report.plans, ["shard 1: exact"]);
    assert_eq!(
        *world.embedder.calls.lock().unwrap(),
        calls,
        "stored vectors are reused"
    );

    let asked = world.reranker.requests.lock().unwrap()[0].clone();
    assert_eq!(asked.query_kind, i32::from(v1::ProfileKind::Vacancy));
    assert_eq!(asked.query.unwrap().id, "v1");
    let text_weight = 1.0;
    let part = first.facet_scores["text"] / text_weight;
    let own = asked
        .candidates
        .iter()
        .find(|one| summary_of(one).id == first.id);
    assert!((own.unwrap().facet_scores["text"] - part).abs() < 1e-6);
}

#[tokio::test]
async fn matched_words_are_shown_as_a_reason() {
    let mut world = World::start(2).await;
    world.fill().await;
    let options = v1::MatchOptions {
        explain: true,
        ..plain()
    };
    let answer = world.search(options).await.unwrap();
    let cook = answer
        .results
        .iter()
        .find(|result| result.id == "c")
        .unwrap();
    let reason = cook
        .reasons
        .iter()
        .find(|reason| reason.topic == "facet_words")
        .unwrap();
    assert_eq!(reason.evidence, ["cook", "kitchen"]);
    let nurse = answer
        .results
        .iter()
        .find(|result| result.id == "d")
        .unwrap();
    assert!(nurse.reasons.is_empty());
    let sum: f32 = cook
        .features
        .iter()
        .map(|feature| feature.contribution)
        .sum();
    assert!(
        (sum - cook.score).abs() < 1e-5,
        "the features sum to the score"
    );
}

#[tokio::test]
async fn any_number_of_shards_gives_the_same_order() {
    let mut orders = Vec::new();
    for shards in [1, 2, 5] {
        let mut world = World::start(shards).await;
        world.fill().await;
        let answer = world.search(plain()).await.unwrap();
        let scored: Vec<(String, f32)> = answer
            .results
            .into_iter()
            .map(|result| (result.id, result.score))
            .collect();
        orders.push(scored);
    }
    assert_eq!(orders[0].len(), 6);
    assert_eq!(orders[0], orders[1]);
    assert_eq!(orders[0], orders[2]);
}

#[tokio::test]
async fn stored_sent_and_written_queries_agree() {
    let mut world = World::start(1).await;
    world.fill().await;
    let stored = world.search(plain()).await.unwrap();
    let description = "cook for our kitchen".to_owned();
    let sent = v1::Vacancy {
        description,
        ..Default::default()
    };
    let sent = world
        .search_by(Query::Vacancy(sent), plain())
        .await
        .unwrap();
    let written = world
        .search_by(text("cook for our kitchen"), plain())
        .await
        .unwrap();
    assert_eq!(stored.results, sent.results);
    assert_eq!(stored.results, written.results);
    let report = written.report.unwrap();
    let stages: Vec<&str> = report
        .stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect();
    assert_eq!(stages, ["describe", "embed", "search"]);
    assert_eq!((report.query_tokens_used, report.query_tokens), (12, 12));
}

#[tokio::test]
async fn vacancies_are_found_for_a_candidate() {
    let mut world = World::start(2).await;
    world
        .upsert(vec![vec![
            vacancy("v1", "cook wanted"),
            vacancy("v2", "drive our lorry"),
        ]])
        .await
        .unwrap();
    world
        .upsert(vec![vec![candidate("a", "cook")]])
        .await
        .unwrap();
    let query = v1::search_vacancies_request::Query::CandidateId("a".to_owned());
    let request = v1::SearchVacanciesRequest {
        query: Some(query),
        options: Some(plain()),
    };
    let answer = world
        .matches
        .search_vacancies(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(ids(&answer.results), ["v1", "v2"]);
    for shard in &world.shards {
        for search in shard.searches.lock().unwrap().iter() {
            assert_eq!(
                (search.collection.as_str(), &search.filter),
                ("vacancies", &None)
            );
        }
    }
}

#[tokio::test]
async fn a_search_for_candidates_asks_for_consent() {
    let mut world = World::start(1).await;
    world.fill().await;
    world.search(plain()).await.unwrap();
    let expired = v1::MatchOptions {
        include_expired_consent: true,
        ..plain()
    };
    world.search(expired).await.unwrap();
    let searches = world.shards[0].searches.lock().unwrap().clone();
    assert!(format!("{:?}", searches[0].filter).contains("consent_until"));
    assert_eq!(searches[1].filter, None);
    assert!(!searches[0].model_fingerprint.is_empty());
}

#[tokio::test]
async fn without_the_reranker_the_order_is_that_of_the_retrieval() {
    let mut world = World::start(1).await;
    world.fill().await;
    let plain = world.search(plain()).await.unwrap();
    for fault in [Fault::Down, Fault::Nonsense] {
        *world.reranker.fault.lock().unwrap() = fault;
        let answer = world.search(default()).await.unwrap();
        assert_eq!(answer.results, plain.results);
        assert_eq!(degraded(&answer.report), ["rerank"]);
        let said = answer.report.unwrap().degradations.remove(0).text;
        assert!(
            said.starts_with("reranker: ") && said.ends_with("in retrieval order"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_late_reranker_leaves_time_for_the_answer() {
    let mut world = World::start(1).await;
    world.fill().await;
    *world.reranker.fault.lock().unwrap() = Fault::Hang;
    let started = Instant::now();
    let options = v1::MatchOptions {
        deadline_ms: Some(1_000),
        explain: true,
        ..default()
    };
    let answer = world.search(options).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(degraded(&answer.report), ["rerank"]);
    assert!(
        answer.report.unwrap().degradations[0]
            .text
            .contains("did not answer in time")
    );
    assert!(
        answer
            .results
            .iter()
            .any(|result| !result.reasons.is_empty()),
        "words still explain"
    );
}

#[tokio::test]
async fn a_reranker_with_a_smaller_limit_orders_what_it_takes() {
    let reranker = FakeReranker {
        max_candidates: 2,
        ..FakeReranker::default()
    };
    let mut world = World::start_with(1, reranker, |_| {}).await;
    world.fill().await;
    let plain = world.search(plain()).await.unwrap();
    let answer = world.search(default()).await.unwrap();
    let mut expected = ids(&plain.results);
    expected.swap(0, 1);
    assert_eq!(ids(&answer.results), expected);
    assert_eq!(degraded(&answer.report), ["rerank"]);
    let ranks: Vec<u32> = answer.results.iter().map(|result| result.rank).collect();
    assert_eq!(ranks, [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_shard_that_is_down_or_late_is_missing_and_the_answer_says_so() {
    let mut world = World::start(2).await;
    world.fill().await;
    let whole = world.search(plain()).await.unwrap();
    // The shard without "v1", so that the stored query can still be fetched.
    let lost = world
        .shards
        .iter()
        .position(|s| s.collection("vacancies").is_empty())
        .unwrap();
    let missing = world.shards[lost].collection("candidates");
    assert!(!missing.is_empty());
    for fault in [Fault::Down, Fault::Hang] {
        *world.shards[lost].fault.lock().unwrap() = fault;
        let options = v1::MatchOptions {
            deadline_ms: Some(1_500),
            ..plain()
        };
        let answer = world.search(options).await.unwrap();
        let expected: Vec<&str> = ids(&whole.results)
            .into_iter()
            .filter(|id| !missing.contains_key(*id))
            .collect();
        assert_eq!(ids(&answer.results), expected);
        assert_eq!(degraded(&answer.report), ["search"]);
        let report = answer.report.unwrap();
        assert_eq!((report.shards_asked, report.shards_answered), (2, 1));
        let said = &report.degradations[0].text;
        assert!(
            said.contains(&format!("index shard {} of 2", lost + 1)),
            "{said}"
        );
        assert!(said.contains("about 50 %"), "{said}");
    }
}

#[tokio::test]
async fn without_any_shard_the_search_is_unavailable() {
    let mut world = World::start(2).await;
    world.break_shards(Fault::Down);
    let status = world.search_by(text("cook"), default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(
        status
            .message()
            .starts_with("none of 2 index shards answered"),
        "{status}"
    );
    world.break_shards(Fault::Hang);
    let options = v1::MatchOptions {
        deadline_ms: Some(300),
        ..default()
    };
    let status = world.search_by(text("cook"), options).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    world.break_shards(Fault::Shed(u32::MAX));
    let status = world.search_by(text("cook"), default()).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(
        vivier_runtime::retry_delay(&status),
        Some(Duration::from_millis(10))
    );
}

#[tokio::test]
async fn without_the_embedder_a_new_query_goes_by_words() {
    let mut world = World::start(1).await;
    world.fill().await;
    *world.embedder.fault.lock().unwrap() = Fault::Down;
    let answer = world
        .search_by(text("cook kitchen"), plain())
        .await
        .unwrap();
    assert_eq!(degraded(&answer.report), ["embed"]);
    let said = &answer.report.as_ref().unwrap().degradations[0].text;
    assert!(
        said.contains("by words and place, not by meaning"),
        "{said}"
    );
    assert_eq!(
        answer.results[0].facet_scores.keys().collect::<Vec<_>>(),
        ["words"]
    );
    assert_eq!(answer.results[0].id, "a");
    assert!(answer.report.unwrap().models.is_empty());

    let wordless = v1::MatchOptions {
        facet_weights: [("words".to_owned(), 0.0)].into(),
        ..plain()
    };
    let status = world.search_by(text("cook"), wordless).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);

    let stored = world.search(plain()).await.unwrap();
    assert!(
        degraded(&stored.report).is_empty(),
        "a stored query has its vectors"
    );
}

#[tokio::test]
async fn facets_without_weight_are_neither_embedded_nor_searched() {
    let mut world = World::start(1).await;
    world.fill().await;
    let calls = *world.embedder.calls.lock().unwrap();
    let zero = |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), 0.0)).collect();
    let facet_weights = zero(&["text", "skills", "geography"]);
    let answer = world.search_by(
        text("cook"),
        v1::MatchOptions {
            facet_weights,
            ..plain()
        },
    );
    let answer = answer.await.unwrap();
    assert_eq!(
        answer.results[0].facet_scores.keys().collect::<Vec<_>>(),
        ["words"]
    );
    assert_eq!(*world.embedder.calls.lock().unwrap(), calls);

    let facet_weights = zero(&["text", "skills", "words"]);
    let status = world
        .search(v1::MatchOptions {
            facet_weights,
            ..plain()
        })
        .await
        .unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::InvalidArgument, "query".to_owned())
    );
}

#[tokio::test]
async fn a_changed_record_is_embedded_again() {
    let mut world = World::start(1).await;
    world.fill().await;
    // As if the features of the record had been derived by an older version.
    {
        let name = world.shards[0].resolve("vacancies");
        let mut points = world.shards[0].points.lock().unwrap();
        let point = points.get_mut(&name).unwrap().get_mut("v1").unwrap();
        point.revision = prost::bytes::Bytes::from_static(b"older");
    }
    let calls = *world.embedder.calls.lock().unwrap();
    let answer = world.search(plain()).await.unwrap();
    assert_eq!(*world.embedder.calls.lock().unwrap(), calls + 1);
    assert!(degraded(&answer.report).is_empty());
    *world.embedder.fault.lock().unwrap() = Fault::Down;
    let answer = world.search(plain()).await.unwrap();
    assert_eq!(degraded(&answer.report), ["embed"]);
    assert!(
        answer.results[0].facet_scores.contains_key("text"),
        "the stored vectors serve"
    );
}

#[tokio::test]
async fn bad_requests_are_refused_by_field() {
    let mut world = World::start(1).await;
    world.fill().await;
    let invalid = |field: &str| (Code::InvalidArgument, field.to_owned());
    let zero = world
        .search(v1::MatchOptions {
            k: Some(0),
            ..default()
        })
        .await
        .unwrap_err();
    assert_eq!(refusal(&zero), invalid("options.k"));
    let many = world
        .search(v1::MatchOptions {
            k: Some(5_000),
            ..default()
        })
        .await
        .unwrap_err();
    assert_eq!(refusal(&many), invalid("options.k"));
    assert!(many.message().contains("1000"), "{many}");
    let empty = world.search_by(text(" "), default()).await.unwrap_err();
    assert_eq!(refusal(&empty), invalid("text"));
    let none = v1::SearchCandidatesRequest::default();
    let none = world.matches.search_candidates(none).await.unwrap_err();
    assert_eq!(refusal(&none), invalid("query"));
    let unknown = Query::VacancyId("nobody".to_owned());
    let unknown = world.search_by(unknown, default()).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(unknown.message(), "there is no vacancy \"nobody\"");

    let condition = v1::Condition {
        column: "odd".to_owned(),
        test: Some(v1::condition::Test::Is(true)),
    };
    let filter = v1::Filter {
        node: Some(v1::filter::Node::Condition(condition)),
    };
    let refused = world
        .search(v1::MatchOptions {
            filter: Some(filter),
            ..default()
        })
        .await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("\"odd\""), "{refused}");
}

#[tokio::test]
async fn an_expired_deadline_is_said_to_be_one() {
    let mut world = World::start(1).await;
    world.fill().await;
    let expired = v1::MatchOptions {
        deadline_ms: Some(0),
        ..default()
    };
    let status = world.search(expired).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);

    let query = Some(Query::VacancyId("v1".to_owned()));
    let mut request = tonic::Request::new(v1::SearchCandidatesRequest {
        query,
        options: None,
    });
    request.set_timeout(Duration::ZERO);
    let status = world.matches.search_candidates(request).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status}"
    );
}

#[tokio::test]
async fn a_late_query_shard_is_a_deadline_and_a_broken_record_is_our_fault() {
    let mut world = World::start(1).await;
    world.fill().await;
    world.break_shards(Fault::Hang);
    let options = v1::MatchOptions {
        deadline_ms: Some(300),
        ..default()
    };
    let status = world.search(options).await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
    world.break_shards(Fault::None);
    {
        let name = world.shards[0].resolve("vacancies");
        let mut points = world.shards[0].points.lock().unwrap();
        let point = points.get_mut(&name).unwrap().get_mut("v1").unwrap();
        point.document = prost::bytes::Bytes::from_static(&[0xff]);
    }
    let status = world.search(default()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().starts_with("internal error, request "),
        "{status}"
    );
}

#[tokio::test]
async fn a_gateway_that_never_saw_the_embedder_still_matches_what_is_stored() {
    let embedder = FakeEmbedder::default();
    *embedder.fault.lock().unwrap() = Fault::Down;
    let mut world = World::start_unready(1, FakeReranker::default(), embedder, |_| {}).await;
    let status = world.search_by(text("cook"), default()).await.unwrap_err();
    assert_eq!(
        status.code(),
        Code::FailedPrecondition,
        "no collection was created: {status}"
    );
    *world.embedder.fault.lock().unwrap() = Fault::None;
    world
        .wait_for_health(tonic_health::pb::health_check_response::ServingStatus::Serving)
        .await;
    let remote = edit_candidate("a", "cook", |candidate| {
        candidate.mobility = Some(v1::Mobility {
            remote: Some(true),
            ..Default::default()
        });
    });
    world.upsert(vec![vec![remote]]).await.unwrap();
    assert_eq!(
        ids(&world
            .search_by(text("cook"), default())
            .await
            .unwrap()
            .results),
        ["a"]
    );
}
