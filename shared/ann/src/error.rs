//! What can go wrong.

use std::path::{Path, PathBuf};

/// Errors of building, writing, opening and searching a segment's vectors.
#[derive(Debug, thiserror::Error)]
pub enum AnnError {
    /// The facets of a layout make no sense.
    #[error("layout: {0}")]
    Layout(String),
    /// A vector, a weight or a set of rows does not fit the segment.
    #[error("{what} has {found} values, not {expected}")]
    Shape {
        /// What was given.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The length that the layout or the segment asks for.
        expected: usize,
    },
    /// A value is not a finite number.
    #[error("{what} {index} has value {position}, which is not finite")]
    NotFinite {
        /// What was given.
        what: &'static str,
        /// Which of them.
        index: usize,
        /// Position of the value.
        position: usize,
    },
    /// A number is out of its bounds.
    #[error("{what} is {found}, limit {limit}")]
    TooMany {
        /// What was given.
        what: &'static str,
        /// How many.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// The system gives no memory.
    #[error("no memory for vectors")]
    Memory(#[source] std::io::Error),
    /// The file cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what was written.
    #[error("{}, section {section}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The part of it.
        section: &'static str,
        /// What is wrong there.
        problem: String,
    },
}

impl AnnError {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, section: &'static str, problem: String) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            section,
            problem,
        }
    }
}
