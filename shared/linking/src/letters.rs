//! Texts compared by runs of letters ([`grams`]): TF-IDF vectors of length 1.
//!
//! A run lies inside a word, so that the index goes from runs to words and from words to
//! labels: a hundredth of the lists from runs to labels. What a label shares with a text is
//! then the sum over its words, but for runs that stand in it more than once, which count
//! as `1 + ln` of how often: the difference is kept for each.

use hashbrown::HashMap;

use crate::lists::{Lists, runs};
use crate::text::{Gram, grams, telling};
use crate::vectors::place;
use crate::words::Words;

/// Labels by their runs of letters.
#[derive(Debug)]
pub(crate) struct Letters {
    numbers: HashMap<Gram, u32>,
    /// By run: how rare it is, `ln(1 + labels / labels that have it)`.
    rarity: Vec<f32>,
    /// By run: the words that have it, each as often as it has it.
    words: Lists,
    /// By word: the labels that have it, likewise.
    labels: Lists,
    /// By run: the labels that have it more than once, each once less than it has it.
    repeats: Lists,
    /// By label: 1 / length.
    scales: Vec<f32>,
}

impl Letters {
    /// Indexes labels by their words.
    pub(crate) fn new(words: &Words<'_>) -> Self {
        let mut numbers: HashMap<Gram, u32> = HashMap::new();
        let mut of_words = Lists::new();
        for word in &words.all {
            of_words.push(grams(word).map(|gram| {
                let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(gram).or_insert(next)
            }));
        }
        let (having, repeats) = count(&words.of_labels, &of_words, numbers.len());
        let all = words.of_labels.len() as f32;
        let rarity = having
            .iter()
            .map(|having| (1.0 + all / *having as f32).ln());
        let rarity: Vec<f32> = rarity.collect();
        let repeats = repeats.inverted(numbers.len());
        let scales = scales(&words.of_labels, &of_words, &rarity, &repeats);
        Self {
            words: of_words.inverted(numbers.len()),
            labels: words.of_labels.inverted(words.all.len()),
            numbers,
            rarity,
            repeats,
            scales,
        }
    }

    /// Returns the cosine of each label with a [`crate::text::plain`] text, in `[0, 1]`. A
    /// run that no label has counts as the rarest and makes the text longer.
    pub(crate) fn cosines(&self, plain: &str) -> Vec<f32> {
        let mut text: Vec<Gram> = telling(plain).into_iter().flat_map(grams).collect();
        text.sort_unstable();
        let unknown = (1.0 + self.scales.len() as f32).ln();
        let mut squares = 0.0;
        let mut shared = Vec::with_capacity(text.len());
        for run in text.chunk_by(|a, b| a == b) {
            let number = run.first().and_then(|gram| self.numbers.get(gram));
            let rarity = number.and_then(|number| self.rarity.get(place(*number)));
            let rarity = rarity.copied().unwrap_or(unknown);
            let weight = damped(run.len()) * rarity;
            squares += weight * weight;
            shared.extend(number.map(|number| (*number, weight * rarity)));
        }
        let mut of_words = vec![0.0_f32; self.labels.len()];
        for (number, share) in &shared {
            add(&mut of_words, self.words.get(*number), *share);
        }
        let mut cosines = vec![0.0_f32; self.scales.len()];
        for (word, share) in (0..).zip(&of_words) {
            if *share > 0.0 {
                add(&mut cosines, self.labels.get(word), *share);
            }
        }
        for (number, share) in &shared {
            for (label, less) in runs(self.repeats.get(*number)) {
                let times = less + 1;
                if let Some(cosine) = cosines.get_mut(place(label)) {
                    *cosine += share * (damped(times) - times as f32);
                }
            }
        }
        let length = squares.sqrt().max(f32::MIN_POSITIVE);
        for (cosine, scale) in cosines.iter_mut().zip(&self.scales) {
            *cosine *= scale / length;
        }
        cosines
    }
}

/// Adds a share to each that is listed.
fn add(sums: &mut [f32], listed: &[u32], share: f32) {
    for at in listed {
        if let Some(sum) = sums.get_mut(place(*at)) {
            *sum += share;
        }
    }
}

/// Returns what a term that stands so often weighs.
pub(crate) fn damped(times: usize) -> f32 {
    1.0 + (times as f32).ln()
}

