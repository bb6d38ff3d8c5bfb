//! Tests of the section reader.

use proptest::prelude::*;

use super::*;

#[test]
fn an_english_cv_is_read() {
    let reading = read_cv(
        "STAFF ACCOUNTANT\nSummary\nI do the books, and payroll.\nHighlights\nAccount reconciliations\n\
         ERP (Enterprise Resource Planning) software.\nExcellent; Payroll\nExperience\nStaff Accountant\n\
         Skills I used daily were many\nSkills\npayroll, SQL, Microsoft Excel,\nwas responsible for all of it",
    );
    assert_eq!(reading.titles, ["STAFF ACCOUNTANT"]);
    assert_eq!(
        reading.skills,
        [
            "Account reconciliations",
            "ERP",
            "Enterprise Resource Planning",
            "software",
            "Excellent",
            "Payroll",
            "SQL",
            "Microsoft Excel"
        ]
    );
}

#[test]
fn a_french_cv_is_read() {
    let reading = read_cv(
        "Camille Boucher\nDéveloppeuse web\nProfil\nJe code depuis dix ans.\nCompétences techniques :\n\
         • Rust, PostgreSQL\n• Gestion de projet\nFormation\nMaster, Lyon\nLangues\nAnglais",
    );
    assert_eq!(reading.titles, ["Développeuse web"]);
    assert_eq!(reading.skills, ["Rust", "PostgreSQL", "Gestion de projet"]);
}

#[test]
fn labels_inside_a_list_are_taken_off() {
    let reading = read_cv(
        "TECHNICAL SKILLS â\u{9d}\u{96} Programming Languages: C#.NET\nSkill Details \r\nJava, Javascript,- Exprience - 6 months\r\n\
         C#- Exprience - Less than 1 year months\r\nCompany Details \r\ncompany - X\nTools: Git, Docker",
    );
    assert_eq!(
        reading.skills,
        ["Java", "Javascript", "C#", "Git", "Docker"]
    );
}

#[test]
fn an_advert_in_sentences_gives_no_skills() {
    let reading = read_vacancy(
        "Cook\nRequired skills\nYou have solid cooking skills and want to grow.\n\
         Must be able to work 8 hours a day.\nKnows knives\nBenefits\nDental, Vision, Paid leave, Lunch",
    );
    assert_eq!(reading.skills, Vec::<String>::new());
    assert_eq!(reading.titles, ["Cook"]);
}

#[test]
fn an_advert_with_lists_gives_them() {
    let reading = read_vacancy(
        "We build.\nRequired skills:\nRust\nKubernetes\nDistributed systems\n\nNice to have: Go, Kafka, gRPC\nBenefits\nLunch",
    );
    assert_eq!(
        reading.skills,
        ["Rust", "Kubernetes", "Distributed systems"]
    );
    assert_eq!(reading.optional_skills, ["Go", "Kafka", "gRPC"]);
}

#[test]
fn lists_end_where_something_else_begins() {
    let cv = "Skills\nSQL\nIIS\n\ncompany - Big Corp\nHospitality, Plastics\nSkills\nGo\nEducation\nMaths";
    assert_eq!(read_cv(cv).skills, ["SQL", "IIS", "Go"]);
    let advert = "Compétences requises :\n\nWord\nExcel\nSage\nMétier : Comptable\nAudit\n\nTools: Git, Docker, Make\nrace, color, age";
    assert_eq!(
        read_vacancy(advert).skills,
        ["Word", "Excel", "Sage", "Git", "Docker", "Make"]
    );
    let prose_after = "Skills\nRust\nGo\nKafka\n\nWe welcome every race, color, age";
    assert_eq!(read_vacancy(prose_after).skills, ["Rust", "Go", "Kafka"]);
}

proptest! {
    #[test]
    fn derived_skills_are_bounded_short_and_distinct(lines in prop::collection::vec("[\\PC]{0,80}", 0..80)) {
        let reading = read_cv(&format!("Skills\n{}", lines.join("\n")));
        prop_assert!(reading.skills.len() <= MAX_DERIVED_SKILLS);
        let mut keys: Vec<String> = reading.skills.iter().map(|skill| match_key(skill)).collect();
        for skill in &reading.skills {
            prop_assert!((2..=60).contains(&skill.chars().count()), "{skill}");
        }
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), reading.skills.len());
    }
}

/// Prints what is read from real CVs and adverts, and holds the floor: most
/// CVs have a title and skills, few adverts do, and nothing is a sentence.
#[test]
fn real_texts_are_read() {
    let pools = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/pools");
    let Ok(cvs) = std::fs::read_to_string(format!("{pools}/candidates.jsonl")) else {
        eprintln!("skipped: no {pools}");
        return;
    };
    let adverts = std::fs::read_to_string(format!("{pools}/vacancies.jsonl")).unwrap();
    let texts = |file: &str| -> Vec<String> {
        let value = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        file.lines()
            .map(|line| value(line)["text"].as_str().unwrap().to_owned())
            .collect()
    };
    let share = |readings: &[Reading], test: fn(&Reading) -> bool| {
        readings.iter().filter(|reading| test(reading)).count() as f64 / readings.len() as f64
    };
    let (cvs, adverts) = (texts(&cvs), texts(&adverts));
    let of_cvs: Vec<Reading> = cvs.iter().map(|text| read_cv(text)).collect();
    let of_adverts: Vec<Reading> = adverts.iter().map(|text| read_vacancy(text)).collect();
    let shares = (
        share(&of_cvs, |reading| !reading.titles.is_empty()),
        share(&of_cvs, |reading| reading.skills.len() >= 3),
        share(&of_adverts, |reading| !reading.titles.is_empty()),
        share(&of_adverts, |reading| !reading.skills.is_empty()),
    );
    eprintln!("CVs with a title, with 3 skills; adverts with a title, with skills: {shares:?}");
    if let Ok(step) = std::env::var("VIVIER_SHOW_READINGS") {
        let step: usize = step.parse().unwrap();
        of_cvs
            .iter()
            .step_by(step)
            .for_each(|reading| eprintln!("CV {reading:?}"));
        of_adverts
            .iter()
            .filter(|r| !r.skills.is_empty())
            .step_by(step / 20 + 1)
            .for_each(|r| eprintln!("AD {r:?}"));
    }
    assert!(shares.0 > 0.8 && shares.1 > 0.8, "{shares:?}");
    assert!(shares.3 < 0.2, "{shares:?}");
    let all = of_cvs
        .iter()
        .chain(&of_adverts)
        .flat_map(|reading| &reading.skills);
    for skill in all {
        assert!(
            !skill.contains('\n') && skill.split_whitespace().count() <= 8,
            "{skill}"
        );
    }
}
