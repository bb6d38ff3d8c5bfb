//! A ragged batch of token sequences: no padding.

use std::ops::Range;

use crate::prepare::InputKind;

/// Token sequences laid end to end.
///
/// Sequence `i` is `ids[bounds[i]..bounds[i + 1]]`; special tokens are included.
#[derive(Clone, Debug)]
pub struct Batch {
    ids: Vec<u32>,
    bounds: Vec<usize>,
    kinds: Vec<InputKind>,
    gives_way: bool,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            ids: Vec::new(),
            bounds: vec![0],
            kinds: Vec::new(),
            gives_way: false,
        }
    }
}

impl Batch {
    /// Lets any other thread have the core between two blocks of work, a few tenths of
    /// a millisecond each: for work in the background.
    ///
    /// Threads of the lowest priority need it too. A thread that waits awake (a pool's
    /// threads do, for a moment, when they run out of work) is not woken up, and the
    /// kernel leaves a core to whoever has it until the next tick, up to 4 ms.
    pub fn give_way(&mut self) {
        self.gives_way = true;
    }

    /// Returns whether the work on this batch gives way.
    pub(crate) fn gives_way(&self) -> bool {
        self.gives_way
    }

    /// Appends a sequence of token ids and what its text is: models with task
    /// adapters compute by it.
    pub fn push(&mut self, sequence: &[u32], kind: InputKind) {
        self.ids.extend_from_slice(sequence);
        self.bounds.push(self.ids.len());
        self.kinds.push(kind);
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

    /// Returns the kind of each sequence, in order.
    #[must_use]
    pub fn kinds(&self) -> &[InputKind] {
        &self.kinds
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

impl<'a> FromIterator<(&'a [u32], InputKind)> for Batch {
    fn from_iter<I: IntoIterator<Item = (&'a [u32], InputKind)>>(sequences: I) -> Self {
        let mut batch = Self::default();
        for (sequence, kind) in sequences {
            batch.push(sequence, kind);
        }
        batch
    }
}
