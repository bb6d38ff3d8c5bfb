//! Which segments are merged, and when.
//!
//! Every segment costs each search a part of its time, and every merge costs
//! building a graph of all its points. So segments lie in tiers: tier t holds
//! those of up to `base · factor^t` live points. When a tier has `factor` of
//! them they become one, which moves up. A point is thus merged about once in
//! each tier. A segment of many dead rows is written anew alone.
//!
//! No merge takes more than half of all points: one segment that holds nearly all
//! would leave a search to one thread, and its merge would hold all their vectors in
//! memory. So of a tier that grew faster than it was merged only a part becomes one.

use crate::points::as_index;
use crate::segment::SegmentView;

/// Most live points that a merge joins: their vectors are in memory meanwhile, four
/// bytes for each of their values.
const MAX_POINTS: usize = 1 << 20;

/// When segments are merged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MergePolicy {
    /// Live points of the lowest tier.
    pub(crate) base: usize,
    /// How many segments of a tier become one: at least 2.
    pub(crate) factor: usize,
    /// Share of dead rows from which a segment is written anew.
    pub(crate) max_dead_share: f64,
}

/// What a policy sees of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) number: u64,
    pub(crate) rows: usize,
    pub(crate) live: usize,
}

impl Size {
    /// Takes the size of a segment.
    pub(crate) fn of(view: &SegmentView) -> Self {
        Self {
            number: view.segment.number,
            rows: as_index(view.segment.rows()),
            live: as_index(view.live()),
        }
    }
}

impl MergePolicy {
    /// Returns the segments that should become one; none when all is well.
    pub(crate) fn choose(&self, sizes: &[Size]) -> Vec<u64> {
        if let Some(worst) = self.worst(sizes) {
            return vec![worst.number];
        }
        let mut tiers: Vec<Vec<Size>> = Vec::new();
        for size in sizes {
            let tier = self.tier(size.live);
            if tiers.len() <= tier {
                tiers.resize(tier + 1, Vec::new());
            }
            tiers[tier].push(*size);
        }
        let most = self.most(sizes);
        let full = tiers.into_iter().filter(|tier| tier.len() >= self.factor);
        let mut merges = full.map(|tier| smallest(tier, most));
        let first = merges.find(|merge| merge.len() > 1);
        let first = first.unwrap_or_default().into_iter();
        first.map(|size| size.number).collect()
    }

    /// Returns the most live points that a merge joins; a full lowest tier always may.
    fn most(&self, sizes: &[Size]) -> usize {
        let all: usize = sizes.iter().map(|size| size.live).sum();
        let least = self.base.saturating_mul(self.factor);
        (all / 2).min(MAX_POINTS).max(least)
    }

    /// Returns the segment of the greatest share of dead rows, if it is too great.
    fn worst(&self, sizes: &[Size]) -> Option<Size> {
        let share = |size: &Size| dead_share(*size);
        let worst = sizes.iter().copied();
        let worst = worst.max_by(|a, b| share(a).total_cmp(&share(b)))?;
        (share(&worst) > self.max_dead_share).then_some(worst)
    }

    fn tier(&self, live: usize) -> usize {
        let mut limit = self.base.max(1);
        let mut tier = 0;
        while live > limit {
            limit = limit.saturating_mul(self.factor.max(2));
            tier += 1;
        }
        tier
    }
}

/// Returns the smallest of a tier, as many as have `most` live points together.
fn smallest(mut tier: Vec<Size>, most: usize) -> Vec<Size> {
    tier.sort_by_key(|size| (size.live, size.number));
    let mut sum = 0;
    let fitting = tier.iter().take_while(|size| {
        sum += size.live;
        sum <= most
    });
    let count = fitting.count();
    tier.truncate(count);
    tier
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn dead_share(size: Size) -> f64 {
    (size.rows - size.live.min(size.rows)) as f64 / size.rows.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: MergePolicy = MergePolicy {
        base: 100,
        factor: 4,
        max_dead_share: 0.2,
    };

    fn size(number: u64, rows: usize, live: usize) -> Size {
        Size { number, rows, live }
    }

    #[test]
    fn a_full_tier_becomes_one_and_a_dying_segment_is_written_anew() {
        let mut sizes = vec![
            size(1, 100, 100),
            size(2, 90, 90),
            size(3, 400, 400),
            size(4, 3, 3),
        ];
        assert!(POLICY.choose(&sizes).is_empty());
        sizes.push(size(5, 50, 45));
        assert_eq!(POLICY.choose(&sizes), [4, 5, 2, 1]);
        sizes.push(size(6, 1_000, 799));
        assert_eq!(POLICY.choose(&sizes), [6]);
        assert_eq!(POLICY.choose(&[size(7, 5, 0)]), [7]);
        assert!(POLICY.choose(&[]).is_empty());
    }

    #[test]
    fn tiers_keep_the_number_of_segments_and_merges_small() {
        let mut sizes: Vec<Size> = Vec::new();
        let (mut number, mut written) = (0, 0);
        for _ in 0..1_000 {
            number += 1;
            sizes.push(size(number, 100, 100));
            loop {
                let chosen = POLICY.choose(&sizes);
                if chosen.is_empty() {
                    break;
                }
                let is_chosen = |size: &Size| chosen.contains(&size.number);
                let live = sizes
                    .iter()
                    .filter(|size| is_chosen(size))
                    .map(|size| size.live);
                let live: usize = live.sum();
                sizes.retain(|size| !is_chosen(size));
                number += 1;
                written += live;
                sizes.push(size_of_merged(number, live));
            }
            assert!(sizes.len() <= 3 * 6, "{sizes:?}");
        }
        // Five tiers lie between 100 and 100,000 points.
        assert!(written <= 5 * 100_000, "{written}");
    }

    /// Seals come in faster than merges end, then none.
    #[test]
    fn no_merge_takes_more_than_half_and_few_segments_stay() {
        let mut sizes: Vec<Size> = (0..1_000).map(|number| size(number, 100, 100)).collect();
        let (mut written, mut greatest) = (0, 0);
        for number in 1_000.. {
            let chosen = POLICY.choose(&sizes);
            if chosen.is_empty() {
                break;
            }
            let merged = sizes.extract_if(.., |size| chosen.contains(&size.number));
            let live: usize = merged.map(|size| size.live).sum();
            (written, greatest) = (written + live, greatest.max(live));
            sizes.push(size(number, live, live));
        }
        assert!(greatest <= 50_000, "{greatest}");
        assert!(written <= 2 * 100_000, "{written}");
        assert!(sizes.len() <= 8, "{sizes:?}");
    }

    #[test]
    fn segments_that_are_large_enough_stay() {
        let policy = MergePolicy {
            base: 8_192,
            ..POLICY
        };
        let large: Vec<Size> = (0..9)
            .map(|number| size(number, 1 << 20, 1 << 20))
            .collect();
        assert!(policy.choose(&large).is_empty());
    }

    fn size_of_merged(number: u64, live: usize) -> Size {
        size(number, live, live)
    }
}
