//! The container of a segment's vectors: named sections, each with its length and
//! checksum, each starting on a cache line.
//!
//! ```text
//! magic (8 bytes), version u32, number of sections u32,
//! for each section: offset u64, length u64, crc32 u32, zero u32,
//! crc32 of all before it, zeros up to a multiple of 64, then the sections
//! ```
//! All numbers are little-endian. Bytes between sections are zeros. A file is
//! written under a temporary name, synced, and renamed.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::AnnError;
use crate::kernel::LINE;

const MAGIC: [u8; 8] = *b"VIVIANN\n";
/// Version of the format.
pub(crate) const VERSION: u32 = 1;
const ENTRY: usize = 24;
/// Bytes written at once: so many that the system can keep most of the file in large
/// pages.
const WRITE_BYTES: usize = 16 << 20;

/// The parts of a file, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Meta,
    Factors,
    Scales,
    First,
    Second,
    Links,
    Upper,
    Residual,
    Copies,
}

impl Section {
    pub(crate) const ALL: [Self; 9] = [
        Self::Meta,
        Self::Factors,
        Self::Scales,
        Self::First,
        Self::Second,
        Self::Links,
        Self::Upper,
        Self::Residual,
        Self::Copies,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Meta => "meta",
            Self::Factors => "factors",
            Self::Scales => "scales",
            Self::First => "first plane",
            Self::Second => "second plane",
            Self::Links => "links",
            Self::Upper => "upper levels",
            Self::Residual => "residual",
            Self::Copies => "copies",
        }
    }
}

const HEADER: usize = (16 + Section::ALL.len() * ENTRY + 4).next_multiple_of(LINE);

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    offset: u64,
    length: u64,
    crc: u32,
}

/// Writes a file, section after section.
pub(crate) struct Writer {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    at: u64,
    entries: Vec<Entry>,
}

/// Takes the bytes of one section.
pub(crate) struct Sink<'a> {
    file: &'a mut BufWriter<File>,
    crc: crc32fast::Hasher,
    length: u64,
}

impl Sink<'_> {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.crc.update(bytes);
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }
}

impl Writer {
    pub(crate) fn create(path: &Path) -> Result<Self, AnnError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let unwritable = |source| AnnError::io("write", &temporary, source);
        let file = File::create(&temporary).map_err(unwritable)?;
        let mut file = BufWriter::with_capacity(WRITE_BYTES, file);
        file.write_all(&[0; HEADER]).map_err(unwritable)?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file,
            at: HEADER as u64,
            entries: Vec::new(),
        })
    }

    /// Writes the next section.
    pub(crate) fn section(
        &mut self,
        fill: impl FnOnce(&mut Sink<'_>) -> std::io::Result<()>,
    ) -> Result<(), AnnError> {
        let mut sink = Sink {
            file: &mut self.file,
            crc: crc32fast::Hasher::new(),
            length: 0,
        };
        let filled = fill(&mut sink);
        let (crc, length) = (sink.crc.finalize(), sink.length);
        let padded = length.next_multiple_of(LINE as u64);
        let zeros = [0; LINE];
        let padding = zeros
            .iter()
            .take(LINE - 1)
            .take(usize::try_from(padded - length).unwrap_or(0));
        let padding: Vec<u8> = padding.copied().collect();
        filled
            .and_then(|()| self.file.write_all(&padding))
            .map_err(|source| AnnError::io("write", &self.temporary, source))?;
        self.entries.push(Entry {
            offset: self.at,
            length,
            crc,
        });
        self.at += padded;
        Ok(())
    }

    /// Writes the table, makes the file durable and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), AnnError> {
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(VERSION.to_le_bytes());
        header.extend((u32::try_from(Section::ALL.len()).unwrap_or(u32::MAX)).to_le_bytes());
        for entry in &self.entries {
            header.extend(entry.offset.to_le_bytes());
            header.extend(entry.length.to_le_bytes());
            header.extend(entry.crc.to_le_bytes());
            header.extend([0; 4]);
        }
        header.extend(crc32fast::hash(&header).to_le_bytes());
        header.resize(HEADER, 0);
        let written = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(&header))
            .and_then(|()| self.file.flush())
            .and_then(|()| self.file.get_ref().sync_all())
            .and_then(|()| std::fs::rename(&self.temporary, &self.path))
            .and_then(|()| sync_folder(&self.path));
        written.map_err(|source| AnnError::io("write", &self.path, source))
    }
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// The table of a file that is read.
pub(crate) struct Table {
    entries: Vec<Entry>,
    crc: u32,
}

