//! The undirected graph of an ontology, and shortest paths on it.

use std::collections::VecDeque;

use crate::concept::{ConceptId, Ontology, Relation};
use crate::table::{Lists, index};

/// The relations that make the graph of the CACL method: skills of occupations, the ISCO
/// groups of occupations, and the levels of skill groups.
pub const CACL_RELATIONS: [Relation; 4] = [
    Relation::Essential,
    Relation::Optional,
    Relation::Group,
    Relation::Level,
];

/// Longest path that counts in the CACL method, in steps.
pub const MAX_HOPS: u8 = 8;

/// Where no path is, among distances.
pub(crate) const FAR: u8 = u8::MAX;

/// Concepts joined by relations, whatever their direction.
#[derive(Clone, Debug)]
pub struct Graph {
    neighbours: Lists,
    count: usize,
}

impl Graph {
    /// Joins the concepts of an ontology by some of its relations.
    pub fn new(ontology: &Ontology, relations: &[Relation]) -> Self {
        let mut pairs = Vec::new();
        for concept in ontology.concepts() {
            for relation in relations {
                for other in ontology.related(concept, *relation) {
                    pairs.push((concept.0, other.0));
                    pairs.push((other.0, concept.0));
                }
            }
        }
        let count = ontology.len();
        Self {
            neighbours: Lists::of(count, pairs),
            count,
        }
    }

    /// Returns the neighbours of a concept, in the order of URIs.
    pub fn neighbours(&self, concept: ConceptId) -> impl Iterator<Item = ConceptId> {
        let neighbours = self.neighbours.get(concept.0).iter();
        neighbours.copied().map(ConceptId)
    }

    /// Returns the steps from a concept to each other one, `[concepts]`: [`FAR`] where
    /// there is no path of at most `max_hops`.
    pub(crate) fn steps_from(&self, start: ConceptId, max_hops: u8) -> Vec<u8> {
        let mut steps = vec![FAR; self.count];
        let Some(own) = steps.get_mut(start.number()) else {
            return steps;
        };
        *own = 0;
        let mut border = vec![start.0];
        for step in 1..=max_hops.min(FAR - 1) {
            let mut next = Vec::new();
            for node in border {
                for other in self.neighbours.get(node) {
                    if let Some(known) = steps.get_mut(index(*other))
                        && *known == FAR
                    {
                        *known = step;
                        next.push(*other);
                    }
                }
            }
            if next.is_empty() {
                break;
            }
            border = next;
        }
        steps
    }

    /// Returns a shortest path, both ends included; `None` when there is none of at most
    /// `max_hops` steps. Of several, always the same one.
    pub fn path(&self, from: ConceptId, to: ConceptId, max_hops: u8) -> Option<Vec<ConceptId>> {
        let mut before = vec![None; self.count];
        *before.get_mut(from.number())? = Some(from);
        let mut queue = VecDeque::from([(from, 0)]);
        while let Some((node, steps)) = queue.pop_front() {
            if node == to {
                return Some(back(&before, from, to));
            }
            if steps == max_hops {
                continue;
            }
            for other in self.neighbours(node) {
                if let Some(place @ None) = before.get_mut(other.number()) {
                    *place = Some(node);
                    queue.push_back((other, steps + 1));
                }
            }
        }
        None
    }
}

/// Follows the steps back.
fn back(before: &[Option<ConceptId>], from: ConceptId, to: ConceptId) -> Vec<ConceptId> {
    let mut path = vec![to];
    let mut node = to;
    while node != from {
        let Some(Some(previous)) = before.get(node.number()) else {
            break;
        };
        node = *previous;
        path.push(node);
    }
    path.reverse();
    path
}
