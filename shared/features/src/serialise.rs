//! One text for each profile, most telling field first.
//!
//! The order is that of the CACL method: position, skills, then the profile
//! and the experience. Sections end with a newline, so that windows over a
//! long text can be cut between them. Nothing is dropped for length.
//!
//! Left out on purpose: identifier, tenant, attributes and sensitive
//! attributes; places and languages, which are compared on their own; and
//! dates, which tell a person's age. Names, gender, contacts and other details
//! that tell who a person is are stripped ([`vivier_identity`]).

use vivier_identity::{Counts, Stripped, strip, strip_advert, strip_field};
use vivier_types::{Candidate, Education, Experience, Skill, Vacancy};

/// Returns the text of a candidate for an encoder, with a label before each
/// section.
pub fn candidate_text(candidate: &Candidate) -> String {
    candidate_texts(candidate).text
}

/// Returns the words of a candidate for a words facet: the same without labels.
pub fn candidate_words(candidate: &Candidate) -> String {
    candidate_texts(candidate).words
}

/// Returns the text of a vacancy for an encoder, with a label before each
/// section.
pub fn vacancy_text(vacancy: &Vacancy) -> String {
    vacancy_texts(vacancy).text
}

/// Returns the words of a vacancy for a words facet: the same without labels.
pub fn vacancy_words(vacancy: &Vacancy) -> String {
    vacancy_texts(vacancy).words
}

/// What is written of a profile, stripped.
#[derive(Default)]
pub(crate) struct Texts {
    /// With a label before each section.
    pub(crate) text: String,
    /// Without labels.
    pub(crate) words: String,
    /// What was stripped.
    pub(crate) removed: Counts,
}

pub(crate) fn candidate_texts(candidate: &Candidate) -> Texts {
    render(&candidate_sections(candidate))
}

pub(crate) fn vacancy_texts(vacancy: &Vacancy) -> Texts {
    render(&vacancy_sections(vacancy))
}

/// A part of the text; `label` is empty for free text, which speaks for itself.
struct Section {
    label: &'static str,
    content: String,
    strip: fn(&str) -> Stripped<'_>,
}

fn candidate_sections(candidate: &Candidate) -> Vec<Section> {
    let experience: Vec<String> = candidate.experiences.iter().map(experience_text).collect();
    let education: Vec<String> = candidate.education.iter().map(education_text).collect();
    vec![
        Section {
            label: "Position",
            content: join(candidate.titles.iter().map(String::as_str), "; "),
            strip: strip_field,
        },
        Section {
            label: "Skills",
            content: skill_list(&candidate.skills),
            strip: strip_field,
        },
        Section {
            label: "",
            content: candidate.text.trim().to_owned(),
            strip,
        },
        Section {
            label: "Experience",
            content: join(experience.iter().map(String::as_str), "\n"),
            strip: strip_field,
        },
        Section {
            label: "Education",
            content: join(education.iter().map(String::as_str), "\n"),
            strip: strip_field,
        },
    ]
}

fn vacancy_sections(vacancy: &Vacancy) -> Vec<Section> {
    vec![
        Section {
            label: "Position",
            content: vacancy.title.trim().to_owned(),
            strip: strip_advert,
        },
        Section {
            label: "Required skills",
            content: skill_list(&vacancy.required_skills),
            strip: strip_advert,
        },
        Section {
            label: "Optional skills",
            content: skill_list(&vacancy.optional_skills),
            strip: strip_advert,
        },
        Section {
            label: "Profile",
            content: vacancy.wanted_profile.trim().to_owned(),
            strip: strip_advert,
        },
        Section {
            label: "Description",
            content: vacancy.description.trim().to_owned(),
            strip: strip_advert,
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
        let stripped = (section.strip)(&section.content);
        texts.removed.add(&stripped.removed());
        if stripped.text().is_empty() {
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
        texts.text.push_str(stripped.text());
        texts.words.push_str(stripped.text());
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
}
