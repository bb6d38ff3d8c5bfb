//! The products of [`super::gemm`] in plain Rust, compiled for any processor, for
//! AVX2 with FMA and for AVX-512 without its BF16 or VNNI.

use super::element::Bf16;
use super::gemm::{NR, Product, Quantized, Shape};
use super::isa::{by_isa, fma};

/// Rows of a tile: 4 rows by 16 columns fill eight AVX2 registers.
const ROWS: usize = 4;
const COLUMNS: usize = 16;

by_isa! {
    /// Multiplies a block in f32.
    f32_block = f32_body(product: Product<'_, f32>, out: &mut [f32])
}
by_isa! {
    /// Multiplies a block in bf16.
    bf16_block = bf16_body(product: Product<'_, Bf16>, out: &mut [f32])
}
by_isa! {
    /// Multiplies a block in 8 bits.
    int8_block = int8_body(product: Quantized<'_>, out: &mut [f32])
}

/// A tile: its panel, the columns inside it and its rows.
#[derive(Clone, Copy)]
struct Tile {
    panel: usize,
    column: usize,
    row: usize,
    height: usize,
}

impl Tile {
    /// Returns the row to read for a place in the tile: a place beyond the height
    /// reads the last row again, and its sums are dropped.
    #[inline(always)]
    fn source(self, place: usize) -> usize {
        self.row + place.min(self.height - 1)
    }

    #[inline(always)]
    fn first_column(self) -> usize {
        self.panel * NR + self.column
    }

    #[inline(always)]
    fn bias(self, bias: &[f32]) -> [f32; COLUMNS] {
        let mut sums = [0.0; COLUMNS];
        if !bias.is_empty() {
            sums.copy_from_slice(&bias[self.first_column()..][..COLUMNS]);
        }
        sums
    }

    #[inline(always)]
    fn store(self, shape: Shape, sums: &[[f32; COLUMNS]; ROWS], out: &mut [f32]) {
        for (place, sums) in sums.iter().enumerate().take(self.height) {
            let at = (self.row + place) * shape.out_stride + self.first_column();
            out[at..at + COLUMNS].copy_from_slice(sums);
        }
    }
}

#[inline(always)]
fn for_tiles(shape: Shape, mut work: impl FnMut(Tile)) {
    for panel in 0..shape.panels {
        for row in (0..shape.rows).step_by(ROWS) {
            for column in (0..NR).step_by(COLUMNS) {
                let height = ROWS.min(shape.rows - row);
                work(Tile {
                    panel,
                    column,
                    row,
                    height,
                });
            }
        }
    }
}

/// Returns the lines of a panel: the group of each column, for each group of `k`.
#[inline(always)]
fn lines<T>(shape: Shape, right: &[T], tile: Tile, group: usize) -> impl Iterator<Item = &[T]> {
    let panel = &right[tile.panel * shape.panel_stride..][..shape.k * NR];
    let columns = tile.column * group..(tile.column + COLUMNS) * group;
    panel
        .chunks_exact(NR * group)
        .map(move |line| &line[columns.clone()])
}

#[inline(always)]
fn f32_body<const FMA: bool>(product: Product<'_, f32>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    for_tiles(shape, |tile| {
        let mut sums = [tile.bias(bias); ROWS];
        for (index, line) in lines(shape, right, tile, 1).enumerate() {
            for (place, sums) in sums.iter_mut().enumerate() {
                let value = left[tile.source(place) * shape.row_stride + index];
                for (sum, right) in sums.iter_mut().zip(line) {
                    *sum = fma::<FMA>(value, *right, *sum);
                }
            }
        }
        tile.store(shape, &sums, out);
    });
}

#[inline(always)]
fn bf16_body<const FMA: bool>(product: Product<'_, Bf16>, out: &mut [f32]) {
    let Product {
        shape,
        left,
        right,
        bias,
    } = product;
    for_tiles(shape, |tile| {
        let mut sums = [tile.bias(bias); ROWS];
        for (index, line) in lines(shape, right, tile, 2).enumerate() {
            for (place, sums) in sums.iter_mut().enumerate() {
                let at = tile.source(place) * shape.row_stride + 2 * index;
                let (first, second) = (left[at].widen(), left[at + 1].widen());
                for (sum, pair) in sums.iter_mut().zip(line.chunks_exact(2)) {
                    *sum = fma::<FMA>(first, pair[0].widen(), *sum);
                    *sum = fma::<FMA>(second, pair[1].widen(), *sum);
                }
            }
        }
        tile.store(shape, &sums, out);
    });
}

#[inline(always)]
#[expect(
    clippy::cast_precision_loss,
    reason = "the rounding of a whole sum is far below that of its 8-bit factors"
)]
fn int8_body<const FMA: bool>(product: Quantized<'_>, out: &mut [f32]) {
    let shape = product.shape;
    for_tiles(shape, |tile| {
        let mut sums = [[0_i32; COLUMNS]; ROWS];
        for (index, line) in lines(shape, product.right, tile, 4).enumerate() {
            for (place, sums) in sums.iter_mut().enumerate() {
                let at = tile.source(place) * shape.row_stride + 4 * index;
                let four: [i32; 4] = std::array::from_fn(|i| i32::from(product.left[at + i]));
                for (sum, right) in sums.iter_mut().zip(line.chunks_exact(4)) {
                    let product = |i: usize| four[i] * i32::from(right[i]);
                    *sum += (product(0) + product(1)) + (product(2) + product(3));
                }
            }
        }
        let base = tile.bias(product.bias);
        let first = tile.first_column();
        let mut values = [[0.0; COLUMNS]; ROWS];
        for (place, (values, sums)) in values.iter_mut().zip(&sums).enumerate() {
            let row = tile.source(place);
            let (scale, zero) = (product.scales[row], product.zeros[row]);
            for (lane, value) in values.iter_mut().enumerate() {
                let whole = fma::<FMA>(zero, product.column_sums[first + lane], sums[lane] as f32);
                let scaled = whole * product.column_scales[first + lane];
                *value = fma::<FMA>(scaled, scale, base[lane]);
            }
        }
        tile.store(shape, &values, out);
    });
}
