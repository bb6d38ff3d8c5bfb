//! Everything that is embedded, indexed or compared about one profile, derived
//! in one place.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use vivier_identity::Counts;
use vivier_types::{
    Candidate, ConceptKey, Facet, Profile, ProfileKind, Skill, Summary, Vacancy, Violation,
};

use crate::clean::{CleanCandidate, CleanVacancy};
use crate::columns::{Columns, candidate_columns, vacancy_columns};
use crate::facets::facets_of;
use crate::knowledge::fields::Field;
use crate::knowledge::{EscoReader, Knowledge, distinct};
use crate::language::detect_language;
use crate::reading::{MAX_DERIVED_SKILLS, Reading, read_cv, read_vacancy};
use crate::requirements::{asked_education, asked_years, education_level};
use crate::seniority::{seniority_of_title, seniority_of_years, years_of_experience};
use crate::serialise::{ConceptLabels, Serialisation, write_candidate, write_vacancy};
use crate::settle::{Completed, complete_candidate, complete_vacancy};

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
    /// The facets that need no encoder, where something is known.
    pub facets: BTreeMap<Facet, Vec<f32>>,
    /// Words facet: all text.
    pub words: String,
    /// What filters test.
    pub columns: Columns,
    /// How many personal details of each kind were stripped from the texts.
    pub removed: Counts,
    /// What could not be read for sure.
    pub doubts: Vec<Violation>,
}

/// Describes either kind of profile; `today` ends the positions still held.
pub fn describe_profile(profile: &Profile, today: Date, knowledge: &Knowledge) -> Description {
    match profile {
        Profile::Candidate(candidate) => describe_candidate(candidate, today, knowledge),
        Profile::Vacancy(vacancy) => describe_vacancy(vacancy, knowledge),
    }
}

/// Describes a candidate; `today` ends the positions still held.
///
/// When the profile carries neither titles nor dated experiences nor skills,
/// they are read from the free text as far as its headings allow
/// ([`crate::read_cv`]): such titles and skills are derived, not stated. Where there are no
/// headings either, the skills that the texts name by the ontology's labels are taken.
pub fn describe_candidate(
    candidate: &Candidate,
    today: Date,
    knowledge: &Knowledge,
) -> Description {
    let clean = CleanCandidate::of(candidate);
    let candidate = &clean.record;
    let texts = write_candidate(
        candidate,
        Serialisation::default(),
        ConceptLabels::default(),
    );
    let lang = language(candidate.lang.as_ref(), &texts.words);
    let mut summary = summarise_candidate(candidate, today);
    let places = knowledge.places().map_or_else(
        || Completed::as_stated(&candidate.location),
        |places| complete_candidate(candidate, places, None),
    );
    summary.location = places.location;
    if !places.assumed_mobility && !places.mobility_regions.is_empty() {
        summary.mobility.regions = places.mobility_regions;
    }
    let mut derived = Vec::new();
    if let Some(reader) = knowledge.esco() {
        let lang = lang.as_deref();
        let stated = candidate.skills.iter();
        let stated = stated.flat_map(|skill| reader.skills_named(skill, lang));
        let found = named_in(reader, &clean.fields, lang);
        let keys = found.iter().map(|(_, key)| *key);
        summary.skill_concepts = distinct(stated.chain(keys));
        summary.occupation_concepts = reader.occupations_of(&summary.titles, lang);
        derived = as_skills(reader, &found);
    }
    summary.skills = or_else(summary.skills, derived);
    let text = serialised(
        texts.text,
        &summary,
        (knowledge, lang.as_deref()),
        |choice, labels| write_candidate(candidate, choice, labels).text,
    );
    Description {
        text,
        skills: skill_names(&summary.skills),
        facets: facets_of(
            ProfileKind::Candidate,
            &summary,
            (knowledge, &places.points),
        ),
        columns: candidate_columns(candidate, &summary, (lang.as_deref(), knowledge.esco())),
        removed: clean.removed,
        doubts: places.doubts,
        words: texts.words,
        lang,
        summary,
    }
}

