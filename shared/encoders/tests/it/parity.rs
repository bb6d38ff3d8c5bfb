//! all-MiniLM-L6-v2 gives what sentence-transformers gives on 200 real texts.
//!
//! The expected vectors were made by `tests/golden/make_minilm_golden.py`; the
//! texts are read from the data folder by their ids.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::Device;
use serde::Deserialize;
use vivier_encoders::{
    Batch, DeviceChoice, Encoder, EncoderOptions, Engine, InputKind, Precision, Truncation,
};

#[derive(Deserialize)]
struct Entry {
    pool: String,
    id: String,
    chars: Option<usize>,
}

#[derive(Deserialize)]
struct Record {
    id: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Finds the weights where `make model` puts them, or where the environment says.
fn model_folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("VIVIER_MODEL_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
            let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache")))?;
            cache.join("vivier/models/all-MiniLM-L6-v2")
        }
    };
    folder.is_dir().then_some(folder)
}

fn golden() -> (Vec<Entry>, Vec<Vec<f32>>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = std::fs::read_to_string(folder.join("minilm.json")).unwrap();
    let vectors =
        candle_core::safetensors::load(folder.join("minilm.safetensors"), &Device::Cpu).unwrap();
    (
        serde_json::from_str(&entries).unwrap(),
        vectors["vectors"].to_vec2().unwrap(),
    )
}

/// Reads the texts of the entries, cut as the golden script cuts them.
fn texts(pools: &Path, entries: &[Entry]) -> Vec<String> {
    let mut all: HashMap<(String, String), String> = HashMap::new();
    for pool in ["candidates.jsonl", "vacancies.jsonl"] {
        for line in std::fs::read_to_string(pools.join(pool)).unwrap().lines() {
            let record: Record = serde_json::from_str(line).unwrap();
            all.insert((pool.into(), record.id), record.text);
        }
    }
    let cut = |entry: &Entry| {
        let text = &all[&(entry.pool.clone(), entry.id.clone())];
        text.chars()
            .take(entry.chars.unwrap_or(usize::MAX))
            .collect()
    };
    entries.iter().map(cut).collect()
}

/// Returns the folders that the tests need, or says which is missing.
fn needed() -> Option<(PathBuf, PathBuf)> {
    let pools = root().join("../shared/data/pools");
    if !pools.is_dir() {
        eprintln!("skipped: {} is missing", pools.display());
        return None;
    }
    let Some(model) = model_folder() else {
        eprintln!("skipped: the weights of all-MiniLM-L6-v2 are missing; run `make model`");
        return None;
    };
    Some((pools, model))
}

/// The vectors of some texts.
type Vectors = Vec<Vec<f32>>;

/// Returns the vectors of the golden texts and what they should be; `None` where a
/// test has to be skipped.
fn encoded(engine: Engine, precision: Precision) -> Option<(Vectors, Vectors)> {
    let (pools, model) = needed()?;
    let encoder = Encoder::load(
        &model,
        &EncoderOptions {
            engine,
            precision,
            device: DeviceChoice::Cpu,
            ..EncoderOptions::default()
        },
    )
    .unwrap();
    let (entries, expected) = golden();
    assert_eq!((entries.len(), expected.len()), (200, 200));
    let mut batch = Batch::default();
    let mut cut = 0;
    for text in texts(&pools, &entries) {
        let prepared = encoder
            .prepare(&text, InputKind::Candidate, Truncation::Head)
            .unwrap();
        cut += usize::from(prepared.used_tokens < prepared.input_tokens);
        prepared.push_to(&mut batch);
    }
    assert!(cut > 20, "only {cut} texts reach the window");
    Some((encoder.encode(&batch).unwrap(), expected))
}

fn check(engine: Engine) {
    let Some((found, expected)) = encoded(engine, Precision::F32) else {
        return;
    };
    let mut worst = (0.0, 0);
    for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
        for (a, b) in found.iter().zip(expected) {
            worst = if (a - b).abs() > worst.0 {
                ((a - b).abs(), index)
            } else {
                worst
            };
        }
    }
    eprintln!(
        "{engine:?}: largest difference {:.1e}, at text {}",
        worst.0, worst.1
    );
    assert!(worst.0 < 1e-4, "text {} differs by {}", worst.1, worst.0);
}

#[test]
fn native_equals_sentence_transformers() {
    check(Engine::Native);
}

#[test]
fn native_stays_close_in_lower_precision() {
    for (precision, mean, smallest) in [
        (Precision::Bf16, 0.9999, 0.9998),
        (Precision::Int8, 0.999, 0.99),
    ] {
        let Some((found, expected)) = encoded(Engine::Native, precision) else {
            return;
        };
        // Both are of length 1.
        let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| -> f64 {
            let terms = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
            terms.sum()
        };
        let cosines: Vec<f64> = found.iter().zip(&expected).map(cosine).collect();
        let average = cosines.iter().sum::<f64>() / cosines.len() as f64;
        let least = cosines.into_iter().fold(1.0, f64::min);
        eprintln!("{precision}: cosine {average:.6} on average, {least:.6} at least");
        assert!(
            average > mean && least > smallest,
            "{precision}: {average} {least}"
        );
    }
}

#[test]
fn reference_equals_sentence_transformers() {
    check(Engine::Reference);
}
