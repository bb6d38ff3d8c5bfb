//! The store: documents, summaries, payloads and words by id, on disk.
//!
//! A materialisation of the log and the checkpoint, never the truth: sled 0.34
//! is not durable on power loss (spacejam/sled#1452), so nothing acknowledged
//! rests on it. It keeps the applied sequence in the same batch as the records;
//! when that is behind the checkpoint, or the folder does not open, the folder
//! is put aside and filled again.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::codec::{CodecError, Reader, Writer};
use crate::model::{Record, Value, Words};

/// Why the store failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the store failed")]
    Sled(#[source] sled::Error),
    #[error("the store holds a damaged record")]
    Codec(#[source] CodecError),
    #[error("the store panicked while opening")]
    Panicked,
    #[error("cannot put the broken store {} aside", path.display())]
    Quarantine {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Sled(error)
    }
}

impl From<CodecError> for StoreError {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

/// One change of the store.
pub(crate) enum Change<'a> {
    Put {
        collection: &'a str,
        record: &'a Record,
    },
    Remove {
        collection: &'a str,
        id: &'a str,
    },
}

/// The small parts of a record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Head {
    pub(crate) revision: Vec<u8>,
    pub(crate) summary: Vec<u8>,
    pub(crate) payload: BTreeMap<String, Value>,
}

/// Keeps records without their vectors, with the sequence that they reflect.
pub(crate) trait Store: Send + Sync {
    /// Returns the sequence of the last applied operation; 0 when empty.
    fn applied(&self) -> Result<u64, StoreError>;
    /// Makes changes and notes the sequence, all or nothing.
    fn apply(&self, sequence: u64, changes: &[Change<'_>]) -> Result<(), StoreError>;
    /// Returns the small parts of a record.
    fn head(&self, collection: &str, id: &str) -> Result<Option<Head>, StoreError>;
    /// Returns the document of a record.
    fn document(&self, collection: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// Returns the words of a record.
    fn words(&self, collection: &str, id: &str) -> Result<BTreeMap<String, Words>, StoreError>;
    /// Counts the records of a collection.
    fn count(&self, collection: &str) -> Result<usize, StoreError>;
    /// Removes everything.
    fn clear(&self) -> Result<(), StoreError>;
    /// Hands everything to the operating system.
    fn flush(&self) -> Result<(), StoreError>;
}

/// The store on sled.
pub(crate) struct SledStore {
    db: sled::Db,
}

const APPLIED: &[u8] = b"a";
const HEAD: u8 = b'h';
const WORDS: u8 = b'w';
const DOCUMENT: u8 = b'd';

impl SledStore {
    /// Opens the store in `folder`; one that does not open is put aside under
    /// the name `folder.broken-N` and an empty one takes its place.
    ///
    /// # Errors
    /// When even an empty one does not open.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let error = match Self::try_open(folder) {
            Ok(store) => return Ok(store),
            Err(error) => error,
        };
        let aside = quarantine(folder)?;
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            folder = %folder.display(), aside = %aside.display(),
            "the store does not open; it is put aside and rebuilt"
        );
        Self::try_open(folder)
    }

    fn try_open(folder: &Path) -> Result<Self, StoreError> {
        let open = || {
            sled::Config::new()
                .path(folder)
                .cache_capacity(64 << 20)
                .flush_every_ms(Some(1_000))
                .open()
        };
        // A store closed a moment ago can hold its lock a little longer.
        for _ in 0..50 {
            let opened = catch_unwind(AssertUnwindSafe(open)).map_err(|_| StoreError::Panicked)?;
            match opened {
                Ok(db) => {
                    let store = Self { db };
                    store.applied()?;
                    return Ok(store);
                }
                Err(sled::Error::Io(error)) if is_lock(&error) => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(error.into()),
            }
        }
        open().map(|db| Self { db }).map_err(StoreError::Sled)
    }

    fn get(&self, kind: u8, collection: &str, id: &str) -> Result<Option<sled::IVec>, StoreError> {
        Ok(self.db.get(key(kind, collection, id))?)
    }
}

fn is_lock(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock || error.to_string().contains("lock")
}

fn quarantine(folder: &Path) -> Result<PathBuf, StoreError> {
    let failed = |source| StoreError::Quarantine {
        path: folder.to_owned(),
        source,
    };
    for number in 1_u32.. {
        let aside = folder.with_extension(format!("broken-{number}"));
        if !aside.try_exists().map_err(failed)? {
            std::fs::rename(folder, &aside).map_err(failed)?;
            return Ok(aside);
        }
    }
    Err(failed(std::io::Error::other("too many broken stores")))
}

/// Builds a key: kind, length of the collection's name, name, id. Names are
/// at most 64 bytes.
fn key(kind: u8, collection: &str, id: &str) -> Vec<u8> {
    let length = u8::try_from(collection.len()).unwrap_or(u8::MAX);
    let mut key = Vec::with_capacity(2 + collection.len() + id.len());
    key.extend_from_slice(&[kind, length]);
    key.extend_from_slice(collection.as_bytes());
    key.extend_from_slice(id.as_bytes());
    key
}

