//! Segments and the tail against BM25 written from its definition.

use std::collections::BTreeMap;
use std::path::Path;

use proptest::prelude::*;
use vivier_ann::RowSet;

use super::*;
use crate::analysis::Analysis;
use crate::config::WordsConfig;
use crate::model::Words;
use crate::points::as_index;

const WORDS: [&str; 16] = [
    "chef",
    "chefs",
    "cuisine",
    "the",
    "le",
    "C++",
    "developer",
    "developing",
    "développeur",
    "Köche",
    "nurse",
    "nurses",
    "9001",
    "a",
    "sales",
    "x1",
];

fn words() -> impl Strategy<Value = Words> {
    let word = (0_usize..WORDS.len(), 0_usize..WORDS.len());
    let text = prop::collection::vec(word, 0..25).prop_map(|places| {
        // Skewed, as words are.
        let words = places.into_iter().map(|(a, b)| WORDS[a.min(b)]);
        words.collect::<Vec<_>>().join(" ")
    });
    (text, "en|fr|de|").prop_map(|(text, lang)| Words { text, lang })
}

fn terms(words: &Words) -> Vec<String> {
    let mut terms = Vec::new();
    Analysis::new().each(&words.text, &words.lang, |term, _| {
        terms.push(term.to_owned());
    });
    terms
}

/// BM25 from its definition: the score of each text.
fn naive(texts: &[Words], query: &Words, config: &WordsConfig) -> Vec<f64> {
    let (k1, b, k3) = (
        f64::from(config.k1),
        f64::from(config.b),
        f64::from(config.k3),
    );
    let count = |length: usize| f64::from(u32::try_from(length).unwrap());
    let texts: Vec<_> = texts.iter().map(terms).collect();
    let n = count(texts.iter().filter(|text| !text.is_empty()).count());
    let mean = texts.iter().map(|text| count(text.len())).sum::<f64>() / n;
    let mut asked: BTreeMap<String, usize> = BTreeMap::new();
    for term in terms(query) {
        *asked.entry(term).or_default() += 1;
    }
    let weight = |term: &String, qtf: usize| {
        let df = count(texts.iter().filter(|text| text.contains(term)).count());
        let qtf = count(qtf);
        let idf = (1.0 + (n - df + 0.5) / (df + 0.5)).ln();
        (df > 0.0).then(|| idf * qtf * (k3 + 1.0) / (qtf + k3))
    };
    let mut weights: Vec<_> = asked
        .iter()
        .filter_map(|(term, qtf)| Some((term, weight(term, *qtf)?)))
        .collect();
    weights.sort_by(|a, b| b.1.total_cmp(&a.1));
    weights.truncate(config.max_query_terms);
    let bound: f64 = weights.iter().map(|(_, weight)| weight * (k1 + 1.0)).sum();
    let scored = texts.iter().map(|text| {
        let parts = weights.iter().map(|(term, weight)| {
            let tf = count(text.iter().filter(|other| other == term).count());
            let norm = k1 * (1.0 - b + b * count(text.len()) / mean);
            weight * tf * (k1 + 1.0) / (tf + norm)
        });
        let sum: f64 = parts.sum();
        if sum > 0.0 { sum / bound } else { 0.0 }
    });
    scored.collect()
}

fn built(folder: &Path, texts: &[Words]) -> WordsSegment {
    let mut builder = WordsSegmentBuilder::create(folder).unwrap();
    for text in texts {
        builder
            .push((!text.text.is_empty()).then_some(text))
            .unwrap();
    }
    builder.finish().unwrap()
}

/// Segments with their dead rows.
struct Place {
    segment: WordsSegment,
    texts: Vec<Words>,
    dead: RowSet,
    buried: DeadWords,
}

impl Place {
    fn new(segment: WordsSegment, texts: Vec<Words>, is_dead: impl Fn(u32) -> bool) -> Self {
        let rows = segment.rows();
        let dead = RowSet::of(rows, (0..rows).filter(|row| is_dead(*row)));
        let mut buried = DeadWords::default();
        for row in dead.iter() {
            segment.bury(row, &mut buried);
        }
        Self {
            segment,
            texts,
            dead,
            buried,
        }
    }

