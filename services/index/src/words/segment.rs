//! An immutable segment of a words facet: one tantivy segment on disk whose
//! documents are the rows, and a forward file.

use std::path::Path;

use tantivy::directory::{Directory, MmapDirectory};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{Index, SegmentReader, TantivyError, Term};
use vivier_ann::RowSet;

use super::bm25::{self, AskedWords, QueryTerm, WordsQuery, WordsStatistics};
use super::forward::{FILE, Forward, RowTerms};
use super::select::{Best, Wanted};
use super::walk::{Cursor, walk};
use super::write::TEXT;
use super::{DeadWords, WordsError, sums};
use crate::points::as_index;

/// What looking a row up in the forward file costs, in postings walked: 400 ns
/// to 2 ns.
const ROW_COST: u64 = 200;
/// Rows whose sums are cleared and read at the cost of one posting.
const SUMS_PER_POSTING: u64 = 4;

/// A segment of a words facet, memory-mapped. Row r is the r-th text that the
/// builder was given.
pub struct WordsSegment {
    reader: SegmentReader,
    text: Field,
    forward: Forward,
    checksum: u32,
}

impl WordsSegment {
    /// Checks every file of a finished segment against its checksum and maps
    /// them. Reads all bytes once, decodes none.
    ///
    /// # Errors
    /// When a file is missing, unreadable or damaged; it is named.
    pub fn open(folder: &Path) -> Result<Self, WordsError> {
        let (rows, checksum) = sums::verify(folder)?;
        let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
        let path = folder.join(FILE);
        let bytes = directory
            .open_read(Path::new(FILE))
            .map_err(TantivyError::from)?
            .read_bytes()
            .map_err(WordsError::file(&path))?;
        let forward = Forward::new(&path, &bytes)?;
        let index = Index::open(directory)?;
        let segments = index.searchable_segments()?;
        let [segment] = segments.as_slice() else {
            let reason = format!("it has {} segments, expected 1", segments.len());
            return Err(WordsError::damaged(folder, reason));
        };
        let reader = SegmentReader::open(segment)?;
        if forward.rows != rows || reader.max_doc() != rows {
            let reason = format!(
                "{} rows, {} in the inverted index, expected {rows}",
                forward.rows,
                reader.max_doc()
            );
            return Err(WordsError::damaged(folder, reason));
        }
        let text = index.schema().get_field(TEXT)?;
        let terms = reader.inverted_index(text)?.terms().num_terms();
        if terms != as_index(forward.terms) {
            let reason = format!("{} terms, {terms} in the inverted index", forward.terms);
            return Err(WordsError::damaged(folder, reason));
        }
        Ok(Self {
            reader,
            text,
            forward,
            checksum,
        })
    }

    /// Returns a checksum of all files, by which they are told from others.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Returns the number of rows.
    pub fn rows(&self) -> u32 {
        self.forward.rows
    }

