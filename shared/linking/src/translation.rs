//! Texts of another language in the space of English vectors: a vector for each stem,
//! learned from the ontology's own pairs of labels.

use std::collections::HashMap;
use std::iter::repeat_n;

use rayon::prelude::*;

use crate::vectors::place;

/// How much large vectors are held back.
const RIDGE: f32 = 0.5;
/// Steps of conjugate gradients; the ranks of answers change no more after them.
const STEPS: usize = 15;
/// Dimensions that are solved together.
const LANES: usize = 16;

type Lane = [f32; LANES];
/// The weight of each stem that a label has.
type Row = Vec<(u32, f32)>;

/// A vector for each stem of a language; their weighted sum is a text's.
///
/// Ridge regression: a label's stems by TF-IDF, of length 1, are mapped to a vector of its
/// concept, as Mikolov et al. (2013) map words between languages.
pub(crate) struct Translation {
    numbers: HashMap<String, u32>,
    /// By stem: how rare it is, `ln(1 + labels / labels that have it)`.
    rarity: Vec<f32>,
    /// `[stems, dim]`, row-major.
    vectors: Vec<f32>,
    dim: usize,
}

impl Translation {
    /// Learns from labels, each given as its stems, and the vectors that they should have,
    /// `[labels, dim]`, row-major. Runs on the current rayon pool.
    pub(crate) fn learn(labels: &[&[String]], wanted: &[f32], dim: usize) -> Self {
        let mut translation = Self {
            numbers: HashMap::new(),
            rarity: Vec::new(),
            vectors: Vec::new(),
            dim,
        };
        translation.count(labels);
        let rows: Vec<Row> = labels.iter().map(|label| translation.row(label)).collect();
        let stems = translation.rarity.len();
        let blocks: Vec<Vec<Lane>> = (0..dim.div_ceil(LANES))
            .into_par_iter()
            .map(|block| {
                let wanted: Vec<Lane> = wanted
                    .chunks(dim.max(1))
                    .map(|vector| lane(vector.get(block * LANES..).unwrap_or_default()))
                    .collect();
                solve(&rows, &wanted, stems)
            })
            .collect();
        translation.vectors.reserve(stems * dim);
        for stem in 0..stems {
            let lanes = blocks.iter().filter_map(|block| block.get(stem));
            translation.vectors.extend(lanes.flatten().take(dim));
        }
        translation
    }

    /// Numbers the stems, and counts the labels that have each.
    fn count(&mut self, labels: &[&[String]]) {
        for label in labels {
            let mut seen = Vec::with_capacity(label.len());
            for stem in *label {
                let next = u32::try_from(self.rarity.len()).unwrap_or(u32::MAX);
                let number = *self.numbers.entry(stem.clone()).or_insert(next);
                if number == next {
                    self.rarity.push(0.0);
                }
                if !seen.contains(&number) {
                    seen.push(number);
                    if let Some(having) = self.rarity.get_mut(place(number)) {
                        *having += 1.0;
                    }
                }
            }
        }
        for rarity in &mut self.rarity {
            *rarity = (1.0 + labels.len() as f32 / *rarity).ln();
        }
    }

    /// Returns the known stems of a text with their weights, of length 1 together.
    fn row(&self, stems: &[String]) -> Row {
        let mut row: Row = Vec::with_capacity(stems.len());
        for number in stems.iter().filter_map(|stem| self.numbers.get(stem)) {
            match row.iter_mut().find(|(known, _)| known == number) {
                Some((_, count)) => *count += 1.0,
                None => row.push((*number, 1.0)),
            }
        }
        for (number, count) in &mut row {
            let rarity = self.rarity.get(place(*number)).copied().unwrap_or_default();
            *count = (1.0 + count.ln()) * rarity;
        }
        let length = row.iter().map(|(_, weight)| weight * weight).sum::<f32>();
        let length = length.sqrt().max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|(_, weight)| *weight /= length);
        row
    }

    /// Returns a text's vector, of length 1; `None` when no stem of it is known.
    pub(crate) fn vector(&self, stems: &[String]) -> Option<Vec<f32>> {
        let mut vector: Vec<f32> = repeat_n(0.0, self.dim).collect();
        for (number, weight) in self.row(stems) {
            let start = place(number) * self.dim;
            let of = self.vectors.get(start..start + self.dim)?;
            for (sum, value) in vector.iter_mut().zip(of) {
                *sum += weight * value;
            }
        }
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= length);
        (length > 0.0).then_some(vector)
    }
}

/// Returns the first values, zeros behind them.
fn lane(values: &[f32]) -> Lane {
    let mut lane = [0.0; LANES];
    for (to, from) in lane.iter_mut().zip(values) {
        *to = *from;
    }
    lane
}

