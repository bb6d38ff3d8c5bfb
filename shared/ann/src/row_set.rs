//! Sets of rows of one segment.

/// Bits in one word.
const WORD: u32 = u64::BITS;

/// A set of the rows `0..len` of a segment, one bit for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: u32,
}

impl RowSet {
    /// Returns the empty set over `len` rows.
    pub fn empty(len: u32) -> Self {
        Self {
            words: vec![0; as_index(len.div_ceil(WORD))],
            len,
        }
    }

    /// Returns the set of all `len` rows.
    pub fn full(len: u32) -> Self {
        let mut set = Self {
            words: vec![u64::MAX; as_index(len.div_ceil(WORD))],
            len,
        };
        set.trim();
        set
    }

    /// Returns the set of the given rows; those from `len` on are left out.
    pub fn of(len: u32, rows: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::empty(len);
        for row in rows {
            set.insert(row);
        }
        set
    }

    /// Returns the number of rows that the set could hold.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// Tells whether no row is in the set.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// Counts the rows in the set.
    pub fn count(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Tells whether a row is in the set.
    #[inline]
    pub fn contains(&self, row: u32) -> bool {
        let word = self.words.get(as_index(row / WORD));
        word.is_some_and(|word| word >> (row % WORD) & 1 == 1)
    }

    /// Puts a row in; tells whether it is new. A row from `len` on is refused.
    pub fn insert(&mut self, row: u32) -> bool {
        if row >= self.len {
            return false;
        }
        self.words
            .get_mut(as_index(row / WORD))
            .is_some_and(|word| {
                let bit = 1 << (row % WORD);
                let new = *word & bit == 0;
                *word |= bit;
                new
            })
    }

    /// Puts the rows `from..to` in; those from `len` on are left out.
    pub fn insert_range(&mut self, from: u32, to: u32) {
        let to = to.min(self.len);
        let mut row = from;
        while row < to {
            let end = (row - row % WORD).saturating_add(WORD).min(to);
            if let Some(word) = self.words.get_mut(as_index(row / WORD)) {
                *word |= (u64::MAX >> (WORD - (end - row))) << (row % WORD);
            }
            row = end;
        }
    }

    /// Takes a row out; tells whether it was in.
    pub fn remove(&mut self, row: u32) -> bool {
        self.words
            .get_mut(as_index(row / WORD))
            .is_some_and(|word| {
                let bit = 1 << (row % WORD);
                let was = *word & bit != 0;
                *word &= !bit;
                was
            })
    }

    /// Keeps the rows that are in the other set too; both are over one segment.
    pub fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, other) in self.words.iter_mut().zip(others) {
            *word &= other;
        }
    }

    /// Adds the rows of the other set; both are over one segment.
    pub fn unite(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
        self.trim();
    }

    /// Takes the rows of the other set out; both are over one segment.
    pub fn subtract(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= !other;
        }
    }

    /// Replaces the set by the rows that are not in it.
    pub fn complement(&mut self) {
        for word in &mut self.words {
            *word = !*word;
        }
        self.trim();
    }

    /// Returns the rows in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let words = (0_u32..).step_by(as_index(WORD)).zip(&self.words);
        words.flat_map(|(first, word)| Bits(*word).map(move |bit| first + bit))
    }

    /// Returns the bits: row r is bit `r % 64` of word `r / 64`; those from
    /// `len` on are 0.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// Builds a set from [`Self::words`]; missing words are 0, surplus ones and
    /// bits from `len` on are left out.
    pub fn from_words(len: u32, mut words: Vec<u64>) -> Self {
        words.resize(as_index(len.div_ceil(WORD)), 0);
        let mut set = Self { words, len };
        set.trim();
        set
    }

    fn trim(&mut self) {
        let used = self.len % WORD;
        if used > 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= u64::MAX >> (WORD - used);
        }
    }
}

/// The set bits of a word, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(bit)
    }
}

/// Widens a row number; targets have at least 32-bit addresses.
fn as_index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = BTreeSet<u32>> {
        prop::collection::btree_set(0_u32..300, 0..120)
    }

    fn kept(len: u32, rows: impl IntoIterator<Item = u32>) -> Vec<u32> {
        rows.into_iter().filter(|row| *row < len).collect()
    }

    proptest! {
        #[test]
        fn a_row_set_equals_a_set(len in 0_u32..300, a in rows(), b in rows(), range in (0_u32..320, 0_u32..320)) {
            let (set_a, set_b) = (RowSet::of(len, a.clone()), RowSet::of(len, b.clone()));
            prop_assert_eq!(set_a.iter().collect::<Vec<_>>(), kept(len, a.clone()));
            prop_assert_eq!(RowSet::from_words(len, set_a.words().to_vec()), set_a.clone());
            for row in 0..320 {
                prop_assert_eq!(set_a.contains(row), row < len && a.contains(&row));
            }
            let made = |change: &dyn Fn(&mut RowSet)| {
                let mut set = set_a.clone();
                change(&mut set);
                assert_eq!(as_index(set.count()), set.iter().count());
                assert_eq!(set.is_empty(), set.count() == 0);
                set.iter().collect::<Vec<_>>()
            };
            prop_assert_eq!(made(&|set| set.intersect(&set_b)), kept(len, &a & &b));
            prop_assert_eq!(made(&|set| set.unite(&set_b)), kept(len, &a | &b));
            prop_assert_eq!(made(&|set| set.subtract(&set_b)), kept(len, &a - &b));
            let all: BTreeSet<u32> = (0..len).collect();
            prop_assert_eq!(made(&RowSet::complement), kept(len, &all - &a));
            let between: BTreeSet<u32> = (range.0..range.1).collect();
            prop_assert_eq!(made(&|set| set.insert_range(range.0, range.1)), kept(len, &a | &between));
            prop_assert_eq!(made(&|set| { set.remove(range.0); }), kept(len, &a - &[range.0].into()));
            prop_assert_eq!(RowSet::full(len).iter().collect::<Vec<_>>(), kept(len, all));
        }
    }
}
