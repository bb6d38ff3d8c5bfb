//! How far a shortlist moves when gendered words inside the texts are swapped:
//! a report, for what rules cannot see.

use std::collections::HashMap;

use vivier_identity::{strip, strip_advert};

use crate::ranking::{Words, rank_biased_overlap};
use crate::support::{ADVERTS, CVS, pool, texts};

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
        match other.get(lower.as_str()) {
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

#[test]
fn swapped_words_inside_texts_hardly_move_a_shortlist() {
    let (Some(cvs), Some(adverts)) = (
        pool("candidates.jsonl", CVS),
        pool("vacancies.jsonl", ADVERTS),
    ) else {
        return;
    };
    let (cvs, adverts) = (texts(&cvs), texts(&adverts));
    let turned: Vec<String> = cvs.iter().map(|cv| swapped(cv)).collect();
    let touched = cvs
        .iter()
        .zip(&turned)
        .filter(|(one, two)| one != two)
        .count();
    let strip_all = |texts: &[String]| -> Vec<String> {
        texts
            .iter()
            .map(|text| strip(text).text().to_owned())
            .collect()
    };
    let (clean, turned_clean) = (strip_all(&cvs), strip_all(&turned));
    let equal = clean
        .iter()
        .zip(&turned_clean)
        .filter(|(one, two)| one == two)
        .count();
    let mean = |first: &[String], second: &[String]| {
        let first = Words::new(first.iter().map(String::as_str));
        let second = Words::new(second.iter().map(String::as_str));
        let overlaps: Vec<f64> = adverts
            .iter()
            .map(|advert| {
                let query = strip_advert(advert);
                let query = query.text();
                rank_biased_overlap(&first.rank(query), &second.rank(query))
            })
            .collect();
        let least = overlaps.iter().copied().fold(1.0, f64::min);
        let count = f64::from(u32::try_from(overlaps.len()).unwrap());
        (overlaps.iter().sum::<f64>() / count, least)
    };
    let (raw, raw_least) = mean(&cvs, &turned);
    let (stripped, stripped_least) = mean(&clean, &turned_clean);
    eprintln!(
        "gendered words swapped in {touched} of {CVS} CVs, of which {} differ after the strip; \
         rank-biased overlap for {} adverts: {raw:.4} (least {raw_least:.4}) before, \
         {stripped:.4} (least {stripped_least:.4}) after",
        CVS - equal,
        adverts.len(),
    );
    assert!(touched > 0);
    assert!(stripped > 0.9 && stripped <= 1.0 + f64::EPSILON);
}
