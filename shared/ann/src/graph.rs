//! A finished graph, before it is written: by node, then by row.

use crate::kernel::index;
use crate::traverse::{NONE, Neighbours};

/// Lists of neighbours of all levels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Graph {
    /// Links of a node above level 0; twice as many on level 0.
    pub(crate) m: usize,
    /// `[nodes, 2 m]`, ended by [`NONE`], nearest first.
    pub(crate) base: Vec<u32>,
    /// From level 1 upwards.
    pub(crate) upper: Vec<Upper>,
    /// The node of the highest level from which searches start.
    pub(crate) entry: u32,
}

/// One level above the lowest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upper {
    /// Its nodes, ascending.
    pub(crate) nodes: Vec<u32>,
    /// `[nodes, m]`, in their order.
    pub(crate) links: Vec<u32>,
}

impl Graph {
    /// Returns the neighbours of a node on level 0.
    pub(crate) fn neighbours(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        let start = index(node) * 2 * self.m;
        let cells = self.base.get(start..start + 2 * self.m).unwrap_or_default();
        cells.iter().copied().take_while(|node| *node != NONE)
    }

    /// Counts the nodes.
    pub(crate) fn nodes(&self) -> usize {
        self.base.len() / (2 * self.m)
    }

    /// Returns an order of the nodes that keeps neighbours together: the nodes are
    /// visited from the entry on, each followed by its neighbours (Cuthill and McKee).
    pub(crate) fn order(&self) -> Vec<u32> {
        let count = u32::try_from(self.nodes()).unwrap_or(u32::MAX);
        let mut seen = vec![false; self.nodes()];
        let mut order: Vec<u32> = Vec::with_capacity(self.nodes());
        let entry = Some(self.entry).filter(|entry| *entry < count);
        for start in entry.into_iter().chain(0..count) {
            let mut stack = vec![start];
            while let Some(node) = stack.pop() {
                if std::mem::replace(&mut seen[index(node)], true) {
                    continue;
                }
                order.push(node);
                // Nearest on top.
                let from = stack.len();
                stack.extend(self.neighbours(node).filter(|next| !seen[index(*next)]));
                stack[from..].reverse();
            }
        }
        order
    }

    /// Numbers the nodes anew: the node at position r of the order becomes r.
    pub(crate) fn renumbered(&self, order: &[u32]) -> Self {
        let mut places = vec![NONE; order.len()];
        for (place, node) in (0_u32..).zip(order) {
            places[index(*node)] = place;
        }
        let place = |node: u32| places.get(index(node)).copied().unwrap_or(NONE);
        let mut base = Vec::with_capacity(self.base.len());
        for node in order {
            let start = index(*node) * 2 * self.m;
            base.extend(
                self.base[start..start + 2 * self.m]
                    .iter()
                    .map(|node| place(*node)),
            );
        }
        let upper = self.upper.iter().map(|level| {
            let mut moved: Vec<(u32, usize)> = level
                .nodes
                .iter()
                .enumerate()
                .map(|(at, node)| (place(*node), at))
                .collect();
            moved.sort_unstable();
            let links = moved
                .iter()
                .flat_map(|(_, at)| &level.links[at * self.m..(at + 1) * self.m]);
            Upper {
                nodes: moved.iter().map(|(node, _)| *node).collect(),
                links: links.map(|node| place(*node)).collect(),
            }
        });
        Self {
            m: self.m,
            base,
            upper: upper.collect(),
            entry: place(self.entry),
        }
    }
}

/// The lists of one upper level.
#[derive(Clone, Copy)]
pub(crate) struct UpperLinks<'a> {
    nodes: &'a [u32],
    links: &'a [u32],
    width: usize,
}

impl<'a> UpperLinks<'a> {
    /// Takes the nodes of the level, ascending, and their lists of `width` cells.
    pub(crate) fn new(nodes: &'a [u32], links: &'a [u32], width: usize) -> Self {
        Self {
            nodes,
            links,
            width,
        }
    }
}

impl Neighbours for UpperLinks<'_> {
    fn prefetch(&self, _node: u32) {}

    fn collect(&self, node: u32, mut keep: impl FnMut(u32) -> bool, out: &mut Vec<u32>) {
        let Ok(at) = self.nodes.binary_search(&node) else {
            return;
        };
        let cells = self.links.get(at * self.width..(at + 1) * self.width);
        let nodes = cells
            .unwrap_or_default()
            .iter()
            .take_while(|node| **node != NONE);
        out.extend(nodes.filter(|node| keep(**node)));
    }
}
