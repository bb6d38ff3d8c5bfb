//! Candidates and vacancies.
//!
//! The serde form is the JSON that `vivier ingest` reads: unknown fields are
//! refused here and handled (kept, dropped, renamed) by the reader before.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{PartialDate, ProfileId};

/// Tells the two sides of the match apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProfileKind {
    /// A person in the pool.
    Candidate,
    /// An open position.
    Vacancy,
}

impl ProfileKind {
    /// Returns the plural used in command lines and as the collection's name.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Candidate => "candidates",
            Self::Vacancy => "vacancies",
        }
    }

    /// Returns the side that this kind is matched against.
    pub fn other(self) -> Self {
        match self {
            Self::Candidate => Self::Vacancy,
            Self::Vacancy => Self::Candidate,
        }
    }
}

/// Either kind of profile.
#[derive(Clone, Debug, PartialEq)]
pub enum Profile {
    /// A person in the pool.
    Candidate(Box<Candidate>),
    /// An open position.
    Vacancy(Box<Vacancy>),
}

impl Profile {
    /// Returns which kind this is.
    pub fn kind(&self) -> ProfileKind {
        match self {
            Self::Candidate(_) => ProfileKind::Candidate,
            Self::Vacancy(_) => ProfileKind::Vacancy,
        }
    }

    /// Returns the profile's identifier.
    pub fn id(&self) -> &ProfileId {
        match self {
            Self::Candidate(candidate) => &candidate.id,
            Self::Vacancy(vacancy) => &vacancy.id,
        }
    }
}

/// A person in the talent pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Identifier, unique among candidates.
    pub id: ProfileId,
    /// Owner of the record; empty when the pool has one owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Language of the texts (ISO 639-1, such as `fr`); detected when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Titles held, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub titles: Vec<String>,
    /// Skills held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<Skill>,
    /// Positions held, latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub experiences: Vec<Experience>,
    /// Degrees and courses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub education: Vec<Education>,
    /// Languages spoken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// Where the person lives.
    #[serde(default, skip_serializing_if = "Location::is_empty")]
    pub location: Location,
    /// Where the person would work.
    #[serde(default, skip_serializing_if = "Mobility::is_empty")]
    pub mobility: Mobility,
    /// Place in the pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<PoolStatus>,
    /// Last day on which the record may be used; `None` when unbounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent_until: Option<jiff::civil::Date>,
    /// Free text, such as the whole CV.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Sensitive attributes (`gender`, `birth_year`...): stored apart, read by
    /// audits only, never by an encoder, an index search or a reranker.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sensitive: BTreeMap<String, String>,
    /// Other string attributes; filters can use them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Pay expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salary: Option<Salary>,
}

/// An open position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vacancy {
    /// Identifier, unique among vacancies.
    pub id: ProfileId,
    /// Owner of the record; empty when there is one owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tenant: String,
    /// Language of the texts (ISO 639-1, such as `fr`); detected when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Title of the position.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What the job is. `text` is accepted as another name for it.
    #[serde(default, alias = "text", skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whom the employer looks for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub wanted_profile: String,
    /// Skills that the person must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required_skills: Vec<Skill>,
    /// Skills that are welcome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub optional_skills: Vec<Skill>,
    /// Where the job is.
    #[serde(default, skip_serializing_if = "Location::is_empty")]
    pub location: Location,
    /// Remote policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote: Option<RemotePolicy>,
    /// Contract offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<Contract>,
    /// Seniority asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seniority: Option<Seniority>,
    /// Pay range.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salary: Option<Salary>,
    /// Languages asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<Language>,
    /// Other string attributes; filters can use them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
}

/// A skill, by name and when known by ESCO concept.
///
/// In JSON either `"Rust"` or `{"name": "Rust", "uri": "http://data.europa.eu/esco/skill/..."}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Skill {
    /// Name as written by the person or the employer.
    pub name: String,
    /// ESCO concept URI.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

/// A position held.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Experience {
    /// Title of the position.
    pub title: String,
    /// Employer.
    pub employer: String,
    /// First day, as precisely as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<PartialDate>,
    /// Last day; `None` when the position is still held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<PartialDate>,
    /// What was done.
    pub text: String,
}

