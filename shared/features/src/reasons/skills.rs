//! Reasons about skills: which are held, which are near, and which are missing.

use vivier_ontology::{ConceptId, Kind, Language, skill_similarity};
use vivier_types::{Skill, Summary, concept_key};

use super::statement::{Asked, SkillNames, Statement};
use super::way::way;
use super::{Draft, Polarity, SkillEvidence, non_empty};
use crate::esco::Esco;
use crate::pair::{Feature, Hit, Query, narrowed};
use crate::skills::{Met, SkillSet, knows_skills};

pub(super) fn required(query: &Query<'_>, hit: &Hit<'_>, labels: Language) -> Option<Draft> {
    let (_, vacancy) = query.sides(hit);
    let skills = evidence(query, hit, &vacancy.skills, labels)?;
    let names = names(&skills);
    let (matched, asked) = (names.matched.len(), names.count());
    let polarity = match matched {
        matched if 2 * matched >= asked => Polarity::For,
        0 if names.related.is_empty() => Polarity::Against,
        _ => Polarity::Neutral,
    };
    let evidence = names.matched.clone();
    let statement = Statement::Skills {
        names,
        count: asked,
        asked: Asked::Required,
    };
    let mut draft = Draft::new(Feature::SkillOverlap, statement, polarity).resting_on(evidence);
    draft.skills = skills;
    Some(draft)
}

/// Says something only when an optional skill is held.
pub(super) fn optional(query: &Query<'_>, hit: &Hit<'_>, labels: Language) -> Option<Draft> {
    let (_, vacancy) = query.sides(hit);
    let skills = evidence(query, hit, &vacancy.optional_skills, labels)?;
    let mut names = names(&skills);
    if names.matched.is_empty() {
        return None;
    }
    let evidence = names.matched.clone();
    // What is only welcome is not missed.
    let count = names.count();
    names.missing.clear();
    let asked = if vacancy.skills_mentioned {
        Asked::Mentioned
    } else {
        Asked::Optional
    };
    let statement = Statement::Skills {
        names,
        count,
        asked,
    };
    let feature = Feature::OptionalSkillOverlap;
    let mut draft = Draft::new(feature, statement, Polarity::For).resting_on(evidence);
    draft.skills = skills;
    Some(draft)
}

/// Returns how each skill asked for is met, in the order asked; `None` when none is asked
/// for or nothing is known of the candidate's skills.
fn evidence(
    query: &Query<'_>,
    hit: &Hit<'_>,
    asked: &[Skill],
    labels: Language,
) -> Option<Vec<SkillEvidence>> {
    let (candidate, _) = query.sides(hit);
    let asked = SkillSet::new(asked);
    if asked.distinct().is_empty() || !knows_skills(candidate) {
        return None;
    }
    let met = asked.met_by(candidate);
    let pairs = asked.distinct().iter().zip(met);
    let evidence = pairs.map(|(asked, met)| {
        let shown = |held, similarity, path| SkillEvidence {
            asked: (*asked).clone(),
            held,
            similarity,
            path,
        };
        match met {
            Some(Met::Listed(held)) => shown(Some(held.clone()), 1.0, Vec::new()),
            Some(Met::Named(key)) => {
                let known = query
                    .esco()
                    .and_then(|esco| Some((esco, esco.concept(key)?)));
                let held =
                    known.and_then(|(esco, concept)| named(esco, concept, candidate, labels));
                shown(
                    Some(held.unwrap_or_else(|| (*asked).clone())),
                    1.0,
                    Vec::new(),
                )
            }
            None => match near(query, hit, asked, labels) {
                Some(near) => shown(near.held, near.similarity, near.path),
                None => shown(None, 0.0, Vec::new()),
            },
        }
    });
    Some(evidence.collect())
}

/// A skill held that is near the one asked for.
struct Near {
    held: Option<Skill>,
    similarity: f32,
    path: Vec<String>,
}

/// Finds the nearest skill held that leads to the one asked for in a way that says
/// something; of several equally near the one that the candidate names first.
fn near(query: &Query<'_>, hit: &Hit<'_>, asked: &Skill, labels: Language) -> Option<Near> {
    let esco = query.esco()?;
    let (candidate, vacancy) = query.sides(hit);
    let asked = esco.concept(concept_key(asked.uri.as_deref()?)?)?;
    let held = candidate.skill_concepts.iter();
    let held = held.filter_map(|key| esco.concept(*key));
    let occupations = candidate.occupation_concepts.iter();
    let occupations = occupations.chain(&vacancy.occupation_concepts);
    let occupations: Vec<ConceptId> = occupations.filter_map(|key| esco.concept(*key)).collect();
    // By an occupation only when it is one of the pair's: any two skills meet in some.
    let says = |between: ConceptId| match esco.ontology().kind(between) {
        Kind::Skill | Kind::SkillGroup => true,
        Kind::Occupation => occupations.contains(&between),
        Kind::IscoGroup => false,
    };
    let ways = held.filter_map(|held| way(query, held, asked, says));
    let (steps, path) = ways.min_by_key(|(steps, _)| *steps)?;
    let label = |concept: &ConceptId| esco.label(*concept, labels).map(str::to_owned);
    Some(Near {
        held: named(esco, *path.first()?, candidate, labels),
        similarity: narrowed(skill_similarity(Some(steps))),
        path: path.iter().filter_map(label).collect(),
    })
}

/// Returns the candidate's skill of a concept: as it is listed, else by the label.
fn named(esco: &Esco, concept: ConceptId, candidate: &Summary, labels: Language) -> Option<Skill> {
    let uri = esco.ontology().uri(concept);
    let is_listed = |skill: &&Skill| {
        let listed = skill.uri.as_deref().and_then(concept_key);
        listed.is_some() && listed == concept_key(uri)
    };
    let listed = candidate.skills.iter().find(is_listed).cloned();
    listed.or_else(|| {
        Some(Skill {
            name: esco.label(concept, labels)?.to_owned(),
            uri: Some(uri.to_owned()),
        })
    })
}

/// Sorts the names by how they are met.
fn names(skills: &[SkillEvidence]) -> SkillNames {
    let mut names = SkillNames::default();
    for skill in skills {
        let asked = non_empty(&skill.asked.name)
            .or_else(|| skill.asked.uri.clone())
            .unwrap_or_default();
        if !skill.path.is_empty() {
            names.related.push((asked, skill.path.clone()));
        } else if skill.held.is_some() {
            names.matched.push(asked);
        } else {
            names.missing.push(asked);
        }
    }
    names
}
