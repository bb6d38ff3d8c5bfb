//! One text for each profile, most telling field first; or one of two others.
//!
//! [`Serialisation`] chooses what an encoder reads, after the three data sets of the seed: raw
//! texts, structured ones, and sentences of ESCO. Structured is the default and what follows
//! is about it.
//!
//! The order is that of the CACL method: position, skills, then the profile
//! and the experience. Sections end with a newline, so that windows over a
//! long text can be cut between them. Nothing is dropped for length.
//!
//! Left out on purpose: identifier, tenant, attributes and sensitive
//! attributes; places and languages, which are compared on their own; and
//! dates, which tell a person's age. Names, gender, contacts and other details
//! that tell who a person is are stripped ([`vivier_identity`]).

use serde::{Deserialize, Serialize};
use vivier_identity::Counts;
use vivier_types::{Candidate, Education, Experience, Skill, Vacancy};

use crate::clean::{CleanCandidate, CleanVacancy};

/// What an encoder reads of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serialisation {
    /// The free texts as they are, without titles and lists. Empty when there are none.
    Raw,
    /// All fields in order of priority, with a label before each section.
    #[default]
    Structured,
    /// The sentences of the seed (section 3.1, data set 3) over the labels of ESCO concepts.
    /// They say "I", so they have no gender in French either. Empty when no concept is known.
    EscoSentences,
}

/// Preferred labels of the ESCO concepts of a profile, in one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConceptLabels<'a> {
    /// Language of the labels (ISO 639-1). The sentences are French for `fr` and English for
    /// all others.
    pub lang: &'a str,
    /// Labels of the occupations.
    pub occupations: &'a [&'a str],
    /// Labels of the skills; of a vacancy those required.
    pub skills: &'a [&'a str],
}

/// Returns the text of a candidate for an encoder, with a label before each
/// section.
pub fn candidate_text(candidate: &Candidate) -> String {
    plain_candidate(candidate).text
}

/// Returns the words of a candidate for a words facet: the same without labels.
pub fn candidate_words(candidate: &Candidate) -> String {
    plain_candidate(candidate).words
}

/// Returns the text of a vacancy for an encoder, with a label before each
/// section.
pub fn vacancy_text(vacancy: &Vacancy) -> String {
    plain_vacancy(vacancy).text
}

/// Returns the words of a vacancy for a words facet: the same without labels.
pub fn vacancy_words(vacancy: &Vacancy) -> String {
    plain_vacancy(vacancy).words
}

fn plain_candidate(candidate: &Candidate) -> Texts {
    candidate_texts(
        candidate,
        Serialisation::default(),
        ConceptLabels::default(),
    )
}

fn plain_vacancy(vacancy: &Vacancy) -> Texts {
    vacancy_texts(vacancy, Serialisation::default(), ConceptLabels::default())
}

/// What is written of a profile, stripped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts {
    /// What an encoder reads, as chosen.
    pub text: String,
    /// For a words facet: all fields, without labels, whatever was chosen.
    pub words: String,
    /// What was stripped.
    pub removed: Counts,
}

/// Returns the texts of a candidate; `concepts` is read for
/// [`Serialisation::EscoSentences`] only.
pub fn candidate_texts(
    candidate: &Candidate,
    choice: Serialisation,
    concepts: ConceptLabels<'_>,
) -> Texts {
    let clean = CleanCandidate::of(candidate);
    Texts {
        removed: clean.removed,
        ..write_candidate(&clean.record, choice, concepts)
    }
}

/// Returns the texts of a candidate that is clean.
pub(crate) fn write_candidate(
    candidate: &Candidate,
    choice: Serialisation,
    concepts: ConceptLabels<'_>,
) -> Texts {
    let mut texts = render(&candidate_sections(candidate));
    match choice {
        Serialisation::Structured => {}
        Serialisation::Raw => texts.text = render(&raw_candidate(candidate)).text,
        Serialisation::EscoSentences => {
            let frames = match concepts.lang {
                "fr" => [
                    "J'ai travaillé dans les domaines suivants : ",
                    "Je possède les compétences suivantes : ",
                ],
                _ => [
                    "I have worked in the following fields: ",
                    "I have the following skills: ",
                ],
            };
            texts.text = sentences(frames, concepts);
        }
    }
    texts
}

/// Returns the texts of a vacancy; `concepts` is read for
/// [`Serialisation::EscoSentences`] only.
pub fn vacancy_texts(
    vacancy: &Vacancy,
    choice: Serialisation,
    concepts: ConceptLabels<'_>,
) -> Texts {
    let clean = CleanVacancy::of(vacancy);
    Texts {
        removed: clean.removed,
        ..write_vacancy(&clean.record, choice, concepts)
    }
}

