//! A words facet: BM25 over an inverted index by tantivy. The only module,
//! with `analysis`, that knows the crate.
//!
//! **Score.** A term t of the query gives a text
//! `w(t) · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length))`
//! with `w(t) = idf(t) · qtf · (k3 + 1) / (qtf + k3)`, qtf its count in the query,
//! and `idf(t) = ln(1 + (N - df + 0.5) / (df + 0.5))` (Robertson and Zaragoza,
//! 2009). No text can get more than `Σ w · (k1 + 1)`, so the sum divided by that
//! bound lies in 0..1 and is the facet's score: `k1 + 1` cancels out. Words that
//! no text has are left out of the bound.
//!
//! Of a long query the terms of greatest w are kept. By idf alone the rarest
//! words would be, names and slips mostly: on the development pool of CVs, each
//! used as a query of 64 terms, the ten nearest shared its category in 32 % of
//! cases by idf and in 40 % by w.
//!
//! **Exactness.** tantivy keeps lengths rounded to a byte and counts deleted
//! texts in its statistics, so it serves as the inverted index only: we walk
//! its postings term by term into one array of scores by slot, with true
//! lengths and with counts of live texts. Every text thus has its exact score,
//! also one that only the dense facets found, and the scores do not depend on
//! the order of writes, on merges or on a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use tantivy::directory::RamDirectory;
use tantivy::index::SegmentId;
use tantivy::indexer::IndexWriterOptions;
use tantivy::postings::Postings;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, Schema, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{PreTokenizedString, Token};
use tantivy::{
    DocSet, Index, IndexReader, IndexSettings, IndexWriter, ReloadPolicy, SegmentReader,
    TERMINATED, TantivyDocument, Term,
};

/// What the words engine may report; named here so that only this module and
/// `analysis` know which engine it is.
pub(crate) use tantivy::TantivyError as WordsError;

use crate::analysis::Analysis;
use crate::config::WordsConfig;
use crate::model::Words;
use crate::points::{Slot, as_index, as_slot};

/// Memory of tantivy's writer before it closes a segment.
const WRITER_BYTES: usize = 64 << 20;

/// The writing side of one words facet.
pub(crate) struct WordsIndex {
    writer: IndexWriter,
    reader: IndexReader,
    fields: Fields,
    analysis: Analysis,
    config: WordsConfig,
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
    pub(crate) fn new(config: &WordsConfig) -> Result<Self, WordsError> {
        let mut schema = Schema::builder();
        let indexing = TextFieldIndexing::default()
            .set_index_option(IndexRecordOption::WithFreqs)
            .set_fieldnorms(false);
        let fields = Fields {
            slot: schema.add_u64_field("slot", INDEXED | FAST),
            length: schema.add_u64_field("length", FAST),
            text: schema.add_text_field(
                "text",
                TextOptions::default().set_indexing_options(indexing),
            ),
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
            config: config.clone(),
            lengths: Vec::new(),
            documents: 0,
            tokens: 0,
            view: Arc::new(WordsView::empty(config, fields.text)),
            dirty: false,
        })
    }

    /// Adds the text of a slot; seen after [`Self::commit`].
    ///
    /// # Errors
    /// When tantivy's writer has died.
    pub(crate) fn add(&mut self, slot: Slot, words: &Words) -> Result<(), WordsError> {
        let terms = self.analysis.terms(&words.text, &words.lang);
        if terms.is_empty() {
            return Ok(());
        }
        let length = as_slot(terms.len());
        let tokens = terms.into_iter().enumerate().map(|(position, term)| Token {
            position,
            text: term.term,
            ..Token::default()
        });
        let mut document = TantivyDocument::default();
        document.add_u64(self.fields.slot, slot.into());
        document.add_u64(self.fields.length, length.into());
        let text = PreTokenizedString {
            text: String::new(),
            tokens: tokens.collect(),
        };
        document.add_pre_tokenized_text(self.fields.text, text);
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
            mean_length: mean(self.tokens, self.documents),
            config: self.config.clone(),
            text: self.fields.text,
        };
        self.view = Arc::new(view);
        self.dirty = false;
        Ok(Arc::clone(&self.view))
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a mean of lengths needs no more than f32"
)]
fn mean(sum: u64, count: u64) -> f32 {
    sum as f32 / count.max(1) as f32
}

/// One unchanging state of a words facet.
pub(crate) struct WordsView {
    segments: Vec<SegmentView>,
    documents: u64,
    mean_length: f32,
    config: WordsConfig,
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

/// A term of a query, with its share of the greatest possible score.
#[derive(Clone, Debug)]
pub(crate) struct QueryTerm {
    term: Term,
    /// The word as first written in the query.
    pub(crate) word: String,
    share: f32,
}

impl WordsView {
    fn empty(config: &WordsConfig, text: Field) -> Self {
        Self {
            segments: Vec::new(),
            documents: 0,
            mean_length: 0.0,
            config: config.clone(),
            text,
        }
    }

