//! Both engines compute the same function, whatever the batch.

use proptest::prelude::*;
use vivier_encoders::{Batch, EncodeError, Encoder, EncoderOptions, Engine, InputKind};

use crate::tiny;

fn load(engine: Engine) -> Encoder {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let options = EncoderOptions {
        engine,
        max_tokens: Some(tiny::POSITIONS),
        ..EncoderOptions::default()
    };
    Encoder::load(folder.path(), &options).unwrap()
}

fn batch(sequences: &[Vec<u32>]) -> Batch {
    sequences
        .iter()
        .map(|sequence| (sequence.as_slice(), InputKind::Candidate))
        .collect()
}

fn largest_difference(left: &[Vec<f32>], right: &[Vec<f32>]) -> f32 {
    assert_eq!(left.len(), right.len());
    let pairs = left.iter().flatten().zip(right.iter().flatten());
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn native_equals_reference_batched_or_single(
        sequences in proptest::collection::vec(
            proptest::collection::vec(0_u32..80, 1..=tiny::POSITIONS), 1..12,
        ),
    ) {
        let (native, reference) = (load(Engine::Native), load(Engine::Reference));
        let batched = native.encode(&batch(&sequences)).unwrap();
        let padded = reference.encode(&batch(&sequences)).unwrap();
        prop_assert!(largest_difference(&batched, &padded) < 1e-5);
        for (vector, sequence) in batched.iter().zip(&sequences) {
            let single = native.encode(&batch(std::slice::from_ref(sequence))).unwrap();
            prop_assert!(largest_difference(&single, std::slice::from_ref(vector)) < 1e-6);
            let length = vector.iter().map(|value| value * value).sum::<f32>();
            prop_assert!((length - 1.0).abs() < 1e-5);
        }
    }
}

#[test]
fn every_pool_size_gives_the_same_vectors() {
    let encoder = load(Engine::Native);
    let sequences: Vec<Vec<u32>> = (1..60)
        .map(|length| (0..length).map(|token| (token * 7 + length) % 80).collect())
        .collect();
    let batch = batch(&sequences);
    let expected = encoder.encode(&batch).unwrap();
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| encoder.encode(&batch)).unwrap();
        assert!(
            largest_difference(&expected, &found) < 1e-6,
            "{threads} threads"
        );
    }
}

#[test]
fn bad_sequences_are_named() {
    let encoder = load(Engine::Native);
    let vocabulary = encoder.spec().vocabulary;
    let fail = |sequence: Vec<u32>| encoder.encode(&batch(&[vec![1, 2], sequence])).unwrap_err();
    assert!(matches!(
        fail(vec![]),
        EncodeError::EmptySequence { index: 1 }
    ));
    let long = fail(vec![1; tiny::POSITIONS + 1]);
    assert!(matches!(
        long,
        EncodeError::SequenceTooLong {
            index: 1,
            tokens: 65,
            limit: 64
        }
    ));
    let token = u32::try_from(vocabulary).unwrap();
    assert!(matches!(
        fail(vec![token]),
        EncodeError::UnknownToken { index: 1, .. }
    ));
    assert_eq!(
        encoder.encode(&Batch::default()).unwrap(),
        Vec::<Vec<f32>>::new()
    );
}

#[test]
fn weights_that_overflow_are_an_error_and_not_a_vector() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let path = folder.path().join("model.safetensors");
    let mut content = std::fs::read(&path).unwrap();
    let end = content.len();
    // The last tensor is the bias of the last layer normalisation.
    content[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(path, content).unwrap();
    let encoder = Encoder::load(folder.path(), &EncoderOptions::default()).unwrap();
    let error = encoder.encode(&batch(&[vec![1, 2]])).unwrap_err();
    assert!(
        matches!(error, EncodeError::NotFinite { index: 0 }),
        "{error}"
    );
}
