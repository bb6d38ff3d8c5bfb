//! The records of a segment: whole, by row; the truth that everything else of a
//! segment can be made from again.
//!
//! ```text
//! magic 8
//! for each row three parts, one after the other:
//!   head     id, revision, summary, payload
//!   body     words, document
//!   vectors
//! index: for each row: offset 8, lengths of the parts 3 × 4, their crc32 3 × 4
//! trailer: offset of the index 8 | rows 4 | crc32 of the index 4
//!   | crc32 of the 16 bytes before 4 | magic 8
//! ```
//!
//! The index is checked when the file is opened, a part whenever it is read, all
//! of them by [`Records::verify`]. Parts are read from the file, not mapped, so
//! that a disk that fails gives an error and not a signal.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::codec::{CodecError, Reader, Writer};
use crate::model::{Record, Value, Words};
use crate::segment::files::{FileError, NewFile, as_u64};

const MAGIC: [u8; 8] = *b"VIVRECS1";
const ENTRY: usize = 32;
const TRAILER: usize = 28;
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

/// Writes records row after row.
pub(crate) struct RecordsWriter {
    file: NewFile,
    index: Vec<u8>,
    rows: u32,
}

impl RecordsWriter {
    /// Begins the file.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        let mut file = NewFile::create(path)?;
        file.write(&MAGIC)?;
        Ok(Self {
            file,
            index: Vec::new(),
            rows: 0,
        })
    }

    /// Appends the next row.
    ///
    /// # Errors
    /// When the disk refuses, or a part is longer than 1 GiB.
    pub(crate) fn push(&mut self, record: &Record) -> Result<(), FileError> {
        self.push_parts(&PARTS.map(|part| encode(record, part)))
    }

    /// Appends a row of another file as the next row.
    ///
    /// # Errors
    /// When the disk refuses, or the row is damaged.
    pub(crate) fn copy(&mut self, records: &Records, row: u32) -> Result<(), FileError> {
        let [head, body, vectors] = PARTS.map(|part| records.part(row, part));
        self.push_parts(&[head?, body?, vectors?])
    }

    fn push_parts(&mut self, parts: &[Vec<u8>; 3]) -> Result<(), FileError> {
        self.index.extend(self.file.written().to_le_bytes());
        for part in parts {
            let length = u32::try_from(part.len()).ok();
            let length = length.filter(|length| *length <= MAX_PART);
            let length = length.ok_or_else(|| self.too_large("bytes of a record", MAX_PART))?;
            self.index.extend(length.to_le_bytes());
        }
        for part in parts {
            self.index.extend(crc32fast::hash(part).to_le_bytes());
            self.file.write(part)?;
        }
        let rows = self.rows.checked_add(1);
        self.rows = rows.ok_or_else(|| self.too_large("rows", u32::MAX))?;
        Ok(())
    }

    fn too_large(&self, what: &'static str, limit: u32) -> FileError {
        FileError::TooLarge {
            path: self.file.path().to_owned(),
            what,
            limit: limit.into(),
        }
    }

    /// Ends the file, synced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(mut self) -> Result<(), FileError> {
        let mut trailer = self.file.written().to_le_bytes().to_vec();
        trailer.extend(self.rows.to_le_bytes());
        trailer.extend(crc32fast::hash(&self.index).to_le_bytes());
        trailer.extend(crc32fast::hash(&trailer).to_le_bytes());
        trailer.extend(MAGIC);
        self.file.write(&self.index)?;
        self.file.write(&trailer)?;
        self.file.finish()
    }
}

fn encode(record: &Record, part: Part) -> Vec<u8> {
    let mut writer = Writer::new();
    match part {
        Part::Head => {
            writer.text(&record.id);
            writer.blob(&record.revision);
            writer.blob(&record.summary);
            writer.payload(&record.payload);
        }
        Part::Body => {
            writer.words(&record.words);
            writer.blob(&record.document);
        }
        Part::Vectors => writer.vectors(&record.vectors),
    }
    writer.finish()
}

