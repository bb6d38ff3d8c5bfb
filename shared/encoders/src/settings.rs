//! What a model is run with: the rules of its folder, with the options that replace
//! them, checked against each other.

use sha2::{Digest, Sha256};

use crate::error::LoadError;
use crate::folder::{ModelFolder, Pooling, hexadecimal};
use crate::options::{ByKind, EncoderOptions, Precision};
use crate::prepare::InputKind;
use crate::tokenizer::Tokenizer;
use crate::transformer::Transformer;

/// The choices of one loaded model.
#[derive(Debug, PartialEq)]
pub(crate) struct Settings {
    pub(crate) pooling: Pooling,
    pub(crate) normalize: bool,
    pub(crate) max_tokens: usize,
    pub(crate) dim: usize,
    pub(crate) prompts: ByKind<Prompt>,
}

/// What is put before a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    /// Its tokens when it stands alone.
    pub(crate) ids: Vec<u32>,
}

impl Settings {
    /// Chooses by the options, else by the folder.
    pub(crate) fn choose(
        folder: &ModelFolder,
        options: &EncoderOptions,
        transformer: &Transformer,
        tokenizer: &Tokenizer,
    ) -> Result<Self, LoadError> {
        let rules = &folder.rules;
        let max_tokens = window(options.max_tokens, folder, transformer.max_positions)?;
        Ok(Self {
            pooling: options.pooling.unwrap_or(rules.pooling),
            normalize: options.normalize.unwrap_or(rules.normalize),
            max_tokens,
            dim: dim(options.dim, folder, transformer.hidden)?,
            prompts: prompts(tokenizer, folder, options, max_tokens)?,
        })
    }

    /// Returns the fingerprint of the folder's files, joined with the options that
    /// change vectors. Options that repeat the folder's rules change nothing.
    pub(crate) fn fingerprint(&self, folder: &ModelFolder, options: &EncoderOptions) -> String {
        let rules = &folder.rules;
        let mut changes: Vec<String> = Vec::new();
        if options.precision != Precision::F32 {
            changes.push(format!("precision={}", options.precision));
        }
        if options.max_tokens.is_some() && options.max_tokens != rules.max_tokens {
            changes.push(format!("max_tokens={}", self.max_tokens));
        }
        if self.pooling != rules.pooling {
            changes.push(format!("pooling={}", self.pooling.name()));
        }
        if self.normalize != rules.normalize {
            changes.push(format!("normalize={}", self.normalize));
        }
        if options.dim.is_some() && options.dim != rules.dim {
            changes.push(format!("dim={}", self.dim));
        }
        for kind in InputKind::ALL {
            if let Some(prompt) = options.prompts.of(kind) {
                changes.push(format!("prompt of {kind:?}={prompt:?}"));
            }
            if let Some(task) = options.tasks.of(kind) {
                changes.push(format!("task of {kind:?}={task:?}"));
            }
        }
        if let Some(adapter) = &options.adapter {
            changes.push(format!("adapter={}", adapter.fingerprint()));
        }
        if changes.is_empty() {
            return folder.fingerprint.clone();
        }
        let mut hasher = Sha256::new();
        hasher.update(&folder.fingerprint);
        for change in changes {
            hasher.update(format!("\0{change}"));
        }
        hexadecimal(&hasher.finalize())
    }
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
        None => Ok(folder.rules.max_tokens.unwrap_or(positions).min(positions)),
    }
}

/// Chooses the length of the vectors.
fn dim(asked: Option<usize>, folder: &ModelFolder, hidden: usize) -> Result<usize, LoadError> {
    let Some(value) = asked.or(folder.rules.dim) else {
        return Ok(hidden);
    };
    let bad = |reason: String| LoadError::BadOption {
        option: "dim",
        value,
        reason,
    };
    if value == 0 || value > hidden {
        return Err(bad(format!("the model's vectors have 1 to {hidden}")));
    }
    let listed = &folder.rules.dims;
    if value != hidden && !listed.is_empty() && !listed.contains(&value) {
        return Err(bad(format!(
            "the model can be cut to {}",
            listed
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        )));
    }
    Ok(value)
}

/// Tokenizes the prompt of every kind and checks that the window has room for text.
fn prompts(
    tokenizer: &Tokenizer,
    folder: &ModelFolder,
    options: &EncoderOptions,
    max_tokens: usize,
) -> Result<ByKind<Prompt>, LoadError> {
    let bad = |reason: String| LoadError::BadConfig {
        path: folder.path.join("config_sentence_transformers.json"),
        reason,
    };
    let mut all: ByKind<Prompt> = ByKind::default();
    for kind in InputKind::ALL {
        let prompt = match options.prompts.of(kind) {
            Some(text) => text,
            None => prompt_text(folder, kind).map_err(bad)?,
        };
        if !prompt.is_empty() && !folder.rules.pools_prompt {
            return Err(bad(format!(
                "prompt {prompt:?}: prompts that take no part in the pooling (include_prompt = false) are not supported"
            )));
        }
        let ids = tokenizer
            .tokens(prompt)
            .map_err(|error| bad(error.to_string()))?
            .ids;
        let taken = ids.len() + tokenizer.special_tokens();
        if max_tokens <= taken {
            return Err(LoadError::BadOption {
                option: "max_tokens",
                value: max_tokens,
                reason: format!("special tokens and the prompt already take {taken}"),
            });
        }
        *all.of_mut(kind) = Prompt {
            text: prompt.to_owned(),
            ids,
        };
    }
    Ok(all)
}

/// Finds the prompt of a kind: under a name of the kind, under that of its task, or
/// the default one.
fn prompt_text(folder: &ModelFolder, kind: InputKind) -> Result<&str, String> {
    let prompts = &folder.rules.prompts;
    let names = kind.prompt_names().iter().copied();
    let task = folder.tasks.of(kind).as_deref();
    if let Some(prompt) = names.chain(task).find_map(|name| prompts.get(name)) {
        return Ok(prompt);
    }
    match &folder.rules.default_prompt {
        None => Ok(""),
        Some(name) => prompts
            .get(name)
            .map(String::as_str)
            .ok_or_else(|| format!("default_prompt_name {name:?} is not among the prompts")),
    }
}
