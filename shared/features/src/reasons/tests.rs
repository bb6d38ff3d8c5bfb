//! Tests of the reasons.

use vivier_types::{
    Coordinates, Facet, FacetScores, Language, LanguageLevel, Location, ProfileKind, RemotePolicy,
    Salary, Seniority, Summary,
};

use super::*;
use crate::fixture::{
    DATABASE_ADMINISTRATOR, DEVELOPER, KAFKA, MYSQL, RUST, SQL, WEB_DEVELOPER, esco, keys, skill,
    skills,
};

fn language(code: &str, level: Option<LanguageLevel>) -> Language {
    Language {
        code: code.to_owned(),
        level,
    }
}

/// Explains a pair from both sides, which must agree.
fn explained(candidate: &Summary, vacancy: &Summary, language: ReasonLanguage) -> Vec<Reason> {
    let scores: FacetScores = [(Facet::Text, 0.625)].into();
    let explain = |kind, query, other| {
        let query = Query::new(kind, query, Some(esco()));
        query.explain(
            &Hit {
                summary: other,
                retrieval_score: 0.0,
                facet_scores: &scores,
            },
            language,
        )
    };
    let asked = explain(ProfileKind::Vacancy, vacancy, candidate);
    let offered = explain(ProfileKind::Candidate, candidate, vacancy);
    assert_eq!(asked, offered, "both directions say the same");
    asked
}

/// Returns the texts of the reasons, but for that about the texts, which is the last.
fn said(candidate: &Summary, vacancy: &Summary) -> Vec<(String, Polarity)> {
    let mut reasons = explained(candidate, vacancy, ReasonLanguage::English);
    reasons.pop();
    let said = reasons.into_iter();
    said.map(|reason| (reason.text, reason.polarity)).collect()
}

fn lyon(latitude: f64) -> Location {
    Location {
        place: "Lyon".to_owned(),
        coordinates: Some(Coordinates {
            latitude,
            longitude: 4.83,
        }),
        ..Location::default()
    }
}

fn pay(min: Option<f64>, max: Option<f64>, period: &str) -> Option<Salary> {
    Some(Salary {
        min,
        max,
        currency: "EUR".to_owned(),
        period: period.to_owned(),
    })
}

fn full_pair() -> (Summary, Summary) {
    let mut candidate = Summary {
        titles: vec!["Cook".to_owned(), "Developer".to_owned()],
        skills: [vec![skill("MySQL 8", MYSQL)], skills(&["grpc", "Zig"])].concat(),
        skill_concepts: keys(&[MYSQL, RUST]),
        occupation_concepts: keys(&[DATABASE_ADMINISTRATOR, DEVELOPER]),
        languages: vec![
            language("fr", Some(LanguageLevel::Native)),
            language("de", Some(LanguageLevel::A2)),
            language("es", None),
        ],
        location: lyon(45.872),
        seniority: Some(Seniority::Mid),
        years_of_experience: Some(4.2),
        education_level: Some(6),
        salary: pay(Some(42_000.0), Some(46_000.0), "year"),
        ..Summary::default()
    };
    candidate.mobility.radius_km = Some(30.0);
    let required = [
        vec![
            skill("Rust", RUST),
            skill("SQL databases", SQL),
            skill("MySQL", MYSQL),
            skill("Kafka", KAFKA),
        ],
        skills(&["gRPC", "Go"]),
    ];
    let vacancy = Summary {
        titles: vec!["Senior Rust developer".to_owned()],
        skills: required.concat(),
        skill_concepts: keys(&[RUST, SQL, MYSQL, KAFKA]),
        optional_skills: skills(&["zig", "C"]),
        occupation_concepts: keys(&[WEB_DEVELOPER]),
        languages: vec![
            language("fr", Some(LanguageLevel::B2)),
            language("de", Some(LanguageLevel::B1)),
            language("es", Some(LanguageLevel::B1)),
            language("it", None),
        ],
        location: lyon(45.764),
        seniority: Some(Seniority::Senior),
        years_of_experience: Some(5.0),
        education_level: Some(7),
        salary: pay(Some(3_000.0), Some(3_700.0), "month"),
        ..Summary::default()
    };
    (candidate, vacancy)
}

/// One line for each reason: its polarity, feature, sentence and evidence.
fn lines(reasons: &[Reason]) -> String {
    let line = |reason: &Reason| {
        let Reason {
            feature,
            text,
            polarity,
            evidence,
            ..
        } = reason;
        format!("{polarity:?} {feature}: {text} {evidence:?}\n")
    };
    reasons.iter().map(line).collect()
}

#[test]
fn a_full_pair_is_explained_in_english() {
    let (candidate, vacancy) = full_pair();
    let reasons = explained(&candidate, &vacancy, ReasonLanguage::English);
    assert_eq!(lines(&reasons), include_str!("golden/english.txt"));
}

