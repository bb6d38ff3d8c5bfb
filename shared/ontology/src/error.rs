//! Why an ontology cannot be read, or a question not be answered.

use std::path::{Path, PathBuf};

use crate::concept::LANGUAGES;
use crate::defects::Defect;

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
    /// None of the rows of a file can be used.
    #[error("{first}; none of the {rows} rows can be used")]
    NoRow {
        /// How many there are.
        rows: usize,
        /// What is wrong with the first.
        first: Box<Defect>,
    },
    /// A file is not in UTF-8.
    #[error(
        "{}, line {line}, byte {offset}: {value:#04x} is not UTF-8, which the files of ESCO are; \
         a file saved in another encoding is converted by `iconv -f {encoding} -t UTF-8`",
        path.display()
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// Place in the file of the first byte that is not UTF-8, from 0.
        offset: u64,
        /// The byte.
        value: u8,
        /// The encoding that it is likely to have.
        encoding: &'static str,
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
    /// The name of a file does not say the language of its labels.
    #[error(
        "{}: the name does not say the language of the labels; name it {base}_LANG.csv, such as \
         {base}_en.csv, with LANG one of {known}",
        path.display()
    )]
    NoLanguage {
        /// The file.
        path: PathBuf,
        /// How its name begins.
        base: String,
        /// The languages of ESCO.
        known: &'static str,
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

    pub(crate) fn no_language(path: &Path, base: &str) -> Self {
        Self::NoLanguage {
            path: path.to_owned(),
            base: base.to_owned(),
            known: LANGUAGES,
        }
    }

    /// Says where the bytes of a file are no UTF-8, `good` of them are.
    pub(crate) fn not_utf8(path: &Path, bytes: &[u8], good: usize) -> Self {
        let (before, bad) = bytes.split_at_checked(good).unwrap_or((bytes, &[]));
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let marked = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
        Self::NotUtf8 {
            path: path.to_owned(),
            line: u64::try_from(lines).unwrap_or(u64::MAX).saturating_add(1),
            offset: u64::try_from(before.len()).unwrap_or(u64::MAX),
            value: bad.first().copied().unwrap_or_default(),
            encoding: if marked { "UTF-16" } else { "WINDOWS-1252" },
        }
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
