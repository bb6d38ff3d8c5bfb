//! The model on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vivier_encoders::Encoder;
use vivier_runtime::CpuPool;

use crate::error::EmbedderError;
use crate::queue::Queue;

/// Tokens per second assumed before the first batch was measured.
const FIRST_RATE: u32 = 2_000;

/// How many tokens per second the model lately encoded.
#[derive(Debug)]
pub(crate) struct Rate(AtomicU32);

impl Rate {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(FIRST_RATE))
    }

    /// Returns how long the model needs for so many tokens.
    pub(crate) fn time_for(&self, tokens: u64) -> Duration {
        let rate = u64::from(self.0.load(Ordering::Relaxed).max(1));
        Duration::from_millis(tokens.saturating_mul(1000) / rate)
    }

    /// Takes one batch into account: a moving average over about eight batches.
    fn measure(&self, tokens: usize, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1);
        let tokens = u64::try_from(tokens).unwrap_or(u64::MAX);
        let now = tokens.saturating_mul(1_000_000) / micros;
        let before = u64::from(self.0.load(Ordering::Relaxed));
        let average = (before * 7 + now.min(u64::from(u32::MAX))) / 8;
        self.0.store(
            u32::try_from(average).unwrap_or(u32::MAX),
            Ordering::Relaxed,
        );
    }
}

/// What the model thread works with.
pub(crate) struct Worker {
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) queue: Arc<Queue>,
    pub(crate) rate: Arc<Rate>,
    /// Runs the model; the thread itself only waits for it.
    pub(crate) pool: CpuPool,
    /// Token budget of a batch.
    pub(crate) max_batch_tokens: usize,
}

impl Worker {
    /// Starts the thread; it ends when the queue closes.
    ///
    /// # Errors
    ///
    /// When the system refuses the thread.
    pub(crate) fn start(self) -> std::io::Result<JoinHandle<()>> {
        std::thread::Builder::new()
            .name("model".into())
            .spawn(move || self.run())
    }

    fn run(&self) {
        while let Some(work) = self.queue.next_batch(self.max_batch_tokens) {
            let (tokens, sequences) = (work.batch.tokens(), work.batch.len());
            let started = Instant::now();
            let encode = || self.pool.install(|| self.encoder.encode(&work.batch));
            // A panic in the arithmetic must cost one batch and not the service.
            let encoded = catch_unwind(AssertUnwindSafe(encode));
            let took = started.elapsed();
            tracing::debug!(tokens, sequences, ?took, "batch encoded");
            match encoded {
                Ok(Ok(vectors)) => {
                    self.rate.measure(tokens, took);
                    work.finish(vectors, started, took);
                }
                Ok(Err(error)) => work.fail(&EmbedderError::Encode(Arc::new(error))),
                Err(_) => work.fail(&EmbedderError::Panicked),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_follows_what_was_measured() {
        let rate = Rate::new();
        assert_eq!(rate.time_for(2_000), Duration::from_secs(1));
        for _ in 0..100 {
            rate.measure(4_000, Duration::from_millis(400));
        }
        let time = rate.time_for(10_000);
        assert!((1000..1010).contains(&time.as_millis()), "{time:?}");
    }
}
