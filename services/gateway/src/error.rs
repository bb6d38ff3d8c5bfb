//! Why a call to the gateway fails, in one enum.

use std::time::Duration;

use vivier_runtime::{ErrorCode, PoolError, ServiceError};
use vivier_types::{ProfileId, ProfileKind, Violation};

/// A call to another service that failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{service}: {message}")]
pub(crate) struct CallError {
    /// Who was called, such as `embedder` or `index shard 2 of 3`.
    pub(crate) service: String,
    /// What the failure means for the caller.
    pub(crate) code: ErrorCode,
    /// What the service said.
    pub(crate) message: String,
    /// When to try again, if it said so.
    pub(crate) retry_after: Option<Duration>,
}

/// Why the gateway refuses or fails a call.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GatewayError {
    /// A field of the request breaks a rule.
    #[error("{0}")]
    Invalid(Violation),
    /// There is no such profile.
    #[error("there is no {} {:?}", noun(*.kind), .id.as_str())]
    NotFound {
        /// Kind asked for.
        kind: ProfileKind,
        /// Identifier asked for.
        id: ProfileId,
    },
    /// The time of the call ran out.
    #[error("the deadline passed during {stage}")]
    DeadlineExceeded {
        /// What was being done.
        stage: &'static str,
    },
    /// No shard of the index answered.
    #[error("none of {shards} index shards answered")]
    NoShard {
        /// Shards asked.
        shards: usize,
        /// The failure that says most.
        #[source]
        cause: CallError,
    },
    /// The embedder is away and the query has no words to search with.
    #[error("the query cannot be embedded and has no text to search by words")]
    NoQueryVector(#[source] CallError),
    /// The embedder answered with another model than it announced.
    #[error("the embedder changed its model from {expected} to {found}")]
    ModelChanged {
        /// Fingerprint announced.
        expected: String,
        /// Fingerprint of the answer.
        found: String,
    },
    /// The index refuses a part of the request that it alone can judge, such as
    /// a filter on a column of another type.
    #[error("{}", .0.message)]
    Refused(CallError),
    /// Valid, but not in this state of the cluster.
    #[error("{0}")]
    NotNow(String),
    /// Another service failed.
    #[error("{0}")]
    Call(CallError),
    /// Another service broke the protocol.
    #[error("{service} broke the protocol: {problem}")]
    Protocol {
        /// Who answered.
        service: &'static str,
        /// What is wrong with the answer.
        problem: String,
    },
    /// A stored record cannot be read.
    #[error("the stored record of {} {id:?} cannot be read", noun(*.kind))]
    Corrupt {
        /// Kind of the record.
        kind: ProfileKind,
        /// Identifier of the record.
        id: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// CPU work was lost.
    #[error("CPU work was lost")]
    Pool(#[from] PoolError),
}

impl ServiceError for GatewayError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::Refused(_) => ErrorCode::InvalidArgument,
            Self::NotFound { .. } => ErrorCode::NotFound,
            Self::DeadlineExceeded { .. } => ErrorCode::DeadlineExceeded,
            Self::NoShard { cause, .. } => forwarded(cause.code),
            Self::NoQueryVector(cause) | Self::Call(cause) => forwarded(cause.code),
            Self::ModelChanged { .. } => ErrorCode::Unavailable,
            Self::NotNow(_) => ErrorCode::FailedPrecondition,
            Self::Protocol { .. } | Self::Corrupt { .. } | Self::Pool(_) => ErrorCode::Internal,
        }
    }

    fn violation(&self) -> Option<Violation> {
        match self {
            Self::Invalid(violation) => Some(violation.clone()),
            Self::NotFound { .. }
            | Self::DeadlineExceeded { .. }
            | Self::NoShard { .. }
            | Self::NoQueryVector(_)
            | Self::ModelChanged { .. }
            | Self::NotNow(_)
            | Self::Refused(_)
            | Self::Call(_)
            | Self::Protocol { .. }
            | Self::Corrupt { .. }
            | Self::Pool(_) => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NoShard { cause, .. } | Self::NoQueryVector(cause) | Self::Call(cause) => {
                cause.retry_after
            }
            Self::Invalid(_)
            | Self::Refused(_)
            | Self::NotFound { .. }
            | Self::DeadlineExceeded { .. }
            | Self::ModelChanged { .. }
            | Self::NotNow(_)
            | Self::Protocol { .. }
            | Self::Corrupt { .. }
            | Self::Pool(_) => None,
        }
    }
}

impl GatewayError {
    /// Tells whether a shard may have refused vectors because they are of another
    /// model than its own.
    pub(crate) fn is_mismatch(&self) -> bool {
        let cause = match self {
            Self::NoShard { cause, .. } | Self::Call(cause) => cause,
            Self::Invalid(_)
            | Self::NotFound { .. }
            | Self::DeadlineExceeded { .. }
            | Self::NoQueryVector(_)
            | Self::ModelChanged { .. }
            | Self::Refused(_)
            | Self::NotNow(_)
            | Self::Protocol { .. }
            | Self::Corrupt { .. }
            | Self::Pool(_) => return false,
        };
        cause.code == ErrorCode::FailedPrecondition
    }
}

impl From<Violation> for GatewayError {
    fn from(violation: Violation) -> Self {
        Self::Invalid(violation)
    }
}

impl From<CallError> for GatewayError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// Says what a downstream code means to our caller.
///
/// The gateway checks what it forwards, so a dependency that calls our request
/// wrong has found a bug of ours. A thing that the index lacks (a collection
/// not created yet) is a matter of state.
fn forwarded(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::InvalidArgument | ErrorCode::Internal => ErrorCode::Internal,
        ErrorCode::NotFound | ErrorCode::FailedPrecondition => ErrorCode::FailedPrecondition,
        ErrorCode::ResourceExhausted => ErrorCode::ResourceExhausted,
        ErrorCode::Unavailable => ErrorCode::Unavailable,
        ErrorCode::DeadlineExceeded => ErrorCode::DeadlineExceeded,
    }
}

/// Returns the singular of a kind, for messages.
pub(crate) fn noun(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::Candidate => "candidate",
        ProfileKind::Vacancy => "vacancy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(code: ErrorCode) -> CallError {
        CallError {
            service: "embedder".to_owned(),
            code,
            message: "said so".to_owned(),
            retry_after: Some(Duration::from_secs(1)),
        }
    }

    #[test]
    fn a_bug_of_ours_is_not_blamed_on_the_caller() {
        let error = GatewayError::Call(call(ErrorCode::InvalidArgument));
        assert_eq!(error.code(), ErrorCode::Internal);
        let error = GatewayError::NoShard {
            shards: 2,
            cause: call(ErrorCode::NotFound),
        };
        assert_eq!(error.code(), ErrorCode::FailedPrecondition);
    }

    #[test]
    fn the_retry_delay_reaches_the_caller() {
        let error = GatewayError::Call(call(ErrorCode::ResourceExhausted));
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
        assert_eq!(error.code(), ErrorCode::ResourceExhausted);
    }

    #[test]
    fn messages_name_the_thing() {
        let error = GatewayError::NotFound {
            kind: ProfileKind::Vacancy,
            id: ProfileId::new("v1").unwrap(),
        };
        assert_eq!(error.to_string(), "there is no vacancy \"v1\"");
    }
}
