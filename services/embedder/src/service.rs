//! Embedding, in domain types.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vivier_encoders::{Encoder, InputKind, ModelSpec, PrepareError, Prepared, Truncation};
use vivier_runtime::{CpuPool, Deadline};
use vivier_types::Violation;

use crate::RunError;
use crate::config::{Config, as_usize};
use crate::error::EmbedderError;
use crate::queue::{Done, Priority, Queue};
use crate::worker::{Rate, Worker};

/// Shortest and longest delay that a shed caller is told.
const RETRY_BOUNDS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(30));

/// One text and what it is.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub(crate) text: String,
    pub(crate) kind: InputKind,
}

/// What a caller wants embedded.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) inputs: Vec<Input>,
    /// Name of the model; empty for the loaded one.
    pub(crate) model: String,
    pub(crate) policy: Policy,
    pub(crate) priority: Priority,
    /// By when the answer must be there.
    pub(crate) deadline: Option<Deadline>,
    pub(crate) admission: Admission,
}

/// What to do with a text that is longer than the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Policy {
    #[default]
    Fail,
    Head,
    Tail,
    Windows,
}

/// What to do when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Refuse, with a delay after which to try again.
    Now,
    /// Wait for room: for streams, whose flow control holds the caller back.
    Wait,
}

/// One vector and how it came about.
#[derive(Clone, Debug)]
pub(crate) struct Embedding {
    pub(crate) values: Vec<f32>,
    pub(crate) input_tokens: usize,
    pub(crate) used_tokens: usize,
    pub(crate) windows: usize,
}

/// The answer to a call.
#[derive(Clone, Debug)]
pub(crate) struct Embedded {
    /// One for each input, in order.
    pub(crate) embeddings: Vec<Embedding>,
    pub(crate) queued: Duration,
    pub(crate) inference: Duration,
}

/// The embedder: one loaded model behind one queue.
pub(crate) struct Embedder {
    config: Config,
    encoder: Arc<Encoder>,
    queue: Arc<Queue>,
    rate: Arc<Rate>,
    requests: Arc<Semaphore>,
    tokens: Arc<Semaphore>,
    /// One tokenizer thread for each priority, so that a person's text does not
    /// wait behind a job's hundreds.
    interactive_tokenizer: CpuPool,
    bulk_tokenizer: CpuPool,
}

impl Embedder {
    /// Starts the model thread; it ends after [`Embedder::stop`].
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(crate) fn start(
        config: Config,
        encoder: Encoder,
    ) -> Result<(Self, JoinHandle<()>), RunError> {
        let embedder = Self {
            encoder: Arc::new(encoder),
            queue: Arc::new(Queue::default()),
            rate: Arc::new(Rate::new()),
            requests: Arc::new(Semaphore::new(as_usize(config.max_queue_requests))),
            tokens: Arc::new(Semaphore::new(as_usize(config.max_queue_tokens))),
            interactive_tokenizer: CpuPool::new("tokenize", 1)?,
            bulk_tokenizer: CpuPool::new("tokenize-bulk", 1)?,
            config,
        };
        let worker = Worker {
            encoder: Arc::clone(&embedder.encoder),
            queue: Arc::clone(&embedder.queue),
            rate: Arc::clone(&embedder.rate),
            pool: CpuPool::new("encode", embedder.config.threads)?,
            max_batch_tokens: embedder.config.max_batch_tokens,
        };
        let thread = worker.start().map_err(RunError::Thread)?;
        Ok((embedder, thread))
    }

    /// Ends the model thread; calls that wait get [`EmbedderError::Stopping`].
    pub(crate) fn stop(&self) {
        self.queue.close();
    }

    /// Returns the settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what is known of the loaded model.
    pub(crate) fn spec(&self) -> &ModelSpec {
        self.encoder.spec()
    }

    /// Embeds every text of a call, or none.
    ///
    /// A caller that drops the future withdraws what is not yet in a batch.
    ///
    /// # Errors
    ///
    /// See [`EmbedderError`]; a fault of one text names it (`inputs[3].text`).
    pub(crate) async fn embed(&self, call: Call) -> Result<Embedded, EmbedderError> {
        let Some(deadline) = call.deadline else {
            return self.embed_unbounded(call).await;
        };
        tokio::time::timeout(deadline.remaining(), self.embed_unbounded(call))
            .await
            .map_err(|_| EmbedderError::DeadlineExceeded)?
    }

    async fn embed_unbounded(&self, call: Call) -> Result<Embedded, EmbedderError> {
        let arrival = Instant::now();
        self.check(&call)?;
        let (admission, priority) = (call.admission, call.priority);
        let _request_permit = self.admit_request(admission).await?;
        let mut prepared = self.tokenize(call).await?;
        let tokens = prepared.iter().map(Prepared::tokens).sum();
        let mut sequences = Vec::new();
        for text in &mut prepared {
            let taken = std::mem::take(&mut text.sequences);
            sequences.extend(taken.into_iter().map(|sequence| (text.kind, sequence)));
        }
        let _token_permit = self.admit_tokens(tokens, admission).await?;
        let reply = self.queue.push(sequences, priority, arrival);
        let done = reply.await.map_err(|_| EmbedderError::Stopping)??;
        assemble(&prepared, &done)
    }

