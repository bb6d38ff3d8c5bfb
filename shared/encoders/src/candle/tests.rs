//! The engine against the plain definition, over every feature of a model.

use candle_core::{DType, Device};

use super::model::{Model, agree};
use super::weights::Place;
use super::*;
use crate::naive;
use crate::prepare::InputKind;
use crate::transformer::{
    Activation, Adapter, Heads, Layer, Linear, Norm, NormKind, NormPlacement, PositionBias,
};

const HIDDEN: usize = 24;
const INNER: usize = 20;
const VOCABULARY: usize = 50;
const POSITIONS: usize = 40;

/// Seeded random weights.
struct Random(u64);

impl Random {
    /// Uniform in -1 to 1.
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let bits = u16::try_from(self.0 >> 48).unwrap();
        f32::from(bits) / 32_768.0 - 1.0
    }

    fn values(&mut self, count: usize, spread: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * spread).collect()
    }

    fn norm(&mut self, kind: NormKind, width: usize, bias: bool) -> Norm {
        Norm {
            kind,
            weight: self.values(width, 0.5).iter().map(|x| x + 1.0).collect(),
            bias: self.values(if bias { width } else { 0 }, 0.3),
            epsilon: 1e-6,
        }
    }

    fn adapter(&mut self, tasks: usize, down: usize, outputs: usize) -> Adapter {
        let rank = 2;
        Adapter {
            tasks,
            rank,
            down: self.values(down * tasks * rank, 0.4),
            up: self.values(outputs * tasks * rank, 0.4),
        }
    }

    fn linear(&mut self, inputs: usize, outputs: usize, shape: Shape) -> Linear {
        Linear {
            weight: self.values(inputs * outputs, 0.4),
            bias: self.values(if shape.bias { outputs } else { 0 }, 0.4),
            inputs,
            outputs,
            adapter: (shape.tasks > 0).then(|| self.adapter(shape.tasks, inputs, outputs)),
        }
    }
}

/// What is shared by all layers of a random model.
#[derive(Clone, Copy)]
struct Shape {
    heads: Heads,
    norm: NormKind,
    bias: bool,
    gated: bool,
    tasks: usize,
}

const HEADS: Heads = Heads {
    count: 4,
    groups: 4,
    dim: 6,
};
const BERT: Shape = Shape {
    heads: HEADS,
    norm: NormKind::Layer,
    bias: true,
    gated: false,
    tasks: 0,
};

fn model(shape: Shape) -> Transformer {
    let mut random = Random(7);
    let Shape { heads, norm, .. } = shape;
    let layers = (0..3).map(|_| {
        let wide = (heads.count + 2 * heads.groups) * heads.dim;
        let up = if shape.gated { 2 * INNER } else { INNER };
        Layer {
            attention_norm: Some(random.norm(norm, HIDDEN, shape.bias)),
            qkv: random.linear(HIDDEN, wide, shape),
            query_norm: None,
            key_norm: None,
            rotary: None,
            window: None,
            output: random.linear(heads.count * heads.dim, HIDDEN, shape),
            mlp_norm: random.norm(norm, HIDDEN, shape.bias),
            up: random.linear(HIDDEN, up, shape),
            down: random.linear(INNER, HIDDEN, shape),
        }
    });
    let layers = layers.collect();
    Transformer {
        hidden: HIDDEN,
        heads,
        max_positions: POSITIONS,
        causal: false,
        placement: NormPlacement::After,
        bias: PositionBias::None,
        activation: Activation::Gelu,
        gated: shape.gated,
        intermediate: INNER,
        words: random.values(VOCABULARY * HIDDEN, 1.0),
        words_adapter: None,
        positions: random.values(POSITIONS * HIDDEN, 1.0),
        embedding_norm: Some(random.norm(norm, HIDDEN, shape.bias)),
        layers,
        final_norm: None,
        tasks: [0; 4],
    }
}

fn jina_v3() -> Transformer {
    let mut model = model(Shape { tasks: 3, ..BERT });
    let mut random = Random(8);
    model.words_adapter = Some(random.adapter(3, VOCABULARY, HIDDEN));
    model.positions = random.values(HIDDEN, 1.0);
    model.tasks = [2, 2, 0, 1];
    for layer in &mut model.layers {
        layer.rotary = Some(500.0);
    }
    model
}

