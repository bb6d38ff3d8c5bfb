//! Tests of the pair features.

use proptest::prelude::*;
use vivier_types::{
    Coordinates, Language, LanguageLevel, Mobility, RemotePolicy, Salary, Seniority,
};

use super::titles::{TITLE_STOP_WORDS, dice, title_words};
use super::*;
use crate::esco::Esco;
use crate::fixture::{
    COOK, COOKING, DATABASE_ADMINISTRATOR, DEVELOPER, KAFKA, MYSQL, RUST, SQL, WEB_DEVELOPER, esco,
    keys, skill_uri, skills,
};

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

fn pay(min: f64, max: f64) -> Option<Salary> {
    Some(Salary {
        min: Some(min),
        max: Some(max),
        currency: "EUR".to_owned(),
        period: "year".to_owned(),
    })
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
        mobility: Mobility {
            radius_km: Some(10.0),
            ..Mobility::default()
        },
        seniority: Some(Seniority::Mid),
        years_of_experience: Some(4.5),
        skill_concepts: keys(&[RUST, SQL]),
        occupation_concepts: keys(&[COOK, DEVELOPER]),
        education_level: Some(5),
        salary: pay(40_000.0, 50_000.0),
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
        years_of_experience: Some(6.0),
        skill_concepts: keys(&[RUST, MYSQL, KAFKA]),
        optional_skill_concepts: keys(&[SQL, COOKING]),
        occupation_concepts: keys(&[WEB_DEVELOPER]),
        education_level: Some(7),
        salary: pay(35_000.0, 45_000.0),
        ..Summary::default()
    }
}

fn scores() -> FacetScores {
    [
        (Facet::Text, 0.6),
        (Facet::Skills, 0.5),
        (Facet::Occupation, 0.7),
        (Facet::Geography, 0.9),
        (Facet::Seniority, 0.4),
        (Facet::Languages, 1.0),
        (Facet::Words, 0.3),
    ]
    .into()
}

/// Measures a pair from both sides, which must agree.
fn measured(candidate: &Summary, vacancy: &Summary, esco: Option<&Esco>) -> PairFeatures {
    let scores = scores();
    let hit = |summary| Hit {
        summary,
        retrieval_score: 1.5,
        facet_scores: &scores,
    };
    let asked = Query::new(ProfileKind::Vacancy, vacancy, esco);
    let offered = Query::new(ProfileKind::Candidate, candidate, esco);
    let features = asked.features_with(&hit(candidate), Detail::Full);
    assert_eq!(
        features,
        offered.features_with(&hit(vacancy), Detail::Full),
        "both directions measure the same"
    );
    let cheap = asked.features(&hit(candidate));
    for feature in Feature::ALL {
        let wanted = features.get(feature).filter(|_| !feature.is_costly());
        assert_eq!(cheap.get(feature), wanted, "{feature}");
    }
    features
}

fn near(steps: i32) -> f32 {
    (-0.7 * steps as f32).exp()
}

#[test]
fn a_full_pair_is_measured() {
    let features = measured(&candidate(), &vacancy(), Some(esco()));
    // Required Rust, MySQL and Kafka against Rust and SQL held; optional SQL and cooking.
    let coverage = (1.0 + near(2) + near(2)) / 3.0;
    let wanted = [
        (Feature::Retrieval, 1.5),
        (Feature::FacetText, 0.6),
        (Feature::FacetSkills, 0.5),
        (Feature::FacetOccupation, 0.7),
        (Feature::FacetGeography, 0.9),
        (Feature::FacetSeniority, 0.4),
        (Feature::FacetLanguages, 1.0),
        (Feature::FacetWords, 0.3),
        (Feature::TitleOverlap, 1.0),
        (Feature::OccupationSimilarity, near(2)),
        (Feature::SkillOverlap, 0.5),
        (Feature::OptionalSkillOverlap, 0.5),
        (Feature::SkillsMatched, 2.0),
        (Feature::SkillsMissing, 2.0),
        (Feature::OntologyCoverage, coverage),
        (Feature::OptionalCoverage, 0.5),
        (
            Feature::OntologySimilarity,
            0.5 * (coverage + (1.0 + near(2)) / 2.0),
        ),
        // A third stays at Rust, a sixth and a half move by 2: 4/3 and a little, as the
        // entropy spreads it.
        (Feature::TransportDistance, 1.343),
        (Feature::LocationFit, 0.978),
        (Feature::DistanceKm, 11.12),
        (Feature::BeyondRadiusKm, 1.12),
        (Feature::SeniorityShortfall, 2.0),
        (Feature::SeniorityExcess, 0.0),
        (Feature::ExperienceShortfallYears, 1.5),
        (Feature::ExperienceExcessYears, 0.0),
        (Feature::EducationShortfall, 2.0),
        (Feature::LanguageMatch, 1.0),
        (Feature::SalaryOverlap, 0.5),
    ];
    assert_eq!(wanted.map(|(feature, _)| feature), Feature::ALL);
    for (feature, value) in wanted {
        let found = features.get(feature).unwrap();
        assert!((found - value).abs() < 0.01, "{feature}: {found}");
    }
}

#[test]
fn what_is_unknown_is_absent() {
    let known =
        |feature| [Feature::Retrieval, Feature::FacetText, Feature::FacetWords].contains(&feature);
    for (candidate, vacancy) in [
        (Summary::default(), vacancy()),
        (candidate(), Summary::default()),
    ] {
        let features = measured(&candidate, &vacancy, Some(esco()));
        for feature in Feature::ALL {
            assert_eq!(features.get(feature).is_some(), known(feature), "{feature}");
        }
    }
}

