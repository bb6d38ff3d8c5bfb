//! Reads files into batches, on a thread of its own, a bounded number ahead.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use prost::Message;
use tokio::sync::mpsc;
use vivier_proto::v1;
use vivier_types::{Profile, Violation};

use super::decode::{Decoder, too_long};
use super::lines::{Line, LineReader};
use super::report::{Origin, Rejection};
use super::table::{Row, TableReader};

/// Form of the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values with a header.
    Csv,
}

impl Format {
    /// Guesses the form from the extension; JSONL unless it is `.csv`.
    pub(crate) fn of(path: &Path) -> Self {
        match path.extension() {
            Some(extension) if extension.eq_ignore_ascii_case("csv") => Self::Csv,
            Some(_) | None => Self::Jsonl,
        }
    }
}

/// Bounds of the reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeedLimits {
    /// Longest line or row, in bytes.
    pub(crate) max_line_bytes: usize,
    /// Most profiles in a batch.
    pub(crate) batch_profiles: usize,
    /// A batch is closed when its encoded profiles reach this many bytes.
    pub(crate) batch_bytes: usize,
    /// Takes only the first of every so many records.
    pub(crate) every: u64,
    /// Stops after this many records of each file; `None` reads all.
    pub(crate) max_records: Option<u64>,
}

/// Profiles to send, and what was rejected on the way.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Profiles, ready to send.
    pub(crate) profiles: Vec<v1::Profile>,
    /// Where each profile came from.
    pub(crate) origins: Vec<Origin>,
    /// Lines rejected since the last batch.
    pub(crate) rejected: Vec<Rejection>,
    /// Bytes read of all files up to here.
    pub(crate) offset: u64,
    /// Encoded size of the profiles.
    pub(crate) bytes: usize,
}

/// Reads files and hands out batches.
pub(crate) struct Feed {
    decoder: Decoder,
    limits: FeedLimits,
    format: Option<Format>,
    batches_tx: mpsc::Sender<anyhow::Result<Batch>>,
    batch: Batch,
    seen: SeenIds,
    /// Bytes of the files before the current one.
    base: u64,
}

/// The receiver is gone: the run was given up.
struct Gone;

impl Feed {
    /// Makes a feed into `batches_tx`; `format` overrides the extensions.
    pub(crate) fn new(
        decoder: Decoder,
        limits: FeedLimits,
        format: Option<Format>,
        batches_tx: mpsc::Sender<anyhow::Result<Batch>>,
    ) -> Self {
        let seen = SeenIds::default();
        Self {
            decoder,
            limits,
            format,
            batches_tx,
            batch: Batch::default(),
            seen,
            base: 0,
        }
    }

    /// Reads every file, blocking, and returns the decoder with its counts.
    pub(crate) fn run(mut self, files: &[PathBuf]) -> Decoder {
        for path in files {
            match self.read_file(path) {
                Ok(Ok(())) => {}
                Ok(Err(Gone)) => return self.decoder,
                Err(error) => {
                    // A send fails only when nobody listens any more.
                    self.batches_tx.blocking_send(Err(error)).ok();
                    return self.decoder;
                }
            }
        }
        if !self.batch.origins.is_empty() || !self.batch.rejected.is_empty() {
            self.flush().ok();
        }
        self.decoder
    }

    fn read_file(&mut self, path: &Path) -> anyhow::Result<Result<(), Gone>> {
        let unreadable = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let length = file.metadata().with_context(unreadable)?.len();
        let name: Arc<str> = path.display().to_string().into();
        let input = BufReader::with_capacity(256 << 10, file);
        let read = match self.format.unwrap_or_else(|| Format::of(path)) {
            Format::Jsonl => self.read_lines(input, &name),
            Format::Csv => self.read_rows(input, &name),
        };
        self.base += length;
        read.with_context(unreadable)
    }

