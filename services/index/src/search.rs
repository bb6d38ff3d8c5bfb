//! One search over one view: gather candidates in every part, score them
//! exactly, keep the best.
//!
//! The score of a point is the sum of its parts, one for each facet asked for:
//! weight times dot product, or weight times the words score of
//! [`crate::words`]. Parts are computed by one function in every plan and summed
//! in the order of the facets' names, so a point has the same score, to the
//! bit, whichever plan found it. In a segment vectors are rounded to 16 bits:
//! there a dot product is within `3.2e-5 · Σ |q|·|x|` of that in a tail.

mod gather;
mod scorer;

use std::cell::RefCell;
use std::collections::BTreeMap;

use rayon::prelude::*;
use vivier_ann::Scratch;

use crate::config::{GraphConfig, WordsConfig};
use crate::dense::Layout;
use crate::filter::Filter;
use crate::model::{AddedWords, Words};
use crate::points::Slot;
use crate::search::gather::{Gathered, gather};
pub(crate) use crate::search::scorer::statistics;
use crate::search::scorer::{PartScorer, Scorer};
use crate::segment::SegmentError;
use crate::topk::{Scored, TopK};
use crate::view::{Place, View};

/// Constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const RRF_K: f32 = 60.0;
/// Rows that one thread scores at a time.
const BATCH: usize = 256;
/// Hits whose parts one thread computes at a time.
const HIT_BATCH: usize = 256;

thread_local! {
    /// Memory of the graph search, kept by each thread.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A checked search.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Input and weight by facet; every facet exists and fits.
    pub(crate) facets: Inputs,
    /// By which hits are scored besides.
    pub(crate) reported: Inputs,
    pub(crate) filter: Option<Filter>,
    /// At least 1.
    pub(crate) k: usize,
    pub(crate) ef: usize,
    pub(crate) exact: bool,
    pub(crate) fusion: Fusion,
}

impl Query {
    /// Returns how many candidates each way of finding them gives.
    fn width(&self) -> usize {
        self.k.max(self.ef)
    }

    /// Returns the plan of scoring all that may be found.
    fn scanned(&self) -> Plan {
        match self.filter {
            Some(_) => Plan::FilteredScan,
            None => Plan::Exact,
        }
    }
}

/// Input and weight by facet.
pub(crate) type Inputs = BTreeMap<String, (FacetInput, f32)>;

/// What is asked of one facet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FacetInput {
    Vector(Vec<f32>),
    /// What is asked for, and what is added to it.
    Words(Words, Vec<AddedWords>),
}

/// How facets make one order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fusion {
    /// The sum of all parts.
    Sum,
    /// Reciprocal ranks of the dense order and of the words order, each as
    /// deep as the greater of k and ef.
    Rrf,
}

/// How a search was carried out; the least exact way of any part counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Plan {
    /// Every live point was scored.
    Exact,
    /// Every point that passes the filter was scored.
    FilteredScan,
    /// The graph was searched; points that fail the filter were left out.
    Graph,
    /// The graph was searched through points that fail the filter.
    FilteredGraph,
}

/// One hit, best first in its list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) id: String,
    pub(crate) place: Place,
    pub(crate) score: f32,
    pub(crate) parts: Vec<(String, f32)>,
    /// Parts by what is only reported.
    pub(crate) reported: Vec<(String, f32)>,
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    pub(crate) plan: Plan,
    pub(crate) points: usize,
    /// Points that pass the filter, when there is one.
    pub(crate) matching: Option<usize>,
    pub(crate) scored: usize,
}

/// What a search may set.
#[derive(Clone, Copy)]
pub(crate) struct Settings<'a> {
    pub(crate) graph: &'a GraphConfig,
    pub(crate) words: &'a WordsConfig,
}

/// Searches a view on the current rayon pool.
///
/// # Errors
/// When a segment cannot be read or the words fail.
pub(crate) fn search(
    view: &View,
    layout: &Layout,
    query: &Query,
    settings: Settings<'_>,
) -> Result<Found, SegmentError> {
    let scorer = Scorer::new(view, layout, &query.facets, settings.words)?;
    let parts = gather(view, &scorer, query, settings.graph)?;
    let best = match query.fusion {
        Fusion::Sum => top(view, &parts, query.k, &Order::Sum)?,
        Fusion::Rrf => fused(view, &parts, query, scorer.is_dense())?,
    };
    let plans = parts.iter().filter_map(|part| part.plan);
    let matching = parts.iter().map(|part| part.allowed).sum();
    let mut hits = hits(view, &parts, &best)?;
    if !query.reported.is_empty() {
        let scorer = Scorer::new(view, layout, &query.reported, settings.words)?;
        add_reported(&mut hits, view, &scorer)?;
    }
    Ok(Found {
        hits,
        plan: plans.max().unwrap_or(query.scanned()),
        points: view.live(),
        matching: query.filter.as_ref().map(|_| matching),
        scored: parts.iter().map(|part| part.rows.len()).sum(),
    })
}

/// What rows are ordered by.
enum Order {
    Sum,
    Dense,
    /// Rows that score 0 are left out.
    Words {
        only_positive: bool,
    },
}