fn modernbert() -> Transformer {
    let mut model = model(Shape {
        bias: false,
        gated: true,
        ..BERT
    });
    model.placement = NormPlacement::Before;
    model.positions = Vec::new();
    model.final_norm = Some(Random(9).norm(NormKind::Layer, HIDDEN, false));
    model.layers[0].attention_norm = None;
    for (layer, (window, base)) in
        model
            .layers
            .iter_mut()
            .zip([(None, 900.0), (Some(2), 30.0), (Some(5), 30.0)])
    {
        layer.window = window;
        layer.rotary = Some(base);
    }
    model
}

fn qwen3() -> Transformer {
    let mut model = model(Shape {
        heads: Heads { groups: 2, ..HEADS },
        norm: NormKind::RootMeanSquare,
        bias: false,
        gated: true,
        ..BERT
    });
    let mut random = Random(10);
    model.placement = NormPlacement::Before;
    model.causal = true;
    model.activation = Activation::Silu;
    model.positions = Vec::new();
    model.embedding_norm = None;
    model.final_norm = Some(random.norm(NormKind::RootMeanSquare, HIDDEN, false));
    for layer in &mut model.layers {
        layer.query_norm = Some(random.norm(NormKind::RootMeanSquare, HEADS.dim, false));
        layer.key_norm = Some(random.norm(NormKind::RootMeanSquare, HEADS.dim, true));
        layer.rotary = Some(10_000.0);
    }
    model
}

/// Every feature, in the company it is met in.
fn models() -> Vec<(&'static str, Transformer)> {
    let mut alibi = model(Shape {
        gated: true,
        ..BERT
    });
    alibi.bias = PositionBias::Alibi {
        slopes: vec![0.5, 0.25, 0.125, 0.0625],
    };
    alibi.positions.truncate(HIDDEN);
    let mut relative = model(BERT);
    relative.bias = PositionBias::Relative {
        values: Random(11).values(4 * 9, 2.0),
        reach: 4,
    };
    let mut grouped = model(Shape {
        heads: Heads { groups: 2, ..HEADS },
        ..BERT
    });
    grouped.bias = alibi.bias.clone();
    grouped.causal = true;
    grouped.activation = Activation::Relu;
    let mut tanh = model(BERT);
    tanh.activation = Activation::GeluTanh;
    tanh.layers[1].window = Some(3);
    vec![
        ("bert", model(BERT)),
        ("jina_bert: linear biases, gated", alibi),
        ("mpnet: relative biases", relative),
        ("jina v3: rotary, adapters", jina_v3()),
        ("modernbert: norms before, windows", modernbert()),
        ("qwen3: shared keys, causal, root mean square", qwen3()),
        ("shared keys with linear biases, relu", grouped),
        ("tanh, a window after norms", tanh),
    ]
}

const LENGTHS: [usize; 12] = [7, 1, 12, 7, 8, 40, 2, 9, 7, 33, 8, 1];

fn sequences() -> Vec<(Vec<u32>, InputKind)> {
    let mut random = Random(3);
    let mut token = move || {
        let place = f64::from(random.next() + 1.0) / 2.0;
        (0..VOCABULARY).rfind(|&id| id as f64 <= place * (VOCABULARY - 1) as f64)
    };
    let mut sequence = |length: usize| -> Vec<u32> {
        (0..length)
            .map(|_| u32::try_from(token().unwrap()).unwrap())
            .collect()
    };
    let kinds = InputKind::ALL.iter().cycle();
    LENGTHS
        .iter()
        .zip(kinds)
        .map(|(&length, &kind)| (sequence(length), kind))
        .collect()
}

fn batch_of(sequences: &[(Vec<u32>, InputKind)]) -> Batch {
    let sequences = sequences.iter();
    sequences
        .map(|(ids, kind)| (ids.as_slice(), *kind))
        .collect()
}

fn engine(
    transformer: &Transformer,
    pooling: Pooling,
    dtype: DType,
    cost: Option<(usize, usize)>,
) -> CandleModel {
    let place = Place::new(Device::Cpu, dtype).unwrap();
    let model = Model::new(transformer, pooling, place).unwrap();
    let model = match cost {
        Some((launch, limit)) => model.with_cost(launch, limit),
        None => model,
    };
    CandleModel {
        model,
        device: "cpu".into(),
        #[cfg(feature = "cuda")]
        card: None,
    }
}

