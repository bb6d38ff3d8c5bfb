//! `vivier demo`: a whole cluster in this process, a pool, and the shortlists
//! of three vacancies.

use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use vivier_proto::v1;
use vivier_runtime::{Shutdown, TelemetryConfig, init_telemetry};
use vivier_types::ProfileKind;

use crate::clients::{Gateway, ServerArgs};
use crate::cluster::{Cluster, Plan, Ports};
use crate::config::Config;
use crate::failure::Outcome;
use crate::ingest::{self, IngestArgs, ReadingArgs};
use crate::kind::Kind;
use crate::matching::{self, OptionArgs, Query, print};
use crate::output::Output;
use crate::sample::{self, SampleArgs};

/// Vacancies that are matched.
const MATCHED: usize = 3;

/// Results shown for each.
const SHORTLIST: u32 = 5;

/// Arguments of `vivier demo`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier demo
  vivier demo --candidates candidates.jsonl --vacancies vacancies.jsonl")]
pub(crate) struct DemoArgs {
    /// Candidates; by default a synthetic sample.
    #[arg(long, value_name = "FILE", requires = "vacancies")]
    pub(crate) candidates: Option<PathBuf>,
    /// Vacancies; by default a synthetic sample.
    #[arg(long, value_name = "FILE", requires = "candidates")]
    pub(crate) vacancies: Option<PathBuf>,
    /// Folder of the data; the same files later start where they were.
    #[arg(long, value_name = "DIR", default_value = "vivier-demo")]
    pub(crate) data_dir: PathBuf,
    /// Most vacancies read; of a longer file, every n-th.
    #[arg(long, value_name = "N", default_value = "200")]
    pub(crate) max_vacancies: NonZeroU64,
    /// Configuration file (TOML); the demo listens on free ports all the same.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// The files of a demo, and the folder of their cluster.
struct Pool {
    candidates: PathBuf,
    vacancies: PathBuf,
    folder: PathBuf,
}

/// Runs `vivier demo`.
///
/// # Errors
/// When the cluster does not start, a file cannot be read, or a match fails.
pub(crate) async fn run(args: &DemoArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut config = Config::load(args.config.as_deref())?;
    if config.telemetry == TelemetryConfig::default() {
        config.telemetry.filter = "warn".to_owned();
    }
    init_telemetry(&config.telemetry).map_err(anyhow::Error::from_boxed)?;
    let pool = pool(args, output)?;

    let start = Instant::now();
    let plan = Plan::new(config, None, Some(&pool.folder), Ports::Free)?;
    let signals = Shutdown::on_signals()?;
    let mut cluster = Cluster::in_process(plan).await?;
    let shown = async {
        cluster.ready().await?;
        let seconds = start.elapsed().as_secs_f64();
        output.line(format_args!(
            "embedder, index, reranker and gateway are ready ({seconds:.1} s), gateway at {}",
            cluster.address()
        ))?;
        let gateway = Gateway::new(cluster.address())?;
        tokio::select! {
            error = cluster.failed() => Err(error),
            outcome = show(&gateway, &pool, args, output) => outcome,
        }
    };
    let outcome = tokio::select! {
        outcome = shown => outcome,
        () = signals.wait() => Ok(Outcome::Rejected),
    };
    let stopped = cluster.stop().await;
    let outcome = outcome?;
    stopped?;
    Ok(outcome)
}

fn pool(args: &DemoArgs, output: &mut Output) -> anyhow::Result<Pool> {
    if let (Some(candidates), Some(vacancies)) = (&args.candidates, &args.vacancies) {
        let folder = args.data_dir.join(folder_of(candidates, vacancies)?);
        return Ok(Pool {
            candidates: candidates.clone(),
            vacancies: vacancies.clone(),
            folder,
        });
    }
    let folder = args.data_dir.join("sample");
    let sample = SampleArgs {
        out: folder.join("files"),
        candidates: 400,
        vacancies: 12,
        seed: 1,
    };
    let (candidates, vacancies) = sample::write_sample(&sample)?;
    output.line(format_args!(
        "wrote a synthetic sample: {} candidates and {} vacancies in {}",
        sample.candidates,
        sample.vacancies,
        sample.out.display()
    ))?;
    Ok(Pool {
        candidates,
        vacancies,
        folder,
    })
}

/// Names the folder of two files, so that pools do not mix.
fn folder_of(candidates: &Path, vacancies: &Path) -> anyhow::Result<String> {
    #[expect(
        deprecated,
        reason = "SipHasher's results are fixed, unlike DefaultHasher's"
    )]
    let mut hasher = std::hash::SipHasher::new();
    for path in [candidates, vacancies] {
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot read {}", path.display()))?;
        path.hash(&mut hasher);
    }
    Ok(format!("pool-{:016x}", hasher.finish()))
}

