//! Clients that match one vacancy after the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tokio::task::JoinSet;
use vivier_proto::v1;

use super::process;
use super::stage::{Stage, options};
use crate::bench::measure::Times;
use crate::clients::Gateway;
use crate::cluster::Cluster;

/// Seconds, and the processor seconds of each service before and after.
type Spent = (f64, BTreeMap<String, f64>, BTreeMap<String, f64>);

/// What so many clients saw.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Load {
    /// 0: vacancies came at a rate.
    pub(crate) clients: usize,
    pub(crate) matches: usize,
    pub(crate) per_second: f64,
    pub(crate) total: Waits,
    /// As the answers tell it, in the order of the names.
    pub(crate) stages: BTreeMap<String, Waits>,
    /// Processor milliseconds of each service for one match.
    pub(crate) cpu_ms: BTreeMap<String, f64>,
    /// Answers that lacked something.
    pub(crate) degraded: usize,
    /// Tokens of a vacancy, in the mean.
    pub(crate) tokens: f64,
}

/// Milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Waits {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p95: f64,
    pub(crate) p99: f64,
}

impl Waits {
    /// Summarises times.
    pub(crate) fn of(times: Vec<Duration>) -> Self {
        let count = u32::try_from(times.len()).unwrap_or(u32::MAX).max(1);
        let mean = times.iter().sum::<Duration>() / count;
        let times = Times::new(times);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        Self {
            mean: ms(mean),
            p50: ms(times.percentile(50)),
            p95: ms(times.percentile(95)),
            p99: ms(times.percentile(99)),
        }
    }
}

/// One answered match.
struct Answered {
    wait: Duration,
    report: v1::MatchReport,
}

impl Load {
    /// Sends every vacancy once, so many at a time.
    ///
    /// # Errors
    /// When the gateway refuses one.
    pub(crate) async fn run(
        stage: &Stage,
        cluster: &Cluster,
        (clients, vacancies): (usize, Vec<v1::Vacancy>),
    ) -> anyhow::Result<Self> {
        let (before, started) = (process::cpu(cluster), Instant::now());
        let waiting = Arc::new(Mutex::new(vacancies));
        let mut running = JoinSet::new();
        for _ in 0..clients {
            let gateway = stage.gateway().clone();
            let waiting = Arc::clone(&waiting);
            running.spawn(async move { client(&gateway, &waiting).await });
        }
        let mut answered = Vec::new();
        while let Some(ended) = running.join_next().await {
            answered.extend(ended.context("a client failed")??);
        }
        let spent = (
            started.elapsed().as_secs_f64(),
            before,
            process::cpu(cluster),
        );
        Self::of(clients, &answered, spent)
    }

    /// Sends every vacancy once, evenly at a rate, whether or not those before are
    /// answered; a wait counts from when a vacancy was due.
    ///
    /// # Errors
    /// When the gateway refuses one.
    pub(crate) async fn paced(
        stage: &Stage,
        cluster: &Cluster,
        (per_second, vacancies): (f64, Vec<v1::Vacancy>),
    ) -> anyhow::Result<Self> {
        let (before, started) = (process::cpu(cluster), Instant::now());
        let mut running = JoinSet::new();
        for (number, vacancy) in vacancies.into_iter().enumerate() {
            let due = started + Duration::from_secs_f64(float(number) / per_second);
            let gateway = stage.gateway().clone();
            running.spawn(async move {
                tokio::time::sleep_until(due.into()).await;
                ask(&gateway, vacancy, due).await
            });
        }
        let mut answered = Vec::new();
        while let Some(ended) = running.join_next().await {
            answered.push(ended.context("a client failed")??);
        }
        let spent = (
            started.elapsed().as_secs_f64(),
            before,
            process::cpu(cluster),
        );
        Self::of(0, &answered, spent)
    }

    fn of(clients: usize, answered: &[Answered], spent: Spent) -> anyhow::Result<Self> {
        let (seconds, before, after) = spent;
        let matches = answered.len();
        let share = 1.0 / float(matches.max(1));
        let cpu = after.into_iter().filter_map(|(name, after)| {
            let spent = after - before.get(&name)?;
            Some((name, spent * 1e3 * share))
        });
        let mut stages: BTreeMap<String, Vec<Duration>> = BTreeMap::new();
        let (mut degraded, mut tokens) = (0, 0.0);
        for one in answered {
            degraded += usize::from(!one.report.degradations.is_empty());
            tokens += f64::from(one.report.query_tokens) * share;
            for stage in &one.report.stages {
                let time = Duration::try_from_secs_f64(stage.seconds)?;
                stages.entry(stage.name.clone()).or_default().push(time);
            }
        }
        let stages = stages.into_iter();
        Ok(Self {
            clients,
            matches,
            per_second: float(matches) / seconds.max(1e-9),
            total: Waits::of(answered.iter().map(|one| one.wait).collect()),
            stages: stages
                .map(|(name, times)| (name, Waits::of(times)))
                .collect(),
            cpu_ms: cpu.collect(),
            degraded,
            tokens,
        })
    }
}

async fn client(
    gateway: &Gateway,
    waiting: &Mutex<Vec<v1::Vacancy>>,
) -> anyhow::Result<Vec<Answered>> {
    let mut answered = Vec::new();
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(vacancy) = next else {
            return Ok(answered);
        };
        answered.push(ask(gateway, vacancy, Instant::now()).await?);
    }
}

/// Matches one vacancy; the wait counts from `start`.
async fn ask(gateway: &Gateway, vacancy: v1::Vacancy, start: Instant) -> anyhow::Result<Answered> {
    let request = v1::SearchCandidatesRequest {
        query: Some(v1::search_candidates_request::Query::Vacancy(vacancy)),
        options: Some(options()),
    };
    let answer = gateway.matches().search_candidates(request).await;
    let wait = start.elapsed();
    let answer = answer.map_err(|status| gateway.refusal(&status))?;
    let report = answer.into_inner().report.unwrap_or_default();
    Ok(Answered { wait, report })
}

#[expect(clippy::cast_precision_loss, reason = "a count of matches")]
fn float(count: usize) -> f64 {
    count as f64
}
