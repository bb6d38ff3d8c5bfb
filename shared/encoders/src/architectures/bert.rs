//! BERT (Devlin et al., 2018).

use crate::bert::BertConfig;
use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Heads, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::{layer_norm, linear};

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config: BertConfig = folder.architecture_config()?;
    config
        .validate()
        .map_err(|reason| folder.bad_config(reason))?;
    let weights = Weights::take(folder, BertConfig::ANCHOR, BertConfig::PREFIXES)?;
    let hidden = config.hidden_size;
    let table = |name: &str, rows: usize| {
        weights.values(
            &format!("embeddings.{name}_embeddings.weight"),
            &[rows, hidden],
        )
    };
    let types = table("token_type", config.type_vocab_size)?;
    let mut positions = table("position", config.max_position_embeddings)?;
    for row in positions.chunks_exact_mut(hidden) {
        for (value, &other) in row.iter_mut().zip(&types) {
            *value += other;
        }
    }
    let layers = (0..config.num_hidden_layers).map(|index| layer(&weights, &config, index));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count: config.num_attention_heads,
            groups: config.num_attention_heads,
            dim: config.head_dim(),
        },
        max_positions: config.max_position_embeddings,
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

fn layer(weights: &Weights, config: &BertConfig, index: usize) -> Result<Layer, LoadError> {
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
