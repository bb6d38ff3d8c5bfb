//! The labels in which concepts are looked for.

use std::ops::Range;

use hashbrown::{HashMap, HashSet};
use vivier_ontology::{ConceptId, Kind, Language, Ontology};

use crate::text::plain;
use crate::vectors::place;

/// Concepts of whose labels a label is the head, from which on it is vague.
const HEADED: usize = 20;
/// Most words of a vague label: longer ones head few.
const HEAD_WORDS: usize = 3;

/// One label of a concept.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    /// Its place in the texts of the catalog.
    text: Range<u32>,
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
    /// The labels as the ontology has them, side by side.
    texts: String,
    /// Where the labels of each concept end.
    ends: Vec<usize>,
    /// The vague labels that were left out, in [`plain`] form, and are no preferred ones.
    vague: HashSet<String>,
}

impl Catalog {
    /// Lists the concepts of some kinds that have a label in one of the languages.
    ///
    /// A label that names a man and a woman, such as "vendeur/vendeuse", counts as
    /// both beside itself. Of labels that differ only in case, accents and punctuation
    /// the first stays, and [vague](Self::vague) ones go. Returns them beside the catalog in
    /// the [`plain`] form.
    pub(crate) fn of(
        ontology: &Ontology,
        kinds: &[Kind],
        languages: &[Language],
    ) -> (Self, Vec<String>) {
        let (mut catalog, mut plains) = (Self::default(), Vec::new());
        for concept in ontology.concepts() {
            if kinds.contains(&ontology.kind(concept)) {
                catalog.add(ontology, concept, languages, &mut plains);
            }
        }
        catalog.drop_vague(&mut plains);
        (catalog, plains)
    }

    /// Tells of each label whether it is vague: beside the preferred one, and the head of
    /// labels of [`HEADED`] concepts or more. It says less than its concept: ESCO calls a
    /// hearse driver "driver", and attention to detail "care".
    ///
    /// The head is what a label ends with in English, and begins with in other languages.
    fn vague(&self, plains: &[String]) -> Vec<bool> {
        let labels = || self.labels.iter().zip(plains);
        // By label: how many concepts it heads, and the last of them.
        let mut heads: HashMap<(Language, &str), (usize, Option<u32>)> = labels()
            .filter(|(label, plain)| !label.preferred && plain.matches(' ').count() < HEAD_WORDS)
            .map(|(label, plain)| ((label.language, plain.as_str()), (0, None)))
            .collect();
        for (label, plain) in labels() {
            for head in heads_of(plain, label.language).take(HEAD_WORDS) {
                if let Some((count, last)) = heads.get_mut(&(label.language, head))
                    && last.replace(label.owner) != Some(label.owner)
                {
                    *count += 1;
                }
            }
        }
        let headed = |(label, plain): (&Label, &String)| {
            let heads = heads.get(&(label.language, plain.as_str()));
            !label.preferred && heads.is_some_and(|(count, _)| *count >= HEADED)
        };
        labels().map(headed).collect()
    }

    /// Takes vague labels out; a concept that has no other keeps its own.
    fn drop_vague(&mut self, plains: &mut Vec<String>) {
        let vague = self.vague(plains).into_iter();
        let mut kept: Vec<bool> = vague.map(|vague| !vague).collect();
        for owner in (0..).take(self.concepts.len()) {
            if let Some(own) = kept.get_mut(self.labels_of(owner))
                && !own.contains(&true)
            {
                own.fill(true);
            }
        }
        let mut keeps = kept.iter().copied();
        self.labels.retain(|_| keeps.next().unwrap_or(true));
        let mut keeps = kept.iter().copied();
        let out = plains.extract_if(.., |_| !keeps.next().unwrap_or(true));
        self.vague = out.collect();
        for (label, plain) in self.labels.iter().zip(plains) {
            if label.preferred {
                self.vague.remove(plain.as_str());
            }
        }
        let chunks = self.labels.chunk_by(|one, next| one.owner == next.owner);
        let mut end = 0;
        self.ends.clear();
        for own in chunks {
            end += own.len();
            self.ends.push(end);
        }
    }

    fn add(
        &mut self,
        ontology: &Ontology,
        concept: ConceptId,
        languages: &[Language],
        plains: &mut Vec<String>,
    ) {
        let owner = u32::try_from(self.concepts.len()).unwrap_or(u32::MAX);
        let before = self.labels.len();
        for language in languages {
            let preferred = ontology.label(concept, *language);
            let others = ontology.other_labels(concept, *language);
            let all = preferred
                .map(|text| (text, true))
                .into_iter()
                .chain(others.map(|text| (text, false)));
            let first = plains.len();
            for (text, preferred) in all.flat_map(forms) {
                let plain = plain(text);
                let known = plains.get(first..).unwrap_or_default();
                if plain.is_empty() || known.contains(&plain) {
                    continue;
                }
                plains.push(plain);
                let start = self.texts.len();
                self.texts.push_str(text);
                let place = |at| u32::try_from(at).unwrap_or(u32::MAX);
                self.labels.push(Label {
                    text: place(start)..place(self.texts.len()),
                    language: *language,
                    owner,
                    preferred,
                });
            }
        }
        if self.labels.len() > before {
            self.concepts.push(concept);
            self.ends.push(self.labels.len());
        }
    }

    /// Tells whether a [`plain`] text is one word, or several of it, that was left out as
    /// vague.
    pub(crate) fn is_vague_word(&self, plain: &str) -> bool {
        let one = plain.strip_suffix('s').unwrap_or(plain);
        !plain.contains(' ') && [plain, one].iter().any(|word| self.vague.contains(*word))
    }

    /// Returns a label as the ontology has it.
    pub(crate) fn text(&self, label: &Label) -> &str {
        let range = place(label.text.start)..place(label.text.end);
        self.texts.get(range).unwrap_or_default()
    }

    /// Returns the places of the labels of a concept.
    pub(crate) fn labels_of(&self, owner: u32) -> std::ops::Range<usize> {
        let owner = place(owner);
        let start = owner
            .checked_sub(1)
            .and_then(|before| self.ends.get(before));
        start.copied().unwrap_or(0)..self.ends.get(owner).copied().unwrap_or(0)
    }
}

/// Returns what may be the head of a [`plain`] label of several words, the shortest first.
fn heads_of(plain: &str, language: Language) -> impl Iterator<Item = &str> {
    let is_english = language == Language::ENGLISH;
    let ends = is_english.then(|| plain.rmatch_indices(' ').map(|(at, _)| &plain[at + 1..]));
    let starts = (!is_english).then(|| plain.match_indices(' ').map(|(at, _)| &plain[..at]));
    ends.into_iter()
        .flatten()
        .chain(starts.into_iter().flatten())
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
    fn the_head_of_a_label_is_at_its_end_in_english_and_at_its_start_in_french() {
        let heads = |language| heads_of("a b c", language).collect::<Vec<_>>();
        assert_eq!(heads(Language::ENGLISH), ["c", "b c"]);
        assert_eq!(heads(Language::FRENCH), ["a", "a b"]);
    }

    #[test]
    fn a_vague_word_is_vague_in_the_plural_and_not_among_others() {
        let catalog = Catalog {
            vague: HashSet::from(["driver".to_owned(), "service manager".to_owned()]),
            ..Catalog::default()
        };
        for (text, vague) in [
            ("driver", true),
            ("drivers", true),
            ("driving", false),
            ("bus driver", false),
            ("service manager", false),
        ] {
            assert_eq!(catalog.is_vague_word(text), vague, "{text}");
        }
    }

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
