//! The fields of a record that may name skills.

use std::ops::Range;

use vivier_identity::{Stripped, strip, strip_advert, strip_field};
use vivier_types::{Candidate, Skill, Vacancy};

/// A field of a record, without personal details.
pub(crate) struct Field<'a> {
    /// Its path, such as `experiences[0].text`.
    pub(crate) path: String,
    /// As it is written.
    pub(crate) written: &'a str,
    /// Without personal details.
    pub(crate) clean: Stripped<'a>,
}

impl<'a> Field<'a> {
    fn new(path: String, written: &'a str, strip: fn(&'a str) -> Stripped<'a>) -> Option<Self> {
        (!written.trim().is_empty()).then(|| Self {
            path,
            written,
            clean: strip(written),
        })
    }

    /// Returns what stands at a range of the clean text, with its place as written.
    pub(crate) fn at(&self, range: Range<usize>) -> (Range<usize>, &'a str) {
        let range = self.clean.original_range(range);
        (range.clone(), self.written.get(range).unwrap_or_default())
    }
}

/// Returns the running texts of a candidate, the free text first.
pub(crate) fn candidate_fields(candidate: &Candidate) -> Vec<Field<'_>> {
    let mut fields: Vec<Option<Field<'_>>> =
        vec![Field::new("text".to_owned(), &candidate.text, strip)];
    for (place, title) in candidate.titles.iter().enumerate() {
        fields.push(Field::new(format!("titles[{place}]"), title, strip_field));
    }
    for (place, held) in candidate.experiences.iter().enumerate() {
        let path = |name| format!("experiences[{place}].{name}");
        fields.push(Field::new(path("title"), &held.title, strip_field));
        fields.push(Field::new(path("text"), &held.text, strip_field));
    }
    for (place, course) in candidate.education.iter().enumerate() {
        let path = |name| format!("education[{place}].{name}");
        fields.push(Field::new(path("degree"), &course.degree, strip_field));
        fields.push(Field::new(path("field"), &course.field, strip_field));
    }
    fields.into_iter().flatten().collect()
}

/// Returns the names of skills as fields.
pub(crate) fn skill_fields(skills: &[Skill]) -> impl Iterator<Item = (usize, Field<'_>)> {
    skills.iter().enumerate().filter_map(|(place, skill)| {
        let path = format!("skills[{place}].name");
        Some((place, Field::new(path, &skill.name, strip_field)?))
    })
}

/// Returns the running texts of a vacancy, those that say whom it looks for first.
pub(crate) fn vacancy_fields(vacancy: &Vacancy) -> Vec<Field<'_>> {
    let texts = [
        ("wanted_profile", &vacancy.wanted_profile),
        ("description", &vacancy.description),
    ];
    let fields = texts
        .into_iter()
        .map(|(path, text)| Field::new(path.to_owned(), text, strip_advert));
    fields.flatten().collect()
}
