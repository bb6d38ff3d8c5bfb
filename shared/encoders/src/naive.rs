//! The function of a [`Transformer`], written as plainly as it reads: the executable
//! definition that loaders are tested with and engines can be tested against.
//!
//! One token, one head, one number at a time; sums in f64.

#![expect(
    clippy::cast_possible_truncation,
    reason = "sums round to f32, as states are kept"
)]

use crate::folder::Pooling;
use crate::pooling::pool;
use crate::prepare::InputKind;
use crate::transformer::{
    Activation, Adapter, Layer, Linear, Norm, NormKind, NormPlacement, PositionBias, Transformer,
};

/// Returns the pooled vector of one sequence, not normalised.
pub(crate) fn forward(
    model: &Transformer,
    ids: &[u32],
    kind: InputKind,
    pooling: Pooling,
) -> Vec<f32> {
    let place = InputKind::ALL.iter().position(|other| *other == kind);
    let task = model.tasks[place.unwrap()];
    let mut states = embed(model, ids, task);
    for layer in &model.layers {
        states = match model.placement {
            NormPlacement::After => {
                let joined = attention(model, layer, &states, task);
                let states = norm_rows(layer.attention_norm.as_ref(), &sum(&states, &joined));
                let changed = mlp(model, layer, &states, task);
                norm_rows(Some(&layer.mlp_norm), &sum(&states, &changed))
            }
            NormPlacement::Before => {
                let normed = norm_rows(layer.attention_norm.as_ref(), &states);
                let states = sum(&states, &attention(model, layer, &normed, task));
                let normed = norm_rows(Some(&layer.mlp_norm), &states);
                sum(&states, &mlp(model, layer, &normed, task))
            }
        };
    }
    let states = norm_rows(model.final_norm.as_ref(), &states);
    pool(&states.concat(), model.hidden, pooling)
}

type Rows = Vec<Vec<f32>>;

fn embed(model: &Transformer, ids: &[u32], task: usize) -> Rows {
    let hidden = model.hidden;
    let row = |(place, &id): (usize, &u32)| {
        let id = id as usize;
        let mut state = model.words[id * hidden..][..hidden].to_vec();
        if let Some(adapter) = &model.words_adapter {
            let wide = adapter.tasks * adapter.rank;
            let down = &adapter.down[id * wide + task * adapter.rank..][..adapter.rank];
            raise(adapter, down, task, &mut state);
        }
        if !model.positions.is_empty() {
            let rows = model.positions.len() / hidden;
            let place = if rows == 1 { 0 } else { place };
            let position = &model.positions[place * hidden..][..hidden];
            state = add(&state, position);
        }
        state
    };
    let states: Rows = ids.iter().enumerate().map(row).collect();
    norm_rows(model.embedding_norm.as_ref(), &states)
}

fn attention(model: &Transformer, layer: &Layer, states: &Rows, task: usize) -> Rows {
    let (count, groups, dim) = (model.heads.count, model.heads.groups, model.heads.dim);
    let qkv: Rows = states.iter().map(|x| linear(&layer.qkv, x, task)).collect();
    let head = |place: usize, head: usize, norm: Option<&Norm>, turn: bool| {
        let values = &qkv[place][head * dim..][..dim];
        let values = norm.map_or_else(|| values.to_vec(), |norm| normalise(norm, values));
        match layer.rotary {
            Some(base) if turn => rotate(&values, place, base),
            _ => values,
        }
    };
    let sees = |query: usize, key: usize| {
        layer.window.is_none_or(|most| query.abs_diff(key) <= most)
            && !(model.causal && key > query)
    };
    let mut outputs = Vec::new();
    for query in 0..states.len() {
        let mut joined = Vec::new();
        for this in 0..count {
            let group = this / (count / groups);
            let q = head(query, this, layer.query_norm.as_ref(), true);
            let keys: Vec<usize> = (0..states.len()).filter(|&key| sees(query, key)).collect();
            let score = |&key: &usize| {
                let k = head(key, count + group, layer.key_norm.as_ref(), true);
                dot(&q, &k) / (dim as f64).sqrt() + position_bias(&model.bias, this, query, key)
            };
            let scores: Vec<f64> = keys.iter().map(score).collect();
            let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let parts: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
            let whole: f64 = parts.iter().sum();
            let mut mixed = vec![0.0_f64; dim];
            for (&key, part) in keys.iter().zip(&parts) {
                let v = head(key, count + groups + group, None, false);
                for (sum, value) in mixed.iter_mut().zip(v) {
                    *sum += part / whole * f64::from(value);
                }
            }
            joined.extend(mixed.iter().map(|value| *value as f32));
        }
        outputs.push(linear(&layer.output, &joined, task));
    }
    outputs
}