/// Counts the labels that have each run, and lists by label the runs that it has already.
fn count(of_labels: &Lists, of_words: &Lists, count: usize) -> (Vec<u32>, Lists) {
    let mut having = vec![0_u32; count];
    let mut last = vec![u32::MAX; count];
    let mut repeats = Lists::new();
    for (label, words) in (0..).zip(of_labels.iter()) {
        let mut again = Vec::new();
        for gram in words.iter().flat_map(|word| of_words.get(*word)) {
            let (Some(last), Some(having)) =
                (last.get_mut(place(*gram)), having.get_mut(place(*gram)))
            else {
                continue;
            };
            if *last == label {
                again.push(*gram);
            } else {
                *last = label;
                *having += 1;
            }
        }
        repeats.push(again);
    }
    (having, repeats)
}

/// Returns 1 / the length of each label. Labels with the same words get the same.
fn scales(of_labels: &Lists, of_words: &Lists, rarity: &[f32], repeats: &Lists) -> Vec<f32> {
    let square = |gram: u32| {
        let rarity = rarity.get(place(gram)).copied().unwrap_or_default();
        f64::from(rarity * rarity)
    };
    let of_words: Vec<f64> = of_words
        .iter()
        .map(|grams| grams.iter().map(|gram| square(*gram)).sum())
        .collect();
    let mut squares: Vec<f64> = of_labels
        .iter()
        .map(|words| {
            let mut words = words.to_vec();
            words.sort_unstable();
            let squares = words.iter().filter_map(|word| of_words.get(place(*word)));
            squares.sum()
        })
        .collect();
    for (gram, labels) in (0..).zip(repeats.iter()) {
        for (label, less) in runs(labels) {
            let times = less + 1;
            let excess = f64::from(damped(times)).powi(2) - times as f64;
            if let Some(square_of_label) = squares.get_mut(place(label)) {
                *square_of_label += excess * square(gram);
            }
        }
    }
    let scales = squares
        .iter()
        .map(|square| 1.0 / square.sqrt().max(f64::MIN_POSITIVE));
    #[expect(clippy::cast_possible_truncation, reason = "to the width of the sums")]
    scales.map(|scale| scale as f32).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The vector of a text, by the definition.
    fn vector(plain: &str, rarity: &dyn Fn(&Gram) -> f64) -> BTreeMap<Gram, f64> {
        let mut counts: BTreeMap<Gram, f64> = BTreeMap::new();
        for gram in telling(plain).into_iter().flat_map(grams) {
            *counts.entry(gram).or_default() += 1.0;
        }
        let weigh = |(gram, count): (Gram, f64)| (gram, (1.0 + count.ln()) * rarity(&gram));
        counts.into_iter().map(weigh).collect()
    }

    fn dot(one: &BTreeMap<Gram, f64>, other: &BTreeMap<Gram, f64>) -> f64 {
        let shared = one
            .iter()
            .filter_map(|(gram, a)| Some(a * other.get(gram)?));
        shared.sum()
    }

    proptest! {
        #[test]
        fn cosines_are_those_of_the_definition(
            labels in prop::collection::vec("[abr]{1,5}( [abr]{1,5}){0,3}", 1..8),
            text in "[abrx]{0,5}( [abrx]{1,5}){0,3}",
        ) {
            let index = Letters::new(&Words::of(&labels));
            let cosines = index.cosines(&text);
            prop_assert_eq!(cosines.len(), labels.len());
            let rarity = |gram: &Gram| {
                let having = labels.iter().filter(|label| {
                    telling(label).into_iter().flat_map(grams).any(|one| one == *gram)
                });
                (1.0 + labels.len() as f64 / having.count().max(1) as f64).ln()
            };
            let asked = vector(&text, &rarity);
            for (label, cosine) in labels.iter().zip(cosines) {
                let known = vector(label, &rarity);
                let lengths = (dot(&asked, &asked) * dot(&known, &known)).sqrt();
                let wanted = if lengths > 0.0 { dot(&asked, &known) / lengths } else { 0.0 };
                prop_assert!((f64::from(cosine) - wanted).abs() < 1e-5, "{} {}", cosine, wanted);
            }
        }
    }
}
