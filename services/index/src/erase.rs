//! Erasure: which bytes of deleted points are still on disk, and who waits for
//! their end.
//!
//! A delete alone leaves the dead row in its segment, and the operations that
//! wrote it in the log. Erasures that wait share the work of removing both: all
//! tails are frozen and sealed, so that the log can be cut; segments with dead
//! rows of the points are written anew. Dead rows are found by their ids, also
//! those that an earlier process left, so that an erasure cut off by a crash is
//! finished by asking for it again.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::collection::Collection;
use crate::engine::Engine;
use crate::error::IndexError;
use crate::model::Outcome;

/// Most erasures that wait at a time.
pub(crate) const MAX_ERASURES: usize = 256;

/// One erasure, its points deleted already.
pub(crate) struct Erasure {
    pub(crate) collection: String,
    pub(crate) ids: Vec<String>,
    pub(crate) outcome: Outcome,
    pub(crate) reply: oneshot::Sender<Result<Outcome, IndexError>>,
}

/// The erasures that wait.
#[derive(Default)]
pub(crate) struct Erasures {
    pending: Vec<Pending>,
    /// Segments that hold dead rows of their points.
    remains: Vec<(Arc<Collection>, u64)>,
    /// Whether segments or erasures have changed since those were found.
    is_stale: bool,
}

struct Pending {
    erasure: Erasure,
    /// Last operation that must go from the log; `None` before the tails have
    /// been frozen for it.
    through: Option<u64>,
}

impl Erasures {
    /// Counts them.
    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    /// Adds one.
    pub(crate) fn push(&mut self, erasure: Erasure) {
        let through = None;
        self.pending.push(Pending { erasure, through });
        self.is_stale = true;
    }

    /// Tells whether tails must be frozen for one of them.
    pub(crate) fn wait_for_freeze(&self) -> bool {
        self.pending.iter().any(|one| one.through.is_none())
    }

    /// Notes that all tails with operations up to one have been frozen.
    pub(crate) fn set_frozen(&mut self, through: u64) {
        for one in &mut self.pending {
            one.through.get_or_insert(through);
        }
    }

    /// Notes that segments or the log have changed.
    pub(crate) fn set_stale(&mut self) {
        self.is_stale = true;
    }

    /// Answers those that are done, `cut` being the last operation that is in no
    /// log, and finds what is to be written anew for the others.
    pub(crate) fn refresh(&mut self, engine: &Engine, cut: u64) {
        if !std::mem::take(&mut self.is_stale) {
            return;
        }
        self.remains.clear();
        for one in std::mem::take(&mut self.pending) {
            let mut numbers = BTreeSet::new();
            let collection = engine.collection(&one.erasure.collection);
            if let Some(collection) = collection {
                collection.remains(&one.erasure.ids, &mut numbers);
                let found = numbers.iter();
                let found = found.map(|number| (Arc::clone(&collection), *number));
                self.remains.extend(found);
            }
            if numbers.is_empty() && one.through.is_some_and(|through| through <= cut) {
                let Erasure { outcome, reply, .. } = one.erasure;
                // A caller that has left does not want to know.
                drop(reply.send(Ok(outcome)));
            } else {
                self.pending.push(one);
            }
        }
    }

    /// Returns a segment that must be written anew, and its collection.
    pub(crate) fn next(&self) -> Option<(Arc<Collection>, u64)> {
        self.remains.first().cloned()
    }

    /// Tells all that wait that something failed.
    pub(crate) fn fail(&mut self) {
        self.remains.clear();
        for one in self.pending.drain(..) {
            drop(one.erasure.reply.send(Err(IndexError::NotErased)));
        }
    }
}