    fn read_lines(
        &mut self,
        input: BufReader<File>,
        name: &Arc<str>,
    ) -> std::io::Result<Result<(), Gone>> {
        let mut reader = LineReader::new(input, self.limits.max_line_bytes);
        let mut chosen = Choice::default();
        while chosen.wants_more(self.limits) {
            let Some((line, content)) = reader.next()? else {
                break;
            };
            let decoded = match content {
                Line::Bytes(bytes) if bytes.trim_ascii().is_empty() => continue,
                _ if !chosen.takes_next(self.limits) => continue,
                Line::Bytes(bytes) => self.decoder.json_line(bytes),
                Line::TooLong { bytes } => Err(too_long(bytes, self.limits.max_line_bytes)),
            };
            let origin = Origin {
                file: name.clone(),
                line,
            };
            if self.take(origin, decoded, reader.offset()).is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(()))
    }

    fn read_rows(
        &mut self,
        input: BufReader<File>,
        name: &Arc<str>,
    ) -> std::io::Result<Result<(), Gone>> {
        let max_bytes = self.limits.max_line_bytes;
        let mut reader = TableReader::new(input, max_bytes);
        let mut columns: Option<Vec<String>> = None;
        let mut chosen = Choice::default();
        while chosen.wants_more(self.limits) {
            let Some((line, row)) = reader.next()? else {
                break;
            };
            let origin = Origin {
                file: name.clone(),
                line,
            };
            let decoded = match (row, &columns) {
                (_, Some(_)) if !chosen.takes_next(self.limits) => continue,
                (Row::Cells(cells), Some(columns)) => self.decoder.row(columns, cells),
                (Row::TooLong { bytes }, Some(_)) => Err(too_long(bytes, max_bytes)),
                (header, None) => match self.header(header) {
                    Ok(names) => {
                        columns = Some(names);
                        continue;
                    }
                    // Without a header no row means anything.
                    Err(violation) => {
                        return Ok(self.take(origin, Err(violation), reader.offset()));
                    }
                },
            };
            if self.take(origin, decoded, reader.offset()).is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(()))
    }

    fn header(&self, row: Row) -> Result<Vec<String>, Violation> {
        let cells = match row {
            Row::Cells(cells) => cells,
            Row::TooLong { bytes } => return Err(too_long(bytes, self.limits.max_line_bytes)),
        };
        let mut columns = Vec::with_capacity(cells.len());
        for cell in cells {
            let name = String::from_utf8(cell)
                .map_err(|error| Violation::new("header", error, "is not UTF-8"))?;
            columns.push(name.trim().to_owned());
        }
        self.decoder.mapping().check_header(&columns)?;
        Ok(columns)
    }

