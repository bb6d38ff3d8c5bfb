//! Who is let in, and who is told to come back.
//!
//! Three things are bounded: requests, the bytes of texts that wait for the
//! tokenizer, and tokens that wait for the model. Bulk work may take seven eighths
//! of each, so that a job never crowds a person out.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::{Config, as_usize};
use crate::error::EmbedderError;
use crate::queue::Priority;

/// What to do when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Refuse, with a delay after which to try again.
    Now,
    /// Wait for room: for streams, whose flow control holds the caller back.
    Wait,
}

/// One bounded thing.
#[derive(Debug)]
pub(crate) struct Gate {
    /// The config key of the bound.
    pub(crate) name: &'static str,
    limit: u32,
    bulk_limit: u32,
    all: Arc<Semaphore>,
    bulk: Arc<Semaphore>,
}

/// Room taken; given back when dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _all: OwnedSemaphorePermit,
    _bulk: Option<OwnedSemaphorePermit>,
}

impl Gate {
    fn new(name: &'static str, limit: u32) -> Self {
        let bulk_limit = (limit - limit / 8).min(limit.saturating_sub(1)).max(1);
        Self {
            name,
            limit,
            bulk_limit,
            all: Arc::new(Semaphore::new(as_usize(limit))),
            bulk: Arc::new(Semaphore::new(as_usize(bulk_limit))),
        }
    }

    /// Returns the most that this priority may take at a time.
    pub(crate) fn limit(&self, priority: Priority) -> u32 {
        match priority {
            Priority::Interactive => self.limit,
            Priority::Bulk => self.bulk_limit,
        }
    }

    /// Returns how much is taken.
    pub(crate) fn in_use(&self) -> u64 {
        let free = u64::try_from(self.all.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.limit).saturating_sub(free)
    }

    /// Takes room; `None` when there is not enough and the caller does not wait.
    /// `count` must not exceed the limit.
    ///
    /// # Errors
    ///
    /// [`EmbedderError::Stopping`] when the service ends while the caller waits.
    pub(crate) async fn enter(
        &self,
        count: u32,
        priority: Priority,
        admission: Admission,
    ) -> Result<Option<Permit>, EmbedderError> {
        let bulk = match priority {
            Priority::Interactive => None,
            Priority::Bulk => match take(&self.bulk, count, admission).await? {
                None => return Ok(None),
                permit => permit,
            },
        };
        let all = take(&self.all, count, admission).await?;
        Ok(all.map(|all| Permit {
            _all: all,
            _bulk: bulk,
        }))
    }
}

async fn take(
    permits: &Arc<Semaphore>,
    count: u32,
    admission: Admission,
) -> Result<Option<OwnedSemaphorePermit>, EmbedderError> {
    let permits = Arc::clone(permits);
    match admission {
        Admission::Now => Ok(permits.try_acquire_many_owned(count).ok()),
        Admission::Wait => {
            let permit = permits.acquire_many_owned(count).await;
            Ok(Some(permit.map_err(|_| EmbedderError::Stopping)?))
        }
    }
}

/// Every bounded thing.
#[derive(Debug)]
pub(crate) struct Gates {
    pub(crate) requests: Gate,
    pub(crate) bytes: Gate,
    pub(crate) tokens: Gate,
}

impl Gates {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            requests: Gate::new("max_queue_requests", config.max_queue_requests),
            bytes: Gate::new("max_queue_bytes", config.max_queue_bytes),
            tokens: Gate::new("max_queue_tokens", config.max_queue_tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bulk_work_leaves_room_for_people_and_gives_its_own_back() {
        let gate = Gate::new("max_queue_tokens", 16);
        assert_eq!(gate.limit(Priority::Bulk), 14);
        let enter = |count, priority| gate.enter(count, priority, Admission::Now);
        let job = enter(14, Priority::Bulk).await.unwrap().unwrap();
        assert!(enter(1, Priority::Bulk).await.unwrap().is_none());
        let person = enter(2, Priority::Interactive).await.unwrap().unwrap();
        assert!(enter(1, Priority::Interactive).await.unwrap().is_none());
        assert_eq!(gate.in_use(), 16);
        drop(person);
        drop(job);
        // A refusal halfway must not keep the half that was granted.
        let person = enter(10, Priority::Interactive).await.unwrap();
        assert!(enter(7, Priority::Bulk).await.unwrap().is_none());
        drop(person);
        assert!(enter(14, Priority::Bulk).await.unwrap().is_some());
        assert_eq!(gate.in_use(), 0);
    }

    #[test]
    fn the_smallest_gate_lets_bulk_work_in() {
        assert_eq!(Gate::new("n", 1).limit(Priority::Bulk), 1);
        assert_eq!(Gate::new("n", 2).limit(Priority::Bulk), 1);
    }
}
