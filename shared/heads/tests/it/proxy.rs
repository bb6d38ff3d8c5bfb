//! Text against words, on a weak proxy.
//!
//! No public set says which real CV fits which real advert. The proxy: a CV
//! suits an advert when the CV's category is the one that the advert's title
//! names. Titles are taken out of the texts on both sides, so that the label
//! itself does not decide. It says how text and words weigh against each
//! other; it says nothing of fitness.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;
use vivier_encoders::{Batch, Encoder, EncoderOptions, InputKind, Truncation};
use vivier_features::Feature;
use vivier_heads::{LinearConfig, LinearScorer};

use crate::words::Words;

/// Words of an advert's title, and the category of CVs that they name.
const NAMED: [(&str, &str); 16] = [
    ("accountant", "ACCOUNTANT"),
    ("teacher", "TEACHER"),
    ("chef", "CHEF"),
    ("cook", "CHEF"),
    ("construction", "CONSTRUCTION"),
    ("sales", "SALES"),
    ("designer", "DESIGNER"),
    ("human resources", "HR"),
    ("recruiter", "HR"),
    ("nurse", "HEALTHCARE"),
    ("attorney", "ADVOCATE"),
    ("bank", "BANKING"),
    ("software", "INFORMATION-TECHNOLOGY"),
    ("developer", "INFORMATION-TECHNOLOGY"),
    ("fitness", "FITNESS"),
    ("aircraft", "AVIATION"),
];

const ADVERTS_EACH: usize = 12;
const CVS_EACH: usize = 25;

struct Labelled {
    category: String,
    text: String,
}