    fn take(
        &mut self,
        origin: Origin,
        decoded: Result<Profile, Violation>,
        offset: u64,
    ) -> Result<(), Gone> {
        self.batch.offset = self.base + offset;
        match decoded.and_then(|profile| self.seen.admit(profile, &origin)) {
            Ok(profile) => {
                let profile = v1::Profile::from(profile);
                self.batch.bytes += profile.encoded_len();
                self.batch.profiles.push(profile);
                self.batch.origins.push(origin);
            }
            Err(violation) => self
                .batch
                .rejected
                .push(Rejection::new(&origin, None, violation)),
        }
        let limits = self.limits;
        let full = self.batch.profiles.len() >= limits.batch_profiles
            || self.batch.bytes >= limits.batch_bytes
            || self.batch.rejected.len() >= 1_000;
        if full { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Gone> {
        let batch = std::mem::take(&mut self.batch);
        self.batches_tx.blocking_send(Ok(batch)).map_err(|_| Gone)
    }
}

/// Which records of a file are taken.
#[derive(Default)]
struct Choice {
    seen: u64,
    taken: u64,
}

impl Choice {
    fn wants_more(&self, limits: FeedLimits) -> bool {
        limits.max_records.is_none_or(|most| self.taken < most)
    }

    fn takes_next(&mut self, limits: FeedLimits) -> bool {
        let takes = self.seen.is_multiple_of(limits.every);
        self.seen += 1;
        self.taken += u64::from(takes);
        takes
    }
}

/// The ids of a run, as 128-bit hashes: a million ids take some 60 MB.
#[derive(Default)]
struct SeenIds {
    hashers: (RandomState, RandomState),
    first: HashMap<(u64, u64), u64>,
}

impl SeenIds {
    fn admit(&mut self, profile: Profile, origin: &Origin) -> Result<Profile, Violation> {
        let id = profile.id().as_str();
        let hash = (self.hashers.0.hash_one(id), self.hashers.1.hash_one(id));
        match self.first.entry(hash) {
            Entry::Vacant(vacant) => {
                vacant.insert(origin.line);
                Ok(profile)
            }
            Entry::Occupied(first) => {
                let reason = format!(
                    "duplicate id in this run, first seen on line {}",
                    first.get()
                );
                Err(Violation::new("id", id, reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::mapping::{Extra, Mapping};
    use super::*;
    use vivier_types::ProfileKind;

    fn read(name: &str, text: &[u8], limits: FeedLimits) -> Vec<Batch> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let kind = ProfileKind::Candidate;
        let mapping = Mapping::new(kind, Vec::new(), Extra::Reject).unwrap();
        let (tx, mut rx) = mpsc::channel(100);
        Feed::new(Decoder::new(kind, mapping), limits, None, tx).run(&[path]);
        let mut batches = Vec::new();
        while let Ok(batch) = rx.try_recv() {
            batches.push(batch.unwrap());
        }
        batches
    }

    const LIMITS: FeedLimits = FeedLimits {
        max_line_bytes: 60,
        batch_profiles: 2,
        batch_bytes: 1 << 20,
        every: 1,
        max_records: None,
    };

    fn lines(batches: &[Batch]) -> (Vec<u64>, Vec<(u64, String)>) {
        let good = batches
            .iter()
            .flat_map(|batch| &batch.origins)
            .map(|origin| origin.line);
        let bad = batches.iter().flat_map(|batch| &batch.rejected);
        let bad = bad.map(|rejection| (rejection.line, rejection.field.clone()));
        (good.collect(), bad.collect())
    }

    #[test]
    fn bad_lines_harm_no_other() {
        let long = format!("{{\"id\": \"d\", \"text\": \"{}\"}}", "x".repeat(60));
        let text = format!(
            "{{\"id\": \"a\"}}\n\nnope\n{{\"id\": \"b\"}}\n{{\"id\": \"a\"}}\n{long}\n{{\"id\": \"c\"}}"
        );
        let batches = read("a.jsonl", text.as_bytes(), LIMITS);
        let (good, bad) = lines(&batches);
        assert_eq!(good, [1, 4, 7]);
        let bad: Vec<_> = bad
            .iter()
            .map(|(line, field)| (*line, field.as_str()))
            .collect();
        assert_eq!(bad, [(3, "line"), (5, "id"), (6, "line")]);
        assert_eq!(batches.len(), 2);
        assert_eq!(batches[1].offset, text.len() as u64);
        assert!(
            batches[1].rejected[0]
                .reason
                .contains("first seen on line 1")
        );
    }

    #[test]
    fn tables_are_read_and_a_bad_header_stops_its_file() {
        let batches = read("a.CSV", b"id,titles\na,cook|chef\nb\nc,x\n", LIMITS);
        assert_eq!(lines(&batches), (vec![2, 4], vec![(3, "line".to_owned())]));
        let batches = read("a.csv", b"id,who\na,x\nb,y\n", LIMITS);
        assert_eq!(lines(&batches), (vec![], vec![(1, "who".to_owned())]));
    }

    #[test]
    fn reading_stops_after_the_records_wanted() {
        let limits = FeedLimits {
            max_records: Some(2),
            ..LIMITS
        };
        let batches = read(
            "a.jsonl",
            b"{\"id\":\"a\"}\n\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n",
            limits,
        );
        assert_eq!(lines(&batches).0, [1, 3]);
        let limits = FeedLimits { every: 2, ..LIMITS };
        let text = b"{\"id\":\"a\"}\nbad\n\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n";
        assert_eq!(lines(&read("a.jsonl", text, limits)), (vec![1, 4], vec![]));
        let batches = read("a.csv", b"id\na\nb\nc\n", limits);
        assert_eq!(lines(&batches).0, [2, 4]);
    }
}
