//! Each bad input has its own error, and nothing else is harmed.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use vivier_embedder::{Config, RunError};
use vivier_proto::v1;
use vivier_runtime::{Shutdown, bind};

use crate::cluster::{Running, plain, request, start, with_policy};
use crate::tiny;

async fn refused(running: &Running, request: v1::EmbedRequest) -> Status {
    running.client.clone().embed(request).await.unwrap_err()
}

/// Asserts code and message, and that the service still works.
async fn expect(running: &Running, request: v1::EmbedRequest, code: Code, parts: &[&str]) {
    let status = refused(running, request).await;
    assert_eq!(status.code(), code, "{status}");
    for part in parts {
        assert!(
            status.message().contains(part),
            "{part:?} not in {:?}",
            status.message()
        );
    }
    let good = crate::cluster::request(&["still here"]);
    assert!(running.client.clone().embed(good).await.is_ok());
}

#[tokio::test]
async fn bad_fields_are_named_with_value_and_limit() {
    let running = start(|_, config| {
        config.max_batch_inputs = 3;
        config.max_text_bytes = 500;
        config.max_queue_tokens = 100;
    })
    .await;
    let invalid = Code::InvalidArgument;
    let none: [&str; 0] = [];
    expect(
        &running,
        request(&none),
        invalid,
        &["inputs:", "0 texts", "1 to 3"],
    )
    .await;
    expect(
        &running,
        request(&["a"; 4]),
        invalid,
        &["inputs:", "4 texts", "1 to 3"],
    )
    .await;
    expect(
        &running,
        request(&["a", ""]),
        invalid,
        &["inputs[1].text", "must not be empty"],
    )
    .await;
    expect(
        &running,
        request(&[" \n "]),
        invalid,
        &["inputs[0].text", "no tokens"],
    )
    .await;
    let bytes = "é".repeat(251);
    expect(
        &running,
        request(&["a", &bytes]),
        invalid,
        &["inputs[1].text", "502 bytes", "500"],
    )
    .await;
    let tokens = "! ".repeat(31);
    expect(
        &running,
        request(&["a", "b", &tokens]),
        invalid,
        &["inputs[2].text", "31 tokens", "takes 30", "windows"],
    )
    .await;
    let windows = with_policy(request(&["!".repeat(150)]), v1::Truncation::Windows);
    expect(
        &running,
        windows,
        invalid,
        &["inputs:", "tokens", "100", "max_queue_tokens"],
    )
    .await;

    let mut wrong = request(&["a"]);
    wrong.truncation = 9;
    expect(&running, wrong, invalid, &["truncation", "9", "unknown"]).await;
    let mut wrong = request(&["a"]);
    wrong.priority = 9;
    expect(&running, wrong, invalid, &["priority", "9", "unknown"]).await;
    let mut wrong = request(&["a", "b"]);
    wrong.inputs[1].kind = 9;
    expect(
        &running,
        wrong,
        invalid,
        &["inputs[1].kind", "9", "unknown"],
    )
    .await;
    let mut wrong = request(&["a", "b"]);
    wrong.inputs[1].kind = 0;
    expect(
        &running,
        wrong.clone(),
        invalid,
        &["inputs[1].kind", "must say"],
    )
    .await;
    let status = refused(&running, wrong).await;
    let details = status.get_details_bad_request().unwrap();
    assert_eq!(details.field_violations[0].field, "inputs[1].kind");

    let mut wrong = request(&["a"]);
    wrong.model = "bge".into();
    expect(&running, wrong, Code::NotFound, &["\"bge\"", "loaded"]).await;
}

#[tokio::test]
async fn the_text_is_not_repeated_in_an_error() {
    let running = plain().await;
    let secret = "confidential ".repeat(20);
    let status = refused(&running, request(&[secret])).await;
    assert!(!status.message().contains("confidential"), "{status}");
}

#[tokio::test]
async fn a_message_above_the_limit_is_refused_with_the_limit() {
    let running = start(|_, config| {
        config.max_text_bytes = 1000;
        config.server.max_message_bytes = 2000;
    })
    .await;
    expect(
        &running,
        request(&["a".repeat(5000)]),
        Code::OutOfRange,
        &["2000"],
    )
    .await;
}

