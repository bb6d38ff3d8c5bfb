//! A model with its weights packed.

use std::sync::Arc;

use super::attention::Rules;
use super::isa::Isa;
use super::linear::{Linear, Mlp, Target};
use super::rotary::Rotary;
use super::rows::normalize;
use crate::folder::Pooling;
use crate::options::Precision;
use crate::transformer::{self, Adapter, Heads, Norm, NormPlacement, PositionBias, Transformer};

/// A transformer in the form that the CPU runs.
pub(super) struct Model {
    pub(super) isa: Isa,
    pub(super) pooling: Pooling,
    pub(super) hidden: usize,
    pub(super) heads: Heads,
    pub(super) causal: bool,
    pub(super) placement: NormPlacement,
    pub(super) bias: PositionBias,
    pub(super) mlp: Mlp,
    pub(super) embeddings: Embeddings,
    pub(super) layers: Vec<Layer>,
    pub(super) final_norm: Option<Norm>,
    pub(super) tasks: [usize; 4],
}

/// One token of a sequence.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub(super) id: u32,
    /// In its sequence.
    pub(super) place: usize,
    /// Whose adapters apply.
    pub(super) task: usize,
}

/// Tables of the input.
pub(super) struct Embeddings {
    words: Vec<f32>,
    adapter: Option<Adapter>,
    /// A row for each place, one row for all, or none.
    positions: Vec<f32>,
    norm: Option<Norm>,
}

pub(super) struct Layer {
    pub(super) attention_norm: Option<Norm>,
    pub(super) qkv: Linear,
    pub(super) heads: HeadRules,
    pub(super) window: Option<usize>,
    pub(super) output: Linear,
    pub(super) mlp_norm: Norm,
    pub(super) up: Linear,
    pub(super) down: Linear,
}

/// What is done to queries and keys before they meet.
pub(super) struct HeadRules {
    query_norm: Option<Norm>,
    key_norm: Option<Norm>,
    rotary: Option<Arc<Rotary>>,
}

/// Largest absolute inputs of the products of one layer.
#[derive(Clone, Debug, Default)]
pub(super) struct Largest {
    qkv: Vec<f32>,
    output: Vec<f32>,
    up: Vec<f32>,
    down: Vec<f32>,
}

impl Model {
    /// Packs the weights. `largest` holds what [`Model::largest`] of a recording model
    /// found; empty for none.
    pub(super) fn pack(
        transformer: &Transformer,
        pooling: Pooling,
        precision: Precision,
        record: bool,
        largest: &[Largest],
    ) -> Self {
        let mut rotaries = Rotaries::default();
        let unknown = Largest::default();
        let layers = transformer.layers.iter().enumerate().map(|(index, layer)| {
            let largest = largest.get(index).unwrap_or(&unknown);
            let pack = |linear: &transformer::Linear, largest: &[f32]| {
                let target = Target {
                    precision,
                    record,
                    largest,
                };
                Linear::new(linear, target)
            };
            let (qkv, query_norm) = scaled_queries(layer, transformer.heads);
            Layer {
                attention_norm: layer.attention_norm.clone(),
                qkv: pack(&qkv, &largest.qkv),
                heads: HeadRules {
                    query_norm,
                    key_norm: layer.key_norm.clone(),
                    rotary: layer.rotary.map(|base| rotaries.get(base, transformer)),
                },
                window: layer.window,
                output: pack(&layer.output, &largest.output),
                mlp_norm: layer.mlp_norm.clone(),
                up: pack(&layer.up, &largest.up),
                down: pack(&layer.down, &largest.down),
            }
        });
        Self {
            isa: Isa::best(),
            pooling,
            hidden: transformer.hidden,
            heads: transformer.heads,
            causal: transformer.causal,
            placement: transformer.placement,
            bias: in_powers_of_two(&transformer.bias),
            mlp: Mlp {
                activation: transformer.activation,
                gated: transformer.gated,
                inner: transformer.intermediate,
                coarse: precision != Precision::F32,
            },
            layers: layers.collect(),
            embeddings: Embeddings {
                words: transformer.words.clone(),
                adapter: transformer.words_adapter.clone(),
                positions: transformer.positions.clone(),
                norm: transformer.embedding_norm.clone(),
            },
            final_norm: transformer.final_norm.clone(),
            tasks: transformer.tasks,
        }
    }

    /// Returns what a recording model has seen, by layer.
    pub(super) fn largest(&self) -> Vec<Largest> {
        let of_layer = |layer: &Layer| Largest {
            qkv: layer.qkv.seen(),
            output: layer.output.seen(),
            up: layer.up.seen(),
            down: layer.down.seen(),
        };
        self.layers.iter().map(of_layer).collect()
    }

