//! Measures how long a person waits for a vector, alone and while a job embeds a pool.
//!
//! ```text
//! cargo run --release -p vivier-embedder --example priority_latency -- \
//!     CANDIDATES.jsonl VACANCIES.jsonl [RUNS] [SECONDS] [PRECISION] [BATCH_TIME_MS]
//! ```
//!
//! Starts an embedder with its defaults, without its cache, on a free port, in a process
//! of its own. The job, a third process, at `nice` 19 since it would run elsewhere, sends
//! candidates as the gateway does, two calls at a time, as bulk work. The person sends
//! one query after another: a title (short), or a whole advert (long). Prints for each
//! run the median and the 99th percentile of both, alone and beside the job, and the
//! medians over the runs.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use vivier_embedder::Config;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;
use vivier_runtime::{Shutdown, bind};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Client = EmbedderServiceClient<tonic::transport::Channel>;

/// Texts in one call of the job.
const PER_CALL: usize = 64;
/// Calls of the job at a time.
const AT_A_TIME: usize = 2;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("serve") => serve(&arguments[1..]).await,
        Some("job") => job(&arguments[1], &arguments[2]).await,
        _ => measure(&arguments).await,
    }
}

/// Runs the embedder; prints its address; ends with its standard input.
async fn serve(arguments: &[String]) -> Result<(), Failure> {
    let mut config = Config {
        cache: false,
        ..Config::default()
    };
    if let Some(precision) = arguments.first() {
        config.precision = Some(precision.parse()?);
    }
    if let Some(millis) = arguments.get(1) {
        config.batch_time = Duration::from_millis(millis.parse()?);
    }
    let listener = bind("127.0.0.1:0".parse()?).await?;
    println!("http://{}", listener.local_addr()?);
    let shutdown = Shutdown::new();
    let ending = shutdown.clone();
    std::thread::spawn(move || {
        wait_for_end_of_input();
        ending.trigger();
    });
    Ok(vivier_embedder::run(config, listener, shutdown).await?)
}

/// Embeds a pool again and again until its standard input ends; prints its rate.
async fn job(address: &str, candidates: &str) -> Result<(), Failure> {
    let pool = texts(candidates, "text", 1000)?;
    let work = Job::start(&connect(address).await?, &pool);
    println!("started");
    tokio::task::spawn_blocking(wait_for_end_of_input).await?;
    println!("{:.0}", work.stop().await?);
    Ok(())
}

