//! Which sequences share one attention product.
//!
//! Linear layers, norms and the MLP see the tokens of a batch end to end, so
//! nothing is padded there. Attention is one batched product for each group of
//! sequences, and a group takes the length of its longest. Sequences of equal
//! lengths always share a group, which pads nothing. Neighbouring lengths share one
//! only where the scores computed for padding cost less than the calls saved: the
//! groups are those of least `Σ (launch + heads · count · longest²)`, found exactly
//! by dynamic programming over the distinct lengths. A batch of `t` tokens has at
//! most `√(2t)` of them, so this costs less than `t` steps.

use std::ops::Range;

/// What decides the groups.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupCost {
    /// Query heads.
    pub(super) heads: usize,
    /// Scores that could be computed in the time that one group's calls take.
    pub(super) launch: usize,
    /// Most scores held at a time: a group of more is split, down to one sequence.
    pub(super) limit: usize,
}

impl GroupCost {
    /// The processor: a call costs microseconds, a score nanoseconds.
    pub(super) fn on_processor(heads: usize) -> Self {
        Self {
            heads,
            launch: 20_000,
            limit: 1 << 24,
        }
    }

    /// A graphics card, estimated and not measured: a group takes seven kernels of
    /// some 4 µs each, in which 3 TB/s move the 10 bytes of 8 million half-precision
    /// scores; a quarter of that, to pad less. candle's kernels count scores in 32 bits.
    pub(super) fn on_card(heads: usize) -> Self {
        Self {
            heads,
            launch: 2_000_000,
            limit: 1 << 28,
        }
    }

    /// Returns the scores of so many sequences padded to `length`.
    fn scores(&self, count: usize, length: usize) -> usize {
        self.heads
            .saturating_mul(count)
            .saturating_mul(length)
            .saturating_mul(length)
    }
}

/// Sequences that attend together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// Places of the sequences in the order of length.
    pub(super) sequences: Range<usize>,
    /// Length of the longest.
    pub(super) length: usize,
}

/// Sequences of one length.
struct Class {
    end: usize,
    count: usize,
    length: usize,
}

/// Groups sequences whose lengths are given in ascending order.
pub(super) fn groups(lengths: &[usize], cost: GroupCost) -> Vec<Group> {
    let classes = classes(lengths);
    let mut found = Vec::new();
    let mut start = 0;
    for end in best_ends(&classes, cost) {
        let length = lengths[end - 1];
        let most = (cost.limit / cost.scores(1, length).max(1)).max(1);
        while start < end {
            let last = end.min(start + most);
            found.push(Group {
                sequences: start..last,
                length: lengths[last - 1],
            });
            start = last;
        }
    }
    found
}

fn classes(lengths: &[usize]) -> Vec<Class> {
    let run = |same: &[usize]| (same.len(), same.first().copied().unwrap_or(0));
    let mut end = 0;
    let classes = lengths.chunk_by(|left, right| left == right).map(|same| {
        let (count, length) = run(same);
        end += count;
        Class { end, count, length }
    });
    classes.collect()
}

