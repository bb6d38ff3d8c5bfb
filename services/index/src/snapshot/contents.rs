//! What a snapshot is made of: an object of its own, `snapshots/NAME`.
//!
//! One line of JSON, and a line with the SHA-256 of the first.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Version of the format.
const FORMAT: u32 = 1;
/// Largest list that is read, in bytes: of about 300,000 files.
pub(super) const MAX_BYTES: u64 = 64 << 20;
/// Longest name of a snapshot, in bytes.
const MAX_NAME: usize = 64;

/// The files of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contents {
    pub(super) format: u32,
    pub(super) name: String,
    /// Identity of the index.
    pub(super) index: String,
    /// Seconds since 1970-01-01 UTC.
    pub(super) taken_at: u64,
    /// Last operation in it.
    pub(super) sequence: u64,
    /// Live points of all collections.
    pub(super) points: u64,
    /// In the order in which they are restored: the manifest last.
    pub(super) files: Vec<Entry>,
}

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Entry {
    /// Where it goes, below the data folder.
    pub(super) path: String,
    pub(super) bytes: u64,
    /// In hexadecimal; its name at the location.
    pub(super) sha256: String,
}

/// What a snapshot is, in short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSummary {
    /// Its name.
    pub name: String,
    /// When it was taken, in seconds since 1970-01-01 UTC.
    pub taken_at: u64,
    /// Sequence number of the last operation in it.
    pub sequence: u64,
    /// Live points of all collections.
    pub points: u64,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Number of its files.
    pub files: u64,
}

impl Contents {
    /// Begins a list.
    pub(super) fn new(name: &str, index: &str) -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            format: FORMAT,
            name: name.to_owned(),
            index: index.to_owned(),
            taken_at: since.unwrap_or_default().as_secs(),
            sequence: 0,
            points: 0,
            files: Vec::new(),
        }
    }

    /// Returns the bytes of the object.
    pub(super) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut content = serde_json::to_vec(self)?;
        let sum = sha256(&content);
        content.push(b'\n');
        content.extend(sum.as_bytes());
        content.push(b'\n');
        Ok(content)
    }

    /// Reads the bytes of an object.
    ///
    /// # Errors
    /// When any byte is not what was written.
    pub(super) fn decode(content: &[u8]) -> Result<Self, String> {
        let lines = content.strip_suffix(b"\n").ok_or("it is cut short")?;
        let end = lines.iter().rposition(|byte| *byte == b'\n');
        let (json, sum) = lines.split_at(end.ok_or("it has no line of the checksum")?);
        if sum.get(1..) != Some(sha256(json).as_bytes()) {
            return Err("its checksum is wrong".to_owned());
        }
        let read: Self = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if read.format != FORMAT {
            return Err(format!("format {} is unknown", read.format));
        }
        if let Some(entry) = read.files.iter().find(|entry| !entry.is_sound()) {
            return Err(format!("file {:?} has no place in an index", entry.path));
        }
        Ok(read)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|entry| entry.bytes).sum()
    }

    pub(super) fn summary(&self) -> SnapshotSummary {
        SnapshotSummary {
            name: self.name.clone(),
            taken_at: self.taken_at,
            sequence: self.sequence,
            points: self.points,
            bytes: self.bytes(),
            files: crate::segment::files::as_u64(self.files.len()),
        }
    }
}

impl Entry {
    /// Tells whether it lies inside the data folder, and may have a name at the
    /// location.
    fn is_sound(&self) -> bool {
        let mut parts = Path::new(&self.path).components();
        let is_plain = parts.all(|part| matches!(part, Component::Normal(_)));
        let is_hash = self.sha256.len() == 64 && self.sha256.bytes().all(is_hex);
        !self.path.is_empty() && is_plain && is_hash
    }
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

/// Tells whether a snapshot may have this name.
pub(super) fn is_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let first = name.bytes().next().is_some_and(allowed);
    let rest = name
        .bytes()
        .all(|byte| allowed(byte) || b"_-.".contains(&byte));
    first && rest && name.len() <= MAX_NAME
}

/// Returns the SHA-256 of bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::new_with_prefix(bytes))
}

/// Ends a hash, in hexadecimal.
pub(super) fn hex(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Contents {
        let entry = Entry {
            path: "segments/0000000001/records.bin".to_owned(),
            bytes: 3,
            sha256: sha256(b"abc"),
        };
        Contents {
            files: vec![entry],
            ..Contents::new("nightly", "1234")
        }
    }

    #[test]
    fn a_list_comes_back_and_any_flipped_or_missing_byte_is_noticed() {
        let content = sample().encode().unwrap();
        assert_eq!(Contents::decode(&content).unwrap(), sample());
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            assert!(Contents::decode(&damaged).is_err(), "byte {at}");
            assert!(Contents::decode(&content[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn a_file_outside_the_data_folder_is_refused() {
        for path in ["../escaped", "/etc/passwd", "segments/../../x", "", "."] {
            let mut sample = sample();
            sample.files[0].path = path.to_owned();
            let error = Contents::decode(&sample.encode().unwrap()).unwrap_err();
            assert!(error.contains("no place"), "{path}: {error}");
        }
    }

    #[test]
    fn names_are_plain() {
        for name in ["a", "nightly-2026.11_25", "0"] {
            assert!(is_name(name), "{name}");
        }
        let long = "a".repeat(65);
        for name in ["", "A", "a/b", ".", "..", "-a", "a b", "é", &long] {
            assert!(!is_name(name), "{name}");
        }
    }
}
