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

mod columns;
mod describe;
mod esco;
#[cfg(test)]
mod fixture;
mod geography;
mod key;
mod language;
mod lexicon;
mod pair;
mod place;
mod reading;
mod reasons;
mod requirements;
mod salary;
mod seniority;
mod serialise;
mod skills;
mod spoken;
mod title;

pub use columns::{ColumnValue, Columns};
pub use describe::{Description, describe_candidate, describe_profile, describe_vacancy};
pub use esco::Esco;
pub use geography::{GEOGRAPHY_DIM, distance_km, geography_vector};
pub use key::match_key;
pub use language::detect_language;
pub use pair::{Detail, Feature, Hit, PairFeatures, Query};
pub use reading::{MAX_DERIVED_SKILLS, Reading, read_cv, read_vacancy};
pub use reasons::{Polarity, Reason, ReasonLanguage, SkillEvidence, shared_words_sentence};
pub use requirements::{asked_education, asked_years, education_level};
pub use seniority::{seniority_of_title, seniority_of_years, years_of_experience};
pub use serialise::{candidate_text, candidate_words, vacancy_text, vacancy_words};

/// Version of everything that this crate derives from one profile. Raise it when
/// that changes: stored profiles are then written anew when they are sent again.
pub const FEATURES_VERSION: u32 = 2;
