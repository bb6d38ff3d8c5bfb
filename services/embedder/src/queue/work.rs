//! One batch for the model and where its vectors go.

use std::time::{Duration, Instant};

use vivier_encoders::Batch;

use super::Priority;
use super::lane::Item;
use crate::error::EmbedderError;

/// One batch for the model and where its vectors go; never empty.
pub(crate) struct Work {
    items: Vec<Item>,
    pub(crate) priority: Priority,
}

/// What the callers of a batch got.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Answered {
    /// Requests that are complete with this batch.
    pub(crate) requests: u64,
    /// How long they waited for inference, summed.
    pub(crate) queued: Duration,
}

impl Work {
    pub(super) fn new(items: Vec<Item>, priority: Priority) -> Self {
        Self { items, priority }
    }

    pub(super) fn into_items(self) -> Vec<Item> {
        self.items
    }

    /// Returns the number of sequences.
    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns the number of tokens.
    pub(crate) fn tokens(&self) -> usize {
        self.items.iter().map(Item::tokens).sum()
    }

    /// Lays the sequences end to end.
    pub(crate) fn batch(&self) -> Batch {
        let sequences = self.items.iter().map(|item| &item.sequence);
        let mut batch: Batch = sequences
            .map(|sequence| (sequence.ids.as_slice(), sequence.kind))
            .collect();
        if self.priority == Priority::Bulk {
            batch.give_way();
        }
        batch
    }

    /// Hands the vectors out; requests that are complete are answered.
    pub(crate) fn finish(
        self,
        vectors: Vec<Vec<f32>>,
        started: Instant,
        took: Duration,
    ) -> Answered {
        debug_assert_eq!(vectors.len(), self.items.len());
        let mut answered = Answered::default();
        for (item, vector) in self.items.into_iter().zip(vectors) {
            if let Some(queued) = item.ticket.fill(item.place, vector, (started, took)) {
                answered.requests += 1;
                answered.queued += queued;
            }
        }
        answered
    }

    /// Splits a batch into two halves; gives a batch of one sequence back.
    pub(crate) fn halve(mut self) -> Result<[Self; 2], Self> {
        if self.items.len() < 2 {
            return Err(self);
        }
        let second = self.items.split_off(self.items.len() / 2);
        let second = Self::new(second, self.priority);
        Ok([self, second])
    }

    /// Answers every request that has a part in the batch with an error; `error` is
    /// given the place of the text in the request.
    pub(crate) fn fail(self, error: impl Fn(usize) -> EmbedderError) {
        for item in self.items {
            item.ticket.fail(error(item.sequence.input));
        }
    }
}
