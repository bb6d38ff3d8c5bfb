//! The forward pass on candle's tensors.

use candle_core::{DType, Result, Tensor};

use super::attention::{DeviceGroup, Window, attend};
use super::bias::ScoreBias;
use super::groups::GroupCost;
#[cfg(any(test, feature = "cuda"))]
use super::layout::int;
use super::layout::{GroupLayout, Layout, LayoutRules};
use super::rotary::{self, Angles};
use super::weights::{LayerWeights, LinearWeights, ModelWeights, Place, TaskMasks};
use crate::batch::Batch;
use crate::folder::Pooling;
#[cfg(any(test, feature = "cuda"))]
use crate::prepare::InputKind;
use crate::transformer::{Activation, Heads, NormPlacement, Transformer};

/// A model on a device.
pub(super) struct Model {
    place: Place,
    rules: LayoutRules,
    heads: Heads,
    placement: NormPlacement,
    activation: Activation,
    weights: ModelWeights,
    bias: ScoreBias,
    rotary: Vec<Angles>,
    windows: Vec<Option<usize>>,
    /// For each shape of adapters, `[tasks, tasks × rank]`: 1 where the column is the task's.
    task_columns: Vec<((usize, usize), Tensor)>,
    hidden: usize,
    /// Most tokens of a sequence.
    #[cfg(any(test, feature = "cuda"))]
    most: usize,
}

/// A batch on the device.
struct Input {
    ids: Tensor,
    places: Tensor,
    masks: TaskMasks,
    angles: Vec<Angles>,
    groups: Vec<DeviceGroup>,
    scatter: Option<Tensor>,
    pooled: Option<Tensor>,
}

impl Model {
    /// Copies the weights to the device.
    pub(super) fn new(model: &Transformer, pooling: Pooling, place: Place) -> Result<Self> {
        let weights = ModelWeights::new(model, &place)?;
        let mut windows: Vec<_> = model.layers.iter().map(|layer| layer.window).collect();
        windows.sort_unstable();
        windows.dedup();
        let columns = |shape| Ok((shape, task_columns(shape, &place)?));
        let cost = if place.device.is_cuda() {
            GroupCost::on_card(model.heads.count)
        } else {
            GroupCost::on_processor(model.heads.count)
        };
        Ok(Self {
            rules: LayoutRules {
                cost,
                pooling,
                tasks: model.tasks,
            },
            heads: model.heads,
            placement: model.placement,
            activation: model.activation,
            bias: ScoreBias::new(model, &place)?,
            rotary: rotary::tables(model, &place)?,
            task_columns: weights
                .adapter_shapes()
                .into_iter()
                .map(columns)
                .collect::<Result<_>>()?,
            weights,
            windows,
            hidden: model.hidden,
            #[cfg(any(test, feature = "cuda"))]
            most: model.max_positions,
            place,
        })
    }

    /// Returns a batch to try a device with: few tokens, of two lengths.
    #[cfg(any(test, feature = "cuda"))]
    pub(super) fn trial(&self) -> Batch {
        let vocabulary = self.weights.words.dims()[0];
        let id = |place: usize| int(place * 7 % vocabulary);
        let mut batch = Batch::default();
        for length in [self.most.min(24), self.most.min(8)] {
            let ids: Vec<u32> = (0..length).map(id).collect();
            batch.push(&ids, InputKind::Candidate);
        }
        batch
    }

    /// Overrides what decides the groups.
    #[cfg(test)]
    pub(super) fn with_cost(mut self, launch: usize, limit: usize) -> Self {
        self.rules.cost = GroupCost {
            launch,
            limit,
            ..self.rules.cost
        };
        self
    }

    /// Lays out a batch for [`Model::forward`].
    pub(super) fn layout(&self, batch: &Batch) -> Layout {
        Layout::of(batch, self.rules)
    }

