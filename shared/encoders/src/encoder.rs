//! A loaded model: what callers hold.

use std::path::Path;

use crate::architectures;
use crate::backend::{Backend, Pending};
use crate::batch::Batch;
use crate::engines;
use crate::error::{EncodeError, LoadError};
use crate::folder::{ModelFolder, Pooling};
use crate::hub::{Hub, ModelSource};
use crate::operations::Operations;
use crate::options::{ByKind, EncoderOptions, Precision};
use crate::pooling::normalize;
use crate::prepare::InputKind;
use crate::settings::{Prompt, Settings};
use crate::tokenizer::Tokenizer;

/// What is known of a loaded model.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Name of the model's folder, or its id on the hub.
    pub name: String,
    /// SHA-256 in hexadecimal over what decides the output: the files of the folder,
    /// and the options that change vectors ([`EncoderOptions`]: `precision`, and
    /// `max_tokens`, `pooling`, `prompts`, `tasks`, `normalize` and `dim` where they
    /// differ from what the folder says, and `adapter`).
    pub fingerprint: String,
    /// Length of the vectors.
    pub dim: usize,
    /// Window in tokens, special tokens included.
    pub max_tokens: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Whether vectors have length 1.
    pub normalized: bool,
    /// What products are computed in.
    pub precision: Precision,
    /// Where the model runs, such as "cpu".
    pub device: String,
    /// Size of the vocabulary: every token id is below.
    pub vocabulary: usize,
    /// What a token costs.
    operations: Operations,
}

impl ModelSpec {
    /// Returns the multiplications and additions that one token of a sequence of so
    /// many costs: linear layers and attention, a multiply-add being two.
    #[must_use]
    pub fn operations_per_token(&self, tokens: usize) -> f64 {
        self.operations.per_token(tokens)
    }
}

/// A sentence encoder, ready to run. Shared freely between threads.
pub struct Encoder {
    spec: ModelSpec,
    tokenizer: Tokenizer,
    prompts: ByKind<Prompt>,
    /// Length of the vectors that the backend gives.
    width: usize,
    backend: Box<dyn Backend>,
}

impl Encoder {
    /// Loads a model from a folder in the sentence-transformers layout.
    ///
    /// # Errors
    ///
    /// One [`LoadError`] variant for each thing that can be wrong with the folder or
    /// the options.
    pub fn load(path: &Path, options: &EncoderOptions) -> Result<Self, LoadError> {
        let mut folder = ModelFolder::open(path)?;
        folder.tasks = options.tasks.clone();
        folder.adapter.clone_from(&options.adapter);
        let mut tokenizer = Tokenizer::parse(&folder.tokenizer, &folder.tokenizer_path())?;
        if folder.rules.lowercase {
            tokenizer.lowercase(&folder.tokenizer_path())?;
        }
        let transformer = architectures::load(&mut folder)?;
        let settings = Settings::choose(&folder, options, &transformer, &tokenizer)?;
        let calibration = engines::calibration(&tokenizer, settings.max_tokens);
        let calibration = calibration.map_err(|error| LoadError::BadTokenizer {
            path: folder.tokenizer_path(),
            reason: error.to_string(),
        })?;
        let backend = engines::build(&transformer, settings.pooling, options, &calibration)?;
        let spec = ModelSpec {
            fingerprint: settings.fingerprint(&folder, options),
            name: folder.name,
            dim: settings.dim,
            max_tokens: settings.max_tokens,
            pooling: settings.pooling,
            normalized: settings.normalize,
            precision: options.precision,
            device: backend.device().to_owned(),
            vocabulary: transformer.words.len() / transformer.hidden,
            operations: Operations::of(&transformer),
        };
        Ok(Self {
            spec,
            tokenizer,
            prompts: settings.prompts,
            width: transformer.hidden,
            backend,
        })
    }

    /// Loads a model from where it is: a folder, or the hub.
    ///
    /// # Errors
    ///
    /// Those of [`Encoder::load`], and [`LoadError::Hub`].
    pub fn load_source(
        source: &ModelSource,
        hub: &Hub,
        options: &EncoderOptions,
    ) -> Result<Self, LoadError> {
        match source {
            ModelSource::Folder(path) => Self::load(path, options),
            ModelSource::Hub(model) => {
                let mut encoder = Self::load(&hub.folder(model)?, options)?;
                encoder.spec.name = model.id().to_owned();
                Ok(encoder)
            }
        }
    }

