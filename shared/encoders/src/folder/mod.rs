//! A model folder in the sentence-transformers layout: which files there are and
//! what they say.

mod files;
mod rules;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::adapter::Adapter;
use crate::error::LoadError;
use crate::options::ByKind;
use files::Files;

pub(crate) use files::{Shard, hexadecimal};
pub use rules::Pooling;
pub(crate) use rules::Rules;

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";

/// The parsed files of one model folder.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    pub(crate) path: PathBuf,
    /// Name of the folder.
    pub(crate) name: String,
    /// `config.json`, read again by the architecture.
    pub(crate) config: serde_json::Value,
    pub(crate) tokenizer: Vec<u8>,
    /// The weights, one content for each file.
    pub(crate) weights: Vec<Shard>,
    /// What the files of sentence-transformers say.
    pub(crate) rules: Rules,
    /// The task asked for, for each kind of text; loaders of models with task
    /// adapters replace it with the one chosen.
    pub(crate) tasks: ByKind<Option<String>>,
    /// Merged into the weights.
    pub(crate) adapter: Option<Arc<Adapter>>,
    /// SHA-256 in hexadecimal over every file read.
    pub(crate) fingerprint: String,
}

impl ModelFolder {
    /// Reads every file that decides the output of the model.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let mut files = Files::open(path)?;
        let modules = rules::Modules::read(&mut files)?;
        let name = |file: &str| modules.transformer_file(file);
        let weights = files.read_weights(&modules.transformer)?;
        let tokenizer = files.read_required(&name(TOKENIZER))?;
        let config_text = files.read_required(&name(CONFIG))?;
        let config = files.parse(&name(CONFIG), &config_text)?;
        let rules = Rules::read(&mut files, &modules, &config)?;
        Ok(Self {
            name: folder_name(path),
            config,
            tokenizer,
            weights,
            rules,
            tasks: ByKind::default(),
            adapter: None,
            fingerprint: files.fingerprint(),
            path: path.join(&modules.transformer),
        })
    }

    /// Reads `config.json` as the config of one architecture.
    pub(crate) fn architecture_config<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        serde_path_to_error::deserialize(&self.config).map_err(|error| {
            let (field, reason) = (error.path().to_string(), error.into_inner());
            match field.as_str() {
                "." => self.bad_config(reason.to_string()),
                _ => self.bad_config(format!("{field}: {reason}")),
            }
        })
    }

    /// Returns `model_type` of `config.json`.
    pub(crate) fn architecture(&self) -> Result<&str, LoadError> {
        self.config
            .get("model_type")
            .and_then(serde_json::Value::as_str)
            .ok_or_else(|| self.bad_config("model_type is missing".into()))
    }

    /// Describes a fault of `config.json`.
    pub(crate) fn bad_config(&self, reason: String) -> LoadError {
        LoadError::BadConfig {
            path: self.path.join(CONFIG),
            reason,
        }
    }

    /// Returns where the tokenizer lies, for messages.
    pub(crate) fn tokenizer_path(&self) -> PathBuf {
        self.path.join(TOKENIZER)
    }
}

fn folder_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    whole.file_name().map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}
