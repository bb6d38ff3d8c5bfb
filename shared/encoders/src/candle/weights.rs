//! The weights of a [`Transformer`] as tensors on one device.

use std::borrow::Cow;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::{layer_norm, rms_norm};

use super::products::Products;
use crate::transformer::{Adapter, Heads, Layer, Linear, Norm, NormKind, Transformer};

/// Where tensors live and what they hold.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) device: Device,
    pub(super) dtype: DType,
    pub(super) products: Products,
}

impl Place {
    /// Prepares for a device and a type.
    pub(super) fn new(device: Device, dtype: DType) -> Result<Self> {
        Ok(Self {
            products: Products::on(&device)?,
            device,
            dtype,
        })
    }

    /// Copies values to the device, in the type of the place.
    pub(super) fn tensor(&self, values: &[f32], shape: &[usize]) -> Result<Tensor> {
        Tensor::from_slice(values, shape, &Device::Cpu)?
            .to_dtype(self.dtype)?
            .to_device(&self.device)
    }
}

/// A normalisation of each row.
pub(super) struct NormWeights {
    kind: NormKind,
    weight: Tensor,
    /// Zeros where a layer norm has none: the fused operation asks for one.
    bias: Option<Tensor>,
    epsilon: f32,
}

impl NormWeights {
    /// `scale` multiplies what comes out.
    fn new(norm: &Norm, scale: f32, place: &Place) -> Result<Self> {
        let width = norm.weight.len();
        let scaled = |values: &[f32]| {
            let values: Vec<f32> = values.iter().map(|value| value * scale).collect();
            place.tensor(&values, &[width])
        };
        let bias = match (norm.kind, norm.bias.is_empty()) {
            (_, false) => Some(scaled(&norm.bias)?),
            (NormKind::Layer, true) => Some(scaled(&vec![0.0; width])?),
            (NormKind::RootMeanSquare, true) => None,
        };
        Ok(Self {
            kind: norm.kind,
            weight: scaled(&norm.weight)?,
            bias,
            epsilon: norm.epsilon,
        })
    }

    /// Normalises the last dimension of contiguous `rows`. Sums are f32.
    pub(super) fn apply(&self, rows: &Tensor) -> Result<Tensor> {
        match (self.kind, &self.bias) {
            (NormKind::Layer, Some(bias)) => layer_norm(rows, &self.weight, bias, self.epsilon),
            (NormKind::RootMeanSquare, Some(bias)) => {
                rms_norm(rows, &self.weight, self.epsilon)?.broadcast_add(bias)
            }
            (_, None) => rms_norm(rows, &self.weight, self.epsilon),
        }
    }
}

/// A linear layer, with the changes of every task.
pub(super) struct LinearWeights {
    /// `[outputs, inputs]`.
    weight: Tensor,
    /// `[outputs]`.
    bias: Option<Tensor>,
    adapter: Option<AdapterWeights>,
    products: Products,
}

/// Low-rank changes: `up ((down x) ⊙ mask)`, where the mask of a row keeps the
/// columns of its task.
pub(super) struct AdapterWeights {
    pub(super) tasks: usize,
    pub(super) rank: usize,
    /// `[tasks × rank, inputs]`, or `[vocabulary, tasks × rank]` for embeddings.
    pub(super) down: Tensor,
    /// `[outputs, tasks × rank]`.
    up: Tensor,
}

impl AdapterWeights {
    fn new(adapter: &Adapter, up: &[f32], place: &Place) -> Result<Self> {
        let width = adapter.tasks * adapter.rank;
        Ok(Self {
            tasks: adapter.tasks,
            rank: adapter.rank,
            down: place.tensor(&adapter.down, &[width, adapter.down.len() / width])?,
            up: place.tensor(up, &[up.len() / width, width])?,
        })
    }

    /// Returns the change for rows of `down x`.
    pub(super) fn change(&self, low: &Tensor, masks: &TaskMasks) -> Result<Tensor> {
        low.mul(masks.of(self)?)?.matmul(&self.up.t()?)
    }
}

