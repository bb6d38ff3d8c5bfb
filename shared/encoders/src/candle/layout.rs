//! How a batch lies in memory: sorted by length, packed end to end.
//!
//! Everything that a card needs to know of a batch is laid out here on the host in
//! two buffers, one of integers and one of floats, so that it is copied there at
//! once.

use std::ops::Range;

use super::groups::{Group, GroupCost, groups};
use crate::batch::Batch;
use crate::folder::Pooling;
use crate::prepare::InputKind;

/// Added to the score of a pair that must not see each other. Finite on purpose:
/// half precision has it, and a row of nothing else still has a softmax.
pub(super) const UNSEEN: f32 = -1e4;

/// What the layout of a batch depends on beside the batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct LayoutRules {
    pub(super) cost: GroupCost,
    pub(super) pooling: Pooling,
    /// For each kind of text, in the order of `InputKind::ALL`, its adapter task.
    pub(super) tasks: [usize; 4],
}

/// A batch, laid out. "Rows" are tokens in packed order: the shortest sequence
/// first, equal lengths in the order of the batch.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Places in the batch, in packed order.
    pub(super) order: Vec<usize>,
    pub(super) integers: Vec<u32>,
    pub(super) floats: Vec<f32>,
    /// Token ids, one for each row; a range of `integers`, as are the next three.
    pub(super) ids: Range<usize>,
    /// Place of each row in its sequence.
    pub(super) places: Range<usize>,
    /// Adapter task of each row.
    pub(super) tasks: Range<usize>,
    /// Row of each row among the outputs of the groups, where a group is padded.
    pub(super) scatter: Option<Range<usize>>,
    /// The row that each sequence is pooled from, unless pooled by the mean.
    pub(super) pooled: Option<Range<usize>>,
    pub(super) groups: Vec<GroupLayout>,
}

/// One group, laid out.
#[derive(Clone, Debug)]
pub(super) struct GroupLayout {
    /// Rows of its tokens.
    pub(super) rows: Range<usize>,
    pub(super) count: usize,
    /// Length of each sequence, padded where they differ.
    pub(super) length: usize,
    /// For `[count, length]`: a range of floats, the share of each token in the
    /// mean, 0 for padding. Only where pooled by the mean.
    pub(super) shares: Option<Range<usize>>,
    /// What only a padded group has.
    pub(super) padding: Option<Padding>,
}

/// Both of `[count, length]`.
#[derive(Clone, Debug)]
pub(super) struct Padding {
    /// Integers: the row of each token; padding repeats the first token's.
    pub(super) gather: Range<usize>,
    /// Floats: 0 for a token, [`UNSEEN`] for padding.
    pub(super) mask: Range<usize>,
}

impl Layout {
    /// Lays out a batch.
    pub(super) fn of(batch: &Batch, rules: LayoutRules) -> Self {
        let sequences: Vec<&[u32]> = batch.sequences().collect();
        let mut layout = Self {
            order: (0..sequences.len()).collect(),
            ..Self::default()
        };
        layout.order.sort_by_key(|&index| sequences[index].len());
        let sorted: Vec<&[u32]> = layout.order.iter().map(|&index| sequences[index]).collect();
        let lengths: Vec<usize> = sorted.iter().map(|sequence| sequence.len()).collect();
        layout.ids = layout.integers(sorted.iter().copied().flatten().copied());
        layout.places = layout.integers(lengths.iter().flat_map(|&length| 0..int(length)));
        let task = |index: &usize| int(rules.tasks[place_of(batch.kinds()[*index])]);
        let tasks: Vec<u32> = layout.order.iter().map(task).collect();
        let repeated = tasks.iter().zip(&lengths);
        layout.tasks = layout
            .integers(repeated.flat_map(|(&task, &length)| std::iter::repeat_n(task, length)));
        layout.add_groups(&groups(&lengths, rules.cost), &lengths, rules.pooling);
        layout.pooled = layout.pooled_rows(&lengths, rules.pooling);
        layout
    }

    /// Returns the number of tokens.
    pub(super) fn rows(&self) -> usize {
        self.ids.len()
    }

    fn integers(&mut self, values: impl Iterator<Item = u32>) -> Range<usize> {
        let start = self.integers.len();
        self.integers.extend(values);
        start..self.integers.len()
    }

    fn floats(&mut self, values: impl Iterator<Item = f32>) -> Range<usize> {
        let start = self.floats.len();
        self.floats.extend(values);
        start..self.floats.len()
    }

    fn add_groups(&mut self, groups: &[Group], lengths: &[usize], pooling: Pooling) {
        let mut row = 0;
        let mut scatter = Vec::with_capacity(self.rows());
        let mut outputs = 0;
        for group in groups {
            let lengths = &lengths[group.sequences.clone()];
            let (count, length) = (lengths.len(), group.length);
            let rows = row..row + lengths.iter().sum::<usize>();
            for (place, &own) in lengths.iter().enumerate() {
                let first = outputs + place * length;
                scatter.extend(int(first)..int(first + own));
            }
            outputs += count * length;
            let shares = (pooling == Pooling::Mean).then(|| self.shares(lengths, length));
            let padded = rows.len() < count * length;
            let padding = padded.then(|| self.padding(lengths, length, row));
            row = rows.end;
            self.groups.push(GroupLayout {
                rows,
                count,
                length,
                shares,
                padding,
            });
        }
        self.scatter = (outputs > row).then(|| self.integers(scatter.into_iter()));
    }

