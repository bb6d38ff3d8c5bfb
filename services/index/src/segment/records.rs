//! The records of a segment: whole, by row; the truth that everything else of a
//! segment can be made from again.
//!
//! ```text
//! magic 8
//! for each row two parts, one after the other:
//!   body     words, document
//!   vectors
//! for each row its head: id, revision, summary, payload
//! index: for each row: offset of the body 8, offset of the head among the heads 8,
//!   lengths of head, body and vectors 3 × 4, their crc32 3 × 4
//! trailer: offset of the heads 8 | of the index 8 | rows 4 | crc32 of the index 4
//!   | crc32 of the 24 bytes before 4 | magic 8
//! ```
//!
//! Searches read heads and nothing else, a thousand each: heads lie together, so that a
//! fifth of the file's memory serves them all.
//!
//! The index is checked when the file is opened, a part whenever it is read, all
//! of them by [`Records::verify`]. The index is mapped; parts are read from the file, so
//! that a disk that fails gives an error and not a signal.

mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

pub(crate) use self::write::RecordsWriter;
use super::map::map;
use crate::codec::{CodecError, Reader};
use crate::model::{Record, Value, Words};
use crate::segment::files::{FileError, as_u64};

const MAGIC: [u8; 8] = *b"VIVRECS2";
const ENTRY: usize = 40;
const TRAILER: usize = 36;
/// Bytes of the trailer that its checksum covers.
const CHECKED: usize = 24;
/// Bytes that are read at once where all are.
const READ_BYTES: usize = 1 << 20;
/// Rows after which reading all of them gives way to others.
const STEP: u32 = 4_096;
/// Longest part that is read.
const MAX_PART: u32 = 1 << 30;

/// Parts of a record.
#[derive(Clone, Copy)]
enum Part {
    Head,
    Body,
    Vectors,
}

const PARTS: [Part; 3] = [Part::Head, Part::Body, Part::Vectors];

/// The small parts of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) revision: Vec<u8>,
    pub(crate) summary: Vec<u8>,
    pub(crate) payload: BTreeMap<String, Value>,
}

/// The records of a segment, open for reading.
pub(crate) struct Records {
    path: PathBuf,
    file: File,
    rows: u32,
    /// Where the heads begin.
    heads_at: u64,
    /// Mapped, checked.
    index: Bytes,
    checksum: u32,
}

