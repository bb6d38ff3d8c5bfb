//! Any [`Transformer`] on candle's tensors: the portable engine for every
//! architecture, and the one for graphics cards.
//!
//! Token states are packed end to end, `[tokens, hidden]`: linear layers, norms and
//! the MLP never see padding. Attention runs over groups of sequences (`groups`).
//! Products and norms sum in f32 whatever the type of the weights; pooling is f32.
//!
//! On a card a batch is only launched by `start`: copies from and to pinned memory
//! and every kernel are queued on the model's own stream, so that the next batch can
//! be launched while one computes.

mod attention;
mod bias;
#[cfg(feature = "cuda")]
mod cuda;
mod device;
#[cfg(feature = "cuda")]
mod fused;
mod groups;
mod layout;
mod memory;
mod model;
mod products;
mod rotary;
#[cfg(test)]
mod tests;
mod weights;

use candle_core::{Device, Tensor};

use crate::backend::{Backend, Pending};
use crate::batch::Batch;
use crate::error::{EncodeError, LoadError};
use crate::folder::Pooling;
use crate::options::Precision;
use crate::transformer::Transformer;
pub(crate) use device::{Found, find};
use layout::Layout;
use memory::Launch;
use model::Model;
use weights::Place;

/// A model on one device.
pub(crate) struct CandleModel {
    model: Model,
    device: String,
    #[cfg(feature = "cuda")]
    card: Option<cuda::Card>,
}

impl CandleModel {
    /// Copies a model to a device.
    ///
    /// # Errors
    ///
    /// When the device does not have the precision, cannot be opened, or has no
    /// memory for the model.
    pub(crate) fn load(
        transformer: &Transformer,
        pooling: Pooling,
        found: Found,
        precision: Precision,
    ) -> Result<Self, LoadError> {
        let dtype = found.dtype(precision)?;
        let device = found.open()?;
        let failed = |source| LoadError::Device {
            device: found.name(),
            source: Box::new(source),
        };
        #[cfg(feature = "cuda")]
        let card = cuda::Card::of(&device);
        let place = Place::new(device, dtype).map_err(failed)?;
        let model = Model::new(transformer, pooling, place).map_err(failed)?;
        let loaded = Self {
            model,
            device: found.name(),
            #[cfg(feature = "cuda")]
            card,
        };
        #[cfg(feature = "cuda")]
        let loaded = loaded.checked().map_err(failed)?;
        Ok(loaded)
    }

    /// Tries the card on a small batch. Where fused products do not give what plain
    /// ones give, the plain ones are used, and the device's name says so.
    #[cfg(feature = "cuda")]
    fn checked(mut self) -> candle_core::Result<Self> {
        if self.card.is_none() {
            return Ok(self);
        }
        let products = self.model.place().products.clone();
        let batch = self.model.trial();
        let rows = |fuse| {
            products.fuse(fuse);
            let pending = self.launch(&batch)?;
            pending.wait().map_err(candle_core::Error::wrap)
        };
        let (plain, fused) = (rows(false)?, rows(true));
        if !fused.is_ok_and(|fused| model::agree(&plain, &fused)) {
            products.fuse(false);
            self.device.push_str(" (plain products)");
        }
        Ok(self)
    }

    /// Computes on the CPU, in this call.
    fn compute(&self, layout: &Layout) -> candle_core::Result<Vec<f32>> {
        let integers = Tensor::from_slice(&layout.integers, layout.integers.len(), &Device::Cpu)?;
        let floats = Tensor::from_slice(&layout.floats, layout.floats.len(), &Device::Cpu)?;
        let pooled = self.model.forward(layout, &integers, &floats)?;
        let pooled = pooled.flatten_all()?.to_vec1()?;
        Ok(in_batch_order(&pooled, &layout.order))
    }
}

impl Launch for CandleModel {
    fn launch(&self, batch: &Batch) -> candle_core::Result<Pending> {
        let layout = self.model.layout(batch);
        #[cfg(feature = "cuda")]
        if let Some(card) = &self.card {
            return card.launch(&self.model, layout);
        }
        self.compute(&layout).map(Pending::ready)
    }

    fn settle(&self) -> candle_core::Result<()> {
        self.model.place().device.synchronize()
    }

    fn device(&self) -> &str {
        &self.device
    }
}

impl Backend for CandleModel {
    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, EncodeError> {
        self.start(batch)?.wait()
    }

    fn start(&self, batch: &Batch) -> Result<Pending, EncodeError> {
        if batch.is_empty() {
            return Ok(Pending::ready(Vec::new()));
        }
        memory::start(self, batch)
    }

    fn device(&self) -> &str {
        &self.device
    }
}

/// Brings rows from packed order, where row `place` belongs to sequence
/// `order[place]`, into the order of the batch.
fn in_batch_order(packed: &[f32], order: &[usize]) -> Vec<f32> {
    let width = packed.len() / order.len().max(1);
    let mut rows = vec![0.0; order.len() * width];
    for (row, &index) in packed.chunks_exact(width.max(1)).zip(order) {
        rows[index * width..(index + 1) * width].copy_from_slice(row);
    }
    rows
}
