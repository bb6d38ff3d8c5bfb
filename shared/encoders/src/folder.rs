//! A model folder in the sentence-transformers layout: which files there are and
//! what they say.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::LoadError;

const CONFIG: &str = "config.json";
const TOKENIZER: &str = "tokenizer.json";
const WEIGHTS: &str = "model.safetensors";
const MODULES: &str = "modules.json";
const TRANSFORMER: &str = "sentence_bert_config.json";
const PROMPTS: &str = "config_sentence_transformers.json";

/// How the token vectors of a sequence become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Mean over all tokens.
    Mean,
    /// The first token.
    Cls,
    /// The last token.
    Last,
}

impl Pooling {
    /// Returns "mean", "cls" or "last".
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Cls => "cls",
            Self::Last => "last",
        }
    }
}

/// The parsed files of one model folder.
#[derive(Debug)]
pub(crate) struct ModelFolder {
    pub(crate) path: PathBuf,
    /// Name of the folder.
    pub(crate) name: String,
    /// `config.json`, read again by the architecture.
    pub(crate) config: serde_json::Value,
    pub(crate) tokenizer: Vec<u8>,
    pub(crate) weights: Vec<u8>,
    pub(crate) pooling: Pooling,
    /// Window that the folder asks for, special tokens included.
    pub(crate) max_seq_length: Option<usize>,
    /// Texts put before an input, by name.
    pub(crate) prompts: BTreeMap<String, String>,
    pub(crate) default_prompt: Option<String>,
    /// SHA-256 in hexadecimal over every file read.
    pub(crate) fingerprint: String,
}

impl ModelFolder {
    /// Reads every file that decides the output of the model.
    pub(crate) fn open(path: &Path) -> Result<Self, LoadError> {
        let mut files = Files::open(path)?;
        let weights = files
            .read(WEIGHTS)?
            .ok_or_else(|| LoadError::WeightsMissing { path: path.into() })?;
        let tokenizer = files.read_required(TOKENIZER)?;
        let config_text = files.read_required(CONFIG)?;
        let config = files.parse(CONFIG, &config_text)?;
        let transformer: TransformerFile = files.read_json(TRANSFORMER)?.unwrap_or_default();
        if transformer.do_lower_case {
            return Err(files.bad(TRANSFORMER, "do_lower_case = true is not supported"));
        }
        let prompts: PromptsFile = files.read_json(PROMPTS)?.unwrap_or_default();
        let pooling = files.read_pooling()?;
        Ok(Self {
            name: folder_name(path),
            config,
            tokenizer,
            weights,
            pooling,
            max_seq_length: transformer.max_seq_length,
            prompts: prompts.prompts,
            default_prompt: prompts.default_prompt_name,
            fingerprint: files.fingerprint(),
            path: path.into(),
        })
    }

