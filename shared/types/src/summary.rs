//! The structured part of a profile that pair features need.

use crate::{Contract, Language, Location, Mobility, ProfileId, RemotePolicy, Seniority, Skill};

/// A profile without its long texts and without anything sensitive.
///
/// One shape serves both sides: what a candidate offers and what a vacancy
/// asks. Pair features compare two of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The profile that this summarises; `None` for an ad hoc query.
    pub id: Option<ProfileId>,
    /// Titles held, or the title of the vacancy.
    pub titles: Vec<String>,
    /// Skills held, or skills required.
    pub skills: Vec<Skill>,
    /// Skills that are welcome but not required (vacancies only).
    pub optional_skills: Vec<Skill>,
    /// Languages spoken, or asked for.
    pub languages: Vec<Language>,
    /// Where the person lives, or where the job is.
    pub location: Location,
    /// Where the person would work (candidates only).
    pub mobility: Mobility,
    /// Remote policy (vacancies only).
    pub remote: Option<RemotePolicy>,
    /// Contract offered (vacancies only).
    pub contract: Option<Contract>,
    /// Seniority asked for, or derived from the experiences.
    pub seniority: Option<Seniority>,
    /// Years of experience, when the experiences carry dates.
    pub years_of_experience: Option<f32>,
}