/// Describes a vacancy.
///
/// Without a title or skills of its own, those that the text lists are taken
/// ([`crate::read_vacancy`]); without a list, the skills that it names by the ontology's
/// labels count as optional: a text does not say how much each of them matters.
pub fn describe_vacancy(vacancy: &Vacancy, knowledge: &Knowledge) -> Description {
    let clean = CleanVacancy::of(vacancy);
    let vacancy = &clean.record;
    let texts = write_vacancy(vacancy, Serialisation::default(), ConceptLabels::default());
    let lang = language(vacancy.lang.as_ref(), &texts.words);
    let mut summary = summarise_vacancy(vacancy);
    let places = knowledge.places().map_or_else(
        || Completed::as_stated(&vacancy.location),
        |places| complete_vacancy(vacancy, places, None),
    );
    summary.location = places.location;
    if let Some(reader) = knowledge.esco() {
        let lang = lang.as_deref();
        if summary.skills.is_empty() && summary.optional_skills.is_empty() {
            let found = named_in(reader, &clean.fields, lang);
            summary.optional_skills = as_skills(reader, &found);
            summary.skills_mentioned = !summary.optional_skills.is_empty();
        }
        summary.skill_concepts = link_all(reader, &mut summary.skills, lang);
        summary.optional_skill_concepts = link_all(reader, &mut summary.optional_skills, lang);
        summary.occupation_concepts = reader.occupations_of(&summary.titles, lang);
    }
    let text = serialised(
        texts.text,
        &summary,
        (knowledge, lang.as_deref()),
        |choice, labels| write_vacancy(vacancy, choice, labels).text,
    );
    Description {
        text,
        skills: skill_names(&summary.skills),
        facets: facets_of(ProfileKind::Vacancy, &summary, (knowledge, &places.points)),
        columns: vacancy_columns(vacancy, &summary, (lang.as_deref(), knowledge.esco())),
        removed: clean.removed,
        doubts: places.doubts,
        words: texts.words,
        lang,
        summary,
    }
}

/// Returns the language as given, else as detected.
fn language(given: Option<&String>, words: &str) -> Option<String> {
    given
        .cloned()
        .or_else(|| detect_language(words).map(str::to_owned))
}

