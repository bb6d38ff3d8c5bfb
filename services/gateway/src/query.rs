//! What a match starts from: a stored profile, one sent along, or plain text.

use std::collections::BTreeMap;
use std::sync::Arc;

use vivier_features::{Description, Knowledge, ReasonLanguage, describe_profile};
use vivier_proto::v1;
use vivier_proto::v1::{search_candidates_request, search_vacancies_request};
use vivier_types::{Candidate, Facet, Limits, Profile, ProfileId, ProfileKind, Vacancy, Violation};

use crate::cluster::Encoder;
use crate::expansion::Additions;
use crate::options::today;
use crate::validate::check_profile;

/// Id that a profile without one bears inside the gateway; never shown.
const AD_HOC_ID: &str = "query";

/// Texts with what most patterns look for.
const EXAMPLES: [&str; 2] = [
    "Marie Durand\nExperience\nCook in Lyon since 2019, 5 years, bachelor. She speaks French.",
    "Marie Durand\nExpérience\nCuisinière à Lyon depuis 2019, 5 ans, licence. Elle parle anglais.",
];

/// Where the query of a match comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A stored profile.
    Stored(ProfileId),
    /// A profile sent along; its id says nothing.
    AdHoc(Profile),
}

/// What is searched with.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    /// Side of the query.
    pub(crate) kind: ProfileKind,
    /// What it says of itself.
    pub(crate) summary: v1::Summary,
    /// Its dense vectors.
    pub(crate) vectors: BTreeMap<Facet, Vec<f32>>,
    /// What encoded them, if any of them are of a model.
    pub(crate) encoder: Option<Arc<Encoder>>,
    /// Its words.
    pub(crate) words: Option<v1::WordsValue>,
    /// Language of its texts, when known.
    pub(crate) lang: Option<String>,
    /// The record, when the query is a candidate.
    pub(crate) candidate: Option<Box<Candidate>>,
    /// What was added to it; `None` when that was not asked for.
    pub(crate) additions: Option<Additions>,
}

impl Query {
    /// Returns what is added to the query in the retrieval, if anything.
    pub(crate) fn expansion(&self) -> Option<&Additions> {
        let additions = self.additions.as_ref();
        additions.filter(|additions| !additions.told.is_empty())
    }

    /// Returns the language of the reasons: as wished, else that of the query.
    pub(crate) fn reason_language(&self, wished: Option<ReasonLanguage>) -> ReasonLanguage {
        let own = || ReasonLanguage::from_code(self.lang.as_deref()?);
        wished.or_else(own).unwrap_or_default()
    }

    /// Makes a query without the vectors of an encoder.
    pub(crate) fn describe(kind: ProfileKind, stored: bool, description: &Description) -> Self {
        let mut summary = v1::Summary::from(description.summary.clone());
        if !stored {
            summary.id.clear();
        }
        Self {
            kind,
            summary,
            vectors: crate::points::facet_vectors(description, Default::default()),
            encoder: None,
            words: crate::points::words_value(description),
            lang: description.lang.clone(),
            candidate: None,
            additions: None,
        }
    }
}

/// Reads the query of a search for candidates.
///
/// # Errors
/// Names the field that is missing or breaks a rule.
pub(crate) fn read_vacancy_query(
    query: Option<search_candidates_request::Query>,
    limits: &Limits,
) -> Result<Source, Violation> {
    use search_candidates_request::Query as Wire;
    match query {
        Some(Wire::VacancyId(id)) => stored("vacancy_id", id),
        Some(Wire::Vacancy(mut wire)) => {
            ad_hoc_id(&mut wire.id);
            let vacancy = Vacancy::try_from(wire).map_err(within("vacancy"))?;
            ad_hoc(Profile::Vacancy(Box::new(vacancy)), limits).map_err(within("vacancy"))
        }
        Some(Wire::Text(text)) => {
            let wire = v1::Vacancy {
                id: AD_HOC_ID.to_owned(),
                description: text,
                ..Default::default()
            };
            let vacancy = Vacancy::try_from(wire)?;
            text_query(&vacancy.description, limits)?;
            Ok(Source::AdHoc(Profile::Vacancy(Box::new(vacancy))))
        }
        None => Err(Violation::new(
            "query",
            "",
            "must be vacancy_id, vacancy or text",
        )),
    }
}

/// Reads the query of a search for vacancies.
///
/// # Errors
/// Names the field that is missing or breaks a rule.
pub(crate) fn read_candidate_query(
    query: Option<search_vacancies_request::Query>,
    limits: &Limits,
) -> Result<Source, Violation> {
    use search_vacancies_request::Query as Wire;
    match query {
        Some(Wire::CandidateId(id)) => stored("candidate_id", id),
        Some(Wire::Candidate(mut wire)) => {
            ad_hoc_id(&mut wire.id);
            // Sensitive attributes take no part in a match, wherever they come from.
            wire.sensitive = None;
            let candidate = Candidate::try_from(wire).map_err(within("candidate"))?;
            ad_hoc(Profile::Candidate(Box::new(candidate)), limits).map_err(within("candidate"))
        }
        Some(Wire::Text(text)) => {
            let wire = v1::Candidate {
                id: AD_HOC_ID.to_owned(),
                text,
                ..Default::default()
            };
            let candidate = Candidate::try_from(wire)?;
            text_query(&candidate.text, limits)?;
            Ok(Source::AdHoc(Profile::Candidate(Box::new(candidate))))
        }
        None => Err(Violation::new(
            "query",
            "",
            "must be candidate_id, candidate or text",
        )),
    }
}

