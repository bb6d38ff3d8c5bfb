//! Writes the records of a segment.

use std::fs::File;
use std::io::{BufWriter, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::{MAGIC, MAX_PART, PARTS, Part, Records};
use crate::codec::Writer;
use crate::model::Record;
use crate::segment::files::{FileError, NewFile, as_u64};

/// Bytes of heads that are moved at once.
const MOVE_BYTES: usize = 1 << 20;

/// Writes records row after row.
pub(crate) struct RecordsWriter {
    file: NewFile,
    heads: Heads,
    index: Vec<u8>,
    rows: u32,
}

/// The heads, which come behind all other parts: kept in a file without a name until
/// then.
struct Heads {
    /// Of the file that they are for, as errors name it.
    path: PathBuf,
    file: BufWriter<File>,
    written: u64,
}

impl Heads {
    fn create(path: &Path) -> Result<Self, FileError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let file = tempfile::tempfile_in(folder).map_err(FileError::io("write in", folder))?;
        Ok(Self {
            path: path.to_owned(),
            file: BufWriter::with_capacity(MOVE_BYTES, file),
            written: 0,
        })
    }

    fn push(&mut self, head: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(head)
            .map_err(FileError::io("write", &self.path))?;
        self.written += as_u64(head.len());
        Ok(())
    }

    fn move_to(self, to: &mut NewFile) -> Result<(), FileError> {
        let path = self.path;
        let file = self.file.into_inner();
        let mut file = file.map_err(|error| FileError::io("write", &path)(error.into_error()))?;
        file.rewind().map_err(FileError::io("read", &path))?;
        let mut buffer = vec![0; MOVE_BYTES];
        loop {
            let read = file
                .read(&mut buffer)
                .map_err(FileError::io("read", &path))?;
            if read == 0 {
                return Ok(());
            }
            to.write(buffer.get(..read).unwrap_or_default())?;
        }
    }
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
            heads: Heads::create(path)?,
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
        self.index.extend(self.heads.written.to_le_bytes());
        for part in parts {
            let length = u32::try_from(part.len()).ok();
            let length = length.filter(|length| *length <= MAX_PART);
            let length = length.ok_or_else(|| self.too_large("bytes of a record", MAX_PART))?;
            self.index.extend(length.to_le_bytes());
        }
        for part in parts {
            self.index.extend(crc32fast::hash(part).to_le_bytes());
        }
        let [head, body, vectors] = parts;
        self.heads.push(head)?;
        self.file.write(body)?;
        self.file.write(vectors)?;
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
        self.heads.move_to(&mut self.file)?;
        trailer.extend(self.file.written().to_le_bytes());
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
