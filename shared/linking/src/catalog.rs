//! The labels in which concepts are looked for.

use std::collections::HashSet;

use vivier_ontology::{ConceptId, Kind, Language, Ontology};

use crate::text::plain;

/// One label of a concept.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// As the ontology has it.
    pub(crate) text: String,
    pub(crate) language: Language,
    /// The place of its concept among those of the catalog.
    pub(crate) owner: u32,
    pub(crate) preferred: bool,
}

/// The concepts of some kinds, and every label of them in some languages; the labels of
/// one concept lie together.
#[derive(Debug, Default)]
pub(crate) struct Catalog {
    pub(crate) concepts: Vec<ConceptId>,
    pub(crate) labels: Vec<Label>,
    /// Where the labels of each concept end.
    ends: Vec<usize>,
}

impl Catalog {
    /// Lists the concepts of some kinds that have a label in one of the languages.
    ///
    /// A label that names a man and a woman, such as "vendeur/vendeuse", counts as
    /// both beside itself. Of labels that differ only in case, accents and punctuation
    /// the first stays.
    pub(crate) fn of(ontology: &Ontology, kinds: &[Kind], languages: &[Language]) -> Self {
        let mut catalog = Self::default();
        for concept in ontology.concepts() {
            if kinds.contains(&ontology.kind(concept)) {
                catalog.add(ontology, concept, languages);
            }
        }
        catalog
    }

    fn add(&mut self, ontology: &Ontology, concept: ConceptId, languages: &[Language]) {
        let owner = u32::try_from(self.concepts.len()).unwrap_or(u32::MAX);
        let before = self.labels.len();
        for language in languages {
            let preferred = ontology.label(concept, *language);
            let others = ontology.other_labels(concept, *language);
            let all = preferred
                .map(|text| (text, true))
                .into_iter()
                .chain(others.map(|text| (text, false)));
            let mut seen = HashSet::new();
            for (text, preferred) in all.flat_map(forms) {
                let plain = plain(text);
                if !plain.is_empty() && seen.insert(plain) {
                    self.labels.push(Label {
                        text: text.to_owned(),
                        language: *language,
                        owner,
                        preferred,
                    });
                }
            }
        }
        if self.labels.len() > before {
            self.concepts.push(concept);
            self.ends.push(self.labels.len());
        }
    }

    /// Returns the places of the labels of a concept.
    pub(crate) fn labels_of(&self, owner: u32) -> std::ops::Range<usize> {
        let owner = usize::try_from(owner).unwrap_or(usize::MAX);
        let start = owner
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        start.copied().unwrap_or(0)..self.ends.get(owner).copied().unwrap_or(0)
    }
}

/// Returns a label, and the parts of one that names two forms.
fn forms((label, preferred): (&str, bool)) -> impl Iterator<Item = (&str, bool)> {
    let parts = label.split_once('/').filter(|(one, other)| {
        let alike = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
        !other.contains('/') && alike.count() >= 4
    });
    let parts = parts.into_iter().flat_map(|(one, other)| [one, other]);
    std::iter::once(label)
        .chain(parts)
        .map(move |text| (text.trim(), preferred))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_label_count() {
        let parts = |label| -> Vec<&str> { forms((label, true)).map(|(text, _)| text).collect() };
        assert_eq!(
            parts("vendeur/vendeuse"),
            ["vendeur/vendeuse", "vendeur", "vendeuse"]
        );
        assert_eq!(parts("TCP/IP"), ["TCP/IP"]);
        assert_eq!(parts("PL/SQL developer"), ["PL/SQL developer"]);
    }
}