#[tokio::test]
async fn a_deadline_that_passes_is_told() {
    let running = start(|_, config| {
        config.threads = 1;
        config.max_queue_tokens = 20_000_000;
    })
    .await;
    let texts: Vec<String> = (0..9)
        .map(|number| format!("{number}{}", "!".repeat(900_000)))
        .collect();
    let slow = with_policy(request(&texts), v1::Truncation::Windows);
    let mut call = Request::new(slow);
    // The server answers a fiftieth before the time; on a busy machine the
    // client's own timer may still win, and says CANCELLED.
    call.set_timeout(Duration::from_millis(700));
    let status = running.client.clone().embed(call).await.unwrap_err();
    assert!(
        matches!(status.code(), Code::DeadlineExceeded | Code::Cancelled),
        "{status}"
    );
    // The work was withdrawn: the queue has room and the next call is quick.
    let mut client = running.client.clone();
    let next = client.embed(request(&["next"]));
    assert!(
        tokio::time::timeout(Duration::from_secs(5), next)
            .await
            .unwrap()
            .is_ok()
    );
}

#[tokio::test]
async fn a_broken_model_is_internal_and_tells_no_more_than_a_request_id() {
    let running = start(|folder, _| {
        let path = folder.join("model.safetensors");
        let mut content = std::fs::read(&path).unwrap();
        let end = content.len();
        content[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        std::fs::write(path, content).unwrap();
    })
    .await;
    let status = refused(&running, request(&["a"])).await;
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().contains("request") && !status.message().contains("sequence"),
        "{status}"
    );
}

#[tokio::test]
async fn a_bad_request_ends_its_stream_and_no_other() {
    let running = plain().await;
    let requests = ["good", "", "never read"].map(|text| v1::EmbedStreamRequest {
        request: Some(request(&[text])),
    });
    let stream = running
        .client
        .clone()
        .embed_stream(futures::stream::iter(requests))
        .await
        .unwrap();
    let answers: Vec<_> = stream.into_inner().collect().await;
    assert_eq!(answers.len(), 2);
    assert!(answers[0].is_ok());
    assert_eq!(
        answers[1].as_ref().unwrap_err().code(),
        Code::InvalidArgument
    );
    let empty = [v1::EmbedStreamRequest { request: None }];
    let stream = running
        .client
        .clone()
        .embed_stream(futures::stream::iter(empty))
        .await
        .unwrap();
    let answers: Vec<_> = stream.into_inner().collect().await;
    assert!(
        answers[0]
            .as_ref()
            .unwrap_err()
            .message()
            .contains("0 texts")
    );
}

/// Runs an embedder that must not start.
async fn start_failure(change: impl FnOnce(&Path, &mut Config)) -> RunError {
    let model = tempfile::tempdir().unwrap();
    tiny::write_model(model.path());
    let mut config = Config {
        model: model.path().into(),
        window_overlap_tokens: 4,
        cache: false,
        ..Config::default()
    };
    change(model.path(), &mut config);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let running = vivier_embedder::run(config, listener, Shutdown::new());
    tokio::time::timeout(Duration::from_secs(20), running)
        .await
        .unwrap()
        .unwrap_err()
}

#[tokio::test]
async fn what_cannot_run_does_not_start() {
    let error = start_failure(|_, config| config.max_queue_requests = 0).await;
    assert!(
        matches!(&error, RunError::Config(violation) if violation.field == "max_queue_requests"),
        "{error}"
    );
    let error = start_failure(|_, config| config.max_batch_tokens = tiny::WINDOW - 1).await;
    assert!(
        matches!(&error, RunError::Config(violation) if violation.field == "max_batch_tokens"),
        "{error}"
    );
    let error =
        start_failure(|folder, _| std::fs::remove_file(folder.join("model.safetensors")).unwrap())
            .await;
    assert!(
        matches!(&error, RunError::Load(cause) if cause.to_string().contains("make model")),
        "{error}"
    );
    let error = start_failure(|_, config| config.max_tokens = Some(1000)).await;
    assert!(
        matches!(&error, RunError::Load(cause) if cause.to_string().contains("max_tokens = 1000")),
        "{error}"
    );
}