/// A degree or a course.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Education {
    /// Degree or name of the course.
    pub degree: String,
    /// Field of study.
    pub field: String,
    /// School.
    pub institution: String,
    /// First day, as precisely as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start: Option<PartialDate>,
    /// Last day, as precisely as known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<PartialDate>,
}

/// A language and how well it is spoken, or must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Language {
    /// ISO 639-1 code, lower case.
    pub code: String,
    /// Level of the Common European Framework; `None` when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<LanguageLevel>,
}

/// Levels of the Common European Framework of Reference for Languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the levels carry their standard names")]
pub enum LanguageLevel {
    A1,
    A2,
    B1,
    B2,
    C1,
    C2,
    /// Mother tongue.
    #[serde(rename = "native", alias = "Native")]
    Native,
}

/// A place, as precisely as known. In JSON an object, or a text taken as the place.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Location {
    /// Town, or any place as written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub place: String,
    /// Region.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub region: String,
    /// Country, ISO 3166-1 alpha-2 or as written.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub country: String,
    /// Coordinates.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub coordinates: Option<Coordinates>,
}

impl Location {
    /// Tells whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A point on the Earth, in decimal degrees (WGS 84).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Degrees north, -90 to 90.
    pub latitude: f64,
    /// Degrees east, -180 to 180.
    pub longitude: f64,
}

/// Where a person would work.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mobility {
    /// Regions accepted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
    /// Distance accepted from home, in kilometres.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub radius_km: Option<f64>,
    /// Whether remote work is accepted; `None` when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<bool>,
}

impl Mobility {
    /// Tells whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Place of a candidate in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolStatus {
    /// Applied, not decided yet.
    Applied,
    /// Kept in the pool for later vacancies.
    Pooled,
    /// Hired.
    Hired,
    /// Rejected.
    Rejected,
    /// Withdrew.
    Withdrawn,
}

impl PoolStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Applied,
        Self::Pooled,
        Self::Hired,
        Self::Rejected,
        Self::Withdrawn,
    ];

    /// Returns the name used in JSON and in filters.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pooled => "pooled",
            Self::Hired => "hired",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// How much of a job can be done from home.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RemotePolicy {
    /// On site only.
    OnSite,
    /// Some days at home.
    Hybrid,
    /// Wholly remote.
    Remote,
}

/// Contract offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Open-ended (French CDI).
    Permanent,
    /// Fixed term (French CDD).
    FixedTerm,
    /// Agency work.
    Temporary,
    /// Freelance.
    Freelance,
    /// Internship.
    Internship,
    /// Apprenticeship.
    Apprenticeship,
}

/// Seniority, in five steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seniority {
    /// Student or intern.
    Intern,
    /// Up to about 2 years.
    Junior,
    /// About 2 to 6 years.
    Mid,
    /// About 6 to 12 years.
    Senior,
    /// More than 12 years, or leading others.
    Lead,
}

/// Pay range, gross.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Salary {
    /// Lower end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// Upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// ISO 4217 code.
    pub currency: String,
    /// `year`, `month`, `day` or `hour`.
    pub period: String,
}

impl<'de> Deserialize<'de> for Skill {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            name: String,
            #[serde(default)]
            uri: Option<String>,
        }
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "a skill name, or an object with name and uri")]
        enum Form {
            Name(String),
            Named(Named),
        }
        Ok(match Form::deserialize(deserializer)? {
            Form::Name(name) => Self { name, uri: None },
            Form::Named(Named { name, uri }) => Self { name, uri },
        })
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, default)]
        #[derive(Default)]
        struct Parts {
            place: String,
            region: String,
            country: String,
            latitude: Option<f64>,
            longitude: Option<f64>,
        }
        #[derive(Deserialize)]
        #[serde(
            untagged,
            expecting = "a place name, or an object with place, region, country, latitude, longitude"
        )]
        enum Form {
            Place(String),
            Parts(Parts),
        }
        let parts = match Form::deserialize(deserializer)? {
            Form::Place(place) => Parts {
                place,
                ..Parts::default()
            },
            Form::Parts(parts) => parts,
        };
        let coordinates = match (parts.latitude, parts.longitude) {
            (Some(latitude), Some(longitude)) => Some(Coordinates {
                latitude,
                longitude,
            }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err(serde::de::Error::custom(
                    "latitude and longitude must come together",
                ));
            }
        };
        Ok(Self {
            place: parts.place,
            region: parts.region,
            country: parts.country,
            coordinates,
        })
    }
}
