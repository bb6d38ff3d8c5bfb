//! Matrix products on packed panels.
//!
//! The right-hand side is packed into panels of [`NR`] columns that a kernel reads
//! in order: `[panel][k / group][NR][group]`, with a group of 1 value for f32, 2 for
//! bf16 and 4 for int8: what one instruction consumes. A kernel keeps a tile of
//! [`MR`] rows by [`NR`] columns of sums in registers. The loop over panels is the
//! outer one, so that a panel stays in the first-level cache while every row of the
//! block passes.

#![expect(
    unsafe_code,
    reason = "calls code compiled for a detected processor feature"
)]

use super::element::Bf16;
use super::isa::Isa;
use super::portable;
#[cfg(target_arch = "x86_64")]
use super::{amx, avx512};

/// Columns of a panel.
pub(super) const NR: usize = 32;
/// Most rows of a tile.
pub(super) const MR: usize = 12;

/// The shape of a product `[rows, k] × [k, panels × NR]`; strides in elements.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) rows: usize,
    /// Inner length, a multiple of the group.
    pub(super) k: usize,
    pub(super) panels: usize,
    /// Between left-hand rows.
    pub(super) row_stride: usize,
    /// Between panels: `k × NR`, or more when a part of each panel is used.
    pub(super) panel_stride: usize,
    /// Between output rows.
    pub(super) out_stride: usize,
}

impl Shape {
    /// Checks that the slices are as long as the shape says; the kernels rely on it.
    fn check(self, left: usize, right: usize, bias: &[f32], out: usize) {
        let Self { rows, k, .. } = self;
        let width = self.panels * NR;
        assert!(left >= (rows - 1) * self.row_stride + k, "left too short");
        assert!(
            right >= (self.panels - 1) * self.panel_stride + k * NR,
            "right too short"
        );
        assert!(bias.is_empty() || bias.len() >= width, "bias too short");
        assert!(out >= (rows - 1) * self.out_stride + width, "out too short");
    }

    fn is_empty(self) -> bool {
        self.rows == 0 || self.panels == 0
    }
}

/// A product in f32 or bf16: `left × right + bias` with `right` packed; `bias` is empty
/// or `[panels × NR]`.
#[derive(Clone, Copy)]
pub(super) struct Product<'a, T> {
    pub(super) shape: Shape,
    pub(super) left: &'a [T],
    pub(super) right: &'a [T],
    pub(super) bias: &'a [f32],
}

/// A product in 8 bits: `left = scales (bytes + zeros)` by row and `right = scales
/// bytes` by column.
#[derive(Clone, Copy)]
pub(super) struct Quantized<'a> {
    pub(super) shape: Shape,
    pub(super) left: &'a [u8],
    /// Of each row.
    pub(super) scales: &'a [f32],
    /// Of each row: whole numbers.
    pub(super) zeros: &'a [f32],
    pub(super) right: &'a [i8],
    /// Scale of each column.
    pub(super) column_scales: &'a [f32],
    /// Sum of the bytes of each column, a whole number.
    pub(super) column_sums: &'a [f32],
    /// Of each column, or empty.
    pub(super) bias: &'a [f32],
}

/// Computes a product in f32.
pub(super) fn multiply_f32(isa: Isa, product: Product<'_, f32>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    if shape.is_empty() {
        return;
    }
    shape.check(left.len(), right.len(), bias, out.len());
    #[cfg(target_arch = "x86_64")]
    if isa.avx512() {
        // SAFETY: the feature was detected and the lengths were checked.
        return unsafe { avx512::f32_block(product, out) };
    }
    portable::f32_block(isa, product, out);
}

/// Computes a product with bf16 factors and f32 sums.
pub(super) fn multiply_bf16(isa: Isa, product: Product<'_, Bf16>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    if shape.is_empty() {
        return;
    }
    shape.check(left.len(), right.len(), bias, out.len());
    assert!(shape.k.is_multiple_of(2) && shape.row_stride.is_multiple_of(2));
    #[cfg(target_arch = "x86_64")]
    if isa.amx() && amx::fits(shape.rows, 2 * shape.k) {
        // SAFETY: the feature was detected and permitted, the lengths were checked.
        return unsafe { amx::bf16_block(product, out) };
    }
    #[cfg(target_arch = "x86_64")]
    if isa.bf16() {
        // SAFETY: the feature was detected and the lengths were checked.
        return unsafe { avx512::bf16_block(product, out) };
    }
    portable::bf16_block(isa, product, out);
}

/// Computes a product with 8-bit factors and 32-bit whole sums.
pub(super) fn multiply_int8(isa: Isa, product: Quantized<'_>, out: &mut [f32]) {
    let Quantized {
        shape,
        left,
        right,
        bias,
        ..
    } = product;
    if shape.is_empty() {
        return;
    }
    shape.check(left.len(), right.len(), bias, out.len());
    let width = shape.panels * NR;
    assert!(shape.k.is_multiple_of(4) && shape.row_stride.is_multiple_of(4));
    assert!(product.scales.len() >= shape.rows && product.zeros.len() >= shape.rows);
    assert!(product.column_scales.len() >= width && product.column_sums.len() >= width);
    #[cfg(target_arch = "x86_64")]
    if isa.amx() && amx::fits(shape.rows, shape.k) {
        // SAFETY: the feature was detected and permitted, the lengths were checked.
        return unsafe { amx::int8_block(product, out) };
    }
    #[cfg(target_arch = "x86_64")]
    if isa.vnni() {
        // SAFETY: the feature was detected and the lengths were checked.
        return unsafe { avx512::int8_block(product, out) };
    }
    portable::int8_block(isa, product, out);
}

/// Splits `rows` into the fewest tiles of nearly equal height, at most [`MR`]:
/// first row and height of each.
pub(super) fn tiles(rows: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(MR);
    (0..count).map(move |tile| {
        let start = tile * rows / count;
        (start, (tile + 1) * rows / count - start)
    })
}
