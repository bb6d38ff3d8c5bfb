//! Writes drawn profiles into the index, and waits until it has put them in order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use vivier_proto::v1;

use super::process::cpu_seconds;
use super::stage::{Counts, Shard};
use super::synthetic::Pool;

/// Profiles of one message.
const BATCH: usize = 250;
/// Streams at once: what waits together is synced together.
const STREAMS: usize = 4;
/// Time between two looks at an index that puts itself in order.
const LOOK: Duration = Duration::from_secs(1);
/// How long nothing must have changed.
const CALM: u32 = 5;
/// Share of one core below which an index is idle.
const IDLE: f64 = 0.1;
/// Longest wait for calm.
const PATIENCE: Duration = Duration::from_secs(4 * 3_600);

/// What filling took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Filled {
    pub(crate) profiles: usize,
    /// Until the last was acknowledged.
    pub(crate) seconds: f64,
    /// Acknowledged profiles a second.
    pub(crate) per_second: f64,
}

/// Draws and writes so many profiles.
///
/// # Errors
/// When the shard refuses any.
pub(crate) async fn fill(shard: &Shard, pool: Pool, count: usize) -> anyhow::Result<Filled> {
    let pool = Arc::new(pool);
    let bar = bar(count);
    let started = Instant::now();
    let mut streams = JoinSet::new();
    for number in 0..STREAMS {
        let (shard, pool, bar) = (shard.clone(), Arc::clone(&pool), bar.clone());
        streams.spawn(async move { stream(shard, pool, (number, count), bar).await });
    }
    while let Some(ended) = streams.join_next().await {
        ended.context("a stream of profiles failed")??;
    }
    bar.finish_and_clear();
    let seconds = started.elapsed().as_secs_f64();
    Ok(Filled {
        profiles: count,
        seconds,
        per_second: float(count) / seconds.max(1e-9),
    })
}

/// Writes every fourth batch.
async fn stream(
    shard: Shard,
    pool: Arc<Pool>,
    (stream, count): (usize, usize),
    bar: ProgressBar,
) -> anyhow::Result<()> {
    let (tx, rx) = mpsc::channel(2);
    let firsts = (stream * BATCH..count).step_by(STREAMS * BATCH);
    let sizes: Vec<usize> = firsts
        .clone()
        .map(|first| BATCH.min(count - first))
        .collect();
    let drawer = tokio::task::spawn_blocking(move || {
        for first in firsts {
            let numbers = first..count.min(first + BATCH);
            let request = v1::UpsertRequest {
                collection: pool.spec().name.clone(),
                model_fingerprint: pool.spec().model_fingerprint.clone(),
                points: numbers.map(|number| pool.point(number)).collect(),
            };
            if tx.blocking_send(request).is_err() {
                break;
            }
        }
    });
    let answers = shard.client().upsert(ReceiverStream::new(rx)).await?;
    let mut answers = answers.into_inner();
    let mut acknowledged = 0;
    while answers.message().await?.is_some() {
        let size = sizes.get(acknowledged).copied().unwrap_or_default();
        bar.inc(u64::try_from(size)?);
        acknowledged += 1;
    }
    drawer.await?;
    if acknowledged != sizes.len() {
        bail!(
            "the index acknowledged {acknowledged} of {} messages",
            sizes.len()
        );
    }
    Ok(())
}

/// Waits until the index neither changes nor works, and says what it holds.
///
/// # Errors
/// When the shard does not answer, or is never calm.
pub(crate) async fn settled(shard: &Shard, process: Option<u32>) -> anyhow::Result<Counts> {
    let bar = ProgressBar::new_spinner();
    let started = Instant::now();
    let cpu = || process.and_then(cpu_seconds).unwrap_or_default();
    let (mut last, mut used, mut calm) = (shard.stats().await?, cpu(), 0);
    while calm < CALM {
        if started.elapsed() > PATIENCE {
            bail!("the index still seals and merges after {PATIENCE:?}");
        }
        tokio::time::sleep(LOOK).await;
        let (now, spent) = (shard.stats().await?, cpu());
        let idle = spent - used < IDLE * LOOK.as_secs_f64();
        calm = if idle && now == last { calm + 1 } else { 0 };
        bar.set_message(format!(
            "sealing and merging: {} of {} profiles in {} segments",
            now.sealed, now.points, now.segments
        ));
        bar.tick();
        (last, used) = (now, spent);
    }
    bar.finish_and_clear();
    Ok(last)
}

fn bar(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(count as u64);
    let template = "{bar:32} {percent:>3}%  {pos} profiles  {per_sec}  {eta} left";
    // A broken template would leave the plain bar.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

#[expect(clippy::cast_precision_loss, reason = "a count of profiles")]
fn float(count: usize) -> f64 {
    count as f64
}
