//! Every error, over the wire.

use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt;
use vivier_proto::v1;
use vivier_reranker::{Config, RunError};
use vivier_runtime::{Shutdown, retry_delay};

use crate::support::{candidate, change, request, start};

async fn refused(config: Config, request: v1::RerankRequest) -> Status {
    let mut running = start(config).await;
    let status = running.client.rerank(request).await.unwrap_err();
    running.stop().await;
    status
}

/// Asserts INVALID_ARGUMENT with the field in message and details.
async fn refuses_field(request: v1::RerankRequest, field: &str, said: &str) {
    let status = refused(
        Config {
            max_candidates: 3,
            ..Config::default()
        },
        request,
    )
    .await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    assert!(
        status.message().starts_with(&format!("{field}: ")),
        "{}",
        status.message()
    );
    assert!(status.message().contains(said), "{}", status.message());
    let details = status.get_details_bad_request().unwrap();
    assert_eq!(details.field_violations[0].field, field);
}

#[tokio::test]
async fn a_query_is_needed() {
    let none = v1::RerankRequest {
        query: None,
        ..request(Vec::new())
    };
    refuses_field(none, "query", "must be given").await;
}

#[tokio::test]
async fn the_side_of_the_query_is_needed() {
    let unspecified = v1::RerankRequest {
        query_kind: 0,
        ..request(Vec::new())
    };
    refuses_field(unspecified, "query_kind", "PROFILE_KIND_UNSPECIFIED").await;
    let unknown = v1::RerankRequest {
        query_kind: 9,
        ..request(Vec::new())
    };
    refuses_field(unknown, "query_kind", "9").await;
}

#[tokio::test]
async fn scores_must_be_numbers() {
    for bad in [f32::NAN, f32::INFINITY, -1e7] {
        let mut list = vec![candidate("a", 0.1, &[]), candidate("b", 0.1, &[])];
        list[1].retrieval_score = bad;
        refuses_field(
            request(list),
            "candidates[1].retrieval_score",
            "must be a number within",
        )
        .await;
        let mut list = vec![candidate("a", 0.1, &[])];
        list[0].facet_scores.insert("words".to_owned(), bad);
        refuses_field(
            request(list),
            "candidates[0].facet_scores.words",
            "must be a number within",
        )
        .await;
    }
}

#[tokio::test]
async fn facets_must_be_known() {
    let mut list = vec![candidate("a", 0.1, &[])];
    list[0].facet_scores.insert("colour".to_owned(), 0.5);
    let said = "unknown facet, known are text, skills, occupation, geography, seniority, \
                languages, words (got \"colour\")";
    refuses_field(request(list), "candidates[0].facet_scores", said).await;
}

#[tokio::test]
async fn the_list_is_bounded() {
    let list = ["a", "b", "c", "d"].map(|id| candidate(id, 0.1, &[]));
    refuses_field(
        request(list.into()),
        "candidates",
        "must hold at most 3 entries (got \"4\")",
    )
    .await;
}

