//! Prints how fast an embedder answers `Embed` for the texts of a file, over gRPC.
//!
//! ```text
//! cargo run --release -p vivier-embedder --example embed_rate -- JSONL [TEXTS] [TEXTS_PER_CALL] [CALLS_AT_A_TIME]
//! ```
//!
//! Starts the embedder with its defaults on a free port, embeds the field `text` of
//! the lines with truncation WINDOWS as bulk work, and meanwhile sends short
//! interactive calls to see how long a person would wait.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use vivier_embedder::Config;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;
use vivier_runtime::{Shutdown, bind};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Client = EmbedderServiceClient<tonic::transport::Channel>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("name a JSONL file")?;
    let mut number = |default| {
        arguments
            .next()
            .map_or(Ok(default), |text| text.parse::<usize>())
    };
    let (count, per_call, at_a_time) = (number(200)?, number(16)?, number(4)?);
    let texts = read_texts(&file, count)?;

    let listener = bind("127.0.0.1:0".parse()?).await?;
    let address = format!("http://{}", listener.local_addr()?);
    let shutdown = Shutdown::new();
    let served = tokio::spawn(vivier_embedder::run(
        Config::default(),
        listener,
        shutdown.clone(),
    ));
    let channel = tonic::transport::Channel::from_shared(address)?
        .connect()
        .await?;
    let client = EmbedderServiceClient::new(channel);

    println!("alone:  {}", waits(&client, Duration::from_secs(3)).await?);
    let started = Instant::now();
    let job = tokio::spawn(embed_all(client.clone(), texts, per_call, at_a_time));
    let mut beside = Vec::new();
    while !job.is_finished() {
        beside.push(waits(&client, Duration::from_secs(3)).await?);
    }
    let (tokens, texts) = job.await??;
    let seconds = started.elapsed().as_secs_f64();
    println!("beside: {}", beside.first().ok_or("the job was too short")?);
    println!(
        "{texts} texts, {tokens} tokens in {seconds:.1} s: {:.0} tokens/s",
        f64::from(tokens) / seconds
    );
    shutdown.trigger();
    drop(client);
    Ok(served.await??)
}

fn read_texts(file: &str, count: usize) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for line in std::fs::read_to_string(file)?.lines().take(count) {
        let record: serde_json::Value = serde_json::from_str(line)?;
        texts.push(
            record["text"]
                .as_str()
                .ok_or("a line has no text")?
                .to_owned(),
        );
    }
    Ok(texts)
}

fn request(texts: Vec<String>, kind: v1::InputKind, priority: v1::Priority) -> v1::EmbedRequest {
    let input = |text| v1::EmbedInput {
        text,
        kind: kind.into(),
    };
    v1::EmbedRequest {
        inputs: texts.into_iter().map(input).collect(),
        truncation: v1::Truncation::Windows.into(),
        priority: priority.into(),
        ..Default::default()
    }
}

/// Embeds all texts; returns their tokens and how many there were.
async fn embed_all(
    client: Client,
    texts: Vec<String>,
    per_call: usize,
    at_a_time: usize,
) -> Result<(u32, usize), Failure> {
    let calls = stream::iter(
        texts
            .chunks(per_call)
            .map(<[String]>::to_vec)
            .collect::<Vec<_>>(),
    );
    let tokens: Vec<u32> = calls
        .map(|texts| {
            let mut client = client.clone();
            async move {
                let request = request(texts, v1::InputKind::Candidate, v1::Priority::Bulk);
                let response = client.embed(request).await?.into_inner();
                let tokens = response
                    .embeddings
                    .iter()
                    .map(|embedding| embedding.input_tokens);
                Ok::<u32, tonic::Status>(tokens.sum())
            }
        })
        .buffer_unordered(at_a_time)
        .try_collect()
        .await?;
    Ok((tokens.iter().sum(), texts.len()))
}

/// Sends short interactive calls one after another for a while and sums up how
/// long they took.
async fn waits(client: &Client, span: Duration) -> Result<String, Failure> {
    let mut client = client.clone();
    let mut millis = Vec::new();
    let begun = Instant::now();
    while begun.elapsed() < span {
        let started = Instant::now();
        let texts = vec!["experienced accountant in Lyon".to_owned()];
        client
            .embed(request(
                texts,
                v1::InputKind::Query,
                v1::Priority::Interactive,
            ))
            .await?;
        millis.push(started.elapsed().as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    let (median, last) = (millis[millis.len() / 2], millis[millis.len() - 1]);
    Ok(format!(
        "{} interactive calls, median {median:.1} ms, longest {last:.1} ms",
        millis.len()
    ))
}
