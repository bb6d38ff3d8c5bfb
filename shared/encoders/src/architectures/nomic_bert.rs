//! NomicBERT (Nussbaum et al., 2024): BERT with rotary positions and a gated MLP.
//!
//! Two forms of the config are published: that of the model's own code (`n_embd`,
//! `rotary_emb_base`) and that of `transformers` (`hidden_size`, `rope_parameters`);
//! one file may hold both.

use serde::Deserialize;
use serde_json::Value;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Activation, Heads, Layer, NormPlacement, PositionBias, Transformer};
use crate::weights::Weights;

use super::config::{check_rotated, check_sizes, head_dim, refuse_unless, rotary_base};
use super::tensors::{layer_norm, linear};

const ANCHOR: &str = "embeddings.word_embeddings.weight";
/// Positions where the config names none: beyond these, the model's own code
/// stretches the rotary embedding.
const POSITIONS: usize = 2048;
const ROTARY_BASE: f32 = 1000.0;

/// The config, every size under its two names.
#[derive(Deserialize)]
struct Config {
    vocab_size: usize,
    type_vocab_size: usize,
    n_embd: Option<usize>,
    hidden_size: Option<usize>,
    n_layer: Option<usize>,
    num_hidden_layers: Option<usize>,
    n_head: Option<usize>,
    num_attention_heads: Option<usize>,
    n_inner: Option<usize>,
    intermediate_size: Option<usize>,
    max_trained_positions: Option<usize>,
    max_position_embeddings: Option<usize>,
    activation_function: Option<Activation>,
    hidden_act: Option<Activation>,
    layer_norm_epsilon: Option<f32>,
    layer_norm_eps: Option<f32>,
    rotary_emb_base: Option<f32>,
    #[serde(default)]
    qkv_proj_bias: bool,
    #[serde(default)]
    mlp_fc1_bias: bool,
    #[serde(default)]
    mlp_fc2_bias: bool,
}

/// What both forms of the config say.
struct Shape {
    hidden: usize,
    layers: usize,
    heads: usize,
    inner: usize,
    positions: usize,
    activation: Activation,
    epsilon: f32,
    rotary: f32,
}

impl Config {
    fn read(folder: &ModelFolder) -> Result<(Self, Shape), LoadError> {
        let config: Self = folder.architecture_config()?;
        let flag = |name: &str, value: bool| refuse_unless(folder, name, &[value.into()]);
        flag("prenorm", false)?;
        flag("rotary_emb_interleaved", false)?;
        flag("causal", false)?;
        flag("parallel_block", false)?;
        flag("use_rms_norm", false)?;
        refuse_unless(folder, "rotary_emb_fraction", &[1.0.into(), 1.into()])?;
        refuse_unless(folder, "rotary_emb_scale_base", &[])?;
        refuse_unless(folder, "moe_every_n_layers", &[0.into()])?;
        refuse_unless(folder, "rope_scaling", &[])?;
        let shape = config.shape(folder)?;
        Ok((config, shape))
    }

    fn shape(&self, folder: &ModelFolder) -> Result<Shape, LoadError> {
        let one = |names: [&str; 2], values: [Option<usize>; 2]| {
            values[0]
                .or(values[1])
                .ok_or_else(|| folder.bad_config(format!("{} is missing", names.join(" or "))))
        };
        let positions = self.max_trained_positions.or(self.max_position_embeddings);
        let shape = Shape {
            hidden: one(["n_embd", "hidden_size"], [self.n_embd, self.hidden_size])?,
            layers: one(
                ["n_layer", "num_hidden_layers"],
                [self.n_layer, self.num_hidden_layers],
            )?,
            heads: one(
                ["n_head", "num_attention_heads"],
                [self.n_head, self.num_attention_heads],
            )?,
            inner: one(
                ["n_inner", "intermediate_size"],
                [self.n_inner, self.intermediate_size],
            )?,
            positions: positions.unwrap_or(POSITIONS),
            activation: self
                .activation_function
                .or(self.hidden_act)
                .unwrap_or(Activation::Silu),
            epsilon: self
                .layer_norm_epsilon
                .or(self.layer_norm_eps)
                .unwrap_or(1e-12),
            rotary: rotary_base(
                folder,
                folder.config.get("rope_parameters"),
                self.rotary_emb_base.unwrap_or(ROTARY_BASE),
            )?,
        };
        check_gate(folder)?;
        check_sizes(
            folder,
            ("max_trained_positions", shape.positions),
            &[
                ("vocab_size", self.vocab_size),
                ("type_vocab_size", self.type_vocab_size),
                ("n_embd", shape.hidden),
                ("n_layer", shape.layers),
                ("n_head", shape.heads),
                ("n_inner", shape.inner),
            ],
        )?;
        Ok(shape)
    }
}

