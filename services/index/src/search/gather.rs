//! Gathers candidates: from every part of a view what its vectors and its words
//! find, in all as much as one part alone would give.
//!
//! A part is asked for its share of the width, by the points that it may give, and
//! a little more: so many of the best lie in it if points lie in parts as they come.
//! Where they do not, as when one part holds all nurses, the part's own last hit
//! tells: it is among the best of all parts, so better ones may be behind it, and
//! the part is asked again for the whole width. So the cost of a search hardly grows
//! with the number of parts, and what it finds does not fall.

mod sum;

use std::collections::BTreeSet;

use rayon::prelude::*;
use vivier_ann::{RowSet, SearchOptions};

use super::scorer::{PartScorer, Scorer};
use super::{Fusion, Plan, Query, SCRATCH};
use crate::config::GraphConfig;
use crate::points::{Slot, as_index};
use crate::segment::SegmentError;
use crate::view::{Part, View};

/// Hits asked for beside a part's share: in standard deviations of how many of the
/// best lie in it by chance, and in hits.
const SPARE_DEVIATIONS: f64 = 3.0;
const SPARE_HITS: f64 = 8.0;
/// Nodes that a walk keeps beside half as many again as are wanted: the last of what
/// it finds are the least sure, and a narrow walk is less sure than a wide one.
const SPARE_WIDTH: usize = 64;

/// The candidates of one part.
pub(super) struct Gathered<'a> {
    pub(super) scorer: PartScorer<'a>,
    /// Ascending.
    pub(super) rows: Vec<Slot>,
    /// Live rows that pass the filter.
    pub(super) allowed: usize,
    /// `None` when all of them are candidates.
    pub(super) plan: Option<Plan>,
}

/// Gathers the candidates of every part, in the order of the parts.
///
/// # Errors
/// When a segment cannot be searched.
pub(super) fn gather<'a>(
    view: &'a View,
    scorer: &'a Scorer,
    query: &Query,
    config: &GraphConfig,
) -> Result<Vec<Gathered<'a>>, SegmentError> {
    let parts: Vec<_> = view.parts().enumerate().collect();
    let mut parts = parts
        .into_par_iter()
        .map(|(number, part)| Ok(Prepared::new(scorer.part(number, part)?, query)))
        .collect::<Result<Vec<_>, SegmentError>>()?;
    let width = query.width();
    if !query.exact {
        choose(&mut parts, width, config.scan_points.max(2 * query.k));
    }
    let is_sum = query.fusion == Fusion::Sum && scorer.is_dense() && scorer.has_words();
    let found = if is_sum {
        sum::candidates(&mut parts, width, config.sum_factor)?
    } else {
        best_of_each(&parts, width, query.k)?
    };
    Ok(assemble(parts, found))
}

/// Finds the best by vectors and the best by words in the parts that are searched.
fn best_of_each(
    parts: &[Prepared<'_>],
    width: usize,
    k: usize,
) -> Result<Vec<Candidates>, SegmentError> {
    let asked = parts.iter().flat_map(Prepared::asked);
    let mut lists = search_all(parts, &asked.collect::<Vec<_>>())?;
    widen(&mut lists, parts, width)?;
    let missing = k.saturating_sub(found_by_one_way(&lists));
    let searched = parts.iter().filter(|part| part.asked.is_some());
    Ok(searched.map(|part| part.joined(&lists, missing)).collect())
}

/// Returns how wide a walk is that so many are wanted of.
fn walk_width(wanted: usize) -> usize {
    wanted + wanted / 2 + SPARE_WIDTH
}

/// Chooses the segments that are searched, and how many hits they are asked for, unless
/// `few` points or less may be hits at all.
fn choose(parts: &mut [Prepared<'_>], width: usize, few: usize) {
    let sealed = parts.iter().filter(|part| part.is_segment());
    let total = sealed.map(|part| part.allowed).sum();
    if total <= few {
        return;
    }
    for part in parts.iter_mut().filter(|part| part.is_segment()) {
        let share = share(width, part.allowed, total);
        // Otherwise it may give as many candidates as it has rows.
        part.asked = (part.allowed > 2 * share).then_some(share);
    }
}

/// Returns how many hits a part is asked for: `width` of `total` points lie
/// everywhere, `allowed` of those in the part.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of hits, rounded up"
)]
fn share(width: usize, allowed: usize, total: usize) -> usize {
    let part = allowed as f64 / total.max(1) as f64;
    let mean = width as f64 * part;
    let deviation = (mean * (1.0 - part).max(0.0)).sqrt();
    let hits = mean + SPARE_DEVIATIONS * deviation + SPARE_HITS;
    width.min(hits.ceil() as usize)
}

