//! A loaded model: what callers hold.

use std::collections::BTreeMap;
use std::path::Path;

use crate::architectures;
use crate::backend::Backend;
use crate::batch::Batch;
use crate::bert::{BertConfig, BertModel};
use crate::error::{EncodeError, LoadError};
use crate::folder::{ModelFolder, Pooling};
use crate::operations::Operations;
use crate::options::{EncoderOptions, Engine};
use crate::pooling::normalize;
use crate::prepare::InputKind;
use crate::reference::ReferenceBert;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// What is known of a loaded model.
#[derive(Clone, Debug)]
pub struct ModelSpec {
    /// Name of the model's folder.
    pub name: String,
    /// SHA-256 in hexadecimal over the files that decide the output.
    pub fingerprint: String,
    /// Length of the vectors.
    pub dim: usize,
    /// Window in tokens, special tokens included.
    pub max_tokens: usize,
    /// How token vectors become one.
    pub pooling: Pooling,
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
    /// Token ids of the prompt of each kind, in the order of [`InputKind::ALL`].
    prompts: [Vec<u32>; 4],
    backend: Box<dyn Backend>,
}

impl Encoder {
    /// Loads a model from a folder in the sentence-transformers layout.
    ///
    /// # Errors
    ///
    /// One [`LoadError`] variant for each thing that can be wrong with the folder.
    pub fn load(path: &Path, options: &EncoderOptions) -> Result<Self, LoadError> {
        let mut folder = ModelFolder::open(path)?;
        let tokenizer = Tokenizer::parse(&folder.tokenizer, &path.join("tokenizer.json"))?;
        let content = folder.weights.clone();
        let transformer = architectures::load(&mut folder)?;
        let max_tokens = window(options.max_tokens, &folder, transformer.max_positions)?;
        let prompts = prompts(&tokenizer, &folder, max_tokens)?;
        let (dim, vocabulary) = (
            transformer.hidden,
            transformer.words.len() / transformer.hidden,
        );
        let operations = Operations::of(&transformer);
        folder.weights = content;
        let backend = backend(&mut folder, options)?;
        let spec = ModelSpec {
            name: folder.name,
            fingerprint: folder.fingerprint,
            dim,
            max_tokens,
            pooling: folder.pooling,
            device: "cpu".into(),
            vocabulary,
            operations,
        };
        Ok(Self {
            spec,
            tokenizer,
            prompts,
            backend,
        })
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

    /// Returns the token ids put before a text of this kind.
    #[must_use]
    pub fn prompt(&self, kind: InputKind) -> &[u32] {
        match kind {
            InputKind::Candidate => &self.prompts[0],
            InputKind::Vacancy => &self.prompts[1],
            InputKind::Query => &self.prompts[2],
            InputKind::Skill => &self.prompts[3],
        }
    }

    /// Returns one vector of length 1 for each sequence, in order.
    ///
    /// A vector depends on its own sequence only. Runs on the current rayon pool.
    ///
    /// # Errors
    ///
    /// Names the sequence that is empty, too long, holds an unknown token or gave no
    /// usable vector.
    pub fn encode(&self, batch: &Batch) -> Result<Vec<Vec<f32>>, EncodeError> {
        for (index, sequence) in batch.sequences().enumerate() {
            self.check(index, sequence)?;
        }
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let pooled = self.backend.forward(batch)?;
        let mut vectors = Vec::with_capacity(batch.len());
        for (index, row) in pooled.chunks_exact(self.spec.dim).enumerate() {
            let mut vector = row.to_vec();
            if !normalize(&mut vector) {
                return Err(EncodeError::NotFinite { index });
            }
            vectors.push(vector);
        }
        Ok(vectors)
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

/// Builds the engine for BERT.
fn backend(
    folder: &mut ModelFolder,
    options: &EncoderOptions,
) -> Result<Box<dyn Backend>, LoadError> {
    let config: BertConfig = folder.architecture_config()?;
    let weights = Weights::take(folder, BertConfig::ANCHOR, BertConfig::PREFIXES)?;
    let pooling = folder.pooling;
    Ok(match options.engine {
        Engine::Native | Engine::Candle => Box::new(BertModel::load(&weights, &config, pooling)?),
        Engine::Reference => Box::new(ReferenceBert::load(&weights, &config, pooling)?),
    })
}

/// Chooses the window: the option, else the folder's, never more than the positions.
fn window(
    asked: Option<usize>,
    folder: &ModelFolder,
    positions: usize,
) -> Result<usize, LoadError> {
    match asked {
        Some(value) if value > positions => Err(LoadError::BadOption {
            option: "max_tokens",
            value,
            reason: format!("the model knows {positions} positions"),
        }),
        Some(value) => Ok(value),
        None => Ok(folder.max_seq_length.unwrap_or(positions).min(positions)),
    }
}

/// Tokenizes the prompt of every kind and checks that the window has room for text.
fn prompts(
    tokenizer: &Tokenizer,
    folder: &ModelFolder,
    max_tokens: usize,
) -> Result<[Vec<u32>; 4], LoadError> {
    let mut all: [Vec<u32>; 4] = Default::default();
    for (ids, kind) in all.iter_mut().zip(InputKind::ALL) {
        let prompt = prompt_text(&folder.prompts, folder.default_prompt.as_deref(), kind);
        let tokens = tokenizer
            .tokens(prompt)
            .map_err(|error| LoadError::BadConfig {
                path: folder.path.join("config_sentence_transformers.json"),
                reason: error.to_string(),
            })?;
        *ids = tokens.ids;
        let taken = ids.len() + tokenizer.special_tokens();
        if max_tokens <= taken {
            return Err(LoadError::BadOption {
                option: "max_tokens",
                value: max_tokens,
                reason: format!("special tokens and the prompt already take {taken}"),
            });
        }
    }
    Ok(all)
}

fn prompt_text<'a>(
    prompts: &'a BTreeMap<String, String>,
    default: Option<&str>,
    kind: InputKind,
) -> &'a str {
    let named = kind
        .prompt_names()
        .iter()
        .find_map(|name| prompts.get(*name));
    named
        .or_else(|| prompts.get(default?))
        .map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_prompt_of_a_kind() {
        let prompts: BTreeMap<String, String> = [
            ("query", "query: "),
            ("document", "passage: "),
            ("other", "x: "),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .collect();
        assert_eq!(prompt_text(&prompts, None, InputKind::Query), "query: ");
        assert_eq!(
            prompt_text(&prompts, None, InputKind::Candidate),
            "passage: "
        );
        assert_eq!(prompt_text(&prompts, None, InputKind::Skill), "");
        assert_eq!(
            prompt_text(&prompts, Some("other"), InputKind::Skill),
            "x: "
        );
    }
}
