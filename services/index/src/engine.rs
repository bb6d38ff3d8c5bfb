//! Everything under one data folder: collections in memory and in segments,
//! and how they are brought back at start.
//!
//! The truth is the records of the segments that the manifest names, plus the
//! log after them. At start the segments are opened and checked, and the log is
//! replayed into the tails.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rayon::prelude::*;
use vivier_ann::{RowSet, Unwatched};
use vivier_runtime::{CpuPool, PoolError};

use crate::catalog::Catalog;
use crate::collection::{ApplyError, Collection, Publish};
use crate::config::Config;
use crate::log::{self, Log, LogError};
use crate::model::{Operation, Spec};
use crate::schema::Schema;
use crate::segment::files::FileError;
use crate::segment::manifest::{Flushed, Listed, Manifest};
use crate::segment::records::Records;
use crate::segment::write::{SegmentWriter, Source};
use crate::segment::{Segment, SegmentError, SegmentView, records_path};
use crate::words::WordsError;

/// Why an index does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data folder cannot be made or locked.
    #[error("cannot use the data folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has the data folder.
    #[error("the data folder {} is in use by another process", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The data cannot be read; the cause names the file and the place.
    #[error("the data cannot be read")]
    Data(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An operation speaks of a collection that was never made.
    #[error("operation {sequence} changes collection {name:?}, which does not exist")]
    UnknownCollection {
        /// Its place in the log.
        sequence: u64,
        /// The collection.
        name: String,
    },
    /// The threads did not start.
    #[error(transparent)]
    Pool(#[from] PoolError),
}

macro_rules! data_error {
    ($($kind:ty),*) => {$(
        impl From<$kind> for OpenError {
            fn from(error: $kind) -> Self {
                Self::Data(Box::new(error))
            }
        }
    )*};
}
data_error!(
    LogError,
    FileError,
    SegmentError,
    WordsError,
    ApplyError,
    CheckpointError
);

/// The state of one index, shared by searches and the writer.
pub(crate) struct Engine {
    pub(crate) config: Config,
    /// Replaced as a whole, by the writer only.
    catalog: RwLock<Arc<Catalog>>,
    sequence: AtomicU64,
    log_bytes: Arc<AtomicU64>,
    next_segment: AtomicU64,
    /// Where tails are sealed: writes may wait for it, so it must go on even on a busy
    /// machine, and no merge may hold it up.
    pub(crate) seal_pool: CpuPool,
    /// Where segments are merged, on what searches leave of the cores.
    pub(crate) merge_pool: CpuPool,
    pub(crate) stopping: AtomicBool,
    /// Held while the process lives.
    _lock: File,
}

impl Engine {
    /// Opens the data folder and replays what it holds.
    ///
    /// # Errors
    /// When the folder is in use or cannot be used, or a file in it is damaged.
    pub(crate) fn open(config: Config) -> Result<(Arc<Self>, Log), OpenError> {
        let folder = config.data_dir.clone();
        let lock = lock_folder(&folder)?;
        check_manifest_is_there(&folder)?;
        let manifest = Manifest::read(&folder)?;
        let known = manifest.sequence;
        let mut loader = Loader::new(&config, manifest)?;
        let log = Log::open(&folder, loader.after(), known, |sequence, operation| {
            loader.replay(sequence, &operation)
        })?;
        let (next_segment, is_changed) = (loader.next_segment, loader.is_changed);
        let catalog = loader.finish()?;
        let engine = Self {
            catalog: RwLock::new(Arc::new(catalog)),
            sequence: AtomicU64::new(log.last_sequence()),
            log_bytes: log.bytes(),
            next_segment: AtomicU64::new(next_segment),
            seal_pool: CpuPool::new("index-seal", config.graph.build_threads)?,
            merge_pool: CpuPool::in_background("index-merge", config.graph.build_threads)?,
            stopping: AtomicBool::new(false),
            config,
            _lock: lock,
        };
        if is_changed {
            engine.checkpoint()?;
        }
        // Only now: what a refused start finds stays as it is.
        remove_unlisted(&engine)?;
        Ok((Arc::new(engine), log))
    }

    /// Returns which collections and aliases there are.
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        let catalog = self.catalog.read();
        Arc::clone(&catalog.unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the collection of a name or an alias.
    pub(crate) fn collection(&self, name: &str) -> Option<Arc<Collection>> {
        self.catalog().find(name).cloned()
    }

    /// Returns every collection in the order of names.
    pub(crate) fn collections(&self) -> Vec<Arc<Collection>> {
        self.catalog().collections.values().cloned().collect()
    }

    /// Carries out a change of the catalog that is operation `sequence`, in one step
    /// for readers. Called by the writer.
    ///
    /// # Errors
    /// When a words index does not start.
    pub(crate) fn change(&self, sequence: u64, operation: &Operation) -> Result<(), WordsError> {
        let mut catalog = Catalog::clone(&self.catalog());
        catalog.apply(sequence, operation)?;
        let mut current = self.catalog.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(catalog);
        Ok(())
    }

    /// Returns the sequence of the last durable operation.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Notes the sequence of the last durable operation.
    pub(crate) fn set_sequence(&self, sequence: u64) {
        self.sequence.store(sequence, Ordering::Release);
    }

    /// Returns the bytes of the log.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// Returns the number of a new segment.
    pub(crate) fn next_segment(&self) -> u64 {
        self.next_segment.fetch_add(1, Ordering::Relaxed)
    }

    /// Writes the manifest of the present state and removes the files of the log
    /// that it makes needless; returns the last operation that needs no log.
    /// Called by the writer, between two commits.
    ///
    /// # Errors
    /// When the disk refuses; the manifest before stays in force.
    pub(crate) fn checkpoint(&self) -> Result<u64, CheckpointError> {
        let current = self.sequence();
        let catalog = self.catalog();
        let listed = catalog.collections.iter();
        let listed = listed.map(|(name, collection)| (name.clone(), collection.listed(current)));
        let manifest = Manifest {
            next_segment: self.next_segment.load(Ordering::Relaxed),
            sequence: current,
            collections: listed.collect(),
            aliases: catalog.aliases.clone(),
        };
        let folder = &self.config.data_dir;
        manifest.write(folder)?;
        let needless = manifest
            .collections
            .values()
            .map(|flushed| flushed.sequence);
        let needless = needless.min().unwrap_or(current);
        log::remove_through(folder, needless, &self.log_bytes)?;
        Ok(needless)
    }
}

/// Why a checkpoint failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Log(#[from] LogError),
}

/// Makes the folder and takes its lock, which ends with the process.
fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    let failed = |source| OpenError::Folder {
        path: folder.to_owned(),
        source,
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("LOCK"))
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Checks that no manifest was lost: without one there are no segments, or the
/// log holds all from the first operation on.
fn check_manifest_is_there(data: &Path) -> Result<(), OpenError> {
    let path = Manifest::path(data);
    let is_there = path.try_exists().map_err(FileError::io("find", &path))?;
    if is_there || segment_folders(data)?.is_empty() || log::begins_at(data)? == Some(1) {
        return Ok(());
    }
    let reason = "it is missing, and segments are there";
    Err(FileError::damaged(&path, reason).into())
}

/// Removes the folders of segments that are not in use: what a crash left.
fn remove_unlisted(engine: &Engine) -> Result<(), FileError> {
    let data = &engine.config.data_dir;
    let collections = engine.collections();
    let views = collections.iter().flat_map(|c| c.segments());
    let used: BTreeSet<PathBuf> = views
        .map(|view| crate::segment::folder(data, view.segment.number))
        .collect();
    for path in segment_folders(data)? {
        if !used.contains(&path) {
            std::fs::remove_dir_all(&path).map_err(FileError::io("remove", &path))?;
        }
    }
    Ok(())
}

fn segment_folders(data: &Path) -> Result<Vec<PathBuf>, FileError> {
    let folder = data.join("segments");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::io("list", &folder)(error)),
    };
    let paths = entries.map(|entry| Ok(entry.map_err(FileError::io("list", &folder))?.path()));
    paths.collect()
}

