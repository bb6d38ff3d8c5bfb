//! The number types that attention is computed in.

use super::buffer::Plain;
use super::gemm::{Product, multiply_bf16, multiply_f32};
use super::isa::Isa;
use super::rows::to_bf16;

/// The upper half of an f32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Bf16(pub(super) u16);

impl Bf16 {
    /// Rounds to the nearest, ties to even; a NaN may become an infinity.
    #[inline(always)]
    pub(super) fn round(value: f32) -> Self {
        let bits = value.to_bits();
        Self((bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16)
    }

    /// Widens without loss.
    #[inline(always)]
    pub(super) fn widen(self) -> f32 {
        f32::from_bits(u32::from(self.0) << 16)
    }
}

/// A number type with a matrix product.
pub(super) trait Element: Plain + Default {
    /// Inner values that one instruction of the product consumes.
    const GROUP: usize;
    /// Whether coarser approximations hide in the rounding of the type.
    const COARSE: bool;

    /// Converts as many values as both slices have.
    fn convert(isa: Isa, values: &[f32], out: &mut [Self]);

    /// Computes a product, see [`super::gemm`].
    fn multiply(isa: Isa, product: Product<'_, Self>, out: &mut [f32]);
}

impl Element for f32 {
    const GROUP: usize = 1;
    const COARSE: bool = false;

    fn convert(_isa: Isa, values: &[f32], out: &mut [Self]) {
        let count = values.len().min(out.len());
        out[..count].copy_from_slice(&values[..count]);
    }

    fn multiply(isa: Isa, product: Product<'_, Self>, out: &mut [f32]) {
        multiply_f32(isa, product, out);
    }
}

impl Element for Bf16 {
    const GROUP: usize = 2;
    const COARSE: bool = true;

    fn convert(isa: Isa, values: &[f32], out: &mut [Self]) {
        to_bf16(isa, values, out);
    }

    fn multiply(isa: Isa, product: Product<'_, Self>, out: &mut [f32]) {
        multiply_bf16(isa, product, out);
    }
}
