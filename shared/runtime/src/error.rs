//! The closed set of error codes, and the one place that turns an error into a
//! gRPC status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};
use vivier_types::Violation;

/// Why a call failed, in the terms that decide what a caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The request is wrong, whatever our state. Do not retry.
    InvalidArgument,
    /// The named thing is absent. Do not retry.
    NotFound,
    /// Valid, but not in this state (model or dim mismatch). Do not retry.
    FailedPrecondition,
    /// Shed under load. Retry after the delay given.
    ResourceExhausted,
    /// A dependency is down, or the service is starting or draining. Retry.
    Unavailable,
    /// Out of time. The caller decides.
    DeadlineExceeded,
    /// Our bug or corrupt state. Do not retry.
    Internal,
}

impl ErrorCode {
    /// Returns the gRPC code.
    pub fn grpc(self) -> Code {
        match self {
            Self::InvalidArgument => Code::InvalidArgument,
            Self::NotFound => Code::NotFound,
            Self::FailedPrecondition => Code::FailedPrecondition,
            Self::ResourceExhausted => Code::ResourceExhausted,
            Self::Unavailable => Code::Unavailable,
            Self::DeadlineExceeded => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }
}

/// What the error enum of a service says of itself.
pub trait ServiceError: std::error::Error {
    /// The code, chosen without a wildcard arm.
    fn code(&self) -> ErrorCode;

    /// The field that breaks a rule, when there is one.
    fn violation(&self) -> Option<Violation> {
        None
    }

    /// When to try again, for [`ErrorCode::ResourceExhausted`].
    fn retry_after(&self) -> Option<Duration> {
        None
    }
}

/// Builds the status that a client sees.
///
/// The message is the error and its causes. An internal error is logged here,
/// once, and the client learns only a request id to quote.
pub fn status_from(error: &impl ServiceError) -> Status {
    let code = error.code();
    if code == ErrorCode::Internal {
        let request = next_request_id();
        tracing::error!(request, error = %with_causes(error), "internal error");
        return Status::internal(format!("internal error, request {request}"));
    }
    let mut details = ErrorDetails::new();
    if let Some(violation) = error.violation() {
        details.add_bad_request_violation(violation.field, violation.reason);
    }
    if let Some(delay) = error.retry_after() {
        details.set_retry_info(Some(delay));
    }
    Status::with_error_details(code.grpc(), with_causes(error), details)
}

/// Reads the retry delay that a status carries, if any.
pub fn retry_delay(status: &Status) -> Option<Duration> {
    status
        .get_details_retry_info()
        .and_then(|info| info.retry_delay)
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // An error that already prints its cause is not printed twice.
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Makes an id that is unique in the process and very likely between processes.
fn next_request_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    format!(
        "{:x}-{:x}",
        since.as_micros(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Sample {
        #[error("queue is full")]
        Full,
        #[error("store is broken")]
        Broken(#[source] std::io::Error),
        #[error("{0}")]
        Field(Violation),
    }

    impl ServiceError for Sample {
        fn code(&self) -> ErrorCode {
            match self {
                Self::Full => ErrorCode::ResourceExhausted,
                Self::Broken(_) => ErrorCode::Internal,
                Self::Field(_) => ErrorCode::InvalidArgument,
            }
        }
        fn violation(&self) -> Option<Violation> {
            if let Self::Field(violation) = self {
                Some(violation.clone())
            } else {
                None
            }
        }
        fn retry_after(&self) -> Option<Duration> {
            matches!(self, Self::Full).then_some(Duration::from_millis(250))
        }
    }

    #[test]
    fn a_full_queue_carries_its_delay() {
        let status = status_from(&Sample::Full);
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(retry_delay(&status), Some(Duration::from_millis(250)));
    }

    #[test]
    fn an_internal_error_hides_its_cause() {
        let status = status_from(&Sample::Broken(std::io::Error::other("secret path")));
        assert_eq!(status.code(), Code::Internal);
        assert!(!status.message().contains("secret"));
    }

    #[test]
    fn a_violation_is_named_in_message_and_details() {
        let status = status_from(&Sample::Field(Violation::new("k", 0, "must be at least 1")));
        assert!(status.message().contains("k: must be at least 1"));
        let details = status.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[0].field, "k");
    }
}
