//! One search over one view: choose a plan, gather candidates, score them
//! exactly, keep the best.
//!
//! The score of a point is the sum of its parts, one for each facet asked for:
//! weight times dot product, or weight times the words score of
//! [`crate::words`]. Parts are computed by one function in every plan and summed
//! in the order of the facets' names, so a point has the same score, to the
//! bit, whichever plan found it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::words::WordsError;
use rayon::prelude::*;

use crate::collection::View;
use crate::config::GraphConfig;
use crate::dense::{Layout, dot};
use crate::filter::{Filter, Mask};
use crate::graph::Graph;
use crate::model::Words;
use crate::points::{Point, Points, Slot, as_index};
use crate::topk::{Scored, TopK};

/// Constant of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
const RRF_K: f32 = 60.0;

/// A checked search.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Input and weight by facet; every facet exists and fits.
    pub(crate) facets: BTreeMap<String, (FacetInput, f32)>,
    pub(crate) filter: Option<Filter>,
    /// At least 1.
    pub(crate) k: usize,
    pub(crate) ef: usize,
    pub(crate) exact: bool,
    pub(crate) fusion: Fusion,
}

/// What is asked of one facet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum FacetInput {
    Vector(Vec<f32>),
    Words(Words),
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

/// How a search was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Exact,
    Graph,
    FilteredScan,
}

/// One hit, best first in its list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Hit {
    pub(crate) id: Arc<str>,
    pub(crate) slot: Slot,
    pub(crate) score: f32,
    pub(crate) parts: Vec<(String, f32)>,
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

/// Searches a view on the current rayon pool.
///
/// # Errors
/// When the words index fails.
pub(crate) fn search(
    view: &View,
    layout: &Layout,
    query: &Query,
    config: &GraphConfig,
) -> Result<Found, WordsError> {
    let points = &view.points;
    let scorer = Scorer::new(view, layout, query)?;
    let mask = query.filter.as_ref().map(|filter| Mask::of(filter, points));
    let matching = mask.as_ref().map_or(points.live(), Mask::count);

    let graph = view.graph.as_deref();
    let graph = graph.filter(|_| graph_pays(&scorer, query, mask.as_ref(), points, config));
    let width = graph.and_then(|graph| graph.width(&scorer.dense_weights, query.ef.max(query.k)));
    if let (Some(graph), Some(width)) = (graph, width) {
        let list = candidates(graph, width, &scorer, mask.as_ref(), points);
        let (best, scored) = rank(points, &Pool::List(&list), &scorer, query);
        // The graph may miss points under a filter: then every one is looked at.
        if best.len() >= query.k.min(matching) {
            return Ok(Found {
                hits: hits(points, &scorer, &best),
                plan: Plan::Graph,
                points: points.live(),
                matching: mask.as_ref().map(Mask::count),
                scored,
            });
        }
    }
    let (best, scored) = rank(points, &Pool::Scan(mask.as_ref()), &scorer, query);
    Ok(Found {
        hits: hits(points, &scorer, &best),
        plan: if mask.is_some() {
            Plan::FilteredScan
        } else {
            Plan::Exact
        },
        points: points.live(),
        matching: mask.as_ref().map(Mask::count),
        scored,
    })
}