    /// Returns where the model is.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Returns the pooled vectors, `[sequences, hidden]` in f32, in packed order.
    ///
    /// `integers` and `floats` are those of the layout, on the device. On a card this
    /// only launches the work.
    pub(super) fn forward(
        &self,
        layout: &Layout,
        integers: &Tensor,
        floats: &Tensor,
    ) -> Result<Tensor> {
        let input = self.input(layout, integers, floats)?;
        let mut states = self.embed(&input)?;
        for layer in &self.weights.layers {
            states = self.layer(layer, &states, &input)?;
        }
        if let Some(norm) = &self.weights.final_norm {
            states = norm.apply(&states)?;
        }
        self.pool(&states, &input)
    }

    fn input(&self, layout: &Layout, integers: &Tensor, floats: &Tensor) -> Result<Input> {
        let part = |range: &std::ops::Range<usize>| integers.narrow(0, range.start, range.len());
        let optional =
            |range: &Option<std::ops::Range<usize>>| range.as_ref().map(part).transpose();
        let places = part(&layout.places)?;
        let tasks = part(&layout.tasks)?;
        let columns = self.task_columns.iter();
        let masks: Result<_> = columns
            .map(|(shape, columns)| Ok((*shape, columns.index_select(&tasks, 0)?)))
            .collect();
        let angles = self.rotary.iter().map(|table| table.of(&places));
        let groups = layout.groups.iter();
        let groups = groups.map(|group| self.group(group, integers, floats));
        Ok(Input {
            ids: part(&layout.ids)?,
            masks: TaskMasks(masks?),
            angles: angles.collect::<Result<_>>()?,
            groups: groups.collect::<Result<_>>()?,
            scatter: optional(&layout.scatter)?,
            pooled: optional(&layout.pooled)?,
            places,
        })
    }

    fn group(
        &self,
        layout: &GroupLayout,
        integers: &Tensor,
        floats: &Tensor,
    ) -> Result<DeviceGroup> {
        let (count, length) = (layout.count, layout.length);
        let (gather, mask) = match &layout.padding {
            Some(padding) => {
                let (rows, mask) = (&padding.gather, &padding.mask);
                let mask = floats.narrow(0, mask.start, mask.len())?;
                let mask = mask.to_dtype(self.place.dtype)?;
                (
                    Some(integers.narrow(0, rows.start, rows.len())?),
                    Some(mask.reshape((1, count, 1, 1, length))?),
                )
            }
            None => (None, None),
        };
        let shares = match &layout.shares {
            Some(shares) => {
                let shares = floats.narrow(0, shares.start, shares.len())?;
                Some(shares.reshape((count, 1, length))?)
            }
            None => None,
        };
        let queries = DeviceGroup::queries(layout, self.heads.count, self.rules.cost.limit);
        let whole = queries == length;
        let bias = |window: &Option<usize>| self.bias.of(0..length, length, *window);
        let bias = self.windows.iter().filter(|_| whole).map(bias);
        Ok(DeviceGroup {
            rows: layout.rows.clone(),
            count,
            length,
            gather,
            mask,
            shares,
            queries,
            bias: bias.collect::<Result<_>>()?,
        })
    }

    fn embed(&self, input: &Input) -> Result<Tensor> {
        let weights = &self.weights;
        let mut states = weights.words.index_select(&input.ids, 0)?;
        if let Some(adapter) = &weights.words_adapter {
            let low = adapter.down.index_select(&input.ids, 0)?;
            states = states.add(&adapter.change(&low, &input.masks)?)?;
        }
        if let Some(positions) = &weights.positions {
            states = states.add(&positions.index_select(&input.places, 0)?)?;
        }
        match &weights.embedding_norm {
            Some(norm) => norm.apply(&states),
            None => Ok(states),
        }
    }

    fn layer(&self, layer: &LayerWeights, states: &Tensor, input: &Input) -> Result<Tensor> {
        match self.placement {
            NormPlacement::After => {
                let sum = states.add(&self.attention(layer, states, input)?)?;
                let states = match &layer.attention_norm {
                    Some(norm) => norm.apply(&sum)?,
                    None => sum,
                };
                let sum = states.add(&self.mlp(layer, &states, input)?)?;
                layer.mlp_norm.apply(&sum)
            }
            NormPlacement::Before => {
                let states = match &layer.attention_norm {
                    Some(norm) => {
                        states.add(&self.attention(layer, &norm.apply(states)?, input)?)?
                    }
                    None => states.add(&self.attention(layer, states, input)?)?,
                };
                let normal = layer.mlp_norm.apply(&states)?;
                states.add(&self.mlp(layer, &normal, input)?)
            }
        }
    }

