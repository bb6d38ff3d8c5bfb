//! All that a search looks at, for a caller who knows more of rows than their vectors.

use crate::AnnError;
use crate::kernel::index;
use crate::query::Query;
use crate::row_set::RowSet;
use crate::search::{BATCH, Hit, Plan, Scratch, SearchOptions, Wanted};
use crate::traverse::Scores;

/// What an exploration saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Explored {
    /// Every allowed row that was looked at, once and in no order, with its rough score:
    /// by the first plane alone.
    pub seen: Vec<Hit>,
    /// Rough score of the last of the `k` best rows; below all numbers when there are
    /// fewer.
    pub last: f32,
    /// What rows that were not seen hardly exceed; below all numbers when all were seen.
    pub floor: f32,
    /// How rows were found.
    pub plan: Plan,
}

impl Query<'_> {
    /// Searches, and returns all that was looked at on the way: some ten times as many
    /// rows as the walk is wide, the best of them among them. What is best by a sum of
    /// which the vectors are only a part is found there at no further cost.
    ///
    /// # Errors
    /// When `allow` is not over the rows of the segment.
    pub fn explore(
        &self,
        options: SearchOptions,
        allow: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Result<Explored, AnnError> {
        let allowed = self.allowed(allow)?;
        let nodes = allowed.as_deref();
        let count = nodes.map_or(self.segment.nodes(), RowSet::count);
        for (wanted, ef) in self.walks(options, allow, nodes) {
            let options = SearchOptions { ef, ..options };
            if let Some(explored) = self.walked_all(options, wanted, scratch)
                && explored.seen.len() >= options.k.min(index(count))
            {
                return Ok(explored);
            }
        }
        // Wide enough to keep all.
        scratch.shortlist.clear(index(count), self.margin);
        self.scan_allowed(nodes, scratch);
        let mut seen = Vec::with_capacity(index(count));
        for (score, node) in scratch.shortlist.items() {
            self.add_rows(*score, *node, allow, &mut seen);
        }
        let last = nth(&mut seen, options.k);
        Ok(Explored {
            seen,
            last,
            floor: f32::NEG_INFINITY,
            plan: Plan::Scan,
        })
    }

    /// Returns the rough scores of rows; below all numbers for a row that there is not.
    pub fn rough_scores(&self, rows: &[u32]) -> Vec<f32> {
        let segment = self.segment;
        let mut scores = Vec::with_capacity(rows.len());
        let (mut coarse, mut nodes, mut of_nodes) = (self.coarse(), Vec::new(), Vec::new());
        for rows in rows.chunks(BATCH) {
            nodes.clear();
            let known = rows.iter().filter(|row| **row < segment.rows());
            nodes.extend(known.map(|row| segment.node_of(*row)));
            nodes.iter().for_each(|node| coarse.prefetch(*node));
            coarse.score(&nodes, &mut of_nodes);
            let mut of_nodes = of_nodes.iter().copied();
            scores.extend(rows.iter().map(|row| {
                let score = (*row < segment.rows()).then(|| of_nodes.next());
                score.flatten().unwrap_or(f32::NEG_INFINITY)
            }));
        }
        scores
    }

    fn walked_all(
        &self,
        options: SearchOptions,
        wanted: Wanted<'_>,
        scratch: &mut Scratch,
    ) -> Option<Explored> {
        scratch.walk.pool.keep_offered(true);
        let spread = self.walk(options.ef, wanted, scratch);
        scratch.walk.pool.keep_offered(false);
        let spread = spread?;
        let pool = &scratch.walk.pool;
        let floor = pool.floor();
        let mut items = pool.items().iter().filter(|item| wanted.has(item.node()));
        let last = options.k.checked_sub(1).and_then(|place| items.nth(place));
        let last = last.map_or(f32::NEG_INFINITY, |last| last.score);
        if spread.is_some_and(|spread| !spread.stands_out(last)) {
            return None;
        }
        let mut seen = Vec::with_capacity(pool.offered().len() + self.segment.residual.len());
        for item in pool.offered() {
            self.add_rows(item.score, item.node(), wanted.rows, &mut seen);
        }
        self.score_residual(wanted, scratch);
        for (node, score) in scratch.nodes.iter().zip(&scratch.scores) {
            self.add_rows(*score, *node, wanted.rows, &mut seen);
        }
        Some(Explored {
            seen,
            last,
            floor,
            plan: wanted.plan(),
        })
    }

    /// Adds the allowed rows of a node.
    #[inline]
    fn add_rows(&self, score: f32, node: u32, allow: Option<&RowSet>, to: &mut Vec<Hit>) {
        let copies = self.segment.copies_of(node);
        let rows = std::iter::once(node).chain(copies);
        let rows = rows.filter(|row| allow.is_none_or(|allow| allow.contains(*row)));
        to.extend(rows.map(|row| Hit { row, score }));
    }
}

