//! The native engine: a ragged forward pass on packed weights, in f32, bf16 or 8
//! bits, with kernels chosen by what the processor has.
//!
//! Sequences are laid end to end and nothing is padded. A *group* of sequences, about
//! [`forward::GROUP_TOKENS`] tokens, goes through all layers in the cache of one core
//! when there are enough groups for every thread; otherwise the threads share the
//! heads and the blocks of rows of each group.

#[cfg(target_arch = "x86_64")]
pub(crate) mod amx;
mod attention;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod buffer;
mod element;
mod forward;
mod functions;
mod gemm;
mod isa;
mod linear;
mod model;
mod portable;
mod rotary;
mod rows;
mod shelf;

use crate::backend::Backend;
use crate::batch::Batch;
use crate::error::EncodeError;
use crate::folder::Pooling;
use crate::options::Precision;
use crate::transformer::Transformer;

use element::Bf16;
use forward::Forward;
use isa::Isa;
use model::Model;

/// A model on the CPU. Attention is computed in f32 or, in the lower precisions, in
/// bf16.
pub(crate) struct CpuModel(Inner);

enum Inner {
    Single(Forward<f32>),
    Half(Forward<Bf16>),
}

impl CpuModel {
    /// Packs the weights of a transformer for a precision.
    ///
    /// In 8 bits, `calibration` is encoded in f32 first, to see how large the inputs
    /// of each product get.
    pub(crate) fn load(
        transformer: &Transformer,
        pooling: Pooling,
        precision: Precision,
        calibration: &Batch,
    ) -> Self {
        let largest = if precision == Precision::Int8 && !calibration.is_empty() {
            let recording = Model::pack(transformer, pooling, Precision::F32, true, &[]);
            let recording = Forward::<f32>::new(recording);
            recording.run(calibration);
            recording.model.largest()
        } else {
            Vec::new()
        };
        let model = Model::pack(transformer, pooling, precision, false, &largest);
        Self(match precision {
            Precision::F32 => Inner::Single(Forward::new(model)),
            Precision::Bf16 | Precision::F16 | Precision::Int8 => Inner::Half(Forward::new(model)),
        })
    }
}

/// Says whether this processor has instructions for products of bytes.
pub(crate) fn multiplies_bytes() -> bool {
    Isa::best().vnni()
}

impl Backend for CpuModel {
    fn forward(&self, batch: &Batch) -> Result<Vec<f32>, EncodeError> {
        Ok(match &self.0 {
            Inner::Single(forward) => forward.run(batch),
            Inner::Half(forward) => forward.run(batch),
        })
    }
}
