//! `linear-v0`: a weighted sum of the features.
//!
//! `score = sum over known features of weight * (value - neutral)`. A feature
//! that is unknown for a pair contributes 0, exactly as one at its neutral
//! value would: nobody gains or loses by silence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vivier_features::{Feature, PairFeatures};

use crate::scorer::{Contribution, Explanation, PairScorer, ScoreError};

/// Name of the scorer.
const NAME: &str = "linear-v0";

/// Largest absolute weight and neutral value.
const MAX_MAGNITUDE: f32 = 1_000_000.0;

/// How one feature enters the sum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinearTerm {
    /// Gain in score for one unit of the feature.
    pub weight: f32,
    /// Value that neither gains nor loses.
    #[serde(default)]
    pub neutral: f32,
}

/// Terms that replace the default ones, by feature name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LinearConfig {
    /// Features left out keep their default term.
    pub terms: BTreeMap<String, LinearTerm>,
}

/// Returns the default term of a feature.
///
/// Text and words carry the order. Measured on 597 real CVs and 107 adverts
/// with a weak proxy (the category that the advert's title names; titles
/// removed; `tests/it/proxy.rs`): mean average precision .333 by text alone,
/// .181 by words alone, .333 / .330 / .320 / .299 with words at 0.5 / 1 / 2 / 4
/// times the text. That proxy rewards the broad subject, which embeddings tell
/// best; on published expert labels of single CVs, where the fit is in the
/// detail, BM25 alone beats a frozen MiniLM (.78 to .84 against .50 to .59).
/// On those CVs the words score spreads by about .02 inside a list and the text
/// score by about .10, so at equal weights words would decide little. A weight of
/// 3 gives them a little over half the influence of the text. That is a judgement
/// between two signals that disagree: 3 itself was not measured, and the proxy
/// alone would choose 1 or less.
///
/// The others are reasoned, not measured. The text score spreads by about .1
/// inside a list. A stated fact (skills, title, language) may move a pair by one
/// to three times that, and a place outside what the person accepts by more: few
/// take a job that they cannot reach. Seniority, mostly derived, moves a pair by
/// less for each step.
///
/// What a required skill is worth is shared between its names and the ontology, which
/// gives a near skill about a quarter of a held one: .4 each. A skill held counts in both,
/// one that ESCO does not know in the first alone, one that is only near in the second
/// alone. A welcome skill, stated or only mentioned by an advert that lists none, is worth
/// a quarter of that: on a weak proxy (56 real adverts without lists, 360 CVs) mentions
/// weighed as required skills cost the order (mean average precision .298; .323 without
/// ESCO), and at a quarter nearly nothing (.321). An occupation restates a title as the
/// ontology sees it, so that the .3 of titles is not given twice: .2. Missing years and
/// levels of education are read from texts and often only wished for: .03 a year, .06 a
/// level. Pay that falls short costs at most .2.
///
/// What is in other features weighs nothing: the retrieval score; the facets of
/// occupation, geography, seniority and languages; the kilometres, also those beyond the
/// radius; the numbers of skills; the symmetric similarity and the transport of skills,
/// which also hold against a person what is known beyond the request. Years beyond those
/// asked for weigh nothing because they are mostly a person's age.
/// Neutral values are about the middle of what pairs near the top show.
fn default_term(feature: Feature) -> LinearTerm {
    let (weight, neutral) = match feature {
        Feature::Retrieval
        | Feature::FacetOccupation
        | Feature::FacetGeography
        | Feature::FacetSeniority
        | Feature::FacetLanguages
        | Feature::SkillsMatched
        | Feature::SkillsMissing
        | Feature::OntologySimilarity
        | Feature::TransportDistance
        | Feature::DistanceKm
        | Feature::BeyondRadiusKm
        | Feature::ExperienceExcessYears => (0.0, 0.0),
        Feature::FacetText => (1.0, 0.0),
        Feature::FacetWords => (3.0, 0.0),
        Feature::FacetSkills => (0.3, 0.4),
        Feature::TitleOverlap => (0.3, 0.2),
        Feature::OccupationSimilarity => (0.2, 0.3),
        Feature::SkillOverlap => (0.4, 0.3),
        Feature::OntologyCoverage => (0.4, 0.4),
        Feature::OptionalSkillOverlap => (0.1, 0.2),
        Feature::OptionalCoverage => (0.1, 0.3),
        Feature::LocationFit => (0.8, 0.5),
        Feature::SeniorityShortfall => (-0.08, 0.5),
        Feature::SeniorityExcess => (-0.03, 0.5),
        Feature::ExperienceShortfallYears => (-0.03, 0.5),
        Feature::EducationShortfall => (-0.06, 0.3),
        Feature::LanguageMatch => (0.3, 0.8),
        Feature::SalaryOverlap => (0.2, 0.7),
    };
    LinearTerm { weight, neutral }
}

