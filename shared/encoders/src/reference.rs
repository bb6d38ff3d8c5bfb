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
use crate::bert::BertConfig;
use crate::error::{EncodeError, LoadError};
use crate::folder::Pooling;
use crate::pooling::pool;
use crate::transformer::Activation;
use crate::weights::Weights;

/// Most tokens, padding included, that one call of the model sees.
const GROUP_TOKENS: usize = 8192;

/// candle's BERT.
pub(crate) struct ReferenceBert {
    model: bert::BertModel,
    pooling: Pooling,
    dim: usize,
}

impl ReferenceBert {
    pub(crate) fn load(
        weights: &Weights,
        config: &BertConfig,
        pooling: Pooling,
    ) -> Result<Self, LoadError> {
        let mut tensors = HashMap::new();
        for (name, shape) in config.tensors() {
            tensors.insert(name.clone(), weights.tensor(&name, &shape)?);
        }
        let builder = VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu);
        let model = bert::BertModel::load(builder, &candle_config(config)).map_err(|source| {
            LoadError::Reference {
                source: Box::new(source),
            }
        })?;
        Ok(Self {
            model,
            pooling,
            dim: config.hidden_size,
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

fn candle_config(config: &BertConfig) -> bert::Config {
    bert::Config {
        vocab_size: config.vocab_size,
        hidden_size: config.hidden_size,
        num_hidden_layers: config.num_hidden_layers,
        num_attention_heads: config.num_attention_heads,
        intermediate_size: config.intermediate_size,
        hidden_act: match config.hidden_act {
            Activation::Gelu => bert::HiddenAct::Gelu,
            Activation::GeluTanh => bert::HiddenAct::GeluApproximate,
            Activation::Relu => bert::HiddenAct::Relu,
            // `load` refuses it.
            Activation::Silu => bert::HiddenAct::Gelu,
        },
        max_position_embeddings: config.max_position_embeddings,
        type_vocab_size: config.type_vocab_size,
        layer_norm_eps: f64::from(config.layer_norm_eps),
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
