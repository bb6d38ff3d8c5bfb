//! Everything under one data folder: collections in memory, the store, and how
//! both are brought back at start.
//!
//! The truth is the checkpoint plus the log after it. At start the checkpoint
//! is read, the log replayed over it, and the store caught up from the same
//! operations; a store that is behind the checkpoint, ahead of the log, or
//! holds another number of records is emptied and filled again.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use crate::words::WordsError;
use vivier_runtime::{CpuPool, PoolError};

use crate::checkpoint::{self, CheckpointError, CheckpointWriter, Item, Manifest};
use crate::collection::{Collection, Publish};
use crate::config::Config;
use crate::error::WriteError;
use crate::log::{self, Log, LogError};
use crate::model::{Operation, Record, Spec};
use crate::store::{Change, SledStore, Store, StoreError};

/// Records applied at once while starting, and read under one lock while a
/// checkpoint is written.
const BATCH: usize = 256;

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
data_error!(LogError, CheckpointError, StoreError, WordsError);

/// The state of one index, shared by searches and the writer.
pub(crate) struct Engine {
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    collections: RwLock<BTreeMap<String, Arc<Collection>>>,
    sequence: AtomicU64,
    log_bytes: Arc<AtomicU64>,
    build_pool: CpuPool,
    builds: Mutex<Vec<JoinHandle<()>>>,
    stopping: AtomicBool,
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
        let manifest = Manifest::read(&folder)?;
        let store = Arc::new(SledStore::open(&folder.join("store"))?);
        let mut loader = Loader::new(&config, &*store, manifest.as_ref())?;
        let mut log = loader.load(&folder, manifest.as_ref())?;
        if !loader.store_agrees(log.last_sequence())? {
            tracing::warn!(folder = %folder.display(), "the store does not agree with the log; it is rebuilt");
            store.clear()?;
            loader = Loader::new(&config, &*store, manifest.as_ref())?;
            log = loader.load(&folder, manifest.as_ref())?;
        }
        let collections = loader.finish()?;
        let engine = Self {
            store,
            collections: RwLock::new(collections),
            sequence: AtomicU64::new(log.last_sequence()),
            log_bytes: log.bytes(),
            build_pool: CpuPool::new("index-build", config.graph.build_threads)?,
            builds: Mutex::new(Vec::new()),
            stopping: AtomicBool::new(false),
            config,
            _lock: lock,
        };
        let engine = Arc::new(engine);
        for collection in engine.collections() {
            engine.build_if_due(&collection);
        }
        Ok((engine, log))
    }

    /// Returns a collection.
    pub(crate) fn collection(&self, name: &str) -> Option<Arc<Collection>> {
        let collections = self.collections.read();
        collections
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Returns every collection in the order of names.
    pub(crate) fn collections(&self) -> Vec<Arc<Collection>> {
        let collections = self.collections.read();
        collections
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }

    /// Adds an empty collection.
    ///
    /// # Errors
    /// When its words index does not start.
    pub(crate) fn create(&self, spec: &Spec) -> Result<(), WordsError> {
        let collection = Collection::new(spec.clone(), &self.config.words)?;
        let mut collections = self
            .collections
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        collections
            .entry(spec.name.clone())
            .or_insert(Arc::new(collection));
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

    /// Returns the bytes of the log since the last checkpoint.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// Starts building a graph in the background when one is due.
    pub(crate) fn build_if_due(self: &Arc<Self>, collection: &Arc<Collection>) {
        if self.stopping.load(Ordering::Acquire) || !collection.graph_due(&self.config.graph) {
            return;
        }
        let (engine, collection) = (Arc::clone(self), Arc::clone(collection));
        let build = move || {
            let stop = || engine.stopping.load(Ordering::Acquire);
            let build = || collection.build_graph(&engine.config.graph, stop);
            engine.build_pool.install(build);
        };
        let started = std::thread::Builder::new()
            .name("index-graph".to_owned())
            .spawn(build);
        let mut builds = self.builds.lock().unwrap_or_else(PoisonError::into_inner);
        builds.retain(|build| !build.is_finished());
        match started {
            Ok(build) => builds.push(build),
            Err(error) => tracing::error!(%error, "cannot start the graph builder; searches scan"),
        }
    }

    /// Stops and joins the builders; none starts afterwards.
    pub(crate) fn stop_builds(&self) {
        self.stopping.store(true, Ordering::Release);
        let builds =
            std::mem::take(&mut *self.builds.lock().unwrap_or_else(PoisonError::into_inner));
        for build in builds {
            if build.join().is_err() {
                tracing::error!("the graph builder panicked");
            }
        }
    }

    /// Writes a checkpoint and cuts the log, which has been rotated at
    /// `sequence`. Writes may go on meanwhile.
    ///
    /// # Errors
    /// When the disk refuses; then the checkpoint before stays in force.
    pub(crate) fn checkpoint(&self, sequence: u64) -> Result<(), WriteError> {
        let folder = &self.config.data_dir;
        let mut writer = CheckpointWriter::create(folder, sequence)?;
        for collection in self.collections() {
            writer.spec(collection.spec())?;
            let mut after = String::new();
            loop {
                let metas = collection.after(&after, BATCH);
                let Some(last) = metas.last() else {
                    break;
                };
                after = last.id.to_string();
                let ids: Vec<String> = metas.iter().map(|meta| meta.id.to_string()).collect();
                for (id, vector) in collection.vectors(&ids) {
                    if let Some(record) = self.whole_record(&collection, id, &vector)? {
                        writer.record(&record)?;
                    }
                }
            }
        }
        let manifest = writer.finish()?;
        self.store.flush()?;
        log::remove_through(folder, sequence, &self.log_bytes)?;
        tracing::info!(
            sequence,
            checkpoint = manifest.checkpoint,
            "checkpoint written"
        );
        Ok(())
    }

    /// Joins a record's parts; `None` when it was deleted meanwhile.
    fn whole_record(
        &self,
        collection: &Collection,
        id: String,
        vector: &[f32],
    ) -> Result<Option<Record>, StoreError> {
        let name = &collection.spec().name;
        let (Some(head), Some(document)) =
            (self.store.head(name, &id)?, self.store.document(name, &id)?)
        else {
            return Ok(None);
        };
        Ok(Some(Record {
            vectors: collection.layout().split(vector),
            words: self.store.words(name, &id)?,
            payload: head.payload,
            summary: head.summary,
            revision: head.revision,
            document,
            id,
        }))
    }
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

/// Returns the changes of the store that an operation makes.
pub(crate) fn changes(operation: &Operation) -> Vec<Change<'_>> {
    match operation {
        Operation::Create(_) => Vec::new(),
        Operation::Upsert {
            collection,
            records,
        } => {
            let puts = records
                .iter()
                .map(|record| Change::Put { collection, record });
            puts.collect()
        }
        Operation::Delete { collection, ids } => {
            let removes = ids.iter().map(|id| Change::Remove { collection, id });
            removes.collect()
        }
    }
}

/// Brings collections and store back from checkpoint and log.
struct Loader<'a> {
    config: &'a Config,
    store: &'a dyn Store,
    collections: BTreeMap<String, Arc<Collection>>,
    /// Last operation that the store reflects already.
    applied: u64,
    /// Whether the checkpoint's records must go into the store.
    fill: bool,
}

