//! Measures a words segment: how long it takes to build, how large it is, how long
//! searches take.
//!
//! ```text
//! cargo run --release -p vivier-index --example words -- \
//!     CANDIDATES.jsonl VACANCIES.jsonl FOLDER ROWS [WORDS] [QUERIES]
//! ```
//!
//! The rows are made of the candidates' real sentences, with a fixed seed: WORDS (150)
//! words each, three quarters of one candidate's and one quarter of another's. The
//! queries are real vacancies. Every query runs three times and the fastest counts, so
//! that other work on the machine shows less; the processor time is that of all runs.
//! A segment that is in FOLDER already is not built again.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use std::error::Error;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Instant;

use vivier_ann::RowSet;
use vivier_index::{
    AskedWords, DeadWords, Words, WordsConfig, WordsQuery, WordsSegment, WordsSegmentBuilder,
    WordsSource,
};

type Failure = Box<dyn Error>;

/// Clock ticks in a second, as Linux counts processor time.
const TICKS: f64 = 100.0;
/// Rows asked for by words.
const TOP: usize = 1_000;
/// Rows found by other facets, whose words score is wanted.
const GIVEN: u32 = 2_000;
const RUNS: usize = 3;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [candidates, vacancies, folder, rows, rest @ ..] = arguments.as_slice() else {
        return Err("needs CANDIDATES VACANCIES FOLDER ROWS [WORDS] [QUERIES]".into());
    };
    let rows = rows.parse()?;
    let words = rest.first().map_or(Ok(150), |words| words.parse())?;
    let queries = rest.get(1).map_or(Ok(300), |queries| queries.parse())?;
    let folder = Path::new(folder);
    if !folder.join("SUMS").is_file() {
        build(folder, &texts(candidates)?, rows, words)?;
    }
    let start = Instant::now();
    let segment = WordsSegment::open(folder)?;
    println!(
        "opened and verified in {:.3} s",
        start.elapsed().as_secs_f64()
    );
    let bytes = folder_bytes(folder)?;
    println!(
        "{} rows, {:.0} bytes each",
        segment.rows(),
        bytes / f64::from(segment.rows())
    );
    let vacancies = texts(vacancies)?;
    let step = (vacancies.len() / queries).max(1);
    let asked: Vec<&Words> = vacancies.iter().step_by(step).take(queries).collect();
    search(&segment, &asked)?;
    merge(&segment, &folder.join("merged"))
}

/// Merges the segment with itself less its dead rows, every fifth one.
fn merge(segment: &WordsSegment, folder: &Path) -> Result<(), Failure> {
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let mut dead = DeadWords::default();
    for row in (0..segment.rows()).step_by(5) {
        segment.bury(row, &mut dead);
    }
    println!(
        "buried every fifth row in {:.3} s",
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let mut source = WordsSource::new(segment)?;
    let mut builder = WordsSegmentBuilder::create(folder)?;
    for row in 0..segment.rows() {
        if row % 5 > 0 {
            builder.push_from(&mut source, row)?;
        }
    }
    let rows = builder.finish()?.rows();
    println!(
        "merged {rows} rows in {:.1} s, processor {:.1} s",
        start.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu,
    );
    Ok(std::fs::remove_dir_all(folder)?)
}

fn search(segment: &WordsSegment, asked: &[&Words]) -> Result<(), Failure> {
    let none = DeadWords::default();
    let config = WordsConfig::default();
    let query = |words: &Words| -> Result<WordsQuery, Failure> {
        let asked = AskedWords::of(words);
        let statistics = segment.statistics(&asked, &none)?;
        Ok(WordsQuery::new(asked, &statistics, &config))
    };
    let mut random = Random(7);
    let mut given: Vec<u32> = (0..GIVEN).map(|_| random.below(segment.rows())).collect();
    given.sort_unstable();
    given.dedup();

    measure("make the query", asked, |words| query(words))?;
    let mut queries = Vec::new();
    for words in asked {
        queries.push(query(words)?);
    }
    let terms: usize = queries.iter().map(|query| query.terms().len()).sum();
    println!("{} queries, {terms} terms in all", queries.len());
    measure(&format!("top({TOP})"), &queries, |query| {
        Ok(segment.top(query, TOP, None, None)?)
    })?;
    for one_of in [10, 100, 1_000] {
        let allow = RowSet::of(segment.rows(), (0..segment.rows()).step_by(one_of));
        measure(
            &format!("top({TOP}) of one row in {one_of}"),
            &queries,
            |query| Ok(segment.top(query, TOP, Some(&allow), None)?),
        )?;
    }
    measure(
        &format!("scores of {} rows", given.len()),
        &queries,
        |query| Ok(segment.scores(query, &given)?),
    )?;
    measure("all scores", &queries, |query| {
        Ok(segment.all_scores(query, None)?)
    })
}

fn measure<T, R>(
    name: &str,
    inputs: &[T],
    mut call: impl FnMut(&T) -> Result<R, Failure>,
) -> Result<(), Failure> {
    let mut times = Vec::new();
    let cpu = cpu_seconds()?;
    for input in inputs {
        let mut fastest = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            drop(call(input)?);
            fastest = fastest.min(start.elapsed().as_secs_f64() * 1e3);
        }
        times.push(fastest);
    }
    let runs = f64::from(u32::try_from(times.len() * RUNS)?);
    let cpu = (cpu_seconds()? - cpu) * 1e3 / runs;
    times.sort_by(f64::total_cmp);
    let place = |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1));
    println!(
        "{name}: p50 {:.3} ms, p99 {:.3} ms, processor {cpu:.3} ms",
        place(50).ok_or("no queries")?,
        place(99).ok_or("no queries")?,
    );
    Ok(())
}

