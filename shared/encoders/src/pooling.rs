//! From token vectors to one vector, and to unit length.

use std::ops::Range;

use crate::folder::Pooling;

/// Pools one sequence: `states` is `[tokens, dim]`, the rows of this sequence only.
///
/// Only real tokens are given, so the mean is the masked mean.
pub(crate) fn pool(states: &[f32], dim: usize, pooling: Pooling) -> Vec<f32> {
    let rows = states.chunks_exact(dim);
    match pooling {
        Pooling::Cls => rows.take(1).flatten().copied().collect(),
        Pooling::Last => rows.last().unwrap_or_default().to_vec(),
        Pooling::Mean => {
            let count = rows.len();
            let mut mean = vec![0.0; dim];
            for row in rows {
                for (sum, value) in mean.iter_mut().zip(row) {
                    *sum += value;
                }
            }
            #[expect(
                clippy::cast_precision_loss,
                reason = "a sequence has far fewer than 2^24 tokens"
            )]
            let scale = 1.0 / count as f32;
            mean.iter_mut().for_each(|value| *value *= scale);
            mean
        }
    }
}

/// Pools every sequence of a batch: `states` is `[tokens, dim]`; the result is
/// row-major `[sequences, dim]`.
pub(crate) fn pool_all(
    states: &[f32],
    ranges: impl Iterator<Item = Range<usize>>,
    dim: usize,
    pooling: Pooling,
) -> Vec<f32> {
    let mut pooled = Vec::new();
    for range in ranges {
        pooled.extend(pool(
            &states[range.start * dim..range.end * dim],
            dim,
            pooling,
        ));
    }
    pooled
}

/// Scales a vector to length 1; returns whether that was possible (the length was
/// finite and not zero).
pub(crate) fn normalize(vector: &mut [f32]) -> bool {
    let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if !norm.is_finite() || norm < f32::MIN_POSITIVE {
        return false;
    }
    vector.iter_mut().for_each(|value| *value /= norm);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pools_by_each_rule() {
        let states = [1.0, 2.0, 3.0, 4.0, 8.0, 6.0];
        assert_eq!(pool(&states, 2, Pooling::Mean), [4.0, 4.0]);
        assert_eq!(pool(&states, 2, Pooling::Cls), [1.0, 2.0]);
        assert_eq!(pool(&states, 2, Pooling::Last), [8.0, 6.0]);
    }

    #[test]
    fn pools_each_sequence_alone() {
        let states = [1.0, 2.0, 3.0, 4.0, 8.0, 6.0];
        assert_eq!(
            pool_all(&states, [0..1, 1..3].into_iter(), 2, Pooling::Mean),
            [1.0, 2.0, 5.5, 5.0]
        );
    }

    #[test]
    fn refuses_what_has_no_direction() {
        assert!(!normalize(&mut [0.0, 0.0]));
        assert!(!normalize(&mut [f32::NAN, 1.0]));
        assert!(!normalize(&mut [f32::INFINITY, 1.0]));
        let mut vector = [3.0, 4.0];
        assert!(normalize(&mut vector));
        assert_eq!(vector, [0.6, 0.8]);
    }
}
