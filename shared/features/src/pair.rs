//! Features of a pair: what a scorer sees of a candidate and a vacancy.

use std::collections::BTreeMap;
use std::fmt;

use vivier_types::{Facet, FacetScores, ProfileKind, Summary};

use crate::esco::Esco;
use crate::key::words;
use crate::seniority::step;
use crate::skills::SkillSet;
use crate::{place, spoken};

/// One measured side of a pair. Names are stable: configs and answers use them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Score of the retrieval, as the index gave it.
    Retrieval,
    /// Cosine of the text embeddings, -1 to 1.
    FacetText,
    /// Cosine of the mean skill embeddings, -1 to 1; unknown when a side has
    /// no skills.
    FacetSkills,
    /// Dot product of the occupations, about 0 to 1; unknown where a side has none.
    FacetOccupation,
    /// Dot product of the places, about 0 to 1; unknown without coordinates.
    FacetGeography,
    /// Dot product of the seniorities, 0 to 1; unknown where a side has none.
    FacetSeniority,
    /// Dot product of the languages, 0 to 1; unknown where a side has none.
    FacetLanguages,
    /// BM25 of the words, scaled to 0..1.
    FacetWords,
    /// Likeness of the title asked for and the closest title held (Dice
    /// coefficient of their words), 0 to 1.
    TitleOverlap,
    /// Share of the required skills that are held, 0 to 1.
    SkillOverlap,
    /// Share of the optional skills that are held, 0 to 1.
    OptionalSkillOverlap,
    /// How well the place suits, 0 to 1: 1 within the accepted radius or
    /// region, or for remote work that is accepted.
    LocationFit,
    /// Kilometres from the home to the job.
    DistanceKm,
    /// Steps of seniority missing, 0 to 4.
    SeniorityShortfall,
    /// Steps of seniority beyond what is asked for, 0 to 4.
    SeniorityExcess,
    /// Share of the languages asked for that are spoken at the level, 0 to 1.
    LanguageMatch,
}

impl Feature {
    /// Number of features.
    pub const COUNT: usize = 16;

    /// Every feature, in the order in which they are shown and summed.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Retrieval,
        Self::FacetText,
        Self::FacetSkills,
        Self::FacetOccupation,
        Self::FacetGeography,
        Self::FacetSeniority,
        Self::FacetLanguages,
        Self::FacetWords,
        Self::TitleOverlap,
        Self::SkillOverlap,
        Self::OptionalSkillOverlap,
        Self::LocationFit,
        Self::DistanceKm,
        Self::SeniorityShortfall,
        Self::SeniorityExcess,
        Self::LanguageMatch,
    ];

    /// Returns the name used in configs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrieval => "retrieval",
            Self::FacetText => "facet_text",
            Self::FacetSkills => "facet_skills",
            Self::FacetOccupation => "facet_occupation",
            Self::FacetGeography => "facet_geography",
            Self::FacetSeniority => "facet_seniority",
            Self::FacetLanguages => "facet_languages",
            Self::FacetWords => "facet_words",
            Self::TitleOverlap => "title_overlap",
            Self::SkillOverlap => "skill_overlap",
            Self::OptionalSkillOverlap => "optional_skill_overlap",
            Self::LocationFit => "location_fit",
            Self::DistanceKm => "distance_km",
            Self::SeniorityShortfall => "seniority_shortfall",
            Self::SeniorityExcess => "seniority_excess",
            Self::LanguageMatch => "language_match",
        }
    }

    /// Finds a feature by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Tells whether only [`Detail::Full`] measures the feature.
    pub fn is_costly(self) -> bool {
        false
    }

    /// Returns the feature that carries a facet's score.
    pub fn of_facet(facet: Facet) -> Self {
        match facet {
            Facet::Text => Self::FacetText,
            Facet::Skills => Self::FacetSkills,
            Facet::Occupation => Self::FacetOccupation,
            Facet::Geography => Self::FacetGeography,
            Facet::Seniority => Self::FacetSeniority,
            Facet::Languages => Self::FacetLanguages,
            Facet::Words => Self::FacetWords,
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The features of one pair. What cannot be known is absent, never 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairFeatures {
    values: [Option<f32>; Feature::COUNT],
}

impl PairFeatures {
    /// Returns a feature, `None` when it cannot be known for the pair.
    pub fn get(&self, feature: Feature) -> Option<f32> {
        self.values[feature as usize]
    }

    /// Sets a feature; a value that is not finite counts as unknown.
    #[must_use]
    pub fn with(mut self, feature: Feature, value: Option<f32>) -> Self {
        self.values[feature as usize] = value.filter(|value| value.is_finite());
        self
    }
}

/// What is compared with the query, and how retrieval saw it.
#[derive(Clone, Copy, Debug)]
pub struct Hit<'a> {
    /// The other side.
    pub summary: &'a Summary,
    /// Score of the retrieval.
    pub retrieval_score: f32,
    /// Unweighted dot product of each facet that both sides have.
    pub facet_scores: &'a FacetScores,
}

/// How much is measured of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What costs a few microseconds: for every pair of a list.
    Cheap,
    /// All: also the costly features, some ten times as dear. For what is explained, and for every
    /// pair when the scorer reads one of them ([`Feature::is_costly`]).
    Full,
}

