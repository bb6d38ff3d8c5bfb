//! The answer to one request while it is being put together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Reply;
use crate::error::EmbedderError;

/// The vectors of a request and the time they took.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// One for each sequence, in order.
    pub(crate) vectors: Vec<Vec<f32>>,
    /// From arrival to the start of the last batch used.
    pub(crate) queued: Duration,
    /// Of inference, summed over the batches used.
    pub(crate) inference: Duration,
}

/// The answer to one request while it is being put together.
pub(super) struct Ticket {
    arrival: Instant,
    /// `None` once answered.
    pending: Mutex<Option<Pending>>,
}

struct Pending {
    /// Empty where a sequence is still to come.
    vectors: Vec<Vec<f32>>,
    missing: usize,
    /// When the last batch that was counted started.
    started: Option<Instant>,
    inference: Duration,
    reply_tx: oneshot::Sender<Reply>,
}

impl Ticket {
    pub(super) fn new(count: usize, arrival: Instant, reply_tx: oneshot::Sender<Reply>) -> Self {
        let pending = Pending {
            vectors: vec![Vec::new(); count],
            missing: count,
            started: None,
            inference: Duration::ZERO,
            reply_tx,
        };
        Self {
            arrival,
            pending: Mutex::new(Some(pending)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pending>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether nobody waits any more: answered, or the caller left.
    pub(super) fn is_left(&self) -> bool {
        self.lock()
            .as_ref()
            .is_none_or(|pending| pending.reply_tx.is_closed())
    }

    /// Takes the vector of one sequence, from the batch that started then and took so
    /// long; answers the request when it was the last. Returns the time in the queue
    /// of a request that is answered.
    pub(super) fn fill(
        &self,
        place: usize,
        vector: Vec<f32>,
        (started, took): (Instant, Duration),
    ) -> Option<Duration> {
        let mut slot = self.lock();
        let pending = slot.as_mut()?;
        if pending.started != Some(started) {
            pending.started = Some(started);
            pending.inference += took;
        }
        pending.vectors[place] = vector;
        pending.missing -= 1;
        if pending.missing > 0 {
            return None;
        }
        let answered = slot.take()?;
        let queued = started.saturating_duration_since(self.arrival);
        // The caller may have left: then nobody wants the vectors.
        drop(answered.reply_tx.send(Ok(Done {
            vectors: answered.vectors,
            queued,
            inference: answered.inference,
        })));
        Some(queued)
    }

    pub(super) fn fail(&self, error: EmbedderError) {
        if let Some(pending) = self.lock().take() {
            drop(pending.reply_tx.send(Err(error)));
        }
    }
}