fn position_bias(bias: &PositionBias, head: usize, query: usize, key: usize) -> f64 {
    match bias {
        PositionBias::None => 0.0,
        PositionBias::Alibi { slopes } => -f64::from(slopes[head]) * query.abs_diff(key) as f64,
        PositionBias::Relative { values, reach } => {
            let place = (key + reach).saturating_sub(query).min(2 * reach);
            f64::from(values[head * (2 * reach + 1) + place])
        }
    }
}

fn rotate(values: &[f32], place: usize, base: f32) -> Vec<f32> {
    let half = values.len() / 2;
    let mut turned = values.to_vec();
    for pair in 0..half {
        let speed = f64::from(base).powf(-(pair as f64) / half as f64);
        let (sin, cos) = (place as f64 * speed).sin_cos();
        let (a, b) = (f64::from(values[pair]), f64::from(values[pair + half]));
        turned[pair] = (a * cos - b * sin) as f32;
        turned[pair + half] = (b * cos + a * sin) as f32;
    }
    turned
}

fn mlp(model: &Transformer, layer: &Layer, states: &Rows, task: usize) -> Rows {
    let one = |x: &Vec<f32>| {
        let up = linear(&layer.up, x, task);
        let inner = model.intermediate;
        let active = up[..inner]
            .iter()
            .map(|&value| activate(model.activation, value));
        let wide: Vec<f32> = if model.gated {
            active.zip(&up[inner..]).map(|(a, b)| a * b).collect()
        } else {
            active.collect()
        };
        linear(&layer.down, &wide, task)
    };
    states.iter().map(one).collect()
}

fn activate(activation: Activation, value: f32) -> f32 {
    let x = f64::from(value);
    let y = match activation {
        Activation::Gelu => x * 0.5 * (1.0 + error_function(x / 2_f64.sqrt())),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::Relu => x.max(0.0),
        Activation::Silu => x / (1.0 + (-x).exp()),
    };
    y as f32
}

/// The error function, by its Taylor series up to 4 and 1 beyond.
fn error_function(x: f64) -> f64 {
    if x.abs() > 4.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / std::f64::consts::PI.sqrt() * sum
}

fn linear(linear: &Linear, x: &[f32], task: usize) -> Vec<f32> {
    let mut y: Vec<f32> = linear
        .weight
        .chunks_exact(linear.inputs)
        .map(|row| dot(row, x) as f32)
        .collect();
    if !linear.bias.is_empty() {
        y = add(&y, &linear.bias);
    }
    if let Some(adapter) = &linear.adapter {
        let rows = adapter.down.chunks_exact(linear.inputs);
        let rows = rows.skip(task * adapter.rank).take(adapter.rank);
        let down: Vec<f32> = rows.map(|row| dot(row, x) as f32).collect();
        raise(adapter, &down, task, &mut y);
    }
    assert_eq!(y.len(), linear.outputs);
    y
}

/// Adds `up_t down` to the outputs.
fn raise(adapter: &Adapter, down: &[f32], task: usize, outputs: &mut [f32]) {
    let wide = adapter.tasks * adapter.rank;
    for (output, row) in outputs.iter_mut().zip(adapter.up.chunks_exact(wide)) {
        *output += dot(&row[task * adapter.rank..][..adapter.rank], down) as f32;
    }
}

fn norm_rows(norm: Option<&Norm>, rows: &Rows) -> Rows {
    match norm {
        Some(norm) => rows.iter().map(|row| normalise(norm, row)).collect(),
        None => rows.clone(),
    }
}

fn normalise(norm: &Norm, row: &[f32]) -> Vec<f32> {
    let count = row.len() as f64;
    let mean = match norm.kind {
        NormKind::Layer => row.iter().map(|&value| f64::from(value)).sum::<f64>() / count,
        NormKind::RootMeanSquare => 0.0,
    };
    let spread = row.iter().map(|&value| (f64::from(value) - mean).powi(2));
    let scale = (spread.sum::<f64>() / count + f64::from(norm.epsilon)).sqrt();
    let one = |(place, &value): (usize, &f32)| {
        let bias = norm.bias.get(place).copied().unwrap_or(0.0);
        ((f64::from(value) - mean) / scale) as f32 * norm.weight[place] + bias
    };
    row.iter().enumerate().map(one).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let products = a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b));
    products.sum()
}

fn add(a: &[f32], b: &[f32]) -> Vec<f32> {
    a.iter().zip(b).map(|(a, b)| a + b).collect()
}

fn sum(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| add(a, b)).collect()
}