/// For each shape of adapters of the model, `[rows, tasks × rank]`: 1 in the columns
/// of the row's task.
pub(super) struct TaskMasks(pub(super) Vec<((usize, usize), Tensor)>);

impl TaskMasks {
    fn of(&self, adapter: &AdapterWeights) -> Result<&Tensor> {
        let shape = (adapter.tasks, adapter.rank);
        let found = self.0.iter().find(|(other, _)| *other == shape);
        found
            .map(|(_, mask)| mask)
            .ok_or_else(|| candle_core::Error::Msg(format!("no task mask for adapters {shape:?}")))
    }
}

impl LinearWeights {
    fn new(linear: &Linear, place: &Place) -> Result<Self> {
        Self::part(linear, 0..linear.outputs, (0, 1.0), place)
    }

    /// Takes some of the outputs; the first `scaled.0` of all are multiplied by `scaled.1`.
    fn part(
        linear: &Linear,
        outputs: std::ops::Range<usize>,
        scaled: (usize, f32),
        place: &Place,
    ) -> Result<Self> {
        let rows = |values: &[f32]| {
            let width = values.len() / linear.outputs;
            let mut part = values[outputs.start * width..outputs.end * width].to_vec();
            let end = scaled.0.saturating_sub(outputs.start) * width;
            let end = end.min(part.len());
            part[..end].iter_mut().for_each(|value| *value *= scaled.1);
            part
        };
        let count = outputs.len();
        let bias = if linear.bias.is_empty() {
            None
        } else {
            Some(place.tensor(&rows(&linear.bias), &[count])?)
        };
        let adapter = match &linear.adapter {
            Some(adapter) => Some(AdapterWeights::new(adapter, &rows(&adapter.up), place)?),
            None => None,
        };
        Ok(Self {
            weight: place.tensor(&rows(&linear.weight), &[count, linear.inputs])?,
            bias,
            adapter,
            products: place.products.clone(),
        })
    }

    /// Computes `x Wᵀ + b` and the change of each row's task.
    pub(super) fn apply(&self, rows: &Tensor, masks: &TaskMasks) -> Result<Tensor> {
        let product = self
            .products
            .linear(rows, &self.weight, self.bias.as_ref())?;
        match &self.adapter {
            Some(adapter) => {
                let low = rows.matmul(&adapter.down.t()?)?;
                product.add(&adapter.change(&low, masks)?)
            }
            None => Ok(product),
        }
    }

    fn adapter_shape(&self) -> Option<(usize, usize)> {
        self.adapter
            .as_ref()
            .map(|adapter| (adapter.tasks, adapter.rank))
    }
}

/// One layer.
pub(super) struct LayerWeights {
    pub(super) attention_norm: Option<NormWeights>,
    /// Its queries are already divided by `√dim`, unless a norm does that.
    pub(super) qkv: LinearWeights,
    pub(super) query_norm: Option<NormWeights>,
    pub(super) key_norm: Option<NormWeights>,
    pub(super) rotary: Option<f32>,
    pub(super) window: Option<usize>,
    pub(super) output: LinearWeights,
    pub(super) mlp_norm: NormWeights,
    pub(super) up: LinearWeights,
    /// The other factor, where the MLP is gated.
    pub(super) gate: Option<LinearWeights>,
    pub(super) down: LinearWeights,
}

