//! Builds a graph by inserting node after node on several threads (Malkov and
//! Yashunin, "Efficient and robust approximate nearest neighbor search using
//! hierarchical navigable small world graphs", 2018).
//!
//! What differs from the paper: a new node may get as many links on level 0 as a list
//! holds (2 m; the paper gives it m), which finds more for the same work; and a list
//! may grow half beyond its bound before it is pruned, so that pruning is paid once
//! for many links.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;

use crate::flat::{Aim, Flat};
use crate::graph::{Graph, Upper};
use crate::kernel::index;
use crate::lists::Lists;
use crate::prune::Pruner;
use crate::traverse::{NONE, Neighbours, Scores, Walk, descend};

/// Nodes inserted one after the other before threads share the work: they would link
/// to nothing in an empty graph.
const SERIAL: u32 = 1_000;
/// Nodes that a thread takes at once.
const BLOCK: usize = 64;
/// Highest level.
const MAX_LEVEL: u8 = 15;

/// How a graph is built.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Links of a node above level 0; twice as many on level 0.
    pub(crate) m: usize,
    /// Width of the search for links.
    pub(crate) ef: usize,
}

/// Is told how far a long work is, and may end it.
pub trait Watch: Sync {
    /// Takes the number of steps done, of all.
    fn progress(&self, done: usize, all: usize);

    /// Tells whether the work should end early.
    fn stopped(&self) -> bool;

    /// Is called every few tenths of a millisecond: work in the background lets other
    /// threads have the core here.
    fn give_way(&self) {}
}

/// Lets all work be done in silence.
#[derive(Clone, Copy, Debug)]
pub struct Unwatched;

impl Watch for Unwatched {
    fn progress(&self, _done: usize, _all: usize) {}

    fn stopped(&self) -> bool {
        false
    }
}

/// A graph in the making.
struct Draft<'a> {
    flat: &'a Flat,
    plan: Plan,
    levels: Vec<u8>,
    base: Lists,
    /// The lists above level 0: those of one node lie side by side.
    upper: Lists,
    /// Where the lists of a node start in `upper`.
    upper_at: Vec<u32>,
    /// Node and level from which searches start.
    entry: Mutex<Option<(u32, u8)>>,
}

/// What one thread works with.
struct Worker<'a> {
    walk: Walk,
    aim: Aim<'a>,
    pruner: Pruner<'a>,
}

/// The lists of one level of a draft.
struct Level<'a, 'b> {
    draft: &'a Draft<'b>,
    level: u8,
}

impl Level<'_, '_> {
    fn lists(&self) -> &Lists {
        if self.level == 0 {
            &self.draft.base
        } else {
            &self.draft.upper
        }
    }

    fn list(&self, node: u32) -> u32 {
        if self.level == 0 {
            return node;
        }
        let at = self.draft.upper_at.get(index(node)).copied().unwrap_or(0);
        at + u32::from(self.level) - 1
    }

    /// Returns how many neighbours remain when a list is pruned.
    fn bound(&self) -> usize {
        if self.level == 0 {
            2 * self.draft.plan.m
        } else {
            self.draft.plan.m
        }
    }
}

impl Neighbours for Level<'_, '_> {
    #[inline]
    fn prefetch(&self, node: u32) {
        self.lists().prefetch(self.list(node));
    }

    #[inline]
    fn collect(&self, node: u32, mut keep: impl FnMut(u32) -> bool, out: &mut Vec<u32>) {
        out.extend(
            self.lists()
                .read(self.list(node))
                .filter(|node| keep(*node)),
        );
    }
}

/// Builds the graph of all nodes on the current rayon pool; `None` when it was
/// stopped.
pub(crate) fn build(flat: &Flat, plan: Plan, watch: &dyn Watch) -> Option<Graph> {
    let draft = Draft::new(flat, plan);
    let nodes = u32::try_from(flat.len()).unwrap_or(u32::MAX);
    let mut worker = draft.worker();
    for node in 0..nodes.min(SERIAL) {
        draft.insert(&mut worker, node);
    }
    let next = AtomicUsize::new(index(SERIAL));
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            scope.spawn(|_| draft.insert_blocks(&next, watch));
        }
    });
    if watch.stopped() {
        return None;
    }
    draft.finish(watch)
}

