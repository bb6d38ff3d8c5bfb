//! The one thread that writes.
//!
//! Writes that wait together are committed together: one frame of the log, one
//! sync, one commit of the words, one step for readers; then all are
//! acknowledged. Between commits it freezes full tails, has segments made
//! beside it ([`crate::jobs`]), puts them into use and cuts the log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::{mpsc, oneshot};

use crate::collection::{Collection, Publish};
use crate::engine::Engine;
use crate::error::{IndexError, WriteError};
use crate::jobs::{Done, Task, Worker, scrub};
use crate::log::Log;
use crate::merge::{MergePolicy, Size};
use crate::model::{Operation, Outcome, Spec};
use crate::segment::write::Source;
use crate::segment::{SegmentError, folder};

/// Most operations in one commit.
const MAX_GROUP: usize = 64;
/// Size at which a commit takes no further operation, in bytes.
const MAX_GROUP_BYTES: usize = 16 << 20;

type Reply = oneshot::Sender<Result<Outcome, IndexError>>;

/// What the writer is asked.
pub(crate) enum Command {
    /// Make this durable and visible. Upserts and deletes have been checked
    /// against their collection, which exists.
    Write { operation: Operation, reply: Reply },
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
                    Command::Write { operation, reply } => {
                        bytes += size(&operation);
                        group.push((operation, reply));
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
            let same = same_spec(collection.spec(), spec);
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
                for (reply, outcome) in replies.into_iter().zip(outcomes) {
                    respond(reply, Ok(outcome));
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
            match self.done_rx.recv() {
                Ok(done) => self.put_into_use(done),
                Err(_) => break,
            }
            self.start_jobs();
        }
    }

    fn take_done(&mut self) {
        while let Ok(done) = self.done_rx.try_recv() {
            self.put_into_use(done);
        }
    }

    /// Freezes tails that are full, and all of them when the log has grown.
    fn freeze(&mut self) -> Result<(), WriteError> {
        let config = &self.engine.config.segments;
        let grown = self.engine.log_bytes() >= self.engine.config.checkpoint_log_bytes
            && !self.engine.collections().iter().any(|c| c.frozen() > 0);
        let is_full = |collection: &Arc<Collection>| {
            let (points, bytes) = collection.tail_size();
            grown || points >= config.seal_points || bytes >= config.seal_bytes
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
        if grown {
            self.engine.checkpoint()?;
        }
        Ok(())
    }

    fn too_many_frozen(&self) -> bool {
        let most = self.engine.config.segments.max_frozen;
        self.engine.collections().iter().any(|c| c.frozen() > most)
    }

    fn start_jobs(&mut self) {
        let can_seal = self.sealing.is_free();
        let can_merge = self.merging.is_free();
        // What has just ended is put into use first, or it would be done again.
        self.take_done();
        let collections = self.engine.collections();
        if can_seal {
            let next = collections.iter().find_map(|c| Some((c, c.to_seal()?)));
            if let Some((collection, (sequence, source))) = next {
                let job = (Arc::clone(collection), Task::Seal(sequence), vec![source]);
                let (done, wake) = (self.done_tx.clone(), self.waker());
                self.sealing.start(&self.engine, job, done, wake);
            }
        }
        if can_merge {
            let next = collections.iter().find_map(|c| self.to_merge(c));
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
        if chosen.is_empty() {
            return None;
        }
        let chosen_views = chosen.iter().filter_map(|number| {
            let view = segments
                .iter()
                .find(|view| view.segment.number == *number)?;
            Some(Source::Segment(view.clone()))
        });
        let sources = chosen_views.collect();
        Some((Arc::clone(collection), Task::Merge(chosen), sources))
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
                return;
            }
        };
        let mut gone = Vec::new();
        match task {
            Task::Seal(sequence) => collection.sealed(sequence, written),
            Task::Merge(merged) => {
                collection.merged(&merged, written);
                gone = merged;
            }
        }
        if let Err(error) = self.engine.checkpoint() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the manifest cannot be written; the log and old segments stay"
            );
            return;
        }
        for number in gone {
            let path = folder(&self.engine.config.data_dir, number);
            if let Err(error) = std::fs::remove_dir_all(&path) {
                tracing::warn!(%error, path = %path.display(), "a merged segment stays until the next start");
            }
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
    drop(reply.send(answer));
}

/// Checks that a collection is the one asked for. Default weights may differ:
/// every search can give its own, so the stored ones stay.
fn same_spec(have: &Spec, asked: &Spec) -> Result<(), IndexError> {
    let mismatch = |field: &str, value: String, expected: String| IndexError::Mismatch {
        collection: have.name.clone(),
        field: field.to_owned(),
        value,
        expected,
    };
    // Vectors of another length are another model too: say first what does not fit.
    let kinds = |spec: &Spec| -> Vec<_> {
        let facets = spec.facets.iter();
        facets
            .map(|(name, facet)| (name.clone(), facet.kind))
            .collect()
    };
    if kinds(have) != kinds(asked) {
        let (value, expected) = (describe(asked), describe(have));
        return Err(mismatch("spec.facets", value, expected));
    }
    if have.model_fingerprint != asked.model_fingerprint {
        let (value, expected) = (
            asked.model_fingerprint.clone(),
            have.model_fingerprint.clone(),
        );
        return Err(mismatch(
            "spec.model_fingerprint",
            value,
            format!("{expected:?}"),
        ));
    }
    Ok(())
}

fn describe(spec: &Spec) -> String {
    let facets = spec.facets.iter();
    let facets = facets.map(|(name, facet)| format!("{name}: {:?}", facet.kind));
    format!("[{}]", facets.collect::<Vec<_>>().join(", "))
}

/// Estimates the bytes of an operation.
fn size(operation: &Operation) -> usize {
    match operation {
        Operation::Create(_) | Operation::Delete { .. } => 1_024,
        Operation::Upsert { records, .. } => records
            .iter()
            .map(|record| {
                let vectors: usize = record.vectors.values().map(|vector| vector.len() * 4).sum();
                let words: usize = record.words.values().map(|words| words.text.len()).sum();
                vectors + words + record.document.len() + record.summary.len()
            })
            .sum(),
    }
}