fn wait_for_end_of_input() {
    // An error is an end too.
    drop(std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
}

async fn connect(address: &str) -> Result<Client, Failure> {
    let channel = tonic::transport::Channel::from_shared(address.to_owned())?;
    Ok(Client::new(channel.tcp_nodelay(true).connect().await?))
}

/// Another process in one of the roles above.
struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// Starts a role and waits for its first line.
    fn start(policy: &str, role: &[&str]) -> Result<(Self, String), Failure> {
        let mut child = Command::new("chrt")
            .args([policy, "0"])
            .arg(std::env::current_exe()?)
            .args(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        let mut process = Self {
            child,
            lines: BufReader::new(output).lines(),
        };
        let first = process.line()?;
        Ok((process, first))
    }

    fn line(&mut self) -> Result<String, Failure> {
        Ok(self.lines.next().ok_or("a process ended early")??)
    }

    fn end(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

async fn measure(arguments: &[String]) -> Result<(), Failure> {
    let argument = |place: usize| arguments.get(place).map(String::as_str);
    let number = |place, default: u64| argument(place).map_or(Ok(default), str::parse);
    let candidates = argument(0).ok_or("name the candidates")?;
    let file = argument(1).ok_or("name the vacancies")?;
    let (short, long) = (texts(file, "title", 1000)?, texts(file, "text", 1000)?);
    let (runs, seconds) = (number(2, 5)?, number(3, 5)?);
    let options = arguments.iter().skip(4).map(String::as_str);
    let role: Vec<&str> = std::iter::once("serve").chain(options).collect();
    let (server, address) = Process::start("-o", &role)?;
    let person = connect(&address).await?;

    let span = Duration::from_secs(seconds);
    ask(&person, &short, Duration::from_secs(1)).await?;
    for (name, queries) in [("short", &short), ("long", &long)] {
        let mut ratios = Vec::new();
        for run in 1..=runs {
            let alone = ask(&person, queries, span).await?;
            let (mut job, _) = Process::start("-i", &["job", &address, candidates])?;
            // Until the job's first batches are under way.
            ask(&person, queries, Duration::from_secs(1)).await?;
            let beside = ask(&person, queries, span).await?;
            drop(job.child.stdin.take());
            let rate = job.line()?;
            job.end()?;
            let ratio = beside.p99 / alone.p99;
            ratios.push(ratio);
            println!(
                "{name} run {run}: alone {alone}, beside {beside}, ratio of p99 {ratio:.2}, \
                 job {rate} tokens/s"
            );
        }
        ratios.sort_by(f64::total_cmp);
        println!(
            "{name}: median ratio of p99 {:.2}",
            ratios[ratios.len() / 2]
        );
    }
    drop(person);
    server.end()
}

/// Reads a field of the lines of a file.
fn texts(file: &str, field: &str, count: usize) -> Result<Vec<String>, Failure> {
    let mut texts = Vec::new();
    for line in std::fs::read_to_string(file)?.lines() {
        let record: serde_json::Value = serde_json::from_str(line)?;
        match record[field].as_str() {
            Some(text) if !text.trim().is_empty() => texts.push(text.to_owned()),
            _ => {}
        }
        if texts.len() == count {
            break;
        }
    }
    if texts.is_empty() {
        return Err(format!("{file} has no {field}").into());
    }
    Ok(texts)
}

fn request(texts: &[String], kind: v1::InputKind, priority: v1::Priority) -> v1::EmbedRequest {
    let input = |text: &String| v1::EmbedInput {
        text: text.clone(),
        kind: kind.into(),
    };
    v1::EmbedRequest {
        inputs: texts.iter().map(input).collect(),
        truncation: v1::Truncation::Windows.into(),
        priority: priority.into(),
        ..Default::default()
    }
}

/// What a person saw, in milliseconds.
struct Waits {
    count: usize,
    p50: f64,
    p99: f64,
}

impl std::fmt::Display for Waits {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, p50, p99 } = self;
        write!(
            formatter,
            "p50 {p50:.1} ms p99 {p99:.1} ms ({count} queries)"
        )
    }
}

/// Sends one query after another.
async fn ask(client: &Client, queries: &[String], span: Duration) -> Result<Waits, Failure> {
    let mut client = client.clone();
    let mut millis = Vec::new();
    let begun = Instant::now();
    for query in queries.iter().cycle() {
        if begun.elapsed() >= span {
            break;
        }
        let query = request(
            std::slice::from_ref(query),
            v1::InputKind::Query,
            v1::Priority::Interactive,
        );
        let started = Instant::now();
        client.embed(query).await?;
        millis.push(started.elapsed().as_secs_f64() * 1e3);
    }
    millis.sort_by(f64::total_cmp);
    Ok(Waits {
        count: millis.len(),
        p50: millis[millis.len() / 2],
        p99: millis[millis.len() * 99 / 100],
    })
}

/// A job that embeds a pool again and again.
struct Job {
    stop: Arc<AtomicBool>,
    tokens: Arc<AtomicU64>,
    started: Instant,
    calls: Vec<tokio::task::JoinHandle<Result<(), Failure>>>,
}

impl Job {
    fn start(client: &Client, pool: &[String]) -> Self {
        let (stop, tokens) = (
            Arc::new(AtomicBool::new(false)),
            Arc::new(AtomicU64::new(0)),
        );
        let calls = (0..AT_A_TIME).map(|first| {
            let pool: Vec<Vec<String>> = pool.chunks(PER_CALL).map(<[_]>::to_vec).collect();
            let (mut client, stop, tokens) =
                (client.clone(), Arc::clone(&stop), Arc::clone(&tokens));
            tokio::spawn(async move {
                for texts in pool.iter().cycle().skip(first).step_by(AT_A_TIME) {
                    let call = request(texts, v1::InputKind::Candidate, v1::Priority::Bulk);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let answer = client.embed(call).await?.into_inner();
                    let used = answer
                        .embeddings
                        .iter()
                        .map(|found| u64::from(found.used_tokens));
                    tokens.fetch_add(used.sum(), Ordering::Relaxed);
                }
                Ok(())
            })
        });
        Self {
            calls: calls.collect(),
            stop,
            tokens,
            started: Instant::now(),
        }
    }

    /// Ends the job and returns its tokens per second.
    async fn stop(self) -> Result<f64, Failure> {
        self.stop.store(true, Ordering::Relaxed);
        for call in self.calls {
            call.await??;
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let tokens = u32::try_from(self.tokens.load(Ordering::Relaxed))?;
        Ok(f64::from(tokens) / seconds)
    }
}