async fn show(
    gateway: &Gateway,
    pool: &Pool,
    args: &DemoArgs,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let candidates = ingest_file(gateway, (Kind::Candidates, &pool.candidates, 1), output).await?;
    let every = thinning(&pool.vacancies, args.max_vacancies, output)?;
    let vacancies = ingest_file(gateway, (Kind::Vacancies, &pool.vacancies, every), output).await?;

    let stored = stored_vacancies(gateway).await?;
    let chosen = spread(stored.len(), MATCHED);
    for vacancy in chosen.iter().map(|place| &stored[*place]) {
        print_vacancy(vacancy, output)?;
        let options = OptionArgs {
            k: Some(SHORTLIST),
            explain: true,
            ..OptionArgs::default()
        };
        let query = Query::Stored(ProfileKind::Vacancy, vacancy.id.clone());
        let answer = matching::search(gateway, query, &options).await?;
        print::print_answer(&answer, options.explain, output)?;
    }
    let example = chosen.first().map(|place| stored[*place].id.as_str());
    print_next_commands(pool, example.unwrap_or("ID"), output)?;
    let rejected = [candidates, vacancies].contains(&Outcome::Rejected);
    Ok(if rejected {
        Outcome::Rejected
    } else {
        Outcome::Done
    })
}

async fn ingest_file(
    gateway: &Gateway,
    (kind, path, every): (Kind, &Path, u64),
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let args = IngestArgs {
        files: vec![path.to_owned()],
        kind,
        server: ServerArgs {
            server: gateway.address().to_owned(),
        },
        reading: ReadingArgs::keeping(),
        format: None,
        batch: 32,
        in_flight: 4,
        every,
        limit: None,
        rejects: None,
    };
    ingest::ingest(gateway, &args, output).await
}

/// Returns n such that every n-th record of a file makes at most `most`.
fn thinning(path: &Path, most: NonZeroU64, output: &mut Output) -> anyhow::Result<u64> {
    let count = ingest::count_records(path)?;
    let every = count.div_ceil(most.get()).max(1);
    if every > 1 {
        output.line(format_args!(
            "of {count} vacancies, the first of every {every} is read (--max-vacancies {most})"
        ))?;
    }
    Ok(every)
}

/// Every stored vacancy, in id order.
async fn stored_vacancies(gateway: &Gateway) -> anyhow::Result<Vec<v1::Vacancy>> {
    let mut request = v1::ListProfilesRequest {
        kind: v1::ProfileKind::Vacancy.into(),
        page_size: 100,
        page_token: String::new(),
        filter: None,
    };
    let mut vacancies = Vec::new();
    loop {
        let response = gateway.profiles().list_profiles(request.clone()).await;
        let response = response
            .map_err(|status| gateway.refusal(&status))?
            .into_inner();
        vacancies.extend(
            response
                .profiles
                .into_iter()
                .filter_map(|profile| match profile.kind {
                    Some(v1::profile::Kind::Vacancy(vacancy)) => Some(vacancy),
                    Some(v1::profile::Kind::Candidate(_)) | None => None,
                }),
        );
        if response.next_page_token.is_empty() {
            return Ok(vacancies);
        }
        request.page_token = response.next_page_token;
    }
}

/// Chooses `count` places spread evenly over `length`, first and last included.
fn spread(length: usize, count: usize) -> Vec<usize> {
    if length <= count {
        return (0..length).collect();
    }
    (0..count)
        .map(|place| place * (length - 1) / (count - 1).max(1))
        .collect()
}

fn print_vacancy(vacancy: &v1::Vacancy, output: &mut Output) -> std::io::Result<()> {
    let title = if vacancy.title.trim().is_empty() {
        &vacancy.description
    } else {
        &vacancy.title
    };
    let title = print::clip(title, 100);
    let place = vacancy
        .location
        .as_ref()
        .map(|location| location.place.as_str())
        .unwrap_or_default();
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(", {place}")
    };
    output.line(format_args!(""))?;
    output.line(format_args!(
        "{}{place}  [{}]",
        output.bold(&title),
        vacancy.id
    ))?;
    let skills: Vec<&str> = vacancy
        .required_skills
        .iter()
        .map(|skill| skill.name.as_str())
        .collect();
    if skills.is_empty() {
        return Ok(());
    }
    output.line(format_args!("asks for {}", skills.join(", ")))
}

fn print_next_commands(pool: &Pool, vacancy: &str, output: &mut Output) -> std::io::Result<()> {
    let program = program();
    let folder = pool.folder.display();
    output.line(format_args!(""))?;
    output.line(format_args!("{}", output.bold("Try next:")))?;
    for (command, what) in [
        (
            format!("up --data-dir {folder}"),
            "serve this pool (then, in another terminal:)",
        ),
        ("status".to_owned(), "how the cluster fares"),
        (
            format!("match --vacancy {vacancy} -k 10 --explain"),
            "a longer shortlist, explained",
        ),
        (
            format!("match --vacancy {vacancy} --filter language=fr --json"),
            "filtered, as JSON",
        ),
        (
            "list --kind candidates --limit 5".to_owned(),
            "who is in the pool",
        ),
    ] {
        output.line(format_args!("  {program} {command}"))?;
        output.line(format_args!("      {}", output.dim(what)))?;
    }
    output.line(format_args!(
        "  echo 'pastry chef in Nantes' | {program} match - -k 3"
    ))?;
    output.line(format_args!(
        "      {}",
        output.dim("a vacancy in your own words")
    ))
}

/// This program as it was called.
fn program() -> String {
    let called = std::env::args_os().next();
    called.map_or_else(
        || "vivier".to_owned(),
        |path| path.to_string_lossy().into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_spread_over_the_file() {
        assert_eq!(spread(0, 3), [] as [usize; 0]);
        assert_eq!(spread(2, 3), [0, 1]);
        assert_eq!(spread(12, 3), [0, 5, 11]);
        assert_eq!(spread(200, 3), [0, 99, 199]);
        assert_eq!(spread(5, 1), [0]);
    }
}
