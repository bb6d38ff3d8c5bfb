//! Merges the answers of the shards into one order.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use prost::bytes::Bytes;
use vivier_proto::v1;

/// A hit and the shard that gave it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShardHit {
    /// Number of the shard, from 0.
    pub(crate) shard: usize,
    /// Identifier of the profile.
    pub(crate) id: String,
    /// Score of the retrieval.
    pub(crate) score: f32,
    /// Weighted part of each facet.
    pub(crate) facet_scores: BTreeMap<String, f32>,
    /// The same by the query without what was added to it; empty when nothing was.
    pub(crate) asked_scores: BTreeMap<String, f32>,
    /// Encoded `v1.Summary`.
    pub(crate) summary: Bytes,
}

impl ShardHit {
    /// Reads a hit of shard `shard`.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn read(shard: usize, hit: v1::SearchHit) -> Result<Self, &'static str> {
        let point = hit.point.ok_or("a hit without a point")?;
        if !hit.score.is_finite() {
            return Err("a hit whose score is not finite");
        }
        Ok(Self {
            shard,
            id: point.id,
            score: hit.score,
            facet_scores: hit.facet_scores,
            asked_scores: hit.reported_scores,
            summary: point.summary,
        })
    }
}

/// Returns the `depth` best hits of all shards: higher scores first, equal
/// scores in id order.
///
/// When shards were added since a profile was written, two shards can hold it;
/// the one where it lives now, by `shard_of`, has the newer record and is kept.
pub(crate) fn merge(
    answers: Vec<Vec<ShardHit>>,
    depth: usize,
    shard_of: impl Fn(&str) -> usize,
) -> Vec<ShardHit> {
    let mut hits: Vec<ShardHit> = answers.into_iter().flatten().collect();
    hits.sort_unstable_by(|a, b| {
        a.id.cmp(&b.id)
            .then_with(|| (shard_of(&a.id) != a.shard).cmp(&(shard_of(&b.id) != b.shard)))
    });
    hits.dedup_by(|later, kept| later.id == kept.id);
    hits.sort_by(best_first);
    hits.truncate(depth);
    hits
}

fn best_first(a: &ShardHit, b: &ShardHit) -> Ordering {
    b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hit(shard: usize, id: &str, score: f32) -> ShardHit {
        ShardHit {
            shard,
            id: id.to_owned(),
            score,
            facet_scores: BTreeMap::new(),
            asked_scores: BTreeMap::new(),
            summary: Bytes::new(),
        }
    }

    #[test]
    fn the_shard_where_a_profile_lives_now_wins() {
        let answers = vec![
            vec![hit(0, "a", 0.9)],
            vec![hit(1, "a", 0.2), hit(1, "b", 0.1)],
        ];
        let merged = merge(answers, 10, |_| 1);
        assert_eq!(merged, [hit(1, "a", 0.2), hit(1, "b", 0.1)]);
    }

    proptest! {
        #[test]
        fn merging_equals_sorting_everything_and_truncating(
            scores in prop::collection::btree_map("[a-f]{1,3}", 0_u8..8, 0..60),
            shards in 1_usize..5,
            depth in 1_usize..40,
        ) {
            let all: Vec<ShardHit> = scores
                .iter()
                .enumerate()
                .map(|(index, (id, score))| hit(index % shards, id, f32::from(*score) / 8.0))
                .collect();
            // Each shard answers with its own best `depth`, as the index does.
            let answers = (0..shards)
                .map(|shard| {
                    let mut own: Vec<ShardHit> =
                        all.iter().filter(|hit| hit.shard == shard).cloned().collect();
                    own.sort_by(best_first);
                    own.truncate(depth);
                    own
                })
                .collect();
            let mut expected = all.clone();
            expected.sort_by(|a, b| {
                b.score.partial_cmp(&a.score).unwrap().then(a.id.cmp(&b.id))
            });
            expected.truncate(depth);
            prop_assert_eq!(merge(answers, depth, |_| 0), expected);
        }
    }
}
