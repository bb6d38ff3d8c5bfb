//! Tests of the pair features.

use vivier_types::{Coordinates, Language, LanguageLevel, Seniority, Skill};

use super::*;

fn skills(names: &[&str]) -> Vec<Skill> {
    names
        .iter()
        .map(|name| Skill {
            name: (*name).to_owned(),
            uri: None,
        })
        .collect()
}

fn at(latitude: f64) -> vivier_types::Location {
    let coordinates = Some(Coordinates {
        latitude,
        longitude: 4.8,
    });
    vivier_types::Location {
        coordinates,
        ..Default::default()
    }
}

fn candidate() -> Summary {
    Summary {
        titles: vec!["Baker".to_owned(), "Rust developer".to_owned()],
        skills: skills(&["Rust", "SQL", "Go"]),
        languages: vec![Language {
            code: "fr".to_owned(),
            level: Some(LanguageLevel::C1),
        }],
        location: at(45.0),
        seniority: Some(Seniority::Mid),
        ..Summary::default()
    }
}

fn vacancy() -> Summary {
    Summary {
        titles: vec!["Senior Rust Developer (H/F)".to_owned()],
        skills: skills(&["rust", "Kafka", "sql", "C"]),
        optional_skills: skills(&["go", "Zig"]),
        languages: vec![Language {
            code: "fr".to_owned(),
            level: Some(LanguageLevel::B2),
        }],
        location: at(45.1),
        seniority: Some(Seniority::Lead),
        ..Summary::default()
    }
}

fn scores() -> FacetScores {
    [
        (Facet::Text, 0.6),
        (Facet::Skills, 0.5),
        (Facet::Geography, 0.9),
        (Facet::Words, 0.3),
    ]
    .into()
}

#[test]
fn both_directions_measure_the_same() {
    let (candidate, vacancy, scores) = (candidate(), vacancy(), scores());
    let asked = Query::new(ProfileKind::Vacancy, &vacancy, None);
    let offered = Query::new(ProfileKind::Candidate, &candidate, None);
    let one = asked.features(&Hit {
        summary: &candidate,
        retrieval_score: 1.5,
        facet_scores: &scores,
    });
    let other = offered.features(&Hit {
        summary: &vacancy,
        retrieval_score: 1.5,
        facet_scores: &scores,
    });
    assert_eq!(one, other);
    let wanted = [
        (Feature::Retrieval, 1.5),
        (Feature::FacetText, 0.6),
        (Feature::FacetSkills, 0.5),
        (Feature::FacetGeography, 0.9),
        (Feature::FacetWords, 0.3),
        (Feature::TitleOverlap, 1.0),
        (Feature::SkillOverlap, 0.5),
        (Feature::OptionalSkillOverlap, 0.5),
        (Feature::LocationFit, 1.0),
        (Feature::DistanceKm, 11.12),
        (Feature::SeniorityShortfall, 2.0),
        (Feature::SeniorityExcess, 0.0),
        (Feature::LanguageMatch, 1.0),
    ];
    assert_eq!(wanted.map(|(feature, _)| feature), Feature::ALL);
    for (feature, value) in wanted {
        assert!(
            (one.get(feature).unwrap() - value).abs() < 0.01,
            "{feature}"
        );
    }
}

#[test]
fn what_is_unknown_is_absent() {
    let (empty, scores) = (Summary::default(), scores());
    let vacancy = vacancy();
    let query = Query::new(ProfileKind::Vacancy, &vacancy, None);
    let features = query.features(&Hit {
        summary: &empty,
        retrieval_score: 0.0,
        facet_scores: &scores,
    });
    for feature in Feature::ALL {
        let known =
            [Feature::Retrieval, Feature::FacetText, Feature::FacetWords].contains(&feature);
        assert_eq!(features.get(feature).is_some(), known, "{feature}");
    }
}

#[test]
fn values_that_are_not_finite_are_unknown() {
    let features = PairFeatures::default()
        .with(Feature::FacetText, Some(f32::NAN))
        .with(Feature::Retrieval, Some(1.0));
    assert_eq!(features.get(Feature::FacetText), None);
    assert_eq!(features.get(Feature::Retrieval), Some(1.0));
}

#[test]
fn names_find_their_features() {
    for (place, feature) in Feature::ALL.into_iter().enumerate() {
        assert_eq!(feature as usize, place);
        assert_eq!(Feature::from_name(feature.name()), Some(feature));
    }
    assert_eq!(Feature::from_name("skill"), None);
    assert!(TITLE_STOP_WORDS.is_sorted());
}

#[test]
fn titles_are_compared_by_their_telling_words() {
    let likeness = |one: &str, other: &str| dice(&title_words(one), &title_words(other));
    assert_eq!(likeness("Senior Accountant (H/F)", "ACCOUNTANT"), Some(1.0));
    assert_eq!(likeness("Chef de projet", "Chef cuisinier"), Some(0.5));
    assert_eq!(likeness("Baker", "Driver"), Some(0.0));
    assert_eq!(likeness("H/F", "Driver"), None);
}
