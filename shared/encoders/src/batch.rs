//! A ragged batch of token sequences: no padding.

use std::ops::Range;

/// Token sequences laid end to end.
///
/// Sequence `i` is `ids[bounds[i]..bounds[i + 1]]`; special tokens are included.
#[derive(Clone, Debug)]
pub struct Batch {
    ids: Vec<u32>,
    bounds: Vec<usize>,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            bounds: vec![0],
        }
    }
}

impl Batch {
    /// Appends a sequence of token ids.
    pub fn push(&mut self, sequence: &[u32]) {
        self.ids.extend_from_slice(sequence);
        self.bounds.push(self.ids.len());
    }

    /// Returns the number of sequences.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// Returns whether there is no sequence.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the number of tokens of all sequences.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Returns every token, sequence after sequence.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns where each sequence lies in [`Batch::ids`], in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.bounds.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Returns the sequences in order.
    pub fn sequences(&self) -> impl Iterator<Item = &[u32]> + '_ {
        self.ranges().map(|range| &self.ids[range])
    }
}

impl<'a> FromIterator<&'a [u32]> for Batch {
    fn from_iter<I: IntoIterator<Item = &'a [u32]>>(sequences: I) -> Self {
        let mut batch = Self::default();
        for sequence in sequences {
            batch.push(sequence);
        }
        batch
    }
}
