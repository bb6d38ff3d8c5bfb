//! The forward file of a segment: the terms of each row, found by its number.
//!
//! It serves what an inverted index is slow at: the score of a given row, the
//! words that a row matched, what a dead row held, and merging without the
//! texts. Terms are numbered in the order in which the builder met them, so
//! frequent ones have small numbers and short codes.
//!
//! ```text
//! rows     for each row its distinct terms in ascending order, each as varint
//!          (step from the term before · 2 + 1 if repeated), varint(count - 2) if repeated
//! offsets  u64 × (rows + 1): where each row begins
//! lengths  u32 × rows: terms of each row, repeats included
//! numbers  u32 × terms: number of a term by its place in the sorted dictionary
//! tail     tokens u64, rows u32, documents u32, terms u32, "VWF1"
//! ```
//! Little-endian. The whole file is covered by the segment's checksums.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tantivy::directory::OwnedBytes;

use super::WordsError;
use crate::points::as_index;

/// Name of the file.
pub(super) const FILE: &str = "rows.fwd";
const MAGIC: &[u8; 4] = b"VWF1";
const TAIL_BYTES: usize = 24;
/// A varint of 64 bits has at most 10 bytes.
const MAX_VARINT_BYTES: u32 = 10;

/// Writes the rows one after the other.
pub(super) struct ForwardWriter {
    file: BufWriter<File>,
    at: u64,
    offsets: Vec<u64>,
    lengths: Vec<u32>,
    tokens: u64,
    documents: u32,
    row: Vec<u8>,
}

impl ForwardWriter {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::with_capacity(1 << 20, File::create(folder.join(FILE))?),
            at: 0,
            offsets: vec![0],
            lengths: Vec::new(),
            tokens: 0,
            documents: 0,
            row: Vec::new(),
        })
    }

    /// Adds a row: its terms by ascending number, with their counts of at
    /// least 1.
    pub(super) fn push(&mut self, terms: &[(u32, u32)]) -> io::Result<()> {
        self.row.clear();
        let mut before = 0;
        let mut length = 0_u32;
        for (term, count) in terms {
            let step = u64::from(term - before);
            before = *term;
            length = length.saturating_add(*count);
            write_varint(&mut self.row, step << 1 | u64::from(*count > 1));
            if *count > 1 {
                write_varint(&mut self.row, u64::from(count - 2));
            }
        }
        self.file.write_all(&self.row)?;
        self.at += u64::try_from(self.row.len()).unwrap_or_default();
        self.offsets.push(self.at);
        self.lengths.push(length);
        self.tokens += u64::from(length);
        self.documents += u32::from(length > 0);
        Ok(())
    }

    pub(super) fn rows(&self) -> usize {
        self.lengths.len()
    }

    /// Writes the tables; `numbers` gives the number of each term in the order
    /// of the dictionary.
    pub(super) fn finish(mut self, rows: u32, numbers: &[u32]) -> io::Result<()> {
        for offset in &self.offsets {
            self.file.write_all(&offset.to_le_bytes())?;
        }
        for value in self.lengths.iter().chain(numbers) {
            self.file.write_all(&value.to_le_bytes())?;
        }
        let terms = u32::try_from(numbers.len()).map_err(io::Error::other)?;
        self.file.write_all(&self.tokens.to_le_bytes())?;
        for value in [rows, self.documents, terms] {
            self.file.write_all(&value.to_le_bytes())?;
        }
        self.file.write_all(MAGIC)?;
        self.file.flush()
    }
}

fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// The forward file, memory-mapped.
pub(super) struct Forward {
    entries: OwnedBytes,
    offsets: OwnedBytes,
    lengths: OwnedBytes,
    numbers: OwnedBytes,
    pub(super) tokens: u64,
    pub(super) rows: u32,
    /// Rows that have terms.
    pub(super) documents: u32,
    pub(super) terms: u32,
}

impl Forward {
    /// Reads the tail and finds the tables; reads no row.
    pub(super) fn new(path: &Path, bytes: &OwnedBytes) -> Result<Self, WordsError> {
        let damaged = |reason: &str| WordsError::damaged(path, reason);
        let tail_at = bytes.len().checked_sub(TAIL_BYTES);
        let tail_at = tail_at.ok_or_else(|| damaged("too short"))?;
        let tail = bytes.get(tail_at..).unwrap_or_default();
        let (Some((tokens, rest)), true) = (tail.split_first_chunk(), tail.ends_with(MAGIC)) else {
            return Err(damaged("unknown format"));
        };
        let (values, _) = rest.as_chunks();
        let [rows, documents, terms, _] = *values else {
            return Err(damaged("too short"));
        };
        let (rows, terms) = (u32::from_le_bytes(rows), u32::from_le_bytes(terms));
        let sizes = [
            8 * (as_index(rows) + 1),
            4 * as_index(rows),
            4 * as_index(terms),
        ];
        let offsets_at = tail_at.checked_sub(sizes.iter().sum());
        let offsets_at = offsets_at.ok_or_else(|| damaged("its tables do not fit"))?;
        let lengths_at = offsets_at + sizes[0];
        let numbers_at = lengths_at + sizes[1];
        Ok(Self {
            entries: bytes.slice(0..offsets_at),
            offsets: bytes.slice(offsets_at..lengths_at),
            lengths: bytes.slice(lengths_at..numbers_at),
            numbers: bytes.slice(numbers_at..tail_at),
            tokens: u64::from_le_bytes(*tokens),
            rows,
            documents: u32::from_le_bytes(documents),
            terms,
        })
    }