/// Brings collections back from segments and log.
struct Loader<'a> {
    config: &'a Config,
    catalog: Catalog,
    /// Last operation that the catalog of the manifest reflects.
    known: u64,
    /// Last operation in the segments, by collection.
    flushed: BTreeMap<String, u64>,
    next_segment: u64,
    /// Whether a segment was made again or a collection dropped, so that the
    /// manifest names segments that are to go.
    is_changed: bool,
}

impl<'a> Loader<'a> {
    /// Opens the segments; one with a damaged file is made again from its
    /// records.
    fn new(config: &'a Config, manifest: Manifest) -> Result<Self, OpenError> {
        let mut loader = Self {
            config,
            catalog: Catalog {
                aliases: manifest.aliases,
                ..Catalog::default()
            },
            known: manifest.sequence,
            flushed: BTreeMap::new(),
            next_segment: manifest.next_segment,
            is_changed: false,
        };
        for (name, flushed) in manifest.collections {
            loader.flushed.insert(name.clone(), flushed.sequence);
            let collection = loader.open(flushed)?;
            let collections = &mut loader.catalog.collections;
            collections.insert(name, Arc::new(collection));
        }
        Ok(loader)
    }

    fn open(&mut self, flushed: Flushed) -> Result<Collection, OpenError> {
        let Flushed {
            spec,
            sequence,
            segments,
        } = flushed;
        let data = &self.config.data_dir;
        let open = |listed: &Listed| Segment::open_listed(data, listed, &spec);
        let opened: Vec<_> = segments.par_iter().map(open).collect();
        let mut views = Vec::new();
        for (listed, opened) in segments.into_iter().zip(opened) {
            match opened {
                Ok(segment) => views.push(SegmentView::new(Arc::new(segment), &listed.dead)),
                Err(error) => views.extend(self.mend(&spec, listed, error)?),
            }
        }
        Ok(Collection::open(spec, sequence, views)?)
    }

