//! A shortlist by shared words, and how far two shortlists agree.

use std::collections::{BTreeSet, HashMap, HashSet};

/// BM25 with the usual constants.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// How strongly the overlap weighs the top.
const P: f64 = 0.9;

fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| word.chars().count() > 1)
        .map(str::to_lowercase)
        .collect()
}

fn share(part: usize, whole: usize) -> f64 {
    let number = |count: usize| f64::from(u32::try_from(count).unwrap());
    number(part) / number(whole)
}

/// For every word the texts that have it, and how often.
pub(crate) struct Words {
    postings: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<usize>,
}

impl Words {
    pub(crate) fn new<'a>(texts: impl Iterator<Item = &'a str>) -> Self {
        let mut all = Self {
            postings: HashMap::new(),
            lengths: Vec::new(),
        };
        for (place, text) in texts.enumerate() {
            let words = words(text);
            all.lengths.push(words.len());
            for word in words {
                let posting = all.postings.entry(word).or_default();
                match posting.last_mut() {
                    Some((last, count)) if *last == place => *count += 1.0,
                    _ => posting.push((place, 1.0)),
                }
            }
        }
        all
    }

    /// Returns the texts from the best for a query to the worst; equal ones by
    /// their place.
    pub(crate) fn rank(&self, query: &str) -> Vec<usize> {
        // In order, so that sums round alike.
        let terms: BTreeSet<String> = words(query).into_iter().collect();
        let texts = self.lengths.len();
        let mean = share(self.lengths.iter().sum(), texts);
        let mut scores = vec![0.0; texts];
        for posting in terms.iter().filter_map(|term| self.postings.get(term)) {
            let with = posting.len();
            let rarity = (1.0 + share(2 * (texts - with) + 1, 2 * with + 1)).ln();
            for (text, count) in posting {
                let long = share(self.lengths[*text], 1) / mean;
                scores[*text] += rarity * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * long));
            }
        }
        let mut ranked: Vec<(usize, f64)> = scores.into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.into_iter().map(|(text, _)| text).collect()
    }
}

/// Returns the rank-biased overlap of two rankings of one depth D:
/// (1 - p) sum over d of p^(d-1) A(d), where A(d) is the share of the first d
/// that both have (Webber, Moffat and Zobel 2010), divided by 1 - p^D, the most
/// that D places can give, so that equal rankings have 1.
pub(crate) fn rank_biased_overlap(first: &[usize], second: &[usize]) -> f64 {
    assert_eq!(first.len(), second.len());
    let (mut seen_first, mut seen_second) = (HashSet::new(), HashSet::new());
    let (mut sum, mut most, mut weight) = (0.0, 0.0, 1.0 - P);
    for (depth, (one, other)) in first.iter().zip(second).enumerate() {
        seen_first.insert(one);
        seen_second.insert(other);
        let both = seen_first.intersection(&seen_second).count();
        sum += weight * share(both, depth + 1);
        most += weight;
        weight *= P;
    }
    sum / most
}

#[test]
fn overlap_follows_its_definition() {
    let ranking = [3, 1, 2, 0];
    assert!((rank_biased_overlap(&ranking, &ranking) - 1.0).abs() < f64::EPSILON);
    assert!(rank_biased_overlap(&[0, 1], &[2, 3]).abs() < f64::EPSILON);
    // A(1) = 0 and A(2) = 1: 0.09 of 0.19.
    let swapped = rank_biased_overlap(&[0, 1], &[1, 0]);
    assert!((swapped - 0.09 / 0.19).abs() < 1e-12, "{swapped}");
}
