//! ESCO as summaries name it: by keys, with the steps between concepts.

use std::fmt;
use std::num::NonZeroUsize;

use hashbrown::HashMap;
use vivier_ontology::{
    CACL_RELATIONS, ConceptId, Distances, Graph, Kind, Language, MAX_HOPS, Ontology,
};
use vivier_types::{ConceptKey, concept_key};

/// Concepts whose distances to all others are kept: a byte for each concept of ESCO, 37 MB
/// in all for its 18,000.
const KEPT_DISTANCES: NonZeroUsize = NonZeroUsize::new(2_048).expect("above 0");

/// The ontology, its graph as the CACL method joins it, and its concepts by their keys.
pub struct Esco {
    ontology: Ontology,
    distances: Distances,
    by_key: HashMap<ConceptKey, ConceptId>,
}

impl Esco {
    /// Joins the graph and indexes the skills and occupations.
    pub fn new(ontology: Ontology) -> Self {
        let graph = Graph::new(&ontology, &CACL_RELATIONS);
        let by_key = ontology
            .concepts()
            .filter(|concept| matches!(ontology.kind(*concept), Kind::Skill | Kind::Occupation))
            .filter_map(|concept| Some((concept_key(ontology.uri(concept))?, concept)))
            .collect();
        Self {
            distances: Distances::new(graph, MAX_HOPS, KEPT_DISTANCES),
            ontology,
            by_key,
        }
    }

    /// Returns the ontology.
    pub fn ontology(&self) -> &Ontology {
        &self.ontology
    }

    /// Returns the steps between concepts.
    pub fn distances(&self) -> &Distances {
        &self.distances
    }

    /// Finds a skill or an occupation; `None` when this release of ESCO has none of that
    /// key.
    pub fn concept(&self, key: ConceptKey) -> Option<ConceptId> {
        self.by_key.get(&key).copied()
    }

    /// Returns the preferred label in a language, in English where that has none, else in
    /// any.
    pub fn label(&self, concept: ConceptId, language: Language) -> Option<&str> {
        let label = |language| self.ontology.label(concept, language);
        label(language)
            .or_else(|| label(Language::ENGLISH))
            .or_else(|| self.ontology.languages().find_map(label))
    }
}

impl fmt::Debug for Esco {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Esco")
            .field("concepts", &self.by_key.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{COOKING, DEVELOPER, RUST, esco, key};

    #[test]
    fn concepts_are_found_by_their_keys() {
        let esco = esco();
        let rust = esco.concept(key(RUST)).unwrap();
        assert_eq!(
            esco.label(rust, Language::ENGLISH),
            Some("Rust (programming)")
        );
        assert_eq!(
            esco.label(rust, Language::FRENCH),
            Some("Rust (programmation)")
        );
        let cooking = esco.concept(key(COOKING)).unwrap();
        assert_eq!(esco.label(cooking, Language::FRENCH), Some("cook food"));
        let developer = esco.concept(key(DEVELOPER)).unwrap();
        assert_eq!(esco.distances().between(developer, rust), Some(1));
        assert_eq!(esco.concept(key(99)), None);
        assert_eq!(format!("{esco:?}"), "Esco { concepts: 9, .. }");
    }
}