impl Records {
    /// Opens a file and checks its index.
    ///
    /// # Errors
    /// When it cannot be read, or its frame or index is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::io("open", path))?;
        let length = file.metadata().map_err(FileError::io("read", path))?.len();
        let damaged = |reason: &str| FileError::damaged(path, reason);
        let trailer_at = length.checked_sub(as_u64(TRAILER));
        let trailer_at = trailer_at.ok_or_else(|| damaged("it is cut short"))?;
        let trailer = read(&file, path, trailer_at, TRAILER)?;
        let magic = read(&file, path, 0, MAGIC.len())?;
        if magic != MAGIC || !trailer.ends_with(&MAGIC) {
            return Err(damaged("it is no complete file of records"));
        }
        let checksum = u32_at(&trailer, CHECKED);
        if crc32fast::hash(range(&trailer, 0..CHECKED)) != checksum {
            return Err(damaged("the trailer's checksum is wrong"));
        }
        let (heads_at, index_at) = (u64_at(&trailer, 0), u64_at(&trailer, 8));
        let rows = u32_at(&trailer, 16);
        let index_length = u64::from(rows) * as_u64(ENTRY);
        if index_at.checked_add(index_length) != Some(trailer_at) {
            return Err(damaged("the index is not where the trailer says"));
        }
        let mapped = map(path).map_err(FileError::io("map", path))?;
        let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(mapped.len());
        let index = mapped.slice(place(index_at)..place(trailer_at));
        if crc32fast::hash(&index) != u32_at(&trailer, 20) {
            return Err(damaged("the index's checksum is wrong"));
        }
        let records = Self {
            path: path.to_owned(),
            file,
            rows,
            heads_at,
            index,
            checksum,
        };
        records.check_index(index_at)?;
        Ok(records)
    }

    /// Checks that the parts lie side by side.
    fn check_index(&self, index_at: u64) -> Result<(), FileError> {
        let (mut rows_end, mut heads_end) = (as_u64(MAGIC.len()), 0);
        for entry in self.index.chunks_exact(ENTRY).map(Entry) {
            if entry.offset(Part::Body) != rows_end || entry.offset(Part::Head) != heads_end {
                return Err(self.damaged("a row is not where the row before ends"));
            }
            rows_end += entry.length(Part::Body) + entry.length(Part::Vectors);
            heads_end += entry.length(Part::Head);
        }
        if rows_end != self.heads_at || self.heads_at.checked_add(heads_end) != Some(index_at) {
            return Err(self.damaged("the rows do not end where heads and index begin"));
        }
        Ok(())
    }

    /// Returns a checksum of the whole file, by which it is told from another:
    /// of the trailer, which holds that of the index, which holds those of the parts.
    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Reads id, revision, summary and payload of a row.
    ///
    /// # Errors
    /// When the row does not exist, cannot be read or is damaged.
    pub(crate) fn head(&self, row: u32) -> Result<Head, FileError> {
        self.decode(row, Part::Head, decode_head)
    }

    /// Reads id, revision and summary of a row; the payload stays empty.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub(crate) fn summary(&self, row: u32) -> Result<Head, FileError> {
        let bytes = self.part(row, Part::Head)?;
        let decode = || decode_summary(&mut Reader::new(&bytes)?);
        decode().map_err(|error: CodecError| self.damaged(format!("row {row}: {error}")))
    }

    /// Reads the document of a row.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub(crate) fn document(&self, row: u32) -> Result<Vec<u8>, FileError> {
        self.decode(row, Part::Body, |reader| {
            reader.words()?;
            reader.blob("document")
        })
    }

    /// Reads the words of a row, by facet.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub(crate) fn words(&self, row: u32) -> Result<BTreeMap<String, Words>, FileError> {
        self.decode(row, Part::Body, |reader| {
            let words = reader.words()?;
            reader.blob("document")?;
            Ok(words)
        })
    }

    /// Reads the vectors of a row, by facet.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub(crate) fn vectors(&self, row: u32) -> Result<BTreeMap<String, Vec<f32>>, FileError> {
        self.decode(row, Part::Vectors, |reader| reader.vectors())
    }

    /// Reads a whole row.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub(crate) fn record(&self, row: u32) -> Result<Record, FileError> {
        let head = self.head(row)?;
        let (words, document) = self.decode(row, Part::Body, |reader| {
            Ok((reader.words()?, reader.blob("document")?))
        })?;
        Ok(Record {
            id: head.id,
            vectors: self.vectors(row)?,
            words,
            payload: head.payload,
            summary: head.summary,
            document,
            revision: head.revision,
        })
    }

    /// Reads every part of every row, and so checks the whole file, until `stop`; gives
    /// way to others again and again.
    ///
    /// # Errors
    /// When a part cannot be read or is damaged, with its row.
    pub(crate) fn verify(&self, stop: impl Fn() -> bool) -> Result<(), FileError> {
        let file = File::open(&self.path).map_err(FileError::io("open", &self.path))?;
        let mut file = BufReader::with_capacity(READ_BYTES, file);
        let start = file.seek(SeekFrom::Start(as_u64(MAGIC.len())));
        start.map_err(FileError::io("read", &self.path))?;
        let mut bytes = Vec::new();
        for parts in [&[Part::Body, Part::Vectors][..], &[Part::Head]] {
            for (row, entry) in (0..).zip(self.index.chunks_exact(ENTRY).map(Entry)) {
                if row % STEP == 0 {
                    std::thread::yield_now();
                    if stop() {
                        return Ok(());
                    }
                }
                for part in parts {
                    bytes.resize(self.size(row, entry, *part)?, 0);
                    let read = file.read_exact(&mut bytes);
                    read.map_err(unreadable(&self.path))?;
                    self.check(row, entry, *part, &bytes)?;
                }
            }
        }
        Ok(())
    }

    fn decode<T>(
        &self,
        row: u32,
        part: Part,
        take: impl FnOnce(&mut Reader<'_>) -> Result<T, CodecError>,
    ) -> Result<T, FileError> {
        let bytes = self.part(row, part)?;
        let decode = || {
            let mut reader = Reader::new(&bytes)?;
            let value = take(&mut reader)?;
            reader.finish()?;
            Ok(value)
        };
        decode().map_err(|error: CodecError| self.damaged(format!("row {row}: {error}")))
    }

    /// Reads a part of a row and checks it.
    fn part(&self, row: u32, part: Part) -> Result<Vec<u8>, FileError> {
        let at = usize::try_from(row)
            .unwrap_or(usize::MAX)
            .saturating_mul(ENTRY);
        let Some(entry) = self.index.get(at..at.saturating_add(ENTRY)) else {
            let rows = self.rows;
            return Err(self.damaged(format!("row {row} is wanted, there are {rows}")));
        };
        let entry = Entry(entry);
        let start = match part {
            Part::Head => self.heads_at,
            Part::Body => 0,
            Part::Vectors => entry.length(Part::Body),
        };
        let size = self.size(row, entry, part)?;
        let bytes = read(&self.file, &self.path, start + entry.offset(part), size)?;
        self.check(row, entry, part, &bytes)?;
        Ok(bytes)
    }

    fn size(&self, row: u32, entry: Entry<'_>, part: Part) -> Result<usize, FileError> {
        let length = entry.length(part);
        let size = usize::try_from(length).ok();
        let size = size.filter(|_| length <= u64::from(MAX_PART));
        size.ok_or_else(|| self.damaged(format!("row {row}: a length is wrong")))
    }

    fn check(&self, row: u32, entry: Entry<'_>, part: Part, bytes: &[u8]) -> Result<(), FileError> {
        if crc32fast::hash(bytes) == entry.crc(part) {
            return Ok(());
        }
        Err(self.damaged(format!("row {row}: a checksum is wrong")))
    }

    fn damaged(&self, reason: impl Into<String>) -> FileError {
        FileError::damaged(&self.path, reason)
    }
}

