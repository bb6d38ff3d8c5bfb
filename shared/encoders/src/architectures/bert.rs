//! BERT (Devlin et al., 2018), and what RoBERTa shares with it.

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Activation, Heads, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::config::{check_sizes, head_dim, refuse_unless};
use super::tensors::{add_to_rows, layer_norm, linear};

const ANCHOR: &str = "embeddings.word_embeddings.weight";

/// The part of `config.json` that inference needs.
#[derive(Deserialize)]
pub(super) struct Config {
    pub(super) vocab_size: usize,
    pub(super) hidden_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) intermediate_size: usize,
    pub(super) hidden_act: Activation,
    pub(super) max_position_embeddings: usize,
    #[serde(default = "default_types")]
    pub(super) type_vocab_size: usize,
    #[serde(default = "default_epsilon")]
    pub(super) layer_norm_eps: f32,
    #[serde(default)]
    pub(super) pad_token_id: Option<usize>,
}

fn default_types() -> usize {
    2
}

fn default_epsilon() -> f32 {
    1e-12
}

impl Config {
    /// Reads and checks the config; `position_embedding_type` must be `positions`.
    pub(super) fn read(folder: &ModelFolder, positions: &str) -> Result<Self, LoadError> {
        let config: Self = folder.architecture_config()?;
        check_sizes(
            folder,
            ("max_position_embeddings", config.max_position_embeddings),
            &[
                ("vocab_size", config.vocab_size),
                ("hidden_size", config.hidden_size),
                ("num_hidden_layers", config.num_hidden_layers),
                ("num_attention_heads", config.num_attention_heads),
                ("intermediate_size", config.intermediate_size),
                ("type_vocab_size", config.type_vocab_size),
            ],
        )?;
        refuse_unless(folder, "position_embedding_type", &[positions.into()])?;
        for name in ["is_decoder", "add_cross_attention"] {
            refuse_unless(folder, name, &[false.into()])?;
        }
        config.heads(folder)?;
        Ok(config)
    }

    /// Returns the heads, each with keys and values of its own.
    pub(super) fn heads(&self, folder: &ModelFolder) -> Result<Heads, LoadError> {
        let count = self.num_attention_heads;
        Ok(Heads {
            count,
            groups: count,
            dim: head_dim(
                folder,
                ("hidden_size", self.hidden_size),
                ("num_attention_heads", count),
            )?,
        })
    }
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder, "absolute")?;
    assemble(folder, &config, &["", "bert."], 0)
}

/// Reads the tensors, the same for BERT and RoBERTa but for their nesting and for
/// the row of the first position.
pub(super) fn assemble(
    folder: &mut ModelFolder,
    config: &Config,
    prefixes: &[&'static str],
    first_position: usize,
) -> Result<Transformer, LoadError> {
    let heads = config.heads(folder)?;
    let weights = Weights::take(folder, ANCHOR, prefixes)?;
    let hidden = config.hidden_size;
    let table = |name: &str, rows: usize| {
        weights.values(
            &format!("embeddings.{name}_embeddings.weight"),
            &[rows, hidden],
        )
    };
    let types = table("token_type", config.type_vocab_size)?;
    let mut positions = table("position", config.max_position_embeddings)?;
    positions.drain(..first_position * hidden);
    add_to_rows(&mut positions, &types[..hidden]);
    let layers = (0..config.num_hidden_layers).map(|index| layer(&weights, config, index));
    Ok(Transformer {
        hidden,
        heads,
        max_positions: config.max_position_embeddings - first_position,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::None,
        activation: config.hidden_act,
        gated: false,
        intermediate: config.intermediate_size,
        words: table("word", config.vocab_size)?,
        words_adapter: None,
        positions,
        embedding_norm: Some(layer_norm(
            &weights,
            "embeddings.LayerNorm",
            hidden,
            config.layer_norm_eps,
        )?),
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: None,
        tasks: [0; 4],
    })
}

fn layer(weights: &Weights, config: &Config, index: usize) -> Result<Layer, LoadError> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let name = |part: &str| format!("encoder.layer.{index}.{part}");
    let norm = |part: &str| layer_norm(weights, &name(part), hidden, config.layer_norm_eps);
    let one = |part: &str, outputs, inputs| linear(weights, &[(name(part), outputs)], inputs, true);
    let joined =
        ["query", "key", "value"].map(|part| (name(&format!("attention.self.{part}")), hidden));
    Ok(Layer {
        attention_norm: Some(norm("attention.output.LayerNorm")?),
        qkv: linear(weights, &joined, hidden, true)?,
        query_norm: None,
        key_norm: None,
        rotary: None,
        window: None,
        output: one("attention.output.dense", hidden, hidden)?,
        mlp_norm: norm("output.LayerNorm")?,
        up: one("intermediate.dense", inner, hidden)?,
        down: one("output.dense", hidden, inner)?,
    })
}