/// A way in which candidates are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Vectors,
    /// In id order, where a segment is older than all dense facets that count: they
    /// are 0 in its points, which are equal but for their words.
    Ids,
    /// By the words facet of this number.
    Words(usize),
}

/// A part before it is searched.
struct Prepared<'a> {
    scorer: PartScorer<'a>,
    /// `None` for all rows.
    allow: Option<RowSet>,
    allowed: usize,
    /// Hits that each way is asked for; `None` when all rows are candidates.
    asked: Option<usize>,
    /// The plan of scoring all rows.
    scanned: Plan,
}

impl<'a> Prepared<'a> {
    fn new(scorer: PartScorer<'a>, query: &Query) -> Self {
        let filter = query.filter.as_ref();
        let (allow, rows) = match scorer.part() {
            Part::Tail(tail) => (Some(tail.select(filter)), tail.slots()),
            Part::Segment(view) => (view.select(filter), view.segment.rows()),
        };
        Self {
            allowed: as_index(allow.as_ref().map_or(rows, RowSet::count)),
            scorer,
            allow,
            asked: None,
            scanned: query.scanned(),
        }
    }

    fn number(&self) -> usize {
        self.scorer.number()
    }

    fn is_segment(&self) -> bool {
        matches!(self.scorer.part(), Part::Segment(_))
    }

    /// Returns what is searched: the part, the way and the hits asked for.
    fn asked(&self) -> impl Iterator<Item = (usize, Way, usize)> {
        let ways = self.asked.map(|width| {
            let ways = self.ways();
            ways.map(move |way| (self.number(), way, width))
        });
        ways.into_iter().flatten()
    }

    fn ways(&self) -> impl Iterator<Item = Way> {
        let ids = self.scorer.lacks_dense().then_some(Way::Ids);
        let vectors = self.scorer.vectors().map_or(ids, |_| Some(Way::Vectors));
        let words = self.scorer.words();
        vectors
            .into_iter()
            .chain(words.map(|(facet, ..)| Way::Words(facet)))
    }

    /// Returns the best hits that one way finds.
    fn search(&self, way: Way, width: usize) -> Result<List, SegmentError> {
        let mut list = List {
            part: self.number(),
            way,
            width,
            hits: Vec::new(),
            plan: Plan::Graph,
        };
        let allow = self.allow.as_ref();
        match way {
            Way::Vectors => {
                let Some(vectors) = self.scorer.vectors() else {
                    return Ok(list);
                };
                let options = SearchOptions {
                    k: width,
                    ef: walk_width(width),
                };
                let found =
                    SCRATCH.with_borrow_mut(|scratch| vectors.search(options, allow, scratch))?;
                list.plan = match found.plan {
                    vivier_ann::Plan::Filtered => Plan::FilteredGraph,
                    // With words, the best of both are scored in whole, not all.
                    vivier_ann::Plan::Scan if self.scorer.words().next().is_none() => self.scanned,
                    vivier_ann::Plan::Graph | vivier_ann::Plan::Scan => Plan::Graph,
                };
                list.hits = found.hits.iter().map(|hit| (hit.row, hit.score)).collect();
            }
            Way::Ids => {
                if let Part::Segment(view) = self.scorer.part() {
                    let rows = view.after("", width, allow);
                    list.hits = rows.map(|row| (row, 0.0)).collect();
                }
            }
            Way::Words(number) => {
                let words = self.scorer.words();
                for (_, words, asked) in words.filter(|(facet, ..)| *facet == number) {
                    list.hits = words.top(asked, width, allow, None)?;
                }
            }
        }
        Ok(list)
    }

    /// Joins what was found in this part. Points without any of the words fill the
    /// answer, as many as are missing.
    fn joined(&self, lists: &[List], missing: usize) -> Candidates {
        let own = lists.iter().filter(|list| list.part == self.number());
        let hits = own.clone().flat_map(|list| &list.hits);
        let mut rows: Vec<Slot> = hits.map(|(row, _)| *row).collect();
        if let Part::Segment(view) = self.scorer.part() {
            rows.extend(view.after("", missing, self.allow.as_ref()));
        }
        Candidates {
            part: self.number(),
            rows,
            plan: own.map(|list| list.plan).max().unwrap_or(Plan::Graph),
        }
    }

