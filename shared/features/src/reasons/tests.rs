//! Tests of the reasons.

use vivier_types::{
    Coordinates, Facet, FacetScores, Language, LanguageLevel, ProfileKind, RemotePolicy, Seniority,
};

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

fn language(code: &str, level: Option<LanguageLevel>) -> Language {
    Language {
        code: code.to_owned(),
        level,
    }
}

fn said(candidate: &Summary, vacancy: &Summary) -> Vec<(String, Polarity)> {
    let scores = FacetScores::new();
    let query = Query::new(ProfileKind::Vacancy, vacancy);
    let asked = query.explain(&Hit {
        summary: candidate,
        retrieval_score: 0.0,
        facet_scores: &scores,
    });
    let query = Query::new(ProfileKind::Candidate, candidate);
    let offered = query.explain(&Hit {
        summary: vacancy,
        retrieval_score: 0.0,
        facet_scores: &scores,
    });
    assert_eq!(asked, offered, "both directions say the same");
    asked
        .into_iter()
        .map(|reason| (reason.text, reason.polarity))
        .collect()
}

#[test]
fn a_full_pair_is_put_into_words() {
    let lyon = |latitude| Location {
        place: "Lyon".to_owned(),
        coordinates: Some(Coordinates {
            latitude,
            longitude: 4.83,
        }),
        ..Location::default()
    };
    let mut candidate = Summary {
        titles: vec!["Cook".to_owned(), "Developer".to_owned()],
        skills: skills(&["rust", "gRPC", "kubernetes", "Zig"]),
        languages: vec![
            language("fr", Some(LanguageLevel::C1)),
            language("de", Some(LanguageLevel::A2)),
            language("es", None),
        ],
        location: lyon(45.872),
        seniority: Some(Seniority::Mid),
        years_of_experience: Some(4.2),
        ..Summary::default()
    };
    candidate.mobility.radius_km = Some(30.0);
    let vacancy = Summary {
        titles: vec!["Senior Rust developer".to_owned()],
        skills: skills(&["Rust", "gRPC", "Kubernetes", "Kafka", "Go"]),
        optional_skills: skills(&["zig", "C"]),
        languages: vec![
            language("fr", Some(LanguageLevel::B2)),
            language("de", Some(LanguageLevel::B1)),
            language("es", Some(LanguageLevel::B1)),
            language("it", None),
        ],
        location: lyon(45.764),
        seniority: Some(Seniority::Senior),
        ..Summary::default()
    };
    let wanted = [
        (
            "Has 3 of 5 required skills: Rust, gRPC, Kubernetes. Missing: Kafka, Go.",
            Polarity::For,
        ),
        (
            "Has held a similar title: Developer, for Senior Rust developer.",
            Polarity::For,
        ),
        (
            "Lives 12 km from Lyon, within the 30 km radius.",
            Polarity::For,
        ),
        ("Speaks French (C1), asked for B2.", Polarity::For),
        (
            "Speaks German (A2), below the B1 asked for.",
            Polarity::Against,
        ),
        (
            "Speaks Spanish, level not said, asked for B1.",
            Polarity::Neutral,
        ),
        (
            "Italian is asked for and not among the languages listed.",
            Polarity::Against,
        ),
        (
            "Seniority is mid (4 years of experience), one step below senior, which is asked for.",
            Polarity::Neutral,
        ),
        ("Has 1 of 2 optional skills: zig.", Polarity::For),
    ];
    assert_eq!(
        said(&candidate, &vacancy),
        wanted.map(|(text, polarity)| (text.to_owned(), polarity))
    );
}

#[test]
fn nothing_known_gives_no_reason() {
    assert_eq!(said(&Summary::default(), &Summary::default()), []);
}

#[test]
fn regions_and_remote_work_are_put_into_words() {
    let place = |region: &str| Location {
        region: region.to_owned(),
        ..Location::default()
    };
    let mut candidate = Summary {
        location: place("Corse"),
        ..Summary::default()
    };
    let mut vacancy = Summary {
        location: place("Bretagne"),
        ..Summary::default()
    };
    let only = |candidate: &Summary, vacancy: &Summary| said(candidate, vacancy).remove(0);
    assert_eq!(
        only(&candidate, &vacancy),
        (
            "Lives in Corse, and the job is in Bretagne.".to_owned(),
            Polarity::Against
        )
    );
    candidate.mobility.regions = vec!["bretagne".to_owned()];
    assert_eq!(
        only(&candidate, &vacancy),
        (
            "The job is in Bretagne, a region accepted.".to_owned(),
            Polarity::For
        )
    );
    vacancy.remote = Some(RemotePolicy::Remote);
    candidate.mobility.remote = Some(false);
    assert_eq!(
        only(&candidate, &vacancy),
        (
            "The job is remote, and remote work is not accepted.".to_owned(),
            Polarity::Against
        )
    );
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let asked: Vec<String> = (0..30).map(|n| format!("skill {n}")).collect();
    let vacancy = Summary {
        skills: skills(&asked.iter().map(String::as_str).collect::<Vec<_>>()),
        ..Summary::default()
    };
    let candidate = Summary {
        skills: skills(&["skill 3", "other"]),
        ..Summary::default()
    };
    let (text, polarity) = said(&candidate, &vacancy).remove(0);
    assert!(
        text.starts_with("Has 1 of 30 required skills: skill 3. Missing: skill 0, "),
        "{text}"
    );
    assert!(text.ends_with("skill 8 and 21 more."), "{text}");
    assert_eq!(polarity, Polarity::Neutral);
}

#[test]
fn the_likeness_of_texts_is_said_with_its_figure() {
    let (candidate, vacancy) = (Summary::default(), Summary::default());
    let scores: FacetScores = [(Facet::Text, 0.625)].into();
    let query = Query::new(ProfileKind::Vacancy, &vacancy);
    let reasons = query.explain(&Hit {
        summary: &candidate,
        retrieval_score: 0.0,
        facet_scores: &scores,
    });
    assert_eq!(reasons.len(), 1);
    assert_eq!(
        reasons[0].text,
        "The texts are close in meaning (cosine 0.62)."
    );
    assert_eq!(reasons[0].feature, Feature::FacetText);
}
