//! Writes the segments of a words facet.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tantivy::directory::MmapDirectory;
use tantivy::indexer::SingleSegmentIndexWriter;
use tantivy::schema::{Field, Schema};
use tantivy::{Index, IndexSettings, TantivyDocument, TantivyError};

use super::forward::{FILE, ForwardWriter};
use super::{WordsError, WordsSegment, sums};
use crate::analysis::{Analysis, SEPARATOR, indexed_terms};
use crate::model::Words;
use crate::points::as_index;

/// Name of the only field.
pub(super) const TEXT: &str = "text";
/// Size that tantivy prepares its table of terms for; postings grow beyond.
const WRITER_BYTES: usize = 64 << 20;

/// Writes one segment, row after row, into an empty folder.
///
/// The postings are held in memory until [`Self::finish`]: 200 bytes or so for a
/// text of 150 words.
pub struct WordsSegmentBuilder {
    folder: PathBuf,
    analysis: Analysis,
    text: Field,
    inverted: SingleSegmentIndexWriter,
    forward: ForwardWriter,
    terms: Terms,
    /// Terms of the row under way, repeats included, as number.
    row: Vec<u32>,
    counts: Vec<(u32, u32)>,
}

/// Numbers terms in the order of their first use.
#[derive(Default)]
struct Terms {
    numbers: HashMap<Box<str>, u32>,
    texts: Vec<Box<str>>,
}

impl Terms {
    fn number(&mut self, text: &str) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        let number = u32::try_from(self.texts.len()).ok()?;
        self.numbers.insert(text.into(), number);
        self.texts.push(text.into());
        Some(number)
    }

    fn text(&self, number: u32) -> &str {
        self.texts.get(as_index(number)).map_or("", |text| text)
    }
}

impl WordsSegmentBuilder {
    /// Starts a segment in an empty folder, which is made if absent.
    ///
    /// # Errors
    /// When the folder cannot be made or is not empty.
    pub fn create(folder: &Path) -> Result<Self, WordsError> {
        std::fs::create_dir_all(folder).map_err(WordsError::file(folder))?;
        let mut entries = std::fs::read_dir(folder).map_err(WordsError::file(folder))?;
        if entries.next().is_some() {
            let path = folder.to_owned();
            return Err(WordsError::NotEmpty { path });
        }
        let mut schema = Schema::builder();
        let text = schema.add_text_field(TEXT, indexed_terms());
        let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
        let settings = IndexSettings {
            // Nothing is stored, so there is nothing to do for it.
            docstore_compress_dedicated_thread: false,
            ..IndexSettings::default()
        };
        let inverted = Index::builder()
            .schema(schema.build())
            .settings(settings)
            .single_segment_index_writer(directory, WRITER_BYTES)?;
        let forward = ForwardWriter::create(folder);
        Ok(Self {
            folder: folder.to_owned(),
            analysis: Analysis::new(),
            text,
            inverted,
            forward: forward.map_err(WordsError::file(&folder.join(FILE)))?,
            terms: Terms::default(),
            row: Vec::new(),
            counts: Vec::new(),
        })
    }

    /// Adds the next row; `None` for one without text.
    ///
    /// # Errors
    /// When the segment is full or cannot be written.
    pub fn push(&mut self, words: Option<&Words>) -> Result<(), WordsError> {
        self.row.clear();
        let mut full = false;
        if let Some(Words { text, lang }) = words {
            let Self {
                analysis,
                terms,
                row,
                ..
            } = self;
            analysis.each(text, lang, |term, _| match terms.number(term) {
                Some(number) => row.push(number),
                None => full = true,
            });
        }
        if full {
            return Err(too_much("terms"));
        }
        self.row.sort_unstable();
        self.counts.clear();
        for run in self.row.chunk_by(|a, b| a == b) {
            if let Some(number) = run.first() {
                let count = u32::try_from(run.len()).map_err(|_| too_much("repeats"))?;
                self.counts.push((*number, count));
            }
        }
        self.write_row()
    }

    /// Adds a row of another segment as the next one: what merging does,
    /// without the text.
    ///
    /// # Errors
    /// When the segment is full or cannot be written.
    pub fn push_from(&mut self, source: &mut WordsSource<'_>, row: u32) -> Result<(), WordsError> {
        self.counts.clear();
        for (number, count) in source.segment.row(row) {
            let Some(term) = source.terms.get_mut(as_index(number)) else {
                continue;
            };
            let number = match term.number {
                Some(number) => number,
                None => self
                    .terms
                    .number(&term.text)
                    .ok_or_else(|| too_much("terms"))?,
            };
            term.number = Some(number);
            self.counts.push((number, count));
        }
        self.counts.sort_unstable();
        self.write_row()
    }

    /// Writes `counts` as the next row.
    fn write_row(&mut self) -> Result<(), WordsError> {
        let mut document = TantivyDocument::default();
        if !self.counts.is_empty() {
            let mut terms = String::new();
            for (number, count) in &self.counts {
                for _ in 0..*count {
                    terms.push_str(self.terms.text(*number));
                    terms.push(SEPARATOR);
                }
            }
            document.add_text(self.text, &terms);
        }
        self.inverted.add_document(document)?;
        let written = self.forward.push(&self.counts);
        written.map_err(WordsError::file(&self.folder.join(FILE)))
    }

    /// Writes everything to disk, durably, and opens the segment.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self) -> Result<WordsSegment, WordsError> {
        let rows = u32::try_from(self.forward.rows()).map_err(|_| too_much("rows"))?;
        self.inverted.finalize()?;
        // tantivy's dictionary is sorted by the bytes of the terms.
        let Terms { numbers, .. } = self.terms;
        let mut sorted: Vec<(Box<str>, u32)> = numbers.into_iter().collect();
        sorted.sort_unstable();
        let numbers: Vec<u32> = sorted.into_iter().map(|(_, number)| number).collect();
        let finished = self.forward.finish(rows, &numbers);
        finished.map_err(WordsError::file(&self.folder.join(FILE)))?;
        sums::write(&self.folder, rows)?;
        WordsSegment::open(&self.folder)
    }
}

/// A segment whose rows are written into one other segment.
pub struct WordsSource<'a> {
    segment: &'a WordsSegment,
    /// By their number in the segment.
    terms: Vec<SourceTerm>,
}

#[derive(Clone, Default)]
struct SourceTerm {
    text: Box<str>,
    /// Number in the segment under way; terms of dead rows only get none.
    number: Option<u32>,
}

impl<'a> WordsSource<'a> {
    /// Reads the terms of a segment.
    ///
    /// # Errors
    /// When tantivy fails.
    pub fn new(segment: &'a WordsSegment) -> Result<Self, WordsError> {
        let mut terms = vec![SourceTerm::default(); segment.vocabulary()];
        segment.each_term(|number, text| {
            if let Some(term) = terms.get_mut(as_index(number)) {
                term.text = text.into();
            }
        })?;
        Ok(Self { segment, terms })
    }
}

fn too_much(what: &'static str) -> WordsError {
    WordsError::Full {
        what,
        limit: u32::MAX,
    }
}
