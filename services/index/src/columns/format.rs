//! The file: columns and their sections, each behind a checksum.
//!
//! ```text
//! magic 8 | version 4 | rows 4 | file length 8 | directory length 4
//! | crc32 of the directory 4 | crc32 of the 32 bytes before 4
//! directory: columns 4, and for each column, by name in ascending order:
//!   name length 4 | name | sections 1, and for each, by kind in ascending order:
//!     kind 1 | length 8 | crc32 4
//! sections, in the directory's order
//! ```
//!
//! Numbers are little endian. Nothing lies between the parts and nothing
//! behind the last, so that every byte of the file is under one checksum.

use bytes::Bytes;

use crate::segment::arrays::{u32_at, u64_at};
use crate::segment::files::as_u64;

/// Why a file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Damage(String);

impl Damage {
    /// Names the part that is wrong and how.
    pub(super) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Returns an error unless the condition holds.
pub(super) fn ensure(holds: bool, what: &str) -> Result<(), Damage> {
    if holds {
        Ok(())
    } else {
        Err(Damage::new(what))
    }
}

const MAGIC: [u8; 8] = *b"VIVCOLS\n";
const VERSION: u32 = 1;
const HEADER: usize = 36;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The rows that have the column: every column begins with it.
    Present,
    Strings,
    Booleans,
    Numbers,
    Dates,
    Places,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Present => 1,
            Self::Strings => 2,
            Self::Booleans => 3,
            Self::Numbers => 4,
            Self::Dates => 5,
            Self::Places => 6,
        }
    }

    fn of(code: u8) -> Option<Self> {
        use Kind::{Booleans, Dates, Numbers, Places, Present, Strings};
        let kinds = [Present, Strings, Booleans, Numbers, Dates, Places];
        kinds.into_iter().find(|kind| kind.code() == code)
    }
}

/// One column as the file holds it.
pub(super) struct Stored<B> {
    pub(super) name: String,
    pub(super) sections: Vec<(Kind, B)>,
}

/// Encodes what stands before the sections.
///
/// # Errors
/// When names are too many or too long for their counts.
pub(super) fn encode_head(rows: u32, columns: &[Stored<Vec<u8>>]) -> Result<Vec<u8>, Damage> {
    let mut directory = u32_bytes(columns.len())?.to_vec();
    let mut body = 0;
    for column in columns {
        directory.extend(u32_bytes(column.name.len())?);
        directory.extend(column.name.as_bytes());
        let sections = u8::try_from(column.sections.len());
        directory.push(sections.map_err(|_| Damage::new("too many sections"))?);
        for (kind, section) in &column.sections {
            directory.push(kind.code());
            directory.extend(as_u64(section.len()).to_le_bytes());
            directory.extend(crc32fast::hash(section).to_le_bytes());
            body += section.len();
        }
    }
    let mut head = MAGIC.to_vec();
    head.extend(VERSION.to_le_bytes());
    head.extend(rows.to_le_bytes());
    head.extend(as_u64(HEADER + directory.len() + body).to_le_bytes());
    head.extend(u32_bytes(directory.len())?);
    head.extend(crc32fast::hash(&directory).to_le_bytes());
    head.extend(crc32fast::hash(&head).to_le_bytes());
    head.extend(directory);
    Ok(head)
}

/// Returns the checksum of the header, which holds that of the directory, which
/// holds those of the sections.
pub(super) fn checksum(content: &[u8]) -> u32 {
    u32_at(content, HEADER / 4 - 1)
}

/// Checks every checksum and returns the number of rows and the columns.
///
/// # Errors
/// When a byte is missing, surplus or not what was written.
pub(super) fn decode(content: Bytes) -> Result<(u32, Vec<Stored<Bytes>>), Damage> {
    let length = as_u64(content.len());
    let mut cursor = Cursor::new(content);
    let head = cursor.take(HEADER, "the header")?;
    let (before, crc) = head.split_at(HEADER - 4);
    ensure(head.starts_with(&MAGIC), "it is not a file of columns")?;
    ensure(
        crc32fast::hash(before).to_le_bytes() == *crc,
        "the header's checksum is wrong",
    )?;
    let mut header = Cursor::new(head.slice(MAGIC.len()..));
    let version = header.u32("the version")?;
    if version != VERSION {
        return Err(Damage::new(format!("version {version} is unknown")));
    }
    let rows = header.u32("the rows")?;
    let claimed = header.u64("the length")?;
    if claimed != length {
        let what = format!("it has {length} bytes, not {claimed}");
        return Err(Damage::new(what));
    }
    let directory = header.u32("the directory's length")?;
    let crc = header.u32("the directory's checksum")?;
    let directory = cursor.take(as_usize(directory), "the directory")?;
    ensure(
        crc32fast::hash(&directory) == crc,
        "the directory's checksum is wrong",
    )?;
    let columns = decode_columns(Cursor::new(directory), &mut cursor)?;
    cursor.finish("the sections")?;
    Ok((rows, columns))
}

