//! Reading of tensors into the parts of a [`Transformer`](crate::transformer::Transformer).

use crate::error::LoadError;
use crate::transformer::{Linear, Norm, NormKind};
use crate::weights::Weights;

/// Reads linear layers of the same input and puts their outputs side by side:
/// `names` with the outputs of each. `bias` says whether they have one.
pub(super) fn linear(
    weights: &Weights,
    names: &[(String, usize)],
    inputs: usize,
    bias: bool,
) -> Result<Linear, LoadError> {
    let mut joined = Linear {
        weight: Vec::new(),
        bias: Vec::new(),
        inputs,
        outputs: 0,
        adapter: None,
    };
    for (name, outputs) in names {
        let weight = weights.values(&format!("{name}.weight"), &[*outputs, inputs])?;
        if joined.weight.is_empty() {
            joined.weight = weight;
        } else {
            joined.weight.extend(weight);
        }
        if bias {
            let bias = weights.values(&format!("{name}.bias"), &[*outputs])?;
            joined.bias.extend(bias);
        }
        joined.outputs += outputs;
    }
    Ok(joined)
}

/// Reads a layer norm with weight and bias. Old checkpoints call them gamma and beta.
pub(super) fn layer_norm(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<Norm, LoadError> {
    let old = weights.has(&format!("{name}.gamma"));
    let (weight, bias) = if old {
        ("gamma", "beta")
    } else {
        ("weight", "bias")
    };
    Ok(Norm {
        kind: NormKind::Layer,
        weight: weights.values(&format!("{name}.{weight}"), &[width])?,
        bias: weights.values(&format!("{name}.{bias}"), &[width])?,
        epsilon,
    })
}

/// Reads a norm that has a weight only.
pub(super) fn plain_norm(
    weights: &Weights,
    kind: NormKind,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<Norm, LoadError> {
    Ok(Norm {
        kind,
        weight: weights.values(&format!("{name}.weight"), &[width])?,
        bias: Vec::new(),
        epsilon,
    })
}

/// Adds one row to every row of a table.
pub(super) fn add_to_rows(table: &mut [f32], row: &[f32]) {
    for values in table.chunks_exact_mut(row.len()) {
        for (value, &other) in values.iter_mut().zip(row) {
            *value += other;
        }
    }
}