    fn attention(&self, layer: &LayerWeights, states: &Tensor, input: &Input) -> Result<Tensor> {
        let qkv = layer.qkv.apply(states, &input.masks)?;
        let qkv = self.normalise_and_rotate(layer, qkv, input)?;
        let place = self.windows.binary_search(&layer.window).unwrap_or(0);
        let window = Window {
            place,
            reach: layer.window,
        };
        let rules = (self.heads, &self.bias, window);
        let mixed = attend(&qkv, &input.groups, input.scatter.as_ref(), rules)?;
        layer.output.apply(&mixed, &input.masks)
    }

    /// Normalises query and key heads and rotates them, where the layer says so.
    fn normalise_and_rotate(
        &self,
        layer: &LayerWeights,
        qkv: Tensor,
        input: &Input,
    ) -> Result<Tensor> {
        let norms = [&layer.query_norm, &layer.key_norm];
        if layer.rotary.is_none() && norms.iter().all(|norm| norm.is_none()) {
            return Ok(qkv);
        }
        let Heads { count, groups, dim } = self.heads;
        let rows = qkv.dim(0)?;
        let mut parts = Vec::with_capacity(3);
        for (norm, (first, heads)) in norms.into_iter().zip([(0, count), (count, groups)]) {
            let part = qkv.narrow(1, first * dim, heads * dim)?.contiguous()?;
            let mut part = part.reshape((rows, heads, dim))?;
            if let Some(norm) = norm {
                part = norm.apply(&part)?;
            }
            if let Some(base) = layer.rotary {
                part = rotary::find(&input.angles, base)?.rotate(&part)?;
            }
            parts.push(part.reshape((rows, heads * dim))?);
        }
        parts.push(qkv.narrow(1, (count + groups) * dim, groups * dim)?);
        Tensor::cat(&parts, 1)
    }

    fn mlp(&self, layer: &LayerWeights, states: &Tensor, input: &Input) -> Result<Tensor> {
        let apply = |linear: &LinearWeights| linear.apply(states, &input.masks);
        let raised = apply(&layer.up)?;
        let mut inner = match self.activation {
            Activation::Gelu => raised.gelu_erf()?,
            Activation::GeluTanh => raised.gelu()?,
            Activation::Relu => raised.relu()?,
            Activation::Silu => raised.silu()?,
        };
        if let Some(gate) = &layer.gate {
            inner = inner.mul(&apply(gate)?)?;
        }
        layer.down.apply(&inner, &input.masks)
    }

    fn pool(&self, states: &Tensor, input: &Input) -> Result<Tensor> {
        if let Some(rows) = &input.pooled {
            return states.index_select(rows, 0)?.to_dtype(DType::F32);
        }
        let states = states.to_dtype(DType::F32)?;
        let mut means = Vec::with_capacity(input.groups.len());
        for group in &input.groups {
            let rows = group.rows_of(&states)?;
            let rows = rows.reshape((group.count, group.length, self.hidden))?;
            if let Some(shares) = &group.shares {
                means.push(shares.matmul(&rows)?.squeeze(1)?);
            }
        }
        Tensor::cat(&means, 0)
    }
}

fn task_columns((tasks, rank): (usize, usize), place: &Place) -> Result<Tensor> {
    let mut columns = Vec::with_capacity(tasks * tasks * rank);
    for task in 0..tasks {
        let column = |place: usize| if place / rank == task { 1.0 } else { 0.0 };
        columns.extend((0..tasks * rank).map(column));
    }
    place.tensor(&columns, &[tasks, tasks * rank])
}

/// Returns whether two ways to compute the same rows agree, as half precision can.
#[cfg(any(test, feature = "cuda"))]
pub(super) fn agree(one: &[f32], other: &[f32]) -> bool {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let lengths = (dot(one, one) * dot(other, other)).sqrt();
    one.len() == other.len() && dot(one, other) >= 0.999 * lengths && lengths.is_finite()
}