#[test]
fn without_esco_only_what_needs_it_is_unknown() {
    let features = measured(&candidate(), &vacancy(), None);
    let needs_esco = [
        Feature::OccupationSimilarity,
        Feature::OntologyCoverage,
        Feature::OptionalCoverage,
        Feature::OntologySimilarity,
        Feature::TransportDistance,
    ];
    for feature in Feature::ALL {
        let known = features.get(feature).is_some();
        assert_eq!(known, !needs_esco.contains(&feature), "{feature}");
    }
}

#[test]
fn concepts_without_a_path_are_known_to_be_far() {
    let (mut candidate, mut vacancy) = (Summary::default(), Summary::default());
    candidate.skill_concepts = keys(&[COOKING]);
    vacancy.skill_concepts = keys(&[SQL]);
    candidate.occupation_concepts = keys(&[COOK]);
    vacancy.occupation_concepts = keys(&[DATABASE_ADMINISTRATOR]);
    let esco = esco();
    let features = measured(&candidate, &vacancy, Some(esco));
    for (feature, value) in [
        (Feature::OntologyCoverage, Some(0.0)),
        (Feature::OntologySimilarity, Some(0.0)),
        (Feature::OccupationSimilarity, Some(0.0)),
        (Feature::OptionalCoverage, None),
        (Feature::TransportDistance, Some(10.0)),
    ] {
        let found = features.get(feature);
        assert_eq!(found.map(f32::round), value, "{feature}: {found:?}");
    }
    // A release of ESCO that lacks the concept knows nothing of it.
    candidate.skill_concepts = keys(&[99]);
    let features = measured(&candidate, &vacancy, Some(esco));
    assert_eq!(features.get(Feature::OntologyCoverage), None);
}

#[test]
fn a_radius_is_exceeded_only_on_the_way_to_a_place() {
    let (mut candidate, mut vacancy) = (candidate(), vacancy());
    let beyond = |candidate: &Summary, vacancy: &Summary| {
        measured(candidate, vacancy, None).get(Feature::BeyondRadiusKm)
    };
    assert!((beyond(&candidate, &vacancy).unwrap() - 1.12).abs() < 0.01);
    vacancy.location.region = "Rhône".to_owned();
    candidate.mobility.regions = vec!["rhone".to_owned()];
    assert_eq!(beyond(&candidate, &vacancy), Some(0.0));
    candidate.mobility.regions.clear();
    candidate.mobility.radius_km = Some(20.0);
    assert_eq!(beyond(&candidate, &vacancy), Some(0.0));
    candidate.mobility.radius_km = None;
    assert_eq!(beyond(&candidate, &vacancy), None);
    candidate.mobility.radius_km = Some(1.0);
    vacancy.remote = Some(RemotePolicy::Remote);
    assert_eq!(beyond(&candidate, &vacancy), None);
}

fn some_keys() -> impl Strategy<Value = Vec<u128>> {
    prop::collection::vec(
        prop::sample::select(vec![MYSQL, SQL, RUST, KAFKA, COOKING, 99]),
        0..5,
    )
}

fn some_summary() -> impl Strategy<Value = Summary> {
    let skills_of = prop::collection::vec("[a-d]", 0..4);
    let figures = (
        prop::option::of(1_u8..=8),
        prop::option::of(0.0_f32..40.0),
        prop::option::of((0.0..9e4_f64, 0.0..9e4_f64)),
    );
    (some_keys(), some_keys(), skills_of, figures).prop_map(
        |(required, optional, names, (education_level, years_of_experience, salary))| {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let mut listed = skills(&names);
            for (skill, number) in listed.iter_mut().zip(&optional) {
                skill.uri = Some(skill_uri(*number));
            }
            Summary {
                optional_skills: listed.clone(),
                skills: listed,
                skill_concepts: keys(&required),
                optional_skill_concepts: keys(&optional),
                education_level,
                years_of_experience,
                salary: salary.and_then(|(min, max)| pay(min, max)),
                ..Summary::default()
            }
        },
    )
}

proptest! {
    #[test]
    fn values_stay_in_range_whichever_side_asks(
        candidate in some_summary(), vacancy in some_summary(),
    ) {
            let features = measured(&candidate, &vacancy, Some(esco()));
            for (feature, greatest) in [
                (Feature::SkillOverlap, 1.0),
                (Feature::OptionalSkillOverlap, 1.0),
                (Feature::OntologyCoverage, 1.0),
                (Feature::OptionalCoverage, 1.0),
                (Feature::OntologySimilarity, 1.0),
                (Feature::TransportDistance, 10.001),
                (Feature::SalaryOverlap, 1.0),
                (Feature::EducationShortfall, 7.0),
                (Feature::ExperienceShortfallYears, 40.0),
                (Feature::ExperienceExcessYears, 40.0),
            ] {
                let value = features.get(feature).unwrap_or(0.0);
                prop_assert!((0.0..=greatest).contains(&value), "{feature}: {value}");
            }
            let counts = [Feature::SkillsMatched, Feature::SkillsMissing].map(|one| features.get(one));
            if let ([Some(matched), Some(missing)], Some(share)) =
                (counts, features.get(Feature::SkillOverlap))
            {
                prop_assert!((share - matched / (matched + missing)).abs() < 1e-6);
            }
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