impl<'a> Draft<'a> {
    fn new(flat: &'a Flat, plan: Plan) -> Self {
        let count = u32::try_from(flat.len()).unwrap_or(u32::MAX);
        let levels: Vec<u8> = (0..count).map(|node| level_of(node, plan.m)).collect();
        let mut uppers = 0_u32;
        let starts = levels.iter().map(|level| {
            let start = uppers;
            uppers += u32::from(*level);
            start
        });
        let upper_at = starts.collect();
        Self {
            flat,
            plan,
            base: Lists::new(levels.len(), 3 * plan.m),
            upper: Lists::new(index(uppers), plan.m + plan.m / 2),
            levels,
            upper_at,
            entry: Mutex::new(None),
        }
    }

    fn worker(&self) -> Worker<'a> {
        Worker {
            walk: Walk::default(),
            aim: self.flat.aim(),
            pruner: Pruner::new(self.flat.aim()),
        }
    }

    fn insert_blocks(&self, next: &AtomicUsize, watch: &dyn Watch) {
        let mut worker = self.worker();
        loop {
            let start = next.fetch_add(BLOCK, Ordering::Relaxed);
            let end = (start + BLOCK).min(self.flat.len());
            if start >= end || watch.stopped() {
                return;
            }
            for node in start..end {
                watch.give_way();
                self.insert(&mut worker, u32::try_from(node).unwrap_or(u32::MAX));
            }
            watch.progress(end, self.flat.len());
        }
    }

    fn level(&self, level: u8) -> Level<'_, 'a> {
        Level { draft: self, level }
    }

    fn insert(&self, worker: &mut Worker<'_>, node: u32) {
        let level = self.levels.get(index(node)).copied().unwrap_or(0);
        let mut held = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((entry, top)) = *held else {
            *held = Some((node, level));
            return;
        };
        // Only a node of a new highest level keeps the others waiting.
        let held = if level > top {
            Some(held)
        } else {
            drop(held);
            None
        };
        worker.aim.at(node);
        worker.aim.score(&[entry], &mut worker.walk.values);
        let mut best = (worker.walk.values.first().copied().unwrap_or(-1.0), entry);
        for above in (level + 1..=top).rev() {
            best = descend(&self.level(above), &mut worker.aim, &mut worker.walk, best);
        }
        let mut chosen: Vec<(u8, Vec<u32>)> = Vec::new();
        for at in (0..=level.min(top)).rev() {
            let (nearest, links) = self.choose(worker, node, at, best);
            best = nearest;
            chosen.push((at, links));
        }
        // Nobody must come to the node before all its own lists lead on.
        for (at, neighbours) in &chosen {
            let links = self.level(*at);
            let list = links.lists().lock(links.list(node));
            list.write(neighbours.iter().copied());
        }
        for (at, neighbours) in &chosen {
            for neighbour in neighbours {
                self.link_back(worker, &self.level(*at), *neighbour, node);
            }
        }
        if let Some(mut held) = held {
            *held = Some((node, level));
        }
    }

    /// Returns the nearest node on one level, and those to link to.
    fn choose(
        &self,
        worker: &mut Worker<'_>,
        node: u32,
        level: u8,
        from: (f32, u32),
    ) -> ((f32, u32), Vec<u32>) {
        let links = self.level(level);
        let count = u32::try_from(self.flat.len()).unwrap_or(u32::MAX);
        worker.walk.start(count, self.plan.ef);
        worker.walk.marks.insert(node);
        worker.walk.seed(from.0, from.1);
        worker.walk.run(&links, &mut worker.aim);
        let found = worker.walk.pool.items();
        let best = found.first().map_or(from, |best| (best.score, best.node()));
        let candidates = found.iter().map(|item| (item.score, item.node()));
        let chosen = worker.pruner.prune(candidates, links.bound());
        (best, chosen.to_vec())
    }

    /// Links a neighbour back.
    fn link_back(&self, worker: &mut Worker<'_>, links: &Level<'_, '_>, from: u32, to: u32) {
        let list = links.list(from);
        let locked = links.lists().lock(list);
        let mut nodes: Vec<u32> = links.lists().read(list).collect();
        if nodes.contains(&to) {
            return;
        }
        nodes.push(to);
        if nodes.len() <= links.lists().width() {
            locked.write(nodes);
            return;
        }
        let sorted = worker.pruner.sort(from, &nodes);
        locked.write(worker.pruner.prune(sorted, links.bound()).iter().copied());
    }

    /// Prunes every list to its bound and lays them side by side; `None` when it was
    /// stopped.
    fn finish(self, watch: &dyn Watch) -> Option<Graph> {
        let (entry, top) = self
            .entry
            .lock()
            .map_or(None, |entry| *entry)
            .unwrap_or((0, 0));
        let count = u32::try_from(self.flat.len()).unwrap_or(u32::MAX);
        let all: Vec<u32> = (0..count).collect();
        let base = self.pruned(0, &all, watch)?;
        let mut upper: Vec<Upper> = Vec::new();
        for level in 1..=top {
            let at_least = |node: &u32| {
                self.levels
                    .get(index(*node))
                    .is_some_and(|own| *own >= level)
            };
            let nodes: Vec<u32> = all.iter().copied().filter(at_least).collect();
            let links = self.pruned(level, &nodes, watch)?;
            upper.push(Upper { nodes, links });
        }
        Some(Graph {
            m: self.plan.m,
            base,
            upper,
            entry,
        })
    }

    fn pruned(&self, level: u8, nodes: &[u32], watch: &dyn Watch) -> Option<Vec<u32>> {
        let links = self.level(level);
        let bound = links.bound();
        let mut all = vec![NONE; nodes.len() * bound];
        let blocks = all.par_chunks_mut(BLOCK * bound);
        blocks.zip(nodes.par_chunks(BLOCK)).try_for_each_init(
            || self.worker(),
            |worker, (cells, nodes)| {
                for (cells, node) in cells.chunks_mut(bound).zip(nodes) {
                    watch.give_way();
                    let found: Vec<u32> = links.lists().read(links.list(*node)).collect();
                    let sorted = worker.pruner.sort(*node, &found);
                    if sorted.len() > bound {
                        let kept = worker.pruner.prune(sorted, bound);
                        cells
                            .iter_mut()
                            .zip(kept)
                            .for_each(|(cell, node)| *cell = *node);
                    } else {
                        cells
                            .iter_mut()
                            .zip(sorted)
                            .for_each(|(cell, found)| *cell = found.1);
                    }
                }
                (!watch.stopped()).then_some(())
            },
        )?;
        Some(all)
    }
}

