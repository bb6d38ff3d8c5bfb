//! Qwen3 (Yang et al., 2025) as an embedder: a causal decoder whose last token is
//! the text.

use serde::Deserialize;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{
    Activation, Heads, Layer, NormKind, NormPlacement, PositionBias, Transformer,
};
use crate::weights::Weights;

use super::config::{check_rotated, check_sizes, refuse_unless, rotary_base};
use super::tensors::{linear, plain_norm};

const ANCHOR: &str = "embed_tokens.weight";

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    num_key_value_heads: Option<usize>,
    #[serde(default = "default_head_dim")]
    head_dim: usize,
    hidden_act: Activation,
    max_position_embeddings: usize,
    rms_norm_eps: f32,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default = "default_base")]
    rope_theta: f32,
}

fn default_head_dim() -> usize {
    128
}

fn default_base() -> f32 {
    10_000.0
}

impl Config {
    fn read(folder: &ModelFolder) -> Result<Self, LoadError> {
        let config: Self = folder.architecture_config()?;
        check_sizes(
            folder,
            ("max_position_embeddings", config.max_position_embeddings),
            &[
                ("vocab_size", config.vocab_size),
                ("hidden_size", config.hidden_size),
                ("intermediate_size", config.intermediate_size),
                ("num_hidden_layers", config.num_hidden_layers),
                ("num_attention_heads", config.num_attention_heads),
                ("head_dim", config.head_dim),
            ],
        )?;
        refuse_unless(folder, "use_sliding_window", &[false.into()])?;
        refuse_unless(folder, "use_bidirectional_attention", &[false.into()])?;
        refuse_unless(folder, "is_causal", &[true.into()])?;
        let full = vec!["full_attention"; config.num_hidden_layers];
        refuse_unless(folder, "layer_types", &[full.into()])?;
        check_rotated(folder, config.head_dim)?;
        Ok(config)
    }

    fn heads(&self, folder: &ModelFolder) -> Result<Heads, LoadError> {
        let count = self.num_attention_heads;
        let groups = self.num_key_value_heads.unwrap_or(count);
        if groups == 0 || !count.is_multiple_of(groups) {
            return Err(folder.bad_config(format!(
                "num_attention_heads {count} is no multiple of num_key_value_heads {groups}"
            )));
        }
        Ok(Heads {
            count,
            groups,
            dim: self.head_dim,
        })
    }
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder)?;
    let heads = config.heads(folder)?;
    let rotary = rotary_base(
        folder,
        folder.config.get("rope_parameters"),
        config.rope_theta,
    )?;
    let weights = Weights::take(folder, ANCHOR, &["", "model."])?;
    let (hidden, epsilon) = (config.hidden_size, config.rms_norm_eps);
    let layers =
        (0..config.num_hidden_layers).map(|index| layer(&weights, &config, (heads, rotary), index));
    Ok(Transformer {
        hidden,
        heads,
        max_positions: config.max_position_embeddings,
        causal: true,
        placement: NormPlacement::Before,
        bias: PositionBias::None,
        activation: config.hidden_act,
        gated: true,
        intermediate: config.intermediate_size,
        words: weights.values(ANCHOR, &[config.vocab_size, hidden])?,
        words_adapter: None,
        positions: Vec::new(),
        embedding_norm: None,
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: Some(plain_norm(
            &weights,
            NormKind::RootMeanSquare,
            "norm",
            hidden,
            epsilon,
        )?),
        tasks: [0; 4],
    })
}

fn layer(
    weights: &Weights,
    config: &Config,
    (heads, rotary): (Heads, f32),
    index: usize,
) -> Result<Layer, LoadError> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let (queries, keys) = (heads.count * heads.dim, heads.groups * heads.dim);
    let name = |part: &str| format!("layers.{index}.{part}");
    let norm = |part: &str, width| {
        let kind = NormKind::RootMeanSquare;
        plain_norm(weights, kind, &name(part), width, config.rms_norm_eps)
    };
    let joined = [
        (name("self_attn.q_proj"), queries),
        (name("self_attn.k_proj"), keys),
        (name("self_attn.v_proj"), keys),
    ];
    let gate = ["mlp.gate_proj", "mlp.up_proj"].map(|part| (name(part), inner));
    let output = [(name("self_attn.o_proj"), hidden)];
    Ok(Layer {
        attention_norm: Some(norm("input_layernorm", hidden)?),
        qkv: linear(weights, &joined, hidden, config.attention_bias)?,
        query_norm: Some(norm("self_attn.q_norm", heads.dim)?),
        key_norm: Some(norm("self_attn.k_norm", heads.dim)?),
        rotary: Some(rotary),
        window: None,
        output: linear(weights, &output, queries, config.attention_bias)?,
        mlp_norm: norm("post_attention_layernorm", hidden)?,
        up: linear(weights, &gate, hidden, false)?,
        down: linear(weights, &[(name("mlp.down_proj"), hidden)], inner, false)?,
    })
}
