//! How far a shortlist moves when gendered words inside the texts are swapped:
//! a report, for what rules cannot see.

use std::collections::HashMap;

use vivier_identity::{strip, strip_advert};

use crate::ranking::{Words, rank_biased_overlap};
use crate::support::{ADVERTS, CVS, Sample, pool, texts};

/// Words of one gender with those of the other.
const PAIRS: [(&str, &str); 36] = [
    ("he", "she"),
    ("him", "her"),
    ("his", "her"),
    ("himself", "herself"),
    ("man", "woman"),
    ("men", "women"),
    ("male", "female"),
    ("boy", "girl"),
    ("boys", "girls"),
    ("father", "mother"),
    ("son", "daughter"),
    ("sons", "daughters"),
    ("brother", "sister"),
    ("husband", "wife"),
    ("fraternity", "sorority"),
    ("waiter", "waitress"),
    ("waiters", "waitresses"),
    ("actor", "actress"),
    ("host", "hostess"),
    ("steward", "stewardess"),
    ("salesman", "saleswoman"),
    ("salesmen", "saleswomen"),
    ("chairman", "chairwoman"),
    ("businessman", "businesswoman"),
    ("spokesman", "spokeswoman"),
    ("policeman", "policewoman"),
    ("fireman", "firewoman"),
    ("foreman", "forewoman"),
    ("craftsman", "craftswoman"),
    ("cameraman", "camerawoman"),
    ("alumnus", "alumna"),
    ("vendeur", "vendeuse"),
    ("serveur", "serveuse"),
    ("infirmier", "infirmière"),
    ("directeur", "directrice"),
    ("employé", "employée"),
];

/// Swaps the words of [`PAIRS`] in both directions, keeping capitals.
fn swapped(text: &str) -> String {
    let mut other: HashMap<&str, &str> = HashMap::new();
    for (one, two) in PAIRS {
        other.entry(one).or_insert(two);
        other.entry(two).or_insert(one);
    }
    let mut written = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_alphabetic()) {
        let word = part.trim_end_matches(|c: char| !c.is_alphabetic());
        let lower = word.to_lowercase();
        // "HIM" and "HIS" are systems, "SHE" a subject.
        let is_short = word.len() == 3 && word == word.to_uppercase();
        match other.get(lower.as_str()).filter(|_| !is_short) {
            Some(swap) if word == lower => written.push_str(swap),
            Some(swap) if word == word.to_uppercase() => written.push_str(&swap.to_uppercase()),
            Some(swap) => {
                let mut letters = swap.chars();
                written.extend(letters.next().into_iter().flat_map(char::to_uppercase));
                written.push_str(letters.as_str());
            }
            None => written.push_str(word),
        }
        written.push_str(&part[word.len()..]);
    }
    written
}

fn strip_all(texts: &[String]) -> Vec<String> {
    let stripped = texts.iter().map(|text| strip(text).text().to_owned());
    stripped.collect()
}

/// Returns the overlaps of the shortlists of adverts over two pools.
fn overlaps(first: &[String], second: &[String], adverts: &[String]) -> Vec<f64> {
    let first = Words::new(first.iter().map(String::as_str));
    let second = Words::new(second.iter().map(String::as_str));
    let overlaps = adverts.iter().map(|advert| {
        let query = strip_advert(advert);
        let query = query.text();
        rank_biased_overlap(&first.rank(query), &second.rank(query))
    });
    overlaps.collect()
}

/// Returns the mean and the least.
fn summed_up(overlaps: &[f64]) -> (f64, f64) {
    let least = overlaps.iter().copied().fold(1.0, f64::min);
    let count = f64::from(u32::try_from(overlaps.len()).unwrap());
    (overlaps.iter().sum::<f64>() / count, least)
}

/// Counts the swapped words that are still there, most often first.
fn left(clean: &[String]) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for text in clean {
        for word in text.split(|c: char| !c.is_alphabetic()) {
            let lower = word.to_lowercase();
            if PAIRS
                .iter()
                .any(|(one, two)| *one == lower || *two == lower)
            {
                *counts.entry(lower).or_default() += 1;
            }
        }
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    counts
}

#[test]
fn swapped_words_inside_texts_hardly_move_a_shortlist() {
    for sample in [Sample::Seen, Sample::HeldOut] {
        let (Some(cvs), Some(adverts)) = (
            pool("candidates.jsonl", CVS, sample),
            pool("vacancies.jsonl", ADVERTS, sample),
        ) else {
            return;
        };
        let (cvs, adverts) = (texts(&cvs), texts(&adverts));
        let turned: Vec<String> = cvs.iter().map(|cv| swapped(cv)).collect();
        let differ = |one: &[String], two: &[String]| {
            let pairs = one.iter().zip(two);
            pairs.filter(|(one, two)| one != two).count()
        };
        let (clean, turned_clean) = (strip_all(&cvs), strip_all(&turned));
        let touched = differ(&cvs, &turned);
        let (raw, raw_least) = summed_up(&overlaps(&cvs, &turned, &adverts));
        let after = overlaps(&clean, &turned_clean, &adverts);
        let (stripped, least) = summed_up(&after);
        let moved = adverts.iter().zip(&after);
        let moved = moved.filter(|(_, overlap)| **overlap < 0.99);
        let moved: Vec<String> = moved
            .map(|(advert, _)| advert.chars().take(80).collect())
            .collect();
        eprintln!(
            "{sample:?}: gendered words swapped in {touched} of {CVS} CVs, of which {} differ \
             after the strip; rank-biased overlap for {} adverts: {raw:.4} (least \
             {raw_least:.4}) before, {stripped:.4} (least {least:.4}) after; under .99 for {moved:?}; still there: {:?}",
            differ(&clean, &turned_clean),
            adverts.len(),
            left(&clean),
        );
        assert!(touched > 0);
        assert!(stripped > 0.99 && stripped <= 1.0 + f64::EPSILON);
    }
}
