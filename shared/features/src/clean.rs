//! Records without what tells who a person is: each text is stripped once, and what one
//! text tells of names goes from all.

use vivier_identity::{Counts, Reading, Stripped, strip_record};
use vivier_types::{Candidate, Vacancy};

use crate::knowledge::fields::Field;

/// A candidate without personal details.
pub(crate) struct CleanCandidate<'a> {
    /// The record with clean texts; titles of which nothing is left are gone.
    pub(crate) record: Candidate,
    /// The running texts that are not blank, the free text first.
    pub(crate) fields: Vec<Field<'a>>,
    /// The names of skills that are not blank, with their places in the record.
    pub(crate) skills: Vec<(usize, Field<'a>)>,
    /// What was stripped.
    pub(crate) removed: Counts,
}

/// A vacancy without contacts, its names of jobs neutral.
pub(crate) struct CleanVacancy<'a> {
    /// The record with clean texts.
    pub(crate) record: Vacancy,
    /// The running texts that are not blank, those that say whom it looks for first.
    pub(crate) fields: Vec<Field<'a>>,
    /// What was stripped.
    pub(crate) removed: Counts,
}

/// What a text of a record is read for, beside being written.
enum Use {
    /// Running text that can name skills, with its path.
    Running(String),
    /// The name of the skill at a place.
    Skill(usize),
    /// Nothing.
    Other,
}

/// A text of a record.
type Text<'a> = (Reading, &'a str, Use);

impl<'a> CleanCandidate<'a> {
    /// Strips a record.
    pub(crate) fn of(candidate: &'a Candidate) -> Self {
        let texts = candidate_texts(candidate);
        let stripped = strip(&texts);
        let mut record = candidate.clone();
        let removed = write(&stripped, candidate_texts_mut(&mut record));
        record.titles.retain(|title| !title.trim().is_empty());
        let (mut fields, mut skills) = (Vec::new(), Vec::new());
        for ((_, written, read_for), clean) in texts.into_iter().zip(stripped) {
            match read_for {
                Use::Running(path) => fields.extend(Field::new(path, written, clean)),
                Use::Skill(place) => {
                    let field = Field::new(format!("skills[{place}].name"), written, clean);
                    skills.extend(field.map(|field| (place, field)));
                }
                Use::Other => {}
            }
        }
        Self {
            record,
            fields,
            skills,
            removed,
        }
    }
}

impl<'a> CleanVacancy<'a> {
    /// Strips a record.
    pub(crate) fn of(vacancy: &'a Vacancy) -> Self {
        let texts = vacancy_texts(vacancy);
        let stripped = strip(&texts);
        let mut record = vacancy.clone();
        let removed = write(&stripped, vacancy_texts_mut(&mut record));
        let mut fields = Vec::new();
        for ((_, written, read_for), clean) in texts.into_iter().zip(stripped) {
            if let Use::Running(path) = read_for {
                fields.extend(Field::new(path, written, clean));
            }
        }
        Self {
            record,
            fields,
            removed,
        }
    }
}

fn strip<'a>(texts: &[Text<'a>]) -> Vec<Stripped<'a>> {
    let read = texts.iter().map(|(reading, text, _)| (*reading, *text));
    strip_record(&read.collect::<Vec<_>>())
}

/// Writes the clean texts over those of a record, and returns what was removed.
fn write<'r>(clean: &[Stripped<'_>], texts: impl IntoIterator<Item = &'r mut String>) -> Counts {
    let mut removed = Counts::default();
    for (text, clean) in texts.into_iter().zip(clean) {
        if !clean.removed().is_empty() {
            removed.add(&clean.removed());
            clean.text().clone_into(text);
        }
    }
    removed
}

