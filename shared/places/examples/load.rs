//! Loads a gazetteer, prints what was read, how long it took and how much memory it
//! takes, and tries it on pools of profiles.
//!
//! ```sh
//! cargo run --release -p vivier-places --example load -- \
//!     cities15000.zip countries.csv fr_communes_*.csv [vacancies.jsonl ...] [--show 100]
//! ```
//!
//! Files that end in `.jsonl` have a profile a line; their fields `location` and `text`
//! are read.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example prints, and stops at what it does not expect"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use vivier_places::{Gazetteer, Hint, Place, Resolution};

fn main() {
    let mut show = 0;
    let mut arguments = std::env::args().skip(1);
    let (mut pools, mut files) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--show" {
            show = arguments.next().unwrap().parse().unwrap();
        } else if argument.ends_with(".jsonl") {
            pools.push(PathBuf::from(argument));
        } else {
            files.push(PathBuf::from(argument));
        }
    }
    let (before, started) = (memory("VmRSS"), processor_seconds());
    let loaded = match Gazetteer::load(&files) {
        Ok(loaded) => loaded,
        Err(error) => {
            println!("{error}");
            return;
        }
    };
    print!("{loaded}");
    let wall = loaded.elapsed.as_secs_f64();
    println!(
        "loaded in {wall:.2} s, {:.2} s of a processor",
        processor_seconds() - started
    );
    let (after, most) = (memory("VmRSS"), memory("VmHWM"));
    println!("resident: {before} MB before, {after} MB after, {most} MB at most");
    for pool in pools {
        println!("\n{}", pool.display());
        let text = std::fs::read_to_string(pool).unwrap();
        let profiles: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        locations(&loaded.gazetteer, &profiles, show);
        mentions(&loaded.gazetteer, &profiles, show);
    }
}

/// Returns a line of the process's status, in MB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse::<u64>().ok())
        .unwrap_or_default()
        / 1024
}

/// Returns how long a processor has worked for this process, which other processes do not
/// change.
fn processor_seconds() -> f64 {
    let status = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = status.split_whitespace().next().unwrap_or_default();
    nanoseconds.parse::<f64>().unwrap_or_default() / 1e9
}

fn locations(gazetteer: &Gazetteer, profiles: &[serde_json::Value], show: usize) {
    let fields = profiles.iter().filter_map(|one| one["location"].as_str());
    let fields: Vec<&str> = fields.filter(|field| !field.is_empty()).collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut distinct: BTreeMap<&str, (usize, Resolution<'_>)> = BTreeMap::new();
    let started = Instant::now();
    for field in &fields {
        let answer = gazetteer.resolve(field, Hint::default());
        *counts.entry(outcome(&answer)).or_default() += 1;
        distinct.entry(field).or_insert((0, answer)).0 += 1;
    }
    println!(
        "{} locations in {} ms",
        fields.len(),
        started.elapsed().as_millis()
    );
    share(&counts, fields.len());
    let mut of_distinct: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, answer) in distinct.values() {
        *of_distinct.entry(outcome(answer)).or_default() += 1;
    }
    println!("{} different ones", distinct.len());
    share(&of_distinct, distinct.len());
    let step = (distinct.len() / show.max(1)).max(1);
    for (field, (count, answer)) in distinct.iter().step_by(step).take(show) {
        println!("  {count:5} {field:?}: {}", said(gazetteer, answer));
    }
}

fn mentions(gazetteer: &Gazetteer, profiles: &[serde_json::Value], show: usize) {
    let texts = profiles.iter().filter_map(|one| one["text"].as_str());
    let texts: Vec<&str> = texts.collect();
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = Vec::new();
    let (started, worked) = (Instant::now(), processor_seconds());
    for text in &texts {
        let found = gazetteer.mentions(text);
        all.extend(found.into_iter().map(|mention| (*text, mention)));
    }
    let (seconds, of_processor) = (
        started.elapsed().as_secs_f64(),
        processor_seconds() - worked,
    );
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{} mentions in {} texts of {megabytes:.1} MB",
        all.len(),
        texts.len()
    );
    println!(
        "{:.1} MB/s, {:.1} MB per second of a processor",
        megabytes / seconds,
        megabytes / of_processor
    );
    for (_, mention) in &all {
        *counts.entry(outcome(&mention.resolution)).or_default() += 1;
    }
    share(&counts, all.len());
    let step = (all.len() / show.max(1)).max(1);
    for (text, mention) in all.iter().step_by(step).take(show) {
        let range = &mention.range;
        let before: String = text[..range.start].chars().rev().take(30).collect();
        let before: String = before.chars().rev().collect();
        let after: String = text[range.end..].chars().take(20).collect();
        let context = format!("{before}[{}]{after}", &text[range.clone()]);
        let answer = said(gazetteer, &mention.resolution);
        println!("  {context:?}: {answer}");
    }
}

fn outcome(answer: &Resolution<'_>) -> &'static str {
    match answer {
        Resolution::Found { .. } => "found",
        Resolution::Ambiguous { .. } => "ambiguous",
        Resolution::Unknown => "unknown",
    }
}

fn share(counts: &BTreeMap<&str, usize>, of: usize) {
    for (outcome, count) in counts {
        let percent = 100.0 * *count as f64 / of.max(1) as f64;
        println!("  {outcome}: {count} ({percent:.1} %)");
    }
}

fn said(gazetteer: &Gazetteer, answer: &Resolution<'_>) -> String {
    let place = |place: &Place| {
        let region = gazetteer.region(place).map_or("-", |region| &region.name);
        let country = place.country_code.as_str();
        format!("{:?} {}, {region}, {country}", place.kind, place.name)
    };
    match answer {
        Resolution::Found { place: one, sure } => format!("{} ({sure:.2})", place(one)),
        Resolution::Ambiguous {
            sure, candidates, ..
        } => {
            let shown: Vec<String> = candidates.iter().take(3).map(|one| place(one)).collect();
            format!("? {sure:.2} of {}: {}", candidates.len(), shown.join("; "))
        }
        Resolution::Unknown => "-".to_owned(),
    }
}