/// Returns the texts of a vacancy that is clean.
pub(crate) fn write_vacancy(
    vacancy: &Vacancy,
    choice: Serialisation,
    concepts: ConceptLabels<'_>,
) -> Texts {
    let mut texts = render(&vacancy_sections(vacancy));
    match choice {
        Serialisation::Structured => {}
        Serialisation::Raw => texts.text = render(&raw_vacancy(vacancy)).text,
        Serialisation::EscoSentences => {
            let frames = match concepts.lang {
                "fr" => [
                    "Le poste recherché est : ",
                    "Les compétences requises sont : ",
                ],
                _ => ["The position is: ", "The required skills are: "],
            };
            texts.text = sentences(frames, concepts);
        }
    }
    texts
}

/// Writes a sentence for the occupations and one for the skills, as far as there are any.
fn sentences([occupations, skills]: [&str; 2], concepts: ConceptLabels<'_>) -> String {
    let lists = [
        (occupations, concepts.occupations),
        (skills, concepts.skills),
    ];
    let written = lists.map(|(frame, labels)| {
        let list = join(labels.iter().copied(), ", ");
        if list.is_empty() {
            list
        } else {
            format!("{frame}{list}.")
        }
    });
    join(written.iter().map(String::as_str), " ")
}

fn raw_candidate(candidate: &Candidate) -> Vec<Section> {
    let done = candidate.experiences.iter().map(|held| held.text.as_str());
    vec![
        Section {
            label: "",
            content: candidate.text.trim().to_owned(),
        },
        Section {
            label: "",
            content: join(done, "\n"),
        },
    ]
}

fn raw_vacancy(vacancy: &Vacancy) -> Vec<Section> {
    let content = join(
        [vacancy.description.as_str(), &vacancy.wanted_profile],
        "\n",
    );
    vec![Section { label: "", content }]
}

/// A part of the text; `label` is empty for free text, which speaks for itself.
struct Section {
    label: &'static str,
    content: String,
}

fn candidate_sections(candidate: &Candidate) -> Vec<Section> {
    let experience: Vec<String> = candidate.experiences.iter().map(experience_text).collect();
    let education: Vec<String> = candidate.education.iter().map(education_text).collect();
    vec![
        Section {
            label: "Position",
            content: join(candidate.titles.iter().map(String::as_str), "; "),
        },
        Section {
            label: "Skills",
            content: skill_list(&candidate.skills),
        },
        Section {
            label: "",
            content: candidate.text.trim().to_owned(),
        },
        Section {
            label: "Experience",
            content: join(experience.iter().map(String::as_str), "\n"),
        },
        Section {
            label: "Education",
            content: join(education.iter().map(String::as_str), "\n"),
        },
    ]
}

fn vacancy_sections(vacancy: &Vacancy) -> Vec<Section> {
    vec![
        Section {
            label: "Position",
            content: vacancy.title.trim().to_owned(),
        },
        Section {
            label: "Required skills",
            content: skill_list(&vacancy.required_skills),
        },
        Section {
            label: "Optional skills",
            content: skill_list(&vacancy.optional_skills),
        },
        Section {
            label: "Profile",
            content: vacancy.wanted_profile.trim().to_owned(),
        },
        Section {
            label: "Description",
            content: vacancy.description.trim().to_owned(),
        },
    ]
}

fn experience_text(experience: &Experience) -> String {
    let heading = join([experience.title.as_str(), &experience.employer], ", ");
    join([heading.as_str(), &experience.text], "\n")
}

fn education_text(education: &Education) -> String {
    join(
        [
            education.degree.as_str(),
            &education.field,
            &education.institution,
        ],
        ", ",
    )
}

fn skill_list(skills: &[Skill]) -> String {
    join(skills.iter().map(|skill| skill.name.as_str()), ", ")
}

/// Joins the parts that are not blank.
fn join<'a>(parts: impl IntoIterator<Item = &'a str>, separator: &str) -> String {
    let kept: Vec<&str> = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    kept.join(separator)
}

