//! Everything that is embedded, indexed or compared about one profile, derived
//! in one place.

use jiff::civil::Date;
use vivier_identity::{Counts, strip, strip_advert, strip_field};
use vivier_types::{Candidate, Profile, Skill, Summary, Vacancy};

use crate::columns::{Columns, candidate_columns, vacancy_columns};
use crate::geography::{candidate_geography, vacancy_geography};
use crate::language::detect_language;
use crate::reading::{Reading, read_cv, read_vacancy};
use crate::seniority::{seniority_of_title, seniority_of_years, years_of_experience};
use crate::serialise::{ConceptLabels, Serialisation, candidate_texts, vacancy_texts};

/// What the rest of the system needs of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// The structured part, for pair features.
    pub summary: Summary,
    /// Language of the texts (ISO 639-1): as given, else detected; `None` when
    /// neither English nor French, or too short to tell.
    pub lang: Option<String>,
    /// Text facet: what an encoder reads.
    pub text: String,
    /// Skills facet: names to embed and average; required ones for a vacancy.
    pub skills: Vec<String>,
    /// Geography facet, when the coordinates are known:
    /// [`crate::GEOGRAPHY_DIM`] values.
    pub geography: Option<Vec<f32>>,
    /// Words facet: all text.
    pub words: String,
    /// What filters test.
    pub columns: Columns,
    /// How many personal details of each kind were stripped from the texts.
    pub removed: Counts,
}

/// Describes either kind of profile; `today` ends the positions still held.
pub fn describe_profile(profile: &Profile, today: Date) -> Description {
    match profile {
        Profile::Candidate(candidate) => describe_candidate(candidate, today),
        Profile::Vacancy(vacancy) => describe_vacancy(vacancy),
    }
}

/// Describes a candidate; `today` ends the positions still held.
///
/// When the profile carries neither titles nor dated experiences nor skills,
/// they are read from the free text as far as its headings allow
/// ([`crate::read_cv`]): such titles and skills are derived, not stated.
pub fn describe_candidate(candidate: &Candidate, today: Date) -> Description {
    let summary = summarise_candidate(candidate, today);
    let texts = candidate_texts(
        candidate,
        Serialisation::default(),
        ConceptLabels::default(),
    );
    let lang = candidate
        .lang
        .clone()
        .or_else(|| detect_language(&texts.words).map(str::to_owned));
    Description {
        text: texts.text,
        skills: skill_names(&summary.skills),
        geography: candidate_geography(
            summary.location.coordinates.as_slice(),
            summary.mobility.remote,
        ),
        columns: candidate_columns(candidate, &summary, lang.as_deref()),
        removed: texts.removed,
        words: texts.words,
        lang,
        summary,
    }
}

/// Describes a vacancy.
///
/// Without a title or skills of its own, those that the text lists are taken
/// ([`crate::read_vacancy`]).
pub fn describe_vacancy(vacancy: &Vacancy) -> Description {
    let summary = summarise_vacancy(vacancy);
    let texts = vacancy_texts(vacancy, Serialisation::default(), ConceptLabels::default());
    let lang = vacancy
        .lang
        .clone()
        .or_else(|| detect_language(&texts.words).map(str::to_owned));
    Description {
        text: texts.text,
        skills: skill_names(&summary.skills),
        geography: vacancy_geography(summary.location.coordinates, summary.remote),
        columns: vacancy_columns(vacancy, &summary, lang.as_deref()),
        removed: texts.removed,
        words: texts.words,
        lang,
        summary,
    }
}

fn summarise_candidate(candidate: &Candidate, today: Date) -> Summary {
    let held: Vec<String> = candidate
        .experiences
        .iter()
        .map(|experience| experience.title.clone())
        .filter(|title| !title.is_empty())
        .collect();
    let stated_titles = if candidate.titles.is_empty() {
        held
    } else {
        candidate.titles.clone()
    };
    let read = if stated_titles.is_empty() || candidate.skills.is_empty() {
        read_cv(strip(&candidate.text).text())
    } else {
        Reading::default()
    };
    let titles = or_else(stated_titles, read.titles);
    let years = years_of_experience(&candidate.experiences, today);
    let said = titles.first().and_then(|title| seniority_of_title(title));
    Summary {
        id: Some(candidate.id.clone()),
        seniority: said.or(years.map(seniority_of_years)),
        titles,
        skills: or_else(candidate.skills.clone(), named(read.skills)),
        languages: candidate.languages.clone(),
        location: candidate.location.clone(),
        mobility: candidate.mobility.clone(),
        years_of_experience: years,
        salary: candidate.salary.clone(),
        ..Summary::default()
    }
}

fn summarise_vacancy(vacancy: &Vacancy) -> Summary {
    let stated_title: Vec<String> = Some(vacancy.title.clone())
        .filter(|title| !title.trim().is_empty())
        .into_iter()
        .collect();
    let states_skills = !(vacancy.required_skills.is_empty() && vacancy.optional_skills.is_empty());
    let read = if stated_title.is_empty() || !states_skills {
        let text = format!("{}\n{}", vacancy.description, vacancy.wanted_profile);
        read_vacancy(strip_advert(&text).text())
    } else {
        Reading::default()
    };
    let titles = or_else(stated_title, read.titles);
    let (skills, optional_skills) = if states_skills {
        (
            vacancy.required_skills.clone(),
            vacancy.optional_skills.clone(),
        )
    } else {
        (named(read.skills), named(read.optional_skills))
    };
    Summary {
        id: Some(vacancy.id.clone()),
        seniority: vacancy
            .seniority
            .or_else(|| seniority_of_title(titles.first()?)),
        titles,
        skills,
        optional_skills,
        languages: vacancy.languages.clone(),
        location: vacancy.location.clone(),
        remote: vacancy.remote,
        contract: vacancy.contract,
        salary: vacancy.salary.clone(),
        ..Summary::default()
    }
}