    /// Reads `config.json` as the config of one architecture.
    pub(crate) fn architecture_config<T: DeserializeOwned>(&self) -> Result<T, LoadError> {
        serde_json::from_value(self.config.clone())
            .map_err(|error| self.bad_config(error.to_string()))
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
}

fn folder_name(path: &Path) -> String {
    let whole = path.canonicalize().unwrap_or_else(|_| path.into());
    whole.file_name().map_or_else(
        || "model".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TransformerFile {
    max_seq_length: Option<usize>,
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PromptsFile {
    prompts: BTreeMap<String, String>,
    default_prompt_name: Option<String>,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

/// Both forms of `1_Pooling/config.json`: a name, or one switch for each rule.
#[derive(Deserialize)]
struct PoolingFile {
    pooling_mode: Option<String>,
    #[serde(flatten)]
    switches: BTreeMap<String, serde_json::Value>,
}

impl PoolingFile {
    fn rule(&self) -> Result<Pooling, String> {
        let on = |(name, value): (&String, &serde_json::Value)| {
            (value.as_bool() == Some(true))
                .then(|| name.strip_prefix("pooling_mode_").map(str::to_owned))?
        };
        let mut chosen: Vec<String> = self.switches.iter().filter_map(on).collect();
        chosen.extend(self.pooling_mode.clone());
        match chosen.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
            ["cls" | "cls_token"] => Ok(Pooling::Cls),
            ["lasttoken"] => Ok(Pooling::Last),
            [] => Err("no pooling mode is chosen".into()),
            _ => Err(format!(
                "pooling mode {} is not supported",
                chosen.join(" + ")
            )),
        }
    }
}

/// Reads files of one folder and hashes what it reads.
struct Files<'a> {
    folder: &'a Path,
    hasher: Sha256,
}

impl<'a> Files<'a> {
    fn open(folder: &'a Path) -> Result<Self, LoadError> {
        match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => Ok(Self {
                folder,
                hasher: Sha256::new(),
            }),
            Ok(_) => Err(LoadError::FolderMissing {
                path: folder.into(),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(LoadError::FolderMissing {
                path: folder.into(),
            }),
            Err(source) => Err(LoadError::Unreadable {
                path: folder.into(),
                source,
            }),
        }
    }

    /// Reads a file and adds it to the fingerprint; `None` when it is absent.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let path = self.folder.join(name);
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LoadError::Unreadable { path, source }),
        };
        self.hasher.update(format!("{name}\0{}\0", content.len()));
        self.hasher.update(&content);
        Ok(Some(content))
    }

    fn read_required(&mut self, name: &str) -> Result<Vec<u8>, LoadError> {
        self.read(name)?.ok_or_else(|| LoadError::FileMissing {
            path: self.folder.into(),
            file: name.into(),
        })
    }

    fn read_json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, LoadError> {
        let content = self.read(name)?;
        content
            .map(|content| self.parse(name, &content))
            .transpose()
    }

    fn parse<T: DeserializeOwned>(&self, name: &str, content: &[u8]) -> Result<T, LoadError> {
        serde_json::from_slice(content).map_err(|error| self.bad(name, error.to_string()))
    }

    /// Follows `modules.json`; a folder without it pools by the mean, as
    /// sentence-transformers does.
    fn read_pooling(&mut self) -> Result<Pooling, LoadError> {
        let modules: Vec<Module> = self.read_json(MODULES)?.unwrap_or_default();
        let mut pooling = Pooling::Mean;
        for module in modules {
            match module.r#type.rsplit('.').next().unwrap_or_default() {
                "Transformer" | "Normalize" => {}
                "Pooling" => pooling = self.read_pooling_rule(&module.path)?,
                other => return Err(self.bad(MODULES, format!("module {other} is not supported"))),
            }
        }
        Ok(pooling)
    }

    fn read_pooling_rule(&mut self, folder: &str) -> Result<Pooling, LoadError> {
        let name = format!("{folder}/{CONFIG}");
        let content = self.read_required(&name)?;
        let file: PoolingFile = self.parse(&name, &content)?;
        file.rule().map_err(|reason| self.bad(&name, reason))
    }

    fn bad(&self, name: &str, reason: impl Into<String>) -> LoadError {
        LoadError::BadConfig {
            path: self.folder.join(name),
            reason: reason.into(),
        }
    }

    fn fingerprint(self) -> String {
        self.hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Result<Pooling, String> {
        serde_json::from_str::<PoolingFile>(json).unwrap().rule()
    }

    #[test]
    fn reads_both_forms_of_the_pooling_file() {
        let switches = r#"{"word_embedding_dimension": 4, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true, "include_prompt": true}"#;
        assert_eq!(rule(switches), Ok(Pooling::Mean));
        assert_eq!(rule(r#"{"pooling_mode": "cls"}"#), Ok(Pooling::Cls));
        assert_eq!(
            rule(r#"{"pooling_mode_lasttoken": true}"#),
            Ok(Pooling::Last)
        );
        assert!(
            rule(r#"{"pooling_mode_max_tokens": true}"#)
                .unwrap_err()
                .contains("max_tokens")
        );
        assert!(rule("{}").unwrap_err().contains("no pooling mode"));
        let both = r#"{"pooling_mode_cls_token": true, "pooling_mode_mean_tokens": true}"#;
        assert!(rule(both).unwrap_err().contains("cls_token + mean_tokens"));
    }
}
