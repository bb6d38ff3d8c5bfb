//! How the evidence for a concept is weighed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vivier_ontology::{Kind, Language};

use crate::error::LinkError;

/// What speaks for a concept, each in `[-1, 1]`: in this order the greatest cosine of the
/// text's vector with that of a label, with that of a preferred label, the mean of the
/// three greatest, the greatest cosines of the TF-IDF vectors of letters and of stems, the
/// cosine of the text's translation with the mean of the English labels, and the cosine of
/// the skills that the text asks for with those of the concept.
pub(crate) type Evidence = [f32; 7];

/// Weights of the evidence; the logistic function of their sum is the score.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// Of the nearest label.
    pub nearest: f32,
    /// Of the nearest preferred label.
    pub preferred: f32,
    /// Of the three nearest labels.
    pub around: f32,
    /// Of the letters.
    pub letters: f32,
    /// Of the stems.
    pub words: f32,
    /// Of the translation; nothing for English texts.
    #[serde(default)]
    pub translated: f32,
    /// Of the skills asked for; nothing for concepts that ask for none.
    #[serde(default)]
    pub skills: f32,
    /// Added to the sum.
    pub bias: f32,
}

impl Weights {
    pub(crate) fn new(evidence: Evidence, bias: f32) -> Self {
        let [
            nearest,
            preferred,
            around,
            letters,
            words,
            translated,
            skills,
        ] = evidence;
        Self {
            nearest,
            preferred,
            around,
            letters,
            words,
            translated,
            skills,
            bias,
        }
    }

    /// Returns the weights in the order of the evidence.
    pub(crate) fn values(&self) -> Evidence {
        [
            self.nearest,
            self.preferred,
            self.around,
            self.letters,
            self.words,
            self.translated,
            self.skills,
        ]
    }

    /// Returns how probable it is, in `(0, 1)`, that a text names a concept.
    pub(crate) fn score(&self, evidence: &Evidence) -> f32 {
        let weights = self.values();
        let sum: f32 = weights.iter().zip(evidence).map(|(a, b)| a * b).sum();
        1.0 / (1.0 + (-sum - self.bias).exp())
    }
}

/// The weights for texts with vectors and without.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scorer {
    /// With vectors.
    pub vectors: Weights,
    /// Without.
    pub letters: Weights,
}

/// By kind and language. The weights without vectors are learned from ESCO alone
/// ([`crate::Linker::learn`]): each of some thousand labels was taken out, and asked for.
/// The ratios of those with vectors were chosen on validation sets, where learned ones were
/// not better, and calibrated in the same way ([`crate::Linker::calibrate`]).
const LEARNED: &str = include_str!("scorer.toml");

impl Scorer {
    /// Returns the scorer of a kind for texts of a language; that for English where a
    /// language has none.
    pub(crate) fn of(kind: Kind, language: Language) -> Result<Self, LinkError> {
        let broken = |reason: String| LinkError::Scorer { reason };
        let scorers: BTreeMap<String, BTreeMap<String, Self>> =
            toml::from_str(LEARNED).map_err(|error| broken(error.to_string()))?;
        let kind = match kind {
            Kind::Skill | Kind::SkillGroup => "skill",
            Kind::Occupation | Kind::IscoGroup => "occupation",
        };
        let scorers = scorers.get(kind);
        let scorer = scorers.and_then(|by| by.get(language.code()).or_else(|| by.get("en")));
        scorer
            .copied()
            .ok_or_else(|| broken(format!("{kind} has none")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_can_be_read() {
        for kind in [Kind::Skill, Kind::Occupation] {
            for language in [Language::ENGLISH, Language::FRENCH] {
                let scorer = Scorer::of(kind, language).unwrap();
                let much = scorer.vectors.score(&[1.0; 7]);
                assert!(much > scorer.vectors.score(&[0.3; 7]), "{kind:?}");
                assert!(scorer.letters.score(&[0.0; 7]) < 0.5, "{kind:?}");
            }
        }
    }
}
