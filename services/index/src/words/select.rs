//! The best rows of a stream of scored rows.

use std::cmp::Reverse;

use vivier_ann::RowSet;

use crate::points::as_index;

/// Keeps the `n` best of rows offered in ascending order; of equal scores the
/// lower row is better, and rows without score are no hits.
pub(super) struct Best {
    n: usize,
    /// A row must have more units than this.
    floor: i32,
    /// At most `2 n`.
    rows: Vec<(i32, u32)>,
}

impl Best {
    pub(super) fn new(n: usize) -> Self {
        Self {
            n,
            floor: if n == 0 { i32::MAX } else { 0 },
            rows: Vec::new(),
        }
    }

    /// Returns the units above which a row may still be among the best.
    #[inline]
    pub(super) fn floor(&self) -> i32 {
        self.floor
    }

    /// Offers a row after all lower rows.
    #[inline]
    pub(super) fn offer(&mut self, row: u32, units: i32) {
        if units > self.floor {
            self.rows.push((units, row));
            if self.rows.len() >= self.n.saturating_mul(2) {
                self.shrink();
            }
        }
    }

    fn shrink(&mut self) {
        if self.n == 0 || self.rows.len() <= self.n {
            return;
        }
        let place = self.n - 1;
        let (_, last, _) = self.rows.select_nth_unstable_by_key(place, order);
        // A later row of equal score is worse.
        self.floor = last.0;
        self.rows.truncate(self.n);
    }

    /// Returns the best rows with their units, best first.
    pub(super) fn finish(mut self) -> Vec<(i32, u32)> {
        self.shrink();
        self.rows.sort_unstable_by_key(order);
        self.rows
    }
}

fn order(scored: &(i32, u32)) -> (Reverse<i32>, u32) {
    (Reverse(scored.0), scored.1)
}

/// Rows that one word of a set of rows holds.
const WORD: usize = 64;

/// The rows that may be hits.
pub(super) struct Wanted<'a> {
    /// Only these, if given.
    pub(super) allow: Option<&'a RowSet>,
    /// None of these.
    pub(super) dead: Option<&'a RowSet>,
}

impl Wanted<'_> {
    pub(super) fn is_dead(&self, row: u32) -> bool {
        self.dead.is_some_and(|dead| dead.contains(row))
    }

    /// Offers the wanted rows from `first` on, a multiple of 64, with their
    /// units.
    pub(super) fn offer(&self, best: &mut Best, first: u32, units: &[i32]) {
        for (start, units) in (first..).step_by(WORD).zip(units.chunks(WORD)) {
            let floor = best.floor();
            // Sixty-four comparisons at once; most rows are below the floor.
            if !units
                .iter()
                .fold(false, |any, units| any | (*units > floor))
            {
                continue;
            }
            let mut wanted = self.word(as_index(start) / WORD);
            while wanted != 0 {
                let bit = wanted.trailing_zeros();
                wanted &= wanted - 1;
                let units = units.get(as_index(bit)).copied();
                best.offer(start + bit, units.unwrap_or(0));
            }
        }
    }

    /// Returns the wanted rows among 64, as bits.
    fn word(&self, index: usize) -> u64 {
        let word = |set: &RowSet| set.words().get(index).copied().unwrap_or(0);
        self.allow.map_or(u64::MAX, word) & !self.dead.map_or(0, word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_best_equal_sorting(units in prop::collection::vec(0_i32..50, 0..300), n in 0_usize..40) {
            let mut best = Best::new(n);
            let mut all = Vec::new();
            for (row, units) in (0_u32..).zip(units) {
                best.offer(row, units);
                all.push((units, row));
            }
            all.retain(|(units, _)| *units > 0);
            all.sort_by_key(order);
            all.truncate(n);
            prop_assert_eq!(best.finish(), all);
        }
    }
}
