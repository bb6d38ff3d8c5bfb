//! The texts of the tail: an index in memory that takes writes.
//!
//! tantivy counts deleted texts in its statistics, so it serves as the inverted
//! index only: its postings are walked term by term into one array of sums by
//! slot, with true lengths and with counts of live texts.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::directory::RamDirectory;
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::postings::Postings;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, Schema};
use tantivy::{
    DocSet, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, SegmentReader,
    TERMINATED, TantivyDocument, TantivyError, Term,
};

use super::WordsError;
use super::bm25::{self, AskedWords, WordsQuery, WordsStatistics};
use crate::analysis::{Analysis, SEPARATOR, indexed_terms};
use crate::model::Words;
use crate::points::{Slot, as_index};

/// Memory of tantivy's writer before it closes a segment.
const WRITER_BYTES: usize = 64 << 20;

/// The writing side of one words facet.
pub(crate) struct WordsIndex {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    analysis: Analysis,
    /// Terms of the text in each slot; 0 when there is none.
    lengths: Vec<u32>,
    documents: u64,
    tokens: u64,
    view: Arc<WordsView>,
    dirty: bool,
}

#[derive(Clone, Copy)]
struct Fields {
    slot: Field,
    length: Field,
    text: Field,
}

impl WordsIndex {
    /// Starts an empty index in memory.
    ///
    /// # Errors
    /// When tantivy cannot start its threads.
    pub(crate) fn new() -> Result<Self, WordsError> {
        let mut schema = Schema::builder();
        let fields = Fields {
            slot: schema.add_u64_field("slot", INDEXED | FAST),
            length: schema.add_u64_field("length", FAST),
            text: schema.add_text_field("text", indexed_terms()),
        };
        let index = Index::create(
            RamDirectory::create(),
            schema.build(),
            IndexSettings::default(),
        )?;
        let options = IndexWriterOptions::builder()
            .num_worker_threads(1)
            .num_merge_threads(1)
            .memory_budget_per_thread(WRITER_BYTES)
            .build();
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        Ok(Self {
            writer: index.writer_with_options(options)?,
            reader,
            fields,
            analysis: Analysis::new(),
            lengths: Vec::new(),
            documents: 0,
            tokens: 0,
            view: Arc::new(WordsView::empty(fields.text)),
            dirty: false,
        })
    }

    /// Adds the text of a slot; seen after [`Self::commit`].
    ///
    /// # Errors
    /// When tantivy's writer has died.
    pub(crate) fn add(&mut self, slot: Slot, words: &Words) -> Result<(), WordsError> {
        let mut terms = String::new();
        let mut length = 0_u32;
        self.analysis.each(&words.text, &words.lang, |term, _| {
            terms.push_str(term);
            terms.push(SEPARATOR);
            length += 1;
        });
        if length == 0 {
            return Ok(());
        }
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.slot, slot.into());
        document.add_u64(self.fields.length, length.into());
        document.add_text(self.fields.text, &terms);
        self.writer.add_document(document)?;

        let index = as_index(slot);
        if self.lengths.len() <= index {
            self.lengths.resize(index + 1, 0);
        }
        self.lengths[index] = length;
        self.documents += 1;
        self.tokens += u64::from(length);
        self.dirty = true;
        Ok(())
    }

    /// Removes the text of a slot, if it has one; seen after [`Self::commit`].
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(length) = self.lengths.get_mut(as_index(slot)) else {
            return;
        };
        if *length == 0 {
            return;
        }
        self.documents -= 1;
        self.tokens -= u64::from(*length);
        *length = 0;
        self.dirty = true;
        self.writer
            .delete_term(Term::from_field_u64(self.fields.slot, slot.into()));
    }

    /// Makes every change visible and returns the new view.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn commit(&mut self) -> Result<Arc<WordsView>, WordsError> {
        if !self.dirty {
            return Ok(Arc::clone(&self.view));
        }
        self.writer.commit()?;
        self.reader.reload()?;
        let searcher = self.reader.searcher();
        let known: BTreeMap<SegmentId, &SegmentView> = self
            .view
            .segments
            .iter()
            .map(|segment| (segment.reader.segment_id(), segment))
            .collect();
        let segments = searcher.segment_readers().iter().map(|reader| {
            let known = known.get(&reader.segment_id()).copied();
            SegmentView::of(reader, known)
        });
        let view = WordsView {
            segments: segments.collect::<Result<_, _>>()?,
            documents: self.documents,
            tokens: self.tokens,
            text: self.fields.text,
        };
        self.view = Arc::new(view);
        self.dirty = false;
        Ok(Arc::clone(&self.view))
    }
}

/// One unchanging state of a words facet.
pub(crate) struct WordsView {
    segments: Vec<SegmentView>,
    documents: u64,
    tokens: u64,
    text: Field,
}

