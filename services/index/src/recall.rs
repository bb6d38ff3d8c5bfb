//! A live gauge of recall: a small share of the searches that people send is carried
//! out again by scoring every point, in the background, and compared.
//!
//! It tells what no benchmark can: whether this pool, under these filters, with these
//! weights, is searched as well as promised. Searches do not wait for it: it runs on
//! one thread that takes idle time only, one search at a time; those that come
//! meanwhile are not compared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use vivier_runtime::{CpuPool, PoolError};

use crate::collection::Collection;
use crate::config::{GraphConfig, WordsConfig};
use crate::search::{Found, Fusion, Plan, Query, Settings, search};
use crate::segment::SegmentError;
use crate::view::View;

/// Compared searches that the gauge shows.
const WINDOW: usize = 256;

/// Compares some searches with exact ones.
pub(crate) struct RecallGauge {
    pool: CpuPool,
    /// Share of searches that are compared: 0 to 1.
    share: f64,
    config: (GraphConfig, WordsConfig),
    /// Searches offered so far.
    offered: AtomicU64,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    is_busy: AtomicBool,
    /// By collection.
    recent: Mutex<BTreeMap<String, Recent>>,
}

/// What was compared of one collection.
#[derive(Default)]
struct Recent {
    searches: u64,
    /// Of the last ones, oldest first.
    recalls: VecDeque<f64>,
}

/// What the gauge shows of one collection.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// Searches compared since the start.
    pub(crate) searches: u64,
    /// Mean recall of the last 256 of them: 0 to 1.
    pub(crate) mean: f64,
    /// Lowest recall of those.
    pub(crate) lowest: f64,
}

impl RecallGauge {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(crate) fn new(graph: &GraphConfig, words: &WordsConfig) -> Result<Self, PoolError> {
        Ok(Self {
            pool: CpuPool::in_background("index-recall", 1)?,
            share: graph.recall_share,
            config: (graph.clone(), words.clone()),
            offered: AtomicU64::new(0),
            state: Arc::default(),
        })
    }

    /// Takes note of a search; some are compared. Orders by rank are not: what they
    /// find depends on how deep each list goes.
    pub(crate) fn offer(&self, collection: &Collection, view: &View, query: &Query, found: &Found) {
        let is_sure = matches!(found.plan, Plan::Exact | Plan::FilteredScan);
        if query.exact || query.fusion == Fusion::Rrf || !self.is_next() {
            return;
        }
        let name = collection.name();
        if is_sure && found.scored >= found.matching.unwrap_or(found.points) {
            self.state.add(name, 1.0);
            return;
        }
        if self.state.is_busy.swap(true, Ordering::AcqRel) {
            return;
        }
        let scores: Vec<f32> = found.hits.iter().map(|hit| hit.score).collect();
        let query = Query {
            exact: true,
            reported: BTreeMap::new(),
            ..query.clone()
        };
        let (view, name) = (view.clone(), name.to_owned());
        let (busy, config) = (Busy(Arc::clone(&self.state)), self.config.clone());
        let work = move || match exact(&view, &query, &config) {
            Ok(exact) => busy.0.add(&name, recall(&scores, &exact)),
            Err(error) => tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a search could not be compared with an exact one"
            ),
        };
        drop(self.pool.start(work));
    }

    /// Tells whether the next search is one of the share.
    #[expect(
        clippy::cast_precision_loss,
        reason = "after 2^53 searches the share is no longer exact"
    )]
    fn is_next(&self) -> bool {
        let number = self.offered.fetch_add(1, Ordering::Relaxed);
        let due = |number: u64| (number as f64 * self.share).floor();
        due(number + 1) > due(number)
    }

    /// Returns what is known of a collection.
    pub(crate) fn read(&self, collection: &str) -> Reading {
        let recent = self.state.recent.lock();
        let recent = recent.unwrap_or_else(PoisonError::into_inner);
        recent
            .get(collection)
            .map_or_else(Reading::default, Recent::read)
    }
}

/// Lets the next search be compared once it is dropped, also by a panic.
struct Busy(Arc<State>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.is_busy.store(false, Ordering::Release);
    }
}

impl State {
    fn add(&self, collection: &str, recall: f64) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = recent.entry(collection.to_owned()).or_default();
        recent.searches += 1;
        recent.recalls.push_back(recall);
        if recent.recalls.len() > WINDOW {
            recent.recalls.pop_front();
        }
    }
}

impl Recent {
    #[expect(clippy::cast_precision_loss, reason = "a count of at most 256")]
    fn read(&self) -> Reading {
        let count = self.recalls.len().max(1) as f64;
        Reading {
            searches: self.searches,
            mean: self.recalls.iter().sum::<f64>() / count,
            lowest: self.recalls.iter().copied().fold(1.0, f64::min),
        }
    }
}

/// Returns the scores of the exact answer, best first.
fn exact(
    view: &View,
    query: &Query,
    (graph, words): &(GraphConfig, WordsConfig),
) -> Result<Vec<f32>, SegmentError> {
    let found = search(view, &view.schema.layout, query, Settings { graph, words })?;
    Ok(found.hits.iter().map(|hit| hit.score).collect())
}

/// Returns the share of an exact answer that was found: as a point has the same
/// score in both, all that score as much as the last exact one count. Of points of
/// equal score either may be in the answer.
#[expect(clippy::cast_precision_loss, reason = "counts of hits")]
fn recall(found: &[f32], exact: &[f32]) -> f64 {
    let Some(last) = exact.last() else {
        return 1.0;
    };
    let right = found.iter().filter(|score| *score >= last).count();
    right.min(exact.len()) as f64 / exact.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_kept_and_readings_are_of_the_last_ones() {
        let graph = GraphConfig {
            recall_share: 0.25,
            ..GraphConfig::default()
        };
        let gauge = RecallGauge::new(&graph, &WordsConfig::default()).unwrap();
        let due: Vec<bool> = (0..8).map(|_| gauge.is_next()).collect();
        assert_eq!(due, [false, false, false, true, false, false, false, true]);
        assert_eq!(gauge.read("a"), Reading::default());
        gauge.state.add("a", 0.0);
        for _ in 0..WINDOW {
            gauge.state.add("a", 0.5);
        }
        gauge.state.add("a", 1.0);
        let reading = gauge.read("a");
        assert_eq!((reading.searches, reading.lowest), (258, 0.5));
        assert!((reading.mean - (255.0 * 0.5 + 1.0) / 256.0).abs() < 1e-9);
    }

    #[test]
    fn recall_counts_what_scores_as_much_as_the_last_exact_one() {
        assert!((recall(&[5.0, 3.0, 1.0], &[5.0, 4.0, 3.0]) - 2.0 / 3.0).abs() < 1e-9);
        assert!((recall(&[5.0, 3.0, 3.0], &[5.0, 3.0, 3.0]) - 1.0).abs() < 1e-9);
        assert!((recall(&[], &[1.0]) - 0.0).abs() < 1e-9);
        assert!((recall(&[], &[]) - 1.0).abs() < 1e-9);
    }
}
