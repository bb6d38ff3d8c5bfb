//! The one thread that writes.
//!
//! Writes that wait together are committed together: one frame of the log, one
//! sync, one commit of the words, one step for readers; then all are
//! acknowledged ([`commit`]). Between commits it freezes full tails, has segments made
//! beside it ([`crate::jobs`]), puts them into use and cuts the log.

mod commit;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::collection::Collection;
use crate::engine::Engine;
use crate::erase::Erasures;
use crate::error::{IndexError, WriteError};
use crate::jobs::{Done, Task, Worker, merge_of, scrub};
use crate::log::Log;
use crate::merge::{MergePolicy, Size};
use crate::model::{FacetUpdate, Operation, Outcome, Record};
use crate::segment::files::sync_folder;
use crate::segment::write::Source;
use crate::segment::{SegmentError, folder};

/// Most operations in one commit.
const MAX_GROUP: usize = 64;
/// How long a job that has panicked can hold writes back unnoticed.
const PANIC_CHECK: Duration = Duration::from_millis(200);
/// Size at which a commit takes no further operation, in bytes.
const MAX_GROUP_BYTES: usize = 16 << 20;

/// When a write is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// When it is durable and visible.
    Commit,
    /// When the points that it deletes are gone from the data folder.
    Erasure,
}

/// Whom a write is answered, and when.
pub(crate) struct Reply {
    pub(crate) to: oneshot::Sender<Result<Outcome, IndexError>>,
    pub(crate) after: After,
}

/// What is to be written.
pub(crate) enum Write {
    /// A change of the catalog.
    Change(Operation),
    /// Aliases to set.
    SetAliases(SetAliases),
    /// Points to delete.
    Delete {
        /// The name of their collection, or an alias.
        name: String,
        ids: Vec<String>,
    },
    /// Points to insert or replace, checked against a collection.
    Upsert {
        /// Its name, or an alias.
        name: String,
        checked: Arc<Collection>,
        records: Vec<Record>,
    },
    /// Facets to replace, checked against a collection.
    Update {
        /// Its name, or an alias.
        name: String,
        checked: Arc<Collection>,
        updates: Vec<FacetUpdate>,
    },
}

/// Aliases to set, and what must hold for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct SetAliases {
    /// Collections by alias.
    pub(crate) aliases: BTreeMap<String, String>,
    /// Whether a collection that has the name of an alias is dropped for it.
    pub(crate) replace_collections: bool,
    /// What the last operation must be; any when 0.
    pub(crate) if_sequence: u64,
}

impl Write {
    /// Estimates the bytes that it takes in the log.
    fn bytes(&self) -> usize {
        match self {
            Self::Delete { ids, .. } => ids.iter().map(String::len).sum(),
            Self::Upsert { records, .. } => records.iter().map(Record::log_bytes).sum(),
            // These stand alone.
            Self::Change(_) | Self::SetAliases(_) | Self::Update { .. } => 0,
        }
    }
}

/// What the writer is asked.
pub(crate) enum Command {
    /// Make this durable and visible.
    Write { write: Write, reply: Reply },
    /// A job has ended.
    Wake,
    /// End.
    Close,
}

/// The writer's own state.
pub(crate) struct Writer {
    engine: Arc<Engine>,
    log: Log,
    rx: mpsc::Receiver<Command>,
    /// Wakes this writer; weak, so that it does not keep itself open.
    wake: mpsc::WeakSender<Command>,
    /// True once a durable operation could not be applied: only a restart,
    /// which replays it, makes memory and disk agree again.
    broken: bool,
    erasures: Erasures,
    /// Last operation that is in no log any more.
    cut: u64,
    /// Segments replaced, but not removed yet.
    gone: Vec<u64>,
    sealing: Worker,
    merging: Worker,
    done_tx: std::sync::mpsc::Sender<Done>,
    done_rx: std::sync::mpsc::Receiver<Done>,
}