/// Returns the k best candidates.
fn top(
    view: &View,
    parts: &[Gathered<'_>],
    k: usize,
    order: &Order,
) -> Result<Vec<Scored>, SegmentError> {
    let batches: Vec<(&PartScorer<'_>, &[Slot])> = parts
        .iter()
        .flat_map(|part| part.rows.chunks(BATCH).map(|rows| (&part.scorer, rows)))
        .collect();
    let start = || Ok(TopK::new(view, k));
    let best = batches
        .into_par_iter()
        .try_fold(
            || TopK::new(view, k),
            |mut best, (scorer, rows)| {
                offer(&mut best, scorer, rows, order)?;
                Ok::<_, SegmentError>(best)
            },
        )
        .reduce(start, |a, b| Ok(a?.merge(b?)))?;
    Ok(best.finish())
}

fn offer(
    best: &mut TopK<'_>,
    scorer: &PartScorer<'_>,
    rows: &[Slot],
    order: &Order,
) -> Result<(), SegmentError> {
    let scores = scorer.scores(rows)?;
    for (row, parts) in rows.iter().zip(scores.rows()) {
        let score = match order {
            Order::Sum => parts.iter().sum(),
            Order::Dense => scorer.dense_sum(parts),
            Order::Words { .. } => scorer.words_sum(parts),
        };
        if matches!(
            order,
            Order::Words {
                only_positive: true
            }
        ) && score <= 0.0
        {
            continue;
        }
        let place = scorer.place(*row);
        best.push(Scored { score, place });
    }
    Ok(())
}

/// Fuses the dense order and the words order.
fn fused(
    view: &View,
    parts: &[Gathered<'_>],
    query: &Query,
    is_dense: bool,
) -> Result<Vec<Scored>, SegmentError> {
    let depth = query.width();
    let mut lists = Vec::new();
    if is_dense {
        lists.push(top(view, parts, depth, &Order::Dense)?);
    }
    // Texts without any of the words have no rank beside a dense order.
    let only_positive = is_dense;
    lists.push(top(view, parts, depth, &Order::Words { only_positive })?);
    // Adds `1 / (60 + rank)` over the lists, ranks from 1.
    let mut sums: BTreeMap<Place, f32> = BTreeMap::new();
    for list in &lists {
        let mut rank = 0.0;
        for scored in list {
            rank += 1.0;
            *sums.entry(scored.place).or_default() += 1.0 / (RRF_K + rank);
        }
    }
    let mut top = TopK::new(view, query.k);
    for (place, score) in sums {
        top.push(Scored { score, place });
    }
    Ok(top.finish())
}

/// Adds ids and parts.
fn hits(view: &View, parts: &[Gathered<'_>], best: &[Scored]) -> Result<Vec<Hit>, SegmentError> {
    let places: Vec<Place> = best.iter().map(|scored| scored.place).collect();
    let mut found = parts_of(parts.iter().map(|part| &part.scorer), &places)?;
    let hits = best.iter().map(|Scored { score, place }| Hit {
        id: view.id(*place).to_owned(),
        place: *place,
        score: *score,
        parts: found.remove(place).unwrap_or_default(),
        reported: Vec::new(),
    });
    Ok(hits.collect())
}

/// Scores hits by what is only reported.
fn add_reported(hits: &mut [Hit], view: &View, scorer: &Scorer) -> Result<(), SegmentError> {
    let parts = view.parts().enumerate();
    let scorers = parts.map(|(number, part)| scorer.part(number, part));
    let scorers: Vec<PartScorer<'_>> = scorers.collect::<Result<_, _>>()?;
    let places: Vec<Place> = hits.iter().map(|hit| hit.place).collect();
    let mut found = parts_of(scorers.iter(), &places)?;
    for hit in hits {
        hit.reported = found.remove(&hit.place).unwrap_or_default();
    }
    Ok(())
}

/// Parts of scores by the names of facets.
type NamedParts = Vec<(String, f32)>;

/// Computes the parts of rows.
fn parts_of<'a>(
    scorers: impl Iterator<Item = &'a PartScorer<'a>>,
    places: &[Place],
) -> Result<BTreeMap<Place, NamedParts>, SegmentError> {
    let batches: Vec<(&PartScorer<'_>, Vec<Slot>)> = scorers
        .flat_map(|scorer| {
            let own = places.iter().filter(|place| place.part == scorer.number());
            let mut rows: Vec<Slot> = own.map(|place| place.row).collect();
            rows.sort_unstable();
            let batches = rows.chunks(HIT_BATCH).map(<[Slot]>::to_vec);
            let batches: Vec<_> = batches.map(|rows| (scorer, rows)).collect();
            batches
        })
        .collect();
    let scored = batches
        .into_par_iter()
        .map(|(scorer, rows)| Ok((scorer, scorer.scores(&rows)?, rows)))
        .collect::<Result<Vec<_>, SegmentError>>()?;
    let mut found: BTreeMap<Place, NamedParts> = BTreeMap::new();
    for (scorer, scores, rows) in scored {
        for (row, values) in rows.iter().zip(scores.rows()) {
            let names = scorer.names().zip(values);
            let named = names.map(|(name, value)| (name.to_owned(), *value));
            found.insert(scorer.place(*row), named.collect());
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
