//! Matches while profiles are written: what a search waits when the index writes,
//! seals and merges beside it.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use vivier_proto::v1;

use super::load::Load;
use super::queries::Queries;
use super::stage::{Counts, Shard, Stage};
use super::synthetic::Pool;
use crate::cluster::Cluster;

/// Share of the greatest rate at which matches come.
const SHARE: f64 = 0.5;
/// Messages of profiles a second.
const MESSAGES: f64 = 10.0;

/// Matches at half of the greatest rate, at rest and while profiles are written.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct BesideWrites {
    /// Matches that came in each second.
    pub(crate) matches_per_second: f64,
    /// Profiles that were written and acknowledged in each second.
    pub(crate) upserts_per_second: f64,
    pub(crate) at_rest: Load,
    pub(crate) writing: Load,
    /// The 99th percentile of the searches while writing to that at rest.
    pub(crate) search_p99_ratio: f64,
    /// The index at the end.
    pub(crate) index: Counts,
}

/// What is written, and what is asked meanwhile.
pub(crate) struct Plan {
    /// Profiles a second.
    pub(crate) upserts: usize,
    /// Greatest number of matches a second.
    pub(crate) peak: f64,
    /// Matches of each of the two runs.
    pub(crate) matches: usize,
    /// Numbers of the profiles to write again, in this order and from the start again.
    pub(crate) numbers: Range<usize>,
}

impl BesideWrites {
    /// Measures both.
    ///
    /// # Errors
    /// When a service refuses anything.
    pub(crate) async fn measure(
        (stage, cluster, shard): (&Stage, &Cluster, &Shard),
        pool: Arc<Pool>,
        queries: &mut Queries,
        plan: &Plan,
    ) -> anyhow::Result<Self> {
        let rate = SHARE * plan.peak;
        let at_rest = Load::paced(stage, cluster, (rate, queries.take(plan.matches))).await?;
        let (stop_tx, stop_rx) = tokio::sync::watch::channel(());
        let (upserts, numbers) = (plan.upserts, plan.numbers.clone());
        let writing = write(shard.clone(), pool, (upserts, numbers), stop_rx);
        let (started, writing) = (Instant::now(), tokio::spawn(writing));
        let load = Load::paced(stage, cluster, (rate, queries.take(plan.matches))).await?;
        drop(stop_tx);
        let written = writing.await.context("writing failed")??;
        let seconds = started.elapsed().as_secs_f64();
        let p99 = |load: &Load| load.stages.get("search").map_or(0.0, |waits| waits.p99);
        Ok(Self {
            matches_per_second: rate,
            upserts_per_second: float(written) / seconds.max(1e-9),
            search_p99_ratio: p99(&load) / p99(&at_rest).max(f64::MIN_POSITIVE),
            at_rest,
            writing: load,
            index: shard.stats().await?,
        })
    }
}

/// Writes profiles evenly until told to stop; returns how many were acknowledged.
async fn write(
    shard: Shard,
    pool: Arc<Pool>,
    (per_second, numbers): (usize, Range<usize>),
    stop: tokio::sync::watch::Receiver<()>,
) -> anyhow::Result<usize> {
    let (tx, rx) = mpsc::channel(2);
    let drawer = tokio::spawn(async move {
        let mut numbers = numbers.cycle();
        let mut clock = tokio::time::interval(Duration::from_secs_f64(1.0 / MESSAGES));
        let size = per_second.div_ceil(10).max(1);
        while stop.has_changed().is_ok() {
            clock.tick().await;
            let request = v1::UpsertRequest {
                collection: pool.spec().name.clone(),
                model_fingerprint: pool.spec().model_fingerprint.clone(),
                points: numbers.by_ref().take(size).map(|n| pool.point(n)).collect(),
            };
            if tx.send(request).await.is_err() {
                break;
            }
        }
    });
    let answers = shard.client().upsert(ReceiverStream::new(rx)).await?;
    let (mut answers, mut written) = (answers.into_inner(), 0);
    while let Some(answer) = answers.message().await? {
        written += answer.inserted + answer.replaced;
    }
    drawer.await?;
    Ok(usize::try_from(written)?)
}

#[expect(clippy::cast_precision_loss, reason = "a count of profiles")]
fn float(count: usize) -> f64 {
    count as f64
}
