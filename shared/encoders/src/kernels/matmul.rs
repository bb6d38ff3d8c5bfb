//! Matrix product with the right side packed into panels of 32 columns.
//!
//! Weights are packed once at load. A product takes tiles of some rows by one
//! panel: the accumulators stay in registers while the shared dimension is walked,
//! then the epilogue (bias, activation) runs on them before they are stored.

use std::ops::Range;

use super::rows::activate;
use super::{fma, kernel};
use crate::transformer::Activation;

/// Columns of a panel.
pub(crate) const PANEL: usize = 32;

/// Rows of the tile for what full tiles leave over.
const SMALL: usize = 4;

/// One row of a panel, aligned to a cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(crate) struct PanelRow(pub(crate) [f32; PANEL]);

impl PanelRow {
    const ZERO: Self = Self([0.0; PANEL]);
}

/// A `[inner, columns]` matrix packed for [`matmul`]: panel after panel, the last
/// one filled up with zeros.
#[derive(Clone, Default)]
pub(crate) struct Packed {
    inner: usize,
    columns: usize,
    rows: Vec<PanelRow>,
}

impl Packed {
    /// Packs the weight of a linear layer, `[columns, inner]` row-major.
    pub(crate) fn from_weight(weight: &[f32], columns: usize, inner: usize) -> Self {
        let mut packed = Self::default();
        packed.fill_transposed(
            Matrix {
                values: weight,
                stride: inner,
            },
            columns,
            inner,
        );
        packed
    }

    /// Packs the transpose of the first `columns` rows of `source`.
    pub(crate) fn fill_transposed(&mut self, source: Matrix<'_>, columns: usize, inner: usize) {
        self.reset(inner, columns);
        for (column, row) in source.rows(inner).take(columns).enumerate() {
            let panel = &mut self.rows[column / PANEL * inner..][..inner];
            for (target, &value) in panel.iter_mut().zip(row) {
                target.0[column % PANEL] = value;
            }
        }
    }

    /// Packs the first `inner` rows of `source`, `columns` wide.
    pub(crate) fn fill(&mut self, source: Matrix<'_>, inner: usize, columns: usize) {
        self.reset(inner, columns);
        for (place, row) in source.rows(columns).take(inner).enumerate() {
            for (panel, part) in row.chunks(PANEL).enumerate() {
                self.rows[panel * inner + place].0[..part.len()].copy_from_slice(part);
            }
        }
    }

    fn reset(&mut self, inner: usize, columns: usize) {
        let needed = columns.div_ceil(PANEL) * inner;
        if !columns.is_multiple_of(PANEL) {
            // The columns that fill up the last panel must be zero.
            self.rows.clear();
        }
        self.rows.resize(needed, PanelRow::ZERO);
        (self.inner, self.columns) = (inner, columns);
    }

    fn panels(&self) -> impl Iterator<Item = &[PanelRow]> {
        self.rows.chunks_exact(self.inner)
    }
}

/// A row-major view whose rows lie `stride` values apart.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) stride: usize,
}

impl<'a> Matrix<'a> {
    /// Returns the first `width` values of each row.
    fn rows(self, width: usize) -> impl Iterator<Item = &'a [f32]> {
        self.values
            .chunks(self.stride)
            .map(move |row| &row[..width])
    }
}

/// What is done to a product before it is stored.
#[derive(Clone, Copy)]
pub(crate) enum Epilogue<'a> {
    /// Nothing.
    None,
    /// Adds one value to each column.
    Bias(&'a [f32]),
    /// Adds one value to each column, then applies the activation.
    BiasActivation(&'a [f32], Activation),
}

/// A product to compute: `epilogue(left × right)`, with `left` `[rows, right.inner]`.
#[derive(Clone, Copy)]
pub(crate) struct Product<'a> {
    pub(crate) left: Matrix<'a>,
    pub(crate) right: &'a Packed,
    pub(crate) epilogue: Epilogue<'a>,
}

/// Where a product goes: row `r` to `values[r * stride..][..columns]`.
pub(crate) struct Output<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) stride: usize,
    pub(crate) rows: usize,
}

kernel! {
    /// Computes the first `out.rows` rows of a product; `tiles` is working memory.
    matmul = matmul_body(product: Product<'_>, out: &mut Output<'_>, tiles: &mut Vec<f32>)
}

#[inline(always)]
fn matmul_body<const TILE: usize, const FMA: bool>(
    product: Product<'_>,
    out: &mut Output<'_>,
    tiles: &mut Vec<f32>,
) {
    let (rows, inner) = (out.rows, product.right.inner);
    let full = rows / TILE * TILE;
    let small = (rows - full).div_ceil(SMALL) * SMALL;
    if tiles.len() < (full + small) * inner {
        tiles.resize((full + small) * inner, 0.0);
    }
    let (large, small) = tiles[..(full + small) * inner].split_at_mut(full * inner);
    pack_tiles::<TILE>(product.left, 0..full, inner, large);
    pack_tiles::<SMALL>(product.left, full..rows, inner, small);
    for (index, panel) in product.right.panels().enumerate() {
        let column = index * PANEL;
        let width = PANEL.min(product.right.columns - column);
        let place = Place {
            column,
            width,
            epilogue: product.epilogue,
        };
        for (tile, values) in large.chunks_exact(inner * TILE).enumerate() {
            let sums = multiply::<TILE, FMA>(values, panel);
            store::<TILE, FMA>(sums, place, tile * TILE, out);
        }
        for (tile, values) in small.chunks_exact(inner * SMALL).enumerate() {
            let sums = multiply::<SMALL, FMA>(values, panel);
            store::<SMALL, FMA>(sums, place, full + tile * SMALL, out);
        }
    }
}

