//! The adapter that comes with Vivier, against PyTorch and PEFT
//! (`tests/golden/make_adapter.py`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use vivier_encoders::{Adapter, Batch, Encoder, EncoderOptions, InputKind, Truncation};
use vivier_linking::ADAPTER;

#[derive(Deserialize)]
struct Golden {
    texts: Vec<String>,
    vectors: Vec<Vec<f32>>,
}

/// Returns the folder of the default model, or says that the test is skipped.
fn model() -> Option<PathBuf> {
    let folder = vivier_runtime::default_cache_dir().join("models/all-MiniLM-L6-v2");
    let there = folder
        .join("model.safetensors")
        .try_exists()
        .is_ok_and(|there| there);
    if !there {
        eprintln!("skipped: no model in {}", folder.display());
    }
    there.then_some(folder)
}

#[test]
fn the_adapted_encoder_is_that_of_peft() {
    let Some(folder) = model() else { return };
    let golden: Golden = serde_json::from_str(include_str!("../golden/adapter.json")).unwrap();
    let [config, weights] = ADAPTER;
    let adapter = Adapter::parse(Path::new("built in"), config, weights.to_vec()).unwrap();
    let options = EncoderOptions {
        adapter: Some(Arc::new(adapter)),
        ..EncoderOptions::default()
    };
    let encoder = Encoder::load(&folder, &options).unwrap();
    let plain = Encoder::load(&folder, &EncoderOptions::default()).unwrap();
    assert_ne!(encoder.spec().fingerprint, plain.spec().fingerprint);
    let mut batch = Batch::default();
    for text in &golden.texts {
        let prepared = encoder.prepare(text, InputKind::Skill, Truncation::Fail);
        prepared.unwrap().push_to(&mut batch);
    }
    let vectors = encoder.encode(&batch).unwrap();
    for ((text, vector), wanted) in golden.texts.iter().zip(&vectors).zip(&golden.vectors) {
        let farthest = vector.iter().zip(wanted).map(|(a, b)| (a - b).abs());
        let farthest = farthest.fold(0.0, f32::max);
        assert!(farthest < 2e-6, "{text}: {farthest}");
    }
}