/// One side of the match, prepared for comparison with many of the other.
///
/// Whichever side asks, the features mean the same: what the vacancy asks
/// against what the candidate offers.
#[derive(Clone, Debug)]
pub struct Query<'a> {
    kind: ProfileKind,
    summary: &'a Summary,
    esco: Option<&'a Esco>,
    skills: SkillSet<'a>,
    optional_skills: SkillSet<'a>,
    titles: Vec<Vec<String>>,
}

impl<'a> Query<'a> {
    /// Prepares a query; `kind` is the side that `summary` is on. Without ESCO the
    /// features that need its graph are unknown.
    pub fn new(kind: ProfileKind, summary: &'a Summary, esco: Option<&'a Esco>) -> Self {
        Self {
            kind,
            summary,
            esco,
            skills: SkillSet::new(&summary.skills),
            optional_skills: SkillSet::new(&summary.optional_skills),
            titles: summary
                .titles
                .iter()
                .map(|title| title_words(title))
                .collect(),
        }
    }

    /// Returns which side the query is on.
    pub(crate) fn kind(&self) -> ProfileKind {
        self.kind
    }

    /// Returns the ontology, when there is one.
    pub(crate) fn esco(&self) -> Option<&'a Esco> {
        self.esco
    }

    /// Returns the candidate and the vacancy of a pair.
    pub(crate) fn sides<'b>(&'b self, hit: &Hit<'b>) -> (&'b Summary, &'b Summary) {
        match self.kind {
            ProfileKind::Candidate => (self.summary, hit.summary),
            ProfileKind::Vacancy => (hit.summary, self.summary),
        }
    }

    /// Measures a pair, without the costly features.
    pub fn features(&self, hit: &Hit<'_>) -> PairFeatures {
        self.features_with(hit, Detail::Cheap)
    }

    /// Measures a pair.
    pub fn features_with(&self, hit: &Hit<'_>, _detail: Detail) -> PairFeatures {
        let (candidate, vacancy) = self.sides(hit);
        let (required, optional) = self.skill_shares(hit.summary);
        let place = place::judge(candidate, vacancy);
        let (shortfall, excess) = seniority_gap(candidate, vacancy);
        let mut features = PairFeatures::default()
            .with(Feature::Retrieval, Some(hit.retrieval_score))
            .with(Feature::TitleOverlap, self.title_overlap(hit.summary))
            .with(Feature::SkillOverlap, required)
            .with(Feature::OptionalSkillOverlap, optional)
            .with(Feature::LocationFit, place.map(|place| narrowed(place.fit)))
            .with(
                Feature::DistanceKm,
                place.and_then(|place| place.km).map(narrowed),
            )
            .with(Feature::SeniorityShortfall, shortfall)
            .with(Feature::SeniorityExcess, excess)
            .with(
                Feature::LanguageMatch,
                spoken::share_met(candidate, vacancy),
            );
        for (facet, score) in known_facets(candidate, vacancy, hit.facet_scores) {
            features = features.with(Feature::of_facet(facet), Some(score));
        }
        features
    }

    /// Returns the shares of the required and of the optional skills held.
    fn skill_shares(&self, other: &Summary) -> (Option<f32>, Option<f32>) {
        match self.kind {
            ProfileKind::Vacancy => (
                self.skills.share_held(&other.skills),
                self.optional_skills.share_held(&other.skills),
            ),
            ProfileKind::Candidate => {
                let held = &self.summary.skills;
                let share = |asked| SkillSet::new(asked).share_held(held);
                (share(&other.skills), share(&other.optional_skills))
            }
        }
    }

    fn title_overlap(&self, other: &Summary) -> Option<f32> {
        let closest = closest_titles(&self.titles, other)?;
        Some(closest.likeness)
    }

    /// Returns the positions, here and there, of the titles most alike.
    pub(crate) fn closest_titles(&self, other: &Summary) -> Option<Closest> {
        closest_titles(&self.titles, other)
    }
}