    fn check(&self, call: &Call) -> Result<(), EmbedderError> {
        let loaded = &self.spec().name;
        if !call.model.is_empty() && call.model != *loaded {
            let (asked, loaded) = (call.model.clone(), loaded.clone());
            return Err(EmbedderError::UnknownModel { asked, loaded });
        }
        let (count, limit) = (call.inputs.len(), self.config.max_batch_inputs);
        if count == 0 || count > limit {
            let reason = format!("a request takes 1 to {limit} texts (max_batch_inputs)");
            return Err(invalid("inputs", format!("{count} texts"), reason));
        }
        let limit = self.config.max_text_bytes;
        for (index, input) in call.inputs.iter().enumerate() {
            let bytes = input.text.len();
            if bytes == 0 {
                return Err(invalid(text_field(index), "", "must not be empty"));
            }
            if bytes > limit {
                let reason = format!("longer than {limit} bytes (max_text_bytes)");
                return Err(invalid(text_field(index), format!("{bytes} bytes"), reason));
            }
        }
        Ok(())
    }

    async fn admit_request(
        &self,
        admission: Admission,
    ) -> Result<OwnedSemaphorePermit, EmbedderError> {
        let limit = self.config.max_queue_requests;
        if let Some(permit) = admit(&self.requests, 1, admission).await? {
            return Ok(permit);
        }
        // The time that one request of the queue takes, on average.
        let retry_after = self.retry_after(self.tokens_in_use() / u64::from(limit));
        Err(EmbedderError::QueueFull {
            name: "max_queue_requests",
            limit,
            retry_after,
        })
    }

    async fn admit_tokens(
        &self,
        tokens: usize,
        admission: Admission,
    ) -> Result<OwnedSemaphorePermit, EmbedderError> {
        let limit = self.config.max_queue_tokens;
        let asked = u32::try_from(tokens).ok().filter(|&asked| asked <= limit);
        let Some(asked) = asked else {
            let reason = format!("a request takes {limit} tokens at most (max_queue_tokens)");
            return Err(invalid("inputs", format!("{tokens} tokens"), reason));
        };
        if let Some(permit) = admit(&self.tokens, asked, admission).await? {
            return Ok(permit);
        }
        let excess = (self.tokens_in_use() + u64::from(asked)).saturating_sub(limit.into());
        let retry_after = self.retry_after(excess);
        Err(EmbedderError::QueueFull {
            name: "max_queue_tokens",
            limit,
            retry_after,
        })
    }

    /// Returns the tokens that are queued or in inference.
    fn tokens_in_use(&self) -> u64 {
        let free = u64::try_from(self.tokens.available_permits()).unwrap_or(u64::MAX);
        u64::from(self.config.max_queue_tokens).saturating_sub(free)
    }

    fn retry_after(&self, tokens: u64) -> Duration {
        self.rate
            .time_for(tokens)
            .clamp(RETRY_BOUNDS.0, RETRY_BOUNDS.1)
    }

    async fn tokenize(&self, call: Call) -> Result<Vec<Prepared>, EmbedderError> {
        let pool = match call.priority {
            Priority::Interactive => &self.interactive_tokenizer,
            Priority::Bulk => &self.bulk_tokenizer,
        };
        let encoder = Arc::clone(&self.encoder);
        let overlap = self.config.window_overlap_tokens;
        let tokenize = move || prepare_all(&encoder, &call.inputs, call.policy, overlap);
        pool.run(tokenize)
            .await
            .map_err(|error| EmbedderError::Tokenize(Arc::new(error)))?
    }
}

/// Takes permits; `None` when there are not enough and the caller does not wait.
async fn admit(
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

fn prepare_all(
    encoder: &Encoder,
    inputs: &[Input],
    policy: Policy,
    overlap: usize,
) -> Result<Vec<Prepared>, EmbedderError> {
    let truncation = match policy {
        Policy::Fail => Truncation::Fail,
        Policy::Head => Truncation::Head,
        Policy::Tail => Truncation::Tail,
        Policy::Windows => Truncation::Windows { overlap },
    };
    let prepare = |(index, input): (usize, &Input)| {
        encoder
            .prepare(&input.text, input.kind, truncation)
            .map_err(|error| refused(index, input.text.len(), &error))
    };
    inputs.iter().enumerate().map(prepare).collect()
}

/// Says what is wrong with one text, without repeating it.
fn refused(index: usize, bytes: usize, error: &PrepareError) -> EmbedderError {
    let value = match error {
        PrepareError::TooLong { tokens, .. } => format!("{tokens} tokens"),
        PrepareError::Empty | PrepareError::Tokenizer { .. } => format!("{bytes} bytes"),
    };
    invalid(text_field(index), value, error.to_string())
}

fn text_field(index: usize) -> String {
    format!("inputs[{index}].text")
}

fn invalid(
    field: impl Into<String>,
    value: impl std::fmt::Display,
    reason: impl Into<String>,
) -> EmbedderError {
    EmbedderError::Invalid(Violation::new(field, value, reason))
}

/// Joins the windows of each text. The sequences of `prepared` are gone by now.
fn assemble(prepared: &[Prepared], done: &Done) -> Result<Embedded, EmbedderError> {
    let mut vectors = done.vectors.as_slice();
    let mut embeddings = Vec::with_capacity(prepared.len());
    for (index, text) in prepared.iter().enumerate() {
        let (own, rest) = vectors.split_at(text.fresh.len());
        vectors = rest;
        embeddings.push(Embedding {
            values: text.pool(own).ok_or(EmbedderError::NoDirection { index })?,
            input_tokens: text.input_tokens,
            used_tokens: text.used_tokens,
            windows: own.len(),
        });
    }
    Ok(Embedded {
        embeddings,
        queued: done.queued,
        inference: done.inference,
    })
}
