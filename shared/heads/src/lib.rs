//! Pair scorers: models that order a short list.
//!
//! A [`PairScorer`] turns the features of a pair into a score, and can split
//! each score into parts that sum to it, or says how far they miss it. Today there is one,
//! [`LinearScorer`]: an honest placeholder for the learned ones.

mod linear;
mod scorer;

pub use linear::{LinearConfig, LinearError, LinearScorer, LinearTerm};
pub use scorer::{Contribution, Explanation, PairScorer, ScoreError};
