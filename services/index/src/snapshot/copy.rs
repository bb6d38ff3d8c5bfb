//! Copies one file: read, hashed, and stored under its hash unless it is there.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};
use vivier_runtime::CpuPool;

use crate::segment::SegmentError;
use crate::segment::files::{FileError, as_u64};
use crate::snapshot::SnapshotError;
use crate::snapshot::clean::FILES;
use crate::snapshot::contents::{Entry, hex, sha256};
use crate::snapshot::create::Progress;
use crate::snapshot::store::{PART, Store};

/// Bytes read between two looks at whether to stop.
const STEP: u64 = 1 << 20;

/// A file of the data folder.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) path: PathBuf,
    /// Below the data folder.
    pub(super) place: String,
    pub(super) bytes: u64,
}

/// Stores files at a location.
pub(super) struct Copier<'a> {
    store: &'a Store,
    pool: &'a CpuPool,
    progress: &'a Progress,
    /// Files that are there, by hash.
    stored: BTreeMap<String, u64>,
    /// Bytes that were not there.
    copied: u64,
    stop: StopOnDrop,
}

/// Stops work on the pool when whoever wants it has left.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<'a> Copier<'a> {
    /// Looks at what is there.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn new(
        store: &'a Store,
        pool: &'a CpuPool,
        progress: &'a Progress,
    ) -> Result<Self, SnapshotError> {
        Ok(Self {
            store,
            pool,
            progress,
            stored: store.list(FILES).await?,
            copied: 0,
            stop: StopOnDrop(Arc::default()),
        })
    }

    /// Returns the bytes that were not there before.
    pub(super) fn copied(&self) -> u64 {
        self.copied
    }

    /// Tells whether a file is there.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        self.stored.get(&entry.sha256) == Some(&entry.bytes)
    }

    /// Counts a file that need not be looked at.
    pub(super) fn skip(&self, entry: &Entry) {
        self.progress.add(entry.bytes);
    }

    /// Runs work on the pool; it is told to stop when the copier is dropped.
    ///
    /// # Errors
    /// Those of the work, or when it panicked.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce(&AtomicBool) -> Result<R, SnapshotError> + Send + 'static,
    ) -> Result<R, SnapshotError> {
        let stop = Arc::clone(&self.stop.0);
        self.pool.run(move || work(&stop)).await?
    }

    /// Reads a file and says what it is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) async fn hash(&self, origin: &Origin) -> Result<Entry, SnapshotError> {
        let path = origin.path.clone();
        let read = move |stop: &AtomicBool| {
            let mut reader = Reader::open(&path)?;
            let mut bytes = 0;
            loop {
                if stop.load(Ordering::Acquire) {
                    return Err(SegmentError::Stopped.into());
                }
                let part = reader.next(STEP)?;
                if part.is_empty() {
                    return Ok((bytes, hex(reader.hasher)));
                }
                bytes += as_u64(part.len());
                // Searches come first.
                std::thread::yield_now();
            }
        };
        let (bytes, sha256) = self.run(read).await?;
        Ok(Entry {
            path: origin.place.clone(),
            bytes,
            sha256,
        })
    }

    /// Stores a file that has been hashed, unless it is there.
    ///
    /// # Errors
    /// When it has changed since, or the store refuses.
    pub(super) async fn file(&mut self, path: &Path, entry: &Entry) -> Result<(), SnapshotError> {
        if self.has(entry) {
            self.skip(entry);
            return Ok(());
        }
        let opened = path.to_owned();
        let mut reader = self.run(move |_| Ok(Reader::open(&opened)?)).await?;
        let object = format!("{FILES}/{}", entry.sha256);
        if entry.bytes <= PART {
            let (content, sum) = self.run(move |_| read_all(reader)).await?;
            if sum != entry.sha256 {
                return Err(changed(path));
            }
            self.store.put(&object, content).await?;
            self.progress.add(entry.bytes);
        } else {
            let mut upload = self.store.upload(&object, entry.bytes).await?;
            loop {
                let part;
                (reader, part) = self.run(move |_| next_part(reader)).await?;
                if part.is_empty() {
                    break;
                }
                self.progress.add(as_u64(part.len()));
                upload.write(part).await?;
            }
            if hex(reader.hasher) != entry.sha256 {
                upload.abort().await;
                return Err(changed(path));
            }
            upload.finish().await?;
        }
        self.note(entry);
        Ok(())
    }

    /// Stores bytes that are in memory, unless they are there.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn content(
        &mut self,
        place: &str,
        content: Bytes,
    ) -> Result<Entry, SnapshotError> {
        let hashed = content.clone();
        let entry = Entry {
            path: place.to_owned(),
            bytes: as_u64(content.len()),
            sha256: self.run(move |_| Ok(sha256(&hashed))).await?,
        };
        if !self.has(&entry) {
            let object = format!("{FILES}/{}", entry.sha256);
            self.store.put(&object, content).await?;
            self.note(&entry);
        }
        self.skip(&entry);
        Ok(entry)
    }

    fn note(&mut self, entry: &Entry) {
        self.copied += entry.bytes;
        self.stored.insert(entry.sha256.clone(), entry.bytes);
    }
}

/// Reads a small file; returns its bytes and their hash.
fn read_all(mut reader: Reader) -> Result<(Bytes, String), SnapshotError> {
    let content = reader.next(PART + 1)?;
    Ok((content, hex(reader.hasher)))
}

fn next_part(mut reader: Reader) -> Result<(Reader, Bytes), SnapshotError> {
    let part = reader.next(PART)?;
    Ok((reader, part))
}

fn changed(path: &Path) -> SnapshotError {
    FileError::damaged(path, "it has changed while it was copied").into()
}

/// Reads a file part by part, and hashes what it has read.
struct Reader {
    path: PathBuf,
    file: File,
    hasher: Sha256,
}

impl Reader {
    fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path).map_err(FileError::io("open", path))?,
            hasher: Sha256::new(),
        })
    }

    /// Returns the next bytes; none at the end.
    fn next(&mut self, bytes: u64) -> Result<Bytes, FileError> {
        let mut part = Vec::new();
        let read = (&self.file).take(bytes).read_to_end(&mut part);
        read.map_err(FileError::io("read", &self.path))?;
        self.hasher.update(&part);
        Ok(Bytes::from(part))
    }
}
