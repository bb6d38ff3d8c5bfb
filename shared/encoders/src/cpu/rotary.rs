//! Rotary position embedding (Su et al., 2021): each pair of a head's values is
//! turned by an angle that grows with the place.

/// Cosines and sines for every place and pair.
pub(super) struct Rotary {
    /// `[places, dim / 2]`.
    cosines: Vec<f32>,
    sines: Vec<f32>,
    half: usize,
}

impl Rotary {
    /// Computes the angles `place × base^(-2i / dim)` in f32, as PyTorch does.
    #[expect(
        clippy::cast_precision_loss,
        reason = "places and dims are far below 2^24"
    )]
    pub(super) fn new(base: f32, dim: usize, places: usize) -> Self {
        let half = dim / 2;
        let rates: Vec<f32> = (0..half)
            .map(|pair| 1.0 / base.powf((2 * pair) as f32 / dim as f32))
            .collect();
        let angles =
            (0..places).flat_map(|place| rates.iter().map(move |rate| place as f32 * rate));
        let (sines, cosines) = angles.map(f32::sin_cos).unzip();
        Self {
            cosines,
            sines,
            half,
        }
    }

    /// Turns one head at a place; value `i` is paired with `i + dim / 2`.
    pub(super) fn turn(&self, head: &mut [f32], place: usize) {
        let angles = place * self.half..(place + 1) * self.half;
        let (first, second) = head.split_at_mut(self.half);
        let pairs = first.iter_mut().zip(second);
        let angles = self.cosines[angles.clone()].iter().zip(&self.sines[angles]);
        for ((a, b), (cosine, sine)) in pairs.zip(angles) {
            (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_depend_on_the_distance_alone() {
        let rotary = Rotary::new(10_000.0, 8, 40);
        let score = |query: usize, key: usize| -> f32 {
            let (mut q, mut k) = ([0.3, -1.0, 0.5, 2.0, 0.1, 0.7, -0.4, 1.1], [1.0; 8]);
            rotary.turn(&mut q, query);
            rotary.turn(&mut k, key);
            q.iter().zip(k).map(|(a, b)| a * b).sum()
        };
        for (query, key) in [(3, 5), (20, 22), (37, 39)] {
            assert!((score(query, key) - score(0, 2)).abs() < 1e-4);
        }
        assert!((score(0, 2) - score(2, 0)).abs() > 1e-2, "the order counts");
    }
}
