//! Reasons about titles, occupations, languages, experience, education, pay and texts.

use vivier_ontology::{ConceptId, Kind, Language};
use vivier_types::{Facet, ProfileKind, Summary};

use super::statement::{Gap, Statement, TitleLikeness};
use super::way::way;
use super::{Draft, Polarity};
use crate::pair::{Feature, Hit, Query};
use crate::salary;
use crate::seniority::step;
use crate::spoken::{Standing, standings};

/// Likeness of titles from which they count as the same, and as similar.
const SAME_TITLE: f32 = 0.99;
const SIMILAR_TITLE: f32 = 0.5;

/// Text likeness from which it speaks for a pair.
const CLOSE_TEXT: f32 = 0.5;

/// Years of experience that may be missing without speaking against a pair.
const SMALL_GAP_YEARS: f32 = 1.0;

pub(super) fn title(query: &Query<'_>, hit: &Hit<'_>) -> Option<Draft> {
    let closest = query.closest_titles(hit.summary)?;
    let (candidate, vacancy) = query.sides(hit);
    let (held, asked) = match query.kind() {
        ProfileKind::Candidate => (closest.here, closest.there),
        ProfileKind::Vacancy => (closest.there, closest.here),
    };
    let (held, asked) = (candidate.titles.get(held)?, vacancy.titles.get(asked)?);
    let (likeness, polarity) = match closest.likeness {
        likeness if likeness >= SAME_TITLE => (TitleLikeness::Same, Polarity::For),
        likeness if likeness >= SIMILAR_TITLE => (TitleLikeness::Similar, Polarity::For),
        likeness if likeness > 0.0 => (TitleLikeness::Partly, Polarity::Neutral),
        _ => return None,
    };
    let statement = Statement::Title {
        held: held.clone(),
        asked: asked.clone(),
        likeness,
    };
    let draft = Draft::new(Feature::TitleOverlap, statement, polarity);
    Some(draft.resting_on(vec![held.clone(), asked.clone()]))
}

/// Says something only of an occupation that is the same or near.
pub(super) fn occupation(query: &Query<'_>, hit: &Hit<'_>, labels: Language) -> Option<Draft> {
    let esco = query.esco()?;
    let (candidate, vacancy) = query.sides(hit);
    let concepts = |summary: &Summary| -> Vec<ConceptId> {
        let keys = summary.occupation_concepts.iter();
        keys.filter_map(|key| esco.concept(*key)).collect()
    };
    let (held, asked) = (concepts(candidate), concepts(vacancy));
    let pairs = asked
        .iter()
        .flat_map(|asked| held.iter().map(|held| (*held, *asked)));
    // Not by a skill in common: that of managing budgets joins a hotel and a foundry.
    let says = |between: ConceptId| match esco.ontology().kind(between) {
        Kind::Occupation | Kind::IscoGroup => true,
        Kind::Skill | Kind::SkillGroup => false,
    };
    let ways = pairs.filter_map(|(held, asked)| way(query, held, asked, says));
    let (steps, path) = ways.min_by_key(|(steps, _)| *steps)?;
    let label = |concept: &ConceptId| esco.label(*concept, labels).map(str::to_owned);
    let path: Vec<String> = path.iter().filter_map(label).collect();
    let evidence = path.clone();
    let (statement, polarity) = if steps == 0 {
        let label = path.into_iter().next()?;
        (Statement::SameOccupation(label), Polarity::For)
    } else {
        (Statement::NearOccupation(path), Polarity::Neutral)
    };
    let draft = Draft::new(Feature::OccupationSimilarity, statement, polarity);
    Some(draft.resting_on(evidence))
}

pub(super) fn languages(candidate: &Summary, vacancy: &Summary) -> Vec<Draft> {
    let standings = standings(candidate, vacancy).into_iter();
    let drafts = standings.map(|(asked, standing)| {
        let polarity = match standing {
            Standing::Met(None) if asked.level.is_some() => Polarity::Neutral,
            Standing::Met(_) => Polarity::For,
            Standing::Below(_) | Standing::Absent => Polarity::Against,
        };
        let (code, asked) = (asked.code.clone(), asked.clone());
        let statement = Statement::Language { asked, standing };
        Draft::new(Feature::LanguageMatch, statement, polarity).resting_on(vec![code])
    });
    drafts.collect()
}

pub(super) fn seniority(candidate: &Summary, vacancy: &Summary) -> Option<Draft> {
    let (held, asked) = candidate.seniority.zip(vacancy.seniority)?;
    let (feature, polarity) = match Gap::of(step(held), step(asked)) {
        Gap::Same => (Feature::SeniorityShortfall, Polarity::For),
        Gap::Below(1) => (Feature::SeniorityShortfall, Polarity::Neutral),
        Gap::Below(_) => (Feature::SeniorityShortfall, Polarity::Against),
        Gap::Above(_) => (Feature::SeniorityExcess, Polarity::Neutral),
    };
    let years = candidate.years_of_experience;
    let statement = Statement::Seniority { held, years, asked };
    Some(Draft::new(feature, statement, polarity))
}

pub(super) fn experience(candidate: &Summary, vacancy: &Summary) -> Option<Draft> {
    let held = candidate.years_of_experience?;
    let asked = vacancy.years_of_experience?;
    let polarity = match asked - held {
        missing if missing <= 0.0 => Polarity::For,
        missing if missing <= SMALL_GAP_YEARS => Polarity::Neutral,
        _ => Polarity::Against,
    };
    let statement = Statement::Experience { held, asked };
    let feature = Feature::ExperienceShortfallYears;
    Some(Draft::new(feature, statement, polarity))
}

pub(super) fn education(candidate: &Summary, vacancy: &Summary) -> Option<Draft> {
    let (held, asked) = candidate.education_level.zip(vacancy.education_level)?;
    let polarity = match Gap::of(held, asked) {
        Gap::Same | Gap::Above(_) => Polarity::For,
        Gap::Below(1) => Polarity::Neutral,
        Gap::Below(_) => Polarity::Against,
    };
    let statement = Statement::Education { held, asked };
    Some(Draft::new(Feature::EducationShortfall, statement, polarity))
}

pub(super) fn pay(candidate: &Summary, vacancy: &Summary) -> Option<Draft> {
    let (expected, offered) = candidate.salary.as_ref().zip(vacancy.salary.as_ref())?;
    let found = salary::compare(expected, offered)?;
    let polarity = match found.share {
        share if share >= 1.0 => Polarity::For,
        share if share > 0.0 => Polarity::Neutral,
        _ => Polarity::Against,
    };
    let statement = Statement::Salary(found);
    Some(Draft::new(Feature::SalaryOverlap, statement, polarity))
}

pub(super) fn text_likeness(hit: &Hit<'_>) -> Option<Draft> {
    let cosine = hit.facet_scores.get(&Facet::Text).copied()?;
    if !cosine.is_finite() {
        return None;
    }
    let is_close = cosine >= CLOSE_TEXT;
    let polarity = if is_close {
        Polarity::For
    } else {
        Polarity::Neutral
    };
    let statement = Statement::TextLikeness { cosine, is_close };
    Some(Draft::new(Feature::FacetText, statement, polarity))
}
