//! The model on threads of its own: one for each priority, or one for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vivier_encoders::{Batch, EncodeError, Encoder, InputKind, Truncation};
use vivier_runtime::{CpuPool, PoolError, Started};

use crate::error::EmbedderError;
use crate::queue::{Priority, Queue, Work};
use crate::stats::Stats;

/// Tokens per second assumed before anything was measured.
const FIRST_RATE: u32 = 2_000;
/// Batches of fewer tokens say little about the rate of larger ones.
const MEASURED_TOKENS: usize = 128;
/// Batches that warm the model up and give the first rate.
const WARM_UP_BATCHES: usize = 3;

/// How many tokens per second the model lately encoded.
#[derive(Debug)]
pub(crate) struct Rate(AtomicU32);

impl Rate {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(FIRST_RATE))
    }

    /// Returns tokens per second.
    pub(crate) fn per_second(&self) -> u32 {
        self.0.load(Ordering::Relaxed).max(1)
    }

    /// Returns how long the model needs for so many tokens.
    pub(crate) fn time_for(&self, tokens: u64) -> Duration {
        Duration::from_millis(tokens.saturating_mul(1000) / u64::from(self.per_second()))
    }

    /// Returns how many tokens the model encodes in so much time.
    pub(crate) fn tokens_in(&self, time: Duration) -> usize {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let tokens = micros.saturating_mul(self.per_second().into()) / 1_000_000;
        usize::try_from(tokens).unwrap_or(usize::MAX)
    }

    /// Takes one batch into account: a moving average over about eight batches.
    fn measure(&self, tokens: usize, took: Duration) {
        if tokens < MEASURED_TOKENS {
            return;
        }
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
    pub(crate) stats: Arc<Stats>,
    /// Runs the model; the thread itself forms batches and waits.
    pub(crate) pool: CpuPool,
    /// Serves this priority alone; `None` for both.
    pub(crate) only: Option<Priority>,
    /// Most tokens of a batch.
    pub(crate) max_batch_tokens: usize,
    /// How long a batch should take.
    pub(crate) batch_time: Duration,
}

type Encoded = Result<Vec<Vec<f32>>, EncodeError>;

/// A batch that is being encoded.
struct Running {
    work: Work,
    started: Instant,
    encoded: Started<Encoded>,
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
        self.warm_up();
        while let Some(work) = self.queue.next(self.only, self.budget()) {
            let running = self.launch(work);
            // While the batch runs: the next ones are formed before it ends.
            self.queue.stage(self.budget());
            self.settle(running);
        }
    }

    /// Returns the tokens of a batch that takes about `batch_time`.
    fn budget(&self) -> usize {
        self.rate
            .tokens_in(self.batch_time)
            .clamp(1, self.max_batch_tokens)
    }

    fn launch(&self, work: Work) -> Running {
        let encoder = Arc::clone(&self.encoder);
        let batch = work.batch();
        let started = Instant::now();
        let encoded = self.pool.start(move || encoder.encode(&batch));
        Running {
            work,
            started,
            encoded,
        }
    }

    fn settle(&self, running: Running) {
        let Running {
            work,
            started,
            encoded,
        } = running;
        let encoded = encoded.wait();
        let took = started.elapsed();
        let (tokens, sequences) = (work.tokens(), work.len());
        tracing::debug!(tokens, sequences, ?took, "batch encoded");
        self.stats.inference.add(took);
        let lane = self.stats.lane(work.priority);
        lane.batches.add(1);
        lane.sequences.add(sequences);
        lane.tokens.add(tokens);
        match encoded {
            Ok(Ok(vectors)) => {
                self.rate.measure(tokens, took);
                let answered = work.finish(vectors, started, took);
                lane.requests.add_wide(answered.requests);
                lane.queued.add(answered.queued);
            }
            Ok(Err(error)) => self.recover(work, &Failure::Encode(Arc::new(error))),
            Err(PoolError::Lost | PoolError::Start { .. }) => {
                self.recover(work, &Failure::Panicked);
            }
        }
    }

    /// Finds the text that a batch failed on by halving the batch, so that only this
    /// text is refused: at most twice the batch is encoded again. A model that fails
    /// on everything is told from a bad text by a probe, and fails the whole batch.
    fn recover(&self, work: Work, failure: &Failure) {
        let (tokens, sequences) = (work.tokens(), work.len());
        if !self.is_sound() {
            tracing::error!(tokens, sequences, %failure, "the model fails on every text");
            work.fail(|_| failure.as_broken_model());
            return;
        }
        match work.halve() {
            Ok(halves) => {
                tracing::warn!(tokens, sequences, %failure, "a batch failed and is halved");
                self.stats.halved_batches.add(1);
                self.queue.put_back(halves);
            }
            Err(one) => {
                tracing::warn!(tokens, %failure, "the model cannot encode a text");
                self.stats.refused_texts.add(1);
                one.fail(|input| failure.as_bad_text(input, tokens));
            }
        }
    }

    /// Returns whether the model encodes a text that every model can encode.
    fn is_sound(&self) -> bool {
        let Some(probe) = self.probe("a") else {
            return true;
        };
        matches!(self.encode(probe), Ok(Ok(_)))
    }

    /// Encodes a few full windows: the first batches are slow and say nothing about
    /// the rate.
    fn warm_up(&self) {
        let text = "a ".repeat(self.encoder.spec().max_tokens.min(MEASURED_TOKENS * 2));
        for _ in 0..WARM_UP_BATCHES {
            let Some(batch) = self.probe(&text) else {
                return;
            };
            let (tokens, started) = (batch.tokens(), Instant::now());
            if let Ok(Ok(_)) = self.encode(batch) {
                self.rate.measure(tokens, started.elapsed());
            }
        }
    }

    fn probe(&self, text: &str) -> Option<Batch> {
        let prepared = self
            .encoder
            .prepare(text, InputKind::Query, Truncation::Head)
            .ok()?;
        let mut batch = Batch::default();
        prepared.push_to(&mut batch);
        Some(batch)
    }

    fn encode(&self, batch: Batch) -> Result<Encoded, PoolError> {
        let encoder = Arc::clone(&self.encoder);
        self.pool.start(move || encoder.encode(&batch)).wait()
    }
}

/// Why a batch failed.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Encode(Arc<EncodeError>),
    #[error("the model panicked")]
    Panicked,
}

impl Failure {
    fn as_broken_model(&self) -> EmbedderError {
        match self {
            Self::Encode(error) => EmbedderError::Encode(Arc::clone(error)),
            Self::Panicked => EmbedderError::Panicked,
        }
    }

    fn as_bad_text(&self, input: usize, tokens: usize) -> EmbedderError {
        let reason = match self {
            Self::Encode(error) => error.to_string(),
            Self::Panicked => self.to_string(),
        };
        EmbedderError::Unencodable {
            index: input,
            tokens,
            reason,
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
        let tokens = rate.tokens_in(Duration::from_millis(10));
        assert!((99..=100).contains(&tokens), "{tokens}");
        rate.measure(MEASURED_TOKENS - 1, Duration::from_secs(9));
        assert_eq!(rate.tokens_in(Duration::from_millis(10)), tokens);
    }
}