    /// Makes a segment again from its records; `None` when no row lives.
    ///
    /// # Errors
    /// What was wrong with the segment, when its records are damaged too.
    fn mend(
        &mut self,
        spec: &Spec,
        listed: Listed,
        error: SegmentError,
    ) -> Result<Option<SegmentView>, SegmentError> {
        let data = &self.config.data_dir;
        let folder = crate::segment::folder(data, listed.number);
        let path = records_path(&folder);
        let records = Records::open(&path)?;
        if listed.sums.first() != Some(&records.checksum()) {
            return Err(SegmentError::Swapped { path });
        }
        if records.rows() != listed.dead.len() {
            return Err(error);
        }
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            folder = %folder.display(),
            "a segment is damaged; it is made again from its records"
        );
        self.is_changed = true;
        if listed.dead.count() == records.rows() {
            return Ok(None);
        }
        let number = self.next_segment;
        self.next_segment += 1;
        let writer = SegmentWriter {
            data,
            schema: &Schema::of(spec.clone()),
            options: self.config.graph.build_options(),
            watch: &Unwatched,
        };
        let source = Source::Records(Arc::new(records), listed.dead);
        let written = writer.write(number, &[source])?;
        let none = RowSet::empty(written.segment.rows());
        Ok(Some(SegmentView::new(written.segment, &none)))
    }

    /// Returns the last operation that need not be replayed.
    fn after(&self) -> u64 {
        // Without collections the manifest holds all that there is.
        self.flushed.values().copied().min().unwrap_or(self.known)
    }

    fn replay(&mut self, sequence: u64, operation: &Operation) -> Result<(), OpenError> {
        let Some(name) = operation.points_of() else {
            return self.replay_change(sequence, operation);
        };
        let flushed = self.flushed.get(name);
        if flushed.is_some_and(|flushed| sequence <= *flushed) {
            return Ok(());
        }
        let Some(collection) = self.catalog.collections.get(name) else {
            if sequence <= self.known {
                // It was dropped since.
                return Ok(());
            }
            let name = name.to_owned();
            return Err(OpenError::UnknownCollection { sequence, name });
        };
        collection.apply(&[operation], Publish::Later)?;
        Ok(())
    }

    /// Makes a change of the catalog that the manifest does not reflect yet.
    fn replay_change(&mut self, sequence: u64, operation: &Operation) -> Result<(), OpenError> {
        if sequence <= self.known {
            return Ok(());
        }
        let before = self.catalog.collections.len();
        self.catalog.apply(sequence, operation)?;
        let after = self.catalog.collections.len();
        self.is_changed |= after < before;
        if let Operation::Create(spec) = operation
            && after > before
        {
            // What was written to an earlier one of this name is not its own.
            self.flushed.insert(spec.name.clone(), sequence);
        }
        Ok(())
    }

    fn finish(self) -> Result<Catalog, OpenError> {
        for collection in self.catalog.collections.values() {
            collection.publish()?;
        }
        Ok(self.catalog)
    }
}
