//! Loads a running embedder with everything at once, for as long as asked, and prints the
//! memory of its process.
//!
//! ```text
//! vivier up --data-dir soak-data &
//! cargo run --release -p vivier-embedder --example soak -- PID CANDIDATES.jsonl [MINUTES] [ADDRESS]
//! ```
//!
//! Interactive queries (half of them asked before), bulk calls, long texts, callers that
//! leave, and bad requests run beside each other. After one minute of warm-up the
//! resident memory (VmRSS of /proc/PID/status) is printed, then every minute, and at the
//! end with the counters of the embedder. Ends with an error when an answer is wrong.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tonic::Code;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Client = EmbedderServiceClient<tonic::transport::Channel>;

const MINUTE: Duration = Duration::from_secs(60);

/// What every kind of load has.
#[derive(Clone)]
struct Load {
    client: Client,
    pool: Arc<Vec<String>>,
    until: Instant,
    answered: Arc<AtomicU64>,
    shed: Arc<AtomicU64>,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let pid: u32 = arguments.next().ok_or("name the process")?.parse()?;
    let pool = texts(&arguments.next().ok_or("name the candidates")?)?;
    let minutes: u32 = arguments.next().map_or(Ok(30), |text| text.parse())?;
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:7401".to_owned());
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}"))?;
    let client = Client::new(channel.connect().await?)
        .max_decoding_message_size(64 << 20)
        .max_encoding_message_size(64 << 20);
    let load = Load {
        client: client.clone(),
        pool: Arc::new(pool),
        until: Instant::now() + MINUTE * (minutes + 1),
        answered: Arc::default(),
        shed: Arc::default(),
    };
    let tasks: Vec<JoinHandle<Result<(), Failure>>> = vec![
        tokio::spawn(queries(load.clone())),
        tokio::spawn(queries(load.clone())),
        tokio::spawn(bulk(load.clone(), 32)),
        tokio::spawn(bulk(load.clone(), 64)),
        tokio::spawn(long_texts(load.clone())),
        tokio::spawn(leavers(load.clone())),
        tokio::spawn(bad_requests(load.clone())),
    ];
    for minute in 0..=minutes {
        tokio::time::sleep(MINUTE).await;
        let label = if minute == 0 { "start" } else { "minute" };
        println!(
            "{label} {minute}: RSS {} MB, {} answered, {} shed",
            resident(pid)? / 1024,
            load.answered.load(Ordering::Relaxed),
            load.shed.load(Ordering::Relaxed)
        );
    }
    for task in tasks {
        task.await??;
    }
    println!("end: RSS {} MB", resident(pid)? / 1024);
    let stats = client
        .clone()
        .get_stats(v1::EmbedderServiceGetStatsRequest {})
        .await?;
    println!("{:#?}", stats.into_inner());
    Ok(())
}

/// Reads the resident memory of a process, in kB.
fn resident(pid: u32) -> Result<u64, Failure> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(number.ok_or("no VmRSS")?.parse()?)
}

fn texts(file: &str) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        texts.extend(record["text"].as_str().map(str::to_owned));
    }
    if texts.is_empty() {
        return Err("no texts".into());
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

impl Load {
    fn goes_on(&self) -> bool {
        Instant::now() < self.until
    }

    fn text(&self, number: usize) -> &str {
        &self.pool[number % self.pool.len()]
    }

    /// Sends a good request; a full queue may shed it.
    async fn send(&mut self, request: v1::EmbedRequest) -> Result<(), Failure> {
        let count = request.inputs.len();
        match self.client.embed(request).await {
            Ok(answer) => {
                let embeddings = answer.into_inner().embeddings;
                let sound = embeddings.iter().all(|found| {
                    let length: f32 = found.values.iter().map(|value| value * value).sum();
                    (length - 1.0).abs() < 1e-3
                });
                if embeddings.len() != count || !sound {
                    return Err("an answer is wrong".into());
                }
                self.answered.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(status) if status.code() == Code::ResourceExhausted => {
                self.shed.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_millis(200)).await;
                Ok(())
            }
            Err(status) => Err(status.into()),
        }
    }
}

/// Short queries, each second one asked before.
async fn queries(mut load: Load) -> Result<(), Failure> {
    for number in 0_usize.. {
        if !load.goes_on() {
            break;
        }
        let text = if number.is_multiple_of(2) {
            format!("query {number}")
        } else {
            format!("known query {}", number % 200)
        };
        let query = request(vec![text], v1::InputKind::Query, v1::Priority::Interactive);
        load.send(query).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Candidates in bulk: the pool again and again, changed a little each time but for
/// every third call, so that the cache has hits, misses and evictions.
async fn bulk(mut load: Load, per_call: usize) -> Result<(), Failure> {
    for call in 0_usize.. {
        if !load.goes_on() {
            break;
        }
        let texts = (call * per_call..(call + 1) * per_call).map(|number| {
            let text = load.text(number);
            if call.is_multiple_of(3) {
                text.to_owned()
            } else {
                format!("{number} {text}")
            }
        });
        let call = request(
            texts.collect(),
            v1::InputKind::Candidate,
            v1::Priority::Bulk,
        );
        load.send(call).await?;
    }
    Ok(())
}

/// Texts of 100 kB and more.
async fn long_texts(mut load: Load) -> Result<(), Failure> {
    for number in 0_usize.. {
        if !load.goes_on() {
            break;
        }
        let text = format!("{number} {}", load.text(number)).repeat(12);
        let text: String = text.chars().take(120_000).collect();
        let call = request(vec![text], v1::InputKind::Candidate, v1::Priority::Bulk);
        load.send(call).await?;
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    Ok(())
}

/// Callers that leave before they are answered.
async fn leavers(mut load: Load) -> Result<(), Failure> {
    for number in 0_usize.. {
        if !load.goes_on() {
            break;
        }
        let texts = (0..16).map(|place| format!("{number} {place} {}", load.text(place)));
        let call = request(texts.collect(), v1::InputKind::Vacancy, v1::Priority::Bulk);
        let patience = Duration::from_millis(20 + u64::try_from(number % 200)?);
        match tokio::time::timeout(patience, load.send(call)).await {
            Ok(answered) => answered?,
            Err(_) => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }
    Ok(())
}

/// Requests that must be refused.
async fn bad_requests(load: Load) -> Result<(), Failure> {
    let good = |text: &str| {
        request(
            vec![text.to_owned()],
            v1::InputKind::Query,
            v1::Priority::Interactive,
        )
    };
    for number in 0_usize.. {
        if !load.goes_on() {
            break;
        }
        let mut bad = good("fine");
        match number % 6 {
            0 => bad = good(""),
            1 => bad = good(" \n\t "),
            2 => bad = good(&"x".repeat(10 << 20)),
            3 => bad.truncation = 99,
            4 => bad.max_tokens = Some(0),
            _ => bad.inputs.clear(),
        }
        let mut client = load.client.clone();
        match client.embed(bad).await {
            Err(status) if status.code() == Code::InvalidArgument => {}
            Err(status) if status.code() == Code::ResourceExhausted => {}
            other => return Err(format!("bad request {number}: {other:?}").into()),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}
