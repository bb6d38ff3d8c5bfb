//! What the files of sentence-transformers say of a model: pooling, prompts,
//! window, normalisation and the lengths to which its vectors may be cut.
//!
//! The layouts of versions 2 to 6 are read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::LoadError;

use super::CONFIG;
use super::files::{Files, is_inside, join};

const MODULES: &str = "modules.json";
const TRANSFORMER: &str = "sentence_bert_config.json";
const TOKENIZER: &str = "tokenizer_config.json";
const MODEL: &str = "config_sentence_transformers.json";

/// How the token vectors of a sequence become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
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

/// What the folder says besides its weights.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules {
    pub(crate) pooling: Pooling,
    /// Whether vectors are brought to length 1.
    pub(crate) normalize: bool,
    /// Window in tokens, special tokens included.
    pub(crate) max_tokens: Option<usize>,
    /// Whether texts are put in lower case before the tokenizer's own rules.
    pub(crate) lowercase: bool,
    /// Texts put before an input, by name.
    pub(crate) prompts: BTreeMap<String, String>,
    pub(crate) default_prompt: Option<String>,
    /// Whether the tokens of a prompt take part in the pooling.
    pub(crate) pools_prompt: bool,
    /// Length to which vectors are cut.
    pub(crate) dim: Option<usize>,
    /// Lengths that the model was trained to be cut to (Matryoshka); none when the
    /// folder doesn't say.
    pub(crate) dims: Vec<usize>,
}

/// `modules.json`: the steps from a text to a vector.
pub(super) struct Modules {
    /// Folder of the transformer, usually the model folder itself.
    pub(super) transformer: String,
    pooling: Option<String>,
    normalize: bool,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

impl Modules {
    /// Follows `modules.json`; without it, the mean is pooled, as
    /// sentence-transformers does.
    pub(super) fn read(files: &mut Files<'_>) -> Result<Self, LoadError> {
        let listed: Vec<Module> = files.read_json(MODULES)?.unwrap_or_default();
        let mut modules = Self {
            transformer: String::new(),
            pooling: None,
            normalize: false,
        };
        for (place, module) in listed.into_iter().enumerate() {
            if !is_inside(&module.path) {
                let reason = format!("path {:?} leaves the folder", module.path);
                return Err(files.bad(MODULES, reason));
            }
            match module.r#type.rsplit('.').next().unwrap_or_default() {
                "Transformer" if place == 0 => modules.transformer = module.path,
                "Pooling" if place == 1 => modules.pooling = Some(module.path),
                "Normalize" if place > 0 => modules.normalize = true,
                other => {
                    let reason = format!("module {other} in place {place} is not supported");
                    return Err(files.bad(MODULES, reason));
                }
            }
        }
        Ok(modules)
    }

