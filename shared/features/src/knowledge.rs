//! What is known beside a profile: the ontology and how texts name it, and places.

mod config;
pub(crate) mod fields;
mod spans;

use std::collections::BTreeSet;
use std::ops::Range;

use sha2::{Digest as _, Sha256};
use vivier_linking::{LinkError, Linker, MAPPED};
use vivier_ontology::{Kind, Language, Ontology};
use vivier_places::Gazetteer;
use vivier_types::{ConceptKey, Skill, concept_key};

use crate::esco::Esco;
use crate::serialise::Serialisation;

pub use config::{EscoConfig, KnowledgeConfig, KnowledgeError};
pub use spans::{SkillSpan, skill_spans};

/// Most skills and most occupations kept of one profile.
pub(crate) const MAX_CONCEPTS: usize = 64;
/// Titles whose occupations are looked for, the latest.
const TITLES: usize = 3;

/// The ontology and the gazetteer, each of which may be missing.
///
/// Without the ontology no skill or occupation is read from texts, and what rests on them
/// is unknown; without the gazetteer places are known by the coordinates of the record.
#[derive(Default)]
pub struct Knowledge {
    reader: Option<EscoReader>,
    places: Option<Gazetteer>,
    serialisation: Serialisation,
    fingerprint: String,
}

impl Knowledge {
    /// Prepares an ontology and a gazetteer for reading.
    ///
    /// # Errors
    /// When the ontology has no skills or no occupations with labels.
    pub fn new(ontology: Option<Ontology>, places: Option<Gazetteer>) -> Result<Self, LinkError> {
        let reader = ontology.map(EscoReader::new).transpose()?;
        let mut hash = Sha256::new();
        if let Some(reader) = &reader {
            hash.update(reader.fingerprint.as_bytes());
        }
        for place in places.iter().flat_map(Gazetteer::places) {
            hash.update(place.name.as_bytes());
            if let Some(at) = place.coordinates {
                hash.update(at.latitude.to_le_bytes());
                hash.update(at.longitude.to_le_bytes());
            }
        }
        let is_empty = reader.is_none() && places.is_none();
        Ok(Self {
            fingerprint: if is_empty {
                String::new()
            } else {
                hex(&hash.finalize())
            },
            reader,
            places,
            serialisation: Serialisation::default(),
        })
    }

    /// Has the text facet written in another way.
    #[must_use]
    pub fn with_serialisation(mut self, serialisation: Serialisation) -> Self {
        if serialisation != Serialisation::default() {
            self.fingerprint.push_str(&format!("{serialisation:?}"));
        }
        self.serialisation = serialisation;
        self
    }

    /// Returns how the text facet is written.
    pub fn serialisation(&self) -> Serialisation {
        self.serialisation
    }

    /// Returns the ontology and how texts name it.
    pub fn esco(&self) -> Option<&EscoReader> {
        self.reader.as_ref()
    }

    /// Returns the gazetteer.
    pub fn places(&self) -> Option<&Gazetteer> {
        self.places.as_ref()
    }

    /// Returns what stands for all that is known: profiles described with other knowledge
    /// are described anew. Empty when nothing is known.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

/// A place of a text that names a concept.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Named {
    /// Bytes of the text.
    pub(crate) range: Range<usize>,
    /// The concept.
    pub(crate) key: ConceptKey,
}

/// The ontology with what finds its concepts in texts, by their labels and by words and
/// letters like them.
pub struct EscoReader {
    esco: Esco,
    languages: Vec<Reader>,
    fingerprint: String,
}

/// Finds the concepts that texts of one language name.
struct Reader {
    language: Language,
    skills: Linker,
    occupations: Linker,
}

impl EscoReader {
    fn new(ontology: Ontology) -> Result<Self, LinkError> {
        let known: Vec<Language> = ontology.languages().collect();
        let wanted = [Language::ENGLISH, Language::FRENCH].into_iter();
        let languages = wanted.filter(|language| known.contains(language));
        let readers = languages.map(|language| {
            Ok(Reader {
                language,
                skills: Linker::new(&ontology, &[Kind::Skill], language)?,
                occupations: Linker::new(&ontology, &[Kind::Occupation], language)?,
            })
        });
        Ok(Self {
            languages: readers.collect::<Result<_, LinkError>>()?,
            fingerprint: fingerprint(&ontology),
            esco: Esco::new(ontology),
        })
    }