/// The linear scorer.
#[derive(Clone, Debug)]
pub struct LinearScorer {
    terms: [LinearTerm; Feature::COUNT],
    fingerprint: String,
}

impl LinearScorer {
    /// Builds the scorer from the default terms and those of the config.
    ///
    /// # Errors
    /// When the config names a feature that does not exist, or a number that
    /// is not finite or out of range.
    pub fn new(config: &LinearConfig) -> Result<Self, LinearError> {
        let mut terms = Feature::ALL.map(default_term);
        for (name, term) in &config.terms {
            let Some(feature) = Feature::from_name(name) else {
                return Err(LinearError::UnknownFeature { name: name.clone() });
            };
            for (part, value) in [("weight", term.weight), ("neutral", term.neutral)] {
                if !(value.is_finite() && value.abs() <= MAX_MAGNITUDE) {
                    return Err(LinearError::OutOfRange {
                        feature,
                        part,
                        value,
                    });
                }
            }
            terms[feature as usize] = *term;
        }
        let fingerprint = fingerprint(&terms);
        Ok(Self { terms, fingerprint })
    }

    /// Returns the term of a feature.
    pub fn term(&self, feature: Feature) -> LinearTerm {
        self.terms[feature as usize]
    }

    fn contribution(&self, feature: Feature, pair: &PairFeatures) -> f32 {
        let term = self.term(feature);
        pair.get(feature)
            .map_or(0.0, |value| term.weight * (value - term.neutral))
    }

    /// Adds the parts in the order of [`Feature::ALL`], as explanations do.
    fn sum(&self, pair: &PairFeatures) -> f32 {
        let mut score = 0.0;
        for feature in Feature::ALL {
            score += self.contribution(feature, pair);
        }
        score
    }
}

