//! Checkpoints: every record, vectors included, in one checksummed file, so
//! that the log can be cut and the store rebuilt.
//!
//! A checkpoint is written under a temporary name, synced, renamed, and named
//! by the manifest, which is replaced in the same careful way. It is *fuzzy*: a
//! checkpoint at sequence S holds each record as it was at S or later.
//! Operations carry whole records, so replaying the log from S + 1 over it ends
//! in the exact state, whatever the moment at which each record was copied.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::codec::{CodecError, Reader, Writer};
use crate::model::{Record, Spec};

const MAGIC: [u8; 8] = *b"VIVCKPT1";
/// Longest block that a reader accepts.
const MAX_BLOCK: u32 = 1 << 30;

const SPEC: u8 = 1;
const RECORD: u8 = 2;
const END: u8 = 3;

/// Why a checkpoint cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CheckpointError {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} is damaged at offset {offset}: {reason}", path.display())]
    Damaged {
        path: PathBuf,
        offset: u64,
        reason: String,
    },
    #[error("a record of {bytes} bytes is too large for a checkpoint")]
    TooLarge { bytes: usize },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CheckpointError {
    let path = path.to_owned();
    move |source| CheckpointError::Io {
        action,
        path,
        source,
    }
}

/// Names the checkpoint in force and its sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Name of the file inside the data folder.
    pub(crate) checkpoint: String,
    /// Last operation that the checkpoint surely reflects.
    pub(crate) sequence: u64,
}

impl Manifest {
    fn path(folder: &Path) -> PathBuf {
        folder.join("MANIFEST")
    }

    /// Reads the manifest; `None` when there has been no checkpoint.
    ///
    /// # Errors
    /// When it cannot be read or its checksum is wrong.
    pub(crate) fn read(folder: &Path) -> Result<Option<Self>, CheckpointError> {
        let path = Self::path(folder);
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error("read", &path)(error)),
        };
        Self::decode(&content).map(Some).map_err(|reason| {
            let offset = 0;
            CheckpointError::Damaged {
                path,
                offset,
                reason,
            }
        })
    }

    fn decode(content: &[u8]) -> Result<Self, String> {
        let (crc, body) = content.split_at_checked(4).ok_or("it is cut short")?;
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err("the checksum is wrong".to_owned());
        }
        let decode = || {
            let mut reader = Reader::new(body)?;
            let manifest = Self {
                checkpoint: reader.text("checkpoint")?,
                sequence: reader.u64("sequence")?,
            };
            reader.finish()?;
            Ok(manifest)
        };
        decode().map_err(|error: CodecError| error.to_string())
    }

    /// Replaces the manifest, atomically and durably.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), CheckpointError> {
        let mut writer = Writer::new();
        writer.text(&self.checkpoint);
        writer.u64(self.sequence);
        let body = writer.finish();
        let mut content = crc32fast::hash(&body).to_le_bytes().to_vec();
        content.extend_from_slice(&body);

        let temporary = folder.join("MANIFEST.tmp");
        File::create(&temporary)
            .and_then(|mut file| file.write_all(&content).and_then(|()| file.sync_all()))
            .map_err(io_error("write", &temporary))?;
        publish(folder, &temporary, &Self::path(folder))
    }
}

/// Renames a synced file into place and makes the name durable.
fn publish(folder: &Path, temporary: &Path, path: &Path) -> Result<(), CheckpointError> {
    std::fs::rename(temporary, path).map_err(io_error("rename", temporary))?;
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(io_error("sync", folder))
}

/// Writes one checkpoint.
pub(crate) struct CheckpointWriter {
    folder: PathBuf,
    temporary: PathBuf,
    sequence: u64,
    file: BufWriter<File>,
    blocks: u64,
}

