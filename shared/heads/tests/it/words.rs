//! The words facet after the formula of the index (without its stemmer and stop
//! words): BM25 over the texts, divided by the most that any text could get.

use std::collections::{BTreeMap, BTreeSet};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// Term counts of one text.
type Counts = BTreeMap<String, f64>;

/// Texts to score.
pub(crate) struct Words {
    texts: Vec<Counts>,
    frequencies: BTreeMap<String, f64>,
    mean_length: f64,
}

fn terms(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.len() > 1)
        .map(str::to_lowercase)
}

impl Words {
    pub(crate) fn new(texts: &[String]) -> Self {
        let mut counted = Vec::with_capacity(texts.len());
        let mut frequencies = Counts::new();
        for text in texts {
            let mut counts = Counts::new();
            for term in terms(text) {
                *counts.entry(term).or_default() += 1.0;
            }
            for term in counts.keys() {
                *frequencies.entry(term.clone()).or_default() += 1.0;
            }
            counted.push(counts);
        }
        let length: f64 = counted.iter().flat_map(Counts::values).sum();
        Self {
            mean_length: length / counted.len() as f64,
            texts: counted,
            frequencies,
        }
    }

    /// Scores every text, 0 to 1.
    pub(crate) fn scores(&self, query: &str) -> Vec<f64> {
        let count = self.texts.len() as f64;
        let distinct: BTreeSet<String> = terms(query).collect();
        let known = distinct
            .iter()
            .filter_map(|term| Some((term, self.frequencies.get(term)?)));
        let idf: Vec<(&String, f64)> = known
            .map(|(term, df)| (term, (1.0 + (count - df + 0.5) / (df + 0.5)).ln()))
            .collect();
        let bound: f64 = idf.iter().map(|(_, idf)| idf).sum();
        let score = |text: &Counts| {
            let length: f64 = text.values().sum();
            let norm = K1 * (1.0 - B + B * length / self.mean_length);
            let parts = idf.iter().filter_map(|(term, idf)| {
                let tf = text.get(*term)?;
                Some(idf * tf / (tf + norm))
            });
            parts.sum::<f64>() / bound
        };
        self.texts.iter().map(score).collect()
    }
}
