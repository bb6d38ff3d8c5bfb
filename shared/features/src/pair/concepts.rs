//! Sets of ESCO concepts compared by the steps between them (CACL, sections 4.4 and 4.5).

use std::sync::Arc;

use vivier_ontology::{ConceptId, Distances, MAX_HOPS, Transport, skill_similarity};
use vivier_types::ConceptKey;

use crate::esco::Esco;
use crate::pair::narrowed;

/// The concepts of a query, each once, to be compared with those of many others.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConceptSet<'a> {
    esco: Option<&'a Esco>,
    /// For each concept the steps to every other one of ESCO.
    rows: Vec<Arc<[u8]>>,
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
        let rows = esco.map_or_else(Vec::new, |esco| {
            let concepts = found(esco, keys).into_iter();
            concepts
                .map(|concept| esco.distances().from(concept))
                .collect()
        });
        Self { esco, rows }
    }

    /// Returns the other concepts; `None` when a side has none.
    fn others(&self, keys: &[ConceptKey]) -> Option<Vec<ConceptId>> {
        let esco = self.esco.filter(|_| !self.rows.is_empty())?;
        Some(found(esco, keys)).filter(|others| !others.is_empty())
    }

    /// Compares with other concepts; `None` when a side has none.
    pub(crate) fn likeness(&self, keys: &[ConceptKey]) -> Option<Likeness> {
        let others = self.others(keys)?;
        let mut nearest_there = vec![Distances::FAR; others.len()];
        let mut nearest_here = vec![Distances::FAR; self.rows.len()];
        for (row, nearest_here) in self.rows.iter().zip(&mut nearest_here) {
            for (other, nearest_there) in others.iter().zip(&mut nearest_there) {
                let steps = steps_to(row, *other);
                *nearest_here = steps.min(*nearest_here);
                *nearest_there = steps.min(*nearest_there);
            }
        }
        let nearest = nearest_here.iter().min().copied();
        Some(Likeness {
            here_covered: mean_similarity(&nearest_here),
            there_covered: mean_similarity(&nearest_there),
            nearest: mean_similarity(nearest.as_slice()),
        })
    }

    /// Returns the mean steps by which the concepts asked for are moved to become those
    /// held; `None` when a side has none. The iteration ends before it is exact, so the
    /// sides are not to be swapped.
    pub(crate) fn transport(&self, keys: &[ConceptKey], asked: Side) -> Option<f32> {
        let others = self.others(keys)?;
        let transport = Transport::default();
        let cost = |row: &[u8], other: ConceptId| match steps_to(row, other) {
            Distances::FAR => transport.no_path,
            steps => f64::from(steps),
        };
        let (here, there) = (self.rows.len(), others.len());
        let mut costs = Vec::with_capacity(here * there);
        let found = match asked {
            Side::Here => {
                for row in &self.rows {
                    costs.extend(others.iter().map(|other| cost(row, *other)));
                }
                transport.cost(&costs, here, there)
            }
            Side::There => {
                for other in &others {
                    costs.extend(self.rows.iter().map(|row| cost(row, *other)));
                }
                transport.cost(&costs, there, here)
            }
        };
        // The default settings are in range.
        found.ok().flatten().map(narrowed)
    }
}

/// Which of two sets is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// That of the query.
    Here,
    /// The other one.
    There,
}

/// Returns the concepts of keys, each once, in the order of URIs.
fn found(esco: &Esco, keys: &[ConceptKey]) -> Vec<ConceptId> {
    let mut found: Vec<ConceptId> = keys.iter().filter_map(|key| esco.concept(*key)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn steps_to(row: &[u8], concept: ConceptId) -> u8 {
    row.get(concept.number()).copied().unwrap_or(Distances::FAR)
}

/// Returns the mean similarity over the steps to the nearest. They are counted first, so
/// that the sum is the same whichever side asks.
fn mean_similarity(nearest: &[u8]) -> f32 {
    let mut counts = [0_u32; MAX_HOPS as usize + 1];
    for steps in nearest {
        if let Some(count) = counts.get_mut(usize::from(*steps)) {
            *count += 1;
        }
    }
    let mut sum = 0.0;
    for (steps, count) in (0..=MAX_HOPS).zip(counts) {
        if count > 0 {
            sum += f64::from(count) * skill_similarity(Some(steps));
        }
    }
    narrowed(sum / nearest.len() as f64)
}
