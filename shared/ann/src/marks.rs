//! Which nodes a search has seen, and which allowed ones it has not.

use crate::kernel::index;
use crate::row_set::RowSet;

/// One bit a node, cleared word by word where it was set: with nodes in the order
/// of their neighbourhoods a search touches few words, and all of them stay in the
/// nearest caches.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    words: Vec<u64>,
    touched: Vec<u32>,
}

impl Marks {
    /// Forgets all, and makes room for so many nodes.
    pub(crate) fn clear(&mut self, nodes: u32) {
        for word in self.touched.drain(..) {
            if let Some(word) = self.words.get_mut(index(word)) {
                *word = 0;
            }
        }
        let words = index(nodes.div_ceil(u64::BITS));
        if self.words.len() < words {
            self.words.resize(words, 0);
        }
    }

    /// Marks a node; tells whether it was new. A node beyond the room is not.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let at = node / u64::BITS;
        let Some(word) = self.words.get_mut(index(at)) else {
            return false;
        };
        if *word == 0 {
            self.touched.push(at);
        }
        let bit = 1 << (node % u64::BITS);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// The allowed nodes that a search has not seen: one bit answers both questions, and
/// they are asked of many neighbours of neighbours.
#[derive(Debug, Default)]
pub(crate) struct Fresh {
    words: Vec<u64>,
}

impl Fresh {
    /// Takes all that are allowed in, and forgets all others.
    pub(crate) fn reset(&mut self, allowed: &RowSet) {
        self.words.clear();
        self.words.extend_from_slice(allowed.words());
    }

    /// Tells whether a node is allowed and not seen.
    #[inline]
    pub(crate) fn holds(&self, node: u32) -> bool {
        let word = self.words.get(index(node / u64::BITS));
        word.is_some_and(|word| word >> (node % u64::BITS) & 1 == 1)
    }

    /// Takes a node out; tells whether it was in.
    #[inline]
    pub(crate) fn remove(&mut self, node: u32) -> bool {
        let Some(word) = self.words.get_mut(index(node / u64::BITS)) else {
            return false;
        };
        let bit = 1 << (node % u64::BITS);
        let was = *word & bit != 0;
        *word &= !bit;
        was
    }
}
