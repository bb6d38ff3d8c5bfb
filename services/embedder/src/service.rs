//! Embedding, in domain types.

use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use vivier_encoders::{Encoder, InputKind, ModelSpec, Truncation};
use vivier_runtime::{CpuPool, Deadline};
use vivier_types::Violation;

use crate::RunError;
use crate::admission::{Admission, Gate, Gates, Permit};
use crate::cache::{Cache, Keys};
use crate::config::Config;
use crate::error::EmbedderError;
use crate::queue::{Caller, Done, Place, Priority, Queue};
use crate::stats::Stats;
use crate::texts::{Fit, Presence, Reader, Texts, text_field};
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
    /// Window in tokens; `None` for the model's.
    pub(crate) max_tokens: Option<usize>,
    /// Most tokens of a text that windows hold; `None` for all.
    pub(crate) max_text_tokens: Option<usize>,
    pub(crate) priority: Priority,
    pub(crate) caller: Caller,
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

/// One vector and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Embedding {
    pub(crate) values: Vec<f32>,
    pub(crate) input_tokens: usize,
    pub(crate) used_tokens: usize,
    pub(crate) windows: usize,
    /// The bytes of the text that were cut.
    pub(crate) cut: Option<Range<usize>>,
    /// Whether it came from the cache.
    pub(crate) cached: bool,
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
    reader: Reader,
    queue: Arc<Queue>,
    rate: Arc<Rate>,
    stats: Arc<Stats>,
    gates: Gates,
    /// One tokenizer thread for each priority, so that a person's text does not
    /// wait behind a job's hundreds.
    interactive_tokenizer: CpuPool,
    bulk_tokenizer: CpuPool,
}

impl Embedder {
    /// Opens the cache and starts the model threads, which end after
    /// [`Embedder::stop`]. Blocks.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub(crate) fn start(
        config: Config,
        encoder: Encoder,
    ) -> Result<(Self, Vec<JoinHandle<()>>), RunError> {
        let stats = Arc::new(Stats::default());
        let reader = Reader {
            cache: Cache::open(&config, encoder.spec().dim, &stats).map(Arc::new),
            keys: Keys::new(&encoder),
            encoder: Arc::new(encoder),
        };
        let embedder = Self {
            reader,
            queue: Arc::new(Queue::default()),
            rate: Arc::new(Rate::new()),
            stats,
            gates: Gates::new(&config),
            interactive_tokenizer: CpuPool::new("tokenize", 1)?,
            bulk_tokenizer: CpuPool::in_background("tokenize-bulk", 1)?,
            config,
        };
        let threads = embedder.lanes().iter().map(|&only| embedder.worker(only));
        let threads = threads.collect::<Result<_, RunError>>()?;
        Ok((embedder, threads))
    }

    /// Returns what each model thread serves. The processor runs several at a time: with
    /// threads of its own for each priority, a person waits for no batch of a job. A
    /// card runs one after another, on one stream: two threads, so that a batch is
    /// queued there while another computes.
    fn lanes(&self) -> &'static [Option<Priority>] {
        if self.spec().device.starts_with("cuda") {
            &[None, None]
        } else {
            &[Some(Priority::Interactive), Some(Priority::Bulk)]
        }
    }

    fn worker(&self, only: Option<Priority>) -> Result<JoinHandle<()>, RunError> {
        let threads = self.config.threads;
        let pool = if only == Some(Priority::Bulk) {
            CpuPool::in_background("encode-bulk", threads)?
        } else {
            CpuPool::new("encode", threads)?
        };
        let worker = Worker {
            encoder: Arc::clone(&self.reader.encoder),
            queue: Arc::clone(&self.queue),
            rate: Arc::clone(&self.rate),
            stats: Arc::clone(&self.stats),
            pool,
            only,
            max_batch_tokens: self.config.max_batch_tokens,
            batch_time: self.config.batch_time,
        };
        worker.start().map_err(RunError::Thread)
    }

    /// Ends the model threads; calls that wait get [`EmbedderError::Stopping`].
    pub(crate) fn stop(&self) {
        self.queue.close();
    }

    /// Writes what the cache holds back. Blocks.
    pub(crate) fn close(&self) {
        if let Some(cache) = self.cache() {
            cache.close();
        }
    }

    /// Returns the settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what is known of the loaded model.
    pub(crate) fn spec(&self) -> &ModelSpec {
        self.reader.encoder.spec()
    }

    /// Returns the counters.
    pub(crate) fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Returns the bounds and what is taken of them.
    pub(crate) fn gates(&self) -> &Gates {
        &self.gates
    }

    /// Returns how fast the model lately was.
    pub(crate) fn rate(&self) -> &Rate {
        &self.rate
    }

    /// Returns the cache when it is in use.
    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.reader
            .cache
            .as_deref()
            .filter(|cache| cache.is_enabled())
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
        let (admission, priority, caller) = (call.admission, call.priority, call.caller);
        let door = Door {
            embedder: self,
            priority,
            admission,
        };
        let _request = door.enter_request().await?;
        let mut texts = {
            let _bytes = door.enter_bytes(&call).await?;
            self.read(call).await?
        };
        let sequences = std::mem::take(&mut texts.sequences);
        let done = if sequences.is_empty() {
            Done::default()
        } else {
            let tokens = sequences.iter().map(|sequence| sequence.ids.len()).sum();
            let _tokens = door.enter_tokens(tokens).await?;
            let place = Place {
                priority,
                caller,
                arrival,
            };
            let reply = self.queue.push(sequences, place);
            reply.await.map_err(|_| EmbedderError::Stopping)??
        };
        let embeddings = texts.join(&done.vectors, self.cache())?;
        self.count(&embeddings);
        Ok(Embedded {
            embeddings,
            queued: done.queued,
            inference: done.inference,
        })
    }

    fn count(&self, embeddings: &[Embedding]) {
        self.stats.requests.add(1);
        self.stats.texts.add(embeddings.len());
        let truncated = embeddings.iter().filter(|found| found.cut.is_some());
        self.stats.truncated_texts.add(truncated.count());
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

    fn retry_after(&self, tokens: u64) -> Duration {
        self.rate
            .time_for(tokens)
            .clamp(RETRY_BOUNDS.0, RETRY_BOUNDS.1)
    }

    async fn read(&self, call: Call) -> Result<Texts, EmbedderError> {
        let pool = match call.priority {
            Priority::Interactive => &self.interactive_tokenizer,
            Priority::Bulk => &self.bulk_tokenizer,
        };
        let overlap = self.config.window_overlap_tokens;
        let fit = Fit {
            truncation: match call.policy {
                Policy::Fail => Truncation::Fail,
                Policy::Head => Truncation::Head,
                Policy::Tail => Truncation::Tail,
                Policy::Windows => Truncation::Windows {
                    overlap,
                    most: call.max_text_tokens.unwrap_or(usize::MAX),
                },
            },
            max_tokens: call.max_tokens.unwrap_or(self.spec().max_tokens),
        };
        let reader = self.reader.clone();
        // Dropped with this future: a caller that leaves stops the work on its texts.
        let presence = Presence::default();
        let left = Arc::clone(&presence.0);
        pool.run(move || reader.read(&call.inputs, fit, call.priority, &left))
            .await
            .map_err(|error| EmbedderError::Tokenize(Arc::new(error)))?
    }
}

