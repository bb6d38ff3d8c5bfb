//! `vivier ingest`: files of profiles into the cluster, in bounded memory.

mod cells;
mod decode;
mod feed;
mod lines;
mod mapping;
mod progress;
mod report;
mod schema;
mod send;
mod table;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use tokio::sync::mpsc;
use vivier_types::{Profile, ProfileKind};

pub(crate) use self::feed::Format;
pub(crate) use self::mapping::{Extra, Rename};
pub(crate) use self::schema::fields;

use self::decode::Decoder;
use self::feed::{Feed, FeedLimits};
use self::mapping::Mapping;
use self::progress::Progress;
use self::report::Report;
use self::send::Sender;
use crate::clients::{Gateway, ServerArgs};
use crate::failure::{Outcome, Usage};
use crate::kind::Kind;
use crate::output::Output;

const HELP: &str = "\
Examples:
  vivier ingest candidates.jsonl --kind candidates
  vivier ingest adverts.csv --kind vacancies --map description=summary --extra keep

JSONL: one object a line, with the fields of the profile (see the README).
CSV: a header names the fields; nested ones are dotted (location.place,
location.latitude, mobility.remote, attributes.NAME); lists are separated by |
(skills, titles); languages are written fr:C1|en:B2; experiences and education
hold a JSON list. Empty cells are absent. `--map OURS=THEIRS` reads our field
OURS from their field THEIRS; both may be dotted.

Bad lines are listed and harm no other. Running it again changes nothing. The
exit status is 1 when any line was rejected.";

/// Arguments of `vivier ingest`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub(crate) struct IngestArgs {
    /// Files to read.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// What the files hold.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Kind,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    #[command(flatten)]
    pub(crate) reading: ReadingArgs,
    /// Form of the files; by default told by the extension.
    #[arg(long)]
    pub(crate) format: Option<Format>,
    /// Most profiles in one request.
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) batch: u16,
    /// Requests sent before the first is answered.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) in_flight: u16,
    /// Reads only the first of every N records.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) every: u64,
    /// Stops after this many records of each file.
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    /// Writes every rejected line to this file, as JSONL.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
}

/// How records become profiles.
#[derive(Args, Clone, Debug)]
pub(crate) struct ReadingArgs {
    /// Reads our field OURS from their field THEIRS; repeatable.
    #[arg(long, value_name = "OURS=THEIRS")]
    pub(crate) map: Vec<Rename>,
    /// What becomes of unknown fields.
    #[arg(long, value_enum, default_value = "reject")]
    pub(crate) extra: Extra,
    /// Longest line, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 20)]
    pub(crate) max_line_bytes: u32,
}

impl ReadingArgs {
    /// The same reading that the demo uses: unknown fields are kept.
    pub(crate) fn keeping() -> Self {
        Self {
            map: Vec::new(),
            extra: Extra::Keep,
            max_line_bytes: 4 << 20,
        }
    }

    fn mapping(&self, kind: ProfileKind) -> Result<Mapping, Usage> {
        Mapping::new(kind, self.map.clone(), self.extra).map_err(Usage)
    }

    fn max_line_bytes(&self) -> usize {
        usize::try_from(self.max_line_bytes).unwrap_or(usize::MAX)
    }
}

/// Runs `vivier ingest`.
///
/// # Errors
/// When a file cannot be read or the cluster fails; rejected lines are no error
/// but an [`Outcome::Rejected`].
pub(crate) async fn run(args: &IngestArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    ingest(&gateway, args, output).await
}

