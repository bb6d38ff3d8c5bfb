//! Texts compared by what they are made of: TF-IDF vectors of length 1 over an inverted
//! index.

use std::collections::HashMap;

use crate::vectors::place;

/// Labels by their terms.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    numbers: HashMap<String, u32>,
    /// By term: how rare it is, `ln(1 + labels / labels that have it)`.
    rarity: Vec<f32>,
    /// By term: labels and the weight of the term in each.
    postings: Vec<Vec<(u32, f32)>>,
    labels: usize,
}

impl Terms {
    /// Indexes labels, each given as its terms.
    pub(crate) fn new(labels: impl Iterator<Item = Vec<String>>) -> Self {
        let mut terms = Self::default();
        let counted: Vec<Vec<(u32, f32)>> = labels.map(|label| terms.count(label)).collect();
        terms.labels = counted.len();
        let mut having = vec![0_u32; terms.numbers.len()];
        for (term, _) in counted.iter().flatten() {
            if let Some(having) = having.get_mut(place(*term)) {
                *having += 1;
            }
        }
        let all = terms.labels as f32;
        let rarity = having
            .iter()
            .map(|having| (1.0 + all / *having as f32).ln());
        terms.rarity = rarity.collect();
        terms.postings = vec![Vec::new(); terms.numbers.len()];
        for (label, counts) in (0..).zip(&counted) {
            let length = length(
                counts
                    .iter()
                    .map(|(term, count)| terms.weight(*term, *count)),
            );
            for (term, count) in counts {
                let weight = terms.weight(*term, *count) / length;
                if let Some(posting) = terms.postings.get_mut(place(*term)) {
                    posting.push((label, weight));
                }
            }
        }
        terms
    }

    /// Numbers the terms of a label and counts them.
    fn count(&mut self, label: Vec<String>) -> Vec<(u32, f32)> {
        let mut counts: HashMap<u32, f32> = HashMap::with_capacity(label.len());
        for term in label {
            let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
            let number = *self.numbers.entry(term).or_insert(next);
            *counts.entry(number).or_default() += 1.0;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by_key(|(term, _)| *term);
        counts
    }

    fn weight(&self, term: u32, count: f32) -> f32 {
        (1.0 + count.ln()) * self.rarity.get(place(term)).copied().unwrap_or_default()
    }

    /// Returns the cosine of each label with a text of these terms, in `[0, 1]`. A term
    /// that no label has counts as the rarest and makes the text longer.
    pub(crate) fn cosines(&self, text: &[String]) -> Vec<f32> {
        let mut counts: HashMap<&str, f32> = HashMap::with_capacity(text.len());
        for term in text {
            *counts.entry(term).or_default() += 1.0;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_unstable_by(|a, b| a.0.cmp(b.0));
        let unknown = (1.0 + self.labels as f32).ln();
        let mut squares = 0.0;
        let mut cosines = vec![0.0; self.labels];
        for (term, count) in counts {
            let Some(&number) = self.numbers.get(term) else {
                squares += ((1.0 + count.ln()) * unknown).powi(2);
                continue;
            };
            let weight = self.weight(number, count);
            squares += weight * weight;
            for (label, other) in self.postings.get(place(number)).into_iter().flatten() {
                if let Some(cosine) = cosines.get_mut(place(*label)) {
                    *cosine += weight * other;
                }
            }
        }
        if squares > 0.0 {
            let length = squares.sqrt();
            cosines.iter_mut().for_each(|cosine| *cosine /= length);
        }
        cosines
    }
}

fn length(values: impl Iterator<Item = f32>) -> f32 {
    let squares: f32 = values.map(|value| value * value).sum();
    squares.sqrt().max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn rare_terms_weigh_more() {
        let index = Terms::new(["red wine", "red car", "red house"].map(terms).into_iter());
        let cosines = index.cosines(&terms("red wine"));
        assert!((cosines[0] - 1.0).abs() < 1e-6, "{cosines:?}");
        assert!(cosines[1] > 0.0 && cosines[1] < 0.5, "{cosines:?}");
        let with_unknown = index.cosines(&terms("red wine xyzzy"));
        assert!(with_unknown[0] < cosines[0]);
        assert_eq!(index.cosines(&terms("nothing")), [0.0; 3]);
        assert_eq!(index.cosines(&[]), [0.0; 3]);
    }
}
