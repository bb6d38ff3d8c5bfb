//! XLM-RoBERTa, RoBERTa and CamemBERT: the layers of BERT, with positions counted
//! from the row after that of the padding token.

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::Transformer;

use super::bert::{Config, assemble};

/// Padding token where the config names none, as in `transformers`.
const PADDING: usize = 1;

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder, "absolute")?;
    let first = first_position(folder, config.pad_token_id, config.max_position_embeddings)?;
    assemble(folder, &config, &["", "roberta."], first)
}

/// Returns the row of the position table that the first token takes.
pub(super) fn first_position(
    folder: &ModelFolder,
    padding: Option<usize>,
    positions: usize,
) -> Result<usize, LoadError> {
    let padding = padding.unwrap_or(PADDING);
    if padding + 1 >= positions {
        return Err(folder.bad_config(format!(
            "max_position_embeddings {positions} leaves no position after pad_token_id {padding}"
        )));
    }
    Ok(padding + 1)
}
