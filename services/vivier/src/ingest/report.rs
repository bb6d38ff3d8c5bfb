//! Counts what became of each record, and keeps the rejected lines.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use vivier_proto::v1;
use vivier_types::Violation;

use crate::output::Output;

/// Most rejected lines shown on screen.
const SHOWN: usize = 20;

/// Where a record came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file as named by the user.
    pub(crate) file: Arc<str>,
    /// First line of the record, from 1.
    pub(crate) line: u64,
}

/// A line that was not taken, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Rejection {
    pub(crate) file: String,
    pub(crate) line: u64,
    /// The id, when the record had a usable one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    pub(crate) field: String,
    pub(crate) value: String,
    pub(crate) reason: String,
}

impl Rejection {
    /// Describes a rejected record.
    pub(crate) fn new(origin: &Origin, id: Option<String>, violation: Violation) -> Self {
        Self {
            file: origin.file.to_string(),
            line: origin.line,
            id,
            field: violation.field,
            value: violation.value,
            reason: violation.reason,
        }
    }
}

/// The result of a run.
pub(crate) struct Report {
    started: Instant,
    inserted: u64,
    replaced: u64,
    unchanged: u64,
    rejected: u64,
    shown: Vec<Rejection>,
    by_reason: BTreeMap<(String, String), u64>,
    all: Option<BufWriter<File>>,
}

impl Report {
    /// Starts the clock; every rejection is also written to `rejects` as JSONL.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub(crate) fn start(rejects: Option<&Path>) -> io::Result<Self> {
        let all = rejects.map(File::create).transpose()?.map(BufWriter::new);
        Ok(Self {
            started: Instant::now(),
            inserted: 0,
            replaced: 0,
            unchanged: 0,
            rejected: 0,
            shown: Vec::new(),
            by_reason: BTreeMap::new(),
            all,
        })
    }

    /// Counts an answer of the gateway.
    ///
    /// # Errors
    /// When the file of rejections cannot be written.
    pub(crate) fn answered(&mut self, origin: &Origin, result: v1::UpsertResult) -> io::Result<()> {
        use v1::UpsertOutcome::{Inserted, Rejected, Replaced, Unchanged, Unspecified};
        match result.outcome() {
            Inserted => self.inserted += 1,
            Replaced => self.replaced += 1,
            Unchanged => self.unchanged += 1,
            Rejected | Unspecified => {
                let violation = result.violation.unwrap_or_default();
                // Files spell coordinates without the message around them.
                let field = violation
                    .field
                    .replace("location.coordinates.", "location.");
                let violation = Violation::new(field, violation.value, violation.reason);
                return self.reject(Rejection::new(origin, Some(result.id), violation));
            }
        }
        Ok(())
    }

    /// Notes a rejected line.
    ///
    /// # Errors
    /// When the file of rejections cannot be written.
    pub(crate) fn reject(&mut self, rejection: Rejection) -> io::Result<()> {
        self.rejected += 1;
        if let Some(all) = &mut self.all {
            serde_json::to_writer(&mut *all, &rejection)?;
            all.write_all(b"\n")?;
        }
        if self.shown.len() < SHOWN {
            self.shown.push(rejection);
        } else if self.by_reason.len() < SHOWN {
            *self
                .by_reason
                .entry((rejection.field, rejection.reason))
                .or_default() += 1;
        } else if let Some(count) = self.by_reason.get_mut(&(rejection.field, rejection.reason)) {
            *count += 1;
        }
        Ok(())
    }

    /// Returns how many records are done.
    pub(crate) fn done(&self) -> u64 {
        self.inserted + self.replaced + self.unchanged + self.rejected
    }

    /// Returns how many records were rejected.
    pub(crate) fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Returns the time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Prints the summary and the rejected lines.
    ///
    /// # Errors
    /// When the output or the file of rejections cannot be written.
    pub(crate) fn print(&mut self, output: &mut Output, what: &str) -> io::Result<()> {
        if let Some(all) = &mut self.all {
            all.flush()?;
        }
        let seconds = self.elapsed().as_secs_f64();
        let rate = self.done() as f64 / seconds.max(1e-9);
        output.line(format_args!(
            "{what}: {} inserted, {} replaced, {} unchanged, {} rejected in {seconds:.1} s ({rate:.0} records/s)",
            self.inserted, self.replaced, self.unchanged, self.rejected,
        ))?;
        if self.rejected == 0 {
            return Ok(());
        }
        output.line(format_args!("{}", output.red("rejected lines:")))?;
        self.shown
            .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        for rejection in &self.shown {
            let id = rejection
                .id
                .as_ref()
                .map(|id| format!(" [{id}]"))
                .unwrap_or_default();
            let value = match rejection.value.as_str() {
                "" => String::new(),
                value => format!(" (got {value:?})"),
            };
            output.line(format_args!(
                "  {}:{}{id}  {}: {}{value}",
                rejection.file, rejection.line, rejection.field, rejection.reason
            ))?;
        }
        let shown = self.shown.len() as u64;
        if self.rejected > shown {
            output.line(format_args!(
                "  and {} more (--rejects FILE writes all)",
                self.rejected - shown
            ))?;
            for ((field, reason), count) in &self.by_reason {
                output.line(format_args!("    {count} times  {field}: {reason}"))?;
            }
        }
        Ok(())
    }
}