impl PairScorer for LinearScorer {
    fn name(&self) -> &str {
        NAME
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    fn reads(&self, feature: Feature) -> bool {
        self.term(feature).weight != 0.0
    }

    fn score(&self, pairs: &[PairFeatures]) -> Result<Vec<f32>, ScoreError> {
        let scores: Vec<f32> = pairs.iter().map(|pair| self.sum(pair)).collect();
        match scores.iter().position(|score| !score.is_finite()) {
            Some(pair) => Err(ScoreError::NotFinite { pair }),
            None => Ok(scores),
        }
    }

    fn explain(&self, pairs: &[PairFeatures]) -> Result<Vec<Explanation>, ScoreError> {
        let scores = self.score(pairs)?;
        let explained = pairs.iter().zip(scores).map(|(pair, score)| Explanation {
            score,
            contributions: Feature::ALL
                .map(|feature| Contribution {
                    feature,
                    value: pair.get(feature),
                    contribution: self.contribution(feature, pair),
                })
                .into(),
            // The score is this very sum.
            completeness_error: 0.0,
        });
        Ok(explained.collect())
    }
}

fn fingerprint(terms: &[LinearTerm; Feature::COUNT]) -> String {
    let mut hash = Sha256::new();
    hash.update(NAME);
    for (feature, term) in Feature::ALL.into_iter().zip(terms) {
        hash.update([0]);
        hash.update(feature.name());
        hash.update(term.weight.to_le_bytes());
        hash.update(term.neutral.to_le_bytes());
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Why a config of the linear scorer was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LinearError {
    /// There is no such feature.
    #[error("linear.terms.{name}: unknown feature, known are {}", Feature::ALL.map(Feature::name).join(", "))]
    UnknownFeature {
        /// The name given.
        name: String,
    },
    /// A number is out of range.
    #[error("linear.terms.{feature}.{part} is {value}, must be within ±{MAX_MAGNITUDE}")]
    OutOfRange {
        /// The feature.
        feature: Feature,
        /// `weight` or `neutral`.
        part: &'static str,
        /// The number given.
        value: f32,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use vivier_features::Detail;

    use super::*;

    fn scorer(toml: &str) -> Result<LinearScorer, LinearError> {
        LinearScorer::new(&toml::from_str(toml).unwrap())
    }

    fn default_scorer() -> LinearScorer {
        scorer("").unwrap()
    }

    #[test]
    fn unknown_features_contribute_nothing_and_are_reported() {
        let pair = PairFeatures::default().with(Feature::FacetText, Some(0.5));
        let explained = default_scorer().explain(&[pair]).unwrap().remove(0);
        assert_eq!(explained.score, 0.5);
        assert_eq!(explained.contributions.len(), Feature::COUNT);
        for part in explained.contributions {
            let known = part.feature == Feature::FacetText;
            assert_eq!(part.value.is_some(), known);
            assert_eq!(part.contribution, if known { 0.5 } else { 0.0 });
        }
    }

    #[test]
    fn every_feature_pulls_its_documented_way() {
        let scorer = default_scorer();
        for feature in Feature::ALL {
            let at = |value| {
                scorer
                    .score(&[PairFeatures::default().with(feature, Some(value))])
                    .unwrap()[0]
            };
            let gain = at(1.0) - at(0.0);
            match feature {
                Feature::SeniorityShortfall
                | Feature::SeniorityExcess
                | Feature::ExperienceShortfallYears
                | Feature::EducationShortfall => {
                    assert!(gain < 0.0, "{feature}")
                }
                Feature::Retrieval
                | Feature::FacetOccupation
                | Feature::FacetGeography
                | Feature::FacetSeniority
                | Feature::FacetLanguages
                | Feature::SkillsMatched
                | Feature::SkillsMissing
                | Feature::OntologySimilarity
                | Feature::TransportDistance
                | Feature::DistanceKm
                | Feature::BeyondRadiusKm
                | Feature::ExperienceExcessYears => {
                    assert_eq!(gain, 0.0)
                }
                Feature::FacetText
                | Feature::FacetSkills
                | Feature::FacetWords
                | Feature::TitleOverlap
                | Feature::OccupationSimilarity
                | Feature::SkillOverlap
                | Feature::OntologyCoverage
                | Feature::OptionalSkillOverlap
                | Feature::OptionalCoverage
                | Feature::LocationFit
                | Feature::LanguageMatch
                | Feature::SalaryOverlap => assert!(gain > 0.0, "{feature}"),
            }
            assert_eq!(scorer.reads(feature), gain != 0.0, "{feature}");
        }
        assert_eq!(scorer.detail(), Detail::Cheap);
    }

    #[test]
    fn a_costly_feature_with_weight_asks_for_all_detail() {
        let scorer = scorer("[terms.transport_distance]\nweight = -0.1").unwrap();
        assert_eq!(scorer.detail(), Detail::Full);
    }

    #[test]
    fn a_config_replaces_only_the_terms_it_names() {
        let scorer = scorer("[terms.skill_overlap]\nweight = 2.0\nneutral = 0.25").unwrap();
        assert_eq!(
            scorer.term(Feature::SkillOverlap),
            LinearTerm {
                weight: 2.0,
                neutral: 0.25
            }
        );
        assert_eq!(
            scorer.term(Feature::FacetWords),
            default_term(Feature::FacetWords)
        );
        assert_ne!(scorer.fingerprint(), default_scorer().fingerprint());
        assert_eq!(
            default_scorer().fingerprint(),
            default_scorer().fingerprint()
        );
        assert_eq!(scorer.fingerprint().len(), 64);
    }

    #[test]
    fn bad_configs_are_refused_by_name() {
        let error = scorer("[terms.skil_overlap]\nweight = 1.0")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("linear.terms.skil_overlap: unknown feature, known are retrieval, "),
            "{error}"
        );
        let error = scorer("[terms.facet_text]\nweight = nan")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "linear.terms.facet_text.weight is NaN, must be within ±1000000"
        );
        let error = scorer("[terms.facet_text]\nweight = 1.0\nneutral = 1e7")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "linear.terms.facet_text.neutral is 10000000, must be within ±1000000"
        );
        assert!(toml::from_str::<LinearConfig>("[terms.facet_text]\nwieght = 1.0").is_err());
    }

    #[test]
    fn a_sum_out_of_range_is_an_error_that_names_the_pair() {
        let pair = |value| {
            PairFeatures::default()
                .with(Feature::FacetText, Some(value))
                .with(Feature::FacetWords, Some(value))
        };
        let error = default_scorer()
            .score(&[pair(1.0), pair(f32::MAX)])
            .unwrap_err();
        assert_eq!(error, ScoreError::NotFinite { pair: 1 });
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_score_exactly(
            values in prop::collection::vec(prop::option::of(-1e6_f32..1e6), Feature::COUNT),
            weights in prop::collection::vec(-1e3_f32..1e3, Feature::COUNT),
        ) {
            let mut pair = PairFeatures::default();
            let mut config = LinearConfig::default();
            for ((feature, value), weight) in Feature::ALL.into_iter().zip(values).zip(weights) {
                pair = pair.with(feature, value);
                config.terms.insert(feature.name().to_owned(), LinearTerm { weight, neutral: weight / 7.0 });
            }
            let scorer = LinearScorer::new(&config).unwrap();
            let explained = scorer.explain(&[pair]).unwrap().remove(0);
            let sum = explained.contributions.iter().fold(0.0_f32, |sum, part| sum + part.contribution);
            prop_assert_eq!(sum.to_bits(), explained.score.to_bits());
            prop_assert_eq!(explained.completeness_error.to_bits(), 0.0_f32.to_bits());
            prop_assert_eq!(scorer.score(&[pair]).unwrap()[0].to_bits(), explained.score.to_bits());
        }
    }
}