/// Draws the level of a node: each holds 1 of `m` of those of the level below.
fn level_of(node: u32, m: usize) -> u8 {
    // SplitMix64: the same node has the same level in every build.
    let mut bits = (u64::from(node) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let m = u64::try_from(m).unwrap_or(u64::MAX).max(2);
    let mut level = 0;
    while level < MAX_LEVEL && bits.is_multiple_of(m) {
        bits /= m;
        level += 1;
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::unreachable;
    use crate::layout::Layout;
    use crate::testing::Random;
    use crate::vectors::Vectors;

    #[test]
    fn threads_that_build_at_once_make_one_graph() {
        let count = 5_000;
        let values = Random::new(7).vector(count * 8, 1.0);
        let layout = Layout::single(8).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let all: Vec<u32> = (0..u32::try_from(count).unwrap()).collect();
        let flat = Flat::new(vectors, &layout, &all).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4);
        let plan = Plan { m: 4, ef: 24 };
        let pool = pool.build().unwrap();
        let graph = pool.install(|| build(&flat, plan, &Unwatched)).unwrap();
        assert_eq!(graph.nodes(), count);
        for node in all {
            let near: Vec<u32> = graph.neighbours(node).collect();
            assert!((1..=8).contains(&near.len()), "{node}: {near:?}");
            assert!(
                near.iter()
                    .all(|near| *near != node && index(*near) < count)
            );
        }
        let missed = pool.install(|| unreachable(&graph, &flat, &Unwatched));
        let missed = missed.unwrap().len();
        assert!(missed * 50 <= count, "{missed} are found by no walk");
    }
}