impl Writer {
    /// Prepares the thread's state; `wake` belongs to the same channel as `rx`.
    pub(crate) fn new(
        engine: Arc<Engine>,
        log: Log,
        rx: mpsc::Receiver<Command>,
        wake: mpsc::WeakSender<Command>,
    ) -> Self {
        let (done_tx, done_rx) = std::sync::mpsc::channel();
        Self {
            engine,
            log,
            rx,
            wake,
            broken: false,
            erasures: Erasures::default(),
            cut: 0,
            gone: Vec::new(),
            sealing: Worker::default(),
            merging: Worker::default(),
            done_tx,
            done_rx,
        }
    }

    /// Writes until told to close.
    pub(crate) fn run(mut self) {
        let scrub = scrub(&self.engine);
        if let Err(error) = &scrub {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "the records are not checked"
            );
        }
        self.maintain();
        let mut open = true;
        while open {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = self.rx.blocking_recv();
            open = next.is_some();
            while let Some(command) = next.take() {
                match command {
                    Command::Write { write, reply } => {
                        bytes += write.bytes();
                        group.push((write, reply));
                    }
                    Command::Wake => {}
                    Command::Close => {
                        open = false;
                        break;
                    }
                }
                if group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
                    next = self.rx.try_recv().ok();
                }
            }
            self.commit(group);
            self.maintain();
        }
        self.close();
        // It holds the data folder.
        if scrub.is_ok_and(|scrub| scrub.join().is_err()) {
            tracing::error!("checking the records panicked");
        }
    }

    /// Does what is due beside the writes.
    fn maintain(&mut self) {
        self.take_done();
        if self.broken {
            self.erasures.fail();
            return;
        }
        if let Err(error) = self.freeze() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot freeze the tail; it grows on"
            );
        }
        self.start_jobs();
        // Searches scan every frozen tail: writes wait rather than slow them down.
        while self.too_many_frozen() && !self.sealing.is_free() {
            if let Ok(done) = self.done_rx.recv_timeout(PANIC_CHECK) {
                self.put_into_use(done);
            }
            self.take_done();
            self.start_jobs();
        }
    }

    /// Puts into use what has ended. A job that told nothing has panicked: its
    /// end is looked at before what was told, so that no other job starts on
    /// the same points between the two.
    fn take_done(&mut self) {
        let ended = (self.sealing.has_ended(), self.merging.has_ended());
        while let Ok(done) = self.done_rx.try_recv() {
            self.put_into_use(done);
        }
        let sealing = ended.0 && !self.sealing.join();
        let merging = ended.1 && !self.merging.join();
        if sealing || merging {
            self.erasures.fail();
        }
    }

    /// Freezes tails that are full, and all of them when the log has grown or
    /// must be cut for an erasure.
    fn freeze(&mut self) -> Result<(), WriteError> {
        let config = &self.engine.config.segments;
        let grown = self.engine.log_bytes() >= self.engine.config.checkpoint_log_bytes;
        let all = (grown || self.erasures.wait_for_freeze())
            && !self.engine.collections().iter().any(|c| c.frozen() > 0);
        let is_full = |collection: &Arc<Collection>| {
            let (points, bytes) = collection.tail_size();
            all || points >= config.seal_points || bytes >= config.seal_bytes
        };
        let mut collections = self.engine.collections();
        collections.retain(is_full);
        if collections.is_empty() {
            return Ok(());
        }
        let sequence = self.log.rotate()?;
        for collection in &collections {
            collection.freeze(sequence)?;
        }
        // Deletes alone leave nothing to seal, but a log to cut.
        if all {
            self.erasures.set_frozen(sequence);
            self.checkpoint();
        }
        Ok(())
    }

    fn too_many_frozen(&self) -> bool {
        let most = self.engine.config.segments.max_frozen;
        self.engine.collections().iter().any(|c| c.frozen() > most)
    }

    fn start_jobs(&mut self) {
        if self.gone.is_empty() {
            self.erasures.refresh(&self.engine, self.cut);
        }
        let collections = self.engine.collections();
        if self.sealing.is_free() {
            let next = collections.iter().find_map(|c| Some((c, c.to_seal()?)));
            if let Some((collection, (sequence, source))) = next {
                let job = (Arc::clone(collection), Task::Seal(sequence), vec![source]);
                let (done, wake) = (self.done_tx.clone(), self.waker());
                self.sealing.start(&self.engine, job, done, wake);
            }
        }
        if self.merging.is_free() {
            let erasure = self.erasures.next();
            let next = match erasure {
                Some((collection, number)) => merge_of(&collection, &[number]),
                None => collections.iter().find_map(|c| self.to_merge(c)),
            };
            if let Some(job) = next {
                let (done, wake) = (self.done_tx.clone(), self.waker());
                self.merging.start(&self.engine, job, done, wake);
            }
        }
    }

    /// Returns the next merge of a collection.
    fn to_merge(
        &self,
        collection: &Arc<Collection>,
    ) -> Option<(Arc<Collection>, Task, Vec<Source>)> {
        let config = &self.engine.config.segments;
        let policy = MergePolicy {
            base: config.seal_points,
            factor: config.merge_factor,
            max_dead_share: config.max_dead_share,
        };
        let segments = collection.segments();
        let sizes: Vec<Size> = segments.iter().map(Size::of).collect();
        let chosen = policy.choose(&sizes);
        merge_of(collection, &chosen)
    }

    /// Wakes this writer when a job has ended.
    fn waker(&self) -> impl FnOnce() + Send + 'static {
        let wake = self.wake.clone();
        move || {
            if let Some(wake) = wake.upgrade() {
                // A full queue wakes it too.
                drop(wake.try_send(Command::Wake));
            }
        }
    }

    /// Puts what a job has made into use: first for searches, then in the
    /// manifest; what it replaces is removed last.
    fn put_into_use(&mut self, done: Done) {
        let Done {
            collection,
            task,
            written,
        } = done;
        match task {
            Task::Seal(_) => self.sealing.join(),
            Task::Merge(_) => self.merging.join(),
        };
        let written = match written {
            Ok(written) => written,
            Err(SegmentError::Stopped) => return,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    collection = collection.name(),
                    "a segment cannot be written; it is tried again"
                );
                match task {
                    Task::Seal(_) => self.sealing.failed(),
                    Task::Merge(_) => self.merging.failed(),
                }
                self.erasures.fail();
                return;
            }
        };
        if !self.is_current(&collection) {
            // It was dropped meanwhile.
            self.gone.extend(written.map(|w| w.segment.number));
            return self.checkpoint();
        }
        match task {
            Task::Seal(sequence) => collection.sealed(sequence, written),
            Task::Merge(merged) => {
                collection.merged(&merged, written);
                self.gone.extend(merged);
            }
        }
        self.checkpoint();
    }

    /// Writes the manifest, cuts the log, and then removes the segments that
    /// were replaced.
    fn checkpoint(&mut self) {
        self.erasures.set_stale();
        match self.engine.checkpoint() {
            Ok(cut) => self.cut = cut,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the manifest cannot be written; the log and old segments stay"
                );
                self.erasures.fail();
                return;
            }
        }
        if self.gone.is_empty() {
            return;
        }
        let data = &self.engine.config.data_dir;
        self.gone.retain(|number| {
            let path = folder(data, *number);
            let removed = std::fs::remove_dir_all(&path);
            if let Err(error) = &removed {
                tracing::warn!(%error, path = %path.display(), "a merged segment stays for now");
            }
            removed.is_err_and(|error| error.kind() != ErrorKind::NotFound)
        });
        let synced = sync_folder(&data.join("segments"));
        if !self.gone.is_empty() || synced.is_err() {
            self.erasures.fail();
        }
    }

    fn close(&mut self) {
        self.rx.close();
        self.engine.stopping.store(true, Ordering::Release);
        self.sealing.join();
        self.merging.join();
        while let Ok(done) = self.done_rx.try_recv() {
            if !self.broken {
                self.put_into_use(done);
            }
        }
        if self.broken {
            return;
        }
        // The manifest then knows the last operation: a log without it is damaged.
        if let Err(error) = self.engine.checkpoint() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the manifest cannot be written at the end"
            );
        }
    }
}

fn respond(reply: Reply, answer: Result<Outcome, IndexError>) {
    // A caller that has left does not want to know.
    drop(reply.to.send(answer));
}