    /// Takes the candidates that were found, or all rows where nothing was asked.
    fn finish(self, found: Option<Candidates>) -> Gathered<'a> {
        let Self {
            scorer,
            allow,
            allowed,
            ..
        } = self;
        let (rows, plan) = match (found, scorer.part(), &allow) {
            (Some(mut found), ..) => {
                found.rows.sort_unstable();
                found.rows.dedup();
                (found.rows, Some(found.plan))
            }
            (None, Part::Segment(view), None) => ((0..view.segment.rows()).collect(), None),
            (None, _, allow) => (allow.iter().flat_map(RowSet::iter).collect(), None),
        };
        Gathered {
            scorer,
            rows,
            allowed,
            plan,
        }
    }
}

/// What was found in one part that is searched.
struct Candidates {
    part: usize,
    rows: Vec<Slot>,
    plan: Plan,
}

/// What one way found in one part.
struct List {
    part: usize,
    way: Way,
    /// Hits asked for.
    width: usize,
    /// Best first.
    hits: Vec<(Slot, f32)>,
    plan: Plan,
}

/// Searches parts of these numbers in these ways, on all threads.
fn search_all(
    parts: &[Prepared<'_>],
    asked: &[(usize, Way, usize)],
) -> Result<Vec<List>, SegmentError> {
    let search = |(part, way, width): &(usize, Way, usize)| {
        let part: Option<&Prepared<'_>> = parts.get(*part);
        part.map(|part| part.search(*way, *width))
    };
    asked
        .par_iter()
        .with_max_len(1)
        .filter_map(search)
        .collect()
}

/// Searches again where better hits may be behind the last one, and leaves what
/// one part alone would give: of each way the best `width`.
fn widen(lists: &mut Vec<List>, parts: &[Prepared<'_>], width: usize) -> Result<(), SegmentError> {
    let floors = Floors::of(lists, width);
    let is_short = |list: &List| {
        let is_full = list.hits.len() >= list.width && list.width < width;
        let last = list.hits.last();
        is_full && last.is_some_and(|(_, score)| *score >= floors.of_way(list.way))
    };
    let short = lists.extract_if(.., |list| is_short(list));
    let asked: Vec<_> = short.map(|list| (list.part, list.way, width)).collect();
    lists.extend(search_all(parts, &asked)?);
    let floors = Floors::of(lists, width);
    for list in lists {
        let floor = floors.of_way(list.way);
        let kept = list.hits.partition_point(|(_, score)| *score >= floor);
        list.hits.truncate(kept);
    }
    Ok(())
}

/// Returns how many hits the way found that found the most.
fn found_by_one_way(lists: &[List]) -> usize {
    let found = ways(lists).into_iter().map(|way| {
        let lists = lists.iter().filter(|list| list.way == way);
        lists.map(|list| list.hits.len()).sum()
    });
    found.max().unwrap_or(0)
}

fn ways(lists: &[List]) -> BTreeSet<Way> {
    lists.iter().map(|list| list.way).collect()
}

/// The score of the last of the best hits of each way.
struct Floors(Vec<(Way, f32)>);

impl Floors {
    fn of(lists: &[List], width: usize) -> Self {
        let floors = ways(lists).into_iter().map(|way| {
            let lists = lists.iter().filter(|list| list.way == way);
            let mut scores: Vec<f32> = lists
                .flat_map(|list| &list.hits)
                .map(|(_, score)| *score)
                .collect();
            if scores.len() <= width {
                return (way, f32::NEG_INFINITY);
            }
            let (_, floor, _) = scores.select_nth_unstable_by(width - 1, |a, b| b.total_cmp(a));
            (way, *floor)
        });
        Self(floors.collect())
    }

    fn of_way(&self, way: Way) -> f32 {
        let found = self.0.iter().find(|(of, _)| *of == way);
        found.map_or(f32::NEG_INFINITY, |(_, floor)| *floor)
    }
}

fn assemble(parts: Vec<Prepared<'_>>, mut found: Vec<Candidates>) -> Vec<Gathered<'_>> {
    let parts = parts.into_iter().map(|part| {
        let own = |found: &mut Candidates| found.part == part.number();
        let own = found.extract_if(.., own).next();
        part.finish(own)
    });
    parts.collect()
}
