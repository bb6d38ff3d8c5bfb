//! What a profile is compared by: its texts, facets, filter columns, and the
//! features of a pair with their reasons.
//!
//! Pure functions over the values of `vivier-types`: no I/O, no clock (today is
//! an argument), no randomness. Nothing here reads the identifier, the tenant
//! or the sensitive attributes of a profile, except that the tenant becomes a
//! filter column. What tells who a person is goes from every text before it is
//! read here ([`vivier_identity`]).
//!
//! [`describe_candidate`] and [`describe_vacancy`] derive everything that is
//! stored or embedded about one profile, once. [`Query`] compares two
//! [`vivier_types::Summary`] values.

mod clean;
mod columns;
mod cover;
mod describe;
mod esco;
mod facets;
#[cfg(test)]
mod fixture;
mod geography;
mod key;
mod knowledge;
mod language;
mod languages;
mod lexicon;
mod occupation;
mod pair;
mod place;
mod reading;
mod reasons;
mod requirements;
mod salary;
mod seniority;
mod serialise;
mod settle;
mod skills;
mod spoken;
mod title;

pub use columns::{ColumnValue, Columns};
pub use describe::{Description, describe_candidate, describe_profile, describe_vacancy};
pub use esco::Esco;
pub use facets::facet_dim;
pub use geography::{
    GEOGRAPHY_DIM, MAX_PLACES, candidate_geography, distance_km, vacancy_geography,
};
pub use key::match_key;
pub use knowledge::{
    EscoConfig, EscoReader, Knowledge, KnowledgeConfig, KnowledgeError, SkillSpan, skill_spans,
};
pub use language::detect_language;
pub use languages::{LANGUAGES_DIM, languages_vector};
pub use occupation::{MAX_OCCUPATIONS, OCCUPATION_DIM, occupation_vector};
pub use pair::{Detail, Feature, Hit, PairFeatures, Query};
pub use reading::{MAX_DERIVED_SKILLS, Reading, read_cv, read_vacancy};
pub use reasons::{Polarity, Reason, ReasonLanguage, SkillEvidence, shared_words_sentence};
pub use requirements::{asked_education, asked_years, education_level};
pub use seniority::{
    SENIORITY_DIM, seniority_of_title, seniority_of_years, seniority_vector, years_of_experience,
};
pub use serialise::{
    ConceptLabels, Serialisation, Texts, candidate_text, candidate_texts, candidate_words,
    vacancy_text, vacancy_texts, vacancy_words,
};
pub use settle::{Completed, complete_candidate, complete_vacancy, settle};

/// Version of everything that this crate derives from one profile. Raise it when
/// that changes: stored profiles are then written anew when they are sent again.
pub const FEATURES_VERSION: u32 = 6;
