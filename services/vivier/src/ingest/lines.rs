//! Reads lines of bounded length from a file of any size.
//!
//! A line over the limit is skipped as it is read: at no time is more than the
//! limit held in memory.

use std::io::{self, BufRead};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// The bytes of the line.
    Bytes(&'a [u8]),
    /// The line was longer than the limit and was skipped.
    TooLong {
        /// Its length, in bytes.
        bytes: u64,
    },
}

/// Reads lines one by one.
pub(crate) struct LineReader<R> {
    input: R,
    max_bytes: usize,
    line: Vec<u8>,
    number: u64,
    offset: u64,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from `input`; lines over `max_bytes` are skipped.
    pub(crate) fn new(input: R, max_bytes: usize) -> Self {
        Self {
            input,
            max_bytes,
            line: Vec::new(),
            number: 0,
            offset: 0,
        }
    }

    /// Returns the bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next line and its number, from 1; `None` at the end.
    ///
    /// A carriage return before the line end is cut, and a byte order mark
    /// before the first line too.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Line<'_>)>> {
        self.line.clear();
        let mut length: u64 = 0;
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if chunk.is_empty() {
                if length == 0 {
                    return Ok(None);
                }
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = end.map_or(chunk, |end| &chunk[..end]);
            length += part.len() as u64;
            let room = self.max_bytes.saturating_add(1) - self.line.len();
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = part.len() + usize::from(end.is_some());
            self.offset += used as u64;
            self.input.consume(used);
            if end.is_some() {
                break;
            }
        }
        self.number += 1;
        if self.line.len() > self.max_bytes {
            return Ok(Some((self.number, Line::TooLong { bytes: length })));
        }
        let mut bytes = self.line.as_slice();
        if self.number == 1 {
            bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        }
        bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        Ok(Some((self.number, Line::Bytes(bytes))))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn read_all(text: &[u8], max_bytes: usize, buffer: usize) -> Vec<(u64, Result<Vec<u8>, u64>)> {
        let mut reader = LineReader::new(BufReader::with_capacity(buffer, text), max_bytes);
        let mut found = Vec::new();
        while let Some((number, line)) = reader.next().unwrap() {
            found.push(match line {
                Line::Bytes(bytes) => (number, Ok(bytes.to_vec())),
                Line::TooLong { bytes } => (number, Err(bytes)),
            });
        }
        assert_eq!(reader.offset(), text.len() as u64);
        found
    }

    #[test]
    fn lines_are_numbered_and_trimmed() {
        for buffer in [1, 2, 3, 64] {
            let found = read_all(b"\xef\xbb\xbfone\r\n\nmuch too long\nfour", 8, buffer);
            let expected = vec![
                (1, Ok(b"one".to_vec())),
                (2, Ok(Vec::new())),
                (3, Err(13)),
                (4, Ok(b"four".to_vec())),
            ];
            assert_eq!(found, expected, "buffer of {buffer}");
        }
    }

    #[test]
    fn a_line_of_exactly_the_limit_passes() {
        assert_eq!(
            read_all(b"123\n1234\n", 3, 8),
            [(1, Ok(b"123".to_vec())), (2, Err(4))]
        );
    }

    #[test]
    fn a_huge_line_is_skipped_in_bounded_memory() {
        let huge = 50 << 20;
        let input = io::repeat(b'x').take(huge).chain(&b"\nnext\n"[..]);
        let mut reader = LineReader::new(BufReader::new(input), 1 << 20);
        assert_eq!(
            reader.next().unwrap(),
            Some((1, Line::TooLong { bytes: huge }))
        );
        assert_eq!(reader.next().unwrap(), Some((2, Line::Bytes(b"next"))));
        assert_eq!(reader.next().unwrap(), None);
        assert!(
            reader.line.capacity() <= 4 << 20,
            "held {} bytes",
            reader.line.capacity()
        );
    }
}