    /// Returns the length of every row, little-endian.
    pub(super) fn lengths(&self) -> &[[u8; 4]] {
        self.lengths.as_chunks().0
    }

    /// Returns the number of the term at a place of the sorted dictionary.
    pub(super) fn number(&self, place: u64) -> Option<u32> {
        let place = usize::try_from(place).ok()?;
        let numbers: &[[u8; 4]] = self.numbers.as_chunks().0;
        numbers.get(place).map(|bytes| u32::from_le_bytes(*bytes))
    }

    pub(super) fn length(&self, row: u32) -> u32 {
        let length = self.lengths().get(as_index(row));
        length.map_or(0, |bytes| u32::from_le_bytes(*bytes))
    }

    /// Returns the terms of a row by ascending number, with their counts.
    #[inline]
    pub(super) fn row(&self, row: u32) -> RowTerms<'_> {
        let offsets: &[[u8; 8]] = self.offsets.as_chunks().0;
        let offset = |index: usize| {
            let offset = offsets.get(index).map(|bytes| u64::from_le_bytes(*bytes));
            usize::try_from(offset?).ok()
        };
        let index = as_index(row);
        let range = offset(index).zip(offset(index + 1));
        let entries = range.and_then(|(from, to)| self.entries.get(from..to));
        RowTerms {
            entries: entries.unwrap_or_default(),
            term: 0,
        }
    }
}

/// The terms of one row.
pub(super) struct RowTerms<'a> {
    entries: &'a [u8],
    term: u32,
}

impl RowTerms<'_> {
    #[inline]
    fn varint(&mut self) -> Option<u32> {
        let (first, rest) = self.entries.split_first()?;
        self.entries = rest;
        if *first < 0x80 {
            return Some(u32::from(*first));
        }
        self.long_varint(u64::from(*first & 0x7f))
    }

    fn long_varint(&mut self, mut value: u64) -> Option<u32> {
        for place in 1..MAX_VARINT_BYTES {
            let (byte, rest) = self.entries.split_first()?;
            self.entries = rest;
            value |= u64::from(*byte & 0x7f) << (7 * place);
            if *byte < 0x80 {
                return u32::try_from(value).ok();
            }
        }
        None
    }
}

impl Iterator for RowTerms<'_> {
    /// Number and count.
    type Item = (u32, u32);

    #[inline]
    fn next(&mut self) -> Option<(u32, u32)> {
        let code = self.varint()?;
        self.term = self.term.wrapping_add(code >> 1);
        let count = if code & 1 == 1 {
            self.varint()?.saturating_add(2)
        } else {
            1
        };
        Some((self.term, count))
    }
}

/// Reads every row of a forward file, for the fuzzer.
#[cfg(feature = "fuzzing")]
pub(crate) fn fuzz_forward(bytes: &[u8]) {
    let bytes = OwnedBytes::new(bytes.to_vec());
    if let Ok(forward) = Forward::new(Path::new(FILE), &bytes) {
        for row in 0..forward.rows.min(64) {
            assert!(forward.row(row).count() <= bytes.len());
            forward.length(row);
            forward.number(row.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type Rows = Vec<BTreeMap<u32, u32>>;

    fn written(rows: &Rows) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = ForwardWriter::create(folder.path()).unwrap();
        for row in rows {
            let terms: Vec<_> = row.iter().map(|(term, count)| (*term, *count)).collect();
            writer.push(&terms).unwrap();
        }
        let count = u32::try_from(writer.rows()).unwrap();
        writer.finish(count, &[5, 4, 3]).unwrap();
        std::fs::read(folder.path().join(FILE)).unwrap()
    }

    fn opened(bytes: Vec<u8>) -> Result<Forward, WordsError> {
        Forward::new(Path::new("rows.fwd"), &OwnedBytes::new(bytes))
    }

    proptest! {
        #[test]
        fn rows_come_back(rows in prop::collection::vec(
            prop::collection::btree_map(0_u32..1 << 30, prop_oneof![1_u32..4, 1_u32..100_000], 0..20), 0..20,
        )) {
            let forward = opened(written(&rows)).unwrap();
            prop_assert_eq!(as_index(forward.rows), rows.len());
            for (row, wanted) in (0_u32..).zip(&rows) {
                prop_assert_eq!(&forward.row(row).collect::<BTreeMap<_, _>>(), wanted);
                prop_assert_eq!(forward.length(row), wanted.values().sum::<u32>());
            }
            let tokens: u32 = rows.iter().flat_map(BTreeMap::values).sum();
            prop_assert_eq!(forward.tokens, u64::from(tokens));
            let documents = rows.iter().filter(|row| !row.is_empty()).count();
            prop_assert_eq!(as_index(forward.documents), documents);
            prop_assert_eq!((forward.number(1), forward.number(3)), (Some(4), None));
            prop_assert_eq!(forward.row(forward.rows).count(), 0);
        }

        #[test]
        fn damage_never_panics(at in 0_usize..200, byte in any::<u8>(), cut in 0_usize..200) {
            let rows = vec![BTreeMap::from([(3, 1), (700, 9)]), BTreeMap::new(), BTreeMap::from([(1, 2)])];
            let mut bytes = written(&rows);
            let length = bytes.len();
            bytes[at % length] = byte;
            bytes.truncate(length - cut % length);
            if let Ok(forward) = opened(bytes) {
                for row in 0..forward.rows.min(100) {
                    prop_assert!(forward.row(row).count() <= length);
                }
            }
        }
    }
}
