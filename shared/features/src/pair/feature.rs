//! The features of a pair: names, meanings, values.

use std::fmt;

use vivier_types::Facet;

/// One measured side of a pair. Names are stable: configs and answers use them.
///
/// What a feature needs and does not find makes it unknown, which is never the same as 0.
/// Skills, occupations and levels are those of the summaries. "Asked for" is what the
/// vacancy says, "held" what the candidate says. "Concepts" are those of ESCO: without
/// ESCO, or when a side names none that it has, what needs them is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Feature {
    /// Score of the retrieval, as the index gave it.
    Retrieval,
    /// Cosine of the text embeddings, -1 to 1.
    FacetText,
    /// Cosine of the mean skill embeddings, -1 to 1; unknown when a side has
    /// no skills.
    FacetSkills,
    /// Dot product of the occupations, about 0 to 1; unknown where a side has none.
    FacetOccupation,
    /// Dot product of the places, about 0 to 1; unknown without coordinates.
    FacetGeography,
    /// Dot product of the seniorities, 0 to 1; unknown where a side has none.
    FacetSeniority,
    /// Dot product of the languages, 0 to 1; unknown where a side has none.
    FacetLanguages,
    /// BM25 of the words, scaled to 0..1.
    FacetWords,
    /// Likeness of the title asked for and the closest title held (Dice
    /// coefficient of their words), 0 to 1; unknown where a side has no title.
    TitleOverlap,
    /// Likeness of the nearest occupations, 0 to 1: `exp(-0.7 d)` for `d` steps on the
    /// graph of concepts, 0 where no path is short enough; unknown where a side names no
    /// occupation.
    OccupationSimilarity,
    /// Share of the required skills that are held, 0 to 1; unknown when none is required
    /// or none is known of the candidate. A skill is held when its name, its URI or its
    /// concept is.
    SkillOverlap,
    /// Share of the optional skills that are held, 0 to 1; unknown as [`Self::SkillOverlap`].
    OptionalSkillOverlap,
    /// Number of required skills that are held; unknown as [`Self::SkillOverlap`].
    SkillsMatched,
    /// Number of required skills that are not held; unknown as [`Self::SkillOverlap`].
    SkillsMissing,
    /// How well the concepts held cover those required, 0 to 1: for each one required
    /// `exp(-0.7 d)` for the `d` steps to the nearest one held, in the mean (CACL's
    /// directional score); unknown where a side names no concept.
    OntologyCoverage,
    /// How well the concepts held cover the optional ones, as [`Self::OntologyCoverage`].
    OptionalCoverage,
    /// Likeness of the concepts required and held, 0 to 1: the mean of both directions of
    /// [`Self::OntologyCoverage`]. Falls also with what is held beyond what is required.
    OntologySimilarity,
    /// Mean steps by which the concepts held must be moved to become those required, 0 to
    /// 10 (optimal transport, CACL section 4.5); unknown where a side names no concept.
    /// Costly.
    TransportDistance,
    /// How well the place suits, 0 to 1: 1 within the accepted radius or
    /// region, or for remote work that is accepted; unknown when too little is known.
    LocationFit,
    /// Kilometres from the home to the job; unknown without coordinates.
    DistanceKm,
    /// Kilometres from the home to the job beyond the radius accepted, 0 within it or in a
    /// region accepted; unknown without coordinates or a radius, and for remote jobs.
    BeyondRadiusKm,
    /// Steps of seniority missing, 0 to 4; unknown where a side has none.
    SeniorityShortfall,
    /// Steps of seniority beyond what is asked for, 0 to 4; unknown where a side has none.
    SeniorityExcess,
    /// Years of experience missing, 0 or more; unknown where a side says none.
    ExperienceShortfallYears,
    /// Years of experience beyond those asked for, 0 or more; unknown where a side says
    /// none.
    ExperienceExcessYears,
    /// Levels of education missing, 0 to 7, in the European Qualifications Framework;
    /// unknown where a side says none.
    EducationShortfall,
    /// Share of the languages asked for that are spoken at the level, 0 to 1; unknown when
    /// none is asked for or none is listed.
    LanguageMatch,
    /// Share of the range of pay expected that the pay offered reaches, 0 to 1; unknown
    /// where a side says none, or their currencies or periods cannot be compared.
    SalaryOverlap,
}