/// Returns the n-th greatest score; below all numbers when there are fewer.
fn nth(hits: &mut [Hit], n: usize) -> f32 {
    if n == 0 || n > hits.len() {
        return f32::NEG_INFINITY;
    }
    let (_, last, _) = hits.select_nth_unstable_by(n - 1, |a, b| b.score.total_cmp(&a.score));
    last.score
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::build::{BuildOptions, build};
    use crate::builder::Unwatched;
    use crate::layout::Layout;
    use crate::segment::Segment;
    use crate::testing::Random;
    use crate::vectors::Vectors;

    /// Every plan: a walk over all, past few refused rows, around many, and a scan.
    #[test]
    fn what_was_seen_holds_the_best_once_each_and_is_roughly_scored() {
        const ROWS: u32 = 8_000;
        let mut random = Random::new(3);
        let mut values = random.vector(7_900 * 8, 1.0);
        // Rows that are alike share a node.
        values.extend_from_within(..100 * 8);
        let layout = Layout::single(8).unwrap();
        let vectors = Vectors::new(&values, &layout).unwrap();
        let built = build(vectors, &layout, &BuildOptions::default(), &Unwatched);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vectors.ann");
        built.unwrap().unwrap().write(&path, "").unwrap();
        let segment = Segment::open(&path).unwrap();
        let query = segment.query(&random.vector(8, 1.0), &[1.0]).unwrap();
        let options = SearchOptions { k: 20, ef: 60 };
        let mut scratch = Scratch::default();
        let few = RowSet::of(ROWS, (0..ROWS).step_by(100));
        let half = RowSet::of(ROWS, (0..ROWS).step_by(2));
        let most = RowSet::of(ROWS, (0..ROWS).filter(|row| row % 10 > 0));
        let mut plans = BTreeSet::new();
        for allow in [None, Some(&most), Some(&half), Some(&few)] {
            let found = query.explore(options, allow, &mut scratch).unwrap();
            plans.insert(format!("{:?}", found.plan));
            let rows: BTreeSet<u32> = found.seen.iter().map(|hit| hit.row).collect();
            assert_eq!(rows.len(), found.seen.len(), "once each");
            assert!(
                rows.iter()
                    .all(|row| allow.is_none_or(|allow| allow.contains(*row)))
            );
            let best = query.scan(20, allow, &mut scratch).unwrap().hits;
            let held = best.iter().filter(|hit| rows.contains(&hit.row)).count();
            assert!(held >= 19, "{held} of 20 by {:?}", found.plan);
            let again = query.rough_scores(&rows.iter().copied().collect::<Vec<_>>());
            let mut seen = found.seen.clone();
            seen.sort_by_key(|hit| hit.row);
            for (hit, again) in seen.iter().zip(again) {
                assert_eq!(hit.score.to_bits(), again.to_bits());
                let score = query.score(hit.row).unwrap();
                assert!((hit.score - score).abs() <= query.margin);
            }
            seen.sort_by(|a, b| b.score.total_cmp(&a.score));
            assert_eq!(found.last.to_bits(), seen[19].score.to_bits());
            assert!(found.floor <= found.last);
        }
        assert_eq!(plans.len(), 3, "{plans:?}");
        let unknown = query.rough_scores(&[ROWS, 0]);
        assert_eq!(unknown[0], f32::NEG_INFINITY);
        assert!(unknown[1].is_finite());
    }
}
