//! Which neighbours a node keeps.

use crate::flat::Aim;
use crate::traverse::Scores;

/// Keeps those candidates that are nearer to the node than to any kept before them
/// (Malkov and Yashunin, algorithm 4, without pruned ones kept): each link then leads
/// somewhere new.
pub(crate) struct Pruner<'a> {
    aim: Aim<'a>,
    values: Vec<f32>,
    kept: Vec<u32>,
}

impl<'a> Pruner<'a> {
    pub(crate) fn new(aim: Aim<'a>) -> Self {
        Self {
            aim,
            values: Vec::new(),
            kept: Vec::new(),
        }
    }

    /// Returns at most `most` of the candidates, which come nearest first with their
    /// cosine to the node.
    pub(crate) fn prune(
        &mut self,
        candidates: impl IntoIterator<Item = (f32, u32)>,
        most: usize,
    ) -> &[u32] {
        self.kept.clear();
        for (cosine, node) in candidates {
            if self.kept.len() == most {
                break;
            }
            self.aim.at(node);
            let hidden = self.kept.chunks(4).any(|some| {
                self.aim.score(some, &mut self.values);
                self.values.iter().any(|other| *other > cosine)
            });
            if !hidden {
                self.kept.push(node);
            }
        }
        &self.kept
    }

    /// Sorts neighbours of a node nearest first, with their cosines.
    pub(crate) fn sort(&mut self, node: u32, neighbours: &[u32]) -> Vec<(f32, u32)> {
        self.aim.at(node);
        self.aim.score(neighbours, &mut self.values);
        let mut found: Vec<_> = self
            .values
            .iter()
            .copied()
            .zip(neighbours.iter().copied())
            .collect();
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        found
    }
}
