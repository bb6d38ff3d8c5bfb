//! Sentences as real adverts and CVs write them.

use proptest::prelude::*;

use super::*;

#[test]
fn years_are_read() {
    for (text, wanted) in [
        ("2+ years’ professional experience with data", 2.0),
        ("Generally requires 7-11 years related experience.", 7.0),
        ("Restaurant experience: 1 year (Preferred)", 1.0),
        ("At least 2 years working with data science tools", 2.0),
        ("2+ years managing staff of 5 or more.", 2.0),
        ("Three (3) years of experience in nursing", 3.0),
        ("a minimum of five years of experience", 5.0),
        ("20+ years of software engineering experience", 20.0),
        ("3 ans (ou plus) d’expérience de travail pertinent", 3.0),
        (
            "Expérience professionnelle confirmée de 5 à 7 ans minimum",
            5.0,
        ),
        ("Minimum 2 à 3 ans d’expérience dans la gestion", 2.0),
        ("5 ans d'expérience minimum", 5.0),
        ("au moins 2 ans", 2.0),
        ("Expérience minimale de 5 ans dans la coordination", 5.0),
        ("avec minimum 2 ans d’expérience", 2.0),
        ("au moins deux années d'expérience", 2.0),
        ("au moins 6 mois d'expérience dans le domaine", 0.5),
        ("Débutant < 2 ans - Expérience entre 2 ans et 5 ans", 0.0),
        ("Expérience entre 2 ans et 5 ans - Expérience > 10 ans", 2.0),
        ("Expérience > 10 ans", 10.0),
        ("1.5 years of experience", 1.5),
    ] {
        assert_eq!(asked_years(text), Some(wanted), "{text}");
    }
}

#[test]
fn other_spans_are_not_years_of_experience() {
    for text in [
        "Must be at least 18 years of age when required by State regulations",
        "children age 6 weeks to 12 years old",
        "Avoir 25-32 ans",
        "Age: 25-30 ans",
        "Homme ou femme âgé(e) d'au moins 25 ans",
        "CDD de 2 ans",
        "Our company has over 30 years of experience in banking",
        "Nous avons plus de 20 ans d'expérience",
        "within 12-18 months of completing a degree",
        "",
    ] {
        assert_eq!(asked_years(text), None, "{text}");
    }
}

#[test]
fn degrees_have_levels() {
    for (text, wanted) in [
        ("Ph.D. in Physics", 8),
        ("Doctorat en biologie", 8),
        ("Master of Science", 7),
        ("Masters in Analytics", 7),
        ("Master’s degree", 7),
        ("M.Sc. Computer Science", 7),
        ("MBA", 7),
        ("Diplôme d'ingénieur", 7),
        ("Ingénieur en informatique", 7),
        ("BAC + 5 en économie", 7),
        ("Bachelor of Arts", 6),
        ("B.S. in Accounting", 6),
        ("BA/BS degree", 6),
        ("Licence en comptabilité", 6),
        ("Licence professionnelle commerce", 6),
        ("Bac+3", 6),
        ("Bacc+2 en commerce", 5),
        ("BTS Assistant de gestion", 5),
        ("DUT informatique", 5),
        ("HND Business", 5),
        ("Associate's degree in nursing", 5),
        ("Baccalauréat scientifique", 4),
        ("Bac pro cuisine", 4),
        ("High School Diploma", 4),
        ("A-levels in Maths", 4),
        ("CAP cuisine", 3),
        ("BEP électrotechnique", 3),
        ("BEPC", 2),
    ] {
        assert_eq!(education_level(text), Some(wanted), "{text}");
    }
    assert_eq!(
        education_level("Bac S, puis Bac+2, puis Master en droit"),
        Some(7)
    );
}

#[test]
fn words_that_only_look_like_degrees_have_none() {
    for text in [
        "Scrum Master",
        "Master data management",
        "master the art of sales",
        "MS Excel, MS Power BI",
        "Contact Ms Lisa",
        "Sales Associate",
        "Permis et licence de conduire",
        "Ensure software licence compliance",
        "queues and the CAP theorem",
        "a team that is engaged",
        "L'ingénieur exerce dans des bacs piscicoles",
        "high school students",
        "",
    ] {
        assert_eq!(education_level(text), None, "{text}");
    }
}

#[test]
fn an_advert_asks_for_the_least_it_names() {
    for (text, wanted) in [
        (
            "Bachelor's or Master's Degree in a quantitative field",
            Some(6),
        ),
        ("Avoir un diplôme Bac+4 / Bac+5 en Marketing", Some(6)),
        ("BAC+2 ou 3 en marketing", Some(5)),
        ("Bac à Bac+2", Some(4)),
        ("Licence/Master 1 en comptabilité", Some(6)),
        ("High School Diploma or GED", Some(4)),
        ("Niveau Bac minimum", Some(4)),
        ("BTS ou Plus en Administration", Some(5)),
        ("Master's degree preferred.", None),
        ("Master's Degree. High school diploma preferred", Some(7)),
        ("We hire for attitude.", None),
    ] {
        assert_eq!(asked_education(text), wanted, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read(text in "(?s).{0,200}|[a-zé0-9+ .’-]{0,80}(ans|years|bac\\+[0-9]).{0,40}") {
        prop_assert!(asked_years(&text).is_none_or(|years| (0.0..=30.0).contains(&years)));
        let levels = [education_level(&text), asked_education(&text)];
        prop_assert!(levels.into_iter().flatten().all(|level| (2..=8).contains(&level)));
    }
}