/// The records of a segment, open for reading.
pub(crate) struct Records {
    path: PathBuf,
    file: File,
    rows: u32,
    /// Where the index begins.
    index_at: u64,
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
        if magic != MAGIC || trailer[20..] != MAGIC {
            return Err(damaged("it is no complete file of records"));
        }
        if crc32fast::hash(&trailer[..16]) != u32_at(&trailer, 16) {
            return Err(damaged("the trailer's checksum is wrong"));
        }
        let (index_at, rows) = (u64_at(&trailer, 0), u32_at(&trailer, 8));
        let index_length = u64::from(rows) * as_u64(ENTRY);
        if index_at.checked_add(index_length) != Some(trailer_at) {
            return Err(damaged("the index is not where the trailer says"));
        }
        let records = Self {
            path: path.to_owned(),
            file,
            rows,
            index_at,
            checksum: u32_at(&trailer, 16),
        };
        records.check_index(u32_at(&trailer, 12))?;
        Ok(records)
    }

    /// Checks the index: its checksum, and that the parts lie side by side.
    fn check_index(&self, crc: u32) -> Result<(), FileError> {
        const STEP: u32 = 4_096;
        let mut hasher = crc32fast::Hasher::new();
        let mut end = as_u64(MAGIC.len());
        let mut row = 0;
        while row < self.rows {
            let count = STEP.min(self.rows - row);
            let bytes = self.entries(row, count)?;
            hasher.update(&bytes);
            for entry in bytes.chunks_exact(ENTRY) {
                if u64_at(entry, 0) != end {
                    return Err(self.damaged("a row is not where the row before ends"));
                }
                end += (0..3)
                    .map(|part| u64::from(u32_at(entry, 8 + 4 * part)))
                    .sum::<u64>();
            }
            row += count;
        }
        if hasher.finalize() != crc {
            return Err(self.damaged("the index's checksum is wrong"));
        }
        if end != self.index_at {
            return Err(self.damaged("the rows do not end where the index begins"));
        }
        Ok(())
    }

    fn entries(&self, row: u32, count: u32) -> Result<Vec<u8>, FileError> {
        let offset = self.index_at + u64::from(row) * as_u64(ENTRY);
        let length = usize::try_from(count).unwrap_or(usize::MAX) * ENTRY;
        read(&self.file, &self.path, offset, length)
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

    /// Reads every part of every row, and so checks the whole file, until `stop`.
    ///
    /// # Errors
    /// When a part cannot be read or is damaged, with its row.
    pub(crate) fn verify(&self, stop: impl Fn() -> bool) -> Result<(), FileError> {
        let rows = (0..self.rows).take_while(|_| !stop());
        rows.map(|row| self.record(row))
            .try_for_each(|row| row.map(drop))
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
        if row >= self.rows {
            let rows = self.rows;
            return Err(self.damaged(format!("row {row} is wanted, there are {rows}")));
        }
        let entry = self.entries(row, 1)?;
        let number = part as usize;
        let length = |part: usize| u32_at(&entry, 8 + 4 * part);
        let before: u64 = (0..number).map(|part| u64::from(length(part))).sum();
        if length(number) > MAX_PART {
            return Err(self.damaged(format!("row {row}: a length is wrong")));
        }
        let size = usize::try_from(length(number)).unwrap_or(usize::MAX);
        let bytes = read(&self.file, &self.path, u64_at(&entry, 0) + before, size)?;
        if crc32fast::hash(&bytes) != u32_at(&entry, 20 + 4 * number) {
            return Err(self.damaged(format!("row {row}: a checksum is wrong")));
        }
        Ok(bytes)
    }

    fn damaged(&self, reason: impl Into<String>) -> FileError {
        FileError::damaged(&self.path, reason)
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
    file.read_exact_at(&mut bytes, offset).map_err(|error| {
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            FileError::damaged(path, "it is cut short")
        } else {
            FileError::io("read", path)(error)
        }
    })?;
    Ok(bytes)
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