/// Two titles, one of each side, by their positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closest {
    pub(crate) here: usize,
    pub(crate) there: usize,
    pub(crate) likeness: f32,
}

fn closest_titles(titles: &[Vec<String>], other: &Summary) -> Option<Closest> {
    let mut best: Option<Closest> = None;
    for (there, title) in other.titles.iter().enumerate() {
        let others = title_words(title);
        for (here, words) in titles.iter().enumerate() {
            let Some(likeness) = dice(words, &others) else {
                continue;
            };
            if best.is_none_or(|best| likeness > best.likeness) {
                best = Some(Closest {
                    here,
                    there,
                    likeness,
                });
            }
        }
    }
    best
}

/// Returns the Dice coefficient of two sorted lists without repetitions.
fn dice(one: &[String], other: &[String]) -> Option<f32> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let shared = one
        .iter()
        .filter(|word| other.binary_search(word).is_ok())
        .count();
    Some(2.0 * shared as f32 / (one.len() + other.len()) as f32)
}

/// Words of titles that say nothing of the occupation: articles, the French
/// marks of gender, and seniority, which is compared on its own.
const TITLE_STOP_WORDS: [&str; 30] = [
    "a", "an", "and", "at", "au", "aux", "d", "de", "des", "du", "en", "et", "f", "for", "h", "i",
    "ii", "iii", "in", "jr", "junior", "l", "la", "le", "m", "of", "senior", "sr", "the", "w",
];

/// Returns the telling words of a title, sorted, without repetitions.
fn title_words(title: &str) -> Vec<String> {
    let mut words = words(title);
    words
        .retain(|word| !word.is_empty() && TITLE_STOP_WORDS.binary_search(&word.as_str()).is_err());
    words.sort_unstable();
    words.dedup();
    words
}

/// Returns the steps of seniority missing and in excess.
fn seniority_gap(candidate: &Summary, vacancy: &Summary) -> (Option<f32>, Option<f32>) {
    let Some((held, asked)) = candidate.seniority.zip(vacancy.seniority) else {
        return (None, None);
    };
    let (held, asked) = (step(held), step(asked));
    let steps = |gap: u8| Some(f32::from(gap));
    (
        steps(asked.saturating_sub(held)),
        steps(held.saturating_sub(asked)),
    )
}

/// Keeps the facet scores that say something: the index scores a missing
/// vector as 0, but that is not known to be 0.
fn known_facets(
    candidate: &Summary,
    vacancy: &Summary,
    scores: &FacetScores,
) -> BTreeMap<Facet, f32> {
    let known = |facet: &Facet| match facet {
        Facet::Text | Facet::Words => true,
        Facet::Skills => !candidate.skills.is_empty() && !vacancy.skills.is_empty(),
        Facet::Occupation => {
            !candidate.occupation_concepts.is_empty() && !vacancy.occupation_concepts.is_empty()
        }
        Facet::Seniority => candidate.seniority.is_some() && vacancy.seniority.is_some(),
        Facet::Languages => !candidate.languages.is_empty() && !vacancy.languages.is_empty(),
        Facet::Geography => {
            candidate.location.coordinates.is_some() && vacancy.location.coordinates.is_some()
        }
    };
    scores
        .iter()
        .filter(|(facet, _)| known(facet))
        .map(|(facet, score)| (*facet, *score))
        .collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "kilometres and shares only lose precision"
)]
fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
#[path = "pair/tests.rs"]
mod tests;
