//! Filtered searches, each timed in turn with the same search without a filter.

use std::collections::{BTreeMap, HashSet};
use std::time::Instant;

use serde::Serialize;
use vivier_ann::{Plan, Query, RowSet, Scratch, SearchOptions, Segment};

use super::synthetic::Random;

/// Times that each search is made; the shortest counts, so that what else runs on the
/// machine does not.
const ROUNDS: usize = 5;
/// Rows that are allowed or refused together where whole neighbourhoods are: rows lie
/// in the order of their neighbourhoods.
const BLOCK: u32 = 50;

/// What a filter allows.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Rows drawn at random.
    Random,
    /// What lies farthest on one side of a random plane.
    Side,
    /// Runs of neighbouring rows.
    Blocks,
    /// What is least like the query.
    Least,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Random => "at random",
            Self::Side => "one side of a random plane",
            Self::Blocks => "whole neighbourhoods",
            Self::Least => "least like the query",
        }
    }
}

/// Kinds and shares of rows that are measured.
const FILTERS: [(Kind, f64); 15] = [
    (Kind::Random, 0.9),
    (Kind::Random, 0.5),
    (Kind::Random, 0.2),
    (Kind::Random, 0.12),
    (Kind::Random, 0.1),
    (Kind::Random, 0.05),
    (Kind::Random, 0.01),
    (Kind::Random, 0.001),
    (Kind::Random, 0.0001),
    (Kind::Side, 0.5),
    (Kind::Side, 0.2),
    (Kind::Blocks, 0.5),
    (Kind::Blocks, 0.2),
    (Kind::Least, 0.9),
    (Kind::Least, 0.5),
];

/// Figures of one filter, and of the searches without it made beside.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FilterRow {
    engine: &'static str,
    pub(crate) filter: &'static str,
    /// Share of the rows that are allowed.
    pub(crate) allowed: f64,
    /// How most searches were done.
    pub(crate) plan: &'static str,
    pub(crate) recall: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) unfiltered_p50_ms: f64,
    pub(crate) unfiltered_p99_ms: f64,
    /// Scores computed by a search, in the mean.
    distances: f64,
    /// Rows whose neighbours were looked at, in the mean.
    visited: f64,
}

impl FilterRow {
    /// Returns how many times as long as without the filter: median, 99th percentile.
    pub(crate) fn ratios(&self) -> (f64, f64) {
        (
            self.p50_ms / self.unfiltered_p50_ms,
            self.p99_ms / self.unfiltered_p99_ms,
        )
    }
}

/// What is searched, and how.
pub(crate) struct Filtered<'a> {
    pub(crate) segment: &'a Segment,
    /// `[n, dim]`
    pub(crate) queries: &'a [f32],
    pub(crate) options: SearchOptions,
}

/// A query, what it may find, and the rows that it should.
struct Asked<'a> {
    query: Query<'a>,
    allow: RowSet,
    truth: HashSet<u32>,
}

/// Sums over the searches under one filter.
#[derive(Default)]
struct Sums {
    found: usize,
    wanted: usize,
    distances: usize,
    visited: usize,
    plans: BTreeMap<&'static str, usize>,
}

