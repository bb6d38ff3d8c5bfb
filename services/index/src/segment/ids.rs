//! The ids of a segment: the id of a row, the row of an id, rows in id order.
//!
//! ```text
//! magic 8 | rows 4 | bytes of all ids 4
//! ends     u32 × rows: where the id of a row ends in the text
//! order    u32 × rows: rows in the order of their ids
//! hashes   u32 × rows: crc32 of the ids, ascending
//! hashed   u32 × rows: the rows of the hashes
//! text     the ids, row after row
//! crc32 of all before 4
//! ```
//!
//! The file is mapped into memory and checked whole when it is opened.

use std::path::Path;

use bytes::Bytes;

use crate::segment::arrays::{partition, u32_at};
use crate::segment::files::{FileError, NewFile};
use crate::segment::map::map;

const MAGIC: [u8; 8] = *b"VIVIDS01";
const HEADER: usize = 16;

/// Writes the ids of rows 0 and on.
///
/// # Errors
/// When the disk refuses, or the ids take more than 4 GiB.
pub(crate) fn write(path: &Path, ids: &[&str]) -> Result<(), FileError> {
    let too_large = |what| FileError::TooLarge {
        path: path.to_owned(),
        what,
        limit: u32::MAX.into(),
    };
    let rows = u32::try_from(ids.len()).map_err(|_| too_large("rows"))?;
    let mut ends = Vec::with_capacity(ids.len());
    let mut bytes = 0_u32;
    for id in ids {
        let length = u32::try_from(id.len()).ok();
        let end = length.and_then(|length| bytes.checked_add(length));
        bytes = end.ok_or_else(|| too_large("bytes of ids"))?;
        ends.push(bytes);
    }
    let mut order: Vec<(&str, u32)> = ids.iter().copied().zip(0..rows).collect();
    order.sort_unstable();
    let mut hashes: Vec<(u32, u32)> = ids.iter().map(|id| hash(id)).zip(0..rows).collect();
    hashes.sort_unstable();

    let mut content = MAGIC.to_vec();
    let numbers = [rows, bytes].into_iter().chain(ends);
    let numbers = numbers.chain(order.iter().map(|(_, row)| *row));
    let numbers = numbers.chain(hashes.iter().map(|(hash, _)| *hash));
    let numbers = numbers.chain(hashes.iter().map(|(_, row)| *row));
    content.extend(numbers.flat_map(u32::to_le_bytes));
    ids.iter().for_each(|id| content.extend(id.as_bytes()));
    content.extend(crc32fast::hash(&content).to_le_bytes());
    let mut file = NewFile::create(path)?;
    file.write(&content)?;
    file.finish()
}

fn hash(id: &str) -> u32 {
    crc32fast::hash(id.as_bytes())
}

/// The ids of a segment.
pub(crate) struct Ids {
    rows: u32,
    checksum: u32,
    ends: Bytes,
    order: Bytes,
    hashes: Bytes,
    hashed: Bytes,
    text: Bytes,
}

