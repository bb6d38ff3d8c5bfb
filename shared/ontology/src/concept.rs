//! Concepts, their labels and their relations.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::error::OntologyError;
use crate::table::{Lists, Texts, index};

/// The number of a concept in one [`Ontology`]: its place in the order of URIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConceptId(pub(crate) u32);

impl ConceptId {
    /// Returns the number, from 0.
    pub fn number(self) -> usize {
        index(self.0)
    }
}

/// What a concept is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A skill, a competence or a field of knowledge.
    Skill,
    /// A group of skills.
    SkillGroup,
    /// An occupation.
    Occupation,
    /// A group of occupations of the ISCO-08 classification.
    IscoGroup,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self::Skill,
        Self::SkillGroup,
        Self::Occupation,
        Self::IscoGroup,
    ];

    /// Returns the word for several.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Skill => "skills",
            Self::SkillGroup => "skill groups",
            Self::Occupation => "occupations",
            Self::IscoGroup => "ISCO groups",
        }
    }

    pub(crate) fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn of_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
}

/// How one concept is related to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    /// To a broader concept.
    Broader,
    /// Of an occupation to a skill that it cannot do without.
    Essential,
    /// Of an occupation to a skill that helps.
    Optional,
    /// Of a skill to a skill that it cannot do without.
    SkillEssential,
    /// Of a skill to a skill that helps.
    SkillOptional,
    /// Of an occupation to the ISCO group that its code names.
    Group,
    /// Of a skill group to the one above it in ESCO's table of levels.
    Level,
}

impl Relation {
    /// Every relation.
    pub const ALL: [Self; 7] = [
        Self::Broader,
        Self::Essential,
        Self::Optional,
        Self::SkillEssential,
        Self::SkillOptional,
        Self::Group,
        Self::Level,
    ];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Broader => "broader",
            Self::Essential => "essential",
            Self::Optional => "optional",
            Self::SkillEssential => "skill essential",
            Self::SkillOptional => "skill optional",
            Self::Group => "ISCO group",
            Self::Level => "level",
        }
    }
}

/// A language of ESCO, by its two letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Language([u8; 2]);

/// The languages in which ESCO is published.
pub(crate) const LANGUAGES: &str = "ar bg cs da de el en es et fi fr ga hr hu is it lt lv mt nl no pl pt ro \
                         sk sl sv uk";

impl Language {
    /// English.
    pub const ENGLISH: Self = Self(*b"en");
    /// French.
    pub const FRENCH: Self = Self(*b"fr");

    /// Reads two letters.
    ///
    /// # Errors
    /// When ESCO has no such language.
    pub fn parse(value: &str) -> Result<Self, OntologyError> {
        let known = LANGUAGES
            .split_ascii_whitespace()
            .find(|known| *known == value);
        let letters = known.and_then(|known| known.as_bytes().first_chunk());
        letters
            .copied()
            .map(Self)
            .ok_or_else(|| OntologyError::Language {
                path: None::<PathBuf>,
                value: value.to_owned(),
                known: LANGUAGES.to_owned(),
            })
    }

    /// Returns the two letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The words for concepts in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// By concept: the number of the preferred label, [`NONE`] when there is none.
    pub(crate) preferred: Vec<u32>,
    /// By concept: the number of the description, [`NONE`] when there is none.
    pub(crate) descriptions: Vec<u32>,
    /// By concept: the numbers of its other labels.
    pub(crate) others: Lists,
    /// Which of the items of `others` are hidden, by their places, ascending.
    pub(crate) hidden: Vec<u32>,
}

/// Where no text is.
pub(crate) const NONE: u32 = u32::MAX;

/// ESCO, as far as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ontology {
    pub(crate) texts: Texts,
    /// Ascending, one for each concept.
    pub(crate) uris: Texts,
    pub(crate) kinds: Vec<u8>,
    /// By concept: the number of its code, [`NONE`] when it has none.
    pub(crate) codes: Vec<u32>,
    pub(crate) labels: BTreeMap<Language, Labels>,
    /// In the order of [`Relation::ALL`]: by concept, what it is related to.
    pub(crate) relations: Vec<Lists>,
    /// By concept: the type of a skill, as its [`SkillType`](crate::SkillType) has it.
    pub(crate) skill_types: Vec<u8>,
    /// By concept: the level of a skill, as its [`ReuseLevel`](crate::ReuseLevel) has it.
    pub(crate) reuse_levels: Vec<u8>,
    /// The names of collections, ascending.
    pub(crate) collections: Texts,
    /// By collection: its members, ascending.
    pub(crate) members: Lists,
    /// By skill: the occupations to which it is essential, and to which it is optional; made
    /// of `relations` when it is first asked for.
    pub(crate) needed_by: OnceLock<[Lists; 2]>,
}

impl Ontology {
    /// Returns how many concepts there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Tells whether there is no concept.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Returns every concept.
    pub fn concepts(&self) -> impl Iterator<Item = ConceptId> + use<> {
        let count = u32::try_from(self.len()).unwrap_or(u32::MAX);
        (0..count).map(ConceptId)
    }