    fn live(&self) -> impl Iterator<Item = (u32, &Words)> {
        let rows = (0..).zip(&self.texts);
        rows.filter(|(row, _)| !self.dead.contains(*row))
    }
}

fn query_of(places: &[Place], tail: &WordsView, text: &Words, config: &WordsConfig) -> WordsQuery {
    let asked = AskedWords::of(text);
    let mut statistics = tail.statistics(&asked).unwrap();
    for place in places {
        statistics.add(&place.segment.statistics(&asked, &place.buried).unwrap());
    }
    WordsQuery::new(asked, &statistics, config)
}

/// Writes the live rows of all segments into one.
fn merged(folder: &Path, places: &[Place]) -> WordsSegment {
    let mut builder = WordsSegmentBuilder::create(folder).unwrap();
    for place in places {
        let mut source = WordsSource::new(&place.segment).unwrap();
        for (row, _) in place.live() {
            builder.push_from(&mut source, row).unwrap();
        }
    }
    builder.finish().unwrap()
}

fn check_top(place: &Place, query: &WordsQuery, all: &[f32], allow: Option<&RowSet>, n: usize) {
    let mut wanted: Vec<(u32, f32)> = (0..).zip(all.iter().copied()).collect();
    wanted.retain(|(row, score)| {
        let is_allowed = allow.is_none_or(|allow| allow.contains(*row));
        *score > 0.0 && is_allowed && !place.dead.contains(*row)
    });
    wanted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    wanted.truncate(n);
    let found = place.segment.top(query, n, allow, Some(&place.dead));
    assert_eq!(found.unwrap(), wanted);
}

