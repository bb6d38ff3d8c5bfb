//! From a query's text to weighted terms, and the score of one term in one text.

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::config::WordsConfig;
use crate::model::Words;

/// Units in a score of 1: 2^23, so that every score is an f32 without rounding.
const ONE: f32 = 8_388_608.0;

/// The distinct terms of a query, before anything is known of the texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedWords {
    /// In the order of their text.
    terms: Vec<AskedTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct AskedTerm {
    text: String,
    /// As first written in the query.
    word: String,
    count: u32,
}

impl AskedWords {
    /// Analyses the text of a query.
    pub fn of(words: &Words) -> Self {
        let mut distinct: BTreeMap<String, (String, u32)> = BTreeMap::new();
        Analysis::new().each(&words.text, &words.lang, |term, word| {
            if let Some((_, count)) = distinct.get_mut(term) {
                *count += 1;
            } else {
                distinct.insert(term.to_owned(), (word.to_owned(), 1));
            }
        });
        let terms = distinct.into_iter();
        let terms = terms.map(|(text, (word, count))| AskedTerm { text, word, count });
        Self {
            terms: terms.collect(),
        }
    }

    /// Returns the text of each term, in order.
    pub(super) fn texts(&self) -> impl Iterator<Item = &str> {
        self.terms.iter().map(|term| term.text.as_str())
    }
}

/// What BM25 must know of all live texts of a facet, for one query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordsStatistics {
    /// Texts with at least one term: BM25's N.
    pub(super) documents: u64,
    /// Terms in all of them, repeats included.
    pub(super) tokens: u64,
    /// Texts that have each term, in the query's order.
    pub(super) frequencies: Vec<u64>,
}

impl WordsStatistics {
    /// Returns the statistics of no texts.
    pub fn none(asked: &AskedWords) -> Self {
        Self {
            documents: 0,
            tokens: 0,
            frequencies: vec![0; asked.terms.len()],
        }
    }

    /// Adds the statistics of other texts, for the same query.
    pub fn add(&mut self, other: &Self) {
        self.documents += other.documents;
        self.tokens += other.tokens;
        for (sum, more) in self.frequencies.iter_mut().zip(&other.frequencies) {
            *sum += more;
        }
    }
}

/// A query: the terms that count, and how lengths count.
#[derive(Clone, Debug)]
pub struct WordsQuery {
    terms: Vec<QueryTerm>,
    norm: Norm,
}

/// A term of a query, with its share of the greatest possible score.
#[derive(Clone, Debug)]
pub struct QueryTerm {
    /// What is indexed.
    pub(super) text: String,
    /// The word as first written in the query.
    pub word: String,
    /// In units.
    pub(super) share: f32,
}

impl WordsQuery {
    /// Weighs the terms: those that some text has, the most telling first, at
    /// most `max_query_terms`; their shares sum to 1.
    pub fn new(asked: AskedWords, statistics: &WordsStatistics, config: &WordsConfig) -> Self {
        let mut terms = Vec::new();
        for (asked, frequency) in asked.terms.into_iter().zip(&statistics.frequencies) {
            if *frequency > 0 {
                let count = as_f32(asked.count);
                let repeated = count * (config.k3 + 1.0) / (count + config.k3);
                terms.push(QueryTerm {
                    text: asked.text,
                    word: asked.word,
                    share: idf(*frequency, statistics.documents) * repeated,
                });
            }
        }
        // Stable: terms of one weight stay in the order of their text.
        terms.sort_by(|a, b| b.share.total_cmp(&a.share));
        terms.truncate(config.max_query_terms);
        let bound: f32 = terms.iter().map(|term| term.share).sum();
        for term in &mut terms {
            term.share *= ONE / bound;
        }
        Self {
            terms,
            norm: Norm::new(config, statistics),
        }
    }

    /// Returns the terms, the most telling first.
    pub fn terms(&self) -> &[QueryTerm] {
        &self.terms
    }

    /// Tells whether no text has any of the words.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    pub(super) fn norm(&self) -> Norm {
        self.norm
    }
}

/// `k1 · (1 - b + b · length / mean length)`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm {
    base: f32,
    slope: f32,
}

impl Norm {
    fn new(config: &WordsConfig, statistics: &WordsStatistics) -> Self {
        let mean = mean(statistics.tokens, statistics.documents);
        let slope = config.k1 * config.b / mean;
        Self {
            base: config.k1 * (1.0 - config.b),
            // No texts, no terms: the norm is never asked for.
            slope: if mean > 0.0 { slope } else { 0.0 },
        }
    }

    #[inline]
    pub(super) fn of(self, length: u32) -> f32 {
        self.base + self.slope * as_f32(length)
    }
}

/// Returns what a term gives a text, in whole units: at most its share.
#[inline]
pub(super) fn part(share: f32, frequency: u32, norm: f32) -> i32 {
    let frequency = as_f32(frequency);
    let units = share * frequency / (frequency + norm);
    // From 2^23 to 2^24 floats are the whole numbers, in the order of their bits:
    // rounds to nearest several at a time, where a checked cast goes one by one.
    (units + ONE).to_bits().cast_signed() - ONE.to_bits().cast_signed()
}

/// Turns units into a score, 0..1.
#[expect(
    clippy::cast_precision_loss,
    reason = "whole numbers up to 2^23 are exact"
)]
pub(super) fn score(units: i32) -> f32 {
    // Half units rounded up could exceed the bound.
    (units as f32 / ONE).min(1.0)
}

/// Signed numbers turn into floats in one step of the processor; counts of
/// terms, bounded by a text's bytes, are far below 2^24.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^24")]
fn as_f32(count: u32) -> f32 {
    count.cast_signed() as f32
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a mean of lengths needs no more than f32"
)]
fn mean(sum: u64, count: u64) -> f32 {
    sum as f32 / count.max(1) as f32
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
