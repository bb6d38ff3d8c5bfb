//! The operation log: what was acknowledged, on disk before it was said.
//!
//! One commit is one frame, written and synced (`fdatasync`) before the next:
//!
//! ```text
//! magic 4 | version 1 | first sequence 8 | operations 4 | body length 4
//! | crc32 of the body 4 | crc32 of the 25 bytes before 4 | body
//! ```
//!
//! The body holds each operation behind its length. Because a frame is synced
//! before the next is begun, a crash can tear only the last one: it is cut off
//! at start. A damaged frame with a sound one behind it is no torn tail, and is
//! an error that names the file and the offset.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::codec::{CodecError, decode_operation, encode_operation};
use crate::config::LogSync;
use crate::model::Operation;
use crate::segment::files::as_u64;

const MAGIC: [u8; 4] = *b"VLOG";
const VERSION: u8 = 1;
const HEADER: usize = 29;

/// Why the log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is damaged at offset {offset}: {reason}", path.display())]
    Damaged {
        path: PathBuf,
        offset: usize,
        reason: String,
    },
    #[error("operations {expected} and after are missing: {} begins at {found}", path.display())]
    Gap {
        path: PathBuf,
        expected: u64,
        found: u64,
    },
    #[error("operations {expected} to {known} are missing: the log in {} ends before them", path.display())]
    Lost {
        path: PathBuf,
        expected: u64,
        known: u64,
    },
    #[error("a commit of {bytes} bytes is too large for one frame")]
    TooLarge { bytes: usize },
    #[error("an earlier write to the log failed; restart the service")]
    Broken,
}

impl LogError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}

/// One frame, found sound.
struct Frame<'a> {
    first: u64,
    operations: Vec<&'a [u8]>,
    end: usize,
}

/// The log, open for appending.
pub(crate) struct Log {
    folder: PathBuf,
    path: PathBuf,
    file: File,
    next: u64,
    /// First sequence of the current file.
    first: u64,
    broken: bool,
    policy: LogSync,
    /// Bytes in all files of the log.
    bytes: Arc<AtomicU64>,
}

impl Log {
    /// Reads every operation after `after` in order, cuts a torn tail, and
    /// opens the log for appending. Operations up to `known` were acknowledged:
    /// a tail that should hold one of them is not torn but damaged.
    ///
    /// # Errors
    /// When a file cannot be read, is damaged before its end, or operations are
    /// missing; or the error of `visit`.
    pub(crate) fn open<E: From<LogError>>(
        folder: &Path,
        after: u64,
        known: u64,
        mut visit: impl FnMut(u64, Operation) -> Result<(), E>,
    ) -> Result<Self, E> {
        let files = log_files(folder)?;
        let mut next = after + 1;
        let mut bytes = 0;
        for (index, (first, path)) in files.iter().enumerate() {
            let mut ending = Ending::Sound;
            if index + 1 == files.len() {
                ending = Ending::Torn { known };
            }
            let content = std::fs::read(path).map_err(LogError::io("read", path))?;
            let kept = replay((path, &content), ending, &mut next, &mut visit)?;
            if kept < content.len() {
                cut_tail(path, kept, content.len())?;
            }
            bytes += as_u64(kept);
            if *first > next {
                let (path, expected, found) = (path.clone(), next, *first);
                return Err(LogError::Gap {
                    path,
                    expected,
                    found,
                }
                .into());
            }
        }
        if next <= known {
            let (path, expected) = (folder.to_owned(), next);
            return Err(LogError::Lost {
                path,
                expected,
                known,
            }
            .into());
        }
        let first = files.last().map_or(next, |(first, _)| *first);
        let path = file_path(folder, first);
        let file = open_file(folder, &path)?;
        Ok(Self {
            folder: folder.to_owned(),
            path,
            file,
            next,
            first,
            broken: false,
            policy: LogSync::Commit,
            bytes: Arc::new(AtomicU64::new(bytes)),
        })
    }

