//! Builds a segment and times searches of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use serde::Serialize;
use vivier_ann::{
    BuildOptions, Layout, Scratch, SearchOptions, Segment, Unwatched, Vectors, build,
};
use vivier_runtime::CpuPool;

use super::filters::{FilterRow, Filtered};
use super::vectors::Sets;

/// A segment's file, and what it cost.
pub(crate) struct Sealed {
    path: PathBuf,
    /// The vector that each row is.
    pub(crate) order: Vec<u32>,
    pub(crate) residual: usize,
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: Option<f64>,
}

/// What is asked and expected.
pub(crate) struct Queries {
    dim: usize,
    k: usize,
    vectors: Vec<f32>,
    truth: Vec<u32>,
}

/// Figures of one width of the search.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    engine: &'static str,
    pub(crate) ef: usize,
    pub(crate) recall: f64,
    pub(crate) qps: f64,
    cpu_qps: Option<f64>,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Scores computed by a search, in the mean.
    distances: f64,
}

/// Builds the segment of the vectors and writes its file; the vectors are dropped.
///
/// # Errors
/// When it cannot be built or written.
pub(crate) fn sealed(
    sets: Sets,
    pool: &CpuPool,
    options: BuildOptions,
    path: &Path,
) -> anyhow::Result<(Sealed, Queries)> {
    let layout = Layout::single(sets.dim)?;
    let vectors = Vectors::new(&sets.vectors, &layout)?;
    let (start, cpu) = (Instant::now(), cpu_seconds("/proc/self/task"));
    let built = pool.install(|| build(vectors, &layout, &options, &Unwatched))?;
    let built = built.context("the build was stopped")?;
    built.write(path, "")?;
    let spent = cpu_seconds("/proc/self/task");
    let sealed = Sealed {
        path: path.to_owned(),
        order: built.order().to_vec(),
        residual: built.residual(),
        seconds: start.elapsed().as_secs_f64(),
        cpu_seconds: spent.zip(cpu).map(|(after, before)| after - before),
    };
    let queries = Queries {
        dim: sets.dim,
        k: sets.k,
        vectors: sets.queries,
        truth: sets.truth,
    };
    Ok((sealed, queries))
}

/// An open segment that is searched on this thread.
pub(crate) struct Bench<'a> {
    segment: Segment,
    sealed: &'a Sealed,
    queries: Queries,
    scratch: Scratch,
    rss_before: Option<f64>,
}

impl<'a> Bench<'a> {
    /// Opens a segment.
    ///
    /// # Errors
    /// When its file cannot be read.
    pub(crate) fn open(sealed: &'a Sealed, queries: Queries) -> anyhow::Result<Self> {
        let rss_before = rss_bytes();
        Ok(Self {
            segment: Segment::open(&sealed.path)?,
            sealed,
            queries,
            scratch: Scratch::default(),
            rss_before,
        })
    }

    /// Returns what searches touch.
    pub(crate) fn bytes_per_point(&self) -> f64 {
        float(self.segment.resident_bytes()) / f64::from(self.segment.rows().max(1))
    }

    /// Returns the growth of the resident memory since before the segment was opened.
    pub(crate) fn rss_bytes_per_point(&self) -> Option<f64> {
        let grown = rss_bytes()? - self.rss_before?;
        Some(grown / f64::from(self.segment.rows().max(1)))
    }

    /// Searches for all queries one after the other, once to warm up and once timed.
    ///
    /// # Errors
    /// When a query does not fit the segment.
    pub(crate) fn search(&mut self, ef: usize) -> anyhow::Result<Row> {
        let k = self.queries.k;
        let (mut times, mut hits, mut cpu, mut distances) = (Vec::new(), 0, None, 0);
        for timed in [false, true] {
            let before = cpu_seconds("/proc/thread-self");
            let mut answers = Vec::new();
            for query in self.queries.vectors.chunks(self.queries.dim) {
                let start = Instant::now();
                let query = self.segment.query(query, &[1.0])?;
                let found = query.search(SearchOptions { k, ef }, None, &mut self.scratch)?;
                if timed {
                    times.push(start.elapsed().as_secs_f64());
                    distances += found.distances;
                    answers.push(found.hits);
                }
            }
            cpu = cpu_seconds("/proc/thread-self")
                .zip(before)
                .map(|(after, before)| after - before);
            for (truth, found) in self.queries.truth.chunks(k).zip(&answers) {
                let truth: HashSet<u32> = truth.iter().copied().collect();
                let input = |row: u32| {
                    usize::try_from(row)
                        .ok()
                        .and_then(|row| self.sealed.order.get(row))
                };
                let right = found
                    .iter()
                    .filter_map(|hit| input(hit.row))
                    .filter(|input| truth.contains(input));
                hits += right.count();
            }
        }
        let seconds: f64 = times.iter().sum();
        let count = float(times.len());
        times.sort_by(f64::total_cmp);
        let ms = |share: usize| {
            times
                .get(times.len() * share / 100)
                .copied()
                .unwrap_or_default()
                * 1e3
        };
        Ok(Row {
            engine: "vivier",
            ef,
            recall: float(hits) / float(self.queries.truth.len()),
            qps: count / seconds,
            cpu_qps: cpu.map(|seconds| count / seconds),
            p50_ms: ms(50),
            p99_ms: ms(99),
            distances: float(distances) / count,
        })
    }

    /// Searches for all queries under filters of many kinds.
    ///
    /// # Errors
    /// When a query does not fit the segment.
    pub(crate) fn filtered(&self, ef: usize) -> anyhow::Result<Vec<FilterRow>> {
        let filtered = Filtered {
            segment: &self.segment,
            queries: &self.queries.vectors,
            options: SearchOptions {
                k: self.queries.k,
                ef,
            },
        };
        filtered.measure()
    }
}

/// Returns the processor time of a thread, or the sum of a folder of threads, where
/// the system says it.
fn cpu_seconds(folder: &str) -> Option<f64> {
    let of = |path: PathBuf| -> Option<f64> {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
        Some(nanoseconds / 1e9)
    };
    if folder.ends_with("thread-self") {
        return of(folder.into());
    }
    let threads = std::fs::read_dir(folder).ok()?;
    threads.map(|thread| of(thread.ok()?.path())).sum()
}

/// Returns the resident memory of this process, where the system says it.
fn rss_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1_024.0)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 53 bits"
)]
fn float(number: usize) -> f64 {
    number as f64
}