#[test]
fn a_full_pair_is_explained_in_french() {
    let (candidate, vacancy) = full_pair();
    let reasons = explained(&candidate, &vacancy, ReasonLanguage::French);
    assert_eq!(lines(&reasons), include_str!("golden/french.txt"));
}

#[test]
fn each_skill_asked_for_comes_with_how_it_is_met() {
    let (candidate, vacancy) = full_pair();
    let near = crate::pair::narrowed((-1.4_f64).exp());
    let label = |name: &str, number| Some(skill(name, number));
    let own = |place: usize| candidate.skills.get(place).cloned();
    for (language, rust, occupations) in [
        (
            ReasonLanguage::English,
            "Rust (programming)",
            ["database administrator", "software developer"],
        ),
        (
            ReasonLanguage::French,
            "Rust (programmation)",
            [
                "administrateur de bases de données/administratrice de bases de données",
                "développeur de logiciels/développeuse de logiciels",
            ],
        ),
    ] {
        let reasons = explained(&candidate, &vacancy, language);
        let found: Vec<_> = reasons[0]
            .skills
            .iter()
            .map(|skill| (skill.held.clone(), skill.similarity, skill.path.join(" > ")))
            .collect();
        let wanted = [
            (label(rust, RUST), 1.0, String::new()),
            (own(0), near, format!("MySQL > {} > SQL", occupations[0])),
            (own(0), 1.0, String::new()),
            (
                label(rust, RUST),
                near,
                format!("{rust} > {} > Kafka", occupations[1]),
            ),
            (own(1), 1.0, String::new()),
            (None, 0.0, String::new()),
        ];
        assert_eq!(found, wanted);
        let asked = reasons[0].skills.iter().map(|skill| &skill.asked);
        assert!(asked.eq(&vacancy.skills));
        let with_skills = reasons.iter().filter(|reason| !reason.skills.is_empty());
        assert_eq!(with_skills.count(), 2, "required and optional skills");
    }
}

#[test]
fn without_esco_names_alone_are_matched() {
    let (candidate, vacancy) = full_pair();
    let query = Query::new(ProfileKind::Vacancy, &vacancy, None);
    let hit = Hit {
        summary: &candidate,
        retrieval_score: 0.0,
        facet_scores: &FacetScores::new(),
    };
    let reasons = query.explain(&hit, ReasonLanguage::English);
    assert_eq!(
        reasons[0].text,
        "Has 3 of 6 required skills: Rust, MySQL, gRPC. Missing: SQL databases, Kafka, Go."
    );
    let held = reasons[0].skills[0].held.as_ref();
    assert_eq!(held, vacancy.skills.first());
}

