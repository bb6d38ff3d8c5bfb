//! ModernBERT (Warner et al., 2024): norms placed before, rotary positions, a gated
//! MLP, and layers that see a window only between layers that see everything.

use serde::Deserialize;
use serde_json::Value;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{
    Activation, Heads, Layer, Norm, NormKind, NormPlacement, PositionBias, Transformer,
};
use crate::weights::Weights;

use super::config::{check_rotated, check_sizes, head_dim, rotary_base};
use super::tensors::{layer_norm, linear, plain_norm};

const ANCHOR: &str = "embeddings.tok_embeddings.weight";

#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_activation: Activation,
    max_position_embeddings: usize,
    norm_eps: f32,
    #[serde(default)]
    norm_bias: bool,
    #[serde(default)]
    attention_bias: bool,
    #[serde(default)]
    mlp_bias: bool,
    local_attention: usize,
    #[serde(default = "default_period")]
    global_attn_every_n_layers: usize,
    layer_types: Option<Vec<Attention>>,
    #[serde(default = "default_global_base")]
    global_rope_theta: f32,
    local_rope_theta: Option<f32>,
}

fn default_period() -> usize {
    3
}

fn default_global_base() -> f32 {
    160_000.0
}

/// What a layer sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Attention {
    #[serde(rename = "full_attention")]
    Full,
    #[serde(rename = "sliding_attention")]
    Sliding,
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
                ("num_hidden_layers", config.num_hidden_layers),
                ("num_attention_heads", config.num_attention_heads),
                ("intermediate_size", config.intermediate_size),
                (
                    "global_attn_every_n_layers",
                    config.global_attn_every_n_layers,
                ),
            ],
        )?;
        Ok(config)
    }

    /// Returns what each layer sees.
    fn attention(&self, folder: &ModelFolder) -> Result<Vec<Attention>, LoadError> {
        let layers = self.num_hidden_layers;
        let of = |index: usize| match index % self.global_attn_every_n_layers {
            0 => Attention::Full,
            _ => Attention::Sliding,
        };
        match &self.layer_types {
            None => Ok((0..layers).map(of).collect()),
            Some(types) if types.len() == layers => Ok(types.clone()),
            Some(types) => Err(folder.bad_config(format!(
                "layer_types has {} entries, num_hidden_layers is {layers}",
                types.len()
            ))),
        }
    }

    /// Returns the rotary bases of full and of sliding attention.
    fn bases(&self, folder: &ModelFolder) -> Result<[f32; 2], LoadError> {
        let parameters = folder.config.get("rope_parameters");
        let of = |name: &str| parameters.and_then(|all| all.get(name));
        let flat = |all: &Value| {
            all.as_object()
                .is_some_and(|all| all.contains_key("rope_theta"))
        };
        if parameters.is_some_and(flat) {
            return Err(folder.bad_config(
                "rope_parameters without full_attention and sliding_attention are not supported"
                    .into(),
            ));
        }
        // Before local_rope_theta came, null meant the global base.
        let local = match folder.config.get("local_rope_theta") {
            Some(Value::Null) => self.global_rope_theta,
            _ => self.local_rope_theta.unwrap_or(10_000.0),
        };
        Ok([
            rotary_base(folder, of("full_attention"), self.global_rope_theta)?,
            rotary_base(folder, of("sliding_attention"), local)?,
        ])
    }

    fn norm(&self, weights: &Weights, name: &str) -> Result<Norm, LoadError> {
        let (width, epsilon) = (self.hidden_size, self.norm_eps);
        if self.norm_bias {
            return layer_norm(weights, name, width, epsilon);
        }
        plain_norm(weights, NormKind::Layer, name, width, epsilon)
    }
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let config = Config::read(folder)?;
    let (hidden, count) = (config.hidden_size, config.num_attention_heads);
    let dim = head_dim(
        folder,
        ("hidden_size", hidden),
        ("num_attention_heads", count),
    )?;
    check_rotated(folder, dim)?;
    let attention = config.attention(folder)?;
    let bases = config.bases(folder)?;
    let weights = Weights::take(folder, ANCHOR, &["", "model."])?;
    let layers = attention
        .iter()
        .enumerate()
        .map(|(index, &attention)| layer(&weights, &config, index, (attention, bases)));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count,
            groups: count,
            dim,
        },
        max_positions: config.max_position_embeddings,
        causal: false,
        placement: NormPlacement::Before,
        bias: PositionBias::None,
        activation: config.hidden_activation,
        gated: true,
        intermediate: config.intermediate_size,
        words: weights.values(ANCHOR, &[config.vocab_size, hidden])?,
        words_adapter: None,
        positions: Vec::new(),
        embedding_norm: Some(config.norm(&weights, "embeddings.norm")?),
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: Some(config.norm(&weights, "final_norm")?),
        tasks: [0; 4],
    })
}

fn layer(
    weights: &Weights,
    config: &Config,
    index: usize,
    (attention, [full, sliding]): (Attention, [f32; 2]),
) -> Result<Layer, LoadError> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let name = |part: &str| format!("layers.{index}.{part}");
    let one =
        |part: &str, outputs, inputs, bias| linear(weights, &[(name(part), outputs)], inputs, bias);
    let (rotary, window) = match attention {
        Attention::Full => (full, None),
        Attention::Sliding => (sliding, Some(config.local_attention / 2)),
    };
    Ok(Layer {
        attention_norm: match index {
            0 => None,
            _ => Some(config.norm(weights, &name("attn_norm"))?),
        },
        qkv: one("attn.Wqkv", 3 * hidden, hidden, config.attention_bias)?,
        query_norm: None,
        key_norm: None,
        rotary: Some(rotary),
        window,
        output: one("attn.Wo", hidden, hidden, config.attention_bias)?,
        mlp_norm: config.norm(weights, &name("mlp_norm"))?,
        up: one("mlp.Wi", 2 * inner, hidden, config.mlp_bias)?,
        down: one("mlp.Wo", hidden, inner, config.mlp_bias)?,
    })
}
