//! The values that every part of Vivier speaks of: profiles, dates, facets,
//! scores and limits.
//!
//! Values only: no I/O, no async, nothing of the other crates. The JSON form of
//! a profile (serde) is the file format of `vivier ingest`; the wire form lives
//! in `vivier-proto`.

mod concept;
mod date;
mod facet;
mod id;
mod letters;
mod limits;
mod profile;
mod summary;
mod violation;

pub use concept::{ConceptKey, concept_key};
pub use date::{DateError, PartialDate};
pub use facet::{Facet, FacetScores, FacetWeights};
pub use id::{IdError, ProfileId};
pub use letters::push_folded;
pub use limits::Limits;
pub use profile::{
    Candidate, Contract, Coordinates, Education, Experience, Language, LanguageLevel, Location,
    Mobility, PoolStatus, Profile, ProfileKind, RemotePolicy, Salary, Seniority, Skill, Vacancy,
};
pub use summary::Summary;
pub use violation::Violation;