    /// Returns the name of a file of the transformer.
    pub(super) fn transformer_file(&self, file: &str) -> String {
        join(&self.transformer, file)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TransformerFile {
    max_seq_length: Option<usize>,
    do_lower_case: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerFile {
    /// Written as 1e30 where there is no limit.
    model_max_length: Option<f64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ModelFile {
    prompts: BTreeMap<String, Option<String>>,
    default_prompt_name: Option<String>,
    similarity_fn_name: Option<String>,
    truncate_dim: Option<usize>,
    #[serde(alias = "matryoshka_dimensions")]
    matryoshka_dims: Vec<usize>,
}

/// The same in `config.json`, where some models put it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CutFile {
    #[serde(alias = "matryoshka_dimensions")]
    matryoshka_dims: Option<Vec<usize>>,
    truncate_dim: Option<usize>,
}

/// Both forms of `1_Pooling/config.json`: one name or several, or one switch for
/// each rule.
#[derive(Deserialize)]
struct PoolingFile {
    pooling_mode: Option<Modes>,
    #[serde(default = "default_true")]
    include_prompt: bool,
    #[serde(flatten)]
    switches: BTreeMap<String, Value>,
}

fn default_true() -> bool {
    true
}

#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Modes {
    One(String),
    Several(Vec<String>),
}

impl PoolingFile {
    fn rule(&self) -> Result<Pooling, String> {
        let on = |(name, value): (&String, &Value)| {
            (value.as_bool() == Some(true))
                .then(|| name.strip_prefix("pooling_mode_").map(str::to_owned))?
        };
        let chosen: Vec<String> = match &self.pooling_mode {
            Some(Modes::One(name)) => vec![name.clone()],
            Some(Modes::Several(names)) => names.clone(),
            None => self.switches.iter().filter_map(on).collect(),
        };
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

impl Rules {
    /// Reads the rules; `config` is the content of `config.json`.
    pub(super) fn read(
        files: &mut Files<'_>,
        modules: &Modules,
        config: &Value,
    ) -> Result<Self, LoadError> {
        let transformer: TransformerFile = files
            .read_json(&modules.transformer_file(TRANSFORMER))?
            .unwrap_or_default();
        let max_tokens = match transformer.max_seq_length {
            Some(count) => Some(count),
            None => tokenizer_limit(files, modules)?,
        };
        let model: ModelFile = files.read_json(MODEL)?.unwrap_or_default();
        let cut: CutFile = serde_json::from_value(config.clone())
            .map_err(|error| files.bad(&modules.transformer_file(CONFIG), error.to_string()))?;
        let (pooling, pools_prompt) = match &modules.pooling {
            Some(folder) => read_pooling(files, folder)?,
            None => (Pooling::Mean, true),
        };
        // Lengths don't matter to the cosine, so a unit vector serves it too.
        let by_length = matches!(
            model.similarity_fn_name.as_deref(),
            Some("dot" | "dot_product" | "euclidean" | "manhattan")
        );
        Ok(Self {
            pooling,
            normalize: modules.normalize || !by_length,
            max_tokens,
            lowercase: transformer.do_lower_case,
            prompts: texts(model.prompts),
            default_prompt: model.default_prompt_name,
            pools_prompt,
            dim: model.truncate_dim.or(cut.truncate_dim),
            dims: if model.matryoshka_dims.is_empty() {
                cut.matryoshka_dims.unwrap_or_default()
            } else {
                model.matryoshka_dims
            },
        })
    }
}

/// An absent prompt is an empty one.
fn texts(prompts: BTreeMap<String, Option<String>>) -> BTreeMap<String, String> {
    let named = prompts.into_iter();
    named
        .map(|(name, text)| (name, text.unwrap_or_default()))
        .collect()
}

/// Returns the limit in `tokenizer_config.json`, where sentence-transformers keeps it
/// since version 5; `None` for none.
fn tokenizer_limit(files: &mut Files<'_>, modules: &Modules) -> Result<Option<usize>, LoadError> {
    let name = modules.transformer_file(TOKENIZER);
    let file: TokenizerFile = files.read_json(&name)?.unwrap_or_default();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a number from 1 to 2^32"
    )]
    let whole = |limit: f64| limit as usize;
    let limit = file.model_max_length;
    Ok(limit
        .filter(|limit| (1.0..4_294_967_296.0).contains(limit))
        .map(whole))
}

/// Reads the pooling rule, and whether the prompt takes part.
fn read_pooling(files: &mut Files<'_>, folder: &str) -> Result<(Pooling, bool), LoadError> {
    let name = join(folder, CONFIG);
    let content = files.read_required(&name)?;
    let file: PoolingFile = files.parse(&name, &content)?;
    let rule = file.rule().map_err(|reason| files.bad(&name, reason))?;
    Ok((rule, file.include_prompt))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(json: &str) -> Result<Pooling, String> {
        serde_json::from_str::<PoolingFile>(json).unwrap().rule()
    }

    #[test]
    fn reads_every_form_of_the_pooling_file() {
        let switches = r#"{"word_embedding_dimension": 4, "pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true, "include_prompt": true}"#;
        assert_eq!(rule(switches), Ok(Pooling::Mean));
        assert_eq!(rule(r#"{"pooling_mode": "cls"}"#), Ok(Pooling::Cls));
        assert_eq!(rule(r#"{"pooling_mode": ["mean"]}"#), Ok(Pooling::Mean));
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
        let both = r#"{"pooling_mode": ["cls", "mean"]}"#;
        assert!(rule(both).unwrap_err().contains("cls + mean"));
    }
}
