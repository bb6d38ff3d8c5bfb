//! The products of [`super::gemm`] in plain Rust, compiled for any processor, for
//! AVX2 with FMA and for AVX-512 without its BF16 or VNNI.

use super::element::Bf16;
use super::gemm::{NR, Product, Quantized, Shape};
use super::isa::{by_isa, fma};

/// Rows of a tile: 6 rows by 16 columns fill twelve of the sixteen AVX2 registers, more
/// than the products that are under way at a time.
const ROWS: usize = 6;
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
///
/// The loops over tiles, lines and lanes are plain ones, with no closure between them
/// and the function that is compiled for an instruction set: a closure that is not
/// inlined is compiled for any processor, and its fused multiply-adds are then calls.
#[derive(Clone, Copy)]
struct Tile {
    shape: Shape,
    panel: usize,
    column: usize,
    row: usize,
}

impl Tile {
    /// Returns the tile of a number below [`Self::count`]: those of one panel come one
    /// after the other.
    #[inline(always)]
    fn number(shape: Shape, number: usize) -> Self {
        let across = NR / COLUMNS;
        let of_panel = shape.rows.div_ceil(ROWS) * across;
        let (panel, place) = (number / of_panel, number % of_panel);
        Self {
            shape,
            panel,
            column: place % across * COLUMNS,
            row: place / across * ROWS,
        }
    }

    #[inline(always)]
    fn count(shape: Shape) -> usize {
        shape.panels * shape.rows.div_ceil(ROWS) * (NR / COLUMNS)
    }

    /// Returns the row to read for a place in the tile: a place beyond the last row
    /// reads that again, and its sums are dropped.
    #[inline(always)]
    fn source(self, place: usize) -> usize {
        (self.row + place).min(self.shape.rows - 1)
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

    /// Returns the left-hand values of a row of the tile, in groups of `G`.
    #[inline(always)]
    fn left<T, const G: usize>(self, left: &[T], place: usize) -> &[[T; G]] {
        let start = self.source(place) * self.shape.row_stride;
        left[start..][..self.shape.k].as_chunks().0
    }

    /// Returns the values of the panel, in groups of `G`: [`NR`] groups for each group
    /// of rows.
    #[inline(always)]
    fn lines<T, const G: usize>(self, right: &[T]) -> &[[[T; G]; NR]] {
        let start = self.panel * self.shape.panel_stride;
        let groups: &[[T; G]] = right[start..][..self.shape.k * NR].as_chunks().0;
        groups.as_chunks().0
    }

    #[inline(always)]
    fn store(self, sums: &[[f32; COLUMNS]; ROWS], out: &mut [f32]) {
        for (place, sums) in sums.iter().enumerate() {
            let row = self.row + place;
            if row < self.shape.rows {
                let at = row * self.shape.out_stride + self.first_column();
                out[at..at + COLUMNS].copy_from_slice(sums);
            }
        }
    }
}

#[inline(always)]
fn f32_body<const FMA: bool>(product: Product<'_, f32>, out: &mut [f32]) {
    for number in 0..Tile::count(product.shape) {
        let tile = Tile::number(product.shape, number);
        let mut sums = [tile.bias(product.bias); ROWS];
        let lines = tile.lines::<f32, 1>(product.right);
        let mut left: [&[[f32; 1]]; ROWS] = [&[]; ROWS];
        for (place, row) in left.iter_mut().enumerate() {
            *row = &tile.left::<f32, 1>(product.left, place)[..lines.len()];
        }
        for index in 0..lines.len() {
            let line = &lines[index][tile.column..][..COLUMNS];
            for place in 0..ROWS {
                let [value] = left[place][index];
                for lane in 0..COLUMNS {
                    let [right] = line[lane];
                    sums[place][lane] = fma::<FMA>(value, right, sums[place][lane]);
                }
            }
        }
        tile.store(&sums, out);
    }
}

#[inline(always)]
fn bf16_body<const FMA: bool>(product: Product<'_, Bf16>, out: &mut [f32]) {
    for number in 0..Tile::count(product.shape) {
        let tile = Tile::number(product.shape, number);
        let mut sums = [tile.bias(product.bias); ROWS];
        let lines = tile.lines::<Bf16, 2>(product.right);
        let mut left: [&[[Bf16; 2]]; ROWS] = [&[]; ROWS];
        for (place, row) in left.iter_mut().enumerate() {
            *row = &tile.left::<Bf16, 2>(product.left, place)[..lines.len()];
        }
        for index in 0..lines.len() {
            let line = &lines[index][tile.column..][..COLUMNS];
            for place in 0..ROWS {
                let [first, second] = left[place][index];
                let (first, second) = (first.widen(), second.widen());
                for lane in 0..COLUMNS {
                    let [one, two] = line[lane];
                    let sum = fma::<FMA>(first, one.widen(), sums[place][lane]);
                    sums[place][lane] = fma::<FMA>(second, two.widen(), sum);
                }
            }
        }
        tile.store(&sums, out);
    }
}

#[inline(always)]
#[expect(
    clippy::cast_precision_loss,
    reason = "the rounding of a whole sum is far below that of its 8-bit factors"
)]
fn int8_body<const FMA: bool>(product: Quantized<'_>, out: &mut [f32]) {
    for number in 0..Tile::count(product.shape) {
        let tile = Tile::number(product.shape, number);
        let mut sums = [[0_i32; COLUMNS]; ROWS];
        let lines = tile.lines::<i8, 4>(product.right);
        let mut left: [&[[u8; 4]]; ROWS] = [&[]; ROWS];
        for (place, row) in left.iter_mut().enumerate() {
            *row = &tile.left::<u8, 4>(product.left, place)[..lines.len()];
        }
        for index in 0..lines.len() {
            let line = &lines[index][tile.column..][..COLUMNS];
            for place in 0..ROWS {
                let four = left[place][index];
                for lane in 0..COLUMNS {
                    let mut sum = 0;
                    for part in 0..4 {
                        sum += i32::from(four[part]) * i32::from(line[lane][part]);
                    }
                    sums[place][lane] += sum;
                }
            }
        }
        let base = tile.bias(product.bias);
        let first = tile.first_column();
        let mut values = [[0.0; COLUMNS]; ROWS];
        for place in 0..ROWS {
            let row = tile.source(place);
            let (scale, zero) = (product.scales[row], product.zeros[row]);
            for lane in 0..COLUMNS {
                let sum = sums[place][lane] as f32;
                let whole = fma::<FMA>(zero, product.column_sums[first + lane], sum);
                let scaled = whole * product.column_scales[first + lane];
                values[place][lane] = fma::<FMA>(scaled, scale, base[lane]);
            }
        }
        tile.store(&values, out);
    }
}
