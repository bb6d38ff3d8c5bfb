//! Why a words index fails.

use std::path::{Path, PathBuf};

/// Every way in which a words index fails.
#[derive(Debug, thiserror::Error)]
pub enum WordsError {
    /// tantivy failed.
    #[error("the inverted index failed")]
    Inverted(#[from] tantivy::TantivyError),
    /// A file cannot be read or written.
    #[error("{} cannot be read or written", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A segment is to be written where there is something.
    #[error("{} is not empty", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A segment would hold more than it can number.
    #[error("a words segment holds at most {limit} {what}")]
    Full {
        /// What there is too much of.
        what: &'static str,
        /// The greatest number.
        limit: u32,
    },
}

impl WordsError {
    /// Names a file that cannot be used.
    pub(super) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File {
            path: path.to_owned(),
            source,
        }
    }

    /// Names a damaged file.
    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}