fn decode_columns(
    mut directory: Cursor,
    sections: &mut Cursor,
) -> Result<Vec<Stored<Bytes>>, Damage> {
    let count = directory.u32("the number of columns")?;
    let mut columns: Vec<Stored<Bytes>> = Vec::new();
    for _ in 0..count {
        let column = decode_column(&mut directory, sections)?;
        if let Some(last) = columns.last() {
            ensure(last.name < column.name, "columns are out of order")?;
        }
        columns.push(column);
    }
    directory.finish("the directory")?;
    Ok(columns)
}

fn decode_column(directory: &mut Cursor, body: &mut Cursor) -> Result<Stored<Bytes>, Damage> {
    let length = directory.u32("the length of a name")?;
    let name = directory.take(as_usize(length), "a name")?;
    let name = std::str::from_utf8(&name).map_err(|_| Damage::new("a name is not UTF-8"))?;
    let mut sections: Vec<(Kind, Bytes)> = Vec::new();
    for _ in 0..directory.u8("the number of sections")? {
        let code = directory.u8("a section's kind")?;
        let kind = Kind::of(code)
            .ok_or_else(|| Damage::new(format!("column {name:?}: section {code} is unknown")))?;
        if let Some((last, _)) = sections.last() {
            ensure(*last < kind, "sections are out of order")?;
        }
        let length = directory.u64("a section's length")?;
        let crc = directory.u32("a section's checksum")?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let section = body.take(length, "a section")?;
        if crc32fast::hash(&section) != crc {
            let what = format!("column {name:?}: the checksum of its {kind:?} is wrong");
            return Err(Damage::new(what));
        }
        sections.push((kind, section));
    }
    let name = name.to_owned();
    Ok(Stored { name, sections })
}

/// Reads from front to back.
pub(super) struct Cursor(Bytes);

impl Cursor {
    /// Starts at the front.
    pub(super) fn new(content: Bytes) -> Self {
        Self(content)
    }

    /// Takes the next bytes, without a copy.
    ///
    /// # Errors
    /// When there are fewer.
    pub(super) fn take(&mut self, length: usize, what: &str) -> Result<Bytes, Damage> {
        if length > self.0.len() {
            return Err(Damage::new(format!("{what} is cut short")));
        }
        Ok(self.0.split_to(length))
    }

    /// Takes `count` values of `size` bytes each.
    ///
    /// # Errors
    /// When there are fewer.
    pub(super) fn array(&mut self, count: u32, size: usize, what: &str) -> Result<Bytes, Damage> {
        self.take(as_usize(count).saturating_mul(size), what)
    }

    /// Takes what is left.
    pub(super) fn rest(self) -> Bytes {
        self.0
    }

    /// Takes a byte.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn u8(&mut self, what: &str) -> Result<u8, Damage> {
        Ok(self.take(1, what)?.first().copied().unwrap_or_default())
    }

    /// Takes a number of four bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub(super) fn u32(&mut self, what: &str) -> Result<u32, Damage> {
        Ok(u32_at(&self.take(4, what)?, 0))
    }

    /// Takes a number of eight bytes.
    ///
    /// # Errors
    /// When there are fewer.
    pub(super) fn u64(&mut self, what: &str) -> Result<u64, Damage> {
        Ok(u64_at(&self.take(8, what)?, 0))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// When bytes are left.
    pub(super) fn finish(self, what: &str) -> Result<(), Damage> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(Damage::new(format!("{what}: bytes are left over")))
    }
}

/// Encodes a count.
///
/// # Errors
/// When it does not fit in four bytes.
pub(super) fn u32_bytes(count: usize) -> Result<[u8; 4], Damage> {
    let count = u32::try_from(count).map_err(|_| {
        let limit = u32::MAX;
        Damage::new(format!(
            "{count} bytes or values are too many, limit {limit}"
        ))
    })?;
    Ok(count.to_le_bytes())
}

fn as_usize(length: u32) -> usize {
    super::bits::as_index(length)
}
