//! The cache on disk, in two halves that take turns.
//!
//! sled never gives space back, so nothing is ever removed from a tree. The folder
//! holds two generations, each a tree of its own: new vectors go into the newer one,
//! and what is found in the older one is copied into the newer. When the newer has
//! reached seven sixteenths of the bound on disk (the rest is for what is written before
//! that is noticed), the older is deleted whole and a new one begins.
//! What was asked for since the last change of generations survives it.

use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use super::Key;

/// File that one process at a time holds.
const LOCK: &str = "lock";
/// Folders of the generations, a number behind.
const GENERATION: &str = "generation-";
/// Where a damaged generation is kept; the next one takes its place.
const DAMAGED: &str = "damaged";
/// Pages that a tree keeps in memory, in bytes.
const PAGES: u64 = 8 << 20;
/// Tries to open a tree that was closed a moment ago, a tenth of a second apart.
const TRIES: u32 = 50;

/// Why the cache failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("another process uses the folder")]
    Locked,
    #[error("cannot use {}", path.display())]
    Folder {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("the tree failed")]
    Tree(#[from] sled::Error),
    #[error("the tree panicked")]
    Panicked,
    #[error("it was closed after a failure")]
    Closed,
    #[error("cannot start its thread")]
    Thread(#[source] std::io::Error),
}

impl StoreError {
    /// Tells whether the files are to blame, and not the disk or another process.
    pub(super) fn is_damage(&self) -> bool {
        match self {
            Self::Panicked => true,
            Self::Tree(error) => !matches!(error, sled::Error::Io(_)),
            Self::Locked | Self::Folder { .. } | Self::Closed | Self::Thread(_) => false,
        }
    }
}

/// An entry that is in the cache.
pub(super) struct Found {
    pub(super) entry: Vec<u8>,
    /// Whether it lies in the older generation.
    pub(super) is_old: bool,
}

/// Both generations.
pub(super) struct Store {
    folder: PathBuf,
    /// Size of a generation that ends it.
    generation_bytes: u64,
    /// Newest first; empty after a failure.
    generations: RwLock<Vec<Generation>>,
    _lock: File,
}

struct Generation {
    number: u64,
    path: PathBuf,
    tree: sled::Db,
}

impl Store {
    /// Opens the folder, or makes it; a generation that does not open is put aside.
    /// Both together take `max_bytes` on disk at most.
    pub(super) fn open(folder: &Path, max_bytes: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
        let lock = lock(folder)?;
        let mut numbers = numbers(folder)?;
        numbers.sort_unstable_by(|a, b| b.cmp(a));
        let next = numbers.first().map_or(1, |newest| newest + 1);
        let mut generations = Vec::new();
        for number in numbers {
            if generations.len() == 2 {
                remove(&path(folder, number));
                continue;
            }
            match Generation::open(folder, number) {
                Ok(generation) => generations.push(generation),
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        number,
                        "a generation of the embedding cache does not open; it is put aside"
                    );
                    put_aside(folder, &path(folder, number));
                }
            }
        }
        if generations.is_empty() {
            generations.push(Generation::open(folder, next)?);
        }
        Ok(Self {
            folder: folder.to_owned(),
            generation_bytes: max_bytes / 16 * 7,
            generations: RwLock::new(generations),
            _lock: lock,
        })
    }

    /// Returns the entry of a key, from the newer generation first.
    pub(super) fn get(&self, key: &Key) -> Result<Option<Found>, StoreError> {
        let generations = self
            .generations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for (age, generation) in generations.iter().enumerate() {
            if let Some(entry) = guarded(|| generation.tree.get(key))? {
                return Ok(Some(Found {
                    entry: entry.to_vec(),
                    is_old: age > 0,
                }));
            }
        }
        Ok(None)
    }

    /// Writes an entry into the newer generation.
    pub(super) fn put(&self, key: &Key, entry: &[u8]) -> Result<(), StoreError> {
        let generations = self
            .generations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let newest = generations.first().ok_or(StoreError::Closed)?;
        guarded(|| newest.tree.insert(key, entry))?;
        Ok(())
    }

    /// Begins a new generation and deletes the older one when the newer is full;
    /// tells whether it did.
    pub(super) fn rotate_if_full(&self) -> Result<bool, StoreError> {
        let (number, bytes) = {
            let generations = self
                .generations
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let newest = generations.first().ok_or(StoreError::Closed)?;
            // What still waits in memory counts too.
            guarded(|| newest.tree.flush())?;
            (newest.number, size(&newest.path))
        };
        if bytes < self.generation_bytes {
            return Ok(false);
        }
        // The older one goes before the new one comes: the bound holds meanwhile.
        let retired: Vec<Generation> = self.write().drain(1..).collect();
        retired.into_iter().for_each(Generation::delete);
        let newest = Generation::open(&self.folder, number + 1)?;
        self.write().insert(0, newest);
        Ok(true)
    }

    /// Hands everything to the operating system.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        let generations = self
            .generations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        for generation in generations.iter() {
            guarded(|| generation.tree.flush())?;
        }
        Ok(())
    }

    /// Returns the size on disk.
    pub(super) fn bytes(&self) -> u64 {
        size(&self.folder)
    }

    /// Closes both generations and puts them aside: the next start begins anew.
    pub(super) fn put_aside(&self) {
        let generations = std::mem::take(&mut *self.write());
        for generation in generations {
            let path = generation.path.clone();
            drop(generation);
            put_aside(&self.folder, &path);
        }
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Generation>> {
        self.generations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generation {
    fn open(folder: &Path, number: u64) -> Result<Self, StoreError> {
        let path = path(folder, number);
        let open = || {
            sled::Config::new()
                .path(&path)
                .cache_capacity(PAGES)
                .mode(sled::Mode::LowSpace)
                .flush_every_ms(Some(1_000))
                .open()
        };
        for _ in 1..TRIES {
            match guarded(open) {
                Ok(tree) => return Ok(Self { number, path, tree }),
                Err(StoreError::Tree(sled::Error::Io(error))) if is_lock(&error) => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error),
            }
        }
        let tree = guarded(open)?;
        Ok(Self { number, path, tree })
    }

    fn delete(self) {
        let path = self.path;
        drop(self.tree);
        remove(&path);
    }
}

/// Calls sled, which panics on some damage.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
    let done = catch_unwind(AssertUnwindSafe(work)).map_err(|_| StoreError::Panicked)?;
    Ok(done?)
}

