//! Occupations by the skills that they ask for.

use std::collections::HashMap;

use vivier_ontology::{ConceptId, Ontology, Relation};

use crate::subspace::{Row, subspace};
use crate::translation::Translation;
use crate::vectors::place;

/// Numbers of a profile.
const DIM: usize = 96;
/// What an optional skill weighs beside an essential one.
const OPTIONAL: f32 = 0.5;

/// A profile of each occupation, and of each stem of labels: what a text asks for is
/// foretold from its words.
///
/// The skills of an occupation, each weighed by `ln(1 + occupations / occupations that ask
/// for it)`, are reduced to the main directions of their cosines (latent semantic analysis,
/// Deerwester et al. 1990). Ridge regression maps the stems of labels to the profiles of
/// their concepts. Words of a title that stand in no label of the right occupation, but in
/// labels of occupations with like skills, so speak for it.
pub(crate) struct Profiles {
    by_stem: Translation,
    /// By concept, `[concepts, DIM]`: of length 1, or zeros where there are no skills.
    of_concepts: Vec<f32>,
}

impl Profiles {
    /// Learns from the [`rows`] of concepts, and from labels, each given as its stems and the
    /// place of its concept. Runs on the current rayon pool.
    pub(crate) fn learn(rows: &[Row], labels: &[(Vec<String>, u32)]) -> Self {
        let mut of_concepts = subspace(rows, DIM);
        for profile in of_concepts.chunks_exact_mut(DIM) {
            let length = profile.iter().map(|value| value * value).sum::<f32>();
            let length = length.sqrt().max(f32::MIN_POSITIVE);
            profile.iter_mut().for_each(|value| *value /= length);
        }
        let (mut stems, mut wanted) = (Vec::new(), Vec::new());
        for (of_label, owner) in labels {
            let profile = of_concepts.chunks_exact(DIM).nth(place(*owner));
            let profile = profile.filter(|profile| profile.iter().any(|value| *value != 0.0));
            if let Some(profile) = profile {
                stems.push(of_label.as_slice());
                wanted.extend_from_slice(profile);
            }
        }
        Self {
            by_stem: Translation::learn(&stems, &wanted, DIM),
            of_concepts,
        }
    }

    /// Foretells the profile that a text asks for; `None` when no stem of it is known.
    pub(crate) fn of_text(&self, stems: &[String]) -> Option<Vec<f32>> {
        self.by_stem.vector(stems)
    }

    /// Returns the cosine of a profile with that of a concept; 0 where it has none.
    pub(crate) fn cosine(&self, profile: &[f32], owner: u32) -> f32 {
        let start = place(owner) * DIM;
        let of = self.of_concepts.get(start..start + DIM);
        let products = profile.iter().zip(of.unwrap_or_default());
        products.map(|(a, b)| a * b).sum()
    }
}

/// Returns the skills of each concept with their weights, of length 1 together.
pub(crate) fn rows(ontology: &Ontology, concepts: &[ConceptId]) -> Vec<Row> {
    let mut numbers: HashMap<ConceptId, u32> = HashMap::new();
    let mut having: Vec<f32> = Vec::new();
    let mut rows: Vec<Row> = Vec::with_capacity(concepts.len());
    for concept in concepts {
        let mut row = Row::new();
        for (relation, weight) in [(Relation::Essential, 1.0), (Relation::Optional, OPTIONAL)] {
            for skill in ontology.related(*concept, relation) {
                let next = u32::try_from(having.len()).unwrap_or(u32::MAX);
                let number = *numbers.entry(skill).or_insert(next);
                if number == next {
                    having.push(0.0);
                }
                if let Some(having) = having.get_mut(place(number)) {
                    *having += 1.0;
                }
                row.push((number, weight));
            }
        }
        rows.push(row);
    }
    let all = rows.iter().filter(|row| !row.is_empty()).count() as f32;
    for row in &mut rows {
        for (skill, weight) in row.iter_mut() {
            let having = having.get(place(*skill)).copied().unwrap_or(1.0);
            *weight *= (1.0 + all / having).ln();
        }
        let length = row.iter().map(|(_, weight)| weight * weight).sum::<f32>();
        let length = length.sqrt().max(f32::MIN_POSITIVE);
        row.iter_mut().for_each(|(_, weight)| *weight /= length);
    }
    rows
}
