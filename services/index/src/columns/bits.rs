//! Plain bits: row r is bit `r % 64` of word `r / 64`, as in
//! [`vivier_ann::RowSet`].
//!
//! Filters are evaluated in such words and become a set at the end; bits from
//! the number of rows on may hold anything until then.

/// Returns words for `rows` rows, all bits 0.
pub(super) fn empty(rows: u32) -> Vec<u64> {
    vec![0; as_index(rows.div_ceil(u64::BITS))]
}

/// Returns the bytes that the words for `rows` rows take.
pub(super) fn byte_len(rows: u32) -> usize {
    as_index(rows.div_ceil(u64::BITS)) * size_of::<u64>()
}

/// Sets the bit of a row; a row that has no bit is left out.
#[inline]
pub(super) fn set(words: &mut [u64], row: u32) {
    if let Some(word) = words.get_mut(as_index(row / u64::BITS)) {
        *word |= 1 << (row % u64::BITS);
    }
}

/// Adds all bits of stored words (little endian).
pub(super) fn unite_stored(words: &mut [u64], stored: &[u8]) {
    for (word, stored) in words.iter_mut().zip(stored_words(stored)) {
        *word |= stored;
    }
}

/// Adds the bits of `stored` that are not in `less`, both stored words.
pub(super) fn unite_stored_less(words: &mut [u64], stored: &[u8], less: &[u8]) {
    let stored = stored_words(stored).zip(stored_words(less));
    for (word, (stored, less)) in words.iter_mut().zip(stored) {
        *word |= stored & !less;
    }
}

/// Sets every bit.
pub(super) fn fill(words: &mut [u64]) {
    words.fill(u64::MAX);
}

/// Adds the bits that `other` lacks.
pub(super) fn unite_complement(words: &mut [u64], other: &[u64]) {
    for (word, other) in words.iter_mut().zip(other) {
        *word |= !other;
    }
}

/// Adds the bits of `other`.
pub(super) fn unite(words: &mut [u64], other: &[u64]) {
    for (word, other) in words.iter_mut().zip(other) {
        *word |= other;
    }
}

/// Keeps the bits that `other` has.
pub(super) fn intersect(words: &mut [u64], other: &[u64]) {
    for (word, other) in words.iter_mut().zip(other) {
        *word &= other;
    }
}

/// Keeps the bits that `other` lacks.
pub(super) fn subtract(words: &mut [u64], other: &[u64]) {
    for (word, other) in words.iter_mut().zip(other) {
        *word &= !other;
    }
}

/// Reads stored words.
pub(super) fn stored_words(stored: &[u8]) -> impl Iterator<Item = u64> {
    let (words, _) = stored.as_chunks::<8>();
    words.iter().map(|word| u64::from_le_bytes(*word))
}

/// Stores words.
pub(super) fn store(words: &[u64], to: &mut Vec<u8>) {
    to.reserve(size_of_val(words));
    for word in words {
        to.extend_from_slice(&word.to_le_bytes());
    }
}

/// Tells whether stored words hold no bit from `rows` on.
pub(super) fn is_trimmed(stored: &[u8], rows: u32) -> bool {
    let used = rows % u64::BITS;
    used == 0
        || stored_words(stored)
            .last()
            .is_none_or(|word| word >> used == 0)
}

/// Widens a row number; targets have at least 32-bit addresses.
pub(super) fn as_index(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}
