//! The one thread that writes.
//!
//! Writes that wait together are committed together: one frame of the log, one
//! sync, one batch of the store, one commit of the words, one step for readers;
//! then all are acknowledged. A checkpoint starts beside it when the log has
//! grown, and one more ends a graceful stop.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use crate::collection::Publish;
use crate::engine::{Engine, changes};
use crate::error::{IndexError, WriteError};
use crate::log::Log;
use crate::model::{Operation, Outcome, Spec};

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
    /// Write a checkpoint and end.
    Close,
}

/// The writer's own state.
pub(crate) struct Writer {
    engine: Arc<Engine>,
    log: Log,
    rx: mpsc::Receiver<Command>,
    /// True once a durable operation could not be applied: only a restart,
    /// which replays it, makes memory and disk agree again.
    broken: bool,
    checkpoint: Option<JoinHandle<()>>,
}

impl Writer {
    /// Prepares the thread's state.
    pub(crate) fn new(engine: Arc<Engine>, log: Log, rx: mpsc::Receiver<Command>) -> Self {
        Self {
            engine,
            log,
            rx,
            broken: false,
            checkpoint: None,
        }
    }

    /// Writes until told to close.
    pub(crate) fn run(mut self) {
        let mut open = true;
        while open {
            let mut group = Vec::new();
            let mut bytes = 0;
            let mut next = self.rx.blocking_recv();
            open = next.is_some();
            while let Some(command) = next.take() {
                let Command::Write { operation, reply } = command else {
                    open = false;
                    break;
                };
                bytes += size(&operation);
                group.push((operation, reply));
                if group.len() < MAX_GROUP && bytes < MAX_GROUP_BYTES {
                    next = self.rx.try_recv().ok();
                }
            }
            self.commit(group);
            self.maintain();
        }
        self.close();
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
        let changes: Vec<_> = operations.iter().flat_map(changes).collect();
        self.engine.store.apply(last, &changes)?;
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

    /// Starts what is due beside the writes.
    fn maintain(&mut self) {
        for collection in self.engine.collections() {
            self.engine.build_if_due(&collection);
        }
        let running = self
            .checkpoint
            .as_ref()
            .is_some_and(|thread| !thread.is_finished());
        if running
            || self.broken
            || self.engine.log_bytes() < self.engine.config.checkpoint_log_bytes
        {
            return;
        }
        self.join_checkpoint();
        let sequence = match self.log.rotate() {
            Ok(sequence) => sequence,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "cannot rotate the log"
                );
                return;
            }
        };
        let engine = Arc::clone(&self.engine);
        let started = std::thread::Builder::new()
            .name("index-checkpoint".to_owned())
            .spawn(move || checkpoint(&engine, sequence));
        match started {
            Ok(thread) => self.checkpoint = Some(thread),
            Err(error) => tracing::error!(%error, "cannot start the checkpoint"),
        }
    }

    fn join_checkpoint(&mut self) {
        if let Some(thread) = self.checkpoint.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint panicked");
        }
    }

    fn close(&mut self) {
        self.rx.close();
        self.engine.stop_builds();
        self.join_checkpoint();
        if self.broken || self.engine.log_bytes() == 0 {
            return;
        }
        match self.log.rotate() {
            Ok(sequence) => checkpoint(&self.engine, sequence),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "cannot rotate the log"
                );
            }
        }
    }
}

fn checkpoint(engine: &Engine, sequence: u64) {
    if let Err(error) = engine.checkpoint(sequence) {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "the checkpoint failed; the log stays"
        );
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
