//! Candidates where a sum of vectors and words decides.
//!
//! The best of a sum are not the best of either, and the more points there are the
//! deeper they lie in both orders: no list of so many by vectors and so many by words
//! holds them. Both sides know more than such a list. The postings give the words of
//! *every* row, and a walk over the graph scores ten times as many rows as it is wide.
//! So the best sums of what the walk saw come first, and the last that is wanted is a
//! floor. A row that the walk did not see is hardly nearer than the last one that it
//! kept: only words worth the difference can lift it above the floor. Rows with such
//! words are candidates, too. This is the threshold algorithm (Fagin, Lotem and Naor,
//! PODS 2001), with the walk as one of its sorted lists.

use rayon::prelude::*;
use vivier_ann::{Explored, Hit, RowSet, SearchOptions};

use super::{Candidates, Prepared, walk_width};
use crate::points::{Slot, as_index, as_slot};
use crate::search::{BATCH, Plan, SCRATCH};
use crate::segment::SegmentError;
use crate::view::Part;

/// Sums found beside those wanted: an eighth of these, and some. The vectors' parts of
/// sums are rough here.
const SPARE_SHARE: usize = 8;
const SPARE_SUMS: usize = 32;
/// Rows whose words are compared with a floor at once.
const TOGETHER: usize = 64;

/// What the vectors of one part say.
struct Look {
    part: usize,
    /// Best rows asked for.
    width: usize,
    explored: Explored,
}

