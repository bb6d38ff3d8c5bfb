//! The portable reference: stock candle, padded, in f32 on the CPU.
//!
//! Kept simple on purpose: the native engine is tested against it. Sequences are
//! sorted by length and grouped with near-equal lengths, so that little padding is
//! computed.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::bert;

use crate::backend::Backend;
use crate::batch::Batch;
use crate::error::{EncodeError, LoadError};
use crate::folder::Pooling;
use crate::pooling::pool;
use crate::transformer::{Activation, Norm, NormPlacement, PositionBias, Transformer};

/// Most tokens, padding included, that one call of the model sees.
const GROUP_TOKENS: usize = 8192;

/// candle's BERT.
pub(crate) struct ReferenceBert {
    model: bert::BertModel,
    pooling: Pooling,
    dim: usize,
}

impl ReferenceBert {
    /// Hands the weights to candle under the names of a BERT checkpoint.
    pub(crate) fn load(transformer: &Transformer, pooling: Pooling) -> Result<Self, LoadError> {
        if !is_bert(transformer) {
            return Err(LoadError::NotBert);
        }
        let refused = |source: candle_core::Error| LoadError::Reference {
            source: Box::new(source),
        };
        let tensors = tensors(transformer).map_err(refused)?;
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let model = bert::BertModel::load(builder, &candle_config(transformer)).map_err(refused)?;
        Ok(Self {
            model,
            pooling,
            dim: transformer.hidden,
        })
    }

    /// Encodes sequences of near-equal length, padded to the longest.
    fn forward_group(&self, group: &[&[u32]]) -> Result<Vec<Vec<f32>>, EncodeError> {
        let length = group
            .iter()
            .map(|sequence| sequence.len())
            .max()
            .unwrap_or(0);
        let mut ids = Vec::with_capacity(group.len() * length);
        let mut mask: Vec<u32> = Vec::with_capacity(group.len() * length);
        for sequence in group {
            let padding = length - sequence.len();
            ids.extend(
                sequence
                    .iter()
                    .copied()
                    .chain(std::iter::repeat_n(0, padding)),
            );
            mask.extend(
                std::iter::repeat_n(1, sequence.len()).chain(std::iter::repeat_n(0, padding)),
            );
        }
        let shape = (group.len(), length);
        let ids = Tensor::from_vec(ids, shape, &Device::Cpu)?;
        let mask = Tensor::from_vec(mask, shape, &Device::Cpu)?;
        let states = self.model.forward(&ids, &ids.zeros_like()?, Some(&mask))?;
        let rows = states.flatten_from(1)?.to_vec2::<f32>()?;
        let real = |(row, sequence): (&Vec<f32>, &&[u32])| {
            pool(&row[..sequence.len() * self.dim], self.dim, self.pooling)
        };
        Ok(rows.iter().zip(group).map(real).collect())
    }
}

impl Backend for ReferenceBert {
    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, EncodeError> {
        let sequences: Vec<&[u32]> = batch.sequences().collect();
        let mut order: Vec<usize> = (0..sequences.len()).collect();
        order.sort_by_key(|&index| sequences[index].len());
        let mut pooled = vec![0.0; sequences.len() * self.dim];
        let mut rest = order.as_slice();
        while !rest.is_empty() {
            let (indices, later) = rest.split_at(group_size(rest, &sequences));
            let group: Vec<&[u32]> = indices.iter().map(|&index| sequences[index]).collect();
            for (&index, vector) in indices.iter().zip(self.forward_group(&group)?) {
                pooled[index * self.dim..(index + 1) * self.dim].copy_from_slice(&vector);
            }
            rest = later;
        }
        Ok(pooled)
    }
}

/// Returns how many of the sequences, shortest first, fit one group: at least one,
/// at most [`GROUP_TOKENS`] with padding, and none padded to twice its length.
fn group_size(order: &[usize], sequences: &[&[u32]]) -> usize {
    let length = |place: usize| sequences[order[place]].len();
    let fits = |&count: &usize| {
        length(count - 1) * count <= GROUP_TOKENS && length(count - 1) < 2 * length(0).max(8)
    };
    (2..=order.len()).take_while(fits).last().unwrap_or(1)
}

/// Says whether a transformer is built as BERT is.
fn is_bert(transformer: &Transformer) -> bool {
    let heads = transformer.heads;
    transformer.placement == NormPlacement::After
        && transformer.bias == PositionBias::None
        && !transformer.gated
        && !transformer.causal
        && transformer.activation != Activation::Silu
        && heads.count == heads.groups
        && heads.count * heads.dim == transformer.hidden
        && transformer.embedding_norm.is_some()
        && transformer.final_norm.is_none()
        && transformer.positions.len() == transformer.max_positions * transformer.hidden
        && transformer.layers.iter().all(|layer| {
            layer.rotary.is_none() && layer.window.is_none() && layer.qkv.adapter.is_none()
        })
}

