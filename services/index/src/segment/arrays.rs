//! Numbers side by side in a file, little-endian.

/// Returns the number at an index of an array; 0 behind its end.
#[inline]
pub(crate) fn u32_at(array: &[u8], index: usize) -> u32 {
    let bytes = array.as_chunks::<4>().0.get(index);
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// Returns the number at an index of an array; 0 behind its end.
#[inline]
pub(crate) fn u64_at(array: &[u8], index: usize) -> u64 {
    let bytes = array.as_chunks::<8>().0.get(index);
    bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Returns the number at an index of an array; 0 behind its end.
#[inline]
pub(crate) fn f64_at(array: &[u8], index: usize) -> f64 {
    f64::from_bits(u64_at(array, index))
}

/// Returns the first index in `from..to` at which `holds` no longer does; it
/// must hold for a first part and for nothing after.
pub(crate) fn partition(from: u32, to: u32, holds: impl Fn(u32) -> bool) -> u32 {
    let (mut from, mut to) = (from, to);
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    from
}
