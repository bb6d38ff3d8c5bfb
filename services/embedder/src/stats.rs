//! Counters of what was done since the start.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::queue::Priority;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: usize) {
        self.add_wide(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn add_wide(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Seconds that only grow, kept in microseconds.
#[derive(Debug, Default)]
pub(crate) struct Seconds(Counter);

impl Seconds {
    pub(crate) fn add(&self, time: Duration) {
        self.0
            .add_wide(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn get(&self) -> Duration {
        Duration::from_micros(self.0.get())
    }
}

/// What one priority had.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) batches: Counter,
    pub(crate) sequences: Counter,
    pub(crate) tokens: Counter,
    pub(crate) requests: Counter,
    /// Waits for inference of answered requests, summed.
    pub(crate) queued: Seconds,
}

/// What the cache did.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    pub(crate) hits: Counter,
    pub(crate) misses: Counter,
    pub(crate) writes: Counter,
    pub(crate) dropped_writes: Counter,
    pub(crate) rotations: Counter,
    pub(crate) errors: Counter,
}

/// Counters of one embedder.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    /// Requests answered with vectors.
    pub(crate) requests: Counter,
    pub(crate) texts: Counter,
    pub(crate) truncated_texts: Counter,
    pub(crate) shed_requests: Counter,
    pub(crate) interactive: Lane,
    pub(crate) bulk: Lane,
    pub(crate) inference: Seconds,
    pub(crate) halved_batches: Counter,
    pub(crate) refused_texts: Counter,
    pub(crate) cache: Cache,
}

impl Stats {
    /// Returns the counters of a priority.
    pub(crate) fn lane(&self, priority: Priority) -> &Lane {
        match priority {
            Priority::Interactive => &self.interactive,
            Priority::Bulk => &self.bulk,
        }
    }
}