    /// Returns the sequence of the last operation.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.next - 1
    }

    /// Returns the counter of the log's bytes.
    pub(crate) fn bytes(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.bytes)
    }

    /// Chooses when commits are synced; each at first.
    pub(crate) fn set_sync(&mut self, policy: LogSync) {
        self.policy = policy;
    }

    /// Waits until all commits are on disk.
    ///
    /// # Errors
    /// As for [`Self::append`].
    pub(crate) fn sync(&mut self) -> Result<(), LogError> {
        if self.broken {
            return Err(LogError::Broken);
        }
        if self.policy == LogSync::Commit {
            return Ok(());
        }
        let synced = self.file.sync_data();
        self.broken = synced.is_err();
        synced.map_err(LogError::io("sync", &self.path))
    }

    /// Writes operations as one commit and waits until they are on disk, unless
    /// another policy was chosen; returns the sequence of the first.
    ///
    /// # Errors
    /// When the disk refuses; then what is on disk is unknown until the next
    /// start, and every later append fails.
    pub(crate) fn append(&mut self, operations: &[&Operation]) -> Result<u64, LogError> {
        if self.broken {
            return Err(LogError::Broken);
        }
        let first = self.next;
        let frame = encode_frame(first, operations)?;
        let written = self
            .file
            .write_all(&frame)
            .and_then(|()| match self.policy {
                LogSync::Commit => self.file.sync_data(),
                LogSync::System => Ok(()),
            });
        if let Err(source) = written {
            self.broken = true;
            return Err(LogError::io("write", &self.path)(source));
        }
        self.next += as_u64(operations.len());
        self.bytes.fetch_add(as_u64(frame.len()), Ordering::Relaxed);
        Ok(first)
    }

    /// Goes on in a new file and returns the last sequence of the old ones.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn rotate(&mut self) -> Result<u64, LogError> {
        if self.first < self.next {
            // Only the newest file may end in the middle of a commit.
            self.sync()?;
            let path = file_path(&self.folder, self.next);
            self.file = open_file(&self.folder, &path)?;
            self.path = path;
            self.first = self.next;
        }
        Ok(self.last_sequence())
    }
}

/// Removes the files that hold no operation after `through`, all but the
/// newest; subtracts their size from `bytes`.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn remove_through(
    folder: &Path,
    through: u64,
    bytes: &AtomicU64,
) -> Result<(), LogError> {
    let files = log_files(folder)?;
    for pair in files.windows(2) {
        let [(_, path), (next_first, _)] = pair else {
            continue;
        };
        if *next_first <= through + 1 {
            let size = std::fs::metadata(path).map_err(LogError::io("read", path))?;
            std::fs::remove_file(path).map_err(LogError::io("remove", path))?;
            bytes.fetch_sub(size.len(), Ordering::Relaxed);
        }
    }
    sync_folder(folder)
}

/// Returns the files that hold operations after `after`, in order; their last one is
/// `last`, and a newer file has been begun.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn files_of(folder: &Path, after: u64, last: u64) -> Result<Vec<PathBuf>, LogError> {
    let files = log_files(folder)?;
    let needed = files.windows(2).filter_map(|pair| match pair {
        [(first, path), (next, _)] if *first <= last && *next > after + 1 => Some(path.clone()),
        _ => None,
    });
    Ok(needed.collect())
}

/// Checks every frame of a file that no frame is appended to any more.
///
/// # Errors
/// The first frame that is not as it was written.
pub(crate) fn check_whole(path: &Path, content: &[u8]) -> Result<(), LogError> {
    let mut offset = 0;
    while offset < content.len() {
        let frame = parse_frame(content, offset).map_err(|reason| LogError::Damaged {
            path: path.to_owned(),
            offset,
            reason,
        })?;
        offset = frame.end;
    }
    Ok(())
}

/// Returns the first operation that the log may hold; `None` without a log.
///
/// # Errors
/// When the folder cannot be read.
pub(crate) fn begins_at(folder: &Path) -> Result<Option<u64>, LogError> {
    Ok(log_files(folder)?.first().map(|(first, _)| *first))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), LogError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(LogError::io("sync", folder))
}

/// How a file may end.
#[derive(Clone, Copy)]
enum Ending {
    Sound,
    /// A crash may have torn what follows operation `known`.
    Torn {
        known: u64,
    },
}

/// Replays one file; returns the length of its sound part.
fn replay<E: From<LogError>>(
    (path, content): (&Path, &[u8]),
    ending: Ending,
    next: &mut u64,
    visit: &mut impl FnMut(u64, Operation) -> Result<(), E>,
) -> Result<usize, E> {
    let mut offset = 0;
    while offset < content.len() {
        let frame = match parse_frame(content, offset) {
            Ok(frame) => frame,
            Err(reason) => {
                let is_torn = matches!(ending, Ending::Torn { known } if *next > known);
                if is_torn && !sound_frame_follows(content, offset + 1) {
                    return Ok(offset);
                }
                let path = path.to_owned();
                return Err(LogError::Damaged {
                    path,
                    offset,
                    reason,
                }
                .into());
            }
        };
        if frame.first > *next {
            let (path, expected) = (path.to_owned(), *next);
            return Err(LogError::Gap {
                path,
                expected,
                found: frame.first,
            }
            .into());
        }
        for (sequence, bytes) in (frame.first..).zip(&frame.operations) {
            // Older ones are in the checkpoint already.
            if sequence == *next {
                let operation = decode_operation(bytes).map_err(|error: CodecError| {
                    let (path, reason) = (path.to_owned(), error.to_string());
                    LogError::Damaged {
                        path,
                        offset,
                        reason,
                    }
                })?;
                visit(sequence, operation)?;
                *next += 1;
            }
        }
        offset = frame.end;
    }
    Ok(offset)
}

