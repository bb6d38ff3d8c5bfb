//! Candidates, vacancies and summaries.

use vivier_types::{
    Candidate, ConceptKey, Contract, Location, Mobility, PoolStatus, Profile, ProfileId,
    RemotePolicy, Salary, Seniority, Summary, Vacancy, Violation,
};

use super::enums::WireEnum;
use super::{decode_all, encode_all, non_empty, within};
use crate::v1;

/// Bytes of the key of a concept.
const CONCEPT_BYTES: usize = 16;

fn decode_id(id: String) -> Result<ProfileId, Violation> {
    let shown = id.clone();
    ProfileId::new(id).map_err(|error| Violation::new("id", shown, error.to_string()))
}

fn decode_location(wire: Option<v1::Location>) -> Result<Location, Violation> {
    wire.map_or_else(|| Ok(Location::default()), Location::try_from)
        .map_err(within("location"))
}

fn encode_location(location: Location) -> Option<v1::Location> {
    (!location.is_empty()).then(|| location.into())
}

fn decode_mobility(wire: Option<v1::Mobility>) -> Result<Mobility, Violation> {
    wire.map_or_else(|| Ok(Mobility::default()), Mobility::try_from)
        .map_err(within("mobility"))
}

fn encode_mobility(mobility: Mobility) -> Option<v1::Mobility> {
    (!mobility.is_empty()).then(|| mobility.into())
}

fn decode_salary(wire: Option<v1::Salary>) -> Result<Option<Salary>, Violation> {
    wire.map(Salary::try_from)
        .transpose()
        .map_err(within("salary"))
}

fn decode_concepts(field: &str, bytes: &[u8]) -> Result<Vec<ConceptKey>, Violation> {
    let (keys, rest) = bytes.as_chunks::<CONCEPT_BYTES>();
    if !rest.is_empty() {
        let reason = format!("must be a multiple of {CONCEPT_BYTES} bytes");
        return Err(Violation::new(
            field,
            format!("{} bytes", bytes.len()),
            reason,
        ));
    }
    Ok(keys.iter().copied().map(ConceptKey::from_bytes).collect())
}

fn encode_concepts(keys: &[ConceptKey]) -> Vec<u8> {
    keys.iter()
        .flat_map(ConceptKey::as_bytes)
        .copied()
        .collect()
}

/// Highest level of the European Qualifications Framework.
const HIGHEST_EDUCATION: u32 = 8;

fn decode_education(level: Option<u32>) -> Result<Option<u8>, Violation> {
    let Some(level) = level else { return Ok(None) };
    let fits = (1..=HIGHEST_EDUCATION).contains(&level);
    let found = u8::try_from(level).ok().filter(|_| fits);
    let reason = format!("must be 1 to {HIGHEST_EDUCATION}");
    found
        .map(Some)
        .ok_or_else(|| Violation::new("education_level", level, reason))
}

fn decode_day(field: &str, text: &str) -> Result<Option<jiff::civil::Date>, Violation> {
    if text.is_empty() {
        return Ok(None);
    }
    let day = text
        .parse()
        .map_err(|_| Violation::new(field, text, "is not a date of the form YYYY-MM-DD"))?;
    Ok(Some(day))
}

impl TryFrom<v1::Candidate> for Candidate {
    type Error = Violation;

    fn try_from(wire: v1::Candidate) -> Result<Self, Violation> {
        Ok(Self {
            id: decode_id(wire.id)?,
            tenant: wire.tenant,
            lang: non_empty(wire.lang),
            titles: wire.titles,
            skills: decode_all("skills", wire.skills)?,
            experiences: decode_all("experiences", wire.experiences)?,
            education: decode_all("education", wire.education)?,
            languages: decode_all("languages", wire.languages)?,
            location: decode_location(wire.location)?,
            mobility: decode_mobility(wire.mobility)?,
            status: PoolStatus::decode("status", wire.status)?,
            consent_until: decode_day("consent_until", &wire.consent_until)?,
            text: wire.text,
            sensitive: wire
                .sensitive
                .map(|sensitive| sensitive.values)
                .unwrap_or_default(),
            attributes: wire.attributes,
            salary: decode_salary(wire.salary)?,
        })
    }
}