/// Returns the texts of a candidate, in the order of [`candidate_texts_mut`].
fn candidate_texts(candidate: &Candidate) -> Vec<Text<'_>> {
    let running = |path: &str| Use::Running(path.to_owned());
    let mut texts: Vec<Text<'_>> = vec![(Reading::Cv, &candidate.text, running("text"))];
    for (place, title) in candidate.titles.iter().enumerate() {
        texts.push((Reading::Title, title, running(&format!("titles[{place}]"))));
    }
    for (place, skill) in candidate.skills.iter().enumerate() {
        texts.push((Reading::Field, &skill.name, Use::Skill(place)));
    }
    for (place, held) in candidate.experiences.iter().enumerate() {
        let path = |name| running(&format!("experiences[{place}].{name}"));
        texts.push((Reading::Title, &held.title, path("title")));
        texts.push((Reading::Field, &held.text, path("text")));
        texts.push((Reading::Field, &held.employer, Use::Other));
    }
    for (place, course) in candidate.education.iter().enumerate() {
        let path = |name| running(&format!("education[{place}].{name}"));
        texts.push((Reading::Field, &course.degree, path("degree")));
        texts.push((Reading::Field, &course.field, path("field")));
        texts.push((Reading::Field, &course.institution, Use::Other));
    }
    texts
}

fn candidate_texts_mut(candidate: &mut Candidate) -> Vec<&mut String> {
    let mut texts = vec![&mut candidate.text];
    texts.extend(&mut candidate.titles);
    texts.extend(candidate.skills.iter_mut().map(|skill| &mut skill.name));
    for held in &mut candidate.experiences {
        texts.extend([&mut held.title, &mut held.text, &mut held.employer]);
    }
    for course in &mut candidate.education {
        texts.extend([
            &mut course.degree,
            &mut course.field,
            &mut course.institution,
        ]);
    }
    texts
}

/// Returns the texts of a vacancy, in the order of [`vacancy_texts_mut`].
fn vacancy_texts(vacancy: &Vacancy) -> Vec<Text<'_>> {
    fn advert(text: &str, read_for: Use) -> Text<'_> {
        (Reading::Advert, text, read_for)
    }
    let running = |path: &str| Use::Running(path.to_owned());
    let mut texts: Vec<Text<'_>> = vec![
        advert(&vacancy.wanted_profile, running("wanted_profile")),
        advert(&vacancy.description, running("description")),
        advert(&vacancy.title, Use::Other),
    ];
    let skills = vacancy.required_skills.iter();
    let skills = skills.chain(&vacancy.optional_skills);
    texts.extend(skills.map(|skill| advert(&skill.name, Use::Other)));
    texts
}

