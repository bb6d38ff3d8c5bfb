//! What windows give over the first 256 tokens of a CV, and what precision costs.
//!
//! ```text
//! cargo run --release -p vivier-encoders --example windows -- MODEL_DIR POOLS_DIR CACHE_DIR [PRECISION ...]
//! ```
//!
//! POOLS_DIR holds `candidates.jsonl` and `vacancies.jsonl`: real CVs and adverts.
//! Each way of encoding is held against f32 windows, by
//!
//! - the share of the ten nearest CVs that stay, of a CV and of an advert;
//! - the mean average precision on a weak proxy: a CV suits an advert when its
//!   category is the one that the advert's title names (titles are taken out);
//! - how often 48 tokens from the last quarter of a long CV find that CV among the
//!   ten nearest: what lies behind the first window can only be found by windows.
//!
//! Vectors are kept in CACHE_DIR; remove it to encode again.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measuring tool"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use vivier_encoders::{Batch, Encoder, EncoderOptions, InputKind, Precision, Truncation};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

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

/// Most adverts of a category, so that none decides alone.
const ADVERTS_EACH: usize = 20;

/// Neighbours that are compared.
const NEAREST: usize = 10;

/// Tokens of a passage, and the least of a CV that one is taken from.
const PASSAGE_TOKENS: usize = 48;
const LONG_TOKENS: usize = 512;

/// Token budget of a batch.
const BATCH_TOKENS: usize = 2048;

/// Tokens of an advert that are encoded while CVs are encoded whole.
const QUERY_TOKENS: [usize; 3] = [256, 512, 1024];

const WINDOWS: Truncation = Truncation::Windows {
    overlap: 32,
    most: usize::MAX,
};

/// Texts, and the category that each has or names, if any.
#[derive(Default)]
struct Texts {
    texts: Vec<String>,
    categories: Vec<Option<String>>,
}

struct Pool {
    cvs: Texts,
    adverts: Texts,
    /// A part of a CV each, and which CV it is from.
    passages: Vec<String>,
    origins: Vec<usize>,
}

/// The vectors of a pool in one way of encoding.
struct Vectors {
    name: String,
    cvs: Vec<Vec<f32>>,
    adverts: Vec<Vec<f32>>,
    passages: Vec<Vec<f32>>,
}

/// The figures of one way of encoding.
struct Figures {
    cv_neighbours: f64,
    advert_neighbours: f64,
    /// Average precision of each advert.
    precisions: Vec<f64>,
    found: f64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, pools, cache, precisions @ ..] = arguments.as_slice() else {
        return Err("usage: windows MODEL_DIR POOLS_DIR CACHE_DIR [PRECISION ...]".into());
    };
    let load = |precision| {
        let options = EncoderOptions {
            precision,
            ..EncoderOptions::default()
        };
        Encoder::load(Path::new(model), &options)
    };
    let exact = load(Precision::F32)?;
    let pool = Pool::read(Path::new(pools), &exact)?;
    let cache = Path::new(cache).join(&exact.spec().fingerprint[..12]);
    std::fs::create_dir_all(&cache)?;
    let mut ways = vec![
        pool.encode(&exact, "f32 windows", WINDOWS, &cache)?,
        pool.encode(&exact, "f32 first 256", Truncation::Head, &cache)?,
    ];
    let mut adverts_as = |name: &str, kind, most| {
        let way = (kind, Truncation::Windows { overlap: 32, most });
        let other = pool.encode_adverts(&exact, name, way, (&cache, &ways[0]))?;
        ways.push(other);
        Ok::<_, Box<dyn Error>>(())
    };
    // Windows of CVs count evenly.
    adverts_as("f32 adverts evenly", InputKind::Candidate, usize::MAX)?;
    for most in QUERY_TOKENS {
        adverts_as(&format!("f32 adverts to {most}"), InputKind::Vacancy, most)?;
    }
    for precision in precisions {
        let encoder = load(precision.parse()?)?;
        let name = format!("{precision} windows");
        ways.push(pool.encode(&encoder, &name, WINDOWS, &cache)?);
    }
    print(&pool, &ways);
    Ok(())
}

// === reading ===

impl Pool {
    fn read(folder: &Path, encoder: &Encoder) -> Result<Self> {
        let mut pool = Self {
            cvs: Texts::default(),
            adverts: Texts::default(),
            passages: Vec::new(),
            origins: Vec::new(),
        };
        for line in std::fs::read_to_string(folder.join("candidates.jsonl"))?.lines() {
            pool.add_cv(&serde_json::from_str(line)?, encoder)?;
        }
        let mut counts = BTreeMap::new();
        for line in std::fs::read_to_string(folder.join("vacancies.jsonl"))?.lines() {
            pool.adverts
                .add_advert(&serde_json::from_str(line)?, &mut counts)?;
        }
        Ok(pool)
    }

