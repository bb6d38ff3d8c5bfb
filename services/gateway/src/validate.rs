//! Refuses profiles that are larger than the limits, field by field.
//!
//! Form (dates, enums, coordinates, numbers) is checked when a message is
//! decoded; this module checks size, and what only several fields together say.

use std::collections::BTreeMap;

use vivier_types::{
    Candidate, Education, Experience, Language, Limits, Location, PartialDate, Profile, Skill,
    Vacancy, Violation,
};

/// Checks every field of a profile against `limits`.
///
/// # Errors
/// Names the first field that breaks a rule, with its value and the limit.
pub(crate) fn check_profile(profile: &Profile, limits: &Limits) -> Result<(), Violation> {
    let check = Check { limits };
    match profile {
        Profile::Candidate(candidate) => check.candidate(candidate),
        Profile::Vacancy(vacancy) => check.vacancy(vacancy),
    }
}

struct Check<'a> {
    limits: &'a Limits,
}

impl Check<'_> {
    fn candidate(&self, candidate: &Candidate) -> Result<(), Violation> {
        self.field("tenant", &candidate.tenant)?;
        lang(candidate.lang.as_deref())?;
        self.fields("titles", &candidate.titles)?;
        self.skills("skills", &candidate.skills)?;
        self.experiences(&candidate.experiences)?;
        self.education(&candidate.education)?;
        self.languages(&candidate.languages)?;
        self.location(&candidate.location)?;
        self.fields("mobility.regions", &candidate.mobility.regions)?;
        self.text("text", &candidate.text)?;
        self.attributes("attributes", &candidate.attributes)?;
        self.attributes("sensitive", &candidate.sensitive)
    }

    fn vacancy(&self, vacancy: &Vacancy) -> Result<(), Violation> {
        self.field("tenant", &vacancy.tenant)?;
        lang(vacancy.lang.as_deref())?;
        self.field("title", &vacancy.title)?;
        self.text("description", &vacancy.description)?;
        self.text("wanted_profile", &vacancy.wanted_profile)?;
        self.skills("required_skills", &vacancy.required_skills)?;
        self.skills("optional_skills", &vacancy.optional_skills)?;
        self.location(&vacancy.location)?;
        if let Some(salary) = &vacancy.salary {
            self.field("salary.currency", &salary.currency)?;
            self.field("salary.period", &salary.period)?;
        }
        self.languages(&vacancy.languages)?;
        self.attributes("attributes", &vacancy.attributes)
    }

    fn experiences(&self, experiences: &[Experience]) -> Result<(), Violation> {
        self.list("experiences", experiences.len())?;
        for (index, experience) in experiences.iter().enumerate() {
            let path = format!("experiences[{index}]");
            self.field(&format!("{path}.title"), &experience.title)?;
            self.field(&format!("{path}.employer"), &experience.employer)?;
            self.text(&format!("{path}.text"), &experience.text)?;
            dates_in_order(&path, experience.start, experience.end)?;
        }
        Ok(())
    }

    fn education(&self, education: &[Education]) -> Result<(), Violation> {
        self.list("education", education.len())?;
        for (index, course) in education.iter().enumerate() {
            let path = format!("education[{index}]");
            self.field(&format!("{path}.degree"), &course.degree)?;
            self.field(&format!("{path}.field"), &course.field)?;
            self.field(&format!("{path}.institution"), &course.institution)?;
            dates_in_order(&path, course.start, course.end)?;
        }
        Ok(())
    }

    fn skills(&self, path: &str, skills: &[Skill]) -> Result<(), Violation> {
        self.list(path, skills.len())?;
        for (index, skill) in skills.iter().enumerate() {
            self.field(&format!("{path}[{index}].name"), &skill.name)?;
            if let Some(uri) = &skill.uri {
                self.field(&format!("{path}[{index}].uri"), uri)?;
            }
        }
        Ok(())
    }

    fn languages(&self, languages: &[Language]) -> Result<(), Violation> {
        self.list("languages", languages.len())
    }

    fn location(&self, location: &Location) -> Result<(), Violation> {
        self.field("location.place", &location.place)?;
        self.field("location.region", &location.region)?;
        self.field("location.country", &location.country)
    }

    fn attributes(&self, path: &str, values: &BTreeMap<String, String>) -> Result<(), Violation> {
        let limit = self.limits.max_attributes;
        if values.len() > limit {
            let reason = format!("has too many attributes, limit {limit}");
            return Err(Violation::new(path, values.len(), reason));
        }
        for (name, value) in values {
            if name.is_empty() || name.chars().any(char::is_control) {
                let reason = "an attribute has an empty name or one with control characters";
                return Err(Violation::new(path, name, reason));
            }
            self.field(path, name)?;
            self.field(&format!("{path}.{name}"), value)?;
        }
        Ok(())
    }

    fn fields(&self, path: &str, values: &[String]) -> Result<(), Violation> {
        self.list(path, values.len())?;
        for (index, value) in values.iter().enumerate() {
            self.field(&format!("{path}[{index}]"), value)?;
        }
        Ok(())
    }

    fn field(&self, path: &str, value: &str) -> Result<(), Violation> {
        bytes(path, value, self.limits.max_field_bytes)
    }

    fn text(&self, path: &str, value: &str) -> Result<(), Violation> {
        bytes(path, value, self.limits.max_text_bytes)
    }

    fn list(&self, path: &str, items: usize) -> Result<(), Violation> {
        let limit = self.limits.max_list_items;
        if items <= limit {
            return Ok(());
        }
        Err(Violation::new(
            path,
            items,
            format!("has too many entries, limit {limit}"),
        ))
    }
}

