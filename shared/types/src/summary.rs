//! The structured part of a profile that pair features need.

use crate::{
    ConceptKey, Contract, Language, Location, Mobility, ProfileId, RemotePolicy, Salary, Seniority,
    Skill,
};

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
    /// Whether the optional skills are those that a text mentions, because it lists none.
    pub skills_mentioned: bool,
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
    /// Years of experience: held, when the experiences carry dates; or asked for.
    pub years_of_experience: Option<f32>,
    /// ESCO skills that the skills and the texts name; those required for a vacancy.
    pub skill_concepts: Vec<ConceptKey>,
    /// ESCO skills that are welcome but not required (vacancies only).
    pub optional_skill_concepts: Vec<ConceptKey>,
    /// ESCO occupations that the titles name.
    pub occupation_concepts: Vec<ConceptKey>,
    /// Level in the European Qualifications Framework, 1 to 8: the highest held, or the
    /// least asked for.
    pub education_level: Option<u8>,
    /// Pay expected, or offered.
    pub salary: Option<Salary>,
}