    /// Returns the ontology.
    pub fn esco(&self) -> &Esco {
        &self.esco
    }

    /// Returns the URI of a concept that the ontology has.
    pub fn uri(&self, key: ConceptKey) -> Option<&str> {
        let concept = self.esco.concept(key)?;
        Some(self.esco.ontology().uri(concept))
    }

    /// Returns the labels of concepts in a language, in English for others.
    pub(crate) fn labels(&self, keys: &[ConceptKey], lang: Option<&str>) -> Vec<&str> {
        let language = self
            .reader(lang)
            .map_or(Language::ENGLISH, |reader| reader.language);
        let concepts = keys.iter().filter_map(|key| self.esco.concept(*key));
        concepts
            .filter_map(|concept| self.esco.label(concept, language))
            .collect()
    }

    /// Returns the languages in which texts are read.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.languages.iter().map(|reader| reader.language)
    }

    /// Returns what stands for the ontology, its labels included.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Returns the reader of a language (ISO 639-1), the first one for others.
    fn reader(&self, lang: Option<&str>) -> Option<&Reader> {
        let wanted = |reader: &&Reader| Some(reader.language.code()) == lang;
        let found = self.languages.iter().find(wanted);
        found.or(self.languages.first())
    }

    /// Returns where a text names skills, from the left.
    pub(crate) fn skills_in(&self, text: &str, lang: Option<&str>) -> Vec<Named> {
        let Some(reader) = self.reader(lang) else {
            return Vec::new();
        };
        // It fails for vectors alone, and there are none.
        let mentions = reader.skills.mentions(text, &[]).unwrap_or_default();
        let named = mentions.into_iter().filter_map(|mention| {
            Some(Named {
                range: mention.range,
                key: self.key(mention.link.concept)?,
            })
        });
        named.collect()
    }

    /// Returns the skills that a name names: the concept of its URI, else those whose labels
    /// stand in it, else the one most like it.
    pub(crate) fn skills_named(&self, skill: &Skill, lang: Option<&str>) -> Vec<ConceptKey> {
        let stated = skill.uri.as_deref().and_then(concept_key);
        if let Some(key) = stated.filter(|key| self.esco.concept(*key).is_some()) {
            return vec![key];
        }
        let within = self.skills_in(&skill.name, lang);
        if !within.is_empty() {
            return within.into_iter().map(|named| named.key).collect();
        }
        let like = self
            .reader(lang)
            .and_then(|reader| self.most_like(&reader.skills, &skill.name));
        like.into_iter().collect()
    }

    /// Returns the occupations that the latest titles name, the latest first.
    pub(crate) fn occupations_of(&self, titles: &[String], lang: Option<&str>) -> Vec<ConceptKey> {
        let Some(reader) = self.reader(lang) else {
            return Vec::new();
        };
        let titles = titles.iter().take(TITLES);
        let found = titles.filter_map(|title| self.most_like(&reader.occupations, title));
        distinct(found)
    }

    /// Returns the concept that a short text names more probably than not.
    fn most_like(&self, linker: &Linker, text: &str) -> Option<ConceptKey> {
        let links = linker.link(text, None, 1).ok()?;
        let best = links.into_iter().next()?;
        (best.score >= MAPPED).then(|| self.key(best.concept))?
    }

    fn key(&self, concept: vivier_ontology::ConceptId) -> Option<ConceptKey> {
        concept_key(self.esco.ontology().uri(concept))
    }
}

/// Drops repetitions, and what is beyond [`MAX_CONCEPTS`].
pub(crate) fn distinct(keys: impl IntoIterator<Item = ConceptKey>) -> Vec<ConceptKey> {
    let mut seen = BTreeSet::new();
    let fresh = keys.into_iter().filter(|key| seen.insert(*key));
    fresh.take(MAX_CONCEPTS).collect()
}

fn fingerprint(ontology: &Ontology) -> String {
    let mut hash = Sha256::new();
    for concept in ontology.concepts() {
        hash.update(ontology.uri(concept));
        for language in ontology.languages() {
            hash.update(ontology.label(concept, language).unwrap_or_default());
            for label in ontology.other_labels(concept, language) {
                hash.update([0]);
                hash.update(label);
            }
            hash.update([1]);
        }
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
