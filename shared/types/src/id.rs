//! Identifiers of profiles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Identifies one candidate or one vacancy inside its kind.
///
/// Any non-empty text of at most 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProfileId(String);

impl ProfileId {
    /// Longest accepted identifier, in bytes.
    pub const MAX_BYTES: usize = 256;

    /// Checks and wraps an identifier.
    ///
    /// # Errors
    /// When the text is empty, longer than [`Self::MAX_BYTES`], or holds a
    /// control character.
    pub fn new(id: impl Into<String>) -> Result<Self, IdError> {
        let id = id.into();
        if id.is_empty() {
            return Err(IdError::Empty);
        }
        if id.len() > Self::MAX_BYTES {
            return Err(IdError::TooLong { bytes: id.len() });
        }
        if id.chars().any(char::is_control) {
            return Err(IdError::ControlCharacter { id });
        }
        Ok(Self(id))
    }

    /// Returns the identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProfileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ProfileId {
    type Error = IdError;

    fn try_from(id: String) -> Result<Self, IdError> {
        Self::new(id)
    }
}

impl From<ProfileId> for String {
    fn from(id: ProfileId) -> Self {
        id.0
    }
}

/// Says why a text is no identifier.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("id is empty")]
    Empty,
    /// The text is too long.
    #[error("id has {bytes} bytes, limit {}", ProfileId::MAX_BYTES)]
    TooLong {
        /// Length found, in bytes.
        bytes: usize,
    },
    /// The text holds a control character.
    #[error("id {id:?} holds a control character")]
    ControlCharacter {
        /// The refused text.
        id: String,
    },
}
