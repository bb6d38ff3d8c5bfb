//! Times making the four linkers that a service holds, linking names, and finding mentions
//! in running texts; with a file, writes the answers to it, so that two versions can be
//! compared.
//!
//! ```text
//! cargo run --release -p vivier-linking --example speed -- \
//!     ESCO_FOLDER,... CACHE TEXTS.jsonl,... NAMES.csv,... [ANSWERS]
//! ```
//! Texts are the field `text` of lines of JSON; names the first column of a CSV.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use vivier_linking::Linker;
use vivier_ontology::{Kind, Language, Ontology, load};

/// Texts and names that are asked, evenly from all.
const TEXTS: usize = 2_000;
const NAMES: usize = 1_000;
/// Concepts of an answer.
const COUNT: usize = 5;
const WANTED: [(Kind, Language); 4] = [
    (Kind::Skill, Language::FRENCH),
    (Kind::Skill, Language::ENGLISH),
    (Kind::Occupation, Language::FRENCH),
    (Kind::Occupation, Language::ENGLISH),
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folders, cache, texts, names, rest @ ..] = arguments.as_slice() else {
        return Err("give ESCO_FOLDER,... CACHE TEXTS.jsonl,... NAMES.csv,... [ANSWERS]".into());
    };
    let folders: Vec<PathBuf> = folders.split(',').map(PathBuf::from).collect();
    load(&folders, Some(Path::new(cache)))?;
    let loaded = load(&folders, Some(Path::new(cache)))?;
    let seconds = loaded.elapsed.as_secs_f64();
    println!("ontology in {:.0} ms, {} MB", seconds * 1e3, resident()?);
    let linkers = linkers(&loaded.ontology)?;
    let texts = some(texts_of(texts)?, TEXTS);
    let names = some(names_of(names)?, NAMES);
    let mut answers = match rest.first() {
        Some(path) => Some(std::io::BufWriter::new(std::fs::File::create(path)?)),
        None => None,
    };
    for ((kind, language), linker) in WANTED.iter().zip(&linkers) {
        println!("{} in {}:", kind.plural(), language.code());
        let mut out = answers.as_mut();
        time_names(linker, &names, &mut |line| write(&mut out, line))?;
        time_texts(linker, &texts, &mut |line| write(&mut out, line))?;
    }
    Ok(())
}

fn write(
    out: &mut Option<&mut std::io::BufWriter<std::fs::File>>,
    line: &str,
) -> std::io::Result<()> {
    out.as_mut().map_or(Ok(()), |out| writeln!(out, "{line}"))
}

fn linkers(ontology: &Ontology) -> Result<Vec<Linker>, Box<dyn Error>> {
    let before = resident()?;
    let started = Instant::now();
    let linkers = WANTED
        .par_iter()
        .map(|(kind, language)| Linker::new(ontology, &[*kind], *language));
    let linkers: Result<Vec<Linker>, _> = linkers.collect();
    let linkers = linkers?;
    let seconds = started.elapsed().as_secs_f64();
    let labels: usize = linkers.iter().map(|linker| linker.labels().len()).sum();
    println!(
        "four linkers of {labels} labels in {:.0} ms on {} threads, {} MB more",
        seconds * 1e3,
        rayon::current_num_threads(),
        resident()?.saturating_sub(before)
    );
    Ok(linkers)
}

type Sink<'a> = dyn FnMut(&str) -> std::io::Result<()> + 'a;

fn time_names(linker: &Linker, names: &[String], out: &mut Sink<'_>) -> Result<(), Box<dyn Error>> {
    let mut times = Vec::with_capacity(names.len());
    for name in names {
        let started = Instant::now();
        let links = linker.link(name, None, COUNT)?;
        times.push(started.elapsed().as_secs_f64() * 1e6);
        for link in links {
            let concept = link.concept.number();
            out(&format!(
                "{name:?}\t{concept}\t{}\t{}",
                link.label, link.score
            ))?;
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied();
    println!(
        "  a name in {:.0} us in the median, {:.0} us at 99 of 100",
        at(50).unwrap_or_default(),
        at(99).unwrap_or_default()
    );
    Ok(())
}

fn time_texts(linker: &Linker, texts: &[String], out: &mut Sink<'_>) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let found: Result<Vec<_>, _> = texts
        .iter()
        .map(|text| linker.mentions(text, &[]))
        .collect();
    let seconds = started.elapsed().as_secs_f64();
    let bytes: usize = texts.iter().map(String::len).sum();
    let found = found?;
    let count: usize = found.iter().map(Vec::len).sum();
    println!(
        "  {count} mentions in {:.1} MB of {} texts: {:.1} MB/s on one thread",
        bytes as f64 / 1e6,
        texts.len(),
        bytes as f64 / 1e6 / seconds
    );
    for (at, mention) in (0..).zip(&found).flat_map(|(at, all)| {
        let at: usize = at;
        all.iter().map(move |one| (at, one))
    }) {
        let (range, link) = (&mention.range, &mention.link);
        let concept = link.concept.number();
        out(&format!("{at}\t{range:?}\t{concept}\t{}", link.label))?;
    }
    Ok(())
}

fn texts_of(paths: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut texts = Vec::new();
    for path in paths.split(',') {
        for line in std::fs::read_to_string(path)?.lines() {
            let value: serde_json::Value = serde_json::from_str(line)?;
            let text = value.get("text").and_then(serde_json::Value::as_str);
            texts.extend(text.map(str::to_owned));
        }
    }
    Ok(texts)
}

fn names_of(paths: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let mut names = Vec::new();
    for path in paths.split(',') {
        for record in csv::Reader::from_path(path)?.records() {
            names.extend(record?.get(0).map(str::to_owned));
        }
    }
    Ok(names)
}

/// Takes some evenly from all.
fn some(all: Vec<String>, count: usize) -> Vec<String> {
    let step = all.len().div_ceil(count).max(1);
    all.into_iter().step_by(step).collect()
}

/// Returns the resident memory of this process in MB, as Linux tells it.
fn resident() -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next());
    Ok(kilobytes.ok_or("no VmRSS")?.parse::<u64>()? / 1_024)
}