/// Solves `(X'X + ridge) W = X'Y` for some columns of `Y` by conjugate gradients
/// (Hestenes and Stiefel 1952).
fn solve(rows: &[Row], wanted: &[Lane], stems: usize) -> Vec<Lane> {
    let mut solved: Vec<Lane> = repeat_n([0.0; LANES], stems).collect();
    let mut left = back(rows, wanted, stems);
    let mut way = left.clone();
    let mut size = products(&left, &left);
    for _ in 0..STEPS {
        let mut image = back(rows, &forth(rows, &way), stems);
        add(&mut image, &way, &[RIDGE; LANES]);
        let stride = quotients(&size, &products(&way, &image));
        add(&mut solved, &way, &stride);
        add(&mut left, &image, &stride.map(|one| -one));
        let now = products(&left, &left);
        let turn = quotients(&now, &size);
        for (way, left) in way.iter_mut().zip(&left) {
            for ((way, left), turn) in way.iter_mut().zip(left).zip(turn) {
                *way = left + turn * *way;
            }
        }
        size = now;
    }
    solved
}

/// Multiplies by `X`.
fn forth(rows: &[Row], by_stem: &[Lane]) -> Vec<Lane> {
    let of = |row: &Row| {
        let mut sum = [0.0; LANES];
        for (number, weight) in row {
            if let Some(lane) = by_stem.get(place(*number)) {
                add_lane(&mut sum, lane, &[*weight; LANES]);
            }
        }
        sum
    };
    rows.iter().map(of).collect()
}

/// Multiplies by `X'`.
fn back(rows: &[Row], by_label: &[Lane], stems: usize) -> Vec<Lane> {
    let mut sums: Vec<Lane> = repeat_n([0.0; LANES], stems).collect();
    for (row, lane) in rows.iter().zip(by_label) {
        for (number, weight) in row {
            if let Some(sum) = sums.get_mut(place(*number)) {
                add_lane(sum, lane, &[*weight; LANES]);
            }
        }
    }
    sums
}

fn add_lane(to: &mut Lane, values: &Lane, factors: &Lane) {
    for ((to, value), factor) in to.iter_mut().zip(values).zip(factors) {
        *to += value * factor;
    }
}

fn add(to: &mut [Lane], values: &[Lane], factors: &Lane) {
    for (to, values) in to.iter_mut().zip(values) {
        add_lane(to, values, factors);
    }
}

fn products(one: &[Lane], other: &[Lane]) -> Lane {
    let mut sums = [0.0; LANES];
    for (one, other) in one.iter().zip(other) {
        add_lane(&mut sums, one, other);
    }
    sums
}

/// Divides; where there is nothing left to divide, 0.
fn quotients(above: &Lane, below: &Lane) -> Lane {
    let mut quotients = *above;
    for (quotient, below) in quotients.iter_mut().zip(below) {
        *quotient = if *below > 1e-12 {
            *quotient / below
        } else {
            0.0
        };
    }
    quotients
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stems(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn words_are_told_apart_by_the_labels_that_hold_them() {
        let labels = ["ger vin", "ger pain", "vendr vin", "vendr pain"].map(stems);
        // Managing or selling, wine or bread.
        let wanted = [
            [1.0, 0.0, 1.0, 0.0],
            [1.0, 0.0, 0.0, 1.0],
            [0.0, 1.0, 1.0, 0.0],
            [0.0, 1.0, 0.0, 1.0],
        ];
        let labels: Vec<&[String]> = labels.iter().map(Vec::as_slice).collect();
        let translation = Translation::learn(&labels, wanted.as_flattened(), 4);
        let vector = translation.vector(&stems("vendr inconnu")).unwrap();
        assert!(vector[1] > 0.8 && vector[0] < 0.2, "{vector:?}");
        let length: f32 = vector.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{length}");
        assert!(translation.vector(&stems("inconnu")).is_none());
        assert!(Translation::learn(&[], &[], 4).vector(labels[0]).is_none());
    }

    #[test]
    fn the_equations_are_solved() {
        let rows: Vec<Row> = vec![vec![(0, 0.6), (1, 0.8)], vec![(1, 1.0)], vec![(2, 1.0)]];
        let wanted: Vec<Lane> = [1.0, -2.0, 0.5].map(|value| [value; LANES]).to_vec();
        let solved = solve(&rows, &wanted, 3);
        let mut image = back(&rows, &forth(&rows, &solved), 3);
        add(&mut image, &solved, &[RIDGE; LANES]);
        for (image, right) in image.iter().zip(back(&rows, &wanted, 3)) {
            assert!((image[0] - right[0]).abs() < 1e-5, "{image:?} {right:?}");
        }
    }
}