/// Refuses the MLP without a gate that the model's own code has for plain
/// activations: its gated ones are called "swiglu" and the like.
fn check_gate(folder: &ModelFolder) -> Result<(), LoadError> {
    refuse_unless(folder, "activation_function", &["swiglu".into()])?;
    // `transformers` names the inner function instead.
    let native = folder
        .config
        .get("activation_function")
        .is_none_or(Value::is_null);
    if native {
        refuse_unless(folder, "hidden_act", &["silu".into(), "swish".into()])?;
    }
    Ok(())
}

pub(super) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    let (config, shape) = Config::read(folder)?;
    let (hidden, count) = (shape.hidden, shape.heads);
    let dim = head_dim(folder, ("n_embd", hidden), ("n_head", count))?;
    check_rotated(folder, dim)?;
    let weights = Weights::take(folder, ANCHOR, &["", "nomic_bert.", "bert."])?;
    let mut types = weights.values(
        "embeddings.token_type_embeddings.weight",
        &[config.type_vocab_size, hidden],
    )?;
    types.truncate(hidden);
    let layers = (0..shape.layers).map(|index| layer(&weights, &config, &shape, index));
    Ok(Transformer {
        hidden,
        heads: Heads {
            count,
            groups: count,
            dim,
        },
        max_positions: shape.positions,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::None,
        activation: shape.activation,
        gated: true,
        intermediate: shape.inner,
        words: weights.values(ANCHOR, &[config.vocab_size, hidden])?,
        words_adapter: None,
        positions: types,
        embedding_norm: Some(layer_norm(&weights, "emb_ln", hidden, shape.epsilon)?),
        layers: layers.collect::<Result<_, _>>()?,
        final_norm: None,
        tasks: [0; 4],
    })
}

fn layer(
    weights: &Weights,
    config: &Config,
    shape: &Shape,
    index: usize,
) -> Result<Layer, LoadError> {
    let (hidden, inner) = (shape.hidden, shape.inner);
    let name = |part: &str| format!("encoder.layers.{index}.{part}");
    let norm = |part: &str| layer_norm(weights, &name(part), hidden, shape.epsilon);
    let one =
        |part: &str, outputs, inputs, bias| linear(weights, &[(name(part), outputs)], inputs, bias);
    // `fc12` goes through the activation, `fc11` is multiplied with it.
    let gate = ["mlp.fc12", "mlp.fc11"].map(|part| (name(part), inner));
    Ok(Layer {
        attention_norm: Some(norm("norm1")?),
        qkv: one("attn.Wqkv", 3 * hidden, hidden, config.qkv_proj_bias)?,
        query_norm: None,
        key_norm: None,
        rotary: Some(shape.rotary),
        window: None,
        output: one("attn.out_proj", hidden, hidden, config.qkv_proj_bias)?,
        mlp_norm: norm("norm2")?,
        up: linear(weights, &gate, hidden, config.mlp_fc1_bias)?,
        down: one("mlp.fc2", hidden, inner, config.mlp_fc2_bias)?,
    })
}