/// Returns the text as the configuration wants it; as a structured one where that says
/// nothing.
fn serialised(
    structured: String,
    summary: &Summary,
    (knowledge, lang): (&Knowledge, Option<&str>),
    write: impl Fn(Serialisation, ConceptLabels<'_>) -> String,
) -> String {
    let choice = knowledge.serialisation();
    if choice == Serialisation::Structured {
        return structured;
    }
    let labels = |keys: &[ConceptKey]| {
        let reader = knowledge.esco();
        reader.map_or_else(Vec::new, |reader| reader.labels(keys, lang))
    };
    let (occupations, skills) = (
        labels(&summary.occupation_concepts),
        labels(&summary.skill_concepts),
    );
    let labels = ConceptLabels {
        lang: lang.unwrap_or_default(),
        occupations: &occupations,
        skills: &skills,
    };
    let text = write(choice, labels);
    if text.trim().is_empty() {
        structured
    } else {
        text
    }
}

/// Returns the skills that fields name, with the words that do, each once.
fn named_in(
    reader: &EscoReader,
    fields: &[Field<'_>],
    lang: Option<&str>,
) -> Vec<(String, ConceptKey)> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for field in fields {
        let text = field.clean.text();
        for named in reader.skills_in(text, lang) {
            if seen.insert(named.key) {
                let words = text.get(named.range).unwrap_or_default();
                found.push((words.to_owned(), named.key));
            }
        }
    }
    found
}

/// Makes skills of what texts name, at most [`MAX_DERIVED_SKILLS`].
fn as_skills(reader: &EscoReader, found: &[(String, ConceptKey)]) -> Vec<Skill> {
    let skills = found.iter().take(MAX_DERIVED_SKILLS);
    let skills = skills.map(|(words, key)| Skill {
        name: words.split_whitespace().collect::<Vec<_>>().join(" "),
        uri: reader.uri(*key).map(str::to_owned),
    });
    skills.collect()
}

/// Gives skills the URI of the concept that they name, and returns all concepts named.
fn link_all(reader: &EscoReader, skills: &mut [Skill], lang: Option<&str>) -> Vec<ConceptKey> {
    let mut keys = Vec::new();
    for skill in skills {
        let named = reader.skills_named(skill, lang);
        if skill.uri.is_none() {
            let first = named.first().and_then(|key| reader.uri(*key));
            skill.uri = first.map(str::to_owned);
        }
        keys.extend(named);
    }
    distinct(keys)
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
        read_cv(&candidate.text)
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
        education_level: education(candidate),
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
    let text = format!("{}\n{}", vacancy.wanted_profile, vacancy.description);
    let read = if stated_title.is_empty() || !states_skills {
        let text = format!("{}\n{}", vacancy.description, vacancy.wanted_profile);
        read_vacancy(&text)
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
        years_of_experience: asked_years(&text),
        education_level: asked_education(&text),
        salary: vacancy.salary.clone(),
        ..Summary::default()
    }
}

/// Returns the highest level of the education stated, else of what the text names.
fn education(candidate: &Candidate) -> Option<u8> {
    let courses = candidate.education.iter();
    let stated = courses.filter_map(|course| education_level(&course.degree));
    stated.max().or_else(|| education_level(&candidate.text))
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
        .map(|skill| skill.name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use vivier_types::Seniority;

    use super::*;

    const TODAY: Date = Date::constant(2026, 7, 1);

    fn candidate(json: &str) -> Candidate {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn stated_fields_outrank_derived_ones() {
        let text = r#""text":"ACCOUNTANT\nSkills\nPayroll\nSQL\nExperience\nDid things.""#;
        let derived = describe_candidate(
            &candidate(&format!(r#"{{"id":"c",{text}}}"#)),
            TODAY,
            &Knowledge::default(),
        );
        assert_eq!(derived.summary.titles, ["ACCOUNTANT"]);
        assert_eq!(derived.skills, ["Payroll", "SQL"]);
        let stated = describe_candidate(
            &candidate(&format!(
                r#"{{"id":"c","titles":["Auditor"],"skills":["Excel"],{text}}}"#
            )),
            TODAY,
            &Knowledge::default(),
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
            &Knowledge::default(),
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
            &Knowledge::default(),
        );
        assert_eq!(described.summary.seniority, Some(Seniority::Junior));
        let empty = describe_candidate(&candidate(r#"{"id":"c"}"#), TODAY, &Knowledge::default());
        assert_eq!(empty.summary.seniority, None);
        assert_eq!(
            (empty.summary.location, empty.lang),
            (vivier_types::Location::default(), None)
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
        let described = describe_vacancy(&vacancy, &Knowledge::default());
        assert_eq!(described.summary.seniority, Some(Seniority::Lead));
        assert_eq!(described.skills, ["Baking"]);
        assert_eq!(described.lang.as_deref(), Some("en"));
        assert_eq!(
            described.facets[&Facet::Geography].len(),
            crate::geography::GEOGRAPHY_DIM
        );
    }

    #[test]
    fn the_person_in_a_text_changes_nothing_but_counts() {
        let of = |header: &str| {
            let text = format!("{header}\\nWELDER\\nSkills\\nWelding\\nCutting");
            describe_candidate(
                &candidate(&format!(r#"{{"id":"c","text":"{text}"}}"#)),
                TODAY,
                &Knowledge::default(),
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
            describe_candidate(&plain, TODAY, &Knowledge::default()),
            describe_candidate(&marked, TODAY, &Knowledge::default())
        );
    }
}