impl<'a> Loader<'a> {
    fn new(
        config: &'a Config,
        store: &'a dyn Store,
        manifest: Option<&Manifest>,
    ) -> Result<Self, OpenError> {
        let mut applied = store.applied()?;
        let fill = applied < manifest.map_or(0, |manifest| manifest.sequence);
        if fill {
            store.clear()?;
            applied = 0;
        }
        Ok(Self {
            config,
            store,
            collections: BTreeMap::new(),
            applied,
            fill,
        })
    }

    fn load(&mut self, folder: &Path, manifest: Option<&Manifest>) -> Result<Log, OpenError> {
        let mut after = 0;
        if let Some(manifest) = manifest {
            self.load_checkpoint(folder, manifest)?;
            after = manifest.sequence;
        }
        Log::open(folder, after, |sequence, operation| {
            self.replay(sequence, &operation)
        })
    }

    fn load_checkpoint(&mut self, folder: &Path, manifest: &Manifest) -> Result<(), OpenError> {
        let mut collection = String::new();
        let mut records = Vec::new();
        checkpoint::read(folder, manifest, |item| {
            match item {
                Item::Spec(spec) => {
                    self.load_records(&collection, std::mem::take(&mut records))?;
                    collection.clone_from(&spec.name);
                    self.create(spec)?;
                }
                Item::Record(record) => {
                    records.push(record);
                    if records.len() == BATCH {
                        self.load_records(&collection, std::mem::take(&mut records))?;
                    }
                }
            }
            Ok::<(), OpenError>(())
        })?;
        self.load_records(&collection, records)?;
        if self.fill {
            self.store.apply(manifest.sequence, &[])?;
            self.applied = manifest.sequence;
        }
        Ok(())
    }

    fn load_records(&self, collection: &str, records: Vec<Record>) -> Result<(), OpenError> {
        if records.is_empty() {
            return Ok(());
        }
        let operation = Operation::Upsert {
            collection: collection.to_owned(),
            records,
        };
        if self.fill {
            // Not yet whole: a crash now must start over.
            self.store.apply(0, &changes(&operation))?;
        }
        self.apply(0, &operation)
    }

    fn create(&mut self, spec: Spec) -> Result<(), OpenError> {
        if !self.collections.contains_key(&spec.name) {
            let name = spec.name.clone();
            let collection = Collection::new(spec, &self.config.words)?;
            self.collections.insert(name, Arc::new(collection));
        }
        Ok(())
    }

    fn replay(&mut self, sequence: u64, operation: &Operation) -> Result<(), OpenError> {
        if sequence > self.applied {
            self.store.apply(sequence, &changes(operation))?;
        }
        if let Operation::Create(spec) = operation {
            return self.create(spec.clone());
        }
        self.apply(sequence, operation)
    }

    fn apply(&self, sequence: u64, operation: &Operation) -> Result<(), OpenError> {
        let name = operation.collection();
        let Some(collection) = self.collections.get(name) else {
            let name = name.to_owned();
            return Err(OpenError::UnknownCollection { sequence, name });
        };
        collection.apply(&[operation], Publish::Later)?;
        Ok(())
    }

    /// Tells whether the store reflects exactly what was loaded.
    fn store_agrees(&self, last: u64) -> Result<bool, OpenError> {
        if self.store.applied()? > last {
            return Ok(false);
        }
        for (name, collection) in &self.collections {
            if self.store.count(name)? != collection.counts().points {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn finish(self) -> Result<BTreeMap<String, Arc<Collection>>, OpenError> {
        for collection in self.collections.values() {
            collection.publish()?;
        }
        Ok(self.collections)
    }
}
