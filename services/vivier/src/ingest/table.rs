//! Reads the rows of a CSV file, each of bounded length.
//!
//! Built on the push parser of `csv-core`, because the usual reader holds a
//! whole row however long it is: one unclosed quote would be the whole file.

use std::io::{self, BufRead};

use csv_core::ReadRecordResult;

/// One row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Row {
    /// The cells, as bytes.
    Cells(Vec<Vec<u8>>),
    /// The row was longer than the limit and was skipped.
    TooLong {
        /// Its length in bytes, quotes not counted.
        bytes: u64,
    },
}

/// Reads rows one by one.
pub(crate) struct TableReader<R> {
    input: R,
    parser: csv_core::Reader,
    max_bytes: usize,
    offset: u64,
    cells: Vec<u8>,
    ends: Vec<usize>,
}

/// A row being read.
#[derive(Default)]
struct Progress {
    text: usize,
    cells: usize,
    skipped: u64,
    too_long: bool,
}

impl<R: BufRead> TableReader<R> {
    /// Reads from `input`; rows over `max_bytes` are skipped.
    pub(crate) fn new(input: R, max_bytes: usize) -> Self {
        Self {
            input,
            parser: csv_core::Reader::new(),
            max_bytes,
            offset: 0,
            cells: vec![0; max_bytes.min(64 << 10)],
            ends: vec![0; 64],
        }
    }

    /// Returns the bytes read so far.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Returns the next row and the number of its first line, from 1; `None` at
    /// the end. Empty lines are skipped.
    ///
    /// # Errors
    /// When the input cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<(u64, Row)>> {
        let mut row = Progress::default();
        let mut first_line = self.parser.line();
        loop {
            let chunk = match self.input.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                chunk => chunk?,
            };
            if row.text == 0 && row.cells == 0 && !row.too_long {
                first_line = self.parser.line();
            }
            let (result, used, written, ended) = self.parser.read_record(
                chunk,
                &mut self.cells[row.text..],
                &mut self.ends[row.cells..],
            );
            self.offset += used as u64;
            self.input.consume(used);
            row.text += written;
            row.cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.grow_or_skip(&mut row),
                ReadRecordResult::OutputEndsFull => {
                    let doubled = self.ends.len() * 2;
                    self.ends.resize(doubled, 0);
                    if doubled > self.max_bytes.max(128) {
                        self.skip(&mut row);
                    }
                }
                ReadRecordResult::Record => return Ok(Some((first_line, self.finish(&row)))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn grow_or_skip(&mut self, row: &mut Progress) {
        if self.cells.len() < self.max_bytes && !row.too_long {
            let doubled = (self.cells.len() * 2).min(self.max_bytes);
            self.cells.resize(doubled, 0);
        } else {
            self.skip(row);
        }
    }

    fn skip(&mut self, row: &mut Progress) {
        row.too_long = true;
        row.skipped += row.text as u64;
        row.text = 0;
        row.cells = 0;
    }

    fn finish(&self, row: &Progress) -> Row {
        if row.too_long {
            return Row::TooLong {
                bytes: row.skipped + row.text as u64,
            };
        }
        let mut start = 0;
        let cut = |end: &usize| {
            let cell = self.cells[start..*end].to_vec();
            start = *end;
            cell
        };
        Row::Cells(self.ends[..row.cells].iter().map(cut).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufReader, Read};

    use super::*;

    fn read_all(text: &str, max_bytes: usize, buffer: usize) -> Vec<(u64, Result<String, u64>)> {
        let input = BufReader::with_capacity(buffer, text.as_bytes());
        let mut reader = TableReader::new(input, max_bytes);
        let mut found = Vec::new();
        while let Some((line, row)) = reader.next().unwrap() {
            found.push(match row {
                Row::Cells(cells) => {
                    let cells: Vec<_> = cells
                        .into_iter()
                        .map(|cell| String::from_utf8(cell).unwrap())
                        .collect();
                    (line, Ok(cells.join(";")))
                }
                Row::TooLong { bytes } => (line, Err(bytes)),
            });
        }
        assert_eq!(reader.offset(), text.len() as u64);
        found
    }

    #[test]
    fn quotes_newlines_and_long_rows() {
        let text = "id,text\r\n1,\"a \"\"b\"\"\nc\"\n\n2,0123456789012345678901234567\n3,é\n";
        for buffer in [1, 5, 64] {
            let found = read_all(text, 20, buffer);
            assert_eq!(found[0], (1, Ok("id;text".to_owned())));
            assert_eq!(found[1].1, Ok("1;a \"b\"\nc".to_owned()));
            assert_eq!(found[2].1, Err(29), "buffer of {buffer}");
            assert_eq!(found[3].1, Ok("3;é".to_owned()));
            assert_eq!(found.len(), 4);
        }
    }

    #[test]
    fn an_unclosed_quote_is_a_long_row_in_bounded_memory() {
        let input = b"id\n\"".chain(io::repeat(b'x').take(50 << 20));
        let mut reader = TableReader::new(BufReader::new(input), 1 << 20);
        assert!(matches!(reader.next().unwrap(), Some((1, Row::Cells(_)))));
        assert_eq!(
            reader.next().unwrap(),
            Some((2, Row::TooLong { bytes: 50 << 20 }))
        );
        assert_eq!(reader.next().unwrap(), None);
        assert!(reader.cells.capacity() <= 2 << 20);
    }
}
