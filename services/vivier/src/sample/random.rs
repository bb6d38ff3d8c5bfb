//! A small random generator whose numbers never change: SplitMix64
//! (Steele, Lea and Flood, 2014).
//!
//! The sample must be the same bytes for the same seed in every version, which
//! general random crates do not promise.

/// The generator.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Starts from a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Starts a stream of its own, so that one record does not move the next.
    pub(crate) fn stream(seed: u64, label: u64) -> Self {
        let mut random = Self::new(seed ^ label.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws one of 0, 1, ..., `count` - 1; 0 when `count` is 0.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        let drawn = self.next() % (count as u64).max(1);
        // Below a usize by construction.
        usize::try_from(drawn).unwrap_or(0)
    }

    /// Draws a number of the range, both ends included.
    pub(crate) fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = usize::try_from(i64::from(high) - i64::from(low) + 1).unwrap_or(1);
        low + i32::try_from(self.below(span)).unwrap_or(0)
    }

    /// Is true `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Picks one; `None` from an empty slice.
    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(from.len());
        from.get(index)
    }

    /// Picks one by weight; `None` when all weights are 0.
    pub(crate) fn weighted<'a, T>(
        &mut self,
        from: &'a [T],
        weight: impl Fn(&T) -> usize,
    ) -> Option<&'a T> {
        let total: usize = from.iter().map(&weight).sum();
        let mut left = self.below(total);
        for item in from {
            let weight = weight(item);
            if left < weight {
                return Some(item);
            }
            left -= weight;
        }
        None
    }

    /// Picks `count` different places of 0, 1, ..., `length` - 1, in random
    /// order; all of them when there are fewer.
    pub(crate) fn places(&mut self, length: usize, count: usize) -> Vec<usize> {
        let mut places: Vec<usize> = (0..length).collect();
        for place in 0..count.min(length) {
            let other = place + self.below(length - place);
            places.swap(place, other);
        }
        places.truncate(count);
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_the_reference() {
        // First outputs of the reference implementation for seed 1234567
        // (https://prng.di.unimi.it/splitmix64.c).
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn draws_stay_in_bounds_and_places_differ() {
        let mut random = Random::new(1);
        for _ in 0..1_000 {
            assert!(random.below(7) < 7);
            assert!((-3..=3).contains(&random.between(-3, 3)));
        }
        let mut places = random.places(10, 4);
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 4);
        assert_eq!(random.places(2, 5).len(), 2);
        assert_eq!(
            random.weighted(&[0_usize, 5, 0], |weight| *weight),
            Some(&5)
        );
        assert_eq!(random.weighted(&[0_usize], |weight| *weight), None);
    }
}
