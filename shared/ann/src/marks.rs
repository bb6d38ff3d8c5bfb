//! Which nodes a search has seen.

use crate::kernel::index;

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
