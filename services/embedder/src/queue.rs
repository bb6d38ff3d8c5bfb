//! The bounded queue between callers and the model threads.
//!
//! Callers take permits for their request and for its tokens (`admission`) and hold
//! them until they are answered or leave: permits and capacity are one number.
//! Sequences of one request may fall into several batches.
//!
//! Two lanes, interactive and bulk. A lane serves its callers in turns of about
//! [`TURN_TOKENS`] each, and the requests of one caller in turns as well, so that no
//! request waits for the whole of another. What a lane gives next is drawn as a
//! window of a few batches, sorted by length, and cut into batches: sequences of
//! like length go together, and as a window is used up before the next is drawn, none
//! waits for ever.
//!
//! Where the lanes share one model thread (a graphics card), which one goes next is
//! decided when the model is free: interactive work waits for the one batch that runs.
//! Bulk work is owed one batch after [`INTERACTIVE_BATCHES`] full batches of interactive
//! work, so that it advances under any load. Where each lane has a thread (the
//! processor), the system shares the cores out by the priority of the threads.

mod lane;
mod ticket;
mod work;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;
use vivier_encoders::InputKind;

use crate::error::EmbedderError;

use self::lane::{Job, Lane};
pub(crate) use self::ticket::Done;
use self::ticket::Ticket;
pub(crate) use self::work::Work;

/// Tokens after which the next caller has its turn: two windows of a small model.
const TURN_TOKENS: usize = 512;
/// Batches of a bulk window: more sort better, and a new caller waits longer for
/// its first turn.
const BULK_WINDOW: usize = 4;
/// Full batches of interactive work after which waiting bulk work has a batch.
const INTERACTIVE_BATCHES: usize = 9;

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// A person: served first.
    #[default]
    Interactive,
    /// A job.
    Bulk,
}

/// Whom work is done for: callers of one priority have equal shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// A connection; `None` for one without an address.
    Connection(Option<SocketAddr>),
    /// A stream of requests.
    Stream(u64),
}

/// How a request stands in the queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) priority: Priority,
    pub(crate) caller: Caller,
    /// When the request came.
    pub(crate) arrival: Instant,
}

/// One token sequence of a request.
#[derive(Clone, Debug)]
pub(crate) struct Sequence {
    pub(crate) ids: Vec<u32>,
    pub(crate) kind: InputKind,
    /// Which text of the request it is a window of.
    pub(crate) input: usize,
}

/// What a caller gets back.
pub(crate) type Reply = Result<Done, EmbedderError>;

/// Work waiting for the model.
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Rung when work arrives or the queue closes.
    arrived: Condvar,
}

struct State {
    interactive: Lane,
    bulk: Lane,
    /// Tokens of interactive work since the last bulk batch, while bulk work waited.
    since_bulk: usize,
    closed: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                interactive: Lane::new(1),
                bulk: Lane::new(BULK_WINDOW),
                since_bulk: 0,
                closed: false,
            }),
            arrived: Condvar::new(),
        }
    }
}

impl Queue {
    /// Adds a request; the reply comes through the receiver. Dropping the receiver
    /// withdraws what is not yet in a batch. After [`Queue::close`] the reply never
    /// comes: the receiver finds the sender gone.
    pub(crate) fn push(&self, sequences: Vec<Sequence>, place: Place) -> oneshot::Receiver<Reply> {
        let (reply_tx, reply_rx) = oneshot::channel();
        let ticket = Arc::new(Ticket::new(sequences.len(), place.arrival, reply_tx));
        let job = Job::new(sequences, ticket);
        let mut state = self.lock();
        if !state.closed {
            state.lane(place.priority).push(place.caller, job);
            self.arrived.notify_all();
        }
        reply_rx
    }

    /// Waits for work and returns a batch of at most `budget` tokens, or of one
    /// sequence that is longer; `None` once the queue is closed. With `only`, takes
    /// nothing of the other priority.
    pub(crate) fn next(&self, only: Option<Priority>, budget: usize) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(work) = state.take(only, budget) {
                return Some(work);
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Forms the bulk batches that come next: to be called while a batch runs.
    pub(crate) fn stage(&self, budget: usize) {
        self.lock().bulk.stage(budget);
    }

    /// Puts back parts of a batch that failed; they go first in their lane.
    pub(crate) fn put_back(&self, parts: [Work; 2]) {
        let mut state = self.lock();
        if !state.closed {
            for work in parts.into_iter().rev() {
                state.lane(work.priority).put_back(work.into_items());
            }
        }
    }

    /// Drops what waits and ends [`Queue::next`].
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.interactive.clear();
        state.bulk.clear();
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, priority: Priority) -> &mut Lane {
        match priority {
            Priority::Interactive => &mut self.interactive,
            Priority::Bulk => &mut self.bulk,
        }
    }

    /// Takes the next batch of the lane whose turn it is.
    fn take(&mut self, only: Option<Priority>, budget: usize) -> Option<Work> {
        let bulk_is_due = self.since_bulk >= budget.saturating_mul(INTERACTIVE_BATCHES);
        let order = if bulk_is_due {
            [Priority::Bulk, Priority::Interactive]
        } else {
            [Priority::Interactive, Priority::Bulk]
        };
        for priority in order {
            if only.is_some_and(|only| only != priority) {
                continue;
            }
            if let Some(items) = self.lane(priority).take(budget) {
                let work = Work::new(items, priority);
                self.account(&work);
                return Some(work);
            }
        }
        None
    }

    fn account(&mut self, work: &Work) {
        if work.priority == Priority::Bulk || self.bulk.is_empty() {
            self.since_bulk = 0;
        } else {
            self.since_bulk += work.tokens();
        }
    }
}

#[cfg(test)]
mod tests;