impl Feature {
    /// Number of features.
    pub const COUNT: usize = 28;

    /// Every feature, in the order in which they are shown and summed.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Retrieval,
        Self::FacetText,
        Self::FacetSkills,
        Self::FacetOccupation,
        Self::FacetGeography,
        Self::FacetSeniority,
        Self::FacetLanguages,
        Self::FacetWords,
        Self::TitleOverlap,
        Self::OccupationSimilarity,
        Self::SkillOverlap,
        Self::OptionalSkillOverlap,
        Self::SkillsMatched,
        Self::SkillsMissing,
        Self::OntologyCoverage,
        Self::OptionalCoverage,
        Self::OntologySimilarity,
        Self::TransportDistance,
        Self::LocationFit,
        Self::DistanceKm,
        Self::BeyondRadiusKm,
        Self::SeniorityShortfall,
        Self::SeniorityExcess,
        Self::ExperienceShortfallYears,
        Self::ExperienceExcessYears,
        Self::EducationShortfall,
        Self::LanguageMatch,
        Self::SalaryOverlap,
    ];

    /// Returns the name used in configs and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Retrieval => "retrieval",
            Self::FacetText => "facet_text",
            Self::FacetSkills => "facet_skills",
            Self::FacetOccupation => "facet_occupation",
            Self::FacetGeography => "facet_geography",
            Self::FacetSeniority => "facet_seniority",
            Self::FacetLanguages => "facet_languages",
            Self::FacetWords => "facet_words",
            Self::TitleOverlap => "title_overlap",
            Self::OccupationSimilarity => "occupation_similarity",
            Self::SkillOverlap => "skill_overlap",
            Self::OptionalSkillOverlap => "optional_skill_overlap",
            Self::SkillsMatched => "skills_matched",
            Self::SkillsMissing => "skills_missing",
            Self::OntologyCoverage => "ontology_coverage",
            Self::OptionalCoverage => "optional_coverage",
            Self::OntologySimilarity => "ontology_similarity",
            Self::TransportDistance => "transport_distance",
            Self::LocationFit => "location_fit",
            Self::DistanceKm => "distance_km",
            Self::BeyondRadiusKm => "beyond_radius_km",
            Self::SeniorityShortfall => "seniority_shortfall",
            Self::SeniorityExcess => "seniority_excess",
            Self::ExperienceShortfallYears => "experience_shortfall_years",
            Self::ExperienceExcessYears => "experience_excess_years",
            Self::EducationShortfall => "education_shortfall",
            Self::LanguageMatch => "language_match",
            Self::SalaryOverlap => "salary_overlap",
        }
    }

    /// Finds a feature by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Tells whether only [`Detail::Full`] measures the feature.
    pub fn is_costly(self) -> bool {
        self == Self::TransportDistance
    }

    /// Returns the feature that carries a facet's score.
    pub fn of_facet(facet: Facet) -> Self {
        match facet {
            Facet::Text => Self::FacetText,
            Facet::Skills => Self::FacetSkills,
            Facet::Occupation => Self::FacetOccupation,
            Facet::Geography => Self::FacetGeography,
            Facet::Seniority => Self::FacetSeniority,
            Facet::Languages => Self::FacetLanguages,
            Facet::Words => Self::FacetWords,
        }
    }
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much is measured of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// What costs a few microseconds: for every pair of a list.
    Cheap,
    /// All, at some ten times the cost: for what is explained, and for every pair when the
    /// scorer reads a costly feature ([`Feature::is_costly`]).
    Full,
}

/// The features of one pair. What cannot be known is absent, never 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairFeatures {
    values: [Option<f32>; Feature::COUNT],
}

impl Default for PairFeatures {
    fn default() -> Self {
        Self {
            values: [None; Feature::COUNT],
        }
    }
}

impl PairFeatures {
    /// Returns a feature, `None` when it cannot be known for the pair.
    pub fn get(&self, feature: Feature) -> Option<f32> {
        self.values[feature as usize]
    }

    /// Sets a feature; a value that is not finite counts as unknown.
    #[must_use]
    pub fn with(mut self, feature: Feature, value: Option<f32>) -> Self {
        self.values[feature as usize] = value.filter(|value| value.is_finite());
        self
    }
}