    /// Adds a CV without its first line, which is the title in the one source whose
    /// categories are those that adverts name.
    fn add_cv(&mut self, record: &Value, encoder: &Encoder) -> Result<()> {
        let whole = field(record, "text")?;
        let text = whole.split_once('\n').map_or(whole, |(_title, rest)| rest);
        let named = record["source"] == "livecareer";
        let category = record["category"].as_str().filter(|_| named);
        let offsets = encoder.tokenizer().tokens(text)?.offsets;
        if offsets.is_empty() {
            return Ok(());
        }
        if offsets.len() >= LONG_TOKENS {
            let first = offsets.len() * 3 / 4;
            let passage = offsets[first].start..offsets[first + PASSAGE_TOKENS - 1].end;
            self.passages.push(text[passage].to_owned());
            self.origins.push(self.cvs.texts.len());
        }
        self.cvs.texts.push(text.to_owned());
        self.cvs.categories.push(category.map(str::to_owned));
        Ok(())
    }
}

impl Texts {
    /// Adds an English advert whose title names one category, without its title.
    fn add_advert(&mut self, record: &Value, counts: &mut BTreeMap<String, usize>) -> Result<()> {
        let (title, text) = (field(record, "title")?, field(record, "text")?);
        let lower = title.to_lowercase();
        let named = NAMED.iter().filter(|(word, _)| lower.contains(word));
        let mut named = named.map(|(_, category)| *category);
        let Some(category) = named.next() else {
            return Ok(());
        };
        let text = text.replace(title, " ");
        let alone = named.all(|other| other == category);
        if record["lang"] != "en" || !alone || text.len() <= 300 {
            return Ok(());
        }
        let count = counts.entry(category.to_owned()).or_default();
        *count += 1;
        if *count <= ADVERTS_EACH {
            self.texts.push(text);
            self.categories.push(Some(category.to_owned()));
        }
        Ok(())
    }
}

fn field<'a>(record: &'a Value, name: &str) -> Result<&'a str> {
    let value = record[name].as_str();
    value.ok_or_else(|| format!("a record has no {name}").into())
}

// === encoding ===

impl Pool {
    fn encode(
        &self,
        encoder: &Encoder,
        name: &str,
        truncation: Truncation,
        cache: &Path,
    ) -> Result<Vectors> {
        let part = |part: &str, texts: &[String], kind| {
            let path = cache.join(format!("{name} {part}.f32").replace(' ', "-"));
            cached(&path, encoder, texts, (kind, truncation))
        };
        Ok(Vectors {
            name: name.to_owned(),
            cvs: part("cvs", &self.cvs.texts, InputKind::Candidate)?,
            adverts: part("adverts", &self.adverts.texts, InputKind::Vacancy)?,
            passages: part("passages", &self.passages, InputKind::Query)?,
        })
    }

    /// Encodes adverts in another way; CVs and passages stay.
    fn encode_adverts(
        &self,
        encoder: &Encoder,
        name: &str,
        way: (InputKind, Truncation),
        (cache, whole): (&Path, &Vectors),
    ) -> Result<Vectors> {
        let path = cache.join(format!("{name}.f32").replace(' ', "-"));
        Ok(Vectors {
            name: name.to_owned(),
            cvs: whole.cvs.clone(),
            adverts: cached(&path, encoder, &self.adverts.texts, way)?,
            passages: whole.passages.clone(),
        })
    }
}

/// Reads vectors from a file, or encodes texts and writes it.
fn cached(
    path: &Path,
    encoder: &Encoder,
    texts: &[String],
    (kind, truncation): (InputKind, Truncation),
) -> Result<Vec<Vec<f32>>> {
    if let Some(vectors) = read(path, encoder.spec().dim, texts.len())? {
        return Ok(vectors);
    }
    let started = Instant::now();
    let vectors = encode(encoder, texts, kind, truncation)?;
    let seconds = started.elapsed().as_secs_f64();
    eprintln!("{} in {seconds:.1} s", path.display());
    let values = vectors.iter().flatten();
    let bytes = values.flat_map(|value| value.to_le_bytes());
    std::fs::write(path, bytes.collect::<Vec<u8>>())?;
    Ok(vectors)
}

/// Reads so many vectors; `None` when there is no file, or one of another length.
fn read(path: &Path, dim: usize, count: usize) -> Result<Option<Vec<Vec<f32>>>> {
    if !path.try_exists()? {
        return Ok(None);
    }
    let bytes = std::fs::read(path)?;
    if bytes.len() != count * dim * 4 {
        return Ok(None);
    }
    let (values, _) = bytes.as_chunks::<4>();
    let values: Vec<f32> = values
        .iter()
        .map(|value| f32::from_le_bytes(*value))
        .collect();
    Ok(Some(
        values.chunks_exact(dim).map(<[f32]>::to_vec).collect(),
    ))
}