/// Groups of one length only; padded groups; one padded group; and scores cut into
/// blocks of queries.
const COSTS: [(usize, usize); 4] = [
    (0, usize::MAX),
    (300, usize::MAX),
    (usize::MAX / 64, usize::MAX),
    (300, 4 * 33 * 5),
];

fn far(found: &[f32], expected: &[f32]) -> f32 {
    let pairs = found.iter().zip(expected);
    pairs
        .map(|(a, b)| (a - b).abs() / (1.0 + b.abs()))
        .fold(0.0, f32::max)
}

#[test]
fn every_model_agrees_with_the_definition_in_every_grouping() {
    let sequences = sequences();
    for (name, transformer) in models() {
        for pooling in [Pooling::Mean, Pooling::Cls, Pooling::Last] {
            let expected: Vec<f32> = sequences
                .iter()
                .flat_map(|(ids, kind)| naive::forward(&transformer, ids, *kind, pooling))
                .collect();
            for cost in COSTS {
                let engine = engine(&transformer, pooling, DType::F32, Some(cost));
                let found = engine.forward(&batch_of(&sequences)).unwrap();
                assert_eq!(found.len(), expected.len());
                let far = far(&found, &expected);
                assert!(far < 2e-5, "{name}, {pooling:?}, {cost:?}: {far}");
            }
        }
    }
}

#[test]
fn a_sequence_alone_gives_what_it_gives_in_a_batch() {
    let sequences = sequences();
    for (name, transformer) in models() {
        let engine = engine(&transformer, Pooling::Mean, DType::F32, Some(COSTS[2]));
        let together = engine.forward(&batch_of(&sequences)).unwrap();
        for (sequence, row) in sequences.iter().zip(together.chunks_exact(HIDDEN)) {
            let alone = batch_of(std::slice::from_ref(sequence));
            let alone = engine.forward(&alone).unwrap();
            let far = far(&alone, row);
            assert!(far < 1e-5, "{name}, {} tokens: {far}", sequence.0.len());
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

#[test]
fn half_precision_is_finite_and_near() {
    let sequences = sequences();
    for (name, transformer) in models() {
        let batch = batch_of(&sequences);
        let exact = engine(&transformer, Pooling::Mean, DType::F32, None);
        let exact = exact.forward(&batch).unwrap();
        for (dtype, least) in [(DType::F16, 0.999), (DType::BF16, 0.99)] {
            let half = engine(&transformer, Pooling::Mean, dtype, Some(COSTS[2]));
            let half = half.forward(&batch).unwrap();
            for (half, exact) in half.chunks_exact(HIDDEN).zip(exact.chunks_exact(HIDDEN)) {
                let cosine = cosine(half, exact);
                assert!(cosine >= least, "{name}, {dtype:?}: {cosine}");
            }
        }
    }
}

#[test]
fn nothing_gives_nothing() {
    let engine = engine(&model(BERT), Pooling::Cls, DType::F32, None);
    assert!(engine.forward(&Batch::default()).unwrap().is_empty());
}

#[test]
fn loads_by_the_options() {
    let transformer = model(BERT);
    let load = |precision| CandleModel::load(&transformer, Pooling::Mean, Found::Cpu, precision);
    let batch = batch_of(&sequences());
    let rows = load(Precision::F32).unwrap().forward(&batch).unwrap();
    assert_eq!(rows.len(), batch.len() * HIDDEN);
    let error = load(Precision::Int8).err().unwrap();
    assert!(error.to_string().contains("int8"), "{error}");
}

#[test]
fn a_trial_batch_suits_every_model_and_disagreement_is_seen() {
    for (name, transformer) in models() {
        let engine = engine(&transformer, Pooling::Mean, DType::F32, None);
        let batch = engine.model.trial();
        assert_eq!(batch.len(), 2);
        let mut rows = engine.forward(&batch).unwrap();
        assert!(agree(&rows, &rows), "{name}");
        let kept = rows.clone();
        rows.rotate_left(1);
        assert!(!agree(&kept, &rows), "{name}");
        rows[0] = f32::NAN;
        assert!(!agree(&kept, &rows), "{name}");
    }
}