impl Ids {
    /// Maps a file and checks every byte of it.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub(crate) fn open(path: &Path) -> Result<Self, FileError> {
        let content = map(path).map_err(FileError::io("read", path))?;
        Self::from_bytes(&content).map_err(|reason| FileError::damaged(path, reason))
    }

    /// Checks the content of a file and takes it.
    ///
    /// # Errors
    /// When any byte is not what was written.
    pub(crate) fn from_bytes(content: &Bytes) -> Result<Self, &'static str> {
        let body = content.len().checked_sub(4).ok_or("it is cut short")?;
        if body < HEADER || content[..MAGIC.len()] != MAGIC {
            return Err("it is no file of ids");
        }
        let checksum = crc32fast::hash(&content[..body]);
        if checksum.to_le_bytes() != content[body..] {
            return Err("the checksum is wrong");
        }
        let (rows, bytes) = (number(content, 2), number(content, 3));
        let array = as_index(rows).saturating_mul(4);
        let text = HEADER.saturating_add(array.saturating_mul(4));
        if text.checked_add(as_index(bytes)) != Some(body) {
            return Err("its length does not fit its counts");
        }
        let part =
            |index: usize| content.slice(HEADER + index * array..HEADER + (index + 1) * array);
        let ids = Self {
            rows,
            checksum,
            ends: part(0),
            order: part(1),
            hashes: part(2),
            hashed: part(3),
            text: content.slice(text..body),
        };
        ids.check()?;
        Ok(ids)
    }

    /// Checks what the checksum cannot: that a writer made sense.
    fn check(&self) -> Result<(), &'static str> {
        let mut end = 0;
        for row in 0..self.rows {
            let next = number(&self.ends, row);
            let id = self.text.get(as_index(end)..as_index(next));
            id.and_then(|id| std::str::from_utf8(id).ok())
                .ok_or("an id is not a text")?;
            end = next;
        }
        if as_index(end) != self.text.len() {
            return Err("the ids do not fill the text");
        }
        let ascending =
            |at: u32| self.id(number(&self.order, at - 1)) < self.id(number(&self.order, at));
        if !(1..self.rows).all(ascending) {
            return Err("the ids are out of order or repeat");
        }
        let sorted = |at: u32| number(&self.hashes, at - 1) <= number(&self.hashes, at);
        let known =
            |at: u32| number(&self.order, at) < self.rows && number(&self.hashed, at) < self.rows;
        if !(1..self.rows).all(sorted) || !(0..self.rows).all(known) {
            return Err("the rows of the ids are wrong");
        }
        Ok(())
    }

    /// Returns a checksum of the whole file, by which it is told from another.
    pub(crate) fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Returns the number of rows.
    pub(crate) fn rows(&self) -> u32 {
        self.rows
    }

    /// Returns the id of a row; empty for one that does not exist.
    pub(crate) fn id(&self, row: u32) -> &str {
        let start = row
            .checked_sub(1)
            .map_or(0, |before| number(&self.ends, before));
        let range = as_index(start)..as_index(number(&self.ends, row));
        let id = self.text.get(range).unwrap_or_default();
        std::str::from_utf8(id).unwrap_or_default()
    }

    /// Returns the row of an id.
    pub(crate) fn row(&self, id: &str) -> Option<u32> {
        let hash = hash(id);
        let first = self.first(hash);
        let equal = (first..self.rows).take_while(|at| number(&self.hashes, *at) == hash);
        let mut rows = equal.map(|at| number(&self.hashed, at));
        rows.find(|row| self.id(*row) == id)
    }

    /// Finds the first place of a hash. Hashes are spread evenly, so the place
    /// is near where its share of the range points to; the steps from there
    /// double until they enclose it.
    fn first(&self, hash: u32) -> u32 {
        let below = |at: u32| number(&self.hashes, at) < hash;
        let guess = (u64::from(hash) * u64::from(self.rows)) >> 32;
        let guess = u32::try_from(guess).unwrap_or(0);
        let (mut from, mut to) = (guess, guess);
        let mut step = 8;
        while from > 0 && !below(from) {
            to = from;
            from = from.saturating_sub(step);
            step *= 2;
        }
        let mut step = 8;
        while to < self.rows && below(to) {
            from = to;
            to = to.saturating_add(step).min(self.rows);
            step *= 2;
        }
        partition(from, to, below)
    }

    /// Returns the rows in id order from the first id greater than `after`.
    pub(crate) fn after<'a>(&'a self, after: &str) -> impl Iterator<Item = u32> + 'a {
        let row = |at: u32| number(&self.order, at);
        let first = partition(0, self.rows, |at| self.id(row(at)) <= after);
        (first..self.rows).map(row)
    }
}

/// Returns the number at an index of an array; 0 behind its end.
fn number(array: &[u8], index: u32) -> u32 {
    u32_at(array, as_index(index))
}

fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn written(ids: &[&str]) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.bin");
        write(&path, ids).unwrap();
        assert_eq!(
            Ids::open(&path).unwrap().rows(),
            u32::try_from(ids.len()).unwrap()
        );
        std::fs::read(path).unwrap()
    }

    proptest! {
        #[test]
        fn ids_equal_a_map(
            known in prop::collection::hash_set("[a-cé]{0,4}", 0..60),
            asked in prop::collection::vec("[a-cé]{0,4}", 20))
        {
            let ids: Vec<&str> = known.iter().map(String::as_str).collect();
            let table = Ids::from_bytes(&written(&ids).into()).unwrap();
            let model: BTreeMap<&str, u32> = ids.iter().copied().zip(0..).collect();
            for (row, id) in (0..).zip(&ids) {
                prop_assert_eq!(table.id(row), *id);
            }
            for id in asked.iter().map(String::as_str).chain(ids.iter().copied()) {
                prop_assert_eq!(table.row(id), model.get(id).copied());
                let later: Vec<u32> = model.iter().filter(|(other, _)| **other > id).map(|(_, row)| *row).collect();
                prop_assert_eq!(table.after(id).collect::<Vec<_>>(), later);
            }
        }
    }

    #[test]
    fn many_ids_are_found_and_others_are_not() {
        let names: BTreeSet<String> = (0..20_000)
            .map(|number| format!("person-{number}"))
            .collect();
        let ids: Vec<&str> = names.iter().map(String::as_str).collect();
        let table = Ids::from_bytes(&written(&ids).into()).unwrap();
        for (row, id) in (0..).zip(&ids) {
            assert_eq!(table.row(id), Some(row));
            assert_eq!(table.row(&format!("{id}x")), None);
        }
    }

    #[test]
    fn any_flipped_or_missing_byte_is_noticed() {
        let content = written(&["b", "", "aé"]);
        for at in 0..content.len() {
            let mut damaged = content.clone();
            damaged[at] ^= 1;
            assert!(Ids::from_bytes(&damaged.into()).is_err(), "{at}");
            let cut = content[..at].to_vec();
            assert!(Ids::from_bytes(&cut.into()).is_err(), "cut at {at}");
        }
    }
}
