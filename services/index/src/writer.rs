//! The one thread that writes.
//!
//! Writes that wait together are committed together: one frame of the log, one
//! sync, one commit of the words, one step for readers; then all are
//! acknowledged. Between commits it freezes full tails, has segments made
//! beside it ([`crate::jobs`]), puts them into use and cuts the log, and keeps
//! the files of the moment for a snapshot.

mod checkpoint;

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::collection::{Collection, Publish};
use crate::engine::Engine;
use crate::erase::{Erasure, Erasures, MAX_ERASURES};
use crate::error::{IndexError, WriteError};
use crate::jobs::{Done, Task, Worker, merge_of, scrub};
use crate::log::Log;
use crate::merge::{MergePolicy, Size};
use crate::model::{Operation, Outcome, Spec};
use crate::segment::SegmentError;
use crate::segment::write::Source;
use crate::snapshot::{Held, Moment};
use crate::validate;

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

/// What the writer is asked.
pub(crate) enum Command {
    /// Make this durable and visible. Upserts and deletes have been checked
    /// against their collection, which exists.
    Write { operation: Operation, reply: Reply },
    /// Keep the files of this moment, after the writes before it, for a snapshot.
    Hold(oneshot::Sender<Result<Moment, IndexError>>),
    /// A job, or a snapshot, has ended.
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
    /// What a snapshot copies.
    held: Weak<Held>,
    /// Whether files stay for a snapshot that nothing else needs.
    is_late: bool,
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
            held: Weak::new(),
            is_late: false,
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
            let mut moments = Vec::new();
            let mut bytes = 0;
            let mut next = self.rx.blocking_recv();
            open = next.is_some();
            while let Some(command) = next.take() {
                match command {
                    Command::Write { operation, reply } => {
                        bytes += operation.bytes();
                        group.push((operation, reply));
                    }
                    Command::Hold(reply) => moments.push(reply),
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
            for reply in moments {
                // A caller that has left keeps nothing.
                drop(reply.send(self.hold()));
            }
            self.maintain();
        }
        self.close();
        // It holds the data folder.
        if scrub.is_ok_and(|scrub| scrub.join().is_err()) {
            tracing::error!("checking the records panicked");
        }
    }

    /// Commits a group; a creation stands alone, because what follows may need
    /// the collection.
    fn commit(&mut self, group: Vec<(Operation, Reply)>) {
        let mut run = Vec::new();
        for (operation, reply) in group {
            if let Operation::Create(spec) = &operation {
                self.commit_run(std::mem::take(&mut run));
                if let Some(answer) = self.known(spec) {
                    respond(reply, answer);
                    continue;
                }
                self.commit_run(vec![(operation, reply)]);
            } else {
                run.push((operation, reply));
            }
        }
        self.commit_run(run);
    }

    /// Answers a creation that needs no write.
    fn known(&self, spec: &Spec) -> Option<Result<Outcome, IndexError>> {
        if let Some(collection) = self.engine.collection(&spec.name) {
            let same = validate::same_spec(collection.spec(), spec);
            return Some(same.map(|()| Outcome::default()));
        }
        let limit = self.engine.config.limits.max_collections;
        let count = self.engine.collections().len();
        (count >= limit).then(|| {
            let reason = format!("there are {count} collections already, limit {limit}");
            Err(IndexError::invalid("spec.name", &spec.name, reason))
        })
    }

    fn commit_run(&mut self, run: Vec<(Operation, Reply)>) {
        if run.is_empty() {
            return;
        }
        if self.broken {
            for (_, reply) in run {
                respond(reply, Err(IndexError::ReadOnly));
            }
            return;
        }
        let (operations, replies): (Vec<_>, Vec<_>) = run.into_iter().unzip();
        match self.write(&operations) {
            Ok(outcomes) => {
                let answers = replies.into_iter().zip(outcomes);
                for ((reply, outcome), operation) in answers.zip(operations) {
                    self.acknowledge(reply, outcome, operation);
                }
            }
            Err(error) => {
                self.broken = true;
                let error = Arc::new(error);
                for reply in replies {
                    respond(reply, Err(IndexError::Write(Arc::clone(&error))));
                }
            }
        }
    }

    /// Answers a write that is committed, or lets it wait for its erasure.
    fn acknowledge(&mut self, reply: Reply, outcome: Outcome, operation: Operation) {
        match (reply.after, operation) {
            (After::Erasure, Operation::Delete { collection, ids }) => {
                if self.erasures.len() >= MAX_ERASURES {
                    let (what, limit) = ("erasures", MAX_ERASURES);
                    return respond(reply, Err(IndexError::Overloaded { what, limit }));
                }
                self.sealing.try_again();
                self.merging.try_again();
                self.erasures.push(Erasure {
                    collection,
                    ids,
                    outcome,
                    reply: reply.to,
                });
            }
            _ => respond(reply, Ok(outcome)),
        }
    }

    fn write(&mut self, operations: &[Operation]) -> Result<Vec<Outcome>, WriteError> {
        let borrowed: Vec<&Operation> = operations.iter().collect();
        let first = self.log.append(&borrowed)?;
        let last = self.log.last_sequence();
        let outcomes = self.apply(first, &borrowed)?;
        self.engine.set_sequence(last);
        Ok(outcomes)
    }

    /// Applies operations in memory, all of one collection in one step.
    fn apply(&self, first: u64, operations: &[&Operation]) -> Result<Vec<Outcome>, WriteError> {
        let mut outcomes = vec![Outcome::default(); operations.len()];
        let mut groups: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, operation) in operations.iter().enumerate() {
            if let Operation::Create(spec) = operation {
                self.engine.create(spec)?;
                outcomes[index].inserted = 1;
            } else {
                groups
                    .entry(operation.collection())
                    .or_default()
                    .push(index);
            }
        }
        for (name, indexes) in groups {
            let Some(collection) = self.engine.collection(name) else {
                continue;
            };
            let group: Vec<_> = indexes.iter().map(|index| operations[*index]).collect();
            let found = collection.apply(&group, Publish::Now)?;
            for (index, outcome) in indexes.into_iter().zip(found) {
                outcomes[index] = outcome;
            }
        }
        for (sequence, outcome) in (first..).zip(&mut outcomes) {
            outcome.sequence = sequence;
        }
        Ok(outcomes)
    }

    /// Does what is due beside the writes.
    fn maintain(&mut self) {
        self.take_done();
        if self.broken {
            self.erasures.fail();
            return;
        }
        if self.is_late && self.held.strong_count() == 0 {
            self.checkpoint();
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
        // Bytes of replaced segments are on disk until those are removed.
        let cut = if self.gone.is_empty() { self.cut } else { 0 };
        self.erasures.refresh(&self.engine, cut);
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
                    collection = collection.spec().name,
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
        match task {
            Task::Seal(sequence) => collection.sealed(sequence, written),
            Task::Merge(merged) => {
                collection.merged(&merged, written);
                self.gone.extend(merged);
            }
        }
        self.checkpoint();
    }
}

fn respond(reply: Reply, answer: Result<Outcome, IndexError>) {
    // A caller that has left does not want to know.
    drop(reply.to.send(answer));
}
