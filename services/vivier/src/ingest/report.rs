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
    /// Personal details that were stripped, by kind.
    removed: BTreeMap<String, u64>,
    /// What was doubtful, and how many more of these there were.
    remarks: Vec<Rejection>,
    more_remarks: u64,
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
            removed: BTreeMap::new(),
            remarks: Vec::new(),
            more_remarks: 0,
            all,
        })
    }

    /// Counts an answer of the gateway.
    ///
    /// # Errors
    /// When the file of rejections cannot be written.
    pub(crate) fn answered(&mut self, origin: &Origin, result: v1::UpsertResult) -> io::Result<()> {
        use v1::UpsertOutcome::{Inserted, Rejected, Replaced, Unchanged, Unspecified};
        for (kind, count) in &result.removed {
            *self.removed.entry(kind.clone()).or_default() += u64::from(*count);
        }
        for remark in &result.remarks {
            self.remark(origin, &result.id, remark.clone());
        }
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

    fn remark(&mut self, origin: &Origin, id: &str, remark: v1::FieldViolation) {
        if self.remarks.len() == SHOWN {
            self.more_remarks += 1;
            return;
        }
        let violation = Violation::new(remark.field, remark.value, remark.reason);
        let remark = Rejection::new(origin, Some(id.to_owned()), violation);
        self.remarks.push(remark);
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
        if !self.removed.is_empty() {
            let kinds = self.removed.iter();
            let kinds: Vec<String> = kinds
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            output.line(format_args!(
                "personal details taken out of the texts before anything reads them: {}",
                kinds.join(", ")
            ))?;
        }
        if !self.remarks.is_empty() {
            output.line(format_args!("{}", output.yellow("stored, but in doubt:")))?;
            print_lines(&mut self.remarks, output)?;
            if self.more_remarks > 0 {
                output.line(format_args!("  and {} more", self.more_remarks))?;
            }
        }
        if self.rejected == 0 {
            return Ok(());
        }
        output.line(format_args!("{}", output.red("rejected lines:")))?;
        print_lines(&mut self.shown, output)?;
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

/// Prints lines by file and number, with what is wrong.
fn print_lines(lines: &mut [Rejection], output: &mut Output) -> io::Result<()> {
    lines.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    for line in lines {
        let id = line.id.as_ref().map(|id| format!(" [{id}]"));
        let value = match line.value.as_str() {
            "" => String::new(),
            value => format!(" (got {value:?})"),
        };
        output.line(format_args!(
            "  {}:{}{}  {}: {}{value}",
            line.file,
            line.line,
            id.unwrap_or_default(),
            line.field,
            line.reason
        ))?;
    }
    Ok(())
}
