//! Distances on the graph, remembered.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;

use crate::concept::ConceptId;
use crate::graph::{FAR, Graph};

/// Shortest paths from concepts that are asked about again and again.
///
/// The distances of one concept to all others are found at once, in about a millisecond
/// on the whole of ESCO, and kept for the concepts asked about last: a byte each.
pub struct Distances {
    graph: Graph,
    max_hops: u8,
    known: Mutex<LruCache<ConceptId, Arc<[u8]>>>,
}

impl Distances {
    /// The steps where no path is short enough.
    pub const FAR: u8 = FAR;

    /// Measures on a graph; a path of more than `max_hops` steps is none. Keeps the
    /// distances of so many concepts, each a byte for every concept of the graph.
    pub fn new(graph: Graph, max_hops: u8, kept: NonZeroUsize) -> Self {
        Self {
            graph,
            max_hops,
            known: Mutex::new(LruCache::new(kept)),
        }
    }

    /// Returns the graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns the steps between two concepts; `None` when no path is short enough.
    pub fn between(&self, one: ConceptId, other: ConceptId) -> Option<u8> {
        steps_to(&self.from(one), other)
    }

    /// Returns a shortest path, both ends included; `None` when none is short enough.
    pub fn path(&self, from: ConceptId, to: ConceptId) -> Option<Vec<ConceptId>> {
        self.graph.path(from, to, self.max_hops)
    }

    /// Returns the steps from a concept to every other one, by
    /// [`ConceptId::number`]; [`Self::FAR`] where no path is short enough.
    ///
    /// Whoever compares one concept with many takes this once: [`Self::between`] takes a
    /// lock for each pair.
    pub fn from(&self, concept: ConceptId) -> Arc<[u8]> {
        let lock = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lock().get(&concept) {
            return Arc::clone(known);
        }
        // Not under the lock: others ask meanwhile.
        let steps: Arc<[u8]> = self.graph.steps_from(concept, self.max_hops).into();
        lock().put(concept, Arc::clone(&steps));
        steps
    }
}

/// Looks a concept up in the steps from another.
pub(crate) fn steps_to(steps: &[u8], concept: ConceptId) -> Option<u8> {
    let steps = steps.get(concept.number()).copied();
    steps.filter(|steps| *steps != FAR)
}