fn build(folder: &Path, texts: &[Words], rows: u32, words: usize) -> Result<(), Failure> {
    let sentences: Vec<Vec<&str>> = texts
        .iter()
        .map(|text| {
            let parts = text.text.split_inclusive(['\n', '.']);
            parts.filter(|part| part.len() > 3).collect()
        })
        .filter(|parts: &Vec<&str>| !parts.is_empty())
        .collect();
    let mut random = Random(1);
    let (start, cpu) = (Instant::now(), cpu_seconds()?);
    let mut builder = WordsSegmentBuilder::create(folder)?;
    for _ in 0..rows {
        let pair = [random.pick(&sentences), random.pick(&sentences)];
        let mut text = String::new();
        let mut count = 0;
        while count < words {
            let [most, some] = pair;
            let from = if random.below(4) > 0 { most } else { some };
            let sentence = *random.pick::<&str>(from);
            count += sentence.split_whitespace().count().max(1);
            text.push_str(sentence);
            text.push(' ');
        }
        let lang = "en".to_owned();
        builder.push(Some(&Words { text, lang }))?;
    }
    let pushed = start.elapsed().as_secs_f64();
    drop(builder.finish()?);
    println!(
        "built in {:.1} s, {pushed:.1} s of them adding rows; processor {:.1} s; peak memory {}",
        start.elapsed().as_secs_f64(),
        cpu_seconds()? - cpu,
        peak_memory()?,
    );
    Ok(())
}

/// Reads the texts of a pool.
fn texts(path: &str) -> Result<Vec<Words>, Failure> {
    let mut texts = Vec::new();
    for line in BufReader::new(std::fs::File::open(path)?).lines() {
        let value: serde_json::Value = serde_json::from_str(&line?)?;
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        texts.push(Words {
            text: field("text"),
            lang: field("lang"),
        });
    }
    Ok(texts)
}

#[expect(clippy::cast_precision_loss, reason = "a size to print")]
fn folder_bytes(folder: &Path) -> Result<f64, Failure> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.path().is_dir() {
            continue;
        }
        let size = entry.metadata()?.len();
        println!("  {:>12} {}", size, entry.file_name().display());
        bytes += size;
    }
    Ok(bytes as f64)
}

/// Processor time of this process, of all threads.
fn cpu_seconds() -> Result<f64, Failure> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').ok_or("unknown /proc/self/stat")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let mut ticks = 0.0;
    for time in times {
        ticks += time.parse::<f64>()?;
    }
    Ok(ticks / TICKS)
}

fn peak_memory() -> Result<String, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    Ok(line.unwrap_or("unknown").trim().to_owned())
}

/// A small seeded generator (SplitMix64), so that runs repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u32) -> u32 {
        u32::try_from(self.next() % u64::from(end.max(1))).unwrap_or_default()
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        let count = u32::try_from(items.len()).unwrap_or(u32::MAX);
        &items[usize::try_from(self.below(count)).unwrap_or_default()]
    }
}
