//! `vivier bench index`: builds a segment of vectors, searches it, and prints recall
//! and speed.

mod filters;
mod measure;
mod synthetic;
mod vectors;

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use vivier_runtime::CpuPool;

use self::filters::FilterRow;
use self::measure::{Bench, Row, sealed};
use self::synthetic::Shape;
use self::vectors::Sets;
use crate::failure::{Outcome, Usage};
use crate::output::Output;

/// Arguments of `vivier bench index`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Files are raw little-endian numbers, row after row: f32 vectors of --dim values, f32
queries of as many, and i32 truth: for each query the -k vectors of greatest inner
product, counted from 0.

What is printed first:
  build_s                 from vectors to a segment's file, synced
  bytes_per_point         what searches touch: both planes of bytes, scales, links
  rss_bytes_per_point     growth of the resident memory from before the segment is
                          opened to after all searches
then for each width of the search, on one thread:
  recall                  share of the truth that is found
  qps, cpu_qps            searches a second: by the clock, and of processor time
  p50_ms, p99_ms          of one search

With --filters then, for filters of many kinds, each search five times in turn with the
same search without the filter; the shortest of the five counts:
  allowed                 share of the vectors that the filter allows
  plan                    walk: over the graph; scan: all that are allowed
  recall                  share of the best allowed, by a scan, that is found
  p50_ms, p99_ms          of one search, then how many times as long as without filter

Examples:
  vivier bench index --synthetic 200000,256
  vivier bench index --synthetic 200000,256 --ef 260 --filters
  vivier bench index --vectors x.bin --queries q.bin --truth gt.bin --dim 256 -k 100 --json")]
pub(crate) struct IndexArgs {
    /// Vectors to be searched.
    #[arg(long, value_name = "FILE", requires_all = ["queries", "truth", "dim"])]
    vectors: Option<PathBuf>,
    /// Queries.
    #[arg(long, value_name = "FILE", requires = "vectors")]
    queries: Option<PathBuf>,
    /// The best vectors of each query, found exactly.
    #[arg(long, value_name = "FILE", requires = "vectors")]
    truth: Option<PathBuf>,
    /// Number of values of a vector.
    #[arg(long, value_name = "D", requires = "vectors")]
    dim: Option<NonZeroUsize>,
    /// Makes N clustered vectors of D values instead, always the same, 1,000 queries
    /// and their truth.
    #[arg(long, value_name = "N,D", conflicts_with = "vectors")]
    synthetic: Option<Shape>,
    /// Keeps the files that --synthetic makes: x.bin, q.bin and gt.bin.
    #[arg(long, value_name = "DIR", requires = "synthetic")]
    out: Option<PathBuf>,
    /// Vectors wanted of a search.
    #[arg(short, value_name = "K", default_value = "100")]
    k: NonZeroUsize,
    /// Links of a vector above the lowest level; twice as many there.
    #[arg(long, value_name = "M", default_value_t = 16)]
    m: usize,
    /// Width of the search for links while building.
    #[arg(long, value_name = "EF", default_value_t = 200)]
    ef_construction: usize,
    /// Widths of the searches.
    #[arg(
        long,
        value_name = "EF,...",
        value_delimiter = ',',
        default_value = "100,150,200,250,300,400"
    )]
    ef: Vec<usize>,
    /// Searches with filters too, at the last of the widths.
    #[arg(long)]
    filters: bool,
    /// Threads that build; 0 for one on each core. One searches.
    #[arg(long, value_name = "N", default_value_t = 2)]
    threads: usize,
    /// Prints lines of JSON.
    #[arg(long)]
    json: bool,
}

impl IndexArgs {
    fn sets(&self) -> anyhow::Result<Sets> {
        let k = self.k.get();
        let files = (
            &self.vectors,
            &self.queries,
            &self.truth,
            self.dim,
            self.synthetic,
        );
        match files {
            (_, _, _, _, Some(shape)) => {
                let sets = synthetic::make(shape, k, self.threads);
                if let Some(folder) = &self.out {
                    sets.write(folder)?;
                }
                Ok(sets)
            }
            (Some(vectors), Some(queries), Some(truth), Some(dim), None) => {
                Sets::read([vectors, queries, truth], dim.get(), k)
            }
            _ => {
                let what =
                    "--synthetic N,D is needed, or --vectors with --queries, --truth and --dim";
                Err(Usage(what.to_owned()).into())
            }
        }
    }
}

/// Runs `vivier bench index`.
///
/// # Errors
/// When the arguments make no sense, a file cannot be used, or the segment cannot be
/// built.
pub(crate) fn run(args: &IndexArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let sets = args.sets()?;
    let pool = CpuPool::new("bench", args.threads)?;
    let options = vivier_ann::BuildOptions {
        m: args.m,
        ef_construction: args.ef_construction,
    };
    let folder = tempfile::tempdir()?;
    let (sealed, queries) = sealed(sets, &pool, options, &folder.path().join("vectors.ann"))?;
    let mut bench = Bench::open(&sealed, queries)?;
    let rows: Vec<Row> = args
        .ef
        .iter()
        .map(|ef| bench.search(*ef))
        .collect::<Result<_, _>>()?;
    let rss = bench.rss_bytes_per_point();
    let filters = match args.ef.last() {
        Some(ef) if args.filters => bench.filtered(*ef)?,
        _ => Vec::new(),
    };
    if args.json {
        let first = json!({
            "engine": "vivier", "points": sealed.order.len(), "threads": pool.threads(),
            "build_s": sealed.seconds, "build_cpu_s": sealed.cpu_seconds,
            "bytes_per_point": bench.bytes_per_point(), "rss_bytes_per_point": rss,
            "residual": sealed.residual,
        });
        output.line(format_args!("{first}"))?;
        for row in &rows {
            output.line(format_args!("{}", serde_json::to_string(row)?))?;
        }
        for row in &filters {
            output.line(format_args!("{}", serde_json::to_string(row)?))?;
        }
        return Ok(Outcome::Done);
    }
    output.line(format_args!(
        "{} vectors, {} threads: built in {:.1} s; {:.0} bytes a vector; {} found by no walk",
        sealed.order.len(),
        pool.threads(),
        sealed.seconds,
        bench.bytes_per_point(),
        sealed.residual,
    ))?;
    output.line(format_args!(
        "    ef  recall  searches/s     p50 ms     p99 ms"
    ))?;
    for row in &rows {
        output.line(format_args!(
            "{:>6}  {:>6.4}  {:>10.0} {:>10.3} {:>10.3}",
            row.ef, row.recall, row.qps, row.p50_ms, row.p99_ms
        ))?;
    }
    table(&filters, output)?;
    Ok(Outcome::Done)
}

fn table(filters: &[FilterRow], output: &mut Output) -> anyhow::Result<()> {
    if filters.is_empty() {
        return Ok(());
    }
    output.line(format_args!(
        "allowed  filter                      plan  recall   p50 ms   p99 ms    times without it"
    ))?;
    for row in filters {
        let (p50, p99) = row.ratios();
        output.line(format_args!(
            "{:>6.2}%  {:<27} {:<5} {:>6.4} {:>8.3} {:>8.3} {p50:>10.2} {p99:>8.2}",
            row.allowed * 100.0,
            row.filter,
            row.plan,
            row.recall,
            row.p50_ms,
            row.p99_ms
        ))?;
    }
    Ok(())
}
