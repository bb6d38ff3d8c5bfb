//! Makes the checksums of damaged files right. Offsets are those of the formats;
//! what is too short stays as it is.

fn put(content: &mut [u8], at: usize, crc: u32) {
    if let Some(place) = content.get_mut(at..at.saturating_add(4)) {
        place.copy_from_slice(&crc.to_le_bytes());
    }
}

/// The checksum of a range, that of nothing when it leaves the content.
fn crc(content: &[u8], from: usize, to: usize) -> u32 {
    crc32fast::hash(content.get(from..to).unwrap_or_default())
}

fn number(content: &[u8], at: usize) -> usize {
    let bytes = content.get(at..).and_then(|rest| rest.first_chunk());
    let number = bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes));
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whole content, checksum in the last 4 bytes.
pub(super) fn end(bytes: &[u8]) -> Vec<u8> {
    let mut content = bytes.to_vec();
    if let Some(body) = content.len().checked_sub(4) {
        let sum = crc(&content, 0, body);
        put(&mut content, body, sum);
    }
    content
}

/// Body behind magic 8 and checksum 4.
pub(super) fn manifest(bytes: &[u8]) -> Vec<u8> {
    let mut content = bytes.to_vec();
    let sum = crc(&content, 12, content.len());
    put(&mut content, 8, sum);
    content
}

/// Frames one behind the other.
pub(super) fn log(bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 29;
    let mut content = bytes.to_vec();
    let mut at = 0;
    while at + HEADER <= content.len() {
        let end = (at + HEADER).saturating_add(number(&content, at + 17));
        let sum = crc(&content, at + HEADER, end);
        put(&mut content, at + 21, sum);
        let sum = crc(&content, at, at + 25);
        put(&mut content, at + 25, sum);
        at = end;
    }
    content
}

/// Rows in the index, the index in the trailer, the trailer in itself.
pub(super) fn records(bytes: &[u8]) -> Vec<u8> {
    const ENTRY: usize = 32;
    let mut content = bytes.to_vec();
    let Some(trailer) = content.len().checked_sub(28) else {
        return content;
    };
    let index = number(&content, trailer).min(trailer);
    for entry in (index..trailer).step_by(ENTRY) {
        let mut from = number(&content, entry);
        for part in 0..3 {
            let to = from.saturating_add(number(&content, entry + 8 + 4 * part));
            let sum = crc(&content, from, to);
            if entry + ENTRY <= trailer {
                put(&mut content, entry + 20 + 4 * part, sum);
            }
            from = to;
        }
    }
    let sum = crc(&content, index, trailer);
    put(&mut content, trailer + 12, sum);
    let sum = crc(&content, trailer, trailer + 16);
    put(&mut content, trailer + 16, sum);
    content
}

/// Sections in the directory, the directory in the header.
pub(super) fn columns(bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 36;
    let mut content = bytes.to_vec();
    let end = HEADER
        .saturating_add(number(&content, 24))
        .min(content.len());
    let mut body = end;
    let mut at = HEADER + 4;
    while at < end {
        at = at.saturating_add(4).saturating_add(number(&content, at));
        let sections = content.get(at).copied().unwrap_or(0);
        at += 1;
        for _ in 0..sections {
            let to = body.saturating_add(number(&content, at + 1));
            let sum = crc(&content, body, to);
            if at + 13 <= end {
                put(&mut content, at + 9, sum);
            }
            body = to;
            at += 13;
        }
    }
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    put(&mut content, 16, length);
    let sum = crc(&content, HEADER, end);
    put(&mut content, 28, sum);
    let sum = crc(&content, 0, HEADER - 4);
    put(&mut content, 32, sum);
    content
}

/// Sections in the table, the table in itself.
pub(super) fn vectors(bytes: &[u8]) -> Vec<u8> {
    const SECTIONS: usize = 9;
    const ENTRY: usize = 24;
    let mut content = bytes.to_vec();
    for section in 0..SECTIONS {
        let entry = 16 + section * ENTRY;
        let from = number(&content, entry);
        let to = from.saturating_add(number(&content, entry + 8));
        let sum = crc(&content, from, to);
        put(&mut content, entry + 16, sum);
    }
    let end = 16 + SECTIONS * ENTRY;
    let sum = crc(&content, 0, end);
    put(&mut content, end, sum);
    content
}

/// A checksum in the last line.
pub(super) fn sums(bytes: &[u8]) -> Vec<u8> {
    let mut content = bytes.to_vec();
    content.truncate(content.len().saturating_sub(9));
    let sum = crc32fast::hash(&content);
    content.extend(format!("{sum:08x}\n").into_bytes());
    content
}
