//! A walk that only collects allowed nodes.
//!
//! Nodes that the filter refuses are never scored: their neighbours stand in for
//! them, as long as a node has too few allowed ones of its own (after ACORN, Patel et
//! al., SIGMOD 2024). So the walk goes straight to the best allowed nodes, also when
//! the best of all are refused. It starts from allowed nodes all over the segment
//! too: rows lie in the order of their neighbourhoods, so that evenly spaced ones are
//! a sample of all parts of it.

use crate::links::PackedLinks;
use crate::row_set::RowSet;
use crate::traverse::{Neighbours, Scores, Walk};

/// Allowed nodes from which a walk starts, about.
const SEEDS: usize = 128;
/// Allowed neighbours of a node that are enough, seen ones too: refused ones then need
/// not be looked behind. Most are needed where half is allowed: there a node has fewer
/// of its own than without a filter, and what is behind refused ones is mostly not new.
/// By the percentage of all nodes below which they hold.
const ENOUGH: [(u64, usize); 4] = [(80, 30), (30, 27), (15, 22), (8, 18)];
const ENOUGH_OF_MOST: usize = 27;
/// Nodes after which the best must stand out: walks into a neighbourhood of the query
/// take fewer.
const PATIENCE: usize = 32;
/// Standard deviations above the mean of all allowed nodes that a result must reach.
const STANDS_OUT: f32 = 1.9;
/// Lists that are loaded before they are read.
const AHEAD: usize = 3;

/// The nodes that a walk may collect.
#[derive(Clone, Copy)]
pub(crate) struct Allowed<'a> {
    nodes: &'a RowSet,
    enough: usize,
}

impl<'a> Allowed<'a> {
    pub(crate) fn new(nodes: &'a RowSet) -> Self {
        let (some, all) = (u64::from(nodes.count()), u64::from(nodes.len()));
        let holds = |step: &&(u64, usize)| 100 * some < step.0 * all;
        let step = ENOUGH.iter().take_while(holds).last();
        let enough = step.map_or(ENOUGH_OF_MOST, |step| step.1);
        Self { nodes, enough }
    }
}

/// How scores of a sample of nodes are spread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    /// Tells whether a score is of a neighbourhood of the query.
    ///
    /// If not, as when the filter allows only what is least like the query, the best
    /// are anywhere, and no walk leads there.
    pub(crate) fn stands_out(self, score: f32) -> bool {
        score >= self.mean + STANDS_OUT * self.deviation
    }
}

/// Offers allowed nodes all over the segment; returns how their scores are spread.
pub(crate) fn seed(walk: &mut Walk, allowed: &RowSet, scores: &mut impl Scores) -> Spread {
    walk.batch.clear();
    let words = allowed.words();
    let step = (words.len() / SEEDS).max(1);
    for start in (0..words.len()).step_by(step) {
        let near = words.iter().enumerate().skip(start).take(step);
        let found = near
            .map(|(at, word)| (at, *word))
            .find(|(_, word)| *word != 0);
        if let Some((at, word)) = found {
            let row = u32::try_from(at).unwrap_or(0) * u64::BITS + word.trailing_zeros();
            scores.prefetch(row);
            walk.batch.push(row);
        }
    }
    scores.score(&walk.batch, &mut walk.values);
    walk.scored += walk.batch.len();
    for (node, score) in walk.batch.iter().zip(&walk.values) {
        if walk.fresh.remove(*node) {
            walk.pool.offer(*score, *node);
        }
    }
    spread(&walk.values)
}

fn spread(scores: &[f32]) -> Spread {
    let count = scores.iter().fold(0.0_f32, |count, _| count + 1.0).max(1.0);
    let mean = scores.iter().sum::<f32>() / count;
    let variance = scores
        .iter()
        .map(|score| (score - mean).powi(2))
        .sum::<f32>()
        / count;
    Spread {
        mean,
        deviation: variance.sqrt(),
    }
}

/// Offers the allowed nodes around one.
pub(crate) fn visit(
    walk: &mut Walk,
    links: PackedLinks<'_>,
    allowed: Allowed<'_>,
    scores: &mut impl Scores,
    node: u32,
) {
    walk.batch.clear();
    walk.hops.clear();
    let near = links.sift(node, |near| !allowed.nodes.contains(near), &mut walk.hops);
    for hop in walk.hops.iter().take(AHEAD) {
        links.prefetch(*hop);
    }
    collect(walk, links, scores, node);
    // Own ones count that were seen before: they, too, lead on.
    let seen = near - walk.hops.len() - walk.batch.len();
    let wanted = allowed.enough.saturating_sub(seen);
    for at in 0..walk.hops.len() {
        if walk.batch.len() >= wanted {
            break;
        }
        if let Some(later) = walk.hops.get(at + AHEAD) {
            links.prefetch(*later);
        }
        if let Some(hop) = walk.hops.get(at).copied()
            && walk.marks.insert(hop)
        {
            collect(walk, links, scores, hop);
        }
    }
    scores.score(&walk.batch, &mut walk.values);
    walk.expanded += 1;
    walk.scored += walk.batch.len();
    for (node, score) in walk.batch.iter().zip(&walk.values) {
        walk.pool.offer(*score, *node);
    }
}

/// Adds the allowed neighbours of a node that are new to the batch.
#[inline]
fn collect(walk: &mut Walk, links: PackedLinks<'_>, scores: &impl Scores, node: u32) {
    let from = walk.batch.len();
    let fresh = &mut walk.fresh;
    links.sift(node, |near| fresh.holds(near), &mut walk.batch);
    for near in walk.batch.get(from..).unwrap_or_default() {
        scores.prefetch(*near);
        fresh.remove(*near);
    }
}

/// Visits the best node again and again until all that the pool holds are; gives up,
/// and returns false, when it comes to no neighbourhood of the query.
pub(crate) fn run(
    walk: &mut Walk,
    links: PackedLinks<'_>,
    allowed: Allowed<'_>,
    scores: &mut impl Scores,
    spread: Spread,
) -> bool {
    let patience = walk.expanded + PATIENCE;
    while let Some(node) = walk.pool.expand() {
        if let Some(next) = walk.pool.peek() {
            links.prefetch(next);
        }
        visit(walk, links, allowed, scores, node);
        let best = walk.pool.items().first();
        if walk.expanded == patience && !best.is_some_and(|best| spread.stands_out(best.score)) {
            return false;
        }
    }
    true
}