impl From<Candidate> for v1::Candidate {
    fn from(candidate: Candidate) -> Self {
        let sensitive = (!candidate.sensitive.is_empty()).then_some(v1::SensitiveAttributes {
            values: candidate.sensitive,
        });
        Self {
            id: candidate.id.into(),
            tenant: candidate.tenant,
            lang: candidate.lang.unwrap_or_default(),
            titles: candidate.titles,
            skills: encode_all(candidate.skills),
            experiences: encode_all(candidate.experiences),
            education: encode_all(candidate.education),
            languages: encode_all(candidate.languages),
            location: encode_location(candidate.location),
            mobility: encode_mobility(candidate.mobility),
            status: PoolStatus::encode(candidate.status),
            consent_until: candidate
                .consent_until
                .map(|day| day.to_string())
                .unwrap_or_default(),
            text: candidate.text,
            attributes: candidate.attributes,
            sensitive,
            salary: candidate.salary.map(v1::Salary::from),
        }
    }
}

impl TryFrom<v1::Vacancy> for Vacancy {
    type Error = Violation;

    fn try_from(wire: v1::Vacancy) -> Result<Self, Violation> {
        Ok(Self {
            id: decode_id(wire.id)?,
            tenant: wire.tenant,
            lang: non_empty(wire.lang),
            title: wire.title,
            description: wire.description,
            wanted_profile: wire.wanted_profile,
            required_skills: decode_all("required_skills", wire.required_skills)?,
            optional_skills: decode_all("optional_skills", wire.optional_skills)?,
            location: decode_location(wire.location)?,
            remote: RemotePolicy::decode("remote", wire.remote)?,
            contract: Contract::decode("contract", wire.contract)?,
            seniority: Seniority::decode("seniority", wire.seniority)?,
            salary: decode_salary(wire.salary)?,
            languages: decode_all("languages", wire.languages)?,
            attributes: wire.attributes,
        })
    }
}

impl From<Vacancy> for v1::Vacancy {
    fn from(vacancy: Vacancy) -> Self {
        Self {
            id: vacancy.id.into(),
            tenant: vacancy.tenant,
            lang: vacancy.lang.unwrap_or_default(),
            title: vacancy.title,
            description: vacancy.description,
            wanted_profile: vacancy.wanted_profile,
            required_skills: encode_all(vacancy.required_skills),
            optional_skills: encode_all(vacancy.optional_skills),
            location: encode_location(vacancy.location),
            remote: RemotePolicy::encode(vacancy.remote),
            contract: Contract::encode(vacancy.contract),
            seniority: Seniority::encode(vacancy.seniority),
            salary: vacancy.salary.map(v1::Salary::from),
            languages: encode_all(vacancy.languages),
            attributes: vacancy.attributes,
        }
    }
}

impl TryFrom<v1::Profile> for Profile {
    type Error = Violation;

    fn try_from(wire: v1::Profile) -> Result<Self, Violation> {
        match wire.kind {
            Some(v1::profile::Kind::Candidate(candidate)) => {
                Ok(Self::Candidate(Box::new(candidate.try_into()?)))
            }
            Some(v1::profile::Kind::Vacancy(vacancy)) => {
                Ok(Self::Vacancy(Box::new(vacancy.try_into()?)))
            }
            None => Err(Violation::new(
                "kind",
                "",
                "a candidate or a vacancy must be given",
            )),
        }
    }
}