/// Describes an example of each kind in each language, so that the first request does not
/// wait for what is made at its first use: patterns, a tenth of a second.
pub(crate) fn warm_up(knowledge: &Knowledge) {
    let limits = Limits::default();
    for text in EXAMPLES {
        let vacancy = search_candidates_request::Query::Text(text.to_owned());
        let candidate = search_vacancies_request::Query::Text(text.to_owned());
        for source in [
            read_vacancy_query(Some(vacancy), &limits),
            read_candidate_query(Some(candidate), &limits),
        ] {
            if let Ok(Source::AdHoc(profile)) = source {
                describe_profile(&profile, today(), knowledge);
            }
        }
    }
}

/// Reads an identifier given in `field`.
///
/// # Errors
/// When it is no identifier.
pub(crate) fn read_id(field: &str, id: String) -> Result<ProfileId, Violation> {
    let shown = id.clone();
    ProfileId::new(id).map_err(|error| Violation::new(field, shown, error.to_string()))
}

/// Reads the kind of profile that a request speaks of.
///
/// # Errors
/// When it is none.
pub(crate) fn read_kind(kind: i32) -> Result<ProfileKind, Violation> {
    match v1::ProfileKind::try_from(kind) {
        Ok(v1::ProfileKind::Candidate) => Ok(ProfileKind::Candidate),
        Ok(v1::ProfileKind::Vacancy) => Ok(ProfileKind::Vacancy),
        Ok(v1::ProfileKind::Unspecified) | Err(_) => Err(Violation::new(
            "kind",
            kind,
            "must be CANDIDATE (1) or VACANCY (2)",
        )),
    }
}

fn stored(field: &str, id: String) -> Result<Source, Violation> {
    read_id(field, id).map(Source::Stored)
}

fn ad_hoc_id(id: &mut String) {
    AD_HOC_ID.clone_into(id);
}

fn ad_hoc(profile: Profile, limits: &Limits) -> Result<Source, Violation> {
    check_profile(&profile, limits)?;
    Ok(Source::AdHoc(profile))
}

fn text_query(text: &str, limits: &Limits) -> Result<(), Violation> {
    if text.trim().is_empty() {
        return Err(Violation::new("text", text, "is empty"));
    }
    if text.len() > limits.max_text_bytes {
        let reason = format!("has {} bytes, limit {}", text.len(), limits.max_text_bytes);
        return Err(Violation::new("text", text, reason));
    }
    Ok(())
}

fn within(prefix: &'static str) -> impl Fn(Violation) -> Violation {
    move |violation| Violation {
        field: format!("{prefix}.{}", violation.field),
        ..violation
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(query: Option<search_candidates_request::Query>) -> String {
        let limits = Limits {
            max_text_bytes: 10,
            ..Limits::default()
        };
        read_vacancy_query(query, &limits).unwrap_err().field
    }

    #[test]
    fn each_bad_query_is_refused_by_name() {
        use search_candidates_request::Query as Wire;
        assert_eq!(refused(None), "query");
        assert_eq!(refused(Some(Wire::VacancyId(String::new()))), "vacancy_id");
        assert_eq!(refused(Some(Wire::Text("  ".to_owned()))), "text");
        assert_eq!(refused(Some(Wire::Text("x".repeat(11)))), "text");
        let long = v1::Vacancy {
            description: "x".repeat(11),
            ..Default::default()
        };
        assert_eq!(refused(Some(Wire::Vacancy(long))), "vacancy.description");
        let odd = v1::Vacancy {
            remote: 77,
            ..Default::default()
        };
        assert_eq!(refused(Some(Wire::Vacancy(odd))), "vacancy.remote");
        assert_eq!(read_kind(0).unwrap_err().field, "kind");
    }

    #[test]
    fn sensitive_attributes_of_a_query_are_dropped() {
        use search_vacancies_request::Query as Wire;
        let sensitive = Some(v1::SensitiveAttributes {
            values: [("gender".to_owned(), "f".to_owned())].into(),
        });
        let wire = v1::Candidate {
            text: "Cook".to_owned(),
            sensitive,
            ..Default::default()
        };
        let source = read_candidate_query(Some(Wire::Candidate(wire)), &Limits::default()).unwrap();
        let Source::AdHoc(Profile::Candidate(candidate)) = source else {
            panic!("{source:?}")
        };
        assert!(candidate.sensitive.is_empty());
    }
}
