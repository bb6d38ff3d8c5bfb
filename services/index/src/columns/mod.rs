//! The payload columns of one segment: immutable, mapped into memory, with
//! bitmap indexes that answer a [`Filter`] without reading a row.
//!
//! A column may hold values of several types over the rows; each type has a
//! section of its own. Texts and booleans have a bitmap of rows per value
//! (`dictionary`, `bitmap`), numbers, dates and places have the rows in an
//! order in which what is asked for lies side by side (`order`, `numbers`,
//! `places`). The values of a row are not stored: the records hold them.
//!
//! Opening checks every checksum and every structure (`format`), so that
//! nothing is left to fail in a search.

#[cfg(test)]
mod bench;
mod bitmap;
mod bits;
mod builder;
mod dictionary;
mod format;
mod numbers;
mod order;
mod places;
mod select;
mod tail;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub(crate) use builder::ColumnsBuilder;
pub(crate) use format::Damage;
pub(crate) use tail::TailColumns;

use self::bitmap::Bitmap;
use self::dictionary::Dictionary;
use self::format::{Kind, Stored, ensure};
use self::numbers::Numbers;
use self::places::Places;

#[cfg(doc)]
use crate::filter::Filter;

/// Why columns cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ColumnsError {
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not as it was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: Damage },
    /// Content in memory is not as it was made.
    #[error("columns are damaged: {0}")]
    Content(#[from] Damage),
    /// A row holds what validation refuses.
    #[error("column {column:?} of row {row}: {value} is not finite or not on the Earth")]
    Invalid {
        column: String,
        row: u32,
        value: String,
    },
    /// A column exceeds the format.
    #[error("column {name:?} is too large: {reason}")]
    TooLarge { name: String, reason: Damage },
    /// The segment exceeds the format.
    #[error("a segment has too many rows, limit {}", u32::MAX)]
    TooManyRows,
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ColumnsError {
    let path = path.to_owned();
    move |source| ColumnsError::Io {
        action,
        path,
        source,
    }
}

/// The columns of one segment.
pub(crate) struct Columns {
    rows: u32,
    checksum: u32,
    columns: BTreeMap<String, Column>,
}

struct Column {
    /// A [`Bitmap`].
    present: Bytes,
    strings: Option<Dictionary>,
    booleans: Option<Dictionary>,
    numbers: Option<Numbers>,
    dates: Option<Numbers>,
    places: Option<Places>,
}

impl Columns {
    /// Maps and checks a file.
    ///
    /// # Errors
    /// When it cannot be read, or any byte of it is not what was written.
    pub(crate) fn open(path: &Path) -> Result<Self, ColumnsError> {
        let content = crate::segment::map::map(path).map_err(io_error("read", path))?;
        Self::from_bytes(content).map_err(|reason| {
            let path = path.to_owned();
            ColumnsError::Damaged { path, reason }
        })
    }

    /// Checks and takes the content of a file.
    ///
    /// # Errors
    /// When any byte of it is not what was written.
    pub(crate) fn from_bytes(content: Bytes) -> Result<Self, Damage> {
        let checksum = format::checksum(&content);
        let (rows, stored) = format::decode(content)?;
        let mut columns = BTreeMap::new();
        for stored in stored {
            let name = stored.name.clone();
            let column = Column::decode(stored, rows)
                .map_err(|reason| Damage::new(format!("column {name:?}: {reason}")))?;
            columns.insert(name, column);
        }
        Ok(Self {
            rows,
            checksum,
            columns,
        })
    }

    /// Returns a checksum of the whole file, by which it is told from another.
    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Counts the rows.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }
}

impl Column {
    fn decode(stored: Stored<Bytes>, rows: u32) -> Result<Self, Damage> {
        let mut sections = stored.sections.into_iter();
        let Some((Kind::Present, present)) = sections.next() else {
            return Err(Damage::new("the rows that have it are missing"));
        };
        let count = Bitmap::checked(&present, rows)?.count();
        ensure(count > 0, "no row has it")?;
        let mut column = Self {
            present,
            strings: None,
            booleans: None,
            numbers: None,
            dates: None,
            places: None,
        };
        for (kind, section) in sections {
            match kind {
                Kind::Present => return Err(Damage::new("sections are out of order")),
                Kind::Strings => column.strings = Some(Dictionary::decode(section, rows)?),
                Kind::Booleans => column.booleans = Some(Dictionary::decode(section, rows)?),
                Kind::Numbers => column.numbers = Some(Numbers::decode(section, rows)?),
                Kind::Dates => column.dates = Some(Numbers::decode(section, rows)?),
                Kind::Places => column.places = Some(Places::decode(section, rows)?),
            }
        }
        Ok(column)
    }

    fn present(&self) -> Option<Bitmap<'_>> {
        Bitmap::of(&self.present)
    }
}

/// Names a boolean in a dictionary.
fn boolean_text(boolean: bool) -> &'static str {
    if boolean { "true" } else { "false" }
}
