//! DistilBERT (Sanh et al., 2019): BERT without token types, under other names.

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Activation, Heads, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::config::{check_sizes, head_dim};
use super::tensors::{layer_norm, linear};

const ANCHOR: &str = "embeddings.word_embeddings.weight";
/// The code of the model has it fixed.
const EPSILON: f32 = 1e-12;

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    dim: usize,
    n_layers: usize,
    n_heads: usize,
    hidden_dim: usize,
    activation: Activation,
    max_position_embeddings: usize,
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config: Config = folder.architecture_config()?;
    let (hidden, count) = (config.dim, config.n_heads);
    check_sizes(
        folder,
        ("max_position_embeddings", config.max_position_embeddings),
        &[
            ("vocab_size", config.vocab_size),
            ("dim", hidden),
            ("n_layers", config.n_layers),
            ("n_heads", count),
            ("hidden_dim", config.hidden_dim),
        ],
    )?;
    let dim = head_dim(folder, ("dim", hidden), ("n_heads", count))?;
    let weights = Weights::take(folder, ANCHOR, &["", "distilbert."])?;
    let table = |name: &str, rows: usize| {
        weights.values(
            &format!("embeddings.{name}_embeddings.weight"),
            &[rows, hidden],
        )
    };
    let layers = (0..config.n_layers).map(|index| layer(&weights, &config, index));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count,
            groups: count,
            dim,
        },
        max_positions: config.max_position_embeddings,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::None,
        activation: config.activation,
        gated: false,
        intermediate: config.hidden_dim,
        words: table("word", config.vocab_size)?,
        words_adapter: None,
        positions: table("position", config.max_position_embeddings)?,
        embedding_norm: Some(layer_norm(
            &weights,
            "embeddings.LayerNorm",
            hidden,
            EPSILON,
        )?),
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: None,
        tasks: [0; 4],
    })
}

fn layer(weights: &Weights, config: &Config, index: usize) -> Result<Layer, LoadError> {
    let (hidden, inner) = (config.dim, config.hidden_dim);
    let name = |part: &str| format!("transformer.layer.{index}.{part}");
    let one = |part: &str, outputs, inputs| linear(weights, &[(name(part), outputs)], inputs, true);
    let joined =
        ["q_lin", "k_lin", "v_lin"].map(|part| (name(&format!("attention.{part}")), hidden));
    let norm = |part: &str| layer_norm(weights, &name(part), hidden, EPSILON);
    Ok(Layer {
        attention_norm: Some(norm("sa_layer_norm")?),
        qkv: linear(weights, &joined, hidden, true)?,
        query_norm: None,
        key_norm: None,
        rotary: None,
        window: None,
        output: one("attention.out_lin", hidden, hidden)?,
        mlp_norm: norm("output_layer_norm")?,
        up: one("ffn.lin1", inner, hidden)?,
        down: one("ffn.lin2", hidden, inner)?,
    })
}
