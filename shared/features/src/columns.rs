//! Columns of a profile that filters test.
//!
//! The names are those of `Condition.column` in
//! `proto/vivier/v1/common.proto`. A column that is not known is left out.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use vivier_types::{
    Candidate, Contract, Coordinates, Language, Location, RemotePolicy, Summary, Vacancy,
    concept_key,
};

use crate::knowledge::EscoReader;
use crate::seniority::step;

/// Columns by name.
pub type Columns = BTreeMap<String, ColumnValue>;

/// The value of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue {
    /// One or several texts.
    Strings(Vec<String>),
    /// A number.
    Number(f64),
    /// A yes or no.
    Boolean(bool),
    /// Days since 1970-01-01.
    Date(i32),
    /// A point on the Earth.
    Coordinates(Coordinates),
}

/// Returns the columns of a candidate.
///
/// `region` holds the regions where the person would work: those of the
/// mobility, or when it names none, the region of the home.
pub(crate) fn candidate_columns(
    candidate: &Candidate,
    summary: &Summary,
    (lang, reader): (Option<&str>, Option<&EscoReader>),
) -> Columns {
    let mut columns = Columns::new();
    add_common(&mut columns, summary, lang);
    add_skills(&mut columns, summary, reader);
    add_strings(&mut columns, "tenant", [candidate.tenant.as_str()]);
    if let Some(status) = candidate.status {
        add_strings(&mut columns, "status", [status.name()]);
    }
    if let Some(day) = candidate.consent_until.and_then(days_since_1970) {
        columns.insert("consent_until".to_owned(), ColumnValue::Date(day));
    }
    add_strings(&mut columns, "region", working_regions(summary));
    if let Some(remote) = candidate.mobility.remote {
        columns.insert("remote".to_owned(), ColumnValue::Boolean(remote));
    }
    add_attributes(&mut columns, &candidate.attributes);
    columns
}

/// Returns the columns of a vacancy.
///
/// `remote` says whether the job is wholly remote; `remote_policy` tells the
/// three policies apart.
pub(crate) fn vacancy_columns(
    vacancy: &Vacancy,
    summary: &Summary,
    (lang, reader): (Option<&str>, Option<&EscoReader>),
) -> Columns {
    let mut columns = Columns::new();
    add_common(&mut columns, summary, lang);
    add_skills(&mut columns, summary, reader);
    add_strings(&mut columns, "tenant", [vacancy.tenant.as_str()]);
    add_strings(&mut columns, "region", [vacancy.location.region.as_str()]);
    if let Some(policy) = vacancy.remote {
        let remote = policy == RemotePolicy::Remote;
        columns.insert("remote".to_owned(), ColumnValue::Boolean(remote));
        add_strings(&mut columns, "remote_policy", [remote_name(policy)]);
    }
    if let Some(contract) = vacancy.contract {
        add_strings(&mut columns, "contract", [contract_name(contract)]);
    }
    add_attributes(&mut columns, &vacancy.attributes);
    columns
}

/// Returns the regions where a candidate would work.
pub(crate) fn working_regions(candidate: &Summary) -> Vec<&str> {
    if candidate.mobility.regions.is_empty() {
        return vec![candidate.location.region.as_str()];
    }
    candidate
        .mobility
        .regions
        .iter()
        .map(String::as_str)
        .collect()
}

fn add_common(columns: &mut Columns, summary: &Summary, lang: Option<&str>) {
    let Location {
        place,
        country,
        coordinates,
        ..
    } = &summary.location;
    add_strings(columns, "place", [place.as_str()]);
    add_strings(columns, "country", [country.as_str()]);
    if let Some(coordinates) = coordinates {
        columns.insert(
            "coordinates".to_owned(),
            ColumnValue::Coordinates(*coordinates),
        );
    }
    add_strings(columns, "lang", lang);
    add_strings(
        columns,
        "language",
        summary
            .languages
            .iter()
            .map(|Language { code, .. }| code.as_str()),
    );
    if let Some(seniority) = summary.seniority {
        columns.insert(
            "seniority".to_owned(),
            ColumnValue::Number(f64::from(step(seniority))),
        );
    }
    if let Some(years) = summary.years_of_experience {
        columns.insert(
            "years_of_experience".to_owned(),
            ColumnValue::Number(f64::from(years)),
        );
    }
}

/// Adds the URIs of the skills, required ones and welcome ones: as ESCO writes them, and
/// those that it does not have as they are stated.
fn add_skills(columns: &mut Columns, summary: &Summary, reader: Option<&EscoReader>) {
    let of_concept = |key| reader.and_then(|reader| reader.uri(key));
    let concepts = summary.skill_concepts.iter();
    let concepts = concepts.chain(&summary.optional_skill_concepts);
    let stated = summary.skills.iter().chain(&summary.optional_skills);
    let stated = stated.filter_map(|skill| skill.uri.as_deref());
    let stated = stated.map(|uri| concept_key(uri).and_then(of_concept).unwrap_or(uri));
    let uris: BTreeSet<&str> = concepts
        .filter_map(|key| of_concept(*key))
        .chain(stated)
        .collect();
    add_strings(columns, "skill", uris);
}

