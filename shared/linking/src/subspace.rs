//! The main directions of a matrix of few numbers that are not 0.

use std::iter::repeat_n;

use crate::vectors::place;

/// The columns of a row that are not 0, with their values.
pub(crate) type Row = Vec<(u32, f32)>;

/// Rounds of the iteration; more changed no rank of answers.
const ROUNDS: usize = 3;
/// A pivot that is less than this part of the greatest counts as 0.
const LEAST_PIVOT: f64 = 1e-9;

/// Returns a row of `dim` numbers for each row of the matrix, `[rows, dim]`: their products
/// are those of the rows of the matrix, as nearly as so few numbers allow. The numbers
/// behind the rank are 0.
///
/// Block power iteration from fixed scattered numbers (Halko, Martinsson and Tropp 2011):
/// with `K` the products of the rows and `B` an orthonormal basis of its main directions, the
/// rows are `B L`, where `L L' = B' K B` (Cholesky).
pub(crate) fn subspace(rows: &[Row], dim: usize) -> Vec<f32> {
    let mut basis: Vec<f32> = (0..rows.len() * dim).map(scattered).collect();
    for _ in 0..ROUNDS {
        basis = products(rows, &basis, dim);
        let factor = Factor::of(&basis, &basis, dim);
        basis
            .chunks_exact_mut(dim)
            .for_each(|row| factor.divide(row));
    }
    let image = products(rows, &basis, dim);
    let factor = Factor::of(&basis, &image, dim);
    basis
        .chunks_exact_mut(dim)
        .for_each(|row| factor.multiply(row));
    basis
}

/// Returns a number in `[-1, 1)`, as by chance (SplitMix64, Steele et al. 2014).
fn scattered(at: usize) -> f32 {
    let mut bits = (at as u64)
        .wrapping_add(1)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let place = (bits ^ (bits >> 31)) >> 40;
    place as f32 / 8_388_608.0 - 1.0
}

/// Multiplies by the matrix of the products of the rows.
fn products(rows: &[Row], by_row: &[f32], dim: usize) -> Vec<f32> {
    let columns = rows.iter().flatten().map(|(column, _)| place(*column) + 1);
    let columns = columns.max().unwrap_or(0);
    let mut by_column: Vec<f32> = repeat_n(0.0, columns * dim).collect();
    for (row, values) in rows.iter().zip(by_row.chunks_exact(dim)) {
        for (column, weight) in row {
            let start = place(*column) * dim;
            if let Some(sums) = by_column.get_mut(start..start + dim) {
                add(sums, values, *weight);
            }
        }
    }
    let mut images: Vec<f32> = repeat_n(0.0, rows.len() * dim).collect();
    for (row, image) in rows.iter().zip(images.chunks_exact_mut(dim)) {
        for (column, weight) in row {
            let start = place(*column) * dim;
            let values = by_column.get(start..start + dim);
            add(image, values.unwrap_or_default(), *weight);
        }
    }
    images
}

fn add(sums: &mut [f32], values: &[f32], weight: f32) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += weight * value;
    }
}

/// The lower triangle `L` of a Cholesky factorization, row by row.
struct Factor(Vec<Vec<f64>>);

impl Factor {
    /// Factorizes the products of the columns of two matrices, `[rows, dim]`, which must be
    /// symmetric. What depends on the columns before it gets a pivot of 0.
    fn of(one: &[f32], other: &[f32], dim: usize) -> Self {
        let mut lower: Vec<Vec<f64>> = (0..dim).map(|at| vec![0.0; at + 1]).collect();
        for (one, other) in one.chunks_exact(dim).zip(other.chunks_exact(dim)) {
            for (row, a) in lower.iter_mut().zip(one) {
                for (sum, b) in row.iter_mut().zip(other) {
                    *sum += f64::from(*a) * f64::from(*b);
                }
            }
        }
        let greatest = lower.iter().filter_map(|row| row.last().copied());
        let least = LEAST_PIVOT * greatest.fold(0.0, f64::max);
        let mut done: Vec<Vec<f64>> = Vec::with_capacity(dim);
        for mut row in lower {
            for at in 0..row.len() {
                let (before, rest) = row.split_at_mut(at);
                let Some(value) = rest.first_mut() else {
                    continue;
                };
                let Some(above) = done.get(at) else {
                    *value -= dot(before, before);
                    *value = if *value > least { value.sqrt() } else { 0.0 };
                    continue;
                };
                *value = quotient(*value - dot(before, above), above.get(at));
            }
            done.push(row);
        }
        Self(done)
    }

    /// Turns a row `y` into the `x` of which `y = x L'`.
    fn divide(&self, row: &mut [f32]) {
        let mut solved: Vec<f64> = Vec::with_capacity(row.len());
        for (at, (of, value)) in self.0.iter().zip(row.iter()).enumerate() {
            let rest = f64::from(*value) - dot(of, &solved);
            solved.push(quotient(rest, of.get(at)));
        }
        write(row, &solved);
    }

    /// Turns a row `x` into `x L`.
    fn multiply(&self, row: &mut [f32]) {
        let mut sums = vec![0.0; row.len()];
        for (of, value) in self.0.iter().zip(row.iter()) {
            for (sum, factor) in sums.iter_mut().zip(of) {
                *sum += f64::from(*value) * factor;
            }
        }
        write(row, &sums);
    }
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

/// Divides; by a pivot of 0, 0.
fn quotient(above: f64, pivot: Option<&f64>) -> f64 {
    let pivot = pivot.copied().filter(|pivot| *pivot > 0.0);
    pivot.map_or(0.0, |pivot| above / pivot)
}

#[expect(clippy::cast_possible_truncation, reason = "to the width of the rows")]
fn write(row: &mut [f32], values: &[f64]) {
    for (to, value) in row.iter_mut().zip(values) {
        *to = *value as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dense(row: &Row) -> [f32; 4] {
        let mut values = [0.0; 4];
        row.iter()
            .for_each(|(at, value)| values[place(*at)] = *value);
        values
    }

    #[test]
    fn products_of_rows_stay() {
        let rows: Vec<Row> = vec![
            vec![(0, 0.6), (1, 0.8)],
            vec![(1, 1.0)],
            vec![(0, 1.0), (3, 0.5)],
            vec![],
            vec![(1, 1.0)],
        ];
        // Three of the rows are independent; two numbers more are 0.
        let reduced = subspace(&rows, 5);
        let reduced: Vec<&[f32]> = reduced.chunks_exact(5).collect();
        for (one, of_one) in rows.iter().zip(&reduced) {
            for (other, of_other) in rows.iter().zip(&reduced) {
                let product =
                    |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
                let wanted = product(&dense(one), &dense(other));
                let found = product(of_one, of_other);
                assert!((wanted - found).abs() < 1e-4, "{wanted} {found}");
            }
        }
    }

    #[test]
    fn few_numbers_keep_the_main_direction() {
        let rows: Vec<Row> = vec![
            vec![(0, 1.0), (1, 0.1)],
            vec![(0, 1.0), (2, 0.1)],
            vec![(3, 0.2)],
        ];
        let reduced = subspace(&rows, 1);
        assert!((reduced[0] * reduced[1] - 1.0).abs() < 0.02, "{reduced:?}");
        assert!(reduced[2].abs() < 0.01, "{reduced:?}");
        assert!(subspace(&[], 3).is_empty());
    }
}