/// The way in for one request.
struct Door<'a> {
    embedder: &'a Embedder,
    priority: Priority,
    admission: Admission,
}

impl Door<'_> {
    async fn enter_request(&self) -> Result<Permit, EmbedderError> {
        let gates = &self.embedder.gates;
        // The time that one request of the queue takes, on average.
        let tokens = gates.tokens.in_use() / u64::from(self.embedder.config.max_queue_requests);
        self.enter(&gates.requests, 1, tokens).await
    }

    async fn enter_bytes(&self, call: &Call) -> Result<Permit, EmbedderError> {
        let gate = &self.embedder.gates.bytes;
        let bytes = call.inputs.iter().map(|input| input.text.len()).sum();
        let bytes = self.fitting(gate, bytes, "bytes")?;
        self.enter(gate, bytes, 0).await
    }

    async fn enter_tokens(&self, tokens: usize) -> Result<Permit, EmbedderError> {
        let gate = &self.embedder.gates.tokens;
        let tokens = self.fitting(gate, tokens, "tokens")?;
        let limit = u64::from(gate.limit(self.priority));
        let excess = (gate.in_use() + u64::from(tokens)).saturating_sub(limit);
        self.enter(gate, tokens, excess).await
    }

    /// Narrows what a request asks for, if it could ever be let in.
    fn fitting(&self, gate: &Gate, count: usize, unit: &str) -> Result<u32, EmbedderError> {
        let limit = gate.limit(self.priority);
        let fitting = u32::try_from(count).ok().filter(|&count| count <= limit);
        fitting.ok_or_else(|| {
            let reason = format!("a request takes {limit} {unit} at most ({})", gate.name);
            invalid("inputs", format!("{count} {unit}"), reason)
        })
    }

    /// Lets the request in, or tells it to come back when so many tokens are encoded.
    async fn enter(&self, gate: &Gate, count: u32, tokens: u64) -> Result<Permit, EmbedderError> {
        let permit = gate.enter(count, self.priority, self.admission).await?;
        permit.ok_or_else(|| {
            self.embedder.stats.shed_requests.add(1);
            EmbedderError::QueueFull {
                name: gate.name,
                limit: gate.limit(self.priority),
                retry_after: self.embedder.retry_after(tokens),
            }
        })
    }
}

fn invalid(
    field: impl Into<String>,
    value: impl std::fmt::Display,
    reason: impl Into<String>,
) -> EmbedderError {
    EmbedderError::Invalid(Violation::new(field, value, reason))
}