/// Decides between graph and scan. Where few points pass a filter a scan of
/// those is both faster and exact.
fn graph_pays(
    scorer: &Scorer,
    query: &Query,
    mask: Option<&Mask>,
    points: &Points,
    config: &GraphConfig,
) -> bool {
    if query.exact || scorer.weighted.is_none() {
        return false;
    }
    let Some(mask) = mask else {
        return true;
    };
    let few = config.min_points.max(2 * query.k);
    mask.count() > few && share(mask.count(), points.live()) > config.filtered_scan_share
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Gathers what the graph finds, the points that are not in it yet, and the
/// best by words.
fn candidates(
    graph: &Graph,
    ef: usize,
    scorer: &Scorer,
    mask: Option<&Mask>,
    points: &Points,
) -> Vec<Slot> {
    let weighted = scorer.weighted.as_deref().unwrap_or_default();
    let found = match mask {
        Some(mask) => graph.search_filtered(weighted, ef, |slot| mask.contains(slot)),
        None => {
            // Dead points take places in the graph's answer: ask for more.
            let dead = graph.points() - points.live_below(graph.end());
            let more = ef * dead / graph.points().max(1);
            graph.search(weighted, ef + more)
        }
    };
    let alive =
        |slot: &Slot| mask.map_or_else(|| points.get(*slot).is_some(), |mask| mask.contains(*slot));
    let mut list: Vec<Slot> = found.into_iter().filter(alive).collect();
    list.extend(
        points
            .from(graph.end())
            .map(|point| point.slot)
            .filter(alive),
    );
    let (by_words, _) =
        Pool::Scan(mask).top(points, ef, |point| scorer.words(point), Positive::Only);
    list.extend(by_words.iter().map(|scored| scored.slot));
    list.sort_unstable();
    list.dedup();
    list
}

fn rank(points: &Points, pool: &Pool<'_>, scorer: &Scorer, query: &Query) -> (Vec<Scored>, usize) {
    match query.fusion {
        Fusion::Sum => pool.top(points, query.k, |point| scorer.sum(point), Positive::Any),
        Fusion::Rrf => {
            let depth = query.k.max(query.ef);
            let (dense, scored) = match scorer.weighted {
                Some(_) => pool.top(points, depth, |point| scorer.dense(point), Positive::Any),
                None => (Vec::new(), 0),
            };
            // Texts without any of the words have no rank beside a dense order.
            let positive = if dense.is_empty() {
                Positive::Any
            } else {
                Positive::Only
            };
            let (words, scanned) = pool.top(points, depth, |point| scorer.words(point), positive);
            (fuse(points, &[dense, words], query.k), scored.max(scanned))
        }
    }
}

/// Adds `1 / (60 + rank)` over the lists, ranks from 1.
fn fuse(points: &Points, lists: &[Vec<Scored>], k: usize) -> Vec<Scored> {
    let mut sums: BTreeMap<Slot, f32> = BTreeMap::new();
    for list in lists {
        let mut rank = 0.0;
        for scored in list {
            rank += 1.0;
            *sums.entry(scored.slot).or_default() += 1.0 / (RRF_K + rank);
        }
    }
    let mut top = TopK::new(points, k);
    for (slot, score) in sums {
        top.push(Scored { score, slot });
    }
    top.finish()
}

fn hits(points: &Points, scorer: &Scorer, best: &[Scored]) -> Vec<Hit> {
    let hits = best.iter().filter_map(|scored| {
        let point = points.get(scored.slot)?;
        Some(Hit {
            id: Arc::clone(&point.meta.id),
            slot: scored.slot,
            score: scored.score,
            parts: scorer.parts(point),
        })
    });
    hits.collect()
}

/// Which points may be scored.
enum Pool<'a> {
    /// Every live point, or those of the mask.
    Scan(Option<&'a Mask>),
    /// These.
    List(&'a [Slot]),
}

/// Whether points that score 0 are kept.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Positive {
    Only,
    Any,
}

impl Pool<'_> {
    /// Returns the k best by `score`, and how many were scored.
    fn top(
        &self,
        points: &Points,
        k: usize,
        score: impl Fn(Point<'_>) -> f32 + Sync,
        positive: Positive,
    ) -> (Vec<Scored>, usize) {
        let offer = |(top, count): &mut (TopK<'_>, usize), point: Point<'_>| {
            let score = score(point);
            *count += 1;
            if positive == Positive::Any || score > 0.0 {
                let slot = point.slot;
                top.push(Scored { score, slot });
            }
        };
        let start = || (TopK::new(points, k), 0);
        let (top, count) = match self {
            Self::List(slots) => {
                let mut state = start();
                for point in slots.iter().filter_map(|slot| points.get(*slot)) {
                    offer(&mut state, point);
                }
                state
            }
            Self::Scan(mask) => points
                .chunks()
                .par_iter()
                .filter(|chunk| chunk.live() > 0)
                .fold(start, |mut state, chunk| {
                    for point in chunk.points(points.dim()) {
                        if mask.is_none_or(|mask| mask.contains(point.slot)) {
                            offer(&mut state, point);
                        }
                    }
                    state
                })
                .reduce(start, |a, b| (a.0.merge(b.0), a.1 + b.1)),
        };
        (top.finish(), count)
    }
}

/// Computes the parts of a point's score.
struct Scorer {
    /// By facet, in the order of the names.
    parts: Vec<(String, Part)>,
    /// The dense query with its weights inside, `[dim]`; `None` when no dense
    /// facet counts.
    weighted: Option<Vec<f32>>,
    /// Weight of each dense facet in layout order, 0 for those left out.
    dense_weights: Vec<f32>,
}

enum Part {
    /// A facet of weight 0.
    Nothing,
    Dense {
        range: Range<usize>,
        vector: Vec<f32>,
        weight: f32,
    },
    Words {
        /// By slot.
        scores: Vec<f32>,
        weight: f32,
    },
}

impl Part {
    fn of(&self, point: Point<'_>) -> f32 {
        match self {
            Self::Nothing => 0.0,
            Self::Dense {
                range,
                vector,
                weight,
            } => {
                let facet = point.vector.get(range.clone()).unwrap_or_default();
                weight * dot(vector, facet)
            }
            Self::Words { scores, weight } => {
                weight * scores.get(as_index(point.slot)).copied().unwrap_or(0.0)
            }
        }
    }
}

impl Scorer {
    fn new(view: &View, layout: &Layout, query: &Query) -> Result<Self, WordsError> {
        let mut parts = Vec::new();
        let mut weighted = vec![0.0; layout.dim()];
        let mut counts = false;
        for (name, (input, weight)) in &query.facets {
            let part = match input {
                _ if *weight == 0.0 => Part::Nothing,
                FacetInput::Vector(vector) => {
                    let range = layout.range(name).unwrap_or_default();
                    if let Some(place) = weighted.get_mut(range.clone()) {
                        for (value, input) in place.iter_mut().zip(vector) {
                            *value = weight * input;
                        }
                    }
                    counts = true;
                    Part::Dense {
                        range,
                        vector: vector.clone(),
                        weight: *weight,
                    }
                }
                FacetInput::Words(words) => match view.words.get(name) {
                    None => Part::Nothing,
                    Some(index) => Part::Words {
                        scores: index.scores(&index.query(words)?, view.points.slots())?,
                        weight: *weight,
                    },
                },
            };
            parts.push((name.clone(), part));
        }
        let dense_weights = layout
            .facets()
            .map(|(name, _, _)| query.facets.get(name).map_or(0.0, |(_, weight)| *weight));
        Ok(Self {
            parts,
            weighted: counts.then_some(weighted),
            dense_weights: dense_weights.collect(),
        })
    }

    fn sum(&self, point: Point<'_>) -> f32 {
        self.parts.iter().map(|(_, part)| part.of(point)).sum()
    }

    fn dense(&self, point: Point<'_>) -> f32 {
        let dense = self
            .parts
            .iter()
            .filter(|(_, part)| matches!(part, Part::Dense { .. }));
        dense.map(|(_, part)| part.of(point)).sum()
    }

    fn words(&self, point: Point<'_>) -> f32 {
        let words = self
            .parts
            .iter()
            .filter(|(_, part)| matches!(part, Part::Words { .. }));
        words.map(|(_, part)| part.of(point)).sum()
    }

    fn parts(&self, point: Point<'_>) -> Vec<(String, f32)> {
        let parts = self.parts.iter();
        parts
            .map(|(name, part)| (name.clone(), part.of(point)))
            .collect()
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
