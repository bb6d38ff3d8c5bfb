//! The facets of a profile that need no encoder.

use std::collections::BTreeMap;

use vivier_types::{Coordinates, Facet, ProfileKind, Summary};

use crate::geography::{GEOGRAPHY_DIM, candidate_geography, vacancy_geography};
use crate::knowledge::Knowledge;
use crate::languages::{LANGUAGES_DIM, languages_vector};
use crate::occupation::{OCCUPATION_DIM, occupation_vector};
use crate::seniority::{SENIORITY_DIM, seniority_vector};

/// Returns the length of a facet's vector; `None` for words, and for those of an encoder.
pub fn facet_dim(facet: Facet) -> Option<usize> {
    match facet {
        Facet::Text | Facet::Skills | Facet::Words => None,
        Facet::Occupation => Some(OCCUPATION_DIM),
        Facet::Geography => Some(GEOGRAPHY_DIM),
        Facet::Seniority => Some(SENIORITY_DIM),
        Facet::Languages => Some(LANGUAGES_DIM),
    }
}

/// Returns the vectors of what is known of a profile; `points` are the places where a
/// candidate would work, or where the job is.
pub(crate) fn facets_of(
    kind: ProfileKind,
    summary: &Summary,
    (knowledge, points): (&Knowledge, &[Coordinates]),
) -> BTreeMap<Facet, Vec<f32>> {
    let geography = match kind {
        ProfileKind::Candidate => candidate_geography(points, summary.mobility.remote),
        ProfileKind::Vacancy => vacancy_geography(points.first().copied(), summary.remote),
    };
    let seniority = summary.seniority.map(|step| seniority_vector(kind, step));
    let facets = [
        (Facet::Occupation, occupation(kind, summary, knowledge)),
        (Facet::Geography, geography),
        (Facet::Seniority, seniority),
        (Facet::Languages, languages_vector(kind, &summary.languages)),
    ];
    let known = facets.into_iter();
    known
        .filter_map(|(facet, vector)| Some((facet, vector?)))
        .collect()
}

fn occupation(kind: ProfileKind, summary: &Summary, knowledge: &Knowledge) -> Option<Vec<f32>> {
    let esco = knowledge.esco()?.esco();
    let concepts = summary.occupation_concepts.iter();
    let codes: Vec<&str> = concepts
        .filter_map(|key| esco.ontology().code(esco.concept(*key)?))
        .collect();
    occupation_vector(kind, &codes)
}
