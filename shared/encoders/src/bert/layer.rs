//! The weights of one layer, packed, and the products that use them.

use crate::error::LoadError;
use crate::kernels::{Epilogue, Isa, LayerNorm, Matrix, Output, Packed, Product, matmul};
use crate::transformer::Activation;
use crate::weights::Weights;

use super::config::BertConfig;

/// A linear layer: `x Wᵀ + b`.
pub(crate) struct Linear {
    weight: Packed,
    bias: Vec<f32>,
    inputs: usize,
    outputs: usize,
}

impl Linear {
    /// Loads layers that read the same input and joins their outputs side by side.
    fn load(
        weights: &Weights,
        names: &[String],
        outputs: usize,
        inputs: usize,
    ) -> Result<Self, LoadError> {
        let (mut weight, mut bias) = (Vec::new(), Vec::new());
        for name in names {
            weight.extend(weights.values(&format!("{name}.weight"), &[outputs, inputs])?);
            bias.extend(weights.values(&format!("{name}.bias"), &[outputs])?);
        }
        let outputs = outputs * names.len();
        Ok(Self {
            weight: Packed::from_weight(&weight, outputs, inputs),
            bias,
            inputs,
            outputs,
        })
    }

    /// Returns the product that applies the layer to `input`, `[rows, inputs]`.
    pub(crate) fn product<'a>(&'a self, input: &'a [f32]) -> Product<'a> {
        Product {
            left: Matrix {
                values: input,
                stride: self.inputs,
            },
            right: &self.weight,
            epilogue: Epilogue::Bias(&self.bias),
        }
    }

    /// As [`Linear::product`], followed by an activation.
    pub(crate) fn activated<'a>(&'a self, input: &'a [f32], activation: Activation) -> Product<'a> {
        let epilogue = Epilogue::BiasActivation(&self.bias, activation);
        Product {
            epilogue,
            ..self.product(input)
        }
    }

    /// Computes a product of this layer into `out`, `[rows, outputs]`.
    pub(crate) fn run(
        &self,
        isa: Isa,
        product: Product<'_>,
        out: &mut [f32],
        tiles: &mut Vec<f32>,
    ) {
        let rows = out.len() / self.outputs;
        let mut out = Output {
            values: out,
            stride: self.outputs,
            rows,
        };
        matmul(isa, product, &mut out, tiles);
    }
}

/// One transformer layer.
pub(crate) struct Layer {
    /// Queries, keys and values, side by side.
    pub(crate) qkv: Linear,
    pub(crate) attention_output: Linear,
    pub(crate) attention_norm: LayerNorm,
    pub(crate) up: Linear,
    pub(crate) down: Linear,
    pub(crate) output_norm: LayerNorm,
}

impl Layer {
    pub(crate) fn load(
        weights: &Weights,
        config: &BertConfig,
        index: usize,
    ) -> Result<Self, LoadError> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let linear = |parts: &[&str], outputs, inputs| {
            let names: Vec<String> = parts.iter().map(|part| name(part)).collect();
            Linear::load(weights, &names, outputs, inputs)
        };
        let joined = [
            "attention.self.query",
            "attention.self.key",
            "attention.self.value",
        ];
        Ok(Self {
            qkv: linear(&joined, hidden, hidden)?,
            attention_output: linear(&["attention.output.dense"], hidden, hidden)?,
            attention_norm: load_norm(weights, config, &name("attention.output"))?,
            up: linear(&["intermediate.dense"], inner, hidden)?,
            down: linear(&["output.dense"], hidden, inner)?,
            output_norm: load_norm(weights, config, &name("output"))?,
        })
    }
}

pub(crate) fn load_norm(
    weights: &Weights,
    config: &BertConfig,
    prefix: &str,
) -> Result<LayerNorm, LoadError> {
    let shape = [config.hidden_size];
    Ok(LayerNorm {
        weight: weights.values(&format!("{prefix}.LayerNorm.weight"), &shape)?,
        bias: weights.values(&format!("{prefix}.LayerNorm.bias"), &shape)?,
        epsilon: config.layer_norm_eps,
    })
}