impl LayerWeights {
    fn new(layer: &Layer, shape: &Transformer, place: &Place) -> Result<Self> {
        let norm = |norm: &Option<Norm>, scale| {
            let norm = norm.as_ref();
            norm.map(|norm| NormWeights::new(norm, scale, place))
                .transpose()
        };
        // Dividing the queries here saves a pass over the scores; the rotation is
        // linear and does not mind.
        let (queries, scale) = (
            shape.heads.count * shape.heads.dim,
            score_scale(shape.heads),
        );
        let (in_norm, in_product) = match layer.query_norm {
            Some(_) => (scale, 1.0),
            None => (1.0, scale),
        };
        let wide = layer.up.outputs;
        let inner = if shape.gated { wide / 2 } else { wide };
        let up = |outputs| LinearWeights::part(&layer.up, outputs, (0, 1.0), place);
        Ok(Self {
            attention_norm: norm(&layer.attention_norm, 1.0)?,
            qkv: LinearWeights::part(
                &layer.qkv,
                0..layer.qkv.outputs,
                (queries, in_product),
                place,
            )?,
            query_norm: norm(&layer.query_norm, in_norm)?,
            key_norm: norm(&layer.key_norm, 1.0)?,
            rotary: layer.rotary,
            window: layer.window,
            output: LinearWeights::new(&layer.output, place)?,
            mlp_norm: NormWeights::new(&layer.mlp_norm, 1.0, place)?,
            up: up(0..inner)?,
            gate: shape.gated.then(|| up(inner..wide)).transpose()?,
            down: LinearWeights::new(&layer.down, place)?,
        })
    }
}

fn score_scale(heads: Heads) -> f32 {
    #[expect(clippy::cast_precision_loss, reason = "heads are narrower than 2^24")]
    let dim = heads.dim as f32;
    1.0 / dim.sqrt()
}

/// Embeddings and layers.
pub(super) struct ModelWeights {
    /// `[vocabulary, hidden]`; holds the row of positions when there is only one.
    pub(super) words: Tensor,
    pub(super) words_adapter: Option<AdapterWeights>,
    /// `[max_positions, hidden]`.
    pub(super) positions: Option<Tensor>,
    pub(super) embedding_norm: Option<NormWeights>,
    pub(super) layers: Vec<LayerWeights>,
    pub(super) final_norm: Option<NormWeights>,
}

impl ModelWeights {
    pub(super) fn new(model: &Transformer, place: &Place) -> Result<Self> {
        let hidden = model.hidden;
        let one_row = model.positions.len() == hidden;
        let mut words = Cow::Borrowed(&model.words);
        if one_row {
            for row in words.to_mut().chunks_exact_mut(hidden) {
                let pairs = row.iter_mut().zip(&model.positions);
                pairs.for_each(|(value, added)| *value += added);
            }
        }
        let vocabulary = words.len() / hidden;
        let positions = if one_row || model.positions.is_empty() {
            None
        } else {
            let count = model.positions.len() / hidden;
            Some(place.tensor(&model.positions, &[count, hidden])?)
        };
        let words_adapter = match &model.words_adapter {
            // `down` is `[vocabulary, tasks × rank]` here.
            Some(adapter) => {
                let width = adapter.tasks * adapter.rank;
                Some(AdapterWeights {
                    tasks: adapter.tasks,
                    rank: adapter.rank,
                    down: place.tensor(&adapter.down, &[vocabulary, width])?,
                    up: place.tensor(&adapter.up, &[hidden, width])?,
                })
            }
            None => None,
        };
        let norm = |norm: &Option<Norm>| {
            let norm = norm.as_ref();
            norm.map(|norm| NormWeights::new(norm, 1.0, place))
                .transpose()
        };
        let layers = model.layers.iter();
        let layers: Result<Vec<_>> = layers
            .map(|layer| LayerWeights::new(layer, model, place))
            .collect();
        Ok(Self {
            words: place.tensor(&words, &[vocabulary, hidden])?,
            words_adapter,
            positions,
            embedding_norm: norm(&model.embedding_norm)?,
            layers: layers?,
            final_norm: norm(&model.final_norm)?,
        })
    }

    /// Returns tasks and rank of every shape of adapters.
    pub(super) fn adapter_shapes(&self) -> Vec<(usize, usize)> {
        let words = self.words_adapter.iter();
        let mut shapes: Vec<_> = words.map(|adapter| (adapter.tasks, adapter.rank)).collect();
        for layer in &self.layers {
            let linears = [&layer.qkv, &layer.output, &layer.up, &layer.down];
            let linears = linears.into_iter().chain(&layer.gate);
            shapes.extend(linears.filter_map(|linear| linear.adapter_shape()));
        }
        shapes.sort_unstable();
        shapes.dedup();
        shapes
    }
}