/// Lays rows of `left` out as tiles: for each step of the shared dimension the
/// values of `TILE` rows side by side. Rows that are lacking repeat the last one.
#[inline(always)]
fn pack_tiles<const TILE: usize>(
    left: Matrix<'_>,
    rows: Range<usize>,
    inner: usize,
    tiles: &mut [f32],
) {
    for (index, tile) in tiles.chunks_exact_mut(TILE * inner).enumerate() {
        let sources: [&[f32]; TILE] = std::array::from_fn(|row| {
            let row = (rows.start + index * TILE + row).min(rows.end - 1);
            &left.values[row * left.stride..][..inner]
        });
        for (step, target) in tile.chunks_exact_mut(TILE).enumerate() {
            for (value, source) in target.iter_mut().zip(sources) {
                *value = source[step];
            }
        }
    }
}

/// Multiplies a tile by a panel: `TILE` rows by 32 columns of sums.
#[inline(always)]
fn multiply<const TILE: usize, const FMA: bool>(
    tile: &[f32],
    panel: &[PanelRow],
) -> [[f32; PANEL]; TILE] {
    let mut sums = [[0.0; PANEL]; TILE];
    #[expect(
        clippy::needless_range_loop,
        reason = "loops with constant bounds unroll into registers, these iterators do not"
    )]
    for (left, right) in tile.chunks_exact(TILE).zip(panel) {
        for row in 0..TILE {
            for column in 0..PANEL {
                sums[row][column] = fma::<FMA>(left[row], right.0[column], sums[row][column]);
            }
        }
    }
    sums
}

/// The columns that a tile of sums belongs to, and what to do before storing it.
#[derive(Clone, Copy)]
struct Place<'a> {
    column: usize,
    width: usize,
    epilogue: Epilogue<'a>,
}

/// Applies the epilogue and stores the rows that exist.
#[inline(always)]
fn store<const TILE: usize, const FMA: bool>(
    mut sums: [[f32; PANEL]; TILE],
    place: Place<'_>,
    first_row: usize,
    out: &mut Output<'_>,
) {
    let columns = place.column..place.column + place.width;
    let count = TILE.min(out.rows - first_row);
    for (row, sums) in sums.iter_mut().take(count).enumerate() {
        if let Epilogue::Bias(bias) | Epilogue::BiasActivation(bias, _) = place.epilogue {
            for (sum, bias) in sums.iter_mut().zip(&bias[columns.clone()]) {
                *sum += bias;
            }
        }
        if let Epilogue::BiasActivation(_, activation) = place.epilogue {
            activate::<FMA>(activation, sums);
        }
        let start = (first_row + row) * out.stride + place.column;
        let target = &mut out.values[start..start + place.width];
        // A whole panel is stored from registers, without a call to copy memory.
        match <&mut [f32; PANEL]>::try_from(&mut *target) {
            Ok(whole) => *whole = *sums,
            Err(_) => target.copy_from_slice(&sums[..place.width]),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Isa;
    use super::*;

    fn values(count: usize, seed: u32) -> Vec<f32> {
        let mut state = seed | 1;
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as f32 / 32768.0 - 1.0
        };
        std::iter::repeat_with(next).take(count).collect()
    }

    proptest! {
        #[test]
        fn equals_the_plain_product(
            rows in 1_usize..30, inner in 1_usize..70, columns in 1_usize..80, pad in 0_usize..3, seed: u32,
        ) {
            let (stride, out_stride) = (inner + pad, columns + pad);
            let left = values(rows * stride, seed);
            let weight = values(columns * inner, seed ^ 7);
            let bias = values(columns, seed ^ 9);
            let transposed: Vec<f32> = (0..inner)
                .flat_map(|k| (0..columns).map(move |column| (k, column)))
                .map(|(k, column)| weight[column * inner + k])
                .collect();
            let mut plain = Packed::default();
            plain.fill(Matrix { values: &transposed, stride: columns }, inner, columns);
            for isa in Isa::available() {
                for packed in [&Packed::from_weight(&weight, columns, inner), &plain] {
                    let mut result = vec![7.0; rows * out_stride];
                    let mut out = Output { values: &mut result, stride: out_stride, rows };
                    let left = Matrix { values: &left, stride };
                    let product = Product { left, right: packed, epilogue: Epilogue::Bias(&bias) };
                    matmul(isa, product, &mut out, &mut Vec::new());
                    for row in 0..rows {
                        for column in 0..columns {
                            let dot: f64 = (0..inner)
                                .map(|k| f64::from(left.values[row * stride + k]) * f64::from(weight[column * inner + k]))
                                .sum();
                            let expected = dot + f64::from(bias[column]);
                            let found = f64::from(result[row * out_stride + column]);
                            prop_assert!((found - expected).abs() < 1e-4, "{isa:?} {row} {column}: {found} {expected}");
                        }
                        prop_assert!(result[row * out_stride + columns..(row + 1) * out_stride].iter().all(|&v| v == 7.0));
                    }
                }
            }
        }
    }
}
