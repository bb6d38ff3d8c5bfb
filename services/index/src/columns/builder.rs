//! Collects the columns of rows and writes them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::dictionary::DictionaryBuilder;
use super::format::{self, Damage, Kind, Stored};
use super::places::{self, Place};
use super::{ColumnsError, bitmap, boolean_text, io_error, numbers};
use crate::model::Value;
use crate::payload::fold;

/// Takes rows in order and stores their columns.
#[derive(Default)]
pub(crate) struct ColumnsBuilder {
    rows: u32,
    columns: BTreeMap<String, ColumnBuilder>,
}

type Encoded = (Vec<u8>, Vec<Stored<Vec<u8>>>);

#[derive(Default)]
struct ColumnBuilder {
    present: Vec<u32>,
    strings: DictionaryBuilder,
    booleans: DictionaryBuilder,
    numbers: Vec<(f64, u32)>,
    dates: Vec<(f64, u32)>,
    places: Vec<(Place, u32)>,
}

impl ColumnsBuilder {
    /// Starts with no rows.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes the payload of the next row. Texts are folded here, as
    /// [`crate::payload::fold_columns`] does; folded ones stay as they are.
    ///
    /// # Errors
    /// When a number is not finite, a place not on the Earth, or rows exceed
    /// what numbers of rows can name. Then the row is taken in part: drop the
    /// builder.
    pub(crate) fn push(&mut self, payload: &BTreeMap<String, Value>) -> Result<(), ColumnsError> {
        let row = self.rows;
        self.rows = row.checked_add(1).ok_or(ColumnsError::TooManyRows)?;
        for (name, value) in payload {
            if let Some(column) = self.columns.get_mut(name) {
                column.push(name, value, row)?;
            } else {
                let column = self.columns.entry(name.clone()).or_default();
                column.push(name, value, row)?;
            }
        }
        Ok(())
    }

    /// Writes the file at a path: under a temporary name, synced, renamed.
    ///
    /// # Errors
    /// When the disk refuses, or a column is too large.
    pub(crate) fn write(self, path: &Path) -> Result<(), ColumnsError> {
        let (head, columns) = self.encode()?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let write = || {
            let mut file = BufWriter::new(File::create(&temporary)?);
            file.write_all(&head)?;
            for (_, section) in columns.iter().flat_map(|column| &column.sections) {
                file.write_all(section)?;
            }
            file.into_inner()?.sync_all()
        };
        write().map_err(io_error("write", &temporary))?;
        std::fs::rename(&temporary, path).map_err(io_error("rename", &temporary))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(io_error("sync", folder))
    }

    /// Returns what [`Self::write`] would write.
    ///
    /// # Errors
    /// When a column is too large.
    pub(crate) fn into_bytes(self) -> Result<Bytes, ColumnsError> {
        let (mut content, columns) = self.encode()?;
        for (_, section) in columns.iter().flat_map(|column| &column.sections) {
            content.extend_from_slice(section);
        }
        Ok(content.into())
    }

    /// Returns what stands before the sections, and the columns with theirs.
    fn encode(self) -> Result<Encoded, ColumnsError> {
        let mut columns = Vec::new();
        for (name, column) in self.columns {
            match column.encode(self.rows) {
                Ok(sections) => columns.push(Stored { name, sections }),
                Err(reason) => return Err(ColumnsError::TooLarge { name, reason }),
            }
        }
        let head = format::encode_head(self.rows, &columns).map_err(|reason| {
            let name = String::new();
            ColumnsError::TooLarge { name, reason }
        })?;
        Ok((head, columns))
    }
}

impl ColumnBuilder {
    fn push(&mut self, name: &str, value: &Value, row: u32) -> Result<(), ColumnsError> {
        self.present.push(row);
        match value {
            Value::Strings(strings) => {
                for string in strings {
                    self.strings.push(&folded(string), row);
                }
            }
            Value::Boolean(boolean) => self.booleans.push(boolean_text(*boolean), row),
            Value::Number(number) if number.is_finite() => self.numbers.push((*number, row)),
            Value::Number(number) => return Err(invalid(name, row, number.to_string())),
            Value::Date(days) => self.dates.push((f64::from(*days), row)),
            Value::Coordinates {
                latitude,
                longitude,
            } => {
                let place = (*latitude, *longitude);
                if !places::is_place(place) {
                    return Err(invalid(name, row, format!("{place:?}")));
                }
                self.places.push((place, row));
            }
        }
        Ok(())
    }

    fn encode(self, rows: u32) -> Result<Vec<(Kind, Vec<u8>)>, Damage> {
        let mut present = Vec::new();
        bitmap::store(&self.present, rows, &mut present)?;
        let mut sections = vec![(Kind::Present, present)];
        for (kind, dictionary) in [
            (Kind::Strings, self.strings),
            (Kind::Booleans, self.booleans),
        ] {
            if !dictionary.is_empty() {
                sections.push((kind, dictionary.encode(rows)?));
            }
        }
        for (kind, values) in [(Kind::Numbers, self.numbers), (Kind::Dates, self.dates)] {
            if !values.is_empty() {
                sections.push((kind, numbers::encode(values, rows)?));
            }
        }
        if !self.places.is_empty() {
            sections.push((Kind::Places, places::encode(&self.places, rows)?));
        }
        Ok(sections)
    }
}

fn invalid(column: &str, row: u32, value: String) -> ColumnsError {
    ColumnsError::Invalid {
        column: column.to_owned(),
        row,
        value,
    }
}

/// Folds a text without a copy where nothing changes.
fn folded(text: &str) -> Cow<'_, str> {
    if text
        .bytes()
        .all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase())
    {
        return Cow::Borrowed(text);
    }
    Cow::Owned(fold(text))
}
