//! The manifest: which segments are live, which of their rows are dead, and up
//! to which operation they hold everything.
//!
//! It is small, checksummed, and replaced as a whole: written under another
//! name, synced, renamed, the folder synced. What it does not name is not part
//! of the index.
//!
//! It knows the checksums of a segment's files, so that a sound file of another
//! segment is told from its own, and an operation that was acknowledged: a log
//! that ends before it has lost something.
//!
//! A collection's segments hold every operation up to its `flushed` sequence;
//! later ones are in the log. Tombstones may be newer than that: an operation
//! that made one is in the log still, and doing it again changes nothing.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use vivier_ann::RowSet;

use crate::codec::{CodecError, Reader, Writer};
use crate::model::Spec;
use crate::segment::files::{FileError, NewFile, as_u64, sync_folder};

const NAME: &str = "MANIFEST";
const MAGIC: [u8; 8] = *b"VIVMAN03";
/// With aliases, and with segments that lack facets: written only where there are
/// any, so that a build before these opens a folder that never had them.
const MAGIC_4: [u8; 8] = *b"VIVMAN04";

/// The state of a shard that is in files other than the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifest {
    /// Number that the next segment gets; never given twice.
    pub(crate) next_segment: u64,
    /// An operation that was acknowledged; the last one after an orderly end.
    pub(crate) sequence: u64,
    /// By name.
    pub(crate) collections: BTreeMap<String, Flushed>,
    /// Names of collections by alias.
    pub(crate) aliases: BTreeMap<String, String>,
}

/// What the segments of one collection hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Flushed {
    pub(crate) spec: Spec,
    /// Last operation that the segments reflect.
    pub(crate) sequence: u64,
    pub(crate) segments: Vec<Listed>,
}

/// One live segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listed {
    pub(crate) number: u64,
    /// Checksums of its files, in the order of the segment's files.
    pub(crate) sums: Vec<u32>,
    /// Rows that were replaced or deleted.
    pub(crate) dead: RowSet,
    /// Facets of the collection that came after it was written.
    pub(crate) lacking: Vec<String>,
}

impl Manifest {
    /// Returns where the manifest of a data folder is.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join(NAME)
    }

    /// Reads the manifest; an empty one when there is none yet.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self, FileError> {
        let path = Self::path(folder);
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(FileError::io("read", &path)(error)),
        };
        Self::decode(&content).map_err(|reason| FileError::damaged(&path, reason))
    }

    /// Replaces the manifest, atomically and durably.
    ///
    /// # Errors
    /// When the disk refuses; the one before stays in force.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), FileError> {
        let mut file = NewFile::create(&Self::path(folder))?;
        file.write(&self.encode())?;
        file.finish()?;
        sync_folder(folder)
    }

    fn encode(&self) -> Vec<u8> {
        let mut segments = self.collections.values().flat_map(|c| &c.segments);
        let is_newer =
            !self.aliases.is_empty() || segments.any(|segment| !segment.lacking.is_empty());
        let mut writer = Writer::new();
        writer.u64(self.next_segment);
        writer.u64(self.sequence);
        writer.length(self.collections.len());
        for flushed in self.collections.values() {
            writer.spec(&flushed.spec);
            writer.u64(flushed.sequence);
            writer.length(flushed.segments.len());
            for segment in &flushed.segments {
                writer.u64(segment.number);
                let sums = segment.sums.iter().flat_map(|sum| sum.to_le_bytes());
                writer.blob(&sums.collect::<Vec<_>>());
                writer.u64(segment.dead.len().into());
                let words = segment.dead.words();
                writer.blob(
                    &words
                        .iter()
                        .flat_map(|word| word.to_le_bytes())
                        .collect::<Vec<_>>(),
                );
                if is_newer {
                    writer.texts(segment.lacking.iter());
                }
            }
        }
        if is_newer {
            writer.pairs(&self.aliases);
        }
        let body = writer.finish();
        let mut content = if is_newer { MAGIC_4 } else { MAGIC }.to_vec();
        content.extend(crc32fast::hash(&body).to_le_bytes());
        content.extend(body);
        content
    }

    /// Decodes the content of a file.
    ///
    /// # Errors
    /// When any byte is not what was written.
    pub(crate) fn decode(content: &[u8]) -> Result<Self, String> {
        let newer = content.strip_prefix(&MAGIC_4);
        let is_newer = newer.is_some();
        let rest = newer.or_else(|| content.strip_prefix(&MAGIC));
        let rest = rest.ok_or("it is no manifest of this version")?;
        let (crc, body) = rest.split_at_checked(4).ok_or("it is cut short")?;
        if crc != crc32fast::hash(body).to_le_bytes() {
            return Err("the checksum is wrong".to_owned());
        }
        let mut reader = Reader::new(body).map_err(|error| error.to_string())?;
        let manifest = Self::take(&mut reader, is_newer).map_err(|error| error.to_string())?;
        reader.finish().map_err(|error| error.to_string())?;
        Ok(manifest)
    }

    fn take(reader: &mut Reader<'_>, is_newer: bool) -> Result<Self, CodecError> {
        let next_segment = reader.u64("next segment")?;
        let last = reader.u64("sequence")?;
        let count = reader.count("collections", 24)?;
        let collections = (0..count).map(|_| {
            let spec = reader.spec()?;
            let sequence = reader.u64("sequence")?;
            let count = reader.count("segments", 24)?;
            let segments = (0..count).map(|_| take_listed(reader, is_newer));
            let flushed = Flushed {
                segments: segments.collect::<Result<_, _>>()?,
                spec,
                sequence,
            };
            Ok((flushed.spec.name.clone(), flushed))
        });
        let collections = collections.collect::<Result<_, _>>()?;
        let mut aliases = BTreeMap::new();
        if is_newer {
            aliases = reader.pairs("aliases")?;
        }
        Ok(Self {
            next_segment,
            sequence: last,
            collections,
            aliases,
        })
    }
}