fn check_place(place: &Place, query: &WordsQuery, n: usize, allowed: u32) -> Vec<f32> {
    let all = place.segment.all_scores(query, None).unwrap();
    let rows: Vec<u32> = (0..place.segment.rows()).collect();
    // To the bit: both plans compute whole units.
    assert_eq!(place.segment.scores(query, &rows).unwrap(), all);
    let allow = RowSet::of(
        place.segment.rows(),
        rows.iter().copied().filter(|row| row % 7 < allowed),
    );
    check_top(place, query, &all, None, n);
    check_top(place, query, &all, Some(&allow), n);
    check_top(place, query, &all, Some(&allow), 10_000);
    for (parts, score) in place
        .segment
        .explain(query, &rows)
        .unwrap()
        .iter()
        .zip(&all)
    {
        let sum: f32 = parts.iter().map(|(_, part)| part).sum();
        assert_eq!(sum, *score, "whole units add up");
        assert!(parts.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn segments_and_tail_equal_the_definition(
        texts in prop::collection::vec(prop::collection::vec(words(), 0..40), 1..4),
        tail_texts in prop::collection::vec(words(), 0..20),
        query in words(),
        most in 1_usize..12,
        dead_every in 1_u32..5,
        n in 1_usize..30,
        allowed in 0_u32..8,
    ) {
        let config = WordsConfig { max_query_terms: most, ..WordsConfig::default() };
        let folder = tempfile::tempdir().unwrap();
        let mut places = Vec::new();
        for (number, texts) in texts.into_iter().enumerate() {
            let segment = built(&folder.path().join(number.to_string()), &texts);
            places.push(Place::new(segment, texts, |row| row % dead_every == 1));
        }
        let mut tail = WordsIndex::new().unwrap();
        for (slot, text) in (0..).zip(&tail_texts) {
            tail.add(slot, text).unwrap();
        }
        let tail = tail.commit().unwrap();
        let weighed = query_of(&places, &tail, &query, &config);

        let mut live: Vec<Words> = Vec::new();
        let mut found = Vec::new();
        for place in &places {
            let all = check_place(place, &weighed, n, allowed);
            live.extend(place.live().map(|(_, text)| text.clone()));
            found.extend(place.live().map(|(row, _)| all[as_index(row)]));
        }
        let merged = merged(&folder.path().join("merged"), &places);
        live.extend(tail_texts.iter().cloned());
        found.extend(tail.scores(&weighed, tail_texts.len()).unwrap());

        let wanted = naive(&live, &query, &config);
        prop_assert_eq!(found.len(), wanted.len());
        // Where equal weights meet the limit on terms, either may be kept.
        let is_cut = weighed.terms().len() == most;
        for (found, wanted) in found.iter().zip(&wanted) {
            prop_assert!(is_cut || (f64::from(*found) - wanted).abs() < 1e-5, "{} {}", found, wanted);
            prop_assert!((0.0..=1.0).contains(found));
        }

        let merged = vec![Place::new(merged, Vec::new(), |_| false)];
        let again = query_of(&merged, &tail, &query, &config);
        let scores = merged[0].segment.all_scores(&again, None).unwrap();
        let rows = scores.len();
        prop_assert_eq!(scores, &found[..rows], "a merge changes no score");
        let opened = WordsSegment::open(&folder.path().join("merged")).unwrap();
        prop_assert_eq!(opened.all_scores(&again, None).unwrap(), &found[..rows]);
    }
}

#[test]
fn rows_keep_their_order_over_many_windows() {
    let folder = tempfile::tempdir().unwrap();
    let mut builder = WordsSegmentBuilder::create(folder.path()).unwrap();
    let rows = 140_000_u32;
    let text = |row: u32| {
        // "common" in most rows, "rare" in few, every seventh empty.
        let rare = if row % 1_009 == 3 { " rare" } else { "" };
        let more = " filler".repeat(as_index(row % 3));
        (!row.is_multiple_of(7)).then(|| format!("common t{}{rare}{more}", row % 5_000 + 1_000))
    };
    for row in 0..rows {
        let words = text(row).map(|text| Words {
            text,
            lang: "de".to_owned(),
        });
        builder.push(words.as_ref()).unwrap();
    }
    let place = Place::new(builder.finish().unwrap(), Vec::new(), |row| row % 11 == 0);
    let asked = AskedWords::of(&Words {
        text: "common rare t1077 t5999 absent".to_owned(),
        lang: String::new(),
    });
    let statistics = place.segment.statistics(&asked, &place.buried).unwrap();
    let query = WordsQuery::new(asked, &statistics, &WordsConfig::default());
    assert_eq!(query.terms().len(), 4);
    let all = check_place(&place, &query, 1_000, 1);
    // So few that their rows are looked up one by one.
    let few = RowSet::of(rows, (0..rows).step_by(1_000).chain([3, 77, 4_999]));
    check_top(&place, &query, &all, Some(&few), 20);
    check_top(&place, &query, &all, Some(&few), 1_000);
    for row in 0..rows {
        let has_any = row % 7 != 0;
        assert_eq!(all[as_index(row)] > 0.0, has_any, "row {row}");
        let is_rare = has_any && row % 1_009 == 3;
        let is_asked = has_any && matches!(row % 5_000, 77 | 4_999);
        let tells = all[as_index(row)] > 0.05;
        assert_eq!(tells, is_rare || is_asked, "row {row}");
    }
}

#[test]
fn damage_to_any_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["a chef in a kitchen", "two nurses"].map(|text| Words {
        text: text.to_owned(),
        lang: "en".to_owned(),
    });
    built(folder.path(), &texts);
    let mut files = 0;
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let good = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".lock") {
            continue;
        }
        files += 1;
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x41;
            std::fs::write(&path, &bad).unwrap();
            let error = WordsSegment::open(folder.path()).err().unwrap().to_string();
            assert!(error.contains(&name), "{error}");
        }
        std::fs::remove_file(&path).unwrap();
        let error = WordsSegment::open(folder.path()).err().unwrap().to_string();
        assert!(error.contains(&name), "{error}");
        std::fs::write(&path, &good).unwrap();
    }
    assert!(files >= 6, "{files} files");
    WordsSegment::open(folder.path()).unwrap();
}

#[test]
fn a_segment_needs_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    built(folder.path(), &[]);
    let refused = WordsSegmentBuilder::create(folder.path()).err().unwrap();
    assert!(refused.to_string().contains("not empty"), "{refused}");
}

#[test]
fn segments_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<(WordsSegment, DeadWords, WordsQuery)>();
}
