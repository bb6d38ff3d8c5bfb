//! What every pair scorer does.

use vivier_features::{Detail, Feature, PairFeatures};

/// A model that scores pairs of a candidate and a vacancy.
pub trait PairScorer: Send + Sync {
    /// Returns the name by which requests choose it, such as `linear-v0`.
    fn name(&self) -> &str;

    /// Returns the SHA-256, in hexadecimal, of all that decides its output.
    fn fingerprint(&self) -> &str;

    /// Tells whether a feature can change a score.
    fn reads(&self, feature: Feature) -> bool;

    /// Returns how much must be measured of the pairs that it is to score: costly features
    /// only when it reads one.
    fn detail(&self) -> Detail {
        let reads_costly = |feature: Feature| feature.is_costly() && self.reads(feature);
        if Feature::ALL.into_iter().any(reads_costly) {
            Detail::Full
        } else {
            Detail::Cheap
        }
    }

    /// Scores a batch, in order; higher is better. Every score is finite.
    ///
    /// # Errors
    /// When a score would not be finite.
    fn score(&self, pairs: &[PairFeatures]) -> Result<Vec<f32>, ScoreError>;

    /// Splits the score of each pair into one part for each feature.
    ///
    /// The parts, added in their order in `f32`, give the score that
    /// [`PairScorer::score`] gives, but for [`Explanation::completeness_error`]. A
    /// feature that is unknown for the pair has no value.
    ///
    /// # Errors
    /// When a score would not be finite.
    fn explain(&self, pairs: &[PairFeatures]) -> Result<Vec<Explanation>, ScoreError>;
}

/// A score and its parts.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// The score.
    pub score: f32,
    /// One part for each feature, in the order of [`Feature::ALL`].
    pub contributions: Vec<Contribution>,
    /// How far the parts are from the whole: the absolute difference between the score
    /// and the sum of the parts, in units of the score. Exactly 0 for a scorer that is a
    /// sum of parts, as the linear one; one that shares a score out by approximation says
    /// how much of it the shares miss.
    pub completeness_error: f32,
}

/// The part of one feature in a score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Contribution {
    /// The feature.
    pub feature: Feature,
    /// Its value; `None` when it cannot be known for the pair.
    pub value: Option<f32>,
    /// Its part of the score; 0 when the value is unknown.
    pub contribution: f32,
}

/// Why a batch could not be scored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// A sum left the range of numbers.
    #[error("the score of pair {pair} is not finite")]
    NotFinite {
        /// Place of the pair in the batch, from 0.
        pair: usize,
    },
}