/// Ingests into a gateway.
///
/// # Errors
/// As [`run`].
pub(crate) async fn ingest(
    gateway: &Gateway,
    args: &IngestArgs,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    let kind = ProfileKind::from(args.kind);
    let decoder = Decoder::new(kind, args.reading.mapping(kind)?);
    let limits = FeedLimits {
        max_line_bytes: args.reading.max_line_bytes(),
        batch_profiles: usize::from(args.batch),
        batch_bytes: 1 << 20,
        every: args.every,
        max_records: args.limit,
    };
    let total_bytes = total_bytes(&args.files)?;
    let mut report = Report::start(args.rejects.as_deref())
        .with_context(|| format!("cannot create {}", shown(args.rejects.as_deref())))?;

    let (batches_tx, batches_rx) = mpsc::channel(2);
    let feed = Feed::new(decoder, limits, args.format, batches_tx);
    let files = args.files.clone();
    let reader = tokio::task::spawn_blocking(move || feed.run(&files));
    let sent = {
        let progress = Progress::start(total_bytes);
        let in_flight = usize::from(args.in_flight);
        let mut sender = Sender {
            gateway,
            in_flight,
            report: &mut report,
            progress: &progress,
        };
        sender.send_all(batches_rx).await
    };
    let decoder = reader.await.context("the reader failed")?;
    report.print(output, kind.plural())?;
    for rename in decoder.mapping().unused() {
        crate::report_line(&format!("note: --map {rename}: no record had that field"));
    }
    sent?;
    Ok(if report.rejected() > 0 {
        Outcome::Rejected
    } else {
        Outcome::Done
    })
}

/// Decodes one JSON record as a query; it needs no id.
///
/// # Errors
/// Names the field that breaks a rule.
pub(crate) fn decode_query(
    kind: ProfileKind,
    reading: &ReadingArgs,
    record: &[u8],
) -> anyhow::Result<Profile> {
    let mut decoder = Decoder::for_query(kind, reading.mapping(kind)?);
    Ok(decoder.json_line(record)?)
}

/// Counts the records of a file, good or bad.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn count_records(path: &Path) -> anyhow::Result<u64> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(unreadable)?;
    let input = std::io::BufReader::with_capacity(256 << 10, file);
    let mut count: u64 = 0;
    match Format::of(path) {
        Format::Jsonl => {
            // One byte of a line is enough to see whether it is empty.
            let mut reader = lines::LineReader::new(input, 1);
            while let Some((_, line)) = reader.next().with_context(unreadable)? {
                let empty =
                    matches!(line, lines::Line::Bytes(bytes) if bytes.trim_ascii().is_empty());
                count += u64::from(!empty);
            }
        }
        Format::Csv => {
            let mut reader = table::TableReader::new(input, 1);
            while reader.next().with_context(unreadable)?.is_some() {
                count += 1;
            }
            count = count.saturating_sub(1);
        }
    }
    Ok(count)
}

/// Returns the line with this number, or the first that is not empty.
///
/// # Errors
/// When the file cannot be read, has no such line, or the line is too long.
pub(crate) fn read_line(
    path: &Path,
    number: Option<u64>,
    max_bytes: usize,
) -> anyhow::Result<Vec<u8>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(unreadable)?;
    let mut reader = lines::LineReader::new(std::io::BufReader::new(file), max_bytes);
    while let Some((found, line)) = reader.next().with_context(unreadable)? {
        if number.is_some_and(|wanted| wanted != found) {
            continue;
        }
        match line {
            lines::Line::Bytes(bytes) if bytes.trim_ascii().is_empty() && number.is_none() => {}
            lines::Line::Bytes(bytes) => return Ok(bytes.to_vec()),
            lines::Line::TooLong { bytes } => {
                anyhow::bail!(
                    "{}:{found}: {bytes} bytes, limit {max_bytes}",
                    path.display()
                )
            }
        }
    }
    match number {
        Some(number) => anyhow::bail!("{} has no line {number}", path.display()),
        None => anyhow::bail!("{} is empty", path.display()),
    }
}

fn total_bytes(files: &[PathBuf]) -> anyhow::Result<u64> {
    let mut total = 0;
    for path in files {
        let found =
            std::fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
        if found.is_dir() {
            anyhow::bail!("cannot read {}: it is a folder", path.display());
        }
        total += found.len();
    }
    Ok(total)
}

fn shown(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string())
        .unwrap_or_default()
}
