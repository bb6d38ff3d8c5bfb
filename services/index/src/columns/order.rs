//! Rows in the order of a key, so that a range of keys is a range of rows.
//!
//! ```text
//! rows 4 | distinct keys 4 | step 4 | end of each key's rows 4 | rows
//! | checkpoints
//! ```
//!
//! Checkpoint i holds, as plain bits, the first i · step rows of the order:
//! the difference of two is a wide range without a step per row, so that no
//! range costs more than twice `step` rows and two passes over bits.

use bytes::Bytes;

use super::bits::{self, as_index};
use super::format::{Cursor, Damage, ensure, u32_bytes};
use crate::segment::arrays::u32_at;

/// Checkpoints of a large order; each takes one bit per row of the segment.
const CHECKPOINTS: u32 = 16;
/// Rows that are not worth a checkpoint.
const MIN_STEP: u32 = 4_096;

/// A stored order.
pub(super) struct Order {
    len: u32,
    keys: u32,
    step: u32,
    ends: Bytes,
    rows: Bytes,
    checkpoints: Vec<Bytes>,
}

impl Order {
    /// Reads an order of rows of a segment of `rows` rows and checks it wholly.
    ///
    /// # Errors
    /// When it does not have the described form.
    pub(super) fn decode(cursor: &mut Cursor, rows: u32) -> Result<Self, Damage> {
        let len = cursor.u32("the number of ordered rows")?;
        let keys = cursor.u32("the number of keys")?;
        let step = cursor.u32("the step")?;
        ensure(len <= rows, "more rows are ordered than there are")?;
        ensure(step > 0, "the step is zero")?;
        let ends = cursor.array(keys, 4, "the ends of keys")?;
        let ordered = cursor.array(len, 4, "the ordered rows")?;
        let mut checkpoints = Vec::new();
        for _ in 0..len.saturating_sub(1) / step {
            checkpoints.push(cursor.take(bits::byte_len(rows), "a checkpoint")?);
        }
        let order = Self {
            len,
            keys,
            step,
            ends,
            rows: ordered,
            checkpoints,
        };
        order.check(rows)?;
        Ok(order)
    }

    fn check(&self, rows: u32) -> Result<(), Damage> {
        let mut last = 0;
        for key in 0..self.keys {
            let end = u32_at(&self.ends, as_index(key));
            ensure(end > last, "the ends of keys do not ascend")?;
            last = end;
        }
        ensure(last == self.len, "the ends of keys do not fit the rows")?;
        let mut seen = bits::empty(rows);
        let mut checkpoints = self.checkpoints.iter();
        let (chunks, _) = self.rows.as_chunks::<4>();
        for (place, row) in (0..self.len).zip(chunks) {
            if place > 0 && place.is_multiple_of(self.step) {
                let stored = checkpoints.next().map_or(&[][..], |stored| stored);
                let equal = bits::stored_words(stored).eq(seen.iter().copied());
                ensure(equal, "a checkpoint does not fit the order")?;
            }
            let row = u32::from_le_bytes(*row);
            ensure(row < rows, "an ordered row is beyond the last")?;
            let new = seen
                .get(as_index(row / u64::BITS))
                .is_some_and(|word| word >> (row % u64::BITS) & 1 == 0);
            ensure(new, "a row is ordered twice")?;
            bits::set(&mut seen, row);
        }
        Ok(())
    }

    /// Counts the distinct keys.
    pub(super) fn keys(&self) -> u32 {
        self.keys
    }

    /// Returns the place of the first row of a key; of the end for the key
    /// behind the last.
    pub(super) fn start(&self, key: u32) -> u32 {
        key.checked_sub(1)
            .map_or(0, |before| u32_at(&self.ends, as_index(before)))
    }

    /// Adds the rows of the keys `from..to`.
    pub(super) fn add(&self, from: u32, to: u32, words: &mut [u64]) {
        if from >= to {
            return;
        }
        let (from, to) = (self.start(from), self.start(to));
        // The checkpoints inside the range, the first rounded up.
        let (first, last) = (from.div_ceil(self.step), to / self.step);
        let stored = |number: u32| {
            let index = as_index(number).checked_sub(1)?;
            self.checkpoints.get(index)
        };
        // None is stored at the very end of the order.
        let last = last.min(u32::try_from(self.checkpoints.len()).unwrap_or(u32::MAX));
        if first >= last {
            return self.add_each(from, to, words);
        }
        match (stored(first), stored(last)) {
            (Some(less), Some(stored)) => bits::unite_stored_less(words, stored, less),
            (None, Some(stored)) => bits::unite_stored(words, stored),
            (_, None) => return self.add_each(from, to, words),
        }
        self.add_each(from, first * self.step, words);
        self.add_each(last * self.step, to, words);
    }

    fn add_each(&self, from: u32, to: u32, words: &mut [u64]) {
        let (rows, _) = self.rows.as_chunks::<4>();
        let rows = rows.get(as_index(from)..as_index(to));
        for row in rows.unwrap_or_default() {
            bits::set(words, u32::from_le_bytes(*row));
        }
    }
}

/// Stores the order of rows of a segment of `rows` rows: each key's rows.
///
/// # Errors
/// When there are too many.
pub(super) fn store(
    ends: &[u32],
    ordered: &[u32],
    rows: u32,
    to: &mut Vec<u8>,
) -> Result<(), Damage> {
    let len = u32::from_le_bytes(u32_bytes(ordered.len())?);
    let step = len.div_ceil(CHECKPOINTS).max(MIN_STEP);
    to.extend(len.to_le_bytes());
    to.extend(u32_bytes(ends.len())?);
    to.extend(step.to_le_bytes());
    for number in ends.iter().chain(ordered) {
        to.extend(number.to_le_bytes());
    }
    let mut words = bits::empty(rows);
    for (place, row) in (0..len).zip(ordered) {
        if place > 0 && place.is_multiple_of(step) {
            bits::store(&words, to);
        }
        bits::set(&mut words, *row);
    }
    Ok(())
}

/// Joins the rows of equal keys: returns the distinct keys, the end of each
/// one's rows, and the rows. `sorted` is in the order of its keys.
pub(super) fn group<K: PartialEq + Copy>(
    sorted: impl IntoIterator<Item = (K, u32)>,
) -> (Vec<K>, Vec<u32>, Vec<u32>) {
    let (mut keys, mut ends, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let mut end = 0;
    for (key, row) in sorted {
        if keys.last() != Some(&key) {
            keys.push(key);
            ends.push(end);
        }
        end += 1;
        rows.push(row);
        if let Some(last) = ends.last_mut() {
            *last = end;
        }
    }
    (keys, ends, rows)
}
