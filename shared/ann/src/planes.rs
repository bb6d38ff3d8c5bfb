//! Vectors as two planes of bytes.
//!
//! A value is `factor · scale · (first + second / 254)`: the factor is its facet's
//! (the greatest value of the facet in the segment, so that a facet of 3 values near
//! .6 and one of 384 near .05 both use all of a byte), the scale its vector's, first
//! and second are whole numbers from -127 to 127. The first plane alone is what a
//! search walks over; with both a value is right to about 16 bits: its error is at
//! most `factor · scale / 508`, that is 1.6e-5 of the greatest value in the vector,
//! measured in factors.

use crate::flat::rounded;
use crate::kernel::OFFSET;
use crate::layout::Layout;
use crate::vectors::Vectors;

/// Greatest value of a byte.
const MOST: f32 = 127.0;
/// Units of the second plane in one of the first.
pub(crate) const FINE: f32 = 254.0;

/// How vectors of a segment become bytes.
#[derive(Clone, Debug)]
pub(crate) struct Rounding {
    /// Greatest value of each facet, more than 0.
    pub(crate) by_facet: Vec<f32>,
    factors: Vec<f32>,
}

/// What is known of a vector beside its bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measures {
    /// Worth of one unit of the first plane, in factors.
    pub(crate) scale: f32,
    /// Length of what the first plane leaves out, in its units.
    pub(crate) rest: f32,
}

impl Rounding {
    /// Takes the greatest values of the facets, more than 0.
    pub(crate) fn new(layout: &Layout, by_facet: Vec<f32>) -> Self {
        let factors = layout.spread(&by_facet);
        Self { by_facet, factors }
    }

    /// Finds the greatest values of the facets.
    pub(crate) fn of(vectors: Vectors<'_>, layout: &Layout) -> Self {
        let mut greatest = vec![0.0_f32; layout.facets().len()];
        for at in 0..vectors.len() {
            let vector = vectors.get(at);
            for (most, range) in greatest.iter_mut().zip(layout.ranges()) {
                let values = vector.get(range).unwrap_or_default();
                *most = values
                    .iter()
                    .fold(*most, |most, value| most.max(value.abs()));
            }
        }
        for most in &mut greatest {
            // A facet without values is multiplied by anything; a tiny one is nothing.
            if *most < f32::MIN_POSITIVE {
                *most = 1.0;
            }
        }
        Self::new(layout, greatest)
    }

    /// Returns the share of each facet in the squared lengths of all vectors, at their
    /// usual weights.
    pub(crate) fn shares(vectors: Vectors<'_>, layout: &Layout) -> Vec<f32> {
        let mut sums = vec![0.0_f64; layout.facets().len()];
        for at in 0..vectors.len() {
            let vector = vectors.get(at);
            for (sum, range) in sums.iter_mut().zip(layout.ranges()) {
                let values = vector.get(range).unwrap_or_default();
                *sum += f64::from(values.iter().map(|value| value * value).sum::<f32>());
            }
        }
        for (sum, facet) in sums.iter_mut().zip(layout.facets()) {
            *sum *= f64::from(facet.usual_weight);
        }
        let all = sums.iter().sum::<f64>().max(f64::MIN_POSITIVE);
        sums.iter().map(|sum| narrow(sum / all)).collect()
    }

    /// Returns the factor of each value.
    pub(crate) fn factors(&self) -> &[f32] {
        &self.factors
    }

    /// Rounds a vector to rows of the two planes; bytes behind it become zeros.
    pub(crate) fn encode(&self, vector: &[f32], first: &mut [u8], second: &mut [u8]) -> Measures {
        first.fill(OFFSET);
        second.fill(OFFSET);
        let values = || {
            vector
                .iter()
                .zip(&self.factors)
                .map(|(value, factor)| value / factor)
        };
        let greatest = values().fold(0.0_f32, |most, value| most.max(value.abs()));
        let scale = greatest / MOST;
        if scale < f32::MIN_POSITIVE {
            return Measures::default();
        }
        let mut rest = 0.0;
        for (value, (first, second)) in values().zip(first.iter_mut().zip(second)) {
            let value = value / scale;
            *first = rounded(value);
            let left = value - (f32::from(*first) - f32::from(OFFSET));
            *second = rounded(left * FINE);
            rest += ((f32::from(*second) - f32::from(OFFSET)) / FINE).powi(2);
        }
        Measures {
            scale,
            rest: rest.sqrt(),
        }
    }

    /// Returns what the bytes of a vector stand for.
    pub(crate) fn decode(&self, first: &[u8], second: &[u8], scale: f32) -> Vec<f32> {
        let byte = |byte: &u8| f32::from(*byte) - f32::from(OFFSET);
        let bytes = first.iter().zip(second);
        let values = bytes.map(|(first, second)| byte(first) + byte(second) / FINE);
        let factors = self.factors.iter();
        factors
            .zip(values)
            .map(|(factor, value)| factor * scale * value)
            .collect()
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a share needs no more than f32"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::layout::Facet;

    proptest! {
        #[test]
        fn values_are_right_to_sixteen_bits(seed in any::<u64>(), reach in 1e-3_f32..1e3) {
            let mut random = crate::testing::Random::new(seed);
            let facet = |dim: usize| Facet { name: dim.to_string(), dim, usual_weight: 1.0 };
            let layout = Layout::new(vec![facet(5), facet(40)]).unwrap();
            let mut values = Vec::new();
            for _ in 0..7 {
                values.extend(random.vector(5, reach));
                values.extend(random.vector(40, reach / 20.0));
            }
            let vectors = Vectors::new(&values, &layout).unwrap();
            let rounding = Rounding::of(vectors, &layout);
            let (mut first, mut second) = (vec![0; 64], vec![0; 64]);
            for at in 0..7 {
                let vector = vectors.get(at);
                let measures = rounding.encode(vector, &mut first, &mut second);
                let signed = |byte: u8| f32::from(byte) - 128.0;
                let greatest = vector.iter().zip(rounding.factors()).map(|(v, f)| (v / f).abs()).fold(0.0, f32::max);
                let decoded = rounding.decode(&first, &second, measures.scale);
                prop_assert_eq!(decoded.len(), vector.len());
                let mut rest = 0.0;
                for (place, value) in vector.iter().enumerate() {
                    let factor = rounding.factors()[place];
                    let stored = decoded[place];
                    // 1/508 of a unit, and the rounding of f32 itself.
                    let bound = greatest * factor * (1.0 / 508.0 / 127.0 + 4e-7);
                    prop_assert!((stored - value).abs() <= bound, "{stored} {value} {bound}");
                    rest += (value / factor / measures.scale - signed(first[place])).powi(2);
                }
                prop_assert!((rest.sqrt() - measures.rest).abs() < 0.02);
                prop_assert!(first[45..].iter().chain(&second[45..]).all(|byte| *byte == OFFSET));
            }
        }
    }
}
