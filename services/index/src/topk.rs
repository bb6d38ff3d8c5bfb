//! The k best of many scores, with one order everywhere: greater scores first,
//! equal scores in id order.

use std::cmp::Ordering;

use crate::view::{Place, View};

/// A point and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) score: f32,
    pub(crate) place: Place,
}

/// Compares two scored points of one view: `Less` is better.
pub(crate) fn better(view: &View, a: &Scored, b: &Scored) -> Ordering {
    b.score
        .total_cmp(&a.score)
        .then_with(|| view.id(a.place).cmp(view.id(b.place)))
}

/// Keeps the k best of what is pushed.
pub(crate) struct TopK<'a> {
    view: &'a View,
    k: usize,
    kept: Vec<Scored>,
    /// Scores below this cannot enter any more.
    floor: f32,
}

impl<'a> TopK<'a> {
    /// Starts empty; `k` is at least 1.
    pub(crate) fn new(view: &'a View, k: usize) -> Self {
        Self {
            view,
            k,
            kept: Vec::new(),
            floor: f32::NEG_INFINITY,
        }
    }

    /// Offers a point; scores are never NaN (inputs are finite and bounded).
    pub(crate) fn push(&mut self, scored: Scored) {
        if scored.score < self.floor {
            return;
        }
        self.kept.push(scored);
        // Selecting once in k pushes keeps the cost of a push constant.
        if self.kept.len() >= 2 * self.k {
            self.shrink();
        }
    }

    fn shrink(&mut self) {
        if self.kept.len() <= self.k {
            return;
        }
        let view = self.view;
        self.kept
            .select_nth_unstable_by(self.k - 1, |a, b| better(view, a, b));
        self.kept.truncate(self.k);
        if let Some(last) = self.kept.last() {
            self.floor = last.score;
        }
    }

    /// Takes what another kept.
    pub(crate) fn merge(mut self, other: Self) -> Self {
        for scored in other.kept {
            self.push(scored);
        }
        self
    }

    /// Returns the k best, best first.
    pub(crate) fn finish(mut self) -> Vec<Scored> {
        self.shrink();
        let view = self.view;
        self.kept.sort_unstable_by(|a, b| better(view, a, b));
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::points::Meta;
    use crate::tail::Tail;

    proptest! {
        #[test]
        fn top_k_equals_sorting(scores in prop::collection::vec(0_u8..20, 0..300), k in 1_usize..40, split in 0_usize..300) {
            let mut tail = Tail::new(Arc::default(), BTreeMap::new());
            let mut all = Vec::new();
            for (row, score) in (0_u32..).zip(&scores) {
                // Ids in another order than slots.
                let id = format!("{:03}", (row * 7) % 1_000);
                tail.push(Arc::new(Meta { id: id.into(), ..Meta::default() }), &[]).unwrap();
                let place = Place { part: 0, row };
                all.push(Scored { score: f32::from(*score), place });
            }
            let view = View { tails: vec![tail.view().clone()], ..View::default() };
            let split = split.min(all.len());
            let half = |part: &[Scored]| {
                let mut top = TopK::new(&view, k);
                part.iter().for_each(|scored| top.push(*scored));
                top
            };
            let found = half(&all[..split]).merge(half(&all[split..])).finish();
            all.sort_by(|a, b| better(&view, a, b));
            all.truncate(k);
            prop_assert_eq!(found, all);
        }
    }
}
