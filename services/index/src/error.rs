//! Why a call on the index fails.

use std::sync::Arc;
use std::time::Duration;

use vivier_runtime::{ErrorCode, PoolError, ServiceError};
use vivier_types::Violation;

use crate::collection::ApplyError;
use crate::engine::CheckpointError;
use crate::log::LogError;
use crate::segment::SegmentError;
use crate::segment::files::FileError;
use crate::words::WordsError;

/// Every way in which a call fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IndexError {
    /// The request breaks a rule.
    #[error("{0}")]
    Invalid(Violation),
    /// The named collection is absent.
    #[error("collection {name:?} does not exist")]
    CollectionNotFound { name: String },
    /// Valid, but not for this collection.
    #[error("{field}: {value:?} does not fit collection {collection:?}, expected {expected}")]
    Mismatch {
        collection: String,
        field: String,
        value: String,
        expected: String,
    },
    /// Valid, but not as things are.
    #[error("{field}: {value:?} {reason}")]
    Refused {
        field: &'static str,
        value: String,
        reason: String,
    },
    /// The alias of a write was given to another collection before its turn came.
    #[error("{name:?} names another collection since the write was sent; send it again")]
    Switched { name: String },
    /// Too many searches, writes or erasures are under way.
    #[error("too many {what} are under way, limit {limit}")]
    Overloaded { what: &'static str, limit: usize },
    /// The service is stopping.
    #[error("the index is stopping")]
    Stopping,
    /// An earlier write failed; nothing more is acknowledged until a restart.
    #[error("an earlier write failed; the index takes no writes until it is restarted")]
    ReadOnly,
    /// This write failed, with every write of its group.
    #[error("the write failed")]
    Write(#[source] Arc<WriteError>),
    /// Deleted, but bytes of the points may be on disk still.
    #[error("the points are deleted, but not erased from disk yet; erase them again")]
    NotErased,
    /// A segment cannot be read or searched.
    #[error("a segment failed")]
    Segment(#[from] SegmentError),
    /// The work was lost to a panic.
    #[error("the search was lost")]
    Pool(#[from] PoolError),
}

/// Why a group of writes failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Log(#[from] LogError),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error("the words index failed")]
    Words(#[from] WordsError),
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl IndexError {
    /// Names a field, its value and the rule that it breaks.
    pub(crate) fn invalid(
        field: impl Into<String>,
        value: impl std::fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        Self::Invalid(Violation::new(field, value, reason))
    }

    /// Names a field, its value and what stands against it.
    pub(crate) fn refused(
        field: &'static str,
        value: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::Refused {
            field,
            value: value.into(),
            reason: reason.into(),
        }
    }
}

impl From<FileError> for IndexError {
    fn from(error: FileError) -> Self {
        Self::Segment(error.into())
    }
}

impl From<WordsError> for IndexError {
    fn from(error: WordsError) -> Self {
        Self::Segment(error.into())
    }
}

impl From<Violation> for IndexError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation)
    }
}

impl ServiceError for IndexError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) => ErrorCode::InvalidArgument,
            Self::CollectionNotFound { .. } => ErrorCode::NotFound,
            Self::Mismatch { .. } | Self::Refused { .. } => ErrorCode::FailedPrecondition,
            Self::Overloaded { .. } => ErrorCode::ResourceExhausted,
            Self::Stopping | Self::ReadOnly | Self::Switched { .. } => ErrorCode::Unavailable,
            Self::Write(_) | Self::NotErased | Self::Segment(_) | Self::Pool(_) => {
                ErrorCode::Internal
            }
        }
    }

    fn violation(&self) -> Option<Violation> {
        match self {
            Self::Invalid(violation) => Some(violation.clone()),
            Self::Mismatch {
                field,
                value,
                expected,
                ..
            } => Some(Violation::new(field, value, format!("expected {expected}"))),
            Self::Refused {
                field,
                value,
                reason,
            } => Some(Violation::new(*field, value, reason)),
            Self::CollectionNotFound { .. }
            | Self::Switched { .. }
            | Self::Overloaded { .. }
            | Self::Stopping
            | Self::ReadOnly
            | Self::Write(_)
            | Self::NotErased
            | Self::Segment(_)
            | Self::Pool(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        matches!(self, Self::Overloaded { .. }).then_some(Duration::from_millis(100))
    }
}
