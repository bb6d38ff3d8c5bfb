//! The bounded queue between callers and the model thread.
//!
//! Callers take permits for their request and for its tokens and hold them until
//! they are answered or leave: permits and capacity are one number. The model
//! thread forms a batch at the moment it is free, so that what arrived while the
//! last batch ran is in the next one and interactive work waits for one batch at
//! most. Sequences of one request may fall into several batches.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use vivier_encoders::{Batch, InputKind};

use crate::error::EmbedderError;

/// Who waits for the answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Priority {
    /// A person: served first.
    #[default]
    Interactive,
    /// A job.
    Bulk,
}

/// The vectors of a request and the time they took.
#[derive(Debug)]
pub(crate) struct Done {
    /// One for each sequence, in order.
    pub(crate) vectors: Vec<Vec<f32>>,
    /// From arrival to the start of the last batch used.
    pub(crate) queued: Duration,
    /// Of inference, summed over the batches used.
    pub(crate) inference: Duration,
}

/// What a caller gets back.
pub(crate) type Reply = Result<Done, EmbedderError>;

/// Work waiting for the model.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    /// Rung when work arrives or the queue closes.
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    interactive: VecDeque<Job>,
    bulk: VecDeque<Job>,
    closed: bool,
}

/// One request, as far as it is not yet in a batch.
struct Job {
    sequences: VecDeque<(InputKind, Vec<u32>)>,
    ticket: Arc<Ticket>,
}

impl Queue {
    /// Adds a request; the reply comes through the receiver. Dropping the receiver
    /// withdraws what is not yet in a batch. After [`Queue::close`] the reply never
    /// comes: the receiver finds the sender gone.
    pub(crate) fn push(
        &self,
        sequences: Vec<(InputKind, Vec<u32>)>,
        priority: Priority,
        arrival: Instant,
    ) -> oneshot::Receiver<Reply> {
        let (reply_tx, reply_rx) = oneshot::channel();
        let ticket = Arc::new(Ticket::new(sequences.len(), arrival, reply_tx));
        let job = Job {
            sequences: sequences.into(),
            ticket,
        };
        let mut state = self.lock();
        if !state.closed {
            match priority {
                Priority::Interactive => state.interactive.push_back(job),
                Priority::Bulk => state.bulk.push_back(job),
            }
            self.arrived.notify_one();
        }
        reply_rx
    }

    /// Waits for work and returns a batch of at most `budget` tokens; `None` once
    /// the queue is closed. No sequence may be longer than `budget`.
    pub(crate) fn next_batch(&self, budget: usize) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let work = state.form(budget);
            if !work.batch.is_empty() {
                return Some(work);
            }
            state = self
                .arrived
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Drops what waits and ends [`Queue::next_batch`].
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        *state = State {
            closed: true,
            ..State::default()
        };
        self.arrived.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes sequences in order of arrival, interactive before bulk, until the next
    /// one does not fit.
    fn form(&mut self, budget: usize) -> Work {
        let mut work = Work::default();
        while let Some(lane) = self.first_lane() {
            let Some(job) = lane.front_mut() else { break };
            let Some((kind, sequence)) = job.sequences.front() else {
                break;
            };
            if work.batch.tokens() + sequence.len() > budget {
                break;
            }
            let place = job.ticket.count - job.sequences.len();
            work.batch.push(sequence, *kind);
            work.places.push((Arc::clone(&job.ticket), place));
            job.sequences.pop_front();
        }
        work
    }

    /// Returns the lane to serve, its first job with sequences left and its caller
    /// still there; drops the jobs before it.
    fn first_lane(&mut self) -> Option<&mut VecDeque<Job>> {
        for lane in [&mut self.interactive, &mut self.bulk] {
            while lane
                .front()
                .is_some_and(|job| job.sequences.is_empty() || job.ticket.is_left())
            {
                lane.pop_front();
            }
            if !lane.is_empty() {
                return Some(lane);
            }
        }
        None
    }
}

/// One batch for the model and where its vectors go.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) batch: Batch,
    /// For each sequence, the request and the place in it.
    places: Vec<(Arc<Ticket>, usize)>,
}

impl Work {
    /// Hands the vectors out; requests that are complete are answered.
    pub(crate) fn finish(self, vectors: Vec<Vec<f32>>, started: Instant, took: Duration) {
        debug_assert_eq!(vectors.len(), self.places.len());
        let mut last: Option<&Arc<Ticket>> = None;
        for (ticket, _) in &self.places {
            // The sequences of a request are neighbours.
            if !last.is_some_and(|last| Arc::ptr_eq(last, ticket)) {
                ticket.add_time(started, took);
            }
            last = Some(ticket);
        }
        for ((ticket, place), vector) in self.places.iter().zip(vectors) {
            ticket.fill(*place, vector);
        }
    }

    /// Answers every request that has a part in the batch with an error.
    pub(crate) fn fail(self, error: &EmbedderError) {
        for (ticket, _) in self.places {
            ticket.fail(error.clone());
        }
    }
}

/// The answer to one request while it is being put together.
struct Ticket {
    /// Sequences of the request.
    count: usize,
    arrival: Instant,
    /// `None` once answered.
    pending: Mutex<Option<Pending>>,
}

struct Pending {
    vectors: Vec<Option<Vec<f32>>>,
    queued: Duration,
    inference: Duration,
    reply_tx: oneshot::Sender<Reply>,
}

impl Ticket {
    fn new(count: usize, arrival: Instant, reply_tx: oneshot::Sender<Reply>) -> Self {
        let pending = Pending {
            vectors: vec![None; count],
            queued: Duration::ZERO,
            inference: Duration::ZERO,
            reply_tx,
        };
        Self {
            count,
            arrival,
            pending: Mutex::new(Some(pending)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether nobody waits any more: answered, or the caller left.
    fn is_left(&self) -> bool {
        self.lock()
            .as_ref()
            .is_none_or(|pending| pending.reply_tx.is_closed())
    }

    fn add_time(&self, started: Instant, took: Duration) {
        if let Some(pending) = self.lock().as_mut() {
            pending.queued = started.saturating_duration_since(self.arrival);
            pending.inference += took;
        }
    }

    fn fill(&self, place: usize, vector: Vec<f32>) {
        let mut slot = self.lock();
        let Some(pending) = slot.as_mut() else { return };
        pending.vectors[place] = Some(vector);
        // Batches take sequences in order, so the last place is the last to come.
        if place + 1 < self.count {
            return;
        }
        if let Some(Pending {
            vectors,
            queued,
            inference,
            reply_tx,
        }) = slot.take()
        {
            let vectors = vectors.into_iter().flatten().collect();
            // The caller may have left: then nobody wants the vectors.
            drop(reply_tx.send(Ok(Done {
                vectors,
                queued,
                inference,
            })));
        }
    }

    fn fail(&self, error: EmbedderError) {
        if let Some(pending) = self.lock().take() {
            drop(pending.reply_tx.send(Err(error)));
        }
    }
}

#[cfg(test)]
mod tests;