    /// Returns what is known of the model.
    #[must_use]
    pub fn spec(&self) -> &ModelSpec {
        &self.spec
    }

    /// Returns the tokenizer of the model.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Returns how many tokens of a text fit one window, special tokens and the
    /// prompt of the kind excluded; at least 1.
    #[must_use]
    pub fn capacity(&self, kind: InputKind) -> usize {
        self.spec.max_tokens - self.tokenizer.special_tokens() - self.prompt(kind).len()
    }

    /// Returns the token ids put before a text of this kind; the tokenizer may join the
    /// last of them with the start of the text.
    #[must_use]
    pub fn prompt(&self, kind: InputKind) -> &[u32] {
        &self.prompts.of(kind).ids
    }

    /// Returns the text put before a text of this kind.
    pub(crate) fn prompt_text(&self, kind: InputKind) -> &str {
        &self.prompts.of(kind).text
    }

    /// Returns one vector for each sequence, in order: pooled, cut to `dim`, and
    /// brought to length 1 where the spec says so.
    ///
    /// A vector depends on its own sequence only. Runs on the current rayon pool.
    ///
    /// # Errors
    ///
    /// Names the sequence that is empty, too long, holds an unknown token or gave no
    /// usable vector.
    pub fn encode(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, EncodeError> {
        self.start(batch)?.wait()
    }

    /// Starts what [`Encoder::encode`] does, so that the caller can prepare and start
    /// the next batch meanwhile.
    ///
    /// On a graphics card this returns when the work is queued there; on the CPU, when
    /// it is done.
    ///
    /// # Errors
    ///
    /// As [`Encoder::encode`]; what shows only later is told by [`Encoding::wait`].
    pub fn start(&self, batch: &Batch) -> Result<Encoding, EncodeError> {
        for (index, sequence) in batch.sequences().enumerate() {
            self.check(index, sequence)?;
        }
        let pending = if batch.is_empty() {
            Pending::ready(Vec::new())
        } else {
            self.backend.start(batch)?
        };
        Ok(Encoding {
            pending,
            width: self.width,
            dim: self.spec.dim,
            normalized: self.spec.normalized,
        })
    }

    fn check(&self, index: usize, sequence: &[u32]) -> Result<(), EncodeError> {
        if sequence.is_empty() {
            return Err(EncodeError::EmptySequence { index });
        }
        let (tokens, limit) = (sequence.len(), self.spec.max_tokens);
        if tokens > limit {
            return Err(EncodeError::SequenceTooLong {
                index,
                tokens,
                limit,
            });
        }
        let known = |token: &u32| usize::try_from(*token).is_ok_and(|id| id < self.spec.vocabulary);
        match sequence.iter().find(|token| !known(token)) {
            Some(&token) => Err(EncodeError::UnknownToken {
                index,
                token,
                vocabulary: self.spec.vocabulary,
            }),
            None => Ok(()),
        }
    }
}

/// A batch that was started by [`Encoder::start`].
#[must_use = "the vectors are those that `wait` returns"]
pub struct Encoding {
    pending: Pending,
    width: usize,
    dim: usize,
    normalized: bool,
}

impl Encoding {
    /// Waits for the vectors: what [`Encoder::encode`] returns.
    ///
    /// # Errors
    ///
    /// When the device failed meanwhile, or names the sequence that gave no usable
    /// vector.
    pub fn wait(self) -> Result<Vec<Vec<f32>>, EncodeError> {
        let pooled = self.pending.wait()?;
        let mut vectors = Vec::with_capacity(pooled.len() / self.width);
        for (index, row) in pooled.chunks_exact(self.width).enumerate() {
            let mut vector = row[..self.dim].to_vec();
            let usable = if self.normalized {
                normalize(&mut vector)
            } else {
                vector.iter().all(|value| value.is_finite())
            };
            if !usable {
                return Err(EncodeError::NotFinite { index });
            }
            vectors.push(vector);
        }
        Ok(vectors)
    }
}
