//! Why a call gave no vectors.

use std::sync::Arc;
use std::time::Duration;

use vivier_encoders::EncodeError;
use vivier_runtime::{ErrorCode, PoolError, ServiceError};
use vivier_types::Violation;

/// Why a call gave no vectors.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EmbedderError {
    /// A field breaks a rule.
    #[error("{0}")]
    Invalid(Violation),
    /// The model is not the loaded one.
    #[error("unknown model {asked:?}; loaded: {loaded:?}")]
    UnknownModel {
        /// Name in the request.
        asked: String,
        /// Name of the loaded model.
        loaded: String,
    },
    /// There is no room.
    #[error("the queue is full ({name} = {limit})")]
    QueueFull {
        /// The config key that bounds it.
        name: &'static str,
        /// Its value.
        limit: u32,
        /// When there should be room again.
        retry_after: Duration,
    },
    /// The call's time is up.
    #[error("the deadline passed before the texts were embedded")]
    DeadlineExceeded,
    /// The embedder is stopping.
    #[error("the embedder is stopping")]
    Stopping,
    /// The windows of a text cancel out.
    #[error("inputs[{index}]: the vectors of its windows cancel out")]
    NoDirection {
        /// Place in the request.
        index: usize,
    },
    /// The model fails on one text and not on others.
    #[error("{}", unencodable(*index, *tokens, reason))]
    Unencodable {
        /// Place in the request.
        index: usize,
        /// Tokens of the window that it fails on.
        tokens: usize,
        /// What the model said.
        reason: String,
    },
    /// The tokenizer panicked.
    #[error("tokenizing failed")]
    Tokenize(#[source] Arc<PoolError>),
    /// The model failed on the batch that the call was part of.
    #[error("encoding failed")]
    Encode(#[source] Arc<EncodeError>),
    /// The model panicked on the batch that the call was part of.
    #[error("the model panicked")]
    Panicked,
}

fn unencodable(index: usize, tokens: usize, reason: &str) -> Violation {
    let reason = format!("the model cannot encode it: {reason}");
    Violation::new(
        format!("inputs[{index}].text"),
        format!("{tokens} tokens"),
        reason,
    )
}

impl ServiceError for EmbedderError {
    fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_) | Self::Unencodable { .. } => ErrorCode::InvalidArgument,
            Self::UnknownModel { .. } => ErrorCode::NotFound,
            Self::QueueFull { .. } => ErrorCode::ResourceExhausted,
            Self::DeadlineExceeded => ErrorCode::DeadlineExceeded,
            Self::Stopping => ErrorCode::Unavailable,
            Self::NoDirection { .. } | Self::Tokenize(_) | Self::Encode(_) | Self::Panicked => {
                ErrorCode::Internal
            }
        }
    }

    fn violation(&self) -> Option<Violation> {
        match self {
            Self::Invalid(violation) => Some(violation.clone()),
            Self::Unencodable {
                index,
                tokens,
                reason,
            } => Some(unencodable(*index, *tokens, reason)),
            Self::UnknownModel { .. }
            | Self::QueueFull { .. }
            | Self::DeadlineExceeded
            | Self::Stopping
            | Self::NoDirection { .. }
            | Self::Tokenize(_)
            | Self::Encode(_)
            | Self::Panicked => None,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        if let Self::QueueFull { retry_after, .. } = self {
            Some(*retry_after)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_asks_to_retry_and_a_full_queue_says_when() {
        assert_eq!(EmbedderError::Stopping.code(), ErrorCode::Unavailable);
        assert_eq!(EmbedderError::Stopping.retry_after(), None);
        let retry_after = Duration::from_millis(70);
        let full = EmbedderError::QueueFull {
            name: "max_queue_tokens",
            limit: 9,
            retry_after,
        };
        assert_eq!(full.code(), ErrorCode::ResourceExhausted);
        assert_eq!(full.retry_after(), Some(retry_after));
        assert_eq!(full.to_string(), "the queue is full (max_queue_tokens = 9)");
    }
}