    /// Finds a concept.
    ///
    /// # Errors
    /// When no concept has this URI.
    pub fn find(&self, uri: &str) -> Result<ConceptId, OntologyError> {
        let (mut low, mut high) = (0, u32::try_from(self.len()).unwrap_or(u32::MAX));
        while low < high {
            let middle = low + (high - low) / 2;
            match self.uris.get(middle).cmp(uri) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Ok(ConceptId(middle)),
            }
        }
        Err(OntologyError::UnknownUri {
            uri: uri.to_owned(),
        })
    }

    /// Returns the URI.
    pub fn uri(&self, concept: ConceptId) -> &str {
        self.uris.get(concept.0)
    }

    /// Returns what a concept is.
    pub fn kind(&self, concept: ConceptId) -> Kind {
        let code = self.kinds.get(concept.number()).copied();
        code.and_then(Kind::of_code).unwrap_or(Kind::Skill)
    }

    /// Returns the code of an occupation or of a group, such as `2512.4`.
    pub fn code(&self, concept: ConceptId) -> Option<&str> {
        self.text(self.codes.get(concept.number()))
    }

    /// Returns the languages that have labels.
    pub fn languages(&self) -> impl Iterator<Item = Language> {
        self.labels.keys().copied()
    }

    /// Returns the preferred label.
    pub fn label(&self, concept: ConceptId, language: Language) -> Option<&str> {
        let labels = self.labels.get(&language)?;
        self.text(labels.preferred.get(concept.number()))
    }

    /// Returns the other labels, alternative and hidden, as they were given.
    pub fn other_labels(
        &self,
        concept: ConceptId,
        language: Language,
    ) -> impl Iterator<Item = &str> {
        let labels = self.labels.get(&language);
        let numbers = labels.map(|labels| labels.others.get(concept.0));
        let numbers = numbers.unwrap_or_default().iter();
        numbers.map(|number| self.texts.get(*number))
    }

    /// Returns those of the [other labels](Self::other_labels) that are alternative names.
    pub fn alternative_labels(
        &self,
        concept: ConceptId,
        language: Language,
    ) -> impl Iterator<Item = &str> {
        self.labels_of(concept, language, false)
    }

    /// Returns those of the [other labels](Self::other_labels) that are hidden: they help to
    /// find the concept, such as misspelt or outdated ones, and are not to be shown.
    pub fn hidden_labels(
        &self,
        concept: ConceptId,
        language: Language,
    ) -> impl Iterator<Item = &str> {
        self.labels_of(concept, language, true)
    }

    fn labels_of(
        &self,
        concept: ConceptId,
        language: Language,
        hidden: bool,
    ) -> impl Iterator<Item = &str> {
        let labels = self.labels.get(&language);
        labels.into_iter().flat_map(move |labels| {
            let numbers = labels.others.get(concept.0).iter();
            let places = labels.others.range(concept.0);
            let places = places.map(|place| u32::try_from(place).unwrap_or(u32::MAX));
            let one_sort = places
                .zip(numbers)
                .filter(move |(place, _)| labels.hidden.binary_search(place).is_ok() == hidden);
            one_sort.map(|(_, number)| self.texts.get(*number))
        })
    }

    /// Returns the description.
    pub fn description(&self, concept: ConceptId, language: Language) -> Option<&str> {
        let labels = self.labels.get(&language)?;
        self.text(labels.descriptions.get(concept.number()))
    }

    /// Returns what a concept is related to, in the order of URIs.
    pub fn related(
        &self,
        concept: ConceptId,
        relation: Relation,
    ) -> impl Iterator<Item = ConceptId> {
        let lists = self.relations.get(relation as usize);
        let related = lists.map(|lists| lists.get(concept.0));
        related.unwrap_or_default().iter().copied().map(ConceptId)
    }

    /// Counts the concepts of a kind.
    pub fn count(&self, kind: Kind) -> usize {
        let kinds = self.kinds.iter();
        kinds.filter(|code| **code == kind.code()).count()
    }

    /// Counts the relations of a kind.
    pub fn count_related(&self, relation: Relation) -> usize {
        let lists = self.relations.get(relation as usize);
        lists.map_or(0, |lists| lists.items.len())
    }

    /// Counts the labels in a language: preferred ones, and others.
    pub fn count_labels(&self, language: Language) -> (usize, usize) {
        let Some(labels) = self.labels.get(&language) else {
            return (0, 0);
        };
        let preferred = labels.preferred.iter().filter(|number| **number != NONE);
        (preferred.count(), labels.others.items.len())
    }

    /// Counts the hidden ones among the other labels in a language.
    pub fn count_hidden(&self, language: Language) -> usize {
        let labels = self.labels.get(&language);
        labels.map_or(0, |labels| labels.hidden.len())
    }

    /// Returns the URI of a concept, with a label where there is one.
    pub(crate) fn named(&self, number: u32) -> String {
        let uri = self.uris.get(number);
        let mut languages = self.languages();
        let label = languages.find_map(|language| self.label(ConceptId(number), language));
        label.map_or_else(|| uri.to_owned(), |label| format!("{uri} ({label})"))
    }

    fn text(&self, number: Option<&u32>) -> Option<&str> {
        let number = number.filter(|number| **number != NONE)?;
        Some(self.texts.get(*number))
    }
}
