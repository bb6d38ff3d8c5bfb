//! What the dead rows of a segment held, so that statistics count the living.

/// Statistics of the dead rows of one segment; grown by
/// [`WordsSegment::bury`](super::WordsSegment::bury).
///
/// Not written to disk: whoever keeps the tombstones buries their rows again
/// when it opens the segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadWords {
    /// Dead texts with at least one term.
    pub(super) documents: u64,
    /// Terms in all of them.
    pub(super) tokens: u64,
    /// Dead texts by the number of the term; empty while none is dead.
    frequencies: Vec<u32>,
}

impl DeadWords {
    /// Counts one dead text of so many terms, given its distinct ones.
    pub(super) fn add(
        &mut self,
        vocabulary: usize,
        length: u32,
        terms: impl Iterator<Item = usize>,
    ) {
        if length == 0 {
            return;
        }
        self.frequencies.resize(vocabulary, 0);
        self.documents += 1;
        self.tokens += u64::from(length);
        for term in terms {
            if let Some(count) = self.frequencies.get_mut(term) {
                *count += 1;
            }
        }
    }

    /// Counts the dead texts that have a term.
    pub(super) fn frequency(&self, term: usize) -> u64 {
        self.frequencies.get(term).copied().unwrap_or(0).into()
    }
}