impl Filtered<'_> {
    /// Measures every filter.
    ///
    /// # Errors
    /// When a query does not fit the segment.
    pub(crate) fn measure(&self) -> anyhow::Result<Vec<FilterRow>> {
        let filters = FILTERS.iter();
        filters
            .map(|(kind, share)| self.measure_one(*kind, *share))
            .collect()
    }

    fn measure_one(&self, kind: Kind, share: f64) -> anyhow::Result<FilterRow> {
        let scratch = &mut Scratch::default();
        let asked = self.ask(kind, share, scratch)?;
        let mut sums = Sums::default();
        let mut times = vec![[const { Vec::new() }; 2]; asked.len()];
        for _ in 0..ROUNDS {
            for (one, [without, with]) in asked.iter().zip(&mut times) {
                let start = Instant::now();
                one.query.search(self.options, None, scratch)?;
                without.push(start.elapsed().as_secs_f64());
                let start = Instant::now();
                let found = one.query.search(self.options, Some(&one.allow), scratch)?;
                with.push(start.elapsed().as_secs_f64());
                let right = found.hits.iter().filter(|hit| one.truth.contains(&hit.row));
                sums.found += right.count();
                sums.wanted += one.truth.len();
                sums.distances += found.distances;
                sums.visited += found.visited;
                *sums.plans.entry(name(found.plan)).or_default() += 1;
            }
        }
        let [without, with] = [0, 1].map(|at| {
            let mut shortest: Vec<f64> = times.iter().map(|both| least(&both[at])).collect();
            shortest.sort_by(f64::total_cmp);
            shortest
        });
        let searches = float(ROUNDS * asked.len());
        let allowed: f64 = asked.iter().map(|one| f64::from(one.allow.count())).sum();
        let plans = sums.plans.iter().max_by_key(|(_, count)| **count);
        Ok(FilterRow {
            engine: "vivier",
            filter: kind.name(),
            allowed: allowed / float(asked.len()) / f64::from(self.segment.rows().max(1)),
            plan: plans.map_or("", |(plan, _)| *plan),
            recall: float(sums.found) / float(sums.wanted),
            p50_ms: percentile(&with, 50),
            p99_ms: percentile(&with, 99),
            unfiltered_p50_ms: percentile(&without, 50),
            unfiltered_p99_ms: percentile(&without, 99),
            distances: float(sums.distances) / searches,
            visited: float(sums.visited) / searches,
        })
    }

    /// Draws the filter and finds the truth: a scan is exact.
    fn ask(&self, kind: Kind, share: f64, scratch: &mut Scratch) -> anyhow::Result<Vec<Asked<'_>>> {
        let dim = self.segment.layout().dim();
        let mut random = Random::of(5, 0);
        let rows = self.segment.rows();
        let drawn = match kind {
            Kind::Random => RowSet::of(rows, (0..rows).filter(|_| random.unit() < share)),
            Kind::Blocks => {
                let blocks: Vec<bool> = (0..=rows / BLOCK).map(|_| random.unit() < share).collect();
                let is_in = |row: &u32| {
                    let block = usize::try_from(row / BLOCK).ok();
                    block.and_then(|block| blocks.get(block)).copied() == Some(true)
                };
                RowSet::of(rows, (0..rows).filter(is_in))
            }
            Kind::Side => self.most_like(&random.normal(dim), share, scratch)?,
            Kind::Least => RowSet::empty(rows),
        };
        let mut asked = Vec::new();
        for vector in self.queries.chunks(dim) {
            let query = self.segment.query(vector, &[1.0])?;
            let allow = match kind {
                Kind::Random | Kind::Blocks | Kind::Side => drawn.clone(),
                Kind::Least => {
                    let opposite: Vec<f32> = vector.iter().map(|value| -value).collect();
                    self.most_like(&opposite, share, scratch)?
                }
            };
            let best = query.scan(self.options.k, Some(&allow), scratch)?;
            let truth = best.hits.iter().map(|hit| hit.row).collect();
            asked.push(Asked {
                query,
                allow,
                truth,
            });
        }
        Ok(asked)
    }

    /// Returns the share of all rows that is most like a vector.
    fn most_like(
        &self,
        vector: &[f32],
        share: f64,
        scratch: &mut Scratch,
    ) -> anyhow::Result<RowSet> {
        let rows = self.segment.rows();
        let kept = (0..rows).take_while(|row| f64::from(*row) < share * f64::from(rows));
        let query = self.segment.query(vector, &[1.0])?;
        let best = query.scan(kept.count(), None, scratch)?;
        Ok(RowSet::of(rows, best.hits.iter().map(|hit| hit.row)))
    }
}

fn name(plan: Plan) -> &'static str {
    match plan {
        Plan::Graph => "graph",
        Plan::Filtered => "walk",
        Plan::Scan => "scan",
    }
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Returns a percentile of sorted seconds, in milliseconds.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let found = sorted.get(sorted.len() * percent / 100);
    found.copied().unwrap_or_default() * 1e3
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 53 bits"
)]
fn float(number: usize) -> f64 {
    number as f64
}