fn encode_frame(first: u64, operations: &[&Operation]) -> Result<Vec<u8>, LogError> {
    let mut body = Vec::new();
    let too_large = |bytes| LogError::TooLarge { bytes };
    for operation in operations {
        let bytes = encode_operation(operation);
        let length = u32::try_from(bytes.len()).map_err(|_| too_large(bytes.len()))?;
        body.extend_from_slice(&length.to_le_bytes());
        body.extend_from_slice(&bytes);
    }
    let length = u32::try_from(body.len()).map_err(|_| too_large(body.len()))?;
    let count = u32::try_from(operations.len()).map_err(|_| too_large(body.len()))?;
    let mut frame = Vec::with_capacity(HEADER + body.len());
    frame.extend_from_slice(&MAGIC);
    frame.push(VERSION);
    frame.extend_from_slice(&first.to_le_bytes());
    frame.extend_from_slice(&count.to_le_bytes());
    frame.extend_from_slice(&length.to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&body).to_le_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_le_bytes());
    frame.extend_from_slice(&body);
    Ok(frame)
}

/// Checks and splits the frame at `offset`; says what is wrong otherwise.
fn parse_frame(content: &[u8], offset: usize) -> Result<Frame<'_>, String> {
    let rest = content.get(offset..).unwrap_or_default();
    let header = rest.get(..HEADER).ok_or("the header is cut short")?;
    if header[..4] != MAGIC {
        return Err("no frame begins here".to_owned());
    }
    if u32_at(header, 25) != crc32fast::hash(&header[..25]) {
        return Err("the header's checksum is wrong".to_owned());
    }
    if header[4] != VERSION {
        return Err(format!("version {} is not supported", header[4]));
    }
    let length = usize::try_from(u32_at(header, 17)).unwrap_or(usize::MAX);
    let body = rest
        .get(HEADER..)
        .and_then(|rest| rest.get(..length))
        .ok_or("the body is cut short")?;
    if u32_at(header, 21) != crc32fast::hash(body) {
        return Err("the body's checksum is wrong".to_owned());
    }
    let mut first = [0; 8];
    first.copy_from_slice(&header[5..13]);
    let operations = split_body(body).ok_or("the body's lengths are wrong")?;
    if operations.len() != usize::try_from(u32_at(header, 13)).unwrap_or(usize::MAX) {
        return Err("the count of operations is wrong".to_owned());
    }
    Ok(Frame {
        first: u64::from_le_bytes(first),
        operations,
        end: offset + HEADER + length,
    })
}

fn split_body(mut body: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts = Vec::new();
    while !body.is_empty() {
        let (length, rest) = body.split_at_checked(4)?;
        let length = usize::try_from(u32_at(length, 0)).ok()?;
        let (part, rest) = rest.split_at_checked(length)?;
        parts.push(part);
        body = rest;
    }
    Some(parts)
}

/// Tells whether any sound frame begins at or after `from`.
fn sound_frame_follows(content: &[u8], from: usize) -> bool {
    let rest = content.get(from..).unwrap_or_default();
    rest.windows(4)
        .enumerate()
        .filter(|(_, window)| *window == MAGIC)
        .any(|(at, _)| parse_frame(content, from + at).is_ok())
}

fn cut_tail(path: &Path, kept: usize, found: usize) -> Result<(), LogError> {
    tracing::warn!(path = %path.display(), kept, found, "cut off the torn end of the log");
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|file| file.set_len(as_u64(kept)).and_then(|()| file.sync_all()))
        .map_err(LogError::io("cut the torn end of", path))
}

fn open_file(folder: &Path, path: &Path) -> Result<File, LogError> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(LogError::io("open", path))?;
    sync_folder(folder)?;
    Ok(file)
}

fn file_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("log-{first:020}.bin"))
}

/// Lists the files of the log by their first sequence.
fn log_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, LogError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(LogError::io("list", folder))? {
        let entry = entry.map_err(LogError::io("list", folder))?;
        let name = entry.file_name();
        let first = name.to_str().and_then(|name| {
            let digits = name.strip_prefix("log-")?.strip_suffix(".bin")?;
            digits.parse::<u64>().ok()
        });
        if let Some(first) = first {
            files.push((first, entry.path()));
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut array = [0; 4];
    if let Some(found) = bytes.get(at..at + 4) {
        array.copy_from_slice(found);
    }
    u32::from_le_bytes(array)
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