/// Returns `stated`, or `derived` when nothing is stated.
fn or_else<T>(stated: Vec<T>, derived: Vec<T>) -> Vec<T> {
    if stated.is_empty() { derived } else { stated }
}

fn named(names: Vec<String>) -> Vec<Skill> {
    names
        .into_iter()
        .map(|name| Skill { name, uri: None })
        .collect()
}

fn skill_names(skills: &[Skill]) -> Vec<String> {
    skills
        .iter()
        .map(|skill| strip_field(&skill.name).text().trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use vivier_types::{Location, Seniority};

    use super::*;

    const TODAY: Date = Date::constant(2026, 7, 1);

    fn candidate(json: &str) -> Candidate {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn stated_fields_outrank_derived_ones() {
        let text = r#""text":"ACCOUNTANT\nSkills\nPayroll\nSQL\nExperience\nDid things.""#;
        let derived = describe_candidate(&candidate(&format!(r#"{{"id":"c",{text}}}"#)), TODAY);
        assert_eq!(derived.summary.titles, ["ACCOUNTANT"]);
        assert_eq!(derived.skills, ["Payroll", "SQL"]);
        let stated = describe_candidate(
            &candidate(&format!(
                r#"{{"id":"c","titles":["Auditor"],"skills":["Excel"],{text}}}"#
            )),
            TODAY,
        );
        assert_eq!(stated.summary.titles, ["Auditor"]);
        assert_eq!(stated.skills, ["Excel"]);
    }

    #[test]
    fn titles_come_from_experiences_and_seniority_from_years() {
        let described = describe_candidate(
            &candidate(
                r#"{"id":"c","experiences":[{"title":"Cook","start":"2019-07-01"},{"title":"Waiter","start":"2010","end":"2011"}]}"#,
            ),
            TODAY,
        );
        assert_eq!(described.summary.titles, ["Cook", "Waiter"]);
        assert!((described.summary.years_of_experience.unwrap() - 9.0).abs() < 0.02);
        assert_eq!(described.summary.seniority, Some(Seniority::Senior));
    }

    #[test]
    fn a_title_outranks_years_and_nothing_known_stays_unknown() {
        let described = describe_candidate(
            &candidate(
                r#"{"id":"c","titles":["Junior cook"],"experiences":[{"title":"Cook","start":"2000"}]}"#,
            ),
            TODAY,
        );
        assert_eq!(described.summary.seniority, Some(Seniority::Junior));
        let empty = describe_candidate(&candidate(r#"{"id":"c"}"#), TODAY);
        assert_eq!(empty.summary.seniority, None);
        assert_eq!(
            (empty.summary.location, empty.lang),
            (Location::default(), None)
        );
        assert!(empty.columns.is_empty() && empty.text.is_empty() && empty.skills.is_empty());
    }

    #[test]
    fn a_vacancy_is_summarised() {
        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v","title":"Lead cook","required_skills":["Baking"],"optional_skills":["Wine"],
                "location":{"place":"Lyon","latitude":45.7,"longitude":4.8},"remote":"on_site",
                "text":"We are looking for a cook who will lead the kitchen of our new restaurant in town."}"#,
        )
        .unwrap();
        let described = describe_vacancy(&vacancy);
        assert_eq!(described.summary.seniority, Some(Seniority::Lead));
        assert_eq!(described.skills, ["Baking"]);
        assert_eq!(described.lang.as_deref(), Some("en"));
        assert_eq!(described.geography.unwrap().len(), crate::GEOGRAPHY_DIM);
    }

    #[test]
    fn the_person_in_a_text_changes_nothing_but_counts() {
        let of = |header: &str| {
            let text = format!("{header}\\nWELDER\\nSkills\\nWelding\\nCutting");
            describe_candidate(
                &candidate(&format!(r#"{{"id":"c","text":"{text}"}}"#)),
                TODAY,
            )
        };
        let one = of("John Smith\\nGender: M\\nBorn on 3 May 1990");
        let other = of("Fatoumata Diallo\\nGender: F\\nDate of birth: 12/03/1985");
        assert_eq!(one, other);
        assert_eq!(one.summary.titles, ["WELDER"]);
        assert_eq!(one.removed.total(), 3);
        assert_eq!(of("").removed.total(), 0);
        assert_eq!(of("").text, one.text);
    }

    #[test]
    fn sensitive_attributes_change_nothing() {
        let plain = candidate(r#"{"id":"c","titles":["Cook"],"text":"Cooks well."}"#);
        let mut marked = plain.clone();
        marked.sensitive.insert("gender".to_owned(), "f".to_owned());
        assert_eq!(
            describe_candidate(&plain, TODAY),
            describe_candidate(&marked, TODAY)
        );
    }
}
