//! `x Wᵀ + b`: by candle's operations, or on a card in one call of cuBLASLt, which
//! adds the bias while it writes the product and so saves a pass over memory.

use candle_core::{Device, Result, Tensor};

#[cfg(feature = "cuda")]
use super::fused::Fused;

/// How linear layers are computed on a device.
#[derive(Clone, Debug, Default)]
pub(super) struct Products {
    #[cfg(feature = "cuda")]
    fused: Option<std::sync::Arc<Fused>>,
}

impl Products {
    /// Prepares for a device.
    #[cfg(feature = "cuda")]
    pub(super) fn on(device: &Device) -> Result<Self> {
        let fused = match device {
            Device::Cuda(device) => Some(std::sync::Arc::new(Fused::new(device)?)),
            Device::Cpu | Device::Metal(_) => None,
        };
        Ok(Self { fused })
    }

    /// Prepares for a device.
    #[cfg(not(feature = "cuda"))]
    #[expect(clippy::unnecessary_wraps, reason = "with CUDA it may fail")]
    pub(super) fn on(_device: &Device) -> Result<Self> {
        Ok(Self::default())
    }

    /// Switches between the two ways.
    #[cfg(feature = "cuda")]
    pub(super) fn fuse(&self, on: bool) {
        if let Some(fused) = &self.fused {
            fused.switch(on);
        }
    }

    /// Computes `x Wᵀ + b` for `x` of `[rows, inputs]` and `W` of `[outputs, inputs]`.
    pub(super) fn linear(
        &self,
        rows: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
    ) -> Result<Tensor> {
        let Some(bias) = bias else {
            return rows.matmul(&weight.t()?);
        };
        #[cfg(feature = "cuda")]
        if let Some(fused) = &self.fused
            && let Some(product) = fused.linear(rows, weight, bias)?
        {
            return Ok(product);
        }
        rows.matmul(&weight.t()?)?.broadcast_add(bias)
    }
}