    /// Returns what attention does in a layer.
    pub(super) fn rules(&self, layer: &Layer) -> Rules<'_> {
        Rules {
            isa: self.isa,
            heads: self.heads,
            causal: self.causal,
            window: layer.window,
            bias: &self.bias,
        }
    }
}

impl Embeddings {
    /// Writes the embedding of one token.
    pub(super) fn write(&self, isa: Isa, token: Token, row: &mut [f32]) {
        let hidden = row.len();
        let Token { id, place, task } = token;
        let id = usize::try_from(id).unwrap_or(usize::MAX);
        row.copy_from_slice(&self.words[id * hidden..][..hidden]);
        if let Some(adapter) = &self.adapter {
            let ranks = adapter.tasks * adapter.rank;
            let own = task * adapter.rank..(task + 1) * adapter.rank;
            for (value, up) in row.iter_mut().zip(adapter.up.chunks_exact(ranks)) {
                let down = &adapter.down[id * ranks..][own.clone()];
                *value += down
                    .iter()
                    .zip(&up[own.clone()])
                    .map(|(a, b)| a * b)
                    .sum::<f32>();
            }
        }
        let places = self.positions.len() / hidden;
        if places > 0 {
            let place = if places == 1 { 0 } else { place };
            super::rows::add(isa, row, &self.positions[place * hidden..][..hidden]);
        }
        if let Some(norm) = &self.norm {
            normalize(isa, row, norm);
        }
    }
}

impl HeadRules {
    /// Says whether queries and keys are used as the product gives them.
    pub(super) fn is_empty(&self) -> bool {
        self.query_norm.is_none() && self.key_norm.is_none() && self.rotary.is_none()
    }

    /// Normalises and turns the queries and keys of a row of the product.
    pub(super) fn apply(&self, isa: Isa, heads: Heads, place: usize, row: &mut [f32]) {
        let (queries, rest) = row.split_at_mut(heads.count * heads.dim);
        let keys = &mut rest[..heads.groups * heads.dim];
        for (part, norm) in [(queries, &self.query_norm), (keys, &self.key_norm)] {
            for head in part.chunks_exact_mut(heads.dim) {
                if let Some(norm) = norm {
                    normalize(isa, head, norm);
                }
                if let Some(rotary) = &self.rotary {
                    rotary.turn(head, place);
                }
            }
        }
    }
}

/// Rotary tables, one for each base.
#[derive(Default)]
struct Rotaries(Vec<(f32, Arc<Rotary>)>);

impl Rotaries {
    fn get(&mut self, base: f32, transformer: &Transformer) -> Arc<Rotary> {
        let known = self
            .0
            .iter()
            .find(|(known, _)| known.to_bits() == base.to_bits());
        if let Some((_, rotary)) = known {
            return Arc::clone(rotary);
        }
        let rotary = Rotary::new(base, transformer.heads.dim, transformer.max_positions);
        let rotary = Arc::new(rotary);
        self.0.push((base, Arc::clone(&rotary)));
        rotary
    }
}

/// Scales the queries by `log2 e / √dim`, so that attention weights are plain powers
/// of 2: in the norm of the queries where there is one, else in the product.
#[expect(
    clippy::cast_precision_loss,
    reason = "a head is far narrower than 2^24"
)]
fn scaled_queries(layer: &transformer::Layer, heads: Heads) -> (transformer::Linear, Option<Norm>) {
    let scale = std::f32::consts::LOG2_E / (heads.dim as f32).sqrt();
    let times = |values: &mut [f32]| values.iter_mut().for_each(|value| *value *= scale);
    let (mut qkv, mut query_norm) = (layer.qkv.clone(), layer.query_norm.clone());
    if let Some(norm) = &mut query_norm {
        times(&mut norm.weight);
        times(&mut norm.bias);
        return (qkv, query_norm);
    }
    let queries = heads.count * heads.dim;
    times(&mut qkv.weight[..queries * qkv.inputs]);
    if !qkv.bias.is_empty() {
        times(&mut qkv.bias[..queries]);
    }
    if let Some(adapter) = &mut qkv.adapter {
        times(&mut adapter.up[..queries * adapter.tasks * adapter.rank]);
    }
    (qkv, query_norm)
}

/// Brings a bias to the units of the scores.
fn in_powers_of_two(bias: &PositionBias) -> PositionBias {
    let times = |values: &[f32]| {
        values
            .iter()
            .map(|value| value * std::f32::consts::LOG2_E)
            .collect()
    };
    match bias {
        PositionBias::None => PositionBias::None,
        PositionBias::Alibi { slopes } => PositionBias::Alibi {
            slopes: times(slopes),
        },
        PositionBias::Relative { values, reach } => PositionBias::Relative {
            values: times(values),
            reach: *reach,
        },
    }
}
