//! Titles compared by their words.

use vivier_types::Summary;

use crate::key::words;

/// Two titles, one of each side, by their positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Closest {
    pub(crate) here: usize,
    pub(crate) there: usize,
    pub(crate) likeness: f32,
}

/// Returns the two titles most alike; `None` when a side has none that tells something.
pub(crate) fn closest_titles(titles: &[Vec<String>], other: &Summary) -> Option<Closest> {
    let mut best: Option<Closest> = None;
    for (there, title) in other.titles.iter().enumerate() {
        let others = title_words(title);
        for (here, words) in titles.iter().enumerate() {
            let Some(likeness) = dice(words, &others) else {
                continue;
            };
            if best.is_none_or(|best| likeness > best.likeness) {
                best = Some(Closest {
                    here,
                    there,
                    likeness,
                });
            }
        }
    }
    best
}

/// Returns the Dice coefficient of two sorted lists without repetitions.
pub(crate) fn dice(one: &[String], other: &[String]) -> Option<f32> {
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let shared = one
        .iter()
        .filter(|word| other.binary_search(word).is_ok())
        .count();
    Some(2.0 * shared as f32 / (one.len() + other.len()) as f32)
}

/// Words of titles that say nothing of the occupation: articles, the French
/// marks of gender, and seniority, which is compared on its own.
pub(crate) const TITLE_STOP_WORDS: [&str; 30] = [
    "a", "an", "and", "at", "au", "aux", "d", "de", "des", "du", "en", "et", "f", "for", "h", "i",
    "ii", "iii", "in", "jr", "junior", "l", "la", "le", "m", "of", "senior", "sr", "the", "w",
];

/// Returns the telling words of a title, sorted, without repetitions.
pub(crate) fn title_words(title: &str) -> Vec<String> {
    let mut words = words(title);
    words
        .retain(|word| !word.is_empty() && TITLE_STOP_WORDS.binary_search(&word.as_str()).is_err());
    words.sort_unstable();
    words.dedup();
    words
}
