//! A full queue sheds with a delay, and whoever was admitted is answered.

use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{StreamExt, stream};
use tonic::Code;
use vivier_proto::v1;
use vivier_runtime::retry_delay;

use crate::cluster::{Running, request, start, with_policy};

/// A request of 5,000 tokens, 6,200 with overlaps and special tokens.
fn heavy() -> v1::EmbedRequest {
    with_policy(request(&["!".repeat(5_000)]), v1::Truncation::Windows)
}

/// Sends so many heavy requests at once; returns how many were answered and shed.
async fn flood(running: &Running, count: usize, limit: &str) -> (usize, usize) {
    let calls = (0..count).map(|_| {
        let mut client = running.client.clone();
        async move { client.embed(heavy()).await }
    });
    let (mut answered, mut shed) = (0, 0);
    for result in join_all(calls).await {
        match result {
            Ok(response) => {
                assert_eq!(response.into_inner().embeddings[0].used_tokens, 5_000);
                answered += 1;
            }
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(status.message().contains(limit), "{status}");
                let delay = retry_delay(&status).unwrap();
                assert!(delay >= Duration::from_millis(50) && delay <= Duration::from_secs(30));
                shed += 1;
            }
        }
    }
    (answered, shed)
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_tokens_are_shed_and_come_back_later() {
    let running = start(|_, config| config.max_queue_tokens = 13_000).await;
    let (answered, shed) = flood(&running, 40, "max_queue_tokens = 13000").await;
    assert!(
        answered >= 1 && shed >= 1,
        "{answered} answered, {shed} shed"
    );
    assert_eq!(flood(&running, 1, "").await, (1, 0), "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_requests_are_shed() {
    let running = start(|_, config| config.max_queue_requests = 2).await;
    let (answered, shed) = flood(&running, 40, "max_queue_requests = 2").await;
    assert!(
        answered >= 1 && shed >= 1,
        "{answered} answered, {shed} shed"
    );
    assert_eq!(flood(&running, 1, "").await, (1, 0), "there is room again");
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_wait_instead_of_being_shed() {
    let running = start(|_, config| config.max_queue_tokens = 7_000).await;
    let streams = (0..3).map(|_| {
        let mut client = running.client.clone();
        async move {
            let requests = stream::iter((0..6).map(|_| v1::EmbedStreamRequest {
                request: Some(heavy()),
            }));
            let answers: Vec<_> = client
                .embed_stream(requests)
                .await
                .unwrap()
                .into_inner()
                .collect()
                .await;
            assert_eq!(answers.len(), 6);
            assert!(answers.iter().all(Result::is_ok));
        }
    });
    join_all(streams).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_does_not_wait_for_a_job() {
    let running = start(|_, config| config.threads = 1).await;
    let texts: Vec<String> = (0..30)
        .map(|number| format!("{number}{}", "!".repeat(20_000)))
        .collect();
    let mut job = with_policy(request(&texts), v1::Truncation::Windows);
    job.priority = v1::Priority::Bulk.into();
    let mut client = running.client.clone();
    let job = tokio::spawn(async move {
        let response = client.embed(job).await.unwrap().into_inner();
        (response, Instant::now())
    });
    // Wait until the job is being encoded: then a person's call is answered before it.
    let mut waits = Vec::new();
    while !job.is_finished() && waits.len() < 20 {
        let response = running
            .client
            .clone()
            .embed(request(&["who"]))
            .await
            .unwrap()
            .into_inner();
        waits.push((response, Instant::now()));
    }
    let (response, job_ended) = job.await.unwrap();
    let before = waits
        .iter()
        .filter(|(_, answered)| *answered < job_ended)
        .count();
    assert!(
        before >= 5,
        "{before} short calls were answered during the job"
    );
    // The job is some 1,400 batches of 512 tokens: one of them takes a thousandth of it,
    // and more than one does not keep a person waiting.
    let batch = response.inference_seconds / 1000.0;
    let longest = waits
        .iter()
        .map(|(response, _)| response.queue_seconds)
        .fold(0.0, f64::max);
    assert!(
        longest < 40.0 * batch + 0.05,
        "a person waited {longest} s, a batch takes {batch} s"
    );
}
