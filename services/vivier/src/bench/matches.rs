//! `vivier bench match`: a shard of many profiles, and how long real vacancies take to
//! be matched with it, stage by stage.
//!
//! The services run as processes of their own, as `vivier up --processes` runs them, so
//! that memory and processor time are known for each.

mod audit;
mod fill;
mod load;
mod process;
mod queries;
mod report;
mod seeds;
mod stage;
mod synthetic;
mod writes;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use vivier_runtime::{Shutdown, init_telemetry};

use self::audit::Recall;
use self::load::Load;
use self::queries::Queries;
use self::report::Report;
use self::stage::{Shard, Stage};
use self::synthetic::Pool;
use self::writes::{BesideWrites, Plan};
use crate::config::Config;
use crate::failure::{Outcome, Usage};
use crate::output::Output;

/// Profiles written again when a fill goes on.
const IN_DOUBT: usize = 20_000;
/// Matches before any is timed: caches of the system, buffers, skill names.
const WARM_UP: usize = 64;

/// Arguments of `vivier bench match`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
How profiles are made:
  --sample real CVs, evenly from the file, each with a home, languages, a status and a
  consent as `vivier sample` draws them, are stored through the gateway, which embeds
  them. All others are drawn from these and written straight into the index: titles,
  skills and vectors of one, the place and status of another, 100 to 150 words in
  sentences of CVs, three in four of the same one. A vector is moved from the real one
  to a cosine that some real vector has to its nearest neighbour, in a direction that
  the real ones spread in. The same numbers give the same profiles.

What is sent: whole adverts of the file, each once, with a drawn place; 20 results of
1,000 candidates, reranked and explained.

What is printed, with 1, 4 and 16 clients at once: the wait of a match, matches a
second, processor time of each service for one match, and each stage's time. Then:
recall of the index (its best 100 and 1,000 to those of an exact scan) and of the first
20 results, resident memory, and the time from starting all processes to the first
answer that is the same as before.

Example:
  vivier bench match --profiles 20000 --candidates cvs.jsonl --vacancies adverts.jsonl
  vivier bench match --profiles 1000000 --candidates cvs.jsonl --vacancies adverts.jsonl \\
      --data-dir million --json")]
pub(crate) struct MatchArgs {
    /// Profiles in the shard.
    #[arg(long, value_name = "N", default_value = "20000")]
    profiles: NonZeroUsize,
    /// Real CVs, JSONL with the field "text".
    #[arg(long, value_name = "FILE")]
    candidates: PathBuf,
    /// Real adverts, JSONL as for `vivier match --file`.
    #[arg(long, value_name = "FILE")]
    vacancies: PathBuf,
    /// Real CVs that are embedded; the others are drawn from them.
    #[arg(long, value_name = "N", default_value = "600")]
    sample: NonZeroUsize,
    /// Matches timed for each number of clients.
    #[arg(long, value_name = "N", default_value = "300")]
    queries: NonZeroUsize,
    /// Numbers of clients.
    #[arg(
        long,
        value_name = "N,...",
        value_delimiter = ',',
        default_value = "1,4,16"
    )]
    clients: Vec<NonZeroUsize>,
    /// Queries also answered by an exact scan; 0 for none.
    #[arg(long, value_name = "N", default_value_t = 20)]
    audit: usize,
    /// Profiles a second that are written while matches come at half of the greatest
    /// rate, after the same at rest; 0 for neither.
    #[arg(long, value_name = "N", default_value_t = 0)]
    upserts: usize,
    /// Longest wait for the end of sealing and merging, in minutes; then the shard is
    /// measured as it is.
    #[arg(long, value_name = "MIN", default_value_t = 240)]
    patience: u64,
    /// Keeps the shard in this folder; one that is full is measured as it
    /// is, one that is not is filled.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file (TOML); addresses and folders are chosen all the same.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `vivier bench match`.
