//! One set of rows in the file, in the smallest of three forms.
//!
//! `count 4 | form 1 | body`: all rows (no body), plain bits, or a roaring
//! bitmap in its portable format. Plain bits are taken from one row in sixteen
//! on: there they are no larger than the sixteen-bit entries of a roaring
//! array, and are added to an answer without a step per row.

use roaring::RoaringBitmap;

use super::bits;
use super::format::{Damage, ensure};
use crate::segment::arrays::u32_at;

const ALL: u8 = 0;
const BITS: u8 = 1;
const ROARING: u8 = 2;

/// A set of at least one row in this many is stored as plain bits.
const DENSE: u64 = 16;

/// A stored set of rows.
#[derive(Clone, Copy)]
pub(super) struct Bitmap<'a> {
    count: u32,
    form: u8,
    body: &'a [u8],
}

impl<'a> Bitmap<'a> {
    /// Reads the head of a stored set; its body is read when asked for.
    pub(super) fn of(stored: &'a [u8]) -> Option<Self> {
        let (head, body) = stored.split_first_chunk::<5>()?;
        let (count, form) = (u32_at(head, 0), head[4]);
        Some(Self { count, form, body })
    }

    /// Reads a stored set and checks it wholly against a segment of `rows`
    /// rows.
    ///
    /// # Errors
    /// When it is not a set of such rows.
    pub(super) fn checked(stored: &'a [u8], rows: u32) -> Result<Self, Damage> {
        let bitmap = Self::of(stored).ok_or_else(|| Damage::new("a bitmap is cut short"))?;
        let count = match bitmap.form {
            ALL => {
                ensure(bitmap.body.is_empty(), "a full bitmap has a body")?;
                u64::from(rows)
            }
            BITS => {
                let fits = bitmap.body.len() == bits::byte_len(rows);
                ensure(fits, "a bitmap has the wrong length")?;
                let trimmed = bits::is_trimmed(bitmap.body, rows);
                ensure(trimmed, "a bitmap has rows beyond the last")?;
                let words = bits::stored_words(bitmap.body);
                words.map(|word| u64::from(word.count_ones())).sum()
            }
            ROARING => {
                let mut rest = bitmap.body;
                let decoded = RoaringBitmap::deserialize_from(&mut rest)
                    .map_err(|error| Damage::new(format!("a bitmap is not sound: {error}")))?;
                ensure(rest.is_empty(), "a bitmap has bytes left over")?;
                let fits = decoded.max().is_none_or(|row| row < rows);
                ensure(fits, "a bitmap has rows beyond the last")?;
                decoded.len()
            }
            form => return Err(Damage::new(format!("form {form} of a bitmap is unknown"))),
        };
        ensure(
            count == u64::from(bitmap.count),
            "a bitmap's count is wrong",
        )?;
        Ok(bitmap)
    }

    /// Counts the rows.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// Adds the rows.
    pub(super) fn add(&self, words: &mut [u64]) {
        match self.form {
            ALL => bits::fill(words),
            BITS => bits::unite_stored(words, self.body),
            _ => {
                let decoded = RoaringBitmap::deserialize_from(self.body);
                debug_assert!(decoded.is_ok(), "checked when the file was opened");
                if let Ok(decoded) = decoded {
                    add_each(&decoded, words);
                }
            }
        }
    }
}

/// Adds rows by the block: a step of the iterator each costs four times that.
fn add_each(bitmap: &RoaringBitmap, words: &mut [u64]) {
    let mut rows = bitmap.iter();
    let mut block = [0; 256];
    loop {
        let taken = rows.next_many(&mut block);
        if taken.is_empty() {
            return;
        }
        for row in taken {
            bits::set(words, *row);
        }
    }
}

/// Stores a set of rows, ascending and below `rows`.
///
/// # Errors
/// When the rows are not ascending.
pub(super) fn store(set: &[u32], rows: u32, to: &mut Vec<u8>) -> Result<(), Damage> {
    to.extend(super::format::u32_bytes(set.len())?);
    let count = crate::segment::files::as_u64(set.len());
    if count == u64::from(rows) {
        to.push(ALL);
    } else if count * DENSE >= u64::from(rows) {
        to.push(BITS);
        let mut words = bits::empty(rows);
        for row in set {
            bits::set(&mut words, *row);
        }
        bits::store(&words, to);
    } else {
        to.push(ROARING);
        let mut bitmap = RoaringBitmap::from_sorted_iter(set.iter().copied())
            .map_err(|_| Damage::new("rows are out of order"))?;
        bitmap.optimize();
        // Writing into memory does not fail.
        bitmap
            .serialize_into(&mut *to)
            .map_err(|error| Damage::new(error.to_string()))?;
    }
    Ok(())
}