/// Finds candidates in the parts that are searched, and gives their scorers the words
/// of all their rows. At most `by_words` rows for each hit wanted are candidates for
/// their words alone.
///
/// # Errors
/// When a segment cannot be searched.
pub(super) fn candidates(
    parts: &mut [Prepared<'_>],
    width: usize,
    by_words: usize,
) -> Result<Vec<Candidates>, SegmentError> {
    let asked = parts
        .iter()
        .filter_map(|part| Some((part.number(), part.asked?)));
    let asked: Vec<_> = asked.collect();
    let (looks, words) = rayon::join(|| look(parts, &asked), || words_of(parts));
    for (part, facet, scores) in words? {
        if let Some(part) = parts.get_mut(part) {
            part.scorer.set_words(facet, scores);
        }
    }
    let parts: &[Prepared<'_>] = parts;
    let looks = look_again(parts, looks?, width)?;
    let wanted = width + width / SPARE_SHARE + SPARE_SUMS;
    let summed: Vec<Look> = looks
        .into_par_iter()
        .with_max_len(1)
        .map(|look| look.summed(parts, wanted))
        .collect();
    let sums = summed.iter().flat_map(|look| &look.explored.seen);
    let floor = best(&mut sums.copied().collect(), wanted);
    let found = summed.into_par_iter().with_max_len(1);
    Ok(found
        .map(|look| look.candidates(parts, floor, by_words))
        .collect())
}

/// Looks by vectors, on all threads.
fn look(parts: &[Prepared<'_>], asked: &[(usize, usize)]) -> Result<Vec<Look>, SegmentError> {
    let look = |(number, width): &(usize, usize)| {
        let part: &Prepared<'_> = parts.get(*number)?;
        let explored = explore(part, *width);
        Some(explored.map(|explored| Look {
            part: *number,
            width: *width,
            explored,
        }))
    };
    asked.par_iter().with_max_len(1).filter_map(look).collect()
}

fn explore(part: &Prepared<'_>, width: usize) -> Result<Explored, SegmentError> {
    let allow = part.allow.as_ref();
    if let Some(vectors) = part.scorer.vectors() {
        let options = SearchOptions {
            k: width,
            ef: walk_width(width),
        };
        let explored = SCRATCH.with_borrow_mut(|scratch| vectors.explore(options, allow, scratch));
        return Ok(explored?);
    }
    // Equal but for their words: the first in id order stand for all.
    let mut seen = Vec::new();
    if let Part::Segment(view) = part.scorer.part() {
        let rows = view.after("", width, allow);
        seen.extend(rows.map(|row| Hit { row, score: 0.0 }));
    }
    Ok(Explored {
        seen,
        last: 0.0,
        floor: 0.0,
        plan: vivier_ann::Plan::Graph,
    })
}

/// Returns the words scores of all rows: part, facet, and scores by row.
fn words_of(parts: &[Prepared<'_>]) -> Result<Vec<(usize, usize, Vec<f32>)>, SegmentError> {
    let searched = parts.iter().filter(|part| part.asked.is_some());
    let facets: Vec<_> = searched
        .flat_map(|part| part.scorer.words().map(move |words| (part, words)))
        .collect();
    let scores = facets
        .into_par_iter()
        .with_max_len(1)
        .map(|(part, (facet, words, query))| {
            Ok((
                part.number(),
                facet,
                words.all_scores(query, part.allow.as_ref())?,
            ))
        });
    scores.collect()
}

/// Looks again where nearer rows may be behind the last one, as when one part holds all
/// that are near.
fn look_again(
    parts: &[Prepared<'_>],
    mut looks: Vec<Look>,
    width: usize,
) -> Result<Vec<Look>, SegmentError> {
    let near = looks.iter().flat_map(|look| {
        let seen = look.explored.seen.iter();
        seen.filter(|hit| hit.score >= look.explored.last).copied()
    });
    let floor = best(&mut near.collect(), width);
    let is_short = |look: &Look| {
        let ends = look.explored.floor > f32::NEG_INFINITY && look.width < width;
        ends && look.explored.last >= floor
    };
    let short = looks.extract_if(.., |look| is_short(look));
    let asked: Vec<_> = short.map(|look| (look.part, width)).collect();
    looks.extend(self::look(parts, &asked)?);
    Ok(looks)
}

/// Leaves the `n` best, in no order; returns the score of the last of them, or what is
/// below all scores when there are no more than `n`.
fn best(hits: &mut Vec<Hit>, n: usize) -> f32 {
    if hits.len() <= n || n == 0 {
        return f32::NEG_INFINITY;
    }
    let (_, last, _) = hits.select_nth_unstable_by(n - 1, |a, b| b.score.total_cmp(&a.score));
    let last = last.score;
    hits.truncate(n);
    last
}

impl Look {
    /// Adds the words of the rows that were seen, and leaves the best sums.
    fn summed(mut self, parts: &[Prepared<'_>], wanted: usize) -> Self {
        if let Some(part) = parts.get(self.part) {
            let words = Words::of(part);
            for hit in &mut self.explored.seen {
                hit.score += words.of_row(hit.row);
            }
        }
        best(&mut self.explored.seen, wanted);
        self
    }

    /// Returns the rows whose sums reach a floor.
    fn candidates(self, parts: &[Prepared<'_>], floor: f32, by_words: usize) -> Candidates {
        let sums = self.explored.seen.iter();
        let above = sums.filter(|sum| sum.score >= floor);
        let mut rows: Vec<Slot> = above.map(|sum| sum.row).collect();
        if let Some(part) = parts.get(self.part) {
            rows.extend(self.by_words(part, floor, by_words));
        }
        Candidates {
            part: self.part,
            rows,
            plan: match self.explored.plan {
                vivier_ann::Plan::Filtered => Plan::FilteredGraph,
                // The best of vectors and words are scored in whole, not all.
                vivier_ann::Plan::Graph | vivier_ann::Plan::Scan => Plan::Graph,
            },
        }
    }

    /// Returns the rows that their words lift above a floor of sums, of at most so many
    /// for each hit wanted that their words alone may lift above it.
    fn by_words(&self, part: &Prepared<'_>, floor: f32, most: usize) -> Vec<Slot> {
        if self.explored.floor == f32::NEG_INFINITY {
            return Vec::new();
        }
        let words = Words::of(part);
        let mut found = words.above(floor - self.explored.floor, part.allow.as_ref());
        best(&mut found, self.width.saturating_mul(most));
        if let Some(vectors) = part.scorer.vectors() {
            found.par_chunks_mut(BATCH).for_each(|hits| {
                let rows: Vec<Slot> = hits.iter().map(|hit| hit.row).collect();
                for (hit, score) in hits.iter_mut().zip(vectors.rough_scores(&rows)) {
                    hit.score += score;
                }
            });
        }
        let above = found.into_iter().filter(|hit| hit.score >= floor);
        above.map(|hit| hit.row).collect()
    }
}

/// The words scores of all rows of a part: weight, and scores by row, of each facet.
struct Words<'a>(Vec<(f32, &'a [f32])>);

impl<'a> Words<'a> {
    fn of(part: &'a Prepared<'_>) -> Self {
        Self(part.scorer.words_by_row().collect())
    }

    /// Returns the weighted sum of a row.
    #[inline]
    fn of_row(&self, row: Slot) -> f32 {
        let scores = self
            .0
            .iter()
            .map(|(weight, scores)| weight * scores.get(as_index(row)).copied().unwrap_or(0.0));
        scores.sum()
    }

    /// Returns the allowed rows whose weighted sum reaches a floor.
    fn above(&self, floor: f32, allow: Option<&RowSet>) -> Vec<Hit> {
        let rows = self.0.iter().map(|(_, scores)| scores.len()).max();
        let rows = rows.unwrap_or(0);
        let mut found = Vec::new();
        for start in (0..rows).step_by(TOGETHER) {
            let mut sums = [0.0_f32; TOGETHER];
            for (weight, scores) in &self.0 {
                let scores = scores.get(start..).unwrap_or_default();
                sums.iter_mut()
                    .zip(scores)
                    .for_each(|(sum, score)| *sum += weight * score);
            }
            // Most are far below.
            if !sums.iter().fold(false, |any, sum| any | (*sum >= floor)) {
                continue;
            }
            for (row, sum) in (as_slot(start)..as_slot(rows)).zip(sums) {
                if sum >= floor && allow.is_none_or(|allow| allow.contains(row)) {
                    found.push(Hit { row, score: sum });
                }
            }
        }
        found
    }
}