/// Returns the places where the groups of least cost end, in ascending order.
fn best_ends(classes: &[Class], cost: GroupCost) -> Vec<usize> {
    // For each number of leading classes: the least cost, and where its last group starts.
    let mut best: Vec<(usize, usize)> = vec![(0, 0)];
    for (last, class) in classes.iter().enumerate() {
        let mut least = (usize::MAX, last);
        let mut count = 0;
        for first in (0..=last).rev() {
            count += classes[first].count;
            let group = cost.launch.saturating_add(cost.scores(count, class.length));
            let total = best[first].0.saturating_add(group);
            if total < least.0 {
                least = (total, first);
            }
        }
        best.push(least);
    }
    let mut ends = Vec::new();
    let mut taken = classes.len();
    while taken > 0 {
        ends.push(classes[taken - 1].end);
        taken = best[taken].1;
    }
    ends.reverse();
    ends
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COST: GroupCost = GroupCost {
        heads: 2,
        launch: 100,
        limit: 100_000,
    };

    fn lengths_of(groups: &[Group]) -> Vec<(usize, usize)> {
        let shape = |group: &Group| (group.sequences.len(), group.length);
        groups.iter().map(shape).collect()
    }

    #[test]
    fn equal_lengths_share_a_group_and_far_ones_do_not() {
        let lengths = [3, 3, 3, 40, 40];
        assert_eq!(lengths_of(&groups(&lengths, COST)), [(3, 3), (2, 40)]);
    }

    #[test]
    fn near_lengths_share_a_group_where_calls_cost_more() {
        // Padding 9 to 10 wastes 2 (100 - 81) = 38 scores, less than the 100 of a call;
        // padding 30 to 40 wastes 2 (1600 - 900) = 1400.
        let lengths = [9, 10, 30, 40];
        assert_eq!(
            lengths_of(&groups(&lengths, COST)),
            [(2, 10), (1, 30), (1, 40)]
        );
        let free = GroupCost { launch: 0, ..COST };
        assert_eq!(groups(&lengths, free).len(), 4);
    }

    #[test]
    fn a_group_is_split_at_the_limit_down_to_one_sequence() {
        let limit = GroupCost {
            limit: 2 * 50 * 50 * 3,
            ..COST
        };
        assert_eq!(
            lengths_of(&groups(&[50; 7], limit)),
            [(3, 50), (3, 50), (1, 50)]
        );
        let tight = GroupCost { limit: 1, ..COST };
        assert_eq!(groups(&[50; 7], tight).len(), 7);
    }

    #[test]
    fn no_sequence_gives_no_group() {
        assert!(groups(&[], COST).is_empty());
    }

    /// all-MiniLM-L6-v2 on texts of many lengths, with the costs of a card: what is
    /// computed for padding, as a share of everything.
    #[test]
    fn padding_costs_little_of_all_operations() {
        let (hidden, inner, heads) = (384, 1536, 12);
        let mut lengths: Vec<usize> = (0..128).map(|place| 4 + place * 37 % 253).collect();
        lengths.sort_unstable();
        let found = groups(&lengths, GroupCost::on_card(heads));
        assert!(found.len() < 8, "{}", found.len());
        let area = |count: usize, length: usize| 4 * hidden * count * length * length;
        let padded: usize = found
            .iter()
            .map(|group| area(group.sequences.len(), group.length))
            .sum();
        let real: usize = lengths.iter().map(|&length| area(1, length)).sum();
        let tokens: usize = lengths.iter().sum();
        let linear = tokens * 2 * (4 * hidden * hidden + 2 * hidden * inner);
        let share = (padded - real) as f64 / (linear + real) as f64;
        assert!(share < 0.02, "{share}");
    }

    /// The least cost over every way to cut the list.
    fn least_by_trying(lengths: &[usize]) -> usize {
        let Some(last) = lengths.last() else { return 0 };
        let cut = |first: usize| {
            let group = COST.launch + COST.scores(lengths.len() - first, *last);
            least_by_trying(&lengths[..first]) + group
        };
        (0..lengths.len()).map(cut).min().unwrap()
    }

    proptest! {
        #[test]
        fn groups_cover_every_sequence_once_at_least_cost(
            mut lengths in proptest::collection::vec(1_usize..40, 1..9)
        ) {
            lengths.sort_unstable();
            let found = groups(&lengths, COST);
            let mut next = 0;
            let mut total = 0;
            for group in &found {
                prop_assert_eq!(group.sequences.start, next);
                prop_assert!(!group.sequences.is_empty());
                prop_assert_eq!(group.length, lengths[group.sequences.end - 1]);
                next = group.sequences.end;
                total += COST.launch + COST.scores(group.sequences.len(), group.length);
            }
            prop_assert_eq!(next, lengths.len());
            prop_assert_eq!(total, least_by_trying(&lengths));
        }
    }
}