/// Names the weights as a BERT checkpoint does; the token types are part of the
/// positions.
fn tensors(transformer: &Transformer) -> candle_core::Result<HashMap<String, Tensor>> {
    let hidden = transformer.hidden;
    let mut named = HashMap::new();
    let mut add = |name: String, values: &[f32], shape: &[usize]| {
        let tensor = Tensor::from_slice(values, shape, &Device::Cpu)?;
        named.insert(name, tensor);
        Ok::<_, candle_core::Error>(())
    };
    let tables = [
        ("word", transformer.words.as_slice()),
        ("position", &transformer.positions),
        ("token_type", &vec![0.0; hidden]),
    ];
    for (name, values) in tables {
        let shape = [values.len() / hidden, hidden];
        add(
            format!("embeddings.{name}_embeddings.weight"),
            values,
            &shape,
        )?;
    }
    let mut norms: Vec<(String, &Norm)> = Vec::new();
    norms.extend(
        transformer
            .embedding_norm
            .as_ref()
            .map(|norm| ("embeddings".into(), norm)),
    );
    for (index, layer) in transformer.layers.iter().enumerate() {
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let (weights, biases) = (&layer.qkv.weight, &layer.qkv.bias);
        let parts = ["query", "key", "value"].into_iter();
        let slices = weights
            .chunks_exact(hidden * hidden)
            .zip(biases.chunks_exact(hidden));
        for (part, (weight, bias)) in parts.zip(slices) {
            let name = name(&format!("attention.self.{part}"));
            add(format!("{name}.weight"), weight, &[hidden, hidden])?;
            add(format!("{name}.bias"), bias, &[hidden])?;
        }
        let linears = [
            ("attention.output.dense", &layer.output),
            ("intermediate.dense", &layer.up),
            ("output.dense", &layer.down),
        ];
        for (part, linear) in linears {
            let shape = [linear.outputs, linear.inputs];
            add(format!("{}.weight", name(part)), &linear.weight, &shape)?;
            add(
                format!("{}.bias", name(part)),
                &linear.bias,
                &[linear.outputs],
            )?;
        }
        norms.extend(
            layer
                .attention_norm
                .as_ref()
                .map(|norm| (name("attention.output"), norm)),
        );
        norms.push((name("output"), &layer.mlp_norm));
    }
    for (name, norm) in norms {
        add(format!("{name}.LayerNorm.weight"), &norm.weight, &[hidden])?;
        add(format!("{name}.LayerNorm.bias"), &norm.bias, &[hidden])?;
    }
    Ok(named)
}

fn candle_config(transformer: &Transformer) -> bert::Config {
    let norm = transformer.embedding_norm.as_ref();
    bert::Config {
        vocab_size: transformer.words.len() / transformer.hidden,
        hidden_size: transformer.hidden,
        num_hidden_layers: transformer.layers.len(),
        num_attention_heads: transformer.heads.count,
        intermediate_size: transformer.intermediate,
        hidden_act: match transformer.activation {
            Activation::GeluTanh => bert::HiddenAct::GeluApproximate,
            Activation::Relu => bert::HiddenAct::Relu,
            Activation::Gelu | Activation::Silu => bert::HiddenAct::Gelu,
        },
        max_position_embeddings: transformer.max_positions,
        type_vocab_size: 1,
        layer_norm_eps: norm.map_or(1e-12, |norm| f64::from(norm.epsilon)),
        // What follows has no part in inference.
        hidden_dropout_prob: 0.0,
        initializer_range: 0.0,
        pad_token_id: 0,
        position_embedding_type: bert::PositionEmbeddingType::Absolute,
        use_cache: false,
        classifier_dropout: None,
        model_type: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_near_equal_lengths() {
        let ids = [0_u32; 9000];
        let lengths = [3, 10, 11, 15, 40, 9000];
        let sequences: Vec<&[u32]> = lengths.iter().map(|&length| &ids[..length]).collect();
        let order: Vec<usize> = (0..sequences.len()).collect();
        assert_eq!(group_size(&order, &sequences), 4);
        assert_eq!(group_size(&order[4..], &sequences), 1);
        assert_eq!(group_size(&order[5..], &sequences), 1);
    }
}
