//! Why an ontology cannot be read, or a question not be answered.

use std::path::{Path, PathBuf};

/// Why an ontology cannot be read or asked.
#[derive(Debug, thiserror::Error)]
pub enum OntologyError {
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A folder holds no file of ESCO.
    #[error(
        "{} holds no ESCO file; expected files such as occupations_en.csv or skills_en.csv",
        path.display()
    )]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A file lacks a column.
    #[error("{}, line {line}: the column {column:?} is missing; it has {found}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The line of the header, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// The columns that it has.
        found: String,
    },
    /// A row cannot be used.
    #[error("{}, line {line}: {column} {value:?} {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// From 1, the header included.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A file is no CSV.
    #[error("{} is not readable as CSV", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: csv::Error,
    },
    /// A language that ESCO does not have.
    #[error("language {value:?}{}: not one of ESCO's: {known}", in_file(path))]
    Language {
        /// The file whose name has it, if any.
        path: Option<PathBuf>,
        /// What was given.
        value: String,
        /// The languages of ESCO.
        known: String,
    },
    /// No concept has this URI.
    #[error("no concept has the URI {uri:?}")]
    UnknownUri {
        /// The URI.
        uri: String,
    },
    /// There are more concepts or labels than numbers for them.
    #[error("too many {what}, at most {limit} are supported")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

fn in_file(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map_or_else(String::new, |path| format!(" of {}", path.display()))
}

impl OntologyError {
    /// Says which file's name has the language that is refused.
    pub(crate) fn in_file(mut self, file: &Path) -> Self {
        if let Self::Language { path, .. } = &mut self {
            *path = Some(file.to_owned());
        }
        self
    }

    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
