//! MPNet (Song et al., 2020): BERT with a relative position bias that all layers share.

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Activation, Heads, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::config::{check_sizes, head_dim};
use super::tensors::{layer_norm, linear};
use super::xlm_roberta::first_position;

const ANCHOR: &str = "embeddings.word_embeddings.weight";
/// From this distance on, all keys on one side share a bucket; the code of the model
/// has it fixed.
const REACH: u16 = 128;

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    layer_norm_eps: f32,
    #[serde(default = "default_buckets")]
    relative_attention_num_buckets: usize,
    pad_token_id: Option<usize>,
}

fn default_buckets() -> usize {
    32
}

impl Config {
    fn check(&self, folder: &ModelFolder) -> Result<(), LoadError> {
        check_sizes(
            folder,
            ("max_position_embeddings", self.max_position_embeddings),
            &[
                ("vocab_size", self.vocab_size),
                ("hidden_size", self.hidden_size),
                ("num_hidden_layers", self.num_hidden_layers),
                ("num_attention_heads", self.num_attention_heads),
                ("intermediate_size", self.intermediate_size),
            ],
        )?;
        // The code of the model computes buckets for 32, whatever the config says.
        if self.relative_attention_num_buckets != 32 {
            return Err(folder.bad_config(format!(
                "relative_attention_num_buckets {} is not supported, only 32",
                self.relative_attention_num_buckets
            )));
        }
        Ok(())
    }
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config: Config = folder.architecture_config()?;
    config.check(folder)?;
    let (hidden, count) = (config.hidden_size, config.num_attention_heads);
    let dim = head_dim(
        folder,
        ("hidden_size", hidden),
        ("num_attention_heads", count),
    )?;
    let rows = config.max_position_embeddings;
    let first = first_position(folder, config.pad_token_id, rows)?;
    let weights = Weights::take(folder, ANCHOR, &["", "mpnet."])?;
    let table = |name: &str, rows: usize| {
        weights.values(
            &format!("embeddings.{name}_embeddings.weight"),
            &[rows, hidden],
        )
    };
    let mut positions = table("position", rows)?;
    positions.drain(..first * hidden);
    let layers = (0..config.num_hidden_layers).map(|index| layer(&weights, &config, index));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count,
            groups: count,
            dim,
        },
        max_positions: rows - first,
        causal: false,
        placement: NormPlacement::After,
        bias: bias(&weights, count)?,
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
    let one = |part: &str, outputs, inputs| linear(weights, &[(name(part), outputs)], inputs, true);
    let norm = |part: &str| layer_norm(weights, &name(part), hidden, config.layer_norm_eps);
    let joined = ["q", "k", "v"].map(|part| (name(&format!("attention.attn.{part}")), hidden));
    Ok(Layer {
        attention_norm: Some(norm("attention.LayerNorm")?),
        qkv: linear(weights, &joined, hidden, true)?,
        query_norm: None,
        key_norm: None,
        rotary: None,
        window: None,
        output: one("attention.attn.o", hidden, hidden)?,
        mlp_norm: norm("output.LayerNorm")?,
        up: one("intermediate.dense", inner, hidden)?,
        down: one("output.dense", hidden, inner)?,
    })
}

/// Spreads the `[32, heads]` table of buckets over distances.
fn bias(weights: &Weights, heads: usize) -> Result<PositionBias, LoadError> {
    let table = weights.values("encoder.relative_attention_bias.weight", &[32, heads])?;
    let distances: Vec<usize> = (1..=REACH)
        .rev()
        .map(bucket)
        .chain(std::iter::once(0))
        .chain((1..=REACH).map(|distance| bucket(distance) + 16))
        .collect();
    let values = (0..heads)
        .flat_map(|head| distances.iter().map(move |bucket| bucket * heads + head))
        .map(|place| table[place])
        .collect();
    Ok(PositionBias::Relative {
        values,
        reach: usize::from(REACH),
    })
}

/// Returns the bucket of a key that stands `distance` before the query: one for each
/// distance below 8, then 8 with bounds that grow by the square root of 2.
///
/// Computed in f32 as PyTorch does, so that the bounds fall on the same distance.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a small positive number"
)]
fn bucket(distance: u16) -> usize {
    if distance < 8 {
        return usize::from(distance);
    }
    let steps = (f32::from(distance) / 8.0).ln() / 16_f32.ln() * 8.0;
    (8 + steps as usize).min(15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First distance of each bucket from 8 on, from `relative_position_bucket` of
    /// `transformers` 5.
    const BOUNDS: [u16; 8] = [8, 12, 16, 23, 32, 46, 64, 91];

    #[test]
    fn buckets_change_where_those_of_pytorch_do() {
        for distance in 0..400 {
            let later = BOUNDS.iter().filter(|&&bound| bound <= distance).count();
            let expected = if distance < 8 {
                usize::from(distance)
            } else {
                7 + later
            };
            assert_eq!(bucket(distance), expected, "{distance}");
        }
    }
}
