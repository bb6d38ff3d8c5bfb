//! Facets: the parts of a profile that are compared one by one.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One side of a profile that has a vector (or a bag of words) of its own.
///
/// MUSE.0 scores a pair as the weighted sum, over facets, of dot products
/// (Bied et al., IJCAI 2023).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Facet {
    /// Embedding of the serialised profile.
    Text,
    /// Mean embedding of the skill names.
    Skills,
    /// ESCO occupations of the titles; the dot product grows with what their places in the
    /// classification share.
    Occupation,
    /// Where the person would work and the job is; the dot product falls with distance.
    Geography,
    /// Steps of seniority; 1 at the step asked for.
    Seniority,
    /// Languages; the dot product is the share of those asked for that are spoken.
    Languages,
    /// BM25 over the words of the profile, scaled to 0..1.
    Words,
}

impl Facet {
    /// Every facet, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Text,
        Self::Skills,
        Self::Occupation,
        Self::Geography,
        Self::Seniority,
        Self::Languages,
        Self::Words,
    ];

    /// Returns the name used in requests, config and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Skills => "skills",
            Self::Occupation => "occupation",
            Self::Geography => "geography",
            Self::Seniority => "seniority",
            Self::Languages => "languages",
            Self::Words => "words",
        }
    }

    /// Finds a facet by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.name() == name)
    }
}

impl fmt::Display for Facet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Weight of each facet in the MUSE.0 sum; finite and not negative.
pub type FacetWeights = BTreeMap<Facet, f32>;

/// Weighted part of each facet in a score; the parts sum to the score.
pub type FacetScores = BTreeMap<Facet, f32>;
