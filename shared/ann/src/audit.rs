//! Finds the nodes that searches do not find.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::builder::Watch;
use crate::flat::{Aim, Flat};
use crate::graph::{Graph, UpperLinks};
use crate::kernel::{index, prefetch};
use crate::traverse::{NONE, Neighbours, Scores, Walk, descend};

/// Nodes that a thread takes at once.
const BLOCK: u32 = 256;
/// Widths of the searches for a node, one after the other until it is found.
const WIDTHS: [usize; 2] = [24, 200];

/// The lists of level 0.
#[derive(Clone, Copy)]
pub(crate) struct BaseLinks<'a> {
    cells: &'a [u32],
    width: usize,
}

impl<'a> BaseLinks<'a> {
    /// Takes lists of `width` cells, ended by [`NONE`].
    pub(crate) fn new(cells: &'a [u32], width: usize) -> Self {
        Self { cells, width }
    }

    /// Returns the neighbours of a node.
    #[inline]
    pub(crate) fn of(&self, node: u32) -> impl Iterator<Item = u32> + 'a {
        let start = index(node) * self.width;
        let cells = self
            .cells
            .get(start..start + self.width)
            .unwrap_or_default();
        cells.iter().copied().take_while(|node| *node != NONE)
    }
}

impl Neighbours for BaseLinks<'_> {
    #[inline]
    fn prefetch(&self, node: u32) {
        let start = index(node) * self.width;
        for cell in (0..self.width).step_by(16) {
            prefetch(self.cells, start + cell);
        }
    }

    #[inline]
    fn collect(&self, node: u32, mut keep: impl FnMut(u32) -> bool, out: &mut Vec<u32>) {
        for neighbour in self.of(node) {
            if keep(neighbour) {
                out.push(neighbour);
            }
        }
    }
}

/// Returns the nodes that a search for themselves does not find, on the current
/// rayon pool; `None` when it was stopped.
pub(crate) fn unreachable(graph: &Graph, flat: &Flat, watch: &dyn Watch) -> Option<Vec<u32>> {
    let next = AtomicU32::new(0);
    let missed = Mutex::new(Vec::new());
    let count = u32::try_from(flat.len()).unwrap_or(u32::MAX);
    rayon::scope(|scope| {
        for _ in 0..rayon::current_num_threads() {
            scope.spawn(|_| {
                let (mut walk, mut aim) = (Walk::default(), flat.aim());
                let mut own = Vec::new();
                loop {
                    let start = next.fetch_add(BLOCK, Ordering::Relaxed);
                    if start >= count || watch.stopped() {
                        break;
                    }
                    let block = start..count.min(start.saturating_add(BLOCK));
                    own.extend(block.filter(|node| {
                        watch.give_way();
                        !finds(graph, &mut aim, &mut walk, *node)
                    }));
                }
                missed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(own);
            });
        }
    });
    if watch.stopped() {
        return None;
    }
    let mut missed = missed.into_inner().unwrap_or_else(PoisonError::into_inner);
    missed.sort_unstable();
    Some(missed)
}

fn finds(graph: &Graph, aim: &mut Aim<'_>, walk: &mut Walk, node: u32) -> bool {
    aim.at(node);
    aim.score(&[graph.entry], &mut walk.values);
    let mut from = (walk.values.first().copied().unwrap_or(-1.0), graph.entry);
    for level in graph.upper.iter().rev() {
        from = descend(
            &UpperLinks::new(&level.nodes, &level.links, graph.m),
            aim,
            walk,
            from,
        );
    }
    let links = BaseLinks::new(&graph.base, 2 * graph.m);
    WIDTHS.iter().any(|width| {
        walk.start(u32::try_from(graph.nodes()).unwrap_or(u32::MAX), *width);
        walk.seed(from.0, from.1);
        walk.run(&links, aim);
        walk.pool.items().iter().any(|item| item.node() == node)
    })
}