fn bytes(path: &str, value: &str, limit: usize) -> Result<(), Violation> {
    if value.len() <= limit {
        return Ok(());
    }
    let reason = format!("has {} bytes, limit {limit}", value.len());
    Err(Violation::new(path, value, reason))
}

fn lang(code: Option<&str>) -> Result<(), Violation> {
    let Some(code) = code else { return Ok(()) };
    if matches!(code.len(), 2 | 3) && code.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Ok(());
    }
    Err(Violation::new(
        "lang",
        code,
        "is not a lower-case ISO 639 code such as \"fr\"",
    ))
}

fn dates_in_order(
    path: &str,
    start: Option<PartialDate>,
    end: Option<PartialDate>,
) -> Result<(), Violation> {
    let (Some(start), Some(end)) = (start, end) else {
        return Ok(());
    };
    if end.last_day() >= start.first_day() {
        return Ok(());
    }
    Err(Violation::new(
        format!("{path}.end"),
        end,
        format!("lies before the start, {start}"),
    ))
}

#[cfg(test)]
mod tests {
    use vivier_proto::v1;

    use super::*;

    const LIMITS: Limits = Limits {
        max_text_bytes: 20,
        max_field_bytes: 10,
        max_list_items: 2,
        max_attributes: 1,
    };

    fn candidate(change: impl FnOnce(&mut Candidate)) -> Result<(), Violation> {
        let wire = v1::Candidate {
            id: "c".to_owned(),
            ..Default::default()
        };
        let mut candidate = Candidate::try_from(wire).unwrap();
        candidate.experiences = vec![Experience::default()];
        candidate.education = vec![Education::default()];
        change(&mut candidate);
        check_profile(&Profile::Candidate(Box::new(candidate)), &LIMITS)
    }

    fn vacancy(change: impl FnOnce(&mut Vacancy)) -> Result<(), Violation> {
        let wire = v1::Vacancy {
            id: "v".to_owned(),
            ..Default::default()
        };
        let mut vacancy = Vacancy::try_from(wire).unwrap();
        change(&mut vacancy);
        check_profile(&Profile::Vacancy(Box::new(vacancy)), &LIMITS)
    }

    fn long() -> String {
        "x".repeat(11)
    }

    fn longer() -> String {
        "x".repeat(21)
    }

    fn skill(name: String, uri: Option<String>) -> Skill {
        Skill { name, uri }
    }

    #[test]
    fn every_long_field_of_a_candidate_is_named() {
        type Change = fn(&mut Candidate);
        let cases: [(&str, Change); 19] = [
            ("tenant", |c| c.tenant = long()),
            ("lang", |c| c.lang = Some("French".to_owned())),
            ("titles[1]", |c| c.titles = vec![String::new(), long()]),
            ("titles", |c| c.titles = vec![String::new(); 3]),
            ("skills[0].name", |c| c.skills = vec![skill(long(), None)]),
            ("skills[0].uri", |c| {
                c.skills = vec![skill(String::new(), Some(long()))]
            }),
            ("skills", |c| c.skills = vec![Skill::default(); 3]),
            ("experiences", |c| {
                c.experiences = vec![Experience::default(); 3]
            }),
            ("experiences[0].title", |c| c.experiences[0].title = long()),
            ("experiences[0].employer", |c| {
                c.experiences[0].employer = long()
            }),
            ("experiences[0].text", |c| c.experiences[0].text = longer()),
            ("experiences[0].end", |c| {
                c.experiences[0].start = Some("2020-05".parse().unwrap());
                c.experiences[0].end = Some("2020-04".parse().unwrap());
            }),
            ("education[0].degree", |c| c.education[0].degree = long()),
            ("location.place", |c| c.location.place = long()),
            ("mobility.regions[0]", |c| c.mobility.regions = vec![long()]),
            ("text", |c| c.text = longer()),
            ("attributes.a", |c| {
                c.attributes = BTreeMap::from([("a".to_owned(), long())])
            }),
            ("attributes", |c| {
                c.attributes = ["a", "b"]
                    .map(|name| (name.to_owned(), String::new()))
                    .into();
            }),
            ("sensitive", |c| {
                c.sensitive = BTreeMap::from([(String::new(), String::new())])
            }),
        ];
        candidate(|_| {}).unwrap();
        for (field, change) in cases {
            let violation = candidate(change).unwrap_err();
            assert_eq!(violation.field, field, "{violation}");
        }
    }

    #[test]
    fn every_long_field_of_a_vacancy_is_named() {
        type Change = fn(&mut Vacancy);
        let cases: [(&str, Change); 8] = [
            ("tenant", |v| v.tenant = long()),
            ("title", |v| v.title = long()),
            ("description", |v| v.description = longer()),
            ("wanted_profile", |v| v.wanted_profile = longer()),
            ("required_skills", |v| {
                v.required_skills = vec![Skill::default(); 3]
            }),
            ("optional_skills[0].name", |v| {
                v.optional_skills = vec![skill(long(), None)]
            }),
            ("location.country", |v| v.location.country = long()),
            ("salary.currency", |v| {
                v.salary = Some(vivier_types::Salary {
                    currency: long(),
                    ..Default::default()
                });
            }),
        ];
        vacancy(|_| {}).unwrap();
        for (field, change) in cases {
            assert_eq!(vacancy(change).unwrap_err().field, field);
        }
    }

    #[test]
    fn the_refusal_gives_value_and_limit() {
        let violation = candidate(|c| c.text = longer()).unwrap_err();
        assert_eq!(violation.reason, "has 21 bytes, limit 20");
        assert_eq!(violation.value, longer());
    }

    #[test]
    fn dates_that_may_be_in_order_pass() {
        candidate(|c| {
            c.experiences[0].start = Some("2020-05".parse().unwrap());
            c.experiences[0].end = Some("2020".parse().unwrap());
        })
        .unwrap();
    }
}
