//! Words and skills that a query does not name but the ontology relates to it.
//!
//! Expansion can hurt what is reranked afterwards: it is bounded, each addition has a
//! weight below that of what was asked and says where it comes from, and nothing here
//! happens unless it is asked for.

use std::collections::BTreeSet;

use crate::concept::{ConceptId, Kind, Language, Ontology, Relation};
use crate::distances::{Distances, steps_to};
use crate::similarity::skill_similarity;

/// How much is added at most; what was asked has weight 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ExpansionLimits {
    /// Other labels of each concept.
    pub labels: usize,
    /// Their weight.
    pub label_weight: f64,
    /// Essential skills of each occupation.
    pub essential: usize,
    /// Their weight.
    pub essential_weight: f64,
    /// Skills near each skill.
    pub neighbours: usize,
    /// Their weight, times their similarity.
    pub neighbour_weight: f64,
    /// Most additions in all.
    pub total: usize,
}

impl Default for ExpansionLimits {
    fn default() -> Self {
        Self {
            labels: 3,
            label_weight: 0.5,
            essential: 5,
            essential_weight: 0.4,
            neighbours: 2,
            neighbour_weight: 0.5,
            total: 40,
        }
    }
}

/// Why something was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It is another label of a concept of the query.
    Label {
        /// The concept.
        of: ConceptId,
    },
    /// It is an essential skill of an occupation of the query.
    Essential {
        /// The occupation.
        of: ConceptId,
    },
    /// It is near a skill of the query.
    Neighbour {
        /// The skill.
        of: ConceptId,
        /// Steps between them.
        steps: u8,
    },
}

/// One addition.
#[derive(Clone, Debug, PartialEq)]
pub struct Added<'a> {
    /// The concept that it names.
    pub concept: ConceptId,
    /// The words.
    pub label: &'a str,
    /// Below 1.
    pub weight: f64,
    /// Where it comes from.
    pub reason: Reason,
}

/// What an expansion changes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expansion<'a> {
    /// Heaviest first.
    pub added: Vec<Added<'a>>,
    /// Additions that the limit in all has cut off.
    pub cut: usize,
}

/// What a query says.
#[derive(Clone, Copy)]
pub struct Said<'q> {
    /// Concepts that are expanded.
    pub concepts: &'q [ConceptId],
    /// Concepts that are not, but are in the query as well.
    pub others: &'q [ConceptId],
    /// Tells whether the query has a label in its words.
    pub has_label: &'q dyn Fn(&str) -> bool,
}

/// Expands the concepts of a query in a language. Nothing that is in the query is added,
/// and no concept's label twice.
pub fn expand<'a>(
    ontology: &'a Ontology,
    distances: &Distances,
    said: Said<'_>,
    language: Language,
    limits: &ExpansionLimits,
) -> Expansion<'a> {
    let query = said.concepts;
    let mut known: BTreeSet<ConceptId> = query.iter().chain(said.others).copied().collect();
    let mut added = Vec::new();
    for concept in query {
        let label = ontology.label(*concept, language);
        let others = ontology.other_labels(*concept, language);
        let others = others.filter(|other| Some(*other) != label);
        let labels = label.into_iter().chain(others);
        let labels = labels.filter(|label| !(said.has_label)(label));
        added.extend(labels.take(limits.labels).map(|label| Added {
            concept: *concept,
            label,
            weight: limits.label_weight,
            reason: Reason::Label { of: *concept },
        }));
    }
    let mut add = |concept: ConceptId, weight: f64, reason: Reason| {
        if let Some(label) = ontology.label(concept, language)
            && known.insert(concept)
        {
            added.push(Added {
                concept,
                label,
                weight,
                reason,
            });
        }
    };
    for concept in query {
        if ontology.kind(*concept) == Kind::Occupation {
            let essential = ontology.related(*concept, Relation::Essential);
            for skill in essential.take(limits.essential) {
                add(
                    skill,
                    limits.essential_weight,
                    Reason::Essential { of: *concept },
                );
            }
        }
    }
    for concept in query {
        if ontology.kind(*concept) == Kind::Skill && limits.neighbours > 0 {
            for (skill, steps) in nearest(ontology, distances, *concept, limits.neighbours) {
                let weight = limits.neighbour_weight * skill_similarity(Some(steps));
                add(
                    skill,
                    weight,
                    Reason::Neighbour {
                        of: *concept,
                        steps,
                    },
                );
            }
        }
    }
    added.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let cut = added.len().saturating_sub(limits.total);
    added.truncate(limits.total);
    Expansion { added, cut }
}

/// Returns the nearest skills of a skill, nearest first. Of those as near, which are many,
/// the ones come first that share most with it: `shared² / neighbours`, the neighbours of
/// both on the graph squared by those of the other; then in the order of URIs.
#[expect(clippy::cast_precision_loss, reason = "counts of neighbours")]
fn nearest(
    ontology: &Ontology,
    distances: &Distances,
    skill: ConceptId,
    most: usize,
) -> Vec<(ConceptId, u8)> {
    let steps = distances.from(skill);
    let graph = distances.graph();
    let mut shared = vec![0_usize; ontology.len()];
    for neighbour in graph.neighbours(skill) {
        for other in graph.neighbours(neighbour) {
            if let Some(count) = shared.get_mut(other.number()) {
                *count += 1;
            }
        }
    }
    let alike = |other: ConceptId| {
        let both = shared.get(other.number()).copied().unwrap_or(0);
        let own = graph.neighbours(other).count().max(1);
        (both * both) as f64 / own as f64
    };
    let skills = ontology
        .concepts()
        .filter(|other| *other != skill && ontology.kind(*other) == Kind::Skill);
    let mut near: Vec<_> = skills
        .filter_map(|other| Some((other, steps_to(&steps, other)?, alike(other))))
        .collect();
    let order = |a: &(ConceptId, u8, f64), b: &(ConceptId, u8, f64)| {
        let alike = b.2.total_cmp(&a.2);
        a.1.cmp(&b.1).then(alike).then(a.0.cmp(&b.0))
    };
    if near.len() > most {
        near.select_nth_unstable_by(most, order);
        near.truncate(most);
    }
    near.sort_by(order);
    let near = near.into_iter();
    near.map(|(other, steps, _)| (other, steps)).collect()
}
