//! JinaBERT v2 (Günther et al., 2023): BERT with linear attention biases for
//! positions and a gated MLP.

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Activation, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::bert::Config;
use super::config::refuse_unless;
use super::tensors::{layer_norm, linear};

const ANCHOR: &str = "embeddings.word_embeddings.weight";

/// What the gate of the MLP is; the code of the model has no other.
#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Gate {
    Geglu,
    Reglu,
}

#[derive(Deserialize)]
struct Extra {
    feed_forward_type: Gate,
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder, "alibi")?;
    let extra: Extra = folder.architecture_config()?;
    refuse_unless(folder, "emb_pooler", &["mean".into()])?;
    let heads = config.heads(folder)?;
    let weights = Weights::take(folder, ANCHOR, &["", "bert."])?;
    // The form of jina-embeddings-v2-base-code.
    let whole = "encoder.layer.0.attention.self.layer_norm_q.weight";
    if weights.has(whole) {
        return Err(folder.bad_config(format!(
            "the norm over all queries together ({whole}) is not supported"
        )));
    }
    let hidden = config.hidden_size;
    let table = |name: &str, rows: usize| {
        weights.values(
            &format!("embeddings.{name}_embeddings.weight"),
            &[rows, hidden],
        )
    };
    let mut types = table("token_type", config.type_vocab_size)?;
    types.truncate(hidden);
    let layers = (0..config.num_hidden_layers).map(|index| layer(&weights, &config, index));
    Ok(Transformer {
        hidden,
        heads,
        max_positions: config.max_position_embeddings,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::Alibi {
            slopes: slopes(heads.count),
        },
        activation: match extra.feed_forward_type {
            Gate::Geglu => Activation::Gelu,
            Gate::Reglu => Activation::Relu,
        },
        gated: true,
        intermediate: config.intermediate_size,
        words: table("word", config.vocab_size)?,
        words_adapter: None,
        positions: types,
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
    let one =
        |part: &str, outputs, inputs, bias| linear(weights, &[(name(part), outputs)], inputs, bias);
    let joined =
        ["query", "key", "value"].map(|part| (name(&format!("attention.self.{part}")), hidden));
    Ok(Layer {
        attention_norm: Some(norm("attention.output.LayerNorm")?),
        qkv: linear(weights, &joined, hidden, true)?,
        query_norm: None,
        key_norm: None,
        rotary: None,
        window: None,
        output: one("attention.output.dense", hidden, hidden, true)?,
        mlp_norm: norm("mlp.layernorm")?,
        up: one("mlp.gated_layers", 2 * inner, hidden, false)?,
        down: one("mlp.wo", hidden, inner, true)?,
    })
}

/// Returns the slope of each head (Press et al., 2021): for `n` heads, a power of
/// two, `2^(-8h / n)`; else those of the power of two below, then every other one of
/// the power of two above.
fn slopes(heads: usize) -> Vec<f32> {
    let power = |count: usize| {
        #[expect(clippy::cast_precision_loss, reason = "a model has few heads")]
        let slope = move |head: usize| (-8.0 * head as f64 / count as f64).exp2();
        (1..=count).map(slope)
    };
    let below = if heads.is_power_of_two() {
        heads
    } else {
        heads.next_power_of_two() / 2
    };
    let above = power(2 * below).step_by(2).take(heads - below);
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a slope rounds to f32, as it does in PyTorch"
    )]
    let round = |slope: f64| slope as f32;
    power(below).chain(above).map(round).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_follow_the_paper() {
        assert_eq!(slopes(4), [0.25, 0.0625, 0.015_625, 0.003_906_25]);
        let twelve = slopes(12);
        assert_eq!((twelve[0], twelve[7]), (0.5, 2_f32.powi(-8)));
        for (slope, exponent) in twelve[8..].iter().zip([-0.5_f32, -1.5, -2.5, -3.5]) {
            assert!((slope - exponent.exp2()).abs() < 1e-7, "{exponent}");
        }
    }
}
