//! Candidates that may be among the best, by rough scores.

/// Nodes whose rough score leaves them a chance to be among the best `k`.
#[derive(Debug, Default)]
pub(crate) struct Shortlist {
    items: Vec<(f32, u32)>,
    k: usize,
    /// Most that a rough score may be wrong.
    margin: f32,
    floor: f32,
    /// Length from which the hopeless are dropped.
    full: usize,
}

impl Shortlist {
    /// Forgets all; the best `k` are wanted, and scores may be wrong by `margin`.
    pub(crate) fn clear(&mut self, k: usize, margin: f32) {
        self.items.clear();
        self.k = k;
        self.margin = margin;
        self.floor = if k == 0 {
            f32::INFINITY
        } else {
            f32::NEG_INFINITY
        };
        self.full = 4 * k + 256;
    }

    /// Takes a node in, if it has a chance.
    #[inline]
    pub(crate) fn offer(&mut self, score: f32, node: u32) {
        if score < self.floor {
            return;
        }
        self.items.push((score, node));
        if self.items.len() >= self.full {
            self.trim();
            self.full = self.full.max(2 * self.items.len());
        }
    }

    /// Returns the nodes that have a chance with their rough scores, the best `k` first.
    pub(crate) fn items(&mut self) -> &[(f32, u32)] {
        self.trim();
        &self.items
    }

    /// Drops those that `k` others beat even if all scores are as wrong as can be.
    fn trim(&mut self) {
        if self.k == 0 || self.items.len() <= self.k {
            return;
        }
        let (_, last, _) = self
            .items
            .select_nth_unstable_by(self.k - 1, |a, b| b.0.total_cmp(&a.0));
        self.floor = self.floor.max(last.0 - 2.0 * self.margin);
        self.items.retain(|item| item.0 >= self.floor);
    }
}