fn vacancy_texts_mut(vacancy: &mut Vacancy) -> Vec<&mut String> {
    let mut texts = vec![
        &mut vacancy.wanted_profile,
        &mut vacancy.description,
        &mut vacancy.title,
    ];
    let skills = vacancy.required_skills.iter_mut();
    let skills = skills.chain(&mut vacancy.optional_skills);
    texts.extend(skills.map(|skill| &mut skill.name));
    texts
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;
    use vivier_types::{FacetScores, ProfileKind};

    use super::*;
    use crate::{Description, Hit, Knowledge, Query, ReasonLanguage};
    use crate::{describe_candidate, describe_vacancy, skill_spans};

    const TODAY: Date = Date::constant(2026, 7, 1);

    fn candidate(json: &str) -> Candidate {
        serde_json::from_str(json).unwrap()
    }

    fn described(json: &str) -> Description {
        describe_candidate(&candidate(json), TODAY, &Knowledge::default())
    }

    #[test]
    fn the_name_of_the_header_goes_from_every_text() {
        let record = r#"{"id":"c","text":"Fatoumata Diallo\nSales\nFatoumata sells.",
            "titles":["Vendeuse Diallo","Madame Dupont, assistante","Mme Diallo"],
            "skills":["Coaching by Diallo","Vente"],
            "experiences":[{"title":"Fatoumata Diallo, vendeuse","employer":"chez DIALLO",
                "text":"Dupont and Diallo sold shoes."}],
            "education":[{"degree":"Bac of Diallo","field":"vente","institution":"class of Dupont"}]}"#;
        let given = candidate(record);
        let clean = CleanCandidate::of(&given);
        let shown = format!("{:?}", clean.record);
        for name in ["Fatoumata", "Diallo", "DIALLO", "Dupont", "Madame", "Mme"] {
            assert!(!shown.contains(name), "{name} in {shown}");
        }
        assert_eq!(clean.record.titles, ["Vendeur", "assistant"]);
        assert_eq!(clean.record.experiences[0].text, "and sold shoes.");
        let description = described(record);
        let shown = format!("{description:?}");
        assert!(
            !shown.contains("Diallo") && !shown.contains("Dupont"),
            "{shown}"
        );
        assert_eq!(description.summary.titles, ["Vendeur", "assistant"]);
        assert_eq!(description.skills, ["Coaching by", "Vente"]);
    }

    #[test]
    fn two_persons_with_one_career_are_described_alike() {
        let of = |title: &str, given: &str, family: &str, skill: &str| {
            let mut of = described(&format!(
                r#"{{"id":"c","titles":["{title}"],"skills":["{skill}"],
                    "text":"{given} {family}\nWe sold shoes.\n{given} likes shoes.",
                    "experiences":[{{"title":"{title}","text":"{family} sold shoes.","start":"2020"}}]}}"#
            ));
            of.removed = Counts::default();
            of
        };
        let one = of(
            "Madame Dupont, assistante",
            "Marie",
            "Dupont",
            "chargée de clientèle",
        );
        for (title, given, family) in [
            ("assistant", "Chukwuemeka", "Okonkwo"),
            ("assistante (H/F)", "Xiaoling", "Zhang"),
            ("Mohammed Benali - assistant", "Mohammed", "Benali"),
            ("assistant(e)", "Fatoumata", "Diallo"),
        ] {
            assert_eq!(
                of(title, given, family, "chargé de clientèle"),
                one,
                "{title}"
            );
        }
    }

    #[test]
    fn gendered_forms_of_titles_and_skills_are_equal_for_features_and_reasons() {
        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v","title":"Serveur/serveuse (H/F)","required_skills":["Hôtesse d'accueil","Vin"]}"#,
        )
        .unwrap();
        let vacancy = describe_vacancy(&vacancy, &Knowledge::default()).summary;
        let of = |title: &str, skill: &str| {
            let person = described(&format!(
                r#"{{"id":"c","titles":["{title}"],"skills":["{skill}"]}}"#
            ));
            let query = Query::new(ProfileKind::Vacancy, &vacancy, None);
            let hit = Hit {
                summary: &person.summary,
                retrieval_score: 0.5,
                facet_scores: &FacetScores::new(),
            };
            let reasons = query.explain(&hit, ReasonLanguage::French);
            (query.features(&hit), reasons, person.words)
        };
        let man = of("Serveur", "Hôte d'accueil");
        assert_eq!(man.0.get(crate::Feature::TitleOverlap), Some(1.0));
        assert_eq!(man.0.get(crate::Feature::SkillsMatched), Some(1.0));
        for (title, skill) in [
            ("Serveuse", "Hôtesse d'accueil"),
            ("Serveur(se)", "Hôte/hôtesse d'accueil"),
            ("Serveuse ou serveur H/F", "Hôte/sse d'accueil"),
            ("Madame Dupont, Serveuse", "Hôtesse d'accueil"),
        ] {
            assert_eq!(of(title, skill), man, "{title}");
        }
    }

    #[test]
    fn places_quote_the_record_as_it_is_written() {
        let record =
            candidate(r#"{"id":"c","skills":["Hôtesse d'accueil"],"text":"Hôtesse d'accueil."}"#);
        let held = described(r#"{"id":"c","skills":["Hôtesse d'accueil"]}"#)
            .summary
            .skills;
        let spans = skill_spans(&record, &held, &Knowledge::default());
        let quoted: Vec<&str> = spans[0].iter().map(|span| &*span.text).collect();
        assert_eq!(quoted, ["Hôtesse d'accueil", "Hôtesse d'accueil"]);
    }
}