fn is_lock(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.to_string().contains("lock")
}

fn failed(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Folder {
        path: path.to_owned(),
        source,
    }
}

/// Takes the folder for this process.
fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|source| failed(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked),
        Err(TryLockError::Error(source)) => Err(failed(&path, source)),
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{GENERATION}{number}"))
}

/// Numbers of the generations in a folder.
fn numbers(folder: &Path) -> Result<Vec<u64>, StoreError> {
    let entries = std::fs::read_dir(folder).map_err(|source| failed(folder, source))?;
    let number = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        name.to_str()?.strip_prefix(GENERATION)?.parse().ok()
    };
    Ok(entries.filter_map(number).collect())
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_dir_all(path) {
        tracing::warn!(%error, path = %path.display(), "an old part of the embedding cache stays");
    }
}

/// Keeps the latest damaged generation for whoever wants to look at it.
fn put_aside(folder: &Path, path: &Path) {
    let aside = folder.join(DAMAGED);
    let freed = std::fs::remove_dir_all(&aside).or_else(|error| {
        if error.kind() == ErrorKind::NotFound {
            return Ok(());
        }
        std::fs::remove_file(&aside)
    });
    if let Err(error) = freed.and_then(|()| std::fs::rename(path, &aside)) {
        tracing::warn!(%error, path = %path.display(), "a damaged part of the embedding cache stays");
    }
}

/// Returns the bytes of all files below a path; what cannot be read counts nothing.
fn size(path: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(path) else {
        return 0;
    };
    let entry_size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(entry_size).sum()
}