    fn shares(&mut self, lengths: &[usize], length: usize) -> Range<usize> {
        let values = lengths.iter().flat_map(|&own| {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a sequence has far fewer than 2^24 tokens"
            )]
            let share = 1.0 / own as f32;
            (0..length).map(move |place| if place < own { share } else { 0.0 })
        });
        self.floats(values)
    }

    fn padding(&mut self, lengths: &[usize], length: usize, first: usize) -> Padding {
        let mut start = first;
        let mut gather = Vec::with_capacity(lengths.len() * length);
        for &own in lengths {
            gather.extend((0..length).map(|place| {
                let real = if place < own { place } else { 0 };
                int(start + real)
            }));
            start += own;
        }
        let mask = lengths
            .iter()
            .flat_map(|&own| (0..length).map(move |place| if place < own { 0.0 } else { UNSEEN }));
        Padding {
            gather: self.integers(gather.into_iter()),
            mask: self.floats(mask),
        }
    }

    fn pooled_rows(&mut self, lengths: &[usize], pooling: Pooling) -> Option<Range<usize>> {
        let mut start = 0;
        let mut rows = Vec::with_capacity(lengths.len());
        for &length in lengths {
            match pooling {
                Pooling::Mean => return None,
                Pooling::Cls => rows.push(int(start)),
                Pooling::Last => rows.push(int(start + length - 1)),
            }
            start += length;
        }
        Some(self.integers(rows.into_iter()))
    }
}

/// Returns the place of a kind in `InputKind::ALL`.
fn place_of(kind: InputKind) -> usize {
    let found = InputKind::ALL.iter().position(|other| *other == kind);
    found.unwrap_or(0)
}

/// Rows and ids fit 32 bits: a batch of more would not fit the memory of a card.
pub(super) fn int(value: usize) -> u32 {
    debug_assert!(u32::try_from(value).is_ok());
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rules(launch: usize, pooling: Pooling) -> LayoutRules {
        LayoutRules {
            cost: GroupCost {
                heads: 2,
                launch,
                limit: 10_000,
            },
            pooling,
            tasks: [4, 5, 6, 7],
        }
    }

    fn batch(lengths: &[usize]) -> Batch {
        let mut batch = Batch::default();
        for (index, &length) in lengths.iter().enumerate() {
            let ids: Vec<u32> = (0..length).map(|place| int(100 * index + place)).collect();
            batch.push(&ids, InputKind::ALL[index % 4]);
        }
        batch
    }

    #[test]
    fn packs_the_shortest_first_and_pads_near_lengths() {
        let layout = Layout::of(&batch(&[4, 2, 3]), rules(20, Pooling::Mean));
        assert_eq!(layout.order, [1, 2, 0]);
        let integers = |range: &Range<usize>| layout.integers[range.clone()].to_vec();
        assert_eq!(integers(&layout.ids), [100, 101, 200, 201, 202, 0, 1, 2, 3]);
        assert_eq!(integers(&layout.places), [0, 1, 0, 1, 2, 0, 1, 2, 3]);
        assert_eq!(integers(&layout.tasks), [5, 5, 6, 6, 6, 4, 4, 4, 4]);
        let [group, alone] = &layout.groups[..] else {
            panic!("{:?}", layout.groups);
        };
        assert_eq!((group.count, group.length), (2, 3));
        let padding = group.padding.as_ref().unwrap();
        assert_eq!(integers(&padding.gather), [0, 1, 0, 2, 3, 4]);
        assert_eq!(
            layout.floats[padding.mask.clone()],
            [0.0, 0.0, UNSEEN, 0.0, 0.0, 0.0]
        );
        assert_eq!(
            layout.floats[group.shares.clone().unwrap()][..3],
            [0.5, 0.5, 0.0]
        );
        assert!(alone.padding.is_none());
        assert_eq!(
            integers(layout.scatter.as_ref().unwrap()),
            [0, 1, 3, 4, 5, 6, 7, 8, 9]
        );
    }

    #[test]
    fn pools_from_the_first_or_the_last_row() {
        let pooled = |pooling| {
            let layout = Layout::of(&batch(&[3, 2]), rules(0, pooling));
            layout.pooled.map(|range| layout.integers[range].to_vec())
        };
        assert_eq!(pooled(Pooling::Cls), Some(vec![0, 2]));
        assert_eq!(pooled(Pooling::Last), Some(vec![1, 4]));
        assert_eq!(pooled(Pooling::Mean), None);
    }

    proptest! {
        #[test]
        fn a_row_comes_back_from_where_it_was_gathered(
            lengths in proptest::collection::vec(1_usize..12, 1..10),
            launch in 0_usize..400,
        ) {
            let batch = batch(&lengths);
            let layout = Layout::of(&batch, rules(launch, Pooling::Mean));
            prop_assert_eq!(layout.rows(), batch.tokens());
            // The rows of every group, padding included, side by side.
            let mut outputs: Vec<u32> = Vec::new();
            for group in &layout.groups {
                match &group.padding {
                    Some(padding) => outputs.extend(&layout.integers[padding.gather.clone()]),
                    None => outputs.extend(int(group.rows.start)..int(group.rows.end)),
                }
            }
            let rows: Vec<u32> = match &layout.scatter {
                Some(range) => layout.integers[range.clone()]
                    .iter()
                    .map(|&place| outputs[usize::try_from(place).unwrap()])
                    .collect(),
                None => outputs,
            };
            prop_assert_eq!(rows, (0..int(layout.rows())).collect::<Vec<_>>());
        }
    }
}