    /// Analyses a query: its distinct known terms, the most telling first, at
    /// most `max_query_terms`; their shares sum to 1.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn query(&self, words: &Words) -> Result<Vec<QueryTerm>, WordsError> {
        let mut distinct: BTreeMap<String, (String, u32)> = BTreeMap::new();
        for term in Analysis::new().terms(&words.text, &words.lang) {
            let (_, count) = distinct.entry(term.term).or_insert((term.word, 0));
            *count += 1;
        }
        let mut terms = Vec::new();
        for (text, (word, count)) in distinct {
            let term = Term::from_field_text(self.text, &text);
            let frequency = self.frequency(&term)?;
            if frequency > 0 {
                let count = as_f32(count);
                let k3 = self.config.k3;
                let repeated = count * (k3 + 1.0) / (count + k3);
                let share = idf(frequency, self.documents) * repeated;
                terms.push(QueryTerm { term, word, share });
            }
        }
        // Stable: terms of one weight stay in the order of their text.
        terms.sort_by(|a, b| b.share.total_cmp(&a.share));
        terms.truncate(self.config.max_query_terms);
        let bound: f32 = terms.iter().map(|term| term.share).sum();
        for term in &mut terms {
            term.share /= bound;
        }
        Ok(terms)
    }

    /// Counts the live texts that have a term.
    fn frequency(&self, term: &Term) -> Result<u64, WordsError> {
        let mut frequency = 0;
        for segment in &self.segments {
            let inverted = segment.reader.inverted_index(self.text)?;
            let Some(info) = inverted.get_term_info(term)? else {
                continue;
            };
            frequency += u64::from(match segment.reader.alive_bitset() {
                None => info.doc_freq,
                Some(alive) => inverted
                    .read_postings_from_terminfo(&info, IndexRecordOption::Basic)?
                    .doc_freq_given_deletes(alive),
            });
        }
        Ok(frequency)
    }

    /// Visits each live text of each term with that term's part of its score;
    /// terms in their order.
    fn visit(
        &self,
        terms: &[QueryTerm],
        mut each: impl FnMut(usize, Slot, f32),
    ) -> Result<(), WordsError> {
        let WordsConfig { k1, b, .. } = self.config;
        for segment in &self.segments {
            let inverted = segment.reader.inverted_index(self.text)?;
            let alive = segment.reader.alive_bitset();
            for (index, term) in terms.iter().enumerate() {
                let option = IndexRecordOption::WithFreqs;
                let Some(mut postings) = inverted.read_postings(&term.term, option)? else {
                    continue;
                };
                while postings.doc() != TERMINATED {
                    let document = postings.doc();
                    if alive.is_none_or(|alive| alive.is_alive(document))
                        && let Some((slot, length)) = segment.documents.get(as_index(document))
                    {
                        let tf = as_f32(postings.term_freq());
                        let norm = k1 * (1.0 - b + b * as_f32(*length) / self.mean_length);
                        each(index, *slot, term.share * tf / (tf + norm));
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
    pub(crate) fn scores(&self, terms: &[QueryTerm], slots: usize) -> Result<Vec<f32>, WordsError> {
        let mut scores = vec![0.0; slots];
        self.visit(terms, |_, slot, part| {
            if let Some(score) = scores.get_mut(as_index(slot)) {
                *score += part;
            }
        })?;
        Ok(scores)
    }

    /// Returns the parts of each wanted slot by the term's index, best first.
    ///
    /// # Errors
    /// When tantivy fails.
    pub(crate) fn explain(
        &self,
        terms: &[QueryTerm],
        wanted: &[Slot],
    ) -> Result<BTreeMap<Slot, Vec<(usize, f32)>>, WordsError> {
        let mut parts: BTreeMap<Slot, Vec<(usize, f32)>> =
            wanted.iter().map(|slot| (*slot, Vec::new())).collect();
        self.visit(terms, |index, slot, part| {
            if let Some(found) = parts.get_mut(&slot) {
                found.push((index, part));
            }
        })?;
        for found in parts.values_mut() {
            found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        }
        Ok(parts)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts far below 2^24 in practice; a score bears the rounding"
)]
fn as_f32(count: u32) -> f32 {
    count as f32
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "a logarithm of counts, rounded to f32 on purpose"
)]
fn idf(frequency: u64, documents: u64) -> f32 {
    let (df, n) = (frequency as f64, documents as f64);
    (1.0 + (n - df + 0.5) / (df + 0.5)).ln() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Random;

    fn words(text: &str) -> Words {
        Words {
            text: text.to_owned(),
            lang: String::new(),
        }
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
        let mut index = WordsIndex::new(&WordsConfig::default()).unwrap();
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
                let terms = view.query(&words(&query)).unwrap();
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
                assert!((sum - scores[as_index(slot)]).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn long_queries_keep_their_most_telling_terms() {
        let config = WordsConfig {
            max_query_terms: 2,
            ..WordsConfig::default()
        };
        let mut index = WordsIndex::new(&config).unwrap();
        for (slot, text) in (0..).zip(["common rare", "common other", "common", "other"]) {
            index.add(slot, &words(text)).unwrap();
        }
        let view = index.commit().unwrap();
        let terms = view.query(&words("Common absent rare OTHER rare")).unwrap();
        let kept: Vec<_> = terms.iter().map(|term| term.word.as_str()).collect();
        assert_eq!(kept, ["rare", "OTHER"]);
        assert!((terms.iter().map(|term| term.share).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(view.query(&words("absent")).unwrap().is_empty());
    }

    #[test]
    fn an_empty_text_or_index_is_fine() {
        let mut index = WordsIndex::new(&WordsConfig::default()).unwrap();
        let view = index.commit().unwrap();
        assert!(view.query(&words("a")).unwrap().is_empty());
        index.add(0, &words(" - ")).unwrap();
        index.remove(0);
        index.remove(9);
        let view = index.commit().unwrap();
        assert_eq!(view.scores(&[], 1).unwrap(), [0.0]);
    }
}
