//! Best-first search of a graph, for building and for searching alike.

use crate::marks::{Fresh, Marks};
use crate::pool::Pool;

/// Where no neighbour is.
pub(crate) const NONE: u32 = u32::MAX;

/// The lists of neighbours of one level.
pub(crate) trait Neighbours {
    /// Asks the processor to load a node's list.
    fn prefetch(&self, node: u32);

    /// Appends those neighbours of a node that `keep` wants.
    fn collect(&self, node: u32, keep: impl FnMut(u32) -> bool, out: &mut Vec<u32>);
}

/// Scores nodes against what is searched for; higher is better.
pub(crate) trait Scores {
    /// Asks the processor to load a node's vector.
    fn prefetch(&self, node: u32);

    /// Fills `out` with the scores of nodes.
    fn score(&mut self, nodes: &[u32], out: &mut Vec<f32>);
}

/// What a search works with; kept between searches.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) marks: Marks,
    /// Allowed nodes not seen yet, under a filter.
    pub(crate) fresh: Fresh,
    pub(crate) pool: Pool,
    pub(crate) batch: Vec<u32>,
    pub(crate) values: Vec<f32>,
    /// Refused neighbours of the node at hand.
    pub(crate) hops: Vec<u32>,
    /// Nodes expanded, and scores computed, since they were last set to 0.
    pub(crate) expanded: usize,
    pub(crate) scored: usize,
}

impl Walk {
    /// Starts a search at a level from nodes of known score.
    pub(crate) fn start(&mut self, nodes: u32, width: usize) {
        self.marks.clear(nodes);
        self.pool.clear(width);
    }

    /// Marks a node and offers it.
    pub(crate) fn seed(&mut self, score: f32, node: u32) {
        if self.marks.insert(node) {
            self.pool.offer(score, node);
        }
    }

    /// Expands the best node again and again until all that the pool holds are.
    #[inline]
    pub(crate) fn run(&mut self, links: &impl Neighbours, scores: &mut impl Scores) {
        while let Some(node) = self.pool.expand() {
            if let Some(next) = self.pool.peek() {
                links.prefetch(next);
            }
            self.batch.clear();
            let marks = &mut self.marks;
            let keep = |node| {
                let new = marks.insert(node);
                if new {
                    scores.prefetch(node);
                }
                new
            };
            links.collect(node, keep, &mut self.batch);
            scores.score(&self.batch, &mut self.values);
            self.expanded += 1;
            self.scored += self.batch.len();
            for (node, score) in self.batch.iter().zip(&self.values) {
                self.pool.offer(*score, *node);
            }
        }
    }
}

/// Walks to ever better neighbours from a node, as long as there are any.
pub(crate) fn descend(
    links: &impl Neighbours,
    scores: &mut impl Scores,
    walk: &mut Walk,
    from: (f32, u32),
) -> (f32, u32) {
    let mut best = from;
    loop {
        walk.batch.clear();
        let keep = |node| {
            scores.prefetch(node);
            true
        };
        links.collect(best.1, keep, &mut walk.batch);
        scores.score(&walk.batch, &mut walk.values);
        walk.scored += walk.batch.len();
        let found = walk.values.iter().copied().zip(walk.batch.iter().copied());
        let better = found.fold(best, |best, this| if this.0 > best.0 { this } else { best });
        if better.1 == best.1 {
            return best;
        }
        best = better;
    }
}
