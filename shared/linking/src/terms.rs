//! Texts compared by the stems of their words: TF-IDF vectors of length 1 over an inverted
//! index.

use crate::letters::damped;
use crate::lists::{Lists, runs};
use crate::vectors::place;
use crate::words::StemNumbers;

/// Labels by their terms.
#[derive(Debug)]
pub(crate) struct Terms {
    numbers: StemNumbers,
    /// By term: how rare it is, `ln(1 + labels / labels that have it)`.
    rarity: Vec<f32>,
    /// By term: the labels that have it, each as often as it has it.
    labels: Lists,
    /// By label: the length of the vector of its terms.
    lengths: Vec<f32>,
}

impl Terms {
    /// Indexes labels, given as the numbers of their terms.
    pub(crate) fn new(numbers: StemNumbers, of_labels: &Lists) -> Self {
        let labels = of_labels.inverted(numbers.len());
        let all = of_labels.len() as f32;
        let rarity = labels.iter().map(|labels| {
            let having = runs(labels).count();
            (1.0 + all / having as f32).ln()
        });
        let rarity: Vec<f32> = rarity.collect();
        let mut squares = vec![0.0_f32; of_labels.len()];
        for (rarity, labels) in rarity.iter().zip(labels.iter()) {
            for (label, times) in runs(labels) {
                if let Some(square) = squares.get_mut(place(label)) {
                    *square += (damped(times) * rarity).powi(2);
                }
            }
        }
        let lengths = squares.iter().map(|one| one.sqrt().max(f32::MIN_POSITIVE));
        Self {
            lengths: lengths.collect(),
            numbers,
            rarity,
            labels,
        }
    }

    /// Returns the numbers of terms.
    pub(crate) fn numbers(&self) -> &StemNumbers {
        &self.numbers
    }

    /// Returns the cosine of each label with a text of these terms, in `[0, 1]`. A term
    /// that no label has counts as the rarest and makes the text longer.
    pub(crate) fn cosines(&self, text: &[String]) -> Vec<f32> {
        let mut text: Vec<&str> = text.iter().map(String::as_str).collect();
        text.sort_unstable();
        let unknown = (1.0 + self.lengths.len() as f32).ln();
        let mut squares = 0.0;
        let mut shared = Vec::with_capacity(text.len());
        for run in text.chunk_by(|a, b| a == b) {
            let number = run.first().and_then(|term| self.numbers.stem(term));
            let rarity = number.and_then(|number| self.rarity.get(place(number)));
            let rarity = rarity.copied().unwrap_or(unknown);
            let weight = damped(run.len()) * rarity;
            squares += weight * weight;
            shared.extend(number.map(|number| (number, weight * rarity)));
        }
        let length = squares.sqrt().max(f32::MIN_POSITIVE);
        let mut cosines = vec![0.0; self.lengths.len()];
        for (number, share) in shared {
            for (label, times) in runs(self.labels.get(number)) {
                let at = place(label);
                if let (Some(cosine), Some(of_label)) = (cosines.get_mut(at), self.lengths.get(at))
                {
                    *cosine += damped(times) * share / (of_label * length);
                }
            }
        }
        cosines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn rare_terms_weigh_more() {
        let mut numbers = StemNumbers::default();
        let mut of_labels = Lists::new();
        for label in ["red wine", "red car", "red house"].map(terms) {
            of_labels.push(label.into_iter().map(|term| numbers.add(&term)));
        }
        let index = Terms::new(numbers, &of_labels);
        let cosines = index.cosines(&terms("red wine"));
        assert!((cosines[0] - 1.0).abs() < 1e-6, "{cosines:?}");
        assert!(cosines[1] > 0.0 && cosines[1] < 0.5, "{cosines:?}");
        let with_unknown = index.cosines(&terms("red wine xyzzy"));
        assert!(with_unknown[0] < cosines[0]);
        assert_eq!(index.cosines(&terms("nothing")), [0.0; 3]);
        assert_eq!(index.cosines(&[]), [0.0; 3]);
    }
}
