//! Features of a pair: what a scorer sees of a candidate and a vacancy.

mod concepts;
mod feature;
mod titles;

use std::collections::BTreeMap;

use vivier_ontology::ConceptId;
use vivier_types::{Facet, FacetScores, ProfileKind, Summary};

use crate::esco::Esco;
use crate::seniority::step;
use crate::skills::{Held, SkillSet};
use crate::{place, salary, spoken};
use concepts::{ConceptSet, Likeness, Side};
pub(crate) use titles::Closest;

pub use feature::{Detail, Feature, PairFeatures};

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
    concepts: ConceptSet<'a>,
    optional_concepts: ConceptSet<'a>,
    occupations: ConceptSet<'a>,
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
                .map(|title| titles::title_words(title))
                .collect(),
            concepts: ConceptSet::new(esco, &summary.skill_concepts),
            optional_concepts: ConceptSet::new(esco, &summary.optional_skill_concepts),
            occupations: ConceptSet::new(esco, &summary.occupation_concepts),
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

    /// Returns the steps between a concept asked for and one held; `None` when no path is
    /// short enough. The steps from those of the query are remembered, so it comes first.
    pub(crate) fn steps(&self, asked: ConceptId, held: ConceptId) -> Option<u8> {
        let distances = self.esco?.distances();
        match self.kind {
            ProfileKind::Vacancy => distances.between(asked, held),
            ProfileKind::Candidate => distances.between(held, asked),
        }
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
    pub fn features_with(&self, hit: &Hit<'_>, detail: Detail) -> PairFeatures {
        let (candidate, vacancy) = self.sides(hit);
        let mut features = PairFeatures::default()
            .with(Feature::Retrieval, Some(hit.retrieval_score))
            .with(Feature::TitleOverlap, self.title_overlap(hit.summary));
        for (facet, score) in known_facets(candidate, vacancy, hit.facet_scores) {
            features = features.with(Feature::of_facet(facet), Some(score));
        }
        features = with_terms(features, candidate, vacancy);
        features = self.with_skills(features, hit.summary);
        features = self.with_concepts(features, hit.summary);
        if detail == Detail::Full {
            let asked = match self.kind {
                ProfileKind::Vacancy => Side::Here,
                ProfileKind::Candidate => Side::There,
            };
            let transport = self.concepts.transport(&hit.summary.skill_concepts, asked);
            features = features.with(Feature::TransportDistance, transport);
        }
        features
    }

    /// Adds what is counted of the required and of the optional skills.
    fn with_skills(&self, features: PairFeatures, other: &Summary) -> PairFeatures {
        let (required, optional) = match self.kind {
            ProfileKind::Vacancy => (
                self.skills.held_by(other),
                self.optional_skills.held_by(other),
            ),
            ProfileKind::Candidate => {
                let counted = |asked| self.skills.counted_in(self.summary, asked);
                (counted(&other.skills), counted(&other.optional_skills))
            }
        };
        let missing = required.map(|held| held.asked - held.matched);
        features
            .with(Feature::SkillOverlap, required.map(Held::share))
            .with(Feature::OptionalSkillOverlap, optional.map(Held::share))
            .with(
                Feature::SkillsMatched,
                required.map(|held| held.matched as f32),
            )
            .with(Feature::SkillsMissing, missing.map(|count| count as f32))
    }

    /// Adds what the ontology tells.
    fn with_concepts(&self, features: PairFeatures, other: &Summary) -> PairFeatures {
        let skills = self.concepts.likeness(&other.skill_concepts);
        let optional = match self.kind {
            ProfileKind::Vacancy => self.optional_concepts.likeness(&other.skill_concepts),
            ProfileKind::Candidate => self.concepts.likeness(&other.optional_skill_concepts),
        };
        let covered = |likeness: Likeness| match self.kind {
            ProfileKind::Vacancy => likeness.here_covered,
            ProfileKind::Candidate => likeness.there_covered,
        };
        let occupations = self.occupations.likeness(&other.occupation_concepts);
        features
            .with(Feature::OntologyCoverage, skills.map(covered))
            .with(Feature::OptionalCoverage, optional.map(covered))
            .with(
                Feature::OntologySimilarity,
                skills.map(Likeness::similarity),
            )
            .with(
                Feature::OccupationSimilarity,
                occupations.map(|likeness| likeness.nearest),
            )
    }

    fn title_overlap(&self, other: &Summary) -> Option<f32> {
        let closest = titles::closest_titles(&self.titles, other)?;
        Some(closest.likeness)
    }

    /// Returns the positions, here and there, of the titles most alike.
    pub(crate) fn closest_titles(&self, other: &Summary) -> Option<Closest> {
        titles::closest_titles(&self.titles, other)
    }
}

/// Adds what compares the terms of both sides one by one.
fn with_terms(features: PairFeatures, candidate: &Summary, vacancy: &Summary) -> PairFeatures {
    let place = place::judge(candidate, vacancy);
    let km = place.and_then(|place| place.km);
    let beyond = place.and_then(|place| place.beyond_radius_km);
    let steps = |summary: &Summary| {
        summary
            .seniority
            .map(|seniority| f32::from(step(seniority)))
    };
    let level = |summary: &Summary| summary.education_level.map(f32::from);
    let seniority = steps(vacancy).zip(steps(candidate));
    let years = vacancy
        .years_of_experience
        .zip(candidate.years_of_experience);
    let education = level(vacancy).zip(level(candidate));
    let pay = candidate.salary.as_ref().zip(vacancy.salary.as_ref());
    let pay = pay.and_then(|(expected, offered)| salary::compare(expected, offered));
    features
        .with(Feature::LocationFit, place.map(|place| narrowed(place.fit)))
        .with(Feature::DistanceKm, km.map(narrowed))
        .with(Feature::BeyondRadiusKm, beyond.map(narrowed))
        .with(Feature::SeniorityShortfall, seniority.map(shortfall))
        .with(Feature::SeniorityExcess, seniority.map(excess))
        .with(Feature::ExperienceShortfallYears, years.map(shortfall))
        .with(Feature::ExperienceExcessYears, years.map(excess))
        .with(Feature::EducationShortfall, education.map(shortfall))
        .with(
            Feature::LanguageMatch,
            spoken::share_met(candidate, vacancy),
        )
        .with(Feature::SalaryOverlap, pay.map(|pay| narrowed(pay.share)))
}

/// Returns how much is missing of what is asked for.
fn shortfall((asked, held): (f32, f32)) -> f32 {
    (asked - held).max(0.0)
}

/// Returns how much is held beyond what is asked for.
fn excess((asked, held): (f32, f32)) -> f32 {
    (held - asked).max(0.0)
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
pub(crate) fn narrowed(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
#[path = "pair/tests.rs"]
mod tests;
