//! Writes drawn profiles into the index, and waits until it has put them in order.

use std::ops::Range;
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

/// What filling took.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Filled {
    pub(crate) profiles: usize,
    /// Until the last was acknowledged.
    pub(crate) seconds: f64,
    /// Acknowledged profiles a second.
    pub(crate) per_second: f64,
}

/// Draws and writes profiles.
///
/// # Errors
/// When the shard refuses any.
pub(crate) async fn fill(
    shard: &Shard,
    pool: Arc<Pool>,
    numbers: Range<usize>,
) -> anyhow::Result<Filled> {
    let count = numbers.len();
    let bar = bar(count);
    let started = Instant::now();
    let mut streams = JoinSet::new();
    for number in 0..STREAMS {
        let (shard, pool, bar) = (shard.clone(), Arc::clone(&pool), bar.clone());
        let numbers = numbers.start + number * BATCH..numbers.end;
        streams.spawn(async move { stream(shard, pool, numbers, bar).await });
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

/// Writes the first batch, and of the others every fourth.
async fn stream(
    shard: Shard,
    pool: Arc<Pool>,
    numbers: Range<usize>,
    bar: ProgressBar,
) -> anyhow::Result<()> {
    let (tx, rx) = mpsc::channel(2);
    let end = numbers.end;
    let firsts = numbers.step_by(STREAMS * BATCH);
    let sizes: Vec<usize> = firsts.clone().map(|first| BATCH.min(end - first)).collect();
    let drawer = tokio::task::spawn_blocking(move || {
        for first in firsts {
            let numbers = first..end.min(first + BATCH);
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

/// Waits until the index neither changes nor works, or patience ends; says what it
/// holds, and whether it is calm.
///
/// # Errors
/// When the shard does not answer.
pub(crate) async fn settled(
    shard: &Shard,
    process: Option<u32>,
    patience: Duration,
) -> anyhow::Result<(Counts, bool)> {
    let bar = ProgressBar::new_spinner();
    let started = Instant::now();
    let cpu = || process.and_then(cpu_seconds).unwrap_or_default();
    let (mut last, mut used, mut calm) = (shard.stats().await?, cpu(), 0);
    while calm < CALM && started.elapsed() < patience {
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
    Ok((last, calm >= CALM))
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
