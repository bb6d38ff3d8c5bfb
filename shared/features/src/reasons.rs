//! Reasons that a recruiter can check, in plain sentences, in English or French.
//!
//! A reason says only what both profiles say. It names skills, titles, places,
//! levels: never anything that tells who the person is. What is unknown gives
//! no reason. What is found becomes a [`statement::Statement`]; `english` and `french` hold
//! all the wording.
//!
//! Skills and titles are shown as the profiles write them, without what tells the person,
//! and what only ESCO names by its label in the language of the reasons.

mod english;
mod french;
mod place;
mod skills;
mod statement;
mod terms;
mod way;

use vivier_types::Skill;

use crate::pair::{Feature, Hit, Query};
use statement::Statement;

/// Whether a reason speaks for the pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polarity {
    /// Speaks for it.
    For,
    /// Neither.
    Neutral,
    /// Speaks against it.
    Against,
}

/// Language of the reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasonLanguage {
    /// English.
    #[default]
    English,
    /// French.
    French,
}

impl ReasonLanguage {
    /// Returns its code (ISO 639-1).
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
        }
    }

    /// Reads an ISO 639-1 code; `None` when there are no reasons in that language.
    pub fn from_code(code: &str) -> Option<Self> {
        match code {
            "en" => Some(Self::English),
            "fr" => Some(Self::French),
            _ => None,
        }
    }

    /// Returns the language of ESCO's labels.
    fn of_labels(self) -> vivier_ontology::Language {
        match self {
            Self::English => vivier_ontology::Language::ENGLISH,
            Self::French => vivier_ontology::Language::FRENCH,
        }
    }

    fn sentence(self, statement: &Statement) -> String {
        match self {
            Self::English => english::sentence(statement),
            Self::French => french::sentence(statement),
        }
    }
}

/// One statement about a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct Reason {
    /// The feature that it puts into words.
    pub feature: Feature,
    /// One sentence; a few where skills are related or missing.
    pub text: String,
    /// Whether it speaks for the pair.
    pub polarity: Polarity,
    /// What it rests on, such as the names of the matched skills.
    pub evidence: Vec<String>,
    /// How each skill asked for is met: reasons about skills only.
    pub skills: Vec<SkillEvidence>,
}

/// How one skill that a vacancy asks for is met by a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct SkillEvidence {
    /// The skill asked for.
    pub asked: Skill,
    /// The candidate's skill that is nearest to it; `None` when none is near.
    pub held: Option<Skill>,
    /// 1 for the same skill, `exp(-0.7 d)` for one that is `d` steps away on ESCO's graph,
    /// at most 2; 0 when it is missing.
    pub similarity: f32,
    /// The way through ESCO from the skill held to the one asked for, both included, by
    /// labels; empty unless the skill is near.
    pub path: Vec<String>,
}

/// A statement with what is told beside its sentence.
#[derive(Clone, Debug, PartialEq)]
struct Draft {
    feature: Feature,
    statement: Statement,
    polarity: Polarity,
    evidence: Vec<String>,
    skills: Vec<SkillEvidence>,
}

impl Draft {
    fn new(feature: Feature, statement: Statement, polarity: Polarity) -> Self {
        Self {
            feature,
            statement,
            polarity,
            evidence: Vec::new(),
            skills: Vec::new(),
        }
    }

    fn resting_on(mut self, evidence: Vec<String>) -> Self {
        self.evidence = evidence;
        self
    }

    fn in_words(self, language: ReasonLanguage) -> Reason {
        Reason {
            feature: self.feature,
            text: language.sentence(&self.statement),
            polarity: self.polarity,
            evidence: self.evidence,
            skills: self.skills,
        }
    }
}

impl Query<'_> {
    /// Returns what can be said about a pair, in the order: required skills, title,
    /// occupation, place, languages, seniority, years of experience, education, pay,
    /// optional skills, likeness of the texts. A scorer's caller may put the strongest
    /// first.
    pub fn explain(&self, hit: &Hit<'_>, language: ReasonLanguage) -> Vec<Reason> {
        let (candidate, vacancy) = self.sides(hit);
        let labels = language.of_labels();
        let mut drafts = Vec::new();
        drafts.extend(skills::required(self, hit, labels));
        drafts.extend(terms::title(self, hit));
        drafts.extend(terms::occupation(self, hit, labels));
        drafts.extend(place::place(candidate, vacancy));
        drafts.extend(terms::languages(candidate, vacancy));
        drafts.extend(terms::seniority(candidate, vacancy));
        drafts.extend(terms::experience(candidate, vacancy));
        drafts.extend(terms::education(candidate, vacancy));
        drafts.extend(terms::pay(candidate, vacancy));
        drafts.extend(skills::optional(self, hit, labels));
        drafts.extend(terms::text_likeness(hit));
        drafts
            .into_iter()
            .map(|draft| draft.in_words(language))
            .collect()
    }
}

/// Returns the sentence of a reason about words that both texts have, the telling ones
/// first.
pub fn shared_words_sentence(words: &[String], language: ReasonLanguage) -> String {
    language.sentence(&Statement::SharedWords(words.to_vec()))
}

/// Returns a text without blanks around it, `None` when nothing is left.
fn non_empty(text: &str) -> Option<String> {
    Some(text.trim())
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
#[path = "reasons/tests.rs"]
mod tests;