    /// Returns what BM25 must know of this segment's live texts.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn statistics(
        &self,
        asked: &AskedWords,
        dead: &DeadWords,
    ) -> Result<WordsStatistics, WordsError> {
        let inverted = self.reader.inverted_index(self.text)?;
        let mut frequencies = Vec::new();
        for text in asked.texts() {
            let term = Term::from_field_text(self.text, text);
            let found = inverted.get_term_info(&term).map_err(TantivyError::from)?;
            let mut frequency = found.map_or(0, |info| u64::from(info.doc_freq));
            if frequency > 0
                && dead.documents > 0
                && let Some(number) = self.number(text)?
            {
                frequency = frequency.saturating_sub(dead.frequency(as_index(number)));
            }
            frequencies.push(frequency);
        }
        Ok(WordsStatistics {
            documents: u64::from(self.forward.documents).saturating_sub(dead.documents),
            tokens: self.forward.tokens.saturating_sub(dead.tokens),
            frequencies,
        })
    }

    /// Counts a row as dead; each row at most once.
    pub fn bury(&self, row: u32, dead: &mut DeadWords) {
        let terms = self.forward.row(row).map(|(term, _)| as_index(term));
        let length = self.forward.length(row);
        dead.add(self.vocabulary(), length, terms);
    }

    /// Returns the `n` rows of greatest score, best first, of equal ones the
    /// lower first; only rows in `allow`, not in `dead`, with at least one of
    /// the words. Exact.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn top(
        &self,
        query: &WordsQuery,
        n: usize,
        allow: Option<&RowSet>,
        dead: Option<&RowSet>,
    ) -> Result<Vec<(u32, f32)>, WordsError> {
        let mut best = Best::new(n);
        let wanted = Wanted { allow, dead };
        match allow {
            Some(allow) if self.rows_are_cheaper(query, allow)? => {
                let terms = self.numbered(query)?;
                for row in allow.iter().filter(|row| !wanted.is_dead(*row)) {
                    best.offer(row, self.units(&terms, query, row));
                }
            }
            Some(_) | None => {
                self.walk(query, |first, sums| wanted.offer(&mut best, first, sums))?;
            }
        }
        let best = best.finish().into_iter();
        Ok(best.map(|(units, row)| (row, query.score(units))).collect())
    }

    /// Returns the score of each given row; 0 for one without any of the words
    /// and for one that there is not.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn scores(&self, query: &WordsQuery, rows: &[u32]) -> Result<Vec<f32>, WordsError> {
        let terms = self.numbered(query)?;
        let scores = rows
            .iter()
            .map(|row| query.score(self.units(&terms, query, *row)));
        Ok(scores.collect())
    }

    /// Returns the score of every row in `allow`, by row; those of others may be 0.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn all_scores(
        &self,
        query: &WordsQuery,
        allow: Option<&RowSet>,
    ) -> Result<Vec<f32>, WordsError> {
        let rows = as_index(self.rows());
        if let Some(allow) = allow
            && self.rows_are_cheaper(query, allow)?
        {
            let terms = self.numbered(query)?;
            let mut scores = vec![0.0; rows];
            for row in allow.iter() {
                if let Some(score) = scores.get_mut(as_index(row)) {
                    *score = query.score(self.units(&terms, query, row));
                }
            }
            return Ok(scores);
        }
        let mut scores = Vec::with_capacity(rows);
        self.walk(query, |_, sums| {
            scores.extend(sums.iter().map(|units| query.score(*units)));
        })?;
        Ok(scores)
    }

    /// Returns for each given row the terms that it has, by their place in the
    /// query, with their parts of the score, best first.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn explain(
        &self,
        query: &WordsQuery,
        rows: &[u32],
    ) -> Result<Vec<Vec<(usize, f32)>>, WordsError> {
        let terms = self.numbered(query)?;
        let explained = rows.iter().map(|row| {
            let mut parts = Vec::new();
            self.each_part(&terms, query, *row, |place, units| {
                parts.push((place, query.score(units)));
            });
            parts.sort_by(|a: &(usize, f32), b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            parts
        });
        Ok(explained.collect())
    }

    /// Returns the number of distinct terms.
    pub(super) fn vocabulary(&self) -> usize {
        as_index(self.forward.terms)
    }

    /// Returns the terms of a row by their numbers.
    pub(super) fn row(&self, row: u32) -> RowTerms<'_> {
        self.forward.row(row)
    }

    /// Visits every term with its number.
    pub(super) fn each_term(&self, mut visit: impl FnMut(u32, &str)) -> Result<(), WordsError> {
        let inverted = self.reader.inverted_index(self.text)?;
        let mut stream = inverted.terms().stream().map_err(TantivyError::from)?;
        let mut place = 0;
        while stream.advance() {
            let text = std::str::from_utf8(stream.key()).ok();
            if let Some((number, text)) = self.forward.number(place).zip(text) {
                visit(number, text);
            }
            place += 1;
        }
        Ok(())
    }

    /// Tells whether scoring the allowed rows one by one costs less than
    /// walking the postings of all terms.
    fn rows_are_cheaper(&self, query: &WordsQuery, allow: &RowSet) -> Result<bool, WordsError> {
        let inverted = self.reader.inverted_index(self.text)?;
        let mut walk = u64::from(self.rows()) / SUMS_PER_POSTING;
        for term in query.terms() {
            let term = Term::from_field_text(self.text, &term.text);
            let found = inverted.get_term_info(&term).map_err(TantivyError::from)?;
            walk += found.map_or(0, |info| u64::from(info.doc_freq));
        }
        Ok(u64::from(allow.count()) * ROW_COST < walk)
    }

    fn walk(&self, query: &WordsQuery, visit: impl FnMut(u32, &[i32])) -> Result<(), WordsError> {
        let inverted = self.reader.inverted_index(self.text)?;
        let mut cursors = Vec::new();
        for QueryTerm { text, share, .. } in query.terms() {
            let term = Term::from_field_text(self.text, text);
            let option = IndexRecordOption::WithFreqs;
            let postings = inverted.read_block_postings(&term, option);
            if let Some(postings) = postings.map_err(TantivyError::from)? {
                cursors.push(Cursor::new(postings, *share));
            }
        }
        walk(cursors, self.forward.lengths(), query.norm(), visit);
        Ok(())
    }

    fn number(&self, text: &str) -> Result<Option<u32>, WordsError> {
        let inverted = self.reader.inverted_index(self.text)?;
        let place = inverted.terms().term_ord(text);
        let place = place.map_err(TantivyError::from)?;
        Ok(place.and_then(|place| self.forward.number(place)))
    }

    fn numbered(&self, query: &WordsQuery) -> Result<Numbered, WordsError> {
        let mut terms = Vec::new();
        for (place, QueryTerm { text, share, .. }) in query.terms().iter().enumerate() {
            if let Some(number) = self.number(text)? {
                terms.push((number, *share, place));
            }
        }
        Ok(Numbered::new(terms))
    }

    #[inline]
    fn units(&self, terms: &Numbered, query: &WordsQuery, row: u32) -> i32 {
        let mut sum = 0;
        self.each_part(terms, query, row, |_, units| sum += units);
        sum
    }

    #[inline]
    fn each_part(
        &self,
        terms: &Numbered,
        query: &WordsQuery,
        row: u32,
        mut visit: impl FnMut(usize, i32),
    ) {
        let norm = query.norm().of(self.forward.length(row));
        for (number, count) in self.forward.row(row) {
            if let Some((share, place)) = terms.get(number) {
                visit(place, bm25::part(share, count, norm));
            }
        }
    }
}

/// The terms of a query by their number in a segment.
struct Numbered {
    /// Number, share and place in the query, by number.
    terms: Vec<(u32, f32, usize)>,
    /// Bit `number % BITS` of every term: most terms of a row are none of the
    /// query's, and this tells so at once.
    seen: [u64; BITS / 64],
}

const BITS: usize = 4096;

impl Numbered {
    fn new(mut terms: Vec<(u32, f32, usize)>) -> Self {
        terms.sort_unstable_by_key(|(number, ..)| *number);
        let mut seen = [0; BITS / 64];
        for (number, ..) in &terms {
            let bit = as_index(*number) % BITS;
            seen[bit / 64] |= 1 << (bit % 64);
        }
        Self { terms, seen }
    }

    /// Returns share and place of a term.
    #[inline]
    fn get(&self, number: u32) -> Option<(f32, usize)> {
        let bit = as_index(number) % BITS;
        if self.seen[bit / 64] >> (bit % 64) & 1 == 0 {
            return None;
        }
        let found = self.terms.binary_search_by_key(&number, |term| term.0);
        let (_, share, place) = self.terms.get(found.ok()?)?;
        Some((*share, *place))
    }
}
