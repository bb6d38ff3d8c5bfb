//! Every architecture on every engine against PyTorch: batched, alone, and through
//! the files that published checkpoints have.
//!
//! The models and vectors were made by `tests/golden/make_architectures.py`, padded
//! with a mask; no engine is given padding.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vivier_encoders::{Batch, DeviceChoice, Encoder, EncoderOptions, Engine, InputKind, Precision};

/// Largest difference of a number of a vector, whose numbers are about 1.
const TOLERANCE: f32 = 1e-5;

const ARCHITECTURES: [&str; 9] = [
    "bert",
    "distilbert",
    "jina_bert",
    "jina_v3",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "qwen3",
    "xlm_roberta",
];

#[derive(Deserialize)]
struct Case {
    kind: String,
    ids: Vec<u32>,
    vector: Vec<f32>,
}

impl Case {
    fn kind(&self) -> InputKind {
        let mut kinds = InputKind::ALL.into_iter();
        let named = kinds.find(|kind| format!("{kind:?}").to_lowercase() == self.kind);
        named.unwrap()
    }
}

fn folder(name: &str) -> PathBuf {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/architectures");
    Path::new(all).join(name)
}

fn cases(name: &str) -> Vec<Case> {
    let text = std::fs::read_to_string(folder(name).join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Loads a golden model; its vectors are as pooled.
fn load(name: &str, engine: Engine) -> Encoder {
    load_in(name, engine, Precision::F32)
}

fn load_in(name: &str, engine: Engine, precision: Precision) -> Encoder {
    let options = EncoderOptions {
        engine,
        precision,
        device: DeviceChoice::Cpu,
        normalize: Some(false),
        ..EncoderOptions::default()
    };
    Encoder::load(&folder(name), &options).unwrap()
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let pairs = found.iter().zip(expected);
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn check(name: &str, engine: Engine) {
    let encoder = load(name, engine);
    let cases = cases(name);
    assert!(cases.iter().any(|case| case.ids.len() == 150), "{name}");
    let all: Batch = cases
        .iter()
        .map(|case| (case.ids.as_slice(), case.kind()))
        .collect();
    let batched = encoder.encode(&all).unwrap();
    let mut worst = (0.0_f32, 0.0_f32);
    for (case, vector) in cases.iter().zip(&batched) {
        worst.0 = worst.0.max(difference(vector, &case.vector));
        let alone = Batch::from_iter([(case.ids.as_slice(), case.kind())]);
        let single = encoder.encode(&alone).unwrap();
        worst.1 = worst.1.max(difference(vector, &single[0]));
    }
    eprintln!(
        "{name} on {engine:?}: largest difference {:.1e} to PyTorch, {:.1e} from batched to single",
        worst.0, worst.1
    );
    assert!(worst.0 < TOLERANCE, "{name} on {engine:?}: {}", worst.0);
    assert!(worst.1 < TOLERANCE, "{name} on {engine:?}: {}", worst.1);
}

#[test]
fn every_architecture_equals_pytorch_on_the_native_engine() {
    for name in ARCHITECTURES {
        check(name, Engine::Native);
    }
}

fn cosine(found: &[f32], expected: &[f32]) -> f64 {
    let dot = |a: &[f32], b: &[f32]| -> f64 {
        let terms = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b));
        terms.sum()
    };
    dot(found, expected) / (dot(found, found) * dot(expected, expected)).sqrt()
}

#[test]
fn every_architecture_stays_close_in_lower_precision() {
    // Random weights of 32 dims have no slack: a trained model comes much closer.
    for (precision, bound) in [(Precision::Bf16, 0.999), (Precision::Int8, 0.99)] {
        for name in ARCHITECTURES {
            let encoder = load_in(name, Engine::Native, precision);
            let mut worst = 1.0_f64;
            for case in cases(name) {
                let batch = Batch::from_iter([(case.ids.as_slice(), case.kind())]);
                let vector = &encoder.encode(&batch).unwrap()[0];
                worst = worst.min(cosine(vector, &case.vector));
            }
            eprintln!("{name} in {precision}: smallest cosine {worst:.5}");
            assert!(worst > bound, "{name} in {precision}: {worst}");
        }
    }
}

#[test]
fn every_architecture_equals_pytorch_on_the_candle_engine() {
    for name in ARCHITECTURES {
        check(name, Engine::Candle);
    }
}

#[test]
fn bert_equals_pytorch_on_the_reference_engine() {
    check("bert", Engine::Reference);
}

#[test]
fn adapters_make_the_vector_of_a_text_depend_on_its_kind() {
    let encoder = load("jina_v3", Engine::Native);
    let ids: Vec<u32> = (4..24).collect();
    let batch: Batch = InputKind::ALL
        .into_iter()
        .map(|kind| (ids.as_slice(), kind))
        .collect();
    let vectors = encoder.encode(&batch).unwrap();
    assert!(difference(&vectors[0], &vectors[1]) < 1e-5, "the same task");
    for (first, second) in [(0, 2), (0, 3), (2, 3)] {
        let found = difference(&vectors[first], &vectors[second]);
        assert!(found > 0.05, "{first} and {second} differ by {found}");
    }
}