/// What the index says of a row.
#[derive(Clone, Copy)]
struct Entry<'a>(&'a [u8]);

impl Entry<'_> {
    /// Returns where a head is among the heads, or where a row begins in the file.
    fn offset(self, part: Part) -> u64 {
        match part {
            Part::Head => u64_at(self.0, 8),
            Part::Body | Part::Vectors => u64_at(self.0, 0),
        }
    }

    fn length(self, part: Part) -> u64 {
        u64::from(u32_at(self.0, 16 + 4 * part as usize))
    }

    fn crc(self, part: Part) -> u32 {
        u32_at(self.0, 28 + 4 * part as usize)
    }
}

fn decode_head(reader: &mut Reader<'_>) -> Result<Head, CodecError> {
    let head = decode_summary(reader)?;
    let payload = reader.payload()?;
    Ok(Head { payload, ..head })
}

fn decode_summary(reader: &mut Reader<'_>) -> Result<Head, CodecError> {
    Ok(Head {
        id: reader.text("id")?,
        revision: reader.blob("revision")?,
        summary: reader.blob("summary")?,
        payload: BTreeMap::new(),
    })
}

fn read(file: &File, path: &Path, offset: u64, length: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = vec![0; length];
    let read = file.read_exact_at(&mut bytes, offset);
    read.map_err(unreadable(path))?;
    Ok(bytes)
}

/// Says why a file cannot be read; one that ends too early is damaged.
fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> FileError + '_ {
    move |error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            FileError::damaged(path, "it is cut short")
        } else {
            FileError::io("read", path)(error)
        }
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let found = range(bytes, at..at + 4).first_chunk();
    found.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let found = range(bytes, at..at + 8).first_chunk();
    found.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn range(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::codec::tests::record;

    fn write(path: &Path, records: &[Record]) {
        let mut writer = RecordsWriter::create(path).unwrap();
        records
            .iter()
            .for_each(|record| writer.push(record).unwrap());
        writer.finish().unwrap();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn records_come_back(records in prop::collection::vec(record(), 0..20)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("records.bin");
            write(&path, &records);
            let found = Records::open(&path).unwrap();
            found.verify(|| false).unwrap();
            let copied = folder.path().join("copied.bin");
            let mut copy = RecordsWriter::create(&copied).unwrap();
            for (row, record) in (0..found.rows()).zip(&records) {
                prop_assert_eq!(&found.record(row).unwrap(), record);
                prop_assert_eq!(&found.head(row).unwrap().payload, &record.payload);
                prop_assert_eq!(&found.document(row).unwrap(), &record.document);
                copy.copy(&found, row).unwrap();
            }
            copy.finish().unwrap();
            prop_assert_eq!(std::fs::read(&path).unwrap(), std::fs::read(&copied).unwrap());
            prop_assert!(found.record(found.rows()).is_err());
        }
    }

    #[test]
    fn any_flipped_or_missing_byte_is_noticed_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.bin");
        let record = Record {
            id: "1".to_owned(),
            vectors: [("text".to_owned(), vec![1.0, -2.5])].into(),
            document: b"document".to_vec(),
            ..Record::default()
        };
        write(&path, &[record.clone(), record]);
        let content = std::fs::read(&path).unwrap();
        let whole = |path: &Path| Records::open(path).and_then(|records| records.verify(|| false));
        whole(&path).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let error = whole(&path).unwrap_err().to_string();
            assert!(error.contains("records.bin is damaged"), "{at}: {error}");
            std::fs::write(&path, &content[..at]).unwrap();
            assert!(whole(&path).is_err(), "cut at {at}");
        }
    }
}
