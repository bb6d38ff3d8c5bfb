//! Loaders: from the checkpoints of each family to one [`Transformer`].
//!
//! A loader reads `config.json`, refuses every setting that would change the result
//! and that it does not compute, and maps the names of the tensors.

mod bert;
mod config;
mod distilbert;
mod jina_bert;
mod jina_v3;
mod modernbert;
mod mpnet;
mod nomic_bert;
mod qwen3;
mod tensors;
#[cfg(test)]
mod tests;
mod xlm_roberta;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::Transformer;

/// Architectures that can be loaded, for messages: values of `model_type`.
const KNOWN: &str = "bert (also JinaBERT v2), camembert, distilbert, jina_embeddings_v3, modernbert, mpnet, nomic_bert, qwen3, roberta, xlm-roberta (also Jina v3)";

/// Reads the weights of a folder, which are taken out of it.
///
/// # Errors
///
/// Names the architecture, setting or tensor that is unknown, missing or does not
/// fit the config.
pub(crate) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    match folder.architecture()? {
        "bert" if positions(folder) == "alibi" => jina_bert::load(folder),
        "bert" => bert::load(folder),
        "distilbert" => distilbert::load(folder),
        "jina_embeddings_v3" => jina_v3::load(folder),
        "xlm-roberta" if positions(folder) == "rotary" => jina_v3::load(folder),
        "camembert" | "roberta" | "xlm-roberta" => xlm_roberta::load(folder),
        "modernbert" => modernbert::load(folder),
        "mpnet" => mpnet::load(folder),
        "nomic_bert" => nomic_bert::load(folder),
        "qwen3" => qwen3::load(folder),
        found => Err(LoadError::UnknownArchitecture {
            found: found.into(),
            known: KNOWN,
        }),
    }
}

/// Returns how the config says that positions are told apart.
fn positions(folder: &ModelFolder) -> &str {
    let found = folder.config.get("position_embedding_type");
    found
        .and_then(serde_json::Value::as_str)
        .unwrap_or("absolute")
}
