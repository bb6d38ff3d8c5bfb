//! Why a gazetteer cannot be read.

use std::path::{Path, PathBuf};

/// Why a gazetteer cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PlacesError {
    /// The disk refused.
    #[error("cannot read {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// No file was given.
    #[error("no gazetteer file was given; expected {expected}")]
    NoFiles {
        /// The files that are known.
        expected: &'static str,
    },
    /// A file is larger than can be meant.
    #[error("{} holds more than {limit} bytes; take a smaller extract such as cities15000.zip", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// An archive cannot be opened.
    #[error("{} is not readable as a zip archive", path.display())]
    Zip {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        #[source]
        source: zip::result::ZipError,
    },
    /// An archive holds no file of places.
    #[error("{} holds no text file of GeoNames' 19 columns; it has {found}", path.display())]
    EmptyZip {
        /// The file.
        path: PathBuf,
        /// The files in it.
        found: String,
    },
    /// A file is none of those that are known.
    #[error("{}, line 1: {found:?} is not known; expected {expected}", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Its first line, shortened.
        found: String,
        /// The files that are known.
        expected: &'static str,
    },
    /// Bytes are no text.
    #[error("{}, line {line}: byte {value:#04x} is not UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: u64,
        /// The first byte that is wrong.
        value: u8,
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
    /// A file lacks a column.
    #[error("{}, line 1: the column {column:?} is missing; expected {expected}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        column: &'static str,
        /// The columns that it should have.
        expected: String,
    },
    /// Most rows have coordinates that are not on the Earth, or not where the place is.
    #[error(
        "{}, line {line}: {column} {value:?} {problem}, as in {broken} of {rows} rows; is this the right file, with its columns in order?",
        path.display()
    )]
    BrokenCoordinates {
        /// The file.
        path: PathBuf,
        /// Of the first such row, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// Rows whose coordinates are broken.
        broken: usize,
        /// Rows that have coordinates.
        rows: usize,
    },
    /// More rows of a file are left out than are read.
    #[error(
        "{}, line {line}: {column} {value:?} {problem}, and {left_out} of {rows} rows are left out",
        path.display()
    )]
    BrokenRows {
        /// The file.
        path: PathBuf,
        /// Of the first such row, from 1.
        line: u64,
        /// The column.
        column: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
        /// Rows that are left out.
        left_out: usize,
        /// Rows of the file.
        rows: usize,
    },
    /// There are more places than numbers for them.
    #[error("too many {what}, at most {limit} are supported")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        limit: usize,
    },
}

impl PlacesError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}