// === impl SledStore ===

impl Store for SledStore {
    fn applied(&self) -> Result<u64, StoreError> {
        let Some(bytes) = self.db.get(APPLIED)? else {
            return Ok(0);
        };
        let mut reader = Reader::new(&bytes)?;
        let sequence = reader.u64("sequence")?;
        reader.finish()?;
        Ok(sequence)
    }

    fn apply(&self, sequence: u64, changes: &[Change<'_>]) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        for change in changes {
            match change {
                Change::Put { collection, record } => put(&mut batch, collection, record),
                Change::Remove { collection, id } => {
                    for kind in [HEAD, WORDS, DOCUMENT] {
                        batch.remove(key(kind, collection, id));
                    }
                }
            }
        }
        let mut writer = Writer::new();
        writer.u64(sequence);
        batch.insert(APPLIED, writer.finish());
        Ok(self.db.apply_batch(batch)?)
    }

    fn head(&self, collection: &str, id: &str) -> Result<Option<Head>, StoreError> {
        let Some(bytes) = self.get(HEAD, collection, id)? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&bytes)?;
        let head = Head {
            revision: reader.blob("revision")?,
            summary: reader.blob("summary")?,
            payload: reader.payload()?,
        };
        reader.finish()?;
        Ok(Some(head))
    }

    fn document(&self, collection: &str, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(bytes) = self.get(DOCUMENT, collection, id)? else {
            return Ok(None);
        };
        let mut reader = Reader::new(&bytes)?;
        let document = reader.blob("document")?;
        reader.finish()?;
        Ok(Some(document))
    }

    fn words(&self, collection: &str, id: &str) -> Result<BTreeMap<String, Words>, StoreError> {
        let Some(bytes) = self.get(WORDS, collection, id)? else {
            return Ok(BTreeMap::new());
        };
        let mut reader = Reader::new(&bytes)?;
        let words = reader.words()?;
        reader.finish()?;
        Ok(words)
    }

    fn count(&self, collection: &str) -> Result<usize, StoreError> {
        let mut count = 0;
        for found in self.db.scan_prefix(key(HEAD, collection, "")).keys() {
            found?;
            count += 1;
        }
        Ok(count)
    }

    fn clear(&self) -> Result<(), StoreError> {
        Ok(self.db.clear()?)
    }

    fn flush(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        Ok(())
    }
}

fn put(batch: &mut sled::Batch, collection: &str, record: &Record) {
    let mut writer = Writer::new();
    writer.blob(&record.revision);
    writer.blob(&record.summary);
    writer.payload(&record.payload);
    batch.insert(key(HEAD, collection, &record.id), writer.finish());

    let words_key = key(WORDS, collection, &record.id);
    if record.words.is_empty() {
        batch.remove(words_key);
    } else {
        let mut writer = Writer::new();
        writer.words(&record.words);
        batch.insert(words_key, writer.finish());
    }

    let mut writer = Writer::new();
    writer.blob(&record.document);
    batch.insert(key(DOCUMENT, collection, &record.id), writer.finish());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(id: &str) -> Record {
        Record {
            id: id.to_owned(),
            words: [("words".to_owned(), Words::default())].into(),
            payload: [("remote".to_owned(), Value::Boolean(true))].into(),
            summary: b"s".to_vec(),
            document: b"d".to_vec(),
            revision: b"r".to_vec(),
            ..Record::default()
        }
    }

    #[test]
    fn records_come_back_and_go() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let store = SledStore::open(&path).unwrap();
        let record = sample("é");
        let collection = "a";
        let put = Change::Put {
            collection,
            record: &record,
        };
        store.apply(7, &[put]).unwrap();
        drop(store);

        let store = SledStore::open(&path).unwrap();
        assert_eq!(store.applied().unwrap(), 7);
        let head = store.head("a", "é").unwrap().unwrap();
        assert_eq!(
            (head.revision, head.summary, head.payload),
            (b"r".to_vec(), b"s".to_vec(), record.payload.clone())
        );
        assert_eq!(store.document("a", "é").unwrap().unwrap(), b"d");
        assert_eq!(store.words("a", "é").unwrap(), record.words);
        assert_eq!(
            (store.count("a").unwrap(), store.count("aa").unwrap()),
            (1, 0)
        );
        store
            .apply(
                8,
                &[Change::Remove {
                    collection,
                    id: "é",
                }],
            )
            .unwrap();
        assert_eq!(store.head("a", "é").unwrap(), None);
        assert_eq!(store.document("a", "é").unwrap(), None);
        assert_eq!(store.applied().unwrap(), 8);
    }

    #[test]
    fn a_store_that_does_not_open_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        std::fs::write(&path, "not a folder").unwrap();
        let store = SledStore::open(&path).unwrap();
        assert_eq!(store.applied().unwrap(), 0);
        assert!(folder.path().join("store.broken-1").is_file());
    }
}
