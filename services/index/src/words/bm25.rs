//! From a query's text to weighted terms, and the score of one term in one text.

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::config::WordsConfig;
use crate::model::{AddedWords, Words};

/// Units in a score of 1: 2^23, so that every score is an f32 without rounding.
const ONE: f32 = 8_388_608.0;

/// The distinct terms of a query, before anything is known of the texts.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedWords {
    /// In the order of their text.
    terms: Vec<AskedTerm>,
}

#[derive(Clone, Debug, PartialEq)]
struct AskedTerm {
    text: String,
    /// As first written in the query.
    word: String,
    count: u32,
    /// Weight of a term that was not asked for but added.
    added: Option<f32>,
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
        let terms = terms.map(|(text, (word, count))| AskedTerm {
            text,
            word,
            count,
            added: None,
        });
        Self {
            terms: terms.collect(),
        }
    }

    /// Adds terms of texts in a language that were not asked for, each at the greatest
    /// weight that a text gives it.
    #[must_use]
    pub fn with(mut self, added: &[AddedWords], lang: &str) -> Self {
        if added.is_empty() {
            return self;
        }
        let mut heaviest: BTreeMap<String, (String, f32)> = BTreeMap::new();
        for AddedWords { text, weight } in added {
            Analysis::new().each(text, lang, |term, word| {
                if let Some((_, known)) = heaviest.get_mut(term) {
                    *known = known.max(*weight);
                } else {
                    heaviest.insert(term.to_owned(), (word.to_owned(), *weight));
                }
            });
        }
        for term in &self.terms {
            heaviest.remove(&term.text);
        }
        let added = heaviest.into_iter();
        self.terms
            .extend(added.map(|(text, (word, weight))| AskedTerm {
                text,
                word,
                count: 1,
                added: Some(weight),
            }));
        self.terms.sort_by(|a, b| a.text.cmp(&b.text));
        self
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
    /// No text scores more.
    most: f32,
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
    /// most `max_query_terms`; their shares sum to 1. Behind them come as many of those
    /// added at most, see `added_shares`.
    pub fn new(asked: AskedWords, statistics: &WordsStatistics, config: &WordsConfig) -> Self {
        let (mut terms, mut added) = (Vec::new(), Vec::new());
        for (asked, frequency) in asked.terms.into_iter().zip(&statistics.frequencies) {
            if *frequency > 0 {
                let count = as_f32(asked.count);
                let repeated = count * (config.k3 + 1.0) / (count + config.k3);
                let term = QueryTerm {
                    text: asked.text,
                    word: asked.word,
                    share: idf(*frequency, statistics.documents) * repeated,
                };
                match asked.added {
                    None => terms.push(term),
                    Some(weight) => added.push((weight, term)),
                }
            }
        }
        // Stable: terms of one weight stay in the order of their text.
        terms.sort_by(|a, b| b.share.total_cmp(&a.share));
        terms.truncate(config.max_query_terms);
        let bound: f32 = terms.iter().map(|term| term.share).sum();
        for term in &mut terms {
            term.share *= ONE / bound;
        }
        let heaviest = added.iter().map(|(weight, _)| *weight).fold(0.0, f32::max);
        terms.extend(added_shares(added, bound, config.max_query_terms));
        Self {
            terms,
            norm: Norm::new(config, statistics),
            most: 1.0 + heaviest,
        }
    }

    /// Returns the terms, the most telling first, those asked for before those added.
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

    /// Turns units into a score: 0..1, and up to the greatest weight of a term added more.
    #[expect(
        clippy::cast_precision_loss,
        reason = "whole numbers up to 2^24 are exact"
    )]
    pub(super) fn score(&self, units: i32) -> f32 {
        // Half units rounded up could exceed the bound.
        (units as f32 / ONE).min(self.most)
    }
}

/// Gives each term added the share that it would have if it were asked for, times its
/// weight, of 1; `bound` is the sum of what was asked for before it was scaled to 1. Where
/// the terms added would come to more than that, they are scaled by their own sum: so no
/// text gets more for them than the greatest weight.
fn added_shares(
    mut added: Vec<(f32, QueryTerm)>,
    bound: f32,
    most: usize,
) -> impl Iterator<Item = QueryTerm> {
    added.sort_by(|(a, one), (b, other)| (b * other.share).total_cmp(&(a * one.share)));
    added.truncate(most);
    let own: f32 = added.iter().map(|(_, term)| term.share).sum();
    let scale = ONE / bound.max(own);
    added.into_iter().map(move |(weight, mut term)| {
        term.share *= weight * scale;
        term
    })
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