/// Adds a column of texts, unless all are empty.
fn add_strings<'a>(columns: &mut Columns, name: &str, values: impl IntoIterator<Item = &'a str>) {
    let values: Vec<String> = values
        .into_iter()
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect();
    if !values.is_empty() {
        columns.insert(name.to_owned(), ColumnValue::Strings(values));
    }
}

fn add_attributes(columns: &mut Columns, attributes: &BTreeMap<String, String>) {
    for (name, value) in attributes {
        add_strings(columns, &format!("attributes.{name}"), [value.as_str()]);
    }
}

fn days_since_1970(day: Date) -> Option<i32> {
    let hours = day.duration_since(Date::constant(1970, 1, 1)).as_hours();
    i32::try_from(hours / 24).ok()
}

fn remote_name(policy: RemotePolicy) -> &'static str {
    match policy {
        RemotePolicy::OnSite => "on_site",
        RemotePolicy::Hybrid => "hybrid",
        RemotePolicy::Remote => "remote",
    }
}

fn contract_name(contract: Contract) -> &'static str {
    match contract {
        Contract::Permanent => "permanent",
        Contract::FixedTerm => "fixed_term",
        Contract::Temporary => "temporary",
        Contract::Freelance => "freelance",
        Contract::Internship => "internship",
        Contract::Apprenticeship => "apprenticeship",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{describe_candidate, describe_vacancy};

    const TODAY: Date = Date::constant(2026, 1, 1);

    fn strings(values: &[&str]) -> ColumnValue {
        ColumnValue::Strings(values.iter().map(|value| (*value).to_owned()).collect())
    }

    #[test]
    fn a_candidate_has_the_columns_that_filters_name() {
        let candidate: Candidate = serde_json::from_str(
            r#"{"id":"c","tenant":"t","lang":"fr","titles":["Senior cook"],"status":"pooled",
                "consent_until":"1970-01-11","languages":[{"code":"fr"},{"code":"en"}],
                "location":{"place":"Lyon","region":"ARA","country":"FR","latitude":45.7,"longitude":4.8},
                "mobility":{"remote":false},"sensitive":{"gender":"f"},"attributes":{"source":"x"}}"#,
        )
        .unwrap();
        let columns = describe_candidate(&candidate, TODAY, &crate::Knowledge::default()).columns;
        let coordinates = Coordinates {
            latitude: 45.7,
            longitude: 4.8,
        };
        let wanted = [
            ("attributes.source", strings(&["x"])),
            ("consent_until", ColumnValue::Date(10)),
            ("coordinates", ColumnValue::Coordinates(coordinates)),
            ("country", strings(&["FR"])),
            ("lang", strings(&["fr"])),
            ("language", strings(&["fr", "en"])),
            ("place", strings(&["Lyon"])),
            ("region", strings(&["ARA"])),
            ("remote", ColumnValue::Boolean(false)),
            ("seniority", ColumnValue::Number(4.0)),
            ("status", strings(&["pooled"])),
            ("tenant", strings(&["t"])),
        ];
        assert_eq!(
            columns,
            wanted.map(|(name, value)| (name.to_owned(), value)).into()
        );
    }

    #[test]
    fn skills_are_named_by_their_uris() {
        let vacancy: Vacancy = serde_json::from_str(
            r#"{"id":"v","required_skills":[{"name":"SQL","uri":"b"},"Go"],
                "optional_skills":[{"name":"Rust","uri":"a"},{"name":"sql","uri":"b"}]}"#,
        )
        .unwrap();
        let columns = describe_vacancy(&vacancy, &crate::Knowledge::default()).columns;
        assert_eq!(columns["skill"], strings(&["a", "b"]));
    }

    #[test]
    fn mobility_outranks_the_home_region() {
        let candidate: Candidate = serde_json::from_str(
            r#"{"id":"c","location":{"region":"ARA"},"mobility":{"regions":["Bretagne","Normandie"]}}"#,
        )
        .unwrap();
        let columns = describe_candidate(&candidate, TODAY, &crate::Knowledge::default()).columns;
        assert_eq!(columns["region"], strings(&["Bretagne", "Normandie"]));
    }

    #[test]
    fn a_vacancy_has_its_columns_and_unknown_ones_are_absent() {
        let vacancy: Vacancy =
            serde_json::from_str(r#"{"id":"v","remote":"hybrid","contract":"fixed_term"}"#)
                .unwrap();
        let columns = describe_vacancy(&vacancy, &crate::Knowledge::default()).columns;
        let wanted = [
            ("contract", strings(&["fixed_term"])),
            ("remote", ColumnValue::Boolean(false)),
            ("remote_policy", strings(&["hybrid"])),
        ];
        assert_eq!(
            columns,
            wanted.map(|(name, value)| (name.to_owned(), value)).into()
        );
    }
}