impl CheckpointWriter {
    /// Begins a checkpoint at `sequence`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(folder: &Path, sequence: u64) -> Result<Self, CheckpointError> {
        let temporary = folder.join("checkpoint.tmp");
        let mut file =
            BufWriter::new(File::create(&temporary).map_err(io_error("create", &temporary))?);
        file.write_all(&MAGIC)
            .map_err(io_error("write", &temporary))?;
        Ok(Self {
            folder: folder.to_owned(),
            temporary,
            sequence,
            file,
            blocks: 0,
        })
    }

    /// Adds a collection; its records follow.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn spec(&mut self, spec: &Spec) -> Result<(), CheckpointError> {
        let mut writer = Writer::new();
        writer.tag(SPEC);
        writer.spec(spec);
        self.block(&writer.finish())
    }

    /// Adds a record of the collection added last.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn record(&mut self, record: &Record) -> Result<(), CheckpointError> {
        let mut writer = Writer::new();
        writer.tag(RECORD);
        writer.record(record);
        self.block(&writer.finish())
    }

    fn block(&mut self, body: &[u8]) -> Result<(), CheckpointError> {
        let length = u32::try_from(body.len())
            .ok()
            .filter(|length| *length <= MAX_BLOCK);
        let length = length.ok_or(CheckpointError::TooLarge { bytes: body.len() })?;
        self.blocks += 1;
        self.file
            .write_all(&length.to_le_bytes())
            .and_then(|()| self.file.write_all(&crc32fast::hash(body).to_le_bytes()))
            .and_then(|()| self.file.write_all(body))
            .map_err(io_error("write", &self.temporary))
    }

    /// Ends the checkpoint, puts it into force and removes older ones.
    ///
    /// # Errors
    /// When the disk refuses; the checkpoint before stays in force.
    pub(crate) fn finish(mut self) -> Result<Manifest, CheckpointError> {
        let mut writer = Writer::new();
        writer.tag(END);
        writer.u64(self.sequence);
        writer.u64(self.blocks);
        self.block(&writer.finish())?;
        let temporary = self.temporary;
        let file = self
            .file
            .into_inner()
            .map_err(|error| io_error("write", &temporary)(error.into_error()))?;
        file.sync_all().map_err(io_error("sync", &temporary))?;
        let manifest = Manifest {
            checkpoint: format!("checkpoint-{:020}.bin", self.sequence),
            sequence: self.sequence,
        };
        publish(
            &self.folder,
            &temporary,
            &self.folder.join(&manifest.checkpoint),
        )?;
        manifest.write(&self.folder)?;
        remove_others(&self.folder, &manifest.checkpoint)?;
        Ok(manifest)
    }
}

/// Removes every checkpoint but the one named.
fn remove_others(folder: &Path, keep: &str) -> Result<(), CheckpointError> {
    for entry in std::fs::read_dir(folder).map_err(io_error("list", folder))? {
        let entry = entry.map_err(io_error("list", folder))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("checkpoint-") && name != keep {
            std::fs::remove_file(entry.path()).map_err(io_error("remove", &entry.path()))?;
        }
    }
    Ok(())
}

/// What a checkpoint holds, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    Spec(Spec),
    Record(Record),
}

/// Reads the checkpoint that the manifest names.
///
/// # Errors
/// When the file is missing or damaged anywhere, with its name and the offset;
/// or the error of `visit`.
pub(crate) fn read<E: From<CheckpointError>>(
    folder: &Path,
    manifest: &Manifest,
    mut visit: impl FnMut(Item) -> Result<(), E>,
) -> Result<(), E> {
    let path = folder.join(&manifest.checkpoint);
    let file = File::open(&path).map_err(io_error("open", &path))?;
    let mut source = Source {
        file: BufReader::with_capacity(1 << 20, file),
        path,
        offset: 0,
    };
    let mut magic = [0; 8];
    source.fill(&mut magic)?;
    if magic != MAGIC {
        return Err(source.damaged("it is no checkpoint").into());
    }
    let mut blocks = 0;
    loop {
        let block = source.block()?;
        let item = decode_item(&block).map_err(|error| source.damaged(&error.to_string()))?;
        match item {
            Block::Item(item) => visit(item)?,
            Block::End(sequence, count) if sequence == manifest.sequence && count == blocks => {
                return Ok(());
            }
            Block::End(..) => return Err(source.damaged("the end does not fit the rest").into()),
        }
        blocks += 1;
    }
}

enum Block {
    Item(Item),
    End(u64, u64),
}

