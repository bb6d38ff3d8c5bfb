//! From the texts of a call to what the model must encode, and back.
//!
//! Each text is looked up in the cache, is the same as an earlier one of the call, or
//! is tokenized. This reads the disk and takes CPU time: it runs on the tokenizer
//! threads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vivier_encoders::{Encoder, PrepareError, Prepared, Truncation};
use vivier_types::Violation;

use crate::cache::{Cache, Key, Keys};
use crate::error::EmbedderError;
use crate::queue::{Priority, Sequence};
use crate::service::{Embedding, Input};

/// What turns texts into sequences.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) encoder: Arc<Encoder>,
    pub(crate) keys: Keys,
    pub(crate) cache: Option<Arc<Cache>>,
}

/// How texts are fitted to the model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    pub(crate) truncation: Truncation,
    /// Window in tokens.
    pub(crate) max_tokens: usize,
}

/// Tells that its holder is gone once it is dropped.
#[derive(Default)]
pub(crate) struct Presence(pub(crate) Arc<AtomicBool>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One text of a call.
enum Text {
    /// Embedded before.
    Known(Embedding),
    /// The same as an earlier text of the call.
    SameAs(usize),
    /// To be encoded; its sequences are taken out.
    New { prepared: Prepared, key: Key },
}

/// The texts of a call, and what is to be encoded of them.
pub(crate) struct Texts {
    texts: Vec<Text>,
    pub(crate) sequences: Vec<Sequence>,
}

impl Reader {
    /// Reads the texts of a call, until `left` says that its caller is gone.
    ///
    /// # Errors
    ///
    /// Names the text that has no tokens or does not fit.
    pub(crate) fn read(
        &self,
        inputs: &[Input],
        fit: Fit,
        priority: Priority,
        left: &AtomicBool,
    ) -> Result<Texts, EmbedderError> {
        let mut seen: HashMap<Key, usize> = HashMap::with_capacity(inputs.len());
        let (mut texts, mut sequences) = (Vec::with_capacity(inputs.len()), Vec::new());
        for (index, input) in inputs.iter().enumerate() {
            if left.load(Ordering::Relaxed) {
                return Err(EmbedderError::DeadlineExceeded);
            }
            if priority == Priority::Bulk {
                // A query may have the core between two texts.
                std::thread::yield_now();
            }
            let Fit {
                truncation,
                max_tokens,
            } = fit;
            let key = self
                .keys
                .key(&input.text, input.kind, truncation, max_tokens);
            if let Some(&earlier) = seen.get(&key) {
                texts.push(Text::SameAs(earlier));
                continue;
            }
            seen.insert(key, index);
            let known = self.cache.as_ref().and_then(|cache| cache.get(&key));
            if let Some(embedding) = known {
                texts.push(Text::Known(embedding));
                continue;
            }
            let mut prepared = self
                .encoder
                .prepare_within(&input.text, input.kind, truncation, max_tokens)
                .map_err(|error| refused(index, input.text.len(), &error))?;
            let windows = std::mem::take(&mut prepared.sequences);
            sequences.extend(windows.into_iter().map(|ids| Sequence {
                ids,
                kind: input.kind,
                input: index,
            }));
            texts.push(Text::New { prepared, key });
        }
        Ok(Texts { texts, sequences })
    }
}

impl Texts {
    /// Joins the vectors of the windows of each text and gives the new ones to the
    /// cache. `vectors` are those of the sequences, in order.
    ///
    /// # Errors
    ///
    /// [`EmbedderError::NoDirection`] when the windows of a text cancel out.
    pub(crate) fn join(
        self,
        vectors: &[Vec<f32>],
        cache: Option<&Cache>,
    ) -> Result<Vec<Embedding>, EmbedderError> {
        let mut vectors = vectors;
        let mut embeddings: Vec<Embedding> = Vec::with_capacity(self.texts.len());
        for (index, text) in self.texts.into_iter().enumerate() {
            let embedding = match text {
                Text::Known(embedding) => embedding,
                Text::SameAs(earlier) => embeddings[earlier].clone(),
                Text::New { prepared, key } => {
                    let (own, rest) = vectors.split_at(prepared.fresh.len());
                    vectors = rest;
                    let values = prepared.pool(own);
                    let embedding = Embedding {
                        values: values.ok_or(EmbedderError::NoDirection { index })?,
                        input_tokens: prepared.input_tokens,
                        used_tokens: prepared.used_tokens,
                        windows: own.len(),
                        cut: prepared.cut,
                        cached: false,
                    };
                    if let Some(cache) = cache {
                        cache.put(key, &embedding);
                    }
                    embedding
                }
            };
            embeddings.push(embedding);
        }
        Ok(embeddings)
    }
}

/// Says what is wrong with one text, without repeating it.
fn refused(index: usize, bytes: usize, error: &PrepareError) -> EmbedderError {
    if let PrepareError::BadWindow { max_tokens, .. } = error {
        return EmbedderError::Invalid(Violation::new("max_tokens", max_tokens, error.to_string()));
    }
    let value = if let PrepareError::TooLong { tokens, .. } = error {
        format!("{tokens} tokens")
    } else {
        format!("{bytes} bytes")
    };
    EmbedderError::Invalid(Violation::new(text_field(index), value, error.to_string()))
}

/// The name of a text's field.
pub(crate) fn text_field(index: usize) -> String {
    format!("inputs[{index}].text")
}
