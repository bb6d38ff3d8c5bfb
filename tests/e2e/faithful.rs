//! Whether reasons are true: without the words that a reason cites, the score is lower.
//!
//! For real adverts and real CVs: the words that name one skill of a reason about skills
//! are deleted from the CV, the shorter CV joins the pool, and the advert is
//! asked again, so that both are scored in one answer. Beside it, as a control, as many
//! bytes are deleted where nothing is cited.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Shape, text, weights};
use crate::knowledge::{data, with_esco};

/// Pairs that are tried.
const PAIRS: usize = 500;
/// Most tries of an ingest.
const TRIES: usize = 4;
/// Of these, those with a control.
const CONTROLS: usize = 100;
/// CVs in the pool, and adverts of each language.
const CVS: usize = 300;
const ADVERTS: [(&str, usize); 2] = [("en", 60), ("fr", 30)];
/// Results of an advert that are looked at.
const RESULTS: usize = 20;

/// A CV without what a reason cites.
struct Deletion {
    advert: usize,
    candidate: String,
    /// What is deleted.
    words: Vec<String>,
    cut: String,
    control: Option<String>,
}

#[test]
fn deleting_what_a_reason_cites_lowers_the_score() {
    let (Some(_), Some(data)) = (weights(), data("")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path();
    let sections = with_esco(&data.join("esco"), home);
    let cluster = Cluster::start_with(home, Shape::default(), &sections);
    let cvs = every(&data.join("pools/candidates.jsonl"), CVS, |_| true);
    ingest(&cluster, home, &cvs);
    let texts: HashMap<&str, &str> = cvs
        .iter()
        .map(|cv| (cv["id"].as_str().unwrap(), cv["text"].as_str().unwrap()))
        .collect();
    let adverts = adverts(&data, home);
    let mut deletions = Vec::new();
    for advert in 0..adverts {
        let answer = ask(&cluster, home, advert, RESULTS);
        for result in answer["results"].as_array().unwrap() {
            let id = result["id"].as_str().unwrap();
            deletions.extend(deletion(advert, id, texts[id], result));
        }
    }
    deletions.truncate(PAIRS);
    assert_eq!(deletions.len(), PAIRS, "too few reasons cite words");
    let mut shorter = Vec::new();
    for (number, deletion) in deletions.iter().enumerate() {
        shorter.push(json!({"id": format!("cut-{number}"), "text": deletion.cut}));
        if let Some(control) = deletion.control.as_ref().filter(|_| number < CONTROLS) {
            shorter.push(json!({"id": format!("control-{number}"), "text": control}));
        }
    }
    ingest(&cluster, home, &shorter);
    let (mut kept, mut controls, mut lower_controls) = (Vec::new(), 0, 0);
    let mut scores: (usize, HashMap<String, f64>) = (usize::MAX, HashMap::new());
    for (number, deletion) in deletions.iter().enumerate() {
        if scores.0 != deletion.advert {
            scores = (deletion.advert, all_scores(&cluster, home, deletion.advert));
        }
        let score = |id: &str| scores.1.get(id).copied();
        let whole = score(&deletion.candidate).unwrap();
        // One that is not among the best thousand has fallen.
        let cut = score(&format!("cut-{number}"));
        if let Some(cut) = cut.filter(|cut| *cut >= whole) {
            kept.push(format!(
                "{:?} deleted from {} for advert {}: {whole} -> {cut}",
                deletion.words, deletion.candidate, deletion.advert
            ));
        }
        if let Some(control) = score(&format!("control-{number}")) {
            controls += 1;
            lower_controls += usize::from(control < whole);
        }
    }
    let lower = PAIRS - kept.len();
    println!(
        "deleting what is cited lowers the score in {lower} of {PAIRS} pairs; deleting as much \
         elsewhere in {lower_controls} of {controls}"
    );
    assert!(
        lower * 100 >= PAIRS * 95,
        "{lower} of {PAIRS}; not lower:\n{}",
        kept.join("\n")
    );
}

/// Deletes from a CV the words that name one skill asked for, the first that is cited.
fn deletion(advert: usize, id: &str, cv: &str, result: &Value) -> Option<Deletion> {
    let reasons = result["reasons"].as_array()?.iter();
    let mut skills = reasons
        .filter(|reason| {
            reason["topic"] == "skill_overlap" || reason["topic"] == "optional_skill_overlap"
        })
        .flat_map(|reason| reason["skills"].as_array().into_iter().flatten());
    let ranges = skills.find_map(|skill| {
        let spans = skill["spans"].as_array()?;
        let ranges: Vec<(usize, usize)> = spans.iter().filter_map(range).collect();
        (!ranges.is_empty()).then_some(ranges)
    })?;
    let without = |ranges: &[(usize, usize)]| {
        let mut kept = String::new();
        let mut from = 0;
        for (start, end) in ranges {
            kept.push_str(cv.get(from..*start)?);
            from = *end;
        }
        kept.push_str(cv.get(from..)?);
        Some(kept)
    };
    let length = cv.len();
    let elsewhere: Vec<(usize, usize)> = ranges
        .iter()
        .map(|(start, end)| {
            let moved = (start + length / 2) % length.saturating_sub(end - start).max(1);
            (moved, moved + (end - start))
        })
        .collect();
    let mut sorted = elsewhere.clone();
    sorted.sort_unstable();
    let apart = sorted.windows(2).all(|two| two[0].1 <= two[1].0);
    let touches = |one: &(usize, usize)| {
        ranges
            .iter()
            .any(|(start, end)| one.0 < *end && *start < one.1)
    };
    let control = (apart && !sorted.iter().any(touches)).then(|| without(&sorted))?;
    Some(Deletion {
        advert,
        candidate: id.to_owned(),
        words: ranges
            .iter()
            .map(|(start, end)| cv.get(*start..*end).unwrap_or_default().to_owned())
            .collect(),
        cut: without(&ranges)?,
        control,
    })
}

fn range(span: &Value) -> Option<(usize, usize)> {
    let at = |key: &str| usize::try_from(span[key].as_u64()?).ok();
    (span["field"] == "text").then_some(())?;
    Some((at("start")?, at("end")?))
}

/// Returns about `count` records of a file, evenly spread.
fn every(path: &Path, count: usize, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
    let lines = std::fs::read_to_string(path).unwrap();
    let records = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    let records: Vec<Value> = records.filter(wanted).collect();
    let step = (records.len() / count).max(1);
    let spread = records.into_iter().step_by(step).take(count);
    let plain = |record: Value| json!({"id": record["id"], "title": record["title"], "text": record["text"]});
    spread.map(plain).collect()
}

/// Writes adverts of both languages and returns how many there are.
fn adverts(data: &Path, home: &Path) -> usize {
    let path = data.join("pools/vacancies.jsonl");
    let mut adverts = Vec::new();
    for (lang, count) in ADVERTS {
        adverts.extend(every(&path, count, |advert| advert["lang"] == lang));
    }
    let lines: Vec<String> = adverts.iter().map(Value::to_string).collect();
    std::fs::write(home.join("adverts.jsonl"), lines.join("\n")).unwrap();
    adverts.len()
}

fn ask(cluster: &Cluster, home: &Path, advert: usize, count: usize) -> Value {
    let (file, line, count) = (
        home.join("adverts.jsonl"),
        (advert + 1).to_string(),
        count.to_string(),
    );
    cluster.json(&[
        "match",
        "--file",
        file.to_str().unwrap(),
        "--line",
        &line,
        "-k",
        &count,
        "--explain",
        "--json",
    ])
}

fn all_scores(cluster: &Cluster, home: &Path, advert: usize) -> HashMap<String, f64> {
    let answer = ask(cluster, home, advert, 1_000);
    let results = answer["results"].as_array().unwrap().iter();
    let scores = results.map(|result| {
        let id = result["id"].as_str().unwrap().to_owned();
        (id, result["score"].as_f64().unwrap())
    });
    scores.collect()
}

fn ingest(cluster: &Cluster, home: &Path, cvs: &[Value]) {
    let lines: Vec<String> = cvs
        .iter()
        .map(|cv| json!({"id": cv["id"], "text": cv["text"]}).to_string())
        .collect();
    let file = home.join("cvs.jsonl");
    std::fs::write(&file, lines.join("\n")).unwrap();
    // Other tests share the processors: a batch that ran out of time is sent again.
    let arguments = ["ingest", "--kind", "candidates", file.to_str().unwrap()];
    let mut output = cluster.run(&arguments);
    for _ in 1..TRIES {
        if output.status.success() {
            break;
        }
        output = cluster.run(&arguments);
    }
    assert!(output.status.success(), "{}", text(&output));
}
