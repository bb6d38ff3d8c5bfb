//! What `vivier bench match` prints.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;

use super::audit::Recall;
use super::fill::Filled;
use super::load::Load;
use super::stage::{Counts, Restart};
use super::writes::BesideWrites;
use crate::output::Output;

/// Everything that was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) profiles: u64,
    /// Absent when the shard was full.
    pub(crate) fill: Option<Filled>,
    pub(crate) index: Counts,
    /// Whether sealing and merging had ended.
    pub(crate) settled: bool,
    pub(crate) restart: Restart,
    pub(crate) loads: Vec<Load>,
    /// Resident megabytes of each service: all, and without pages of files.
    pub(crate) memory: BTreeMap<String, [f64; 2]>,
    /// Absent when none was asked for.
    pub(crate) recall: Option<Recall>,
    /// Absent when none was asked for.
    pub(crate) beside_writes: Option<BesideWrites>,
}

impl Report {
    /// Prints for people.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn print(&self, output: &mut Output) -> io::Result<()> {
        let index = &self.index;
        output.line(format_args!(
            "{} profiles: {} in {} segments, {} in memory, {} dead; vectors {:.0} MB, log {:.0} MB",
            self.profiles,
            index.sealed,
            index.segments,
            index.points.saturating_sub(index.sealed),
            index.tombstones,
            megabytes(index.vector_bytes),
            megabytes(index.log_bytes),
        ))?;
        if !self.settled {
            output.line(format_args!("the index was still sealing or merging"))?;
        }
        if let Some(fill) = &self.fill {
            output.line(format_args!(
                "filled: {} profiles in {:.1} s, {:.0} a second",
                fill.profiles, fill.seconds, fill.per_second
            ))?;
        }
        output.line(format_args!(
            "restart: the index answers after {:.2} s, a match is as before after {:.2} s",
            self.restart.index_s, self.restart.answer_s
        ))?;
        for load in &self.loads {
            print_load(load, output)?;
        }
        for (name, [all, own]) in &self.memory {
            output.line(format_args!(
                "memory of {name}: {all:.0} MB, of which {own:.0} MB are not pages of files"
            ))?;
        }
        if let Some(recall) = &self.recall {
            let plans: Vec<&str> = recall.plans.iter().map(String::as_str).collect();
            output.line(format_args!(
                "recall on {} queries: at 100 {:.4}, at 1,000 {:.4}, of the results {:.4} ({})",
                recall.queries,
                recall.at_100,
                recall.at_1000,
                recall.results,
                plans.join(", ")
            ))?;
        }
        if let Some(beside) = &self.beside_writes {
            print_beside_writes(beside, output)?;
        }
        Ok(())
    }
}

fn print_beside_writes(beside: &BesideWrites, output: &mut Output) -> io::Result<()> {
    print_load(&beside.at_rest, output)?;
    output.line(format_args!(
        "\nthe same while {:.0} profiles a second are written:",
        beside.upserts_per_second
    ))?;
    print_load(&beside.writing, output)?;
    output.line(format_args!(
        "search p99 while writing is {:.2} times that at rest; then {} segments, {} in memory",
        beside.search_p99_ratio,
        beside.index.segments,
        beside.index.points.saturating_sub(beside.index.sealed)
    ))
}

fn print_load(load: &Load, output: &mut Output) -> io::Result<()> {
    let clients = match load.clients {
        0 => "one after the other at a rate".to_owned(),
        clients => format!("{clients} clients"),
    };
    output.line(format_args!(
        "\n{clients}: {:.1} matches a second ({} of {:.0} tokens in the mean, {} degraded)",
        load.per_second, load.matches, load.tokens, load.degraded
    ))?;
    output.line(format_args!(
        "           mean ms    p50 ms    p95 ms    p99 ms   share"
    ))?;
    let stages = load
        .stages
        .iter()
        .map(|(name, waits)| (name.as_str(), waits));
    for (name, waits) in stages.chain([("together", &load.total)]) {
        let share = waits.mean / load.total.mean.max(f64::MIN_POSITIVE) * 100.0;
        output.line(format_args!(
            "{name:<9} {:>8.1} {:>9.1} {:>9.1} {:>9.1}   {share:>3.0} %",
            waits.mean, waits.p50, waits.p95, waits.p99
        ))?;
    }
    let cpu = load
        .cpu_ms
        .iter()
        .map(|(name, ms)| format!("{name} {ms:.1}"));
    output.line(format_args!(
        "processor ms for one match: {}",
        cpu.collect::<Vec<_>>().join(", ")
    ))
}

#[expect(clippy::cast_precision_loss, reason = "bytes, shown in megabytes")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