fn take_listed(reader: &mut Reader<'_>, is_newer: bool) -> Result<Listed, CodecError> {
    let number = reader.u64("segment")?;
    let sums = reader.blob("checksums")?;
    let (sums, left) = sums.as_chunks();
    let sums = sums.iter().map(|sum| u32::from_le_bytes(*sum));
    let rows = reader.u64("rows")?;
    let dead = reader.blob("dead rows")?;
    let (words, rest) = dead.as_chunks();
    let expected = rows.div_ceil(u64::from(u64::BITS));
    let fits = left.is_empty() && rest.is_empty() && as_u64(words.len()) == expected;
    let rows = u32::try_from(rows).ok().filter(|_| fits);
    let rows = rows.ok_or(CodecError::Misfit("rows of a segment"))?;
    let words = words.iter().map(|word| u64::from_le_bytes(*word));
    let mut lacking = Vec::new();
    if is_newer {
        lacking = reader.texts("lacking facets")?;
    }
    Ok(Listed {
        number,
        sums: sums.collect(),
        dead: RowSet::from_words(rows, words.collect()),
        lacking,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let spec = Spec {
            name: "a".to_owned(),
            facets: [].into(),
            model_fingerprint: "f".to_owned(),
        };
        let listed = |number, rows| Listed {
            number,
            sums: vec![1, u32::MAX],
            dead: RowSet::of(rows, [0, 69]),
            lacking: Vec::new(),
        };
        let flushed = Flushed {
            spec,
            sequence: 9,
            segments: vec![listed(3, 70), listed(5, 1)],
        };
        Manifest {
            next_segment: 6,
            sequence: 11,
            collections: [("a".to_owned(), flushed)].into(),
            aliases: BTreeMap::new(),
        }
    }

    /// Has what only the newer form can say.
    fn newer() -> Manifest {
        let mut manifest = sample();
        manifest.aliases = [("live".to_owned(), "a".to_owned())].into();
        let flushed = manifest.collections.get_mut("a").unwrap();
        flushed.segments[0].lacking = vec!["skills".to_owned(), "words".to_owned()];
        manifest
    }

    #[test]
    fn a_manifest_comes_back_and_replaces_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), Manifest::default());
        Manifest::default().write(folder.path()).unwrap();
        sample().write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), sample());
        newer().write(folder.path()).unwrap();
        assert_eq!(Manifest::read(folder.path()).unwrap(), newer());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_newer_form_is_written_only_where_it_is_needed() {
        assert!(sample().encode().starts_with(b"VIVMAN03"));
        let mut manifest = newer();
        assert!(manifest.encode().starts_with(b"VIVMAN04"));
        manifest.aliases.clear();
        assert!(manifest.encode().starts_with(b"VIVMAN04"));
        assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
    }

    #[test]
    fn a_manifest_of_the_form_before_is_read() {
        // One collection "a" of the model "f" without facets, at operation 9; its
        // segment 3 has 70 rows, of which 0 and 69 are dead.
        let mut body = vec![1];
        body.extend(6_u64.to_le_bytes());
        body.extend(11_u64.to_le_bytes());
        body.extend(1_u32.to_le_bytes());
        for text in [b"a", b"f"] {
            body.extend(1_u32.to_le_bytes());
            body.extend(text);
        }
        body.extend(0_u32.to_le_bytes());
        body.extend(9_u64.to_le_bytes());
        body.extend(1_u32.to_le_bytes());
        body.extend(3_u64.to_le_bytes());
        body.extend(4_u32.to_le_bytes());
        body.extend(7_u32.to_le_bytes());
        body.extend(70_u64.to_le_bytes());
        body.extend(16_u32.to_le_bytes());
        body.extend(1_u64.to_le_bytes());
        body.extend((1_u64 << 5).to_le_bytes());
        let mut content = b"VIVMAN03".to_vec();
        content.extend(crc32fast::hash(&body).to_le_bytes());
        content.extend(body);
        let found = Manifest::decode(&content).unwrap();
        let mut expected = sample();
        let flushed = expected.collections.get_mut("a").unwrap();
        flushed.segments.truncate(1);
        flushed.segments[0].sums = vec![7];
        assert_eq!(found, expected);
    }

    #[test]
    fn rows_are_not_taken_at_their_word() {
        let mut manifest = sample();
        for flushed in manifest.collections.values_mut() {
            flushed.segments = vec![Listed {
                number: 1,
                sums: Vec::new(),
                dead: RowSet::empty(64),
                lacking: Vec::new(),
            }];
        }
        let mut content = manifest.encode();
        let rows = content.len() - 8 - 4 - 8;
        assert_eq!(content[rows], 64);
        content[rows..rows + 4].fill(u8::MAX);
        let crc = crc32fast::hash(&content[12..]).to_le_bytes();
        content[8..12].copy_from_slice(&crc);
        let error = Manifest::decode(&content).unwrap_err();
        assert!(error.contains("rows of a segment"), "{error}");
    }

    #[test]
    fn any_flipped_or_missing_byte_is_noticed_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        newer().write(folder.path()).unwrap();
        let path = Manifest::path(folder.path());
        let content = std::fs::read(&path).unwrap();
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, &damaged).unwrap();
            let error = Manifest::read(folder.path()).unwrap_err().to_string();
            assert!(error.contains("MANIFEST is damaged"), "{error}");
            assert!(Manifest::decode(&content[..at]).is_err(), "cut at {at}");
        }
    }
}