impl Table {
    /// Reads and checks the header against the length of the file.
    pub(crate) fn read(path: &Path, file: &mut File) -> Result<Self, AnnError> {
        let damaged = |problem: String| AnnError::damaged(path, "header", problem);
        let unreadable = |source| AnnError::io("read", path, source);
        let size = file.metadata().map_err(unreadable)?.len();
        let mut header = [0; HEADER];
        if size < HEADER as u64 {
            return Err(damaged(format!(
                "{size} bytes, the header alone has {HEADER}"
            )));
        }
        file.read_exact(&mut header).map_err(unreadable)?;
        let mut fields = Fields(&header);
        if fields.take::<8>() != MAGIC {
            return Err(damaged("these are no vectors of a segment".to_owned()));
        }
        let version = u32::from_le_bytes(fields.take());
        if version != VERSION {
            return Err(damaged(format!("version {version}, known is {VERSION}")));
        }
        let count = u32::from_le_bytes(fields.take());
        let mut entries = Vec::with_capacity(Section::ALL.len());
        for _ in Section::ALL {
            let offset = u64::from_le_bytes(fields.take());
            let length = u64::from_le_bytes(fields.take());
            let crc = u32::from_le_bytes(fields.take());
            let _zero: [u8; 4] = fields.take();
            entries.push(Entry {
                offset,
                length,
                crc,
            });
        }
        let summed = HEADER.min(16 + Section::ALL.len() * ENTRY);
        let crc = u32::from_le_bytes(fields.take());
        if crc != crc32fast::hash(&header[..summed]) || fields.0.iter().any(|byte| *byte != 0) {
            return Err(damaged("its checksum is wrong".to_owned()));
        }
        if index64(u64::from(count)) != Section::ALL.len() {
            return Err(damaged(format!("{count} sections")));
        }
        let mut at = HEADER as u64;
        for entry in &entries {
            let end = entry
                .offset
                .checked_add(entry.length)
                .filter(|end| *end <= size);
            let Some(end) = end.filter(|_| entry.offset == at) else {
                return Err(damaged(format!(
                    "a section leaves the file of {size} bytes"
                )));
            };
            at = end.next_multiple_of(LINE as u64);
        }
        if at != size {
            return Err(damaged(format!("{size} bytes, sections take {at}")));
        }
        Ok(Self { entries, crc })
    }

    /// Returns the checksum of the header, which holds those of the sections.
    pub(crate) fn crc(&self) -> u32 {
        self.crc
    }

    /// Returns where a section lies.
    pub(crate) fn range(&self, section: Section) -> Range<usize> {
        let entry = self.entry(section);
        let start = index64(entry.offset);
        start..start.saturating_add(index64(entry.length))
    }

    fn entry(&self, section: Section) -> Entry {
        self.entries
            .get(section as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Checks the bytes of a section.
    pub(crate) fn check(
        &self,
        path: &Path,
        section: Section,
        bytes: &[u8],
    ) -> Result<(), AnnError> {
        let entry = self.entry(section);
        let crc = crc32fast::hash(bytes);
        if crc != entry.crc || bytes.len() as u64 != entry.length {
            let problem = format!("its checksum is {crc:08x}, not {:08x}", entry.crc);
            return Err(AnnError::damaged(path, section.name(), problem));
        }
        Ok(())
    }

    /// Reads and checks a section, and the zeros behind it.
    pub(crate) fn fill(
        &self,
        path: &Path,
        file: &mut File,
        section: Section,
        bytes: &mut [u8],
    ) -> Result<(), AnnError> {
        let unreadable = |source| AnnError::io("read", path, source);
        file.seek(SeekFrom::Start(self.entry(section).offset))
            .map_err(unreadable)?;
        file.read_exact(bytes).map_err(unreadable)?;
        self.check(path, section, bytes)?;
        let mut padding = [0; LINE];
        let padding = padding.get_mut(..bytes.len().next_multiple_of(LINE) - bytes.len());
        let padding = padding.unwrap_or_default();
        file.read_exact(padding).map_err(unreadable)?;
        if padding.iter().any(|byte| *byte != 0) {
            let problem = "bytes behind it are not zero".to_owned();
            return Err(AnnError::damaged(path, section.name(), problem));
        }
        Ok(())
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((field, rest)) = self.0.split_first_chunk() else {
            return [0; N];
        };
        self.0 = rest;
        *field
    }
}

fn index64(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
