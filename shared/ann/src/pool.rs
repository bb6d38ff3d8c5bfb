//! The best nodes found so far, in order.

/// Marks an entry whose neighbours were looked at.
const EXPANDED: u32 = 1 << 31;

/// Most nodes of a graph: a link has three bytes, and the highest value leads nowhere.
pub(crate) const MAX_NODES: usize = (1 << 24) - 1;

/// A node and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f32,
    node: u32,
}

impl Scored {
    pub(crate) fn node(self) -> u32 {
        self.node & !EXPANDED
    }
}

/// At most `width` scored nodes, best first.
///
/// One sorted array serves as the result and as the queue of a best-first search: a
/// candidate that falls off the end would never have been looked at. Moving a few
/// hundred bytes costs less than the branches of two heaps.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    items: Vec<Scored>,
    width: usize,
    /// Entries before this one are expanded.
    next: usize,
    /// All that was offered, while [`Self::keep_offered`].
    offered: Vec<Scored>,
    keeps_offered: bool,
}

impl Pool {
    /// Forgets all, and holds at most so many from now on, at least 1.
    pub(crate) fn clear(&mut self, width: usize) {
        self.items.clear();
        self.offered.clear();
        self.width = width.max(1);
        self.next = 0;
    }

    /// Says whether all that is offered is remembered from now on.
    pub(crate) fn keep_offered(&mut self, keep: bool) {
        self.keeps_offered = keep;
    }

    /// Returns what was offered and remembered, in the order in which it came.
    pub(crate) fn offered(&self) -> &[Scored] {
        &self.offered
    }

    /// Returns the score that a new node must exceed.
    #[inline]
    pub(crate) fn floor(&self) -> f32 {
        if self.items.len() < self.width {
            return f32::NEG_INFINITY;
        }
        self.items
            .last()
            .map_or(f32::NEG_INFINITY, |last| last.score)
    }

    /// Takes a node in, if it is among the best.
    #[inline]
    pub(crate) fn offer(&mut self, score: f32, node: u32) {
        if self.keeps_offered {
            self.offered.push(Scored { score, node });
        }
        if score <= self.floor() {
            return;
        }
        let place = self.items.partition_point(|item| item.score >= score);
        if self.items.len() == self.width {
            self.items.pop();
        }
        self.items.insert(place, Scored { score, node });
        self.next = self.next.min(place);
    }

    /// Returns the best node that is not expanded, and marks it so.
    #[inline]
    pub(crate) fn expand(&mut self) -> Option<u32> {
        while let Some(item) = self.items.get_mut(self.next) {
            self.next += 1;
            if item.node & EXPANDED == 0 {
                let node = item.node;
                item.node |= EXPANDED;
                return Some(node);
            }
        }
        None
    }

    /// Returns the node that would be expanded next.
    #[inline]
    pub(crate) fn peek(&self) -> Option<u32> {
        let rest = self.items.get(self.next..)?;
        rest.iter()
            .map(|item| item.node)
            .find(|node| node & EXPANDED == 0)
    }

    /// Returns all, best first.
    pub(crate) fn items(&self) -> &[Scored] {
        &self.items
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_pool_holds_the_best_and_expands_the_best(
            scores in prop::collection::vec(0_u8..50, 1..80),
            width in 1_usize..20,
            every in 1_usize..5,
        ) {
            let mut pool = Pool::default();
            pool.clear(width);
            let mut held: Vec<(f32, u32, bool)> = Vec::new();
            for (node, score) in (0_u32..).zip(&scores) {
                let score = f32::from(*score);
                pool.offer(score, node);
                held.push((score, node, false));
                held.sort_by(|a, b| b.0.total_cmp(&a.0));
                held.truncate(width);
                if (usize::try_from(node).unwrap() + 1).is_multiple_of(every) {
                    let best = held.iter_mut().find(|item| !item.2);
                    prop_assert_eq!(pool.peek(), best.as_ref().map(|item| item.1));
                    prop_assert_eq!(pool.expand(), best.map(|item| { item.2 = true; item.1 }));
                }
            }
            let items: Vec<_> = pool.items().iter().map(|item| (item.score, item.node())).collect();
            let expected: Vec<_> = held.iter().map(|item| (item.0, item.1)).collect();
            prop_assert_eq!(items, expected);
        }
    }
}
