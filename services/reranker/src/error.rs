//! Why a request was not answered.

use std::time::Duration;

use vivier_heads::ScoreError;
use vivier_runtime::{ErrorCode, PoolError, ServiceError};
use vivier_types::Violation;

/// Every way in which a request can fail.
#[derive(Debug, thiserror::Error)]
pub enum RerankerError {
    /// A field breaks a rule.
    #[error("{0}")]
    Invalid(Violation),
    /// The request names a scorer that is not loaded.
    #[error("unknown model {name:?}, loaded are {loaded}")]
    UnknownModel {
        /// The name given.
        name: String,
        /// The names of the loaded ones.
        loaded: String,
    },
    /// Too many requests are being worked on.
    #[error("{limit} requests are being worked on, which is the limit")]
    Overloaded {
        /// The limit.
        limit: usize,
        /// When to try again.
        retry_after: Duration,
    },
    /// The scorer failed.
    #[error("the scorer failed")]
    Score(#[from] ScoreError),
    /// The work was lost.
    #[error("the work was lost")]
    Pool(#[from] PoolError),
}

impl ServiceError for RerankerError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::UnknownModel { .. } => ErrorCode::NotFound,
            Self::Overloaded { .. } => ErrorCode::ResourceExhausted,
            Self::Score(_) | Self::Pool(_) => ErrorCode::Internal,
        }
    }

    fn violation(&self) -> Option<Violation> {
        match self {
            Self::Invalid(violation) => Some(violation.clone()),
            Self::UnknownModel { .. }
            | Self::Overloaded { .. }
            | Self::Score(_)
            | Self::Pool(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Overloaded { retry_after, .. } => Some(*retry_after),
            Self::Invalid(_) | Self::UnknownModel { .. } | Self::Score(_) | Self::Pool(_) => None,
        }
    }
}