#[test]
fn nothing_known_gives_no_reason() {
    assert_eq!(said(&Summary::default(), &Summary::default()), []);
    assert_eq!(said(&Summary::default(), &full_pair().1), []);
    assert_eq!(said(&full_pair().0, &Summary::default()), []);
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

/// Says the first reason in both languages.
fn both(candidate: &Summary, vacancy: &Summary) -> [String; 2] {
    [ReasonLanguage::English, ReasonLanguage::French].map(|language| {
        let reasons = explained(candidate, vacancy, language);
        reasons.into_iter().next().unwrap().text
    })
}

#[test]
fn skills_are_counted_in_the_right_number() {
    let said = |asked: &[&str], held: &[&str]| {
        let with = |names| Summary {
            skills: skills(names),
            ..Summary::default()
        };
        both(&with(held), &with(asked))
    };
    for (asked, held, english, french) in [
        (
            &["Go"][..],
            &["go"][..],
            "Has the required skill: Go.",
            "Possède la compétence requise : Go.",
        ),
        (
            &["Go", "C"],
            &["go", "c"],
            "Has all 2 required skills: Go, C.",
            "Possède les 2 compétences requises : Go, C.",
        ),
        (
            &["Go", "C"],
            &["go"],
            "Has 1 of 2 required skills: Go. Missing: C.",
            "Possède 1 des 2 compétences requises : Go. Manque : C.",
        ),
        (
            &["Go", "C"],
            &["Zig"],
            "Lists none of the 2 required skills: Go, C.",
            "Ne mentionne aucune des 2 compétences requises : Go, C.",
        ),
        (
            &["Go"],
            &["Zig"],
            "Does not list the required skill: Go.",
            "Ne mentionne pas la compétence requise : Go.",
        ),
    ] {
        assert_eq!(said(asked, held), [english, french]);
    }
}

#[test]
fn a_skill_that_is_only_near_is_related_and_not_held() {
    let mut candidate = Summary {
        skill_concepts: keys(&[MYSQL]),
        occupation_concepts: keys(&[DATABASE_ADMINISTRATOR]),
        ..Summary::default()
    };
    let vacancy = Summary {
        skills: vec![skill("SQL", SQL), skill("Rust", RUST)],
        ..Summary::default()
    };
    assert_eq!(
        both(&candidate, &vacancy),
        [
            "Lists none of the 2 required skills. Related: SQL (MySQL → database administrator \
             → SQL). Missing: Rust.",
            "Ne mentionne aucune des 2 compétences requises. Compétence proche : SQL (MySQL → \
             administrateur de bases de données/administratrice de bases de données → SQL). \
             Manque : Rust.",
        ]
    );
    let polarity = said(&candidate, &vacancy)[0].1;
    assert_eq!(polarity, Polarity::Neutral);
    // That both are needed in an occupation of nobody here says nothing.
    candidate.occupation_concepts.clear();
    assert_eq!(
        both(&candidate, &vacancy)[0],
        "Lists none of the 2 required skills: SQL, Rust."
    );
}

#[test]
fn skills_that_an_advert_only_mentions_are_not_called_required() {
    let candidate = Summary {
        skill_concepts: keys(&[MYSQL]),
        occupation_concepts: keys(&[DATABASE_ADMINISTRATOR]),
        ..Summary::default()
    };
    let mut vacancy = Summary {
        optional_skills: vec![skill("MySQL", MYSQL), skill("Rust", RUST)],
        skills_mentioned: true,
        ..Summary::default()
    };
    assert_eq!(
        both(&candidate, &vacancy),
        [
            "Has 1 of 2 skills that the advert mentions: MySQL.",
            "Possède 1 des 2 compétences que l'annonce mentionne : MySQL.",
        ]
    );
    vacancy.optional_skills.truncate(1);
    assert_eq!(
        both(&candidate, &vacancy),
        [
            "Has the skill that the advert mentions: MySQL.",
            "Possède la compétence que l'annonce mentionne : MySQL.",
        ]
    );
}

#[test]
fn occupations_that_only_share_a_skill_are_not_called_related() {
    let (mut candidate, mut vacancy) = (Summary::default(), Summary::default());
    // Both need SQL, and nothing else joins them within two steps.
    candidate.occupation_concepts = keys(&[DATABASE_ADMINISTRATOR]);
    vacancy.occupation_concepts = keys(&[DEVELOPER]);
    assert_eq!(said(&candidate, &vacancy), []);
}

#[test]
fn terms_beyond_what_is_asked_for_are_put_into_words() {
    let (mut candidate, mut vacancy) = full_pair();
    candidate.seniority = Some(Seniority::Lead);
    candidate.years_of_experience = Some(0.5);
    candidate.education_level = Some(8);
    candidate.mobility.radius_km = None;
    candidate.salary = pay(Some(60_000.0), None, "year");
    candidate.occupation_concepts = keys(&[WEB_DEVELOPER]);
    vacancy.years_of_experience = Some(1.2);
    vacancy.location = Location {
        place: String::new(),
        ..lyon(47.0)
    };
    vacancy.salary = pay(None, Some(20.0), "hour");
    for (language, wanted) in [
        (
            ReasonLanguage::English,
            [
                "Has worked in the occupation of the job: web developer.",
                "Lives 125 km from the job; the radius accepted is not known.",
                "Seniority is lead (under a year of experience), one step above senior, which \
                 is asked for.",
                "Has under a year of experience; 1 year asked for.",
                "Education: doctorate, above the level asked for (master's degree).",
                "Pay expected (from 60,000 EUR a year) is above the offer (up to 32,140).",
            ],
        ),
        (
            ReasonLanguage::French,
            [
                "A exercé le métier demandé : web developer.",
                "Vit à 125 km du lieu du poste ; le rayon accepté n'est pas connu.",
                "Niveau : responsable (moins d'un an d'expérience), un échelon au-dessus du \
                 niveau demandé (senior).",
                "Expérience : moins d'un an ; durée demandée : 1 an.",
                "Niveau d'études : doctorat, au-dessus du niveau demandé (master).",
                "Rémunération attendue : à partir de 60\u{202f}000 EUR par an ; l'offre (jusqu'à 32\u{202f}140) est en dessous.",
            ],
        ),
    ] {
        let reasons = explained(&candidate, &vacancy, language);
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        for sentence in wanted {
            assert!(texts.contains(&sentence), "{sentence} is not in {texts:#?}");
        }
    }
}

#[test]
fn words_in_common_are_put_into_words() {
    let words: Vec<String> = (1..=9).map(|n| format!("mot{n}")).collect();
    let said = |language| shared_words_sentence(&words, language);
    let shown = words[..8].join(", ");
    assert_eq!(
        said(ReasonLanguage::English),
        format!("Shares words: {shown} and 1 more.")
    );
    assert_eq!(
        said(ReasonLanguage::French),
        format!("Mots en commun : {shown} et 1 autre.")
    );
}

#[test]
fn languages_of_reasons_have_codes() {
    assert_eq!(
        ReasonLanguage::from_code("fr"),
        Some(ReasonLanguage::French)
    );
    assert_eq!(
        ReasonLanguage::from_code("en"),
        Some(ReasonLanguage::English)
    );
    assert_eq!(ReasonLanguage::from_code("de"), None);
}