fn render(sections: &[Section]) -> Texts {
    let mut texts = Texts::default();
    for section in sections {
        if section.content.is_empty() {
            continue;
        }
        if !texts.text.is_empty() {
            texts.text.push('\n');
            texts.words.push('\n');
        }
        if !section.label.is_empty() {
            texts.text.push_str(section.label);
            texts.text.push_str(": ");
        }
        texts.text.push_str(&section.content);
        texts.words.push_str(&section.content);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        serde_json::from_str(
            r#"{"id":"ID-1","tenant":"TENANT","titles":["Rust developer","Programmer"],
                "skills":["Rust","gRPC"],
                "experiences":[{"title":"Developer","employer":"Acme","start":"1999","text":"Built a search."}],
                "education":[{"degree":"MSc","field":"Computing","institution":"Lyon 1","end":"1998"}],
                "languages":[{"code":"fr"}],"location":{"place":"PLACE","region":"REGION"},
                "text":"Loves types. Write to me@here.org or 06 12 34 56 78.",
                "sensitive":{"gender":"SENSITIVE"},"attributes":{"category":"ATTRIBUTE"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn a_candidate_is_told_in_order_of_priority() {
        assert_eq!(
            candidate_text(&candidate()),
            "Position: Rust developer; Programmer\nSkills: Rust, gRPC\n\
             Loves types. Write to or.\n\
             Experience: Developer, Acme\nBuilt a search.\nEducation: MSc, Computing, Lyon 1"
        );
    }

    #[test]
    fn what_identifies_or_discriminates_stays_out() {
        for text in [candidate_text(&candidate()), candidate_words(&candidate())] {
            for secret in [
                "ID-1",
                "TENANT",
                "SENSITIVE",
                "ATTRIBUTE",
                "PLACE",
                "REGION",
                "1999",
                "me@here.org",
                "06 12",
            ] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }

    #[test]
    fn a_vacancy_is_told_in_order_of_priority() {
        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v","title":"Cook","required_skills":["Baking"],"optional_skills":["Wine"],
                "wanted_profile":"Kind.","description":"Cook well.\nEvery day."}"#,
        )
        .unwrap();
        assert_eq!(
            vacancy_text(&vacancy),
            "Position: Cook\nRequired skills: Baking\nOptional skills: Wine\nProfile: Kind.\n\
             Description: Cook well.\nEvery day."
        );
        assert_eq!(
            vacancy_words(&vacancy),
            "Cook\nBaking\nWine\nKind.\nCook well.\nEvery day."
        );
    }

    #[test]
    fn empty_parts_leave_no_trace_and_long_texts_stay_whole() {
        let text = "word ".repeat(40_000);
        let mut candidate: Candidate = serde_json::from_str(r#"{"id":"c"}"#).unwrap();
        assert_eq!(candidate_text(&candidate), "");
        candidate.text.clone_from(&text);
        assert_eq!(candidate_text(&candidate), text.trim());
    }

    fn labels(lang: &'static str) -> ConceptLabels<'static> {
        let (occupations, skills): (&[&str], &[&str]) = match lang {
            "fr" => (
                &["développeur logiciel"],
                &["utiliser Rust", "travailler en équipe"],
            ),
            _ => (&["software developer", "cook"], &["Rust"]),
        };
        ConceptLabels {
            lang,
            occupations,
            skills,
        }
    }

    #[test]
    fn esco_sentences_are_those_of_the_seed() {
        let candidate = candidate();
        let vacancy: Vacancy = serde_json::from_str(r#"{"id":"v","title":"Cook"}"#).unwrap();
        let choice = Serialisation::EscoSentences;
        let of = |labels| candidate_texts(&candidate, choice, labels).text;
        assert_eq!(
            of(labels("fr")),
            "J'ai travaillé dans les domaines suivants : développeur logiciel. \
             Je possède les compétences suivantes : utiliser Rust, travailler en équipe."
        );
        assert_eq!(
            of(labels("en")),
            "I have worked in the following fields: software developer, cook. \
             I have the following skills: Rust."
        );
        let of = |labels| vacancy_texts(&vacancy, choice, labels).text;
        assert_eq!(
            of(labels("fr")),
            "Le poste recherché est : développeur logiciel. \
             Les compétences requises sont : utiliser Rust, travailler en équipe."
        );
        assert_eq!(
            of(labels("en")),
            "The position is: software developer, cook. The required skills are: Rust."
        );
        let skills_alone = ConceptLabels {
            occupations: &[],
            ..labels("en")
        };
        assert_eq!(of(skills_alone), "The required skills are: Rust.");
        assert_eq!(of(ConceptLabels::default()), "");
    }

    #[test]
    fn raw_texts_are_as_written_and_stripped() {
        let raw = candidate_texts(&candidate(), Serialisation::Raw, ConceptLabels::default());
        assert_eq!(raw.text, "Loves types. Write to or.\nBuilt a search.");
        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v","title":"Serveuse","required_skills":["Vin"],
                "wanted_profile":"Souriant.","description":"Servir. Écrire à x@y.fr"}"#,
        )
        .unwrap();
        let raw = vacancy_texts(&vacancy, Serialisation::Raw, ConceptLabels::default());
        assert!(raw.text.starts_with("Servir.") && raw.text.ends_with("\nSouriant."));
        assert!(!raw.text.contains("x@y.fr") && !raw.text.contains("Vin"));
    }

    #[test]
    fn the_choice_changes_neither_words_nor_counts() {
        let candidate = candidate();
        let of = |choice| candidate_texts(&candidate, choice, labels("en"));
        let structured = of(Serialisation::default());
        assert_eq!(structured.text, candidate_text(&candidate));
        for choice in [Serialisation::Raw, Serialisation::EscoSentences] {
            let other = of(choice);
            assert_ne!(other.text, structured.text);
            assert_eq!(other.words, structured.words);
            assert_eq!(other.removed, structured.removed);
        }
    }

    #[test]
    fn a_config_names_the_choice() {
        for (name, wanted) in [
            ("raw", Serialisation::Raw),
            ("structured", Serialisation::Structured),
            ("esco_sentences", Serialisation::EscoSentences),
        ] {
            let read: Serialisation = serde_json::from_str(&format!("{name:?}")).unwrap();
            assert_eq!(read, wanted);
        }
        assert!(serde_json::from_str::<Serialisation>("\"other\"").is_err());
    }
}