///
/// # Errors
/// When a file cannot be used, the services fail, or the folder holds another pool.
pub(crate) async fn run(args: &MatchArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    if args.sample > args.profiles {
        let (sample, profiles) = (args.sample, args.profiles);
        return Err(Usage(format!(
            "--sample {sample} is more than --profiles {profiles}"
        ))
        .into());
    }
    let mut config = Config::load(args.config.as_deref())?;
    if config.telemetry == vivier_runtime::TelemetryConfig::default() {
        config.telemetry.filter = "warn".to_owned();
    }
    init_telemetry(&config.telemetry).map_err(anyhow::Error::from_boxed)?;
    let paced = if args.upserts > 0 { 2 } else { 0 };
    let runs = args.clients.len() + paced;
    let wanted = WARM_UP + args.audit + runs * args.queries.get();
    let queries = Queries::read(&args.vacancies, wanted)?;
    let folder = tempfile::tempdir()?;
    let data = args
        .data_dir
        .clone()
        .unwrap_or_else(|| folder.path().join("data"));
    let stage = Stage::new(config, &data, folder.path())?;
    let signals = Shutdown::on_signals()?;
    tokio::select! {
        report = measure(args, &stage, queries) => {
            let report = report?;
            if args.json {
                output.line(format_args!("{}", serde_json::to_string(&report)?))?;
            } else {
                report.print(output)?;
            }
            Ok(Outcome::Done)
        }
        () = signals.wait() => Ok(Outcome::Rejected),
    }
}

async fn measure(args: &MatchArgs, stage: &Stage, mut queries: Queries) -> anyhow::Result<Report> {
    let first = queries.take(1);
    let patience = Duration::from_secs(args.patience.saturating_mul(60));
    let cluster = stage.start().await?;
    let shard = stage.shard()?;
    let filled = fill(args, stage, &shard).await?;
    let (index, settled) = fill::settled(&shard, process::of(&cluster, "index"), patience).await?;
    let before = stage.answer(&first).await?;
    if before.is_empty() {
        bail!("the pool has no answer to the first vacancy");
    }
    cluster.stop().await?;

    let (cluster, restart) = stage.restart(&first, &before).await?;
    Load::run(stage, &cluster, (1, queries.take(WARM_UP))).await?;
    let mut loads = Vec::new();
    for clients in &args.clients {
        let queries = queries.take(args.queries.get());
        loads.push(Load::run(stage, &cluster, (clients.get(), queries)).await?);
    }
    let memory = process::memory(&cluster);
    let recall = Recall::measure(stage, queries.take(args.audit)).await?;
    let beside_writes = if args.upserts > 0 {
        let plan = Plan {
            upserts: args.upserts,
            peak: loads.iter().map(|load| load.per_second).fold(0.0, f64::max),
            matches: args.queries.get(),
            numbers: 0..drawn(args),
        };
        let pool = Arc::new(pool(args, stage, &shard).await?);
        let stage = (stage, &cluster, &shard);
        Some(BesideWrites::measure(stage, pool, &mut queries, &plan).await?)
    } else {
        None
    };
    cluster.stop().await?;
    Ok(Report {
        profiles: index.points,
        fill: filled,
        index,
        settled,
        restart,
        loads,
        memory,
        recall,
        beside_writes,
    })
}

/// Stores the real profiles, unless they are there, and reads them.
async fn pool(args: &MatchArgs, stage: &Stage, shard: &Shard) -> anyhow::Result<Pool> {
    seeds::store(stage, shard, &args.candidates, args.sample.get()).await
}

/// Returns how many profiles are drawn.
fn drawn(args: &MatchArgs) -> usize {
    args.profiles.get() - args.sample.get()
}

/// Fills the shard unless it is full.
async fn fill(
    args: &MatchArgs,
    stage: &Stage,
    shard: &Shard,
) -> anyhow::Result<Option<fill::Filled>> {
    let there = shard.stats().await?.points;
    let wanted = u64::try_from(args.profiles.get())?;
    if there == wanted {
        return Ok(None);
    }
    if there > wanted {
        let text = format!("the folder holds {there} profiles, --profiles is {wanted}");
        return Err(Usage(text).into());
    }
    let pool = Arc::new(pool(args, stage, shard).await?);
    let (sample, drawn) = (args.sample.get(), drawn(args));
    // The last batches of a fill that was stopped may have been written in any order.
    let known = usize::try_from(there)?.saturating_sub(sample + IN_DOUBT);
    for first in [known, 0] {
        let filled = fill::fill(shard, Arc::clone(&pool), first..drawn).await?;
        if shard.stats().await?.points == wanted {
            return Ok(Some(filled));
        }
    }
    bail!("the folder holds other profiles than this command writes");
}