impl From<Profile> for v1::Profile {
    fn from(profile: Profile) -> Self {
        let kind = match profile {
            Profile::Candidate(candidate) => v1::profile::Kind::Candidate((*candidate).into()),
            Profile::Vacancy(vacancy) => v1::profile::Kind::Vacancy((*vacancy).into()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<v1::Summary> for Summary {
    type Error = Violation;

    fn try_from(wire: v1::Summary) -> Result<Self, Violation> {
        let years = wire.years_of_experience;
        if let Some(years) = years.filter(|years| !(years.is_finite() && *years >= 0.0)) {
            return Err(Violation::new(
                "years_of_experience",
                years,
                "must be a number of at least 0",
            ));
        }
        Ok(Self {
            id: non_empty(wire.id).map(decode_id).transpose()?,
            titles: wire.titles,
            skills: decode_all("skills", wire.skills)?,
            optional_skills: decode_all("optional_skills", wire.optional_skills)?,
            languages: decode_all("languages", wire.languages)?,
            location: decode_location(wire.location)?,
            mobility: decode_mobility(wire.mobility)?,
            remote: RemotePolicy::decode("remote", wire.remote)?,
            contract: Contract::decode("contract", wire.contract)?,
            seniority: Seniority::decode("seniority", wire.seniority)?,
            years_of_experience: years,
            skill_concepts: decode_concepts("skill_concepts", &wire.skill_concepts)?,
            optional_skill_concepts: decode_concepts(
                "optional_skill_concepts",
                &wire.optional_skill_concepts,
            )?,
            occupation_concepts: decode_concepts("occupation_concepts", &wire.occupation_concepts)?,
            education_level: decode_education(wire.education_level)?,
            salary: decode_salary(wire.salary)?,
            skills_mentioned: wire.skills_mentioned,
        })
    }
}

impl From<Summary> for v1::Summary {
    fn from(summary: Summary) -> Self {
        Self {
            id: summary.id.map(String::from).unwrap_or_default(),
            titles: summary.titles,
            skills: encode_all(summary.skills),
            optional_skills: encode_all(summary.optional_skills),
            languages: encode_all(summary.languages),
            location: encode_location(summary.location),
            mobility: encode_mobility(summary.mobility),
            remote: RemotePolicy::encode(summary.remote),
            contract: Contract::encode(summary.contract),
            seniority: Seniority::encode(summary.seniority),
            years_of_experience: summary.years_of_experience,
            skill_concepts: encode_concepts(&summary.skill_concepts),
            optional_skill_concepts: encode_concepts(&summary.optional_skill_concepts),
            occupation_concepts: encode_concepts(&summary.occupation_concepts),
            education_level: summary.education_level.map(u32::from),
            salary: summary.salary.map(v1::Salary::from),
            skills_mentioned: summary.skills_mentioned,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate() -> Candidate {
        serde_json::from_str(
            r#"{"id":"c1","titles":["Chef"],"skills":["Rust",{"name":"Go","uri":"u"}],
                "experiences":[{"title":"Cook","start":"2019-03"}],
                "languages":[{"code":"fr","level":"native"}],
                "location":{"place":"Lyon","latitude":45.75,"longitude":4.85},
                "mobility":{"radius_km":30,"remote":true},"status":"pooled",
                "consent_until":"2030-01-01","sensitive":{"gender":"f"},"attributes":{"a":"b"},
                "salary":{"min":30000,"currency":"EUR","period":"year"}}"#,
        )
        .unwrap()
    }

    #[test]
    fn profiles_round_trip() {
        let candidate = candidate();
        let wire = v1::Candidate::from(candidate.clone());
        assert_eq!(Candidate::try_from(wire).unwrap(), candidate);

        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v1","title":"Cook","text":"Cook well","remote":"hybrid","contract":"permanent",
                "seniority":"mid","salary":{"min":1,"max":2,"currency":"EUR","period":"year"},
                "location":"Paris","required_skills":["Sauces"]}"#,
        )
        .unwrap();
        assert_eq!(vacancy.description, "Cook well");
        let wire = v1::Vacancy::from(vacancy.clone());
        assert_eq!(Vacancy::try_from(wire).unwrap(), vacancy);
    }

    #[test]
    fn wrong_fields_are_named_by_their_path() {
        type Damage = fn(&mut v1::Candidate);
        let breakages: [(&str, Damage); 7] = [
            ("id", |wire| wire.id.clear()),
            ("skills[1].name", |wire| {
                wire.skills[1] = v1::Skill::default()
            }),
            ("experiences[0].start", |wire| {
                wire.experiences[0].start = "March".to_owned()
            }),
            ("languages[0].level", |wire| wire.languages[0].level = 99),
            ("location.coordinates.latitude", |wire| {
                wire.location
                    .as_mut()
                    .unwrap()
                    .coordinates
                    .as_mut()
                    .unwrap()
                    .latitude = f64::NAN;
            }),
            ("mobility.radius_km", |wire| {
                wire.mobility.as_mut().unwrap().radius_km = Some(-1.0)
            }),
            ("consent_until", |wire| {
                wire.consent_until = "2030-02-30".to_owned()
            }),
        ];
        for (field, damage) in breakages {
            let mut wire = v1::Candidate::from(candidate());
            damage(&mut wire);
            assert_eq!(Candidate::try_from(wire).unwrap_err().field, field);
        }
    }
}