fn decode_item(block: &[u8]) -> Result<Block, CodecError> {
    let mut reader = Reader::new(block)?;
    let what = "checkpoint block";
    let item = match reader.tag(what)? {
        SPEC => Block::Item(Item::Spec(reader.spec()?)),
        RECORD => Block::Item(Item::Record(reader.record()?)),
        END => Block::End(reader.u64("sequence")?, reader.u64("count")?),
        tag => return Err(CodecError::Tag { what, tag }),
    };
    reader.finish()?;
    Ok(item)
}

struct Source {
    file: BufReader<File>,
    path: PathBuf,
    /// Where the last block began.
    offset: u64,
}

impl Source {
    fn damaged(&self, reason: &str) -> CheckpointError {
        CheckpointError::Damaged {
            path: self.path.clone(),
            offset: self.offset,
            reason: reason.to_owned(),
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), CheckpointError> {
        self.file.read_exact(buffer).map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                self.damaged("it is cut short")
            } else {
                io_error("read", &self.path)(error)
            }
        })
    }

    fn block(&mut self) -> Result<Vec<u8>, CheckpointError> {
        use std::io::Seek as _;
        self.offset = self
            .file
            .stream_position()
            .map_err(io_error("read", &self.path))?;
        let mut number = [0; 4];
        self.fill(&mut number)?;
        let length = u32::from_le_bytes(number);
        self.fill(&mut number)?;
        let crc = u32::from_le_bytes(number);
        if length > MAX_BLOCK {
            return Err(self.damaged("a length is wrong"));
        }
        // Grows with what is really there, not with what a length claims.
        let mut body = Vec::new();
        let read = self
            .file
            .by_ref()
            .take(u64::from(length))
            .read_to_end(&mut body)
            .map_err(io_error("read", &self.path))?;
        if u32::try_from(read) != Ok(length) {
            return Err(self.damaged("it is cut short"));
        }
        if crc32fast::hash(&body) != crc {
            return Err(self.damaged("a checksum is wrong"));
        }
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, sequence: u64) -> (Manifest, Vec<Item>) {
        let spec = Spec {
            name: "a".to_owned(),
            facets: [].into(),
            model_fingerprint: "f".to_owned(),
        };
        let record = Record {
            id: "1".to_owned(),
            vectors: [("text".to_owned(), vec![1.0, -2.5])].into(),
            document: b"d".to_vec(),
            ..Record::default()
        };
        let mut writer = CheckpointWriter::create(folder, sequence).unwrap();
        writer.spec(&spec).unwrap();
        writer.record(&record).unwrap();
        let manifest = writer.finish().unwrap();
        (manifest, vec![Item::Spec(spec), Item::Record(record)])
    }

    fn read_all(folder: &Path) -> Result<Vec<Item>, CheckpointError> {
        let manifest = Manifest::read(folder)?.unwrap();
        let mut items = Vec::new();
        read(folder, &manifest, |item| {
            items.push(item);
            Ok::<(), CheckpointError>(())
        })?;
        Ok(items)
    }

    #[test]
    fn a_checkpoint_round_trips_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), None);
        write(folder.path(), 3);
        let (manifest, items) = write(folder.path(), 9);
        assert_eq!(Manifest::read(folder.path()).unwrap(), Some(manifest));
        assert_eq!(read_all(folder.path()).unwrap(), items);
        let files = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 2, "the manifest and one checkpoint");
    }

    #[test]
    fn any_flipped_or_missing_byte_is_noticed_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let (manifest, _) = write(folder.path(), 3);
        for name in [manifest.checkpoint.as_str(), "MANIFEST"] {
            let path = folder.path().join(name);
            let content = std::fs::read(&path).unwrap();
            for at in 0..content.len() {
                let mut damaged = content.clone();
                damaged[at] ^= 1;
                std::fs::write(&path, &damaged).unwrap();
                let error = read_all(folder.path()).unwrap_err().to_string();
                assert!(error.contains(name), "{error}");
                std::fs::write(&path, &content[..at]).unwrap();
                assert!(read_all(folder.path()).is_err(), "cut at {at}");
            }
            std::fs::write(&path, &content).unwrap();
        }
    }
}