fn lines(file: &str) -> Option<Vec<Value>> {
    let path = format!(
        "{}/../../../shared/data/pools/{file}",
        env!("CARGO_MANIFEST_DIR")
    );
    let text = std::fs::read_to_string(path).ok()?;
    Some(
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn limited(list: impl Iterator<Item = Labelled>, each: usize) -> Vec<Labelled> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    list.filter(|one| {
        let count = counts.entry(one.category.clone()).or_default();
        *count += 1;
        *count <= each
    })
    .collect()
}

fn cvs(values: &[Value]) -> Vec<Labelled> {
    let of_one_source = values
        .iter()
        .filter(|value| value["source"] == "livecareer");
    let labelled = of_one_source.map(|value| {
        let text = value["text"].as_str().unwrap();
        let without_title = text.split_once('\n').map_or("", |(_, rest)| rest);
        Labelled {
            category: value["category"].as_str().unwrap().to_owned(),
            text: without_title.to_owned(),
        }
    });
    limited(labelled, CVS_EACH)
}

fn adverts(values: &[Value]) -> Vec<Labelled> {
    let labelled = values
        .iter()
        .filter(|value| value["lang"] == "en")
        .filter_map(|value| {
            let title = value["title"].as_str().unwrap();
            let lower = title.to_lowercase();
            let mut named = NAMED
                .iter()
                .filter(|(word, _)| lower.contains(word))
                .map(|(_, category)| *category);
            let category = named.next()?;
            let text = value["text"].as_str().unwrap().replace(title, " ");
            let alone = named.all(|other| other == category);
            (alone && text.len() > 300).then(|| Labelled {
                category: category.to_owned(),
                text,
            })
        });
    limited(labelled, ADVERTS_EACH)
}

fn model_folder() -> Option<PathBuf> {
    let cache = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let folder = std::env::var_os("VIVIER_MODEL_DIR")
        .map(PathBuf::from)
        .or_else(|| {
            let base = std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(cache)?;
            Some(base.join("vivier/models/all-MiniLM-L6-v2"))
        })?;
    folder.is_dir().then_some(folder)
}

fn embed(encoder: &Encoder, text: &str, kind: InputKind) -> Vec<f32> {
    let prepared = encoder
        .prepare(
            text,
            kind,
            Truncation::Windows {
                overlap: 32,
                most: usize::MAX,
            },
        )
        .unwrap();
    let mut batch = Batch::default();
    prepared.push_to(&mut batch);
    prepared.pool(&encoder.encode(&batch).unwrap()).unwrap()
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    one.iter().zip(other).map(|(a, b)| f64::from(a * b)).sum()
}

/// Mean average precision over the adverts.
fn map(adverts: &[Labelled], cvs: &[Labelled], score: impl Fn(usize, usize) -> f64) -> f64 {
    let precision = |(query, advert): (usize, &Labelled)| {
        let mut ranked: Vec<(f64, bool)> = cvs
            .iter()
            .enumerate()
            .map(|(at, cv)| (score(query, at), cv.category == advert.category))
            .collect();
        ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
        let (mut hits, mut sum) = (0.0, 0.0);
        for (rank, _) in ranked.iter().enumerate().filter(|(_, (_, suits))| *suits) {
            hits += 1.0;
            sum += hits / (rank as f64 + 1.0);
        }
        sum / hits
    };
    adverts.iter().enumerate().map(precision).sum::<f64>() / adverts.len() as f64
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / values.len() as f64;
    (mean, square.sqrt())
}

/// Prints the mean average precision of text and words at several weights.
///
/// `cargo test --release -p vivier-heads --test it -- --ignored --nocapture`
#[test]
#[ignore = "encodes 600 CVs, which takes minutes"]
fn the_default_weights_beat_words_and_cost_text_little() {
    let (Some(cv_lines), Some(advert_lines), Some(folder)) = (
        lines("candidates.jsonl"),
        lines("vacancies.jsonl"),
        model_folder(),
    ) else {
        eprintln!("skipped: the pools or the weights are missing");
        return;
    };
    let (cvs, adverts) = (cvs(&cv_lines), adverts(&advert_lines));
    let encoder = Encoder::load(&folder, &EncoderOptions::default()).unwrap();
    let of_cvs: Vec<Vec<f32>> = cvs
        .iter()
        .map(|cv| embed(&encoder, &cv.text, InputKind::Candidate))
        .collect();
    let index = Words::new(&cvs.iter().map(|cv| cv.text.clone()).collect::<Vec<_>>());
    let text_scores: Vec<Vec<f64>> = adverts
        .iter()
        .map(|advert| {
            let query = embed(&encoder, &advert.text, InputKind::Vacancy);
            of_cvs.iter().map(|cv| dot(&query, cv)).collect()
        })
        .collect();
    let word_scores: Vec<Vec<f64>> = adverts
        .iter()
        .map(|advert| index.scores(&advert.text))
        .collect();
    eprintln!("{} CVs, {} adverts", cvs.len(), adverts.len());
    for (name, scores) in [("text", &text_scores), ("words", &word_scores)] {
        let within: Vec<f64> = scores.iter().map(|row| mean_and_deviation(row).1).collect();
        let (mean, _) = mean_and_deviation(&scores.concat());
        eprintln!(
            "{name}: mean {mean:.3}, deviation inside a list {:.3}",
            mean_and_deviation(&within).0
        );
    }
    let at = |weight: f64| {
        map(&adverts, &cvs, |query, cv| {
            text_scores[query][cv] + weight * word_scores[query][cv]
        })
    };
    let text = at(0.0);
    let words = map(&adverts, &cvs, |query, cv| word_scores[query][cv]);
    eprintln!("text {text:.3}, words {words:.3}");
    for weight in [0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 12.0] {
        eprintln!("text + {weight} words: {:.3}", at(weight));
    }
    let term = |feature| {
        f64::from(
            LinearScorer::new(&LinearConfig::default())
                .unwrap()
                .term(feature)
                .weight,
        )
    };
    let chosen = at(term(Feature::FacetWords) / term(Feature::FacetText));
    assert!(
        chosen > words && chosen > 0.97 * text,
        "{chosen}, {text}, {words}"
    );
}
