//! Sets of ESCO concepts compared by the steps between them (CACL, sections 4.4 and 4.5).

use vivier_ontology::{ConceptId, Transport, skill_similarity};
use vivier_types::ConceptKey;

use crate::esco::Esco;
use crate::pair::narrowed;

/// The concepts of a query, to be compared with those of many others.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConceptSet<'a> {
    esco: Option<&'a Esco>,
    concepts: Vec<ConceptId>,
}

/// How alike two sets of concepts are, each value 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Likeness {
    /// How well the query's concepts are covered by the others.
    pub(crate) here_covered: f32,
    /// How well the others are covered by the query's.
    pub(crate) there_covered: f32,
    /// Likeness of the two nearest.
    pub(crate) nearest: f32,
}

impl Likeness {
    /// Returns CACL's symmetric similarity.
    pub(crate) fn similarity(self) -> f32 {
        0.5 * (self.here_covered + self.there_covered)
    }
}

impl<'a> ConceptSet<'a> {
    /// Looks concepts up; those that ESCO does not have are left out.
    pub(crate) fn new(esco: Option<&'a Esco>, keys: &[ConceptKey]) -> Self {
        Self {
            esco,
            concepts: esco.map_or_else(Vec::new, |esco| found(esco, keys)),
        }
    }

    /// Compares with other concepts; `None` when a side has none.
    pub(crate) fn likeness(&self, keys: &[ConceptKey]) -> Option<Likeness> {
        let esco = self.esco.filter(|_| !self.concepts.is_empty())?;
        let others = found(esco, keys);
        if others.is_empty() {
            return None;
        }
        let mut nearest_there = vec![None; others.len()];
        let mut nearest_here = vec![None; self.concepts.len()];
        for (concept, nearest) in self.concepts.iter().zip(&mut nearest_here) {
            for (other, nearest_there) in others.iter().zip(&mut nearest_there) {
                let steps = esco.distances().between(*concept, *other);
                *nearest = nearer(*nearest, steps);
                *nearest_there = nearer(*nearest_there, steps);
            }
        }
        let nearest = nearest_here.iter().copied().fold(None, nearer);
        Some(Likeness {
            here_covered: mean_similarity(nearest_here),
            there_covered: mean_similarity(nearest_there),
            nearest: narrowed(skill_similarity(nearest)),
        })
    }
}

/// Returns the mean steps by which one set is moved to become the other; `None` when a side
/// has none. The iteration ends before it is exact, so the sides are not to be swapped.
pub(crate) fn transport(esco: &Esco, one: &[ConceptKey], other: &[ConceptKey]) -> Option<f32> {
    let (one, other) = (found(esco, one), found(esco, other));
    // The default settings are in range.
    let cost = Transport::default().distance(esco.distances(), &one, &other);
    cost.ok().flatten().map(narrowed)
}

/// Returns the concepts of keys, each once, in the order of URIs.
fn found(esco: &Esco, keys: &[ConceptKey]) -> Vec<ConceptId> {
    let mut found: Vec<ConceptId> = keys.iter().filter_map(|key| esco.concept(*key)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn nearer(one: Option<u8>, other: Option<u8>) -> Option<u8> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Returns the mean similarity over the steps to the nearest. They are added in order, so
/// that the sum is the same whichever side asks.
fn mean_similarity(mut nearest: Vec<Option<u8>>) -> f32 {
    nearest.sort_unstable();
    let count = nearest.len() as f64;
    let sum: f64 = nearest.into_iter().map(skill_similarity).sum();
    narrowed(sum / count)
}