struct SegmentView {
    reader: SegmentReader,
    /// Slot and length of each document.
    documents: Arc<Vec<(Slot, u32)>>,
}

impl SegmentView {
    fn of(reader: &SegmentReader, known: Option<&Self>) -> Result<Self, WordsError> {
        let documents = match known {
            // Segments never change but for their deletes.
            Some(known) => Arc::clone(&known.documents),
            None => Arc::new(read_documents(reader)?),
        };
        Ok(Self {
            reader: reader.clone(),
            documents,
        })
    }
}

fn read_documents(reader: &SegmentReader) -> Result<Vec<(Slot, u32)>, WordsError> {
    let slots = reader.fast_fields().u64("slot")?;
    let lengths = reader.fast_fields().u64("length")?;
    let narrow = |value: Option<u64>| {
        value
            .and_then(|v| u32::try_from(v).ok())
            .unwrap_or(u32::MAX)
    };
    Ok((0..reader.max_doc())
        .map(|document| {
            (
                narrow(slots.first(document)),
                narrow(lengths.first(document)),
            )
        })
        .collect())
}

impl WordsView {
    fn empty(text: Field) -> Self {
        Self {
            segments: Vec::new(),
            documents: 0,
            tokens: 0,
            text,
        }
    }

    /// Returns what BM25 must know of the live texts of this view.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn statistics(&self, asked: &AskedWords) -> Result<WordsStatistics, WordsError> {
        let frequencies = asked
            .texts()
            .map(|text| self.frequency(&Term::from_field_text(self.text, text)));
        Ok(WordsStatistics {
            documents: self.documents,
            tokens: self.tokens,
            frequencies: frequencies.collect::<Result<_, _>>()?,
        })
    }

    /// Counts the live texts that have a term.
    fn frequency(&self, term: &Term) -> Result<u64, WordsError> {
        let mut frequency = 0;
        for segment in &self.segments {
            let inverted = segment.reader.inverted_index(self.text)?;
            let Some(info) = inverted.get_term_info(term).map_err(TantivyError::from)? else {
                continue;
            };
            frequency += u64::from(match segment.reader.alive_bitset() {
                None => info.doc_freq,
                Some(alive) => inverted
                    .read_postings_from_terminfo(&info, IndexRecordOption::Basic)
                    .map_err(TantivyError::from)?
                    .doc_freq_given_deletes(alive),
            });
        }
        Ok(frequency)
    }

    /// Visits each live text of each term with that term's part of its score,
    /// in units; terms in their order.
    fn visit(
        &self,
        query: &WordsQuery,
        mut each: impl FnMut(usize, Slot, i32),
    ) -> Result<(), WordsError> {
        for segment in &self.segments {
            let inverted = segment.reader.inverted_index(self.text)?;
            let alive = segment.reader.alive_bitset();
            for (index, asked) in query.terms().iter().enumerate() {
                let term = Term::from_field_text(self.text, &asked.text);
                let postings = inverted.read_postings(&term, IndexRecordOption::WithFreqs);
                let Some(mut postings) = postings.map_err(TantivyError::from)? else {
                    continue;
                };
                while postings.doc() != TERMINATED {
                    let document = postings.doc();
                    if alive.is_none_or(|alive| alive.is_alive(document))
                        && let Some((slot, length)) = segment.documents.get(as_index(document))
                    {
                        let norm = query.norm().of(*length);
                        let units = bm25::part(asked.share, postings.term_freq(), norm);
                        each(index, *slot, units);
                    }
                    postings.advance();
                }
            }
        }
        Ok(())
    }

    /// Returns the score of every slot below `slots`, 0 for texts without any
    /// of the terms.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn scores(&self, query: &WordsQuery, slots: usize) -> Result<Vec<f32>, WordsError> {
        let mut sums = vec![0; slots];
        self.visit(query, |_, slot, units| {
            if let Some(sum) = sums.get_mut(as_index(slot)) {
                *sum += units;
            }
        })?;
        Ok(sums.into_iter().map(|units| query.score(units)).collect())
    }

    /// Returns the parts of each wanted slot by the term's place in the query,
    /// best first.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn explain(
        &self,
        query: &WordsQuery,
        wanted: &[Slot],
    ) -> Result<BTreeMap<Slot, Vec<(usize, f32)>>, WordsError> {
        let mut parts: BTreeMap<Slot, Vec<(usize, f32)>> =
            wanted.iter().map(|slot| (*slot, Vec::new())).collect();
        self.visit(query, |index, slot, units| {
            if let Some(found) = parts.get_mut(&slot) {
                found.push((index, query.score(units)));
            }
        })?;
        for found in parts.values_mut() {
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        }
        Ok(parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WordsConfig;
    use crate::testing::Random;

    fn words(text: &str) -> Words {
        Words {
            text: text.to_owned(),
            lang: String::new(),
        }
    }

    /// A query where a view holds all texts.
    fn asked(view: &WordsView, words: &Words, config: &WordsConfig) -> WordsQuery {
        let asked = AskedWords::of(words);
        let statistics = view.statistics(&asked).unwrap();
        WordsQuery::new(asked, &statistics, config)
    }

    /// BM25 from its definition, over plain maps.
    fn naive(texts: &BTreeMap<Slot, String>, query: &str) -> BTreeMap<Slot, f64> {
        let (k1, b) = (1.2, 0.75);
        let split = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let texts: BTreeMap<_, _> = texts
            .iter()
            .map(|(slot, text)| (*slot, split(text)))
            .collect();
        let count = |length: usize| f64::from(u32::try_from(length).unwrap());
        let n = count(texts.len());
        let mean = texts.values().map(|text| count(text.len())).sum::<f64>() / n;
        let query = split(query);
        let distinct: std::collections::BTreeSet<_> = query.iter().cloned().collect();
        let mut bound = 0.0;
        let mut sums: BTreeMap<Slot, f64> = texts.keys().map(|slot| (*slot, 0.0)).collect();
        for word in distinct {
            let qtf = count(query.iter().filter(|other| **other == word).count());
            let df = count(texts.values().filter(|text| text.contains(&word)).count());
            if df == 0.0 {
                continue;
            }
            let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln() * qtf * 9.0 / (qtf + 8.0);
            bound += idf * (k1 + 1.0);
            for (slot, text) in &texts {
                let tf = count(text.iter().filter(|other| **other == word).count());
                let norm = k1 * (1.0 - b + b * count(text.len()) / mean);
                *sums.get_mut(slot).unwrap() += idf * tf * (k1 + 1.0) / (tf + norm);
            }
        }
        sums.into_iter()
            .map(|(slot, sum)| (slot, sum / bound))
            .collect()
    }

    fn random_text(random: &mut Random) -> String {
        let length = 1 + random.below(30);
        let mut words = Vec::new();
        for _ in 0..length {
            // Skewed, as words are.
            let word = random.below(40).min(random.below(40));
            words.push(format!("w{word}"));
        }
        words.join(" ")
    }

    #[test]
    fn scores_equal_the_definition_through_deletes_and_merges() {
        let mut random = Random::new(11);
        let mut index = WordsIndex::new().unwrap();
        let mut texts = BTreeMap::new();
        for slot in 0..300 {
            let text = random_text(&mut random);
            index.add(slot, &words(&text)).unwrap();
            texts.insert(slot, text);
            if slot % 3 == 2 {
                let dead = slot / 3 * 2;
                index.remove(dead);
                texts.remove(&dead);
            }
            if slot % 20 == 19 {
                let view = index.commit().unwrap();
                let query = random_text(&mut random);
                let terms = asked(&view, &words(&query), &WordsConfig::default());
                let scores = view.scores(&terms, 300).unwrap();
                let wanted = naive(&texts, &query);
                for slot in 0..300_u32 {
                    let wanted = wanted.get(&slot).copied().unwrap_or(0.0);
                    let found = f64::from(scores[as_index(slot)]);
                    assert!(
                        (found - wanted).abs() < 1e-5,
                        "slot {slot}: {found} {wanted}"
                    );
                    assert!((0.0..=1.0).contains(&found));
                }
                let explained = view.explain(&terms, &[slot]).unwrap();
                let sum: f32 = explained[&slot].iter().map(|(_, part)| part).sum();
                assert_eq!(sum, scores[as_index(slot)]);
            }
        }
    }

    #[test]
    fn long_queries_keep_their_most_telling_terms() {
        let config = WordsConfig {
            max_query_terms: 2,
            ..WordsConfig::default()
        };
        let mut index = WordsIndex::new().unwrap();
        for (slot, text) in (0..).zip(["common rare", "common other", "common", "other"]) {
            index.add(slot, &words(text)).unwrap();
        }
        let view = index.commit().unwrap();
        let query = words("Common absent rare OTHER rare");
        let query = asked(&view, &query, &config);
        let terms = query.terms();
        let kept: Vec<_> = terms.iter().map(|term| term.word.as_str()).collect();
        assert_eq!(kept, ["rare", "OTHER"]);
        assert!(asked(&view, &words("absent"), &WordsConfig::default()).is_empty());
    }

    #[test]
    fn an_empty_text_or_index_is_fine() {
        let mut index = WordsIndex::new().unwrap();
        let view = index.commit().unwrap();
        assert!(asked(&view, &words("a"), &WordsConfig::default()).is_empty());
        index.add(0, &words(" - ")).unwrap();
        index.remove(0);
        index.remove(9);
        let view = index.commit().unwrap();
        let query = asked(&view, &words("a"), &WordsConfig::default());
        assert_eq!(view.scores(&query, 1).unwrap(), [0.0]);
    }
}