fn encode(
    encoder: &Encoder,
    texts: &[String],
    kind: InputKind,
    truncation: Truncation,
) -> Result<Vec<Vec<f32>>> {
    let mut vectors = Vec::with_capacity(texts.len());
    let (mut batch, mut waiting) = (Batch::default(), Vec::new());
    for (place, text) in texts.iter().enumerate() {
        let prepared = encoder.prepare(text, kind, truncation)?;
        prepared.push_to(&mut batch);
        waiting.push(prepared);
        if batch.tokens() < BATCH_TOKENS && place + 1 < texts.len() {
            continue;
        }
        let windows = encoder.encode(&std::mem::take(&mut batch))?;
        let mut rest = windows.as_slice();
        for prepared in waiting.drain(..) {
            let (own, later) = rest.split_at(prepared.sequences.len());
            vectors.push(
                prepared
                    .pool(own)
                    .ok_or("the windows of a text cancel out")?,
            );
            rest = later;
        }
    }
    Ok(vectors)
}

// === comparing ===

/// Returns the places of all vectors by their closeness to the query, nearest first.
fn ranked(query: &[f32], vectors: &[Vec<f32>]) -> Vec<usize> {
    let dot = |vector: &Vec<f32>| query.iter().zip(vector).map(|(a, b)| a * b).sum::<f32>();
    let scores: Vec<f32> = vectors.iter().map(dot).collect();
    let mut places: Vec<usize> = (0..vectors.len()).collect();
    places.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    places
}

/// Returns the nearest CVs of each query; `own` leaves out the query's own CV.
fn nearest(queries: &[Vec<f32>], cvs: &[Vec<f32>], own: bool) -> Vec<Vec<usize>> {
    let of = |(place, query): (usize, &Vec<f32>)| {
        let found = ranked(query, cvs).into_iter();
        let others = found.filter(|&other| !own || other != place);
        others.take(NEAREST).collect()
    };
    queries.iter().enumerate().map(of).collect()
}

/// Returns the mean share of neighbours that are in both.
fn shared(one: &[Vec<usize>], other: &[Vec<usize>]) -> f64 {
    let common = |(one, other): (&Vec<usize>, &Vec<usize>)| {
        one.iter().filter(|place| other.contains(place)).count() as f64
    };
    let all: f64 = one.iter().zip(other).map(common).sum();
    all / (one.len() * NEAREST) as f64
}

/// Returns the average precision of each advert over the CVs that have a category.
fn precisions(pool: &Pool, vectors: &Vectors) -> Vec<f64> {
    let categories = &pool.cvs.categories;
    let of = |(query, category): (&Vec<f32>, &Option<String>)| {
        let (mut rank, mut hits, mut sum) = (0.0, 0.0, 0.0);
        for place in ranked(query, &vectors.cvs) {
            if categories[place].is_none() {
                continue;
            }
            rank += 1.0;
            if categories[place] == *category {
                hits += 1.0;
                sum += hits / rank;
            }
        }
        sum / hits
    };
    let adverts = vectors.adverts.iter().zip(&pool.adverts.categories);
    adverts.map(of).collect()
}

impl Figures {
    fn of(pool: &Pool, vectors: &Vectors, exact: &Vectors) -> Self {
        let cvs = |of: &Vectors| nearest(&of.cvs, &of.cvs, true);
        let adverts = |of: &Vectors| nearest(&of.adverts, &of.cvs, false);
        let passages = nearest(&vectors.passages, &vectors.cvs, false);
        let pairs = passages.iter().zip(&pool.origins);
        let hits = pairs
            .filter(|(nearest, origin)| nearest.contains(origin))
            .count();
        Self {
            cv_neighbours: shared(&cvs(vectors), &cvs(exact)),
            advert_neighbours: shared(&adverts(vectors), &adverts(exact)),
            precisions: precisions(pool, vectors),
            found: hits as f64 / passages.len() as f64,
        }
    }
}

/// Prints one line for each way of encoding; the first is what the others are held
/// against.
fn print(pool: &Pool, ways: &[Vectors]) {
    let (cvs, adverts) = (pool.cvs.texts.len(), pool.adverts.texts.len());
    let labelled = pool.cvs.categories.iter().flatten().count();
    let passages = pool.passages.len();
    println!("{cvs} CVs ({labelled} with a category), {adverts} adverts, {passages} passages\n");
    println!(
        "| | CV's {NEAREST} nearest | advert's {NEAREST} nearest | mean average precision | difference | passages found |"
    );
    println!("|---|---|---|---|---|---|");
    let exact: Vec<f64> = precisions(pool, &ways[0]);
    for way in ways {
        let figures = Figures::of(pool, way, &ways[0]);
        let (map, _) = mean_and_error(&figures.precisions);
        let pairs = figures.precisions.iter().zip(&exact);
        let (difference, error) = mean_and_error(&pairs.map(|(a, b)| a - b).collect::<Vec<_>>());
        println!(
            "| {} | {:.3} | {:.3} | {map:.3} | {difference:+.4} ± {error:.4} | {:.3} |",
            way.name, figures.cv_neighbours, figures.advert_neighbours, figures.found
        );
    }
}

/// Returns the mean and its standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>();
    (mean, (squares / (count - 1.0) / count).sqrt())
}
