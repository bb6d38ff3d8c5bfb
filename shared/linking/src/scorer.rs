//! How the evidence for a concept is weighed.

use serde::Deserialize;
use vivier_ontology::Kind;

use crate::error::LinkError;

/// What speaks for a concept, each in `[-1, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Evidence {
    /// Greatest cosine of the text's vector with that of a label.
    pub(crate) nearest: f32,
    /// Greatest cosine with that of a preferred label.
    pub(crate) preferred: f32,
    /// Mean of the three greatest cosines.
    pub(crate) around: f32,
    /// Greatest cosine of the letters' TF-IDF vectors.
    pub(crate) letters: f32,
    /// Greatest cosine of the stems' TF-IDF vectors.
    pub(crate) words: f32,
}

/// Weights of the evidence; the score of a concept is their sum, brought to `(0, 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Weights {
    nearest: f32,
    preferred: f32,
    around: f32,
    letters: f32,
    words: f32,
    /// Added to the sum, so that the logistic function of it is how probable it is
    /// that the best concept is right.
    bias: f32,
}

/// The learned weights: with vectors and without, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scorer {
    vectors: Weights,
    letters: Weights,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scorers {
    skill: Scorer,
    occupation: Scorer,
}

/// Learned from ESCO alone: each of some thousand labels was taken out, and asked for.
const LEARNED: &str = include_str!("scorer.toml");

impl Scorer {
    /// Returns the scorer of a kind.
    pub(crate) fn of(kind: Kind) -> Result<Self, LinkError> {
        let scorers: Scorers = toml::from_str(LEARNED).map_err(|error| LinkError::Scorer {
            reason: error.to_string(),
        })?;
        Ok(match kind {
            Kind::Skill | Kind::SkillGroup => scorers.skill,
            Kind::Occupation | Kind::IscoGroup => scorers.occupation,
        })
    }

    /// Returns how probable it is, in `(0, 1)`, that the text names the concept.
    pub(crate) fn score(&self, evidence: &Evidence, has_vectors: bool) -> f32 {
        let weights = if has_vectors {
            &self.vectors
        } else {
            &self.letters
        };
        let sum = weights.nearest * evidence.nearest
            + weights.preferred * evidence.preferred
            + weights.around * evidence.around
            + weights.letters * evidence.letters
            + weights.words * evidence.words
            + weights.bias;
        1.0 / (1.0 + (-sum).exp())
    }
}