#[tokio::test]
async fn ids_are_needed_once_each() {
    let list = ["a", "b", "a"].map(|id| candidate(id, 0.1, &[]));
    let said = "was given before, in candidates[0] (got \"a\")";
    refuses_field(request(list.into()), "candidates[2].summary.id", said).await;
    refuses_field(
        request(vec![candidate("", 0.1, &["Rust"])]),
        "candidates[0].summary.id",
        "must be given",
    )
    .await;
    let bare = v1::RerankCandidate::default();
    refuses_field(
        request(vec![bare]),
        "candidates[0].summary",
        "must be given",
    )
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_summary_are_named() {
    let mut list = [candidate("a", 0.1, &[]), candidate("b", 0.1, &[])];
    list[1].summary = vec![0xff; 3].into();
    let status = refused(Config::default(), request(list.into())).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    let message = status.message();
    let said = "candidates[1].summary: must be a serialised Summary: ";
    assert!(
        message.starts_with(said) && message.contains("3 bytes"),
        "{message}"
    );
}

#[tokio::test]
async fn summaries_are_checked() {
    let mut list = vec![candidate("a", 0.1, &[])];
    let location = v1::Location {
        coordinates: Some(v1::Coordinates {
            latitude: f64::NAN,
            longitude: 0.0,
        }),
        ..Default::default()
    };
    change(&mut list[0], |summary| summary.location = Some(location));
    let status = refused(Config::default(), request(list)).await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(
        status
            .message()
            .starts_with("candidates[0].summary.location.coordinates"),
        "{}",
        status.message()
    );
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let other = v1::RerankRequest {
        model: "muse-1".to_owned(),
        ..request(Vec::new())
    };
    let status = refused(Config::default(), other).await;
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(
        status.message(),
        "unknown model \"muse-1\", loaded are linear-v0"
    );
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused() {
    let mut config = Config::default();
    config.server.max_message_bytes = 1_000;
    let status = refused(
        config,
        request(vec![candidate("a", 0.1, &["x".repeat(2_000).as_str()])]),
    )
    .await;
    assert_eq!(status.code(), Code::OutOfRange, "{status:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_are_shed_with_a_delay() {
    let config = Config {
        max_concurrent_requests: 1,
        threads: 1,
        ..Config::default()
    };
    let running = start(config).await;
    let list: Vec<_> = (0..3_000)
        .map(|n| candidate(&n.to_string(), 0.1, &["Rust", "Go", "Zig"]))
        .collect();
    let calls: Vec<_> = (0..16)
        .map(|_| {
            let (mut client, request) = (running.client.clone(), request(list.clone()));
            tokio::spawn(async move { client.rerank(request).await.map(drop) })
        })
        .collect();
    let (mut answered, mut shed) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => answered += 1,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                assert_eq!(retry_delay(&status), Some(Duration::from_millis(100)));
                assert_eq!(
                    status.message(),
                    "1 requests are being worked on, which is the limit"
                );
                shed += 1;
            }
        }
    }
    assert!(
        answered >= 1 && shed >= 1,
        "{answered} answered, {shed} shed"
    );
    running.stop().await;
}

#[tokio::test]
async fn an_expired_deadline_is_said() {
    let mut running = start(Config::default()).await;
    let mut late = tonic::Request::new(request(vec![candidate("a", 0.1, &[])]));
    late.set_timeout(Duration::from_nanos(1));
    let status = running.client.rerank(late).await.unwrap_err();
    // The client's own timer, which says CANCELLED, races with the server's.
    let own_timer = status.code() == Code::Cancelled && status.message() == "Timeout expired";
    assert!(
        own_timer || status.code() == Code::DeadlineExceeded,
        "{status:?}"
    );
    // Nothing is left behind: the next call is answered.
    running.client.rerank(request(Vec::new())).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn a_stopped_service_is_unavailable() {
    let running = start(Config::default()).await;
    let mut client = running.client.clone();
    client.rerank(request(Vec::new())).await.unwrap();
    running.stop().await;
    let status = client.rerank(request(Vec::new())).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

#[tokio::test]
async fn bad_configs_stop_the_start() {
    let start = async |config: Config| {
        let listener = vivier_runtime::bind("127.0.0.1:0".parse().unwrap())
            .await
            .unwrap();
        vivier_reranker::run(config, listener, Shutdown::new())
            .await
            .unwrap_err()
    };
    let error = start(Config {
        max_candidates: 0,
        ..Config::default()
    })
    .await;
    assert!(
        matches!(&error, RunError::Config(violation) if violation.field == "max_candidates"),
        "{error}"
    );
    let config: Config = toml::from_str("[linear.terms.facet_txt]\nweight = 1.0").unwrap();
    let error = start(config).await;
    assert!(matches!(error, RunError::Linear(_)), "{error}");
}
