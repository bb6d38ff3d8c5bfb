//! Loaders: from the checkpoints of each family to one [`Transformer`].

mod bert;

use crate::error::LoadError;
use crate::folder::ModelFolder;
use crate::transformer::{Linear, Norm, NormKind, Transformer};
use crate::weights::Weights;

/// Architectures that can be loaded, for messages.
const KNOWN: &str = "bert";

/// Reads the weights of a folder, which are taken out of it.
pub(crate) fn load(folder: &mut ModelFolder) -> Result<Transformer, LoadError> {
    match folder.architecture()? {
        "bert" => bert::load(folder),
        found => Err(LoadError::UnknownArchitecture {
            found: found.into(),
            known: KNOWN,
        }),
    }
}

/// Reads linear layers of the same input and puts their outputs side by side:
/// `names` with the outputs of each. `bias` says whether they have one.
fn linear(
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
        joined.weight.extend(weight);
        if bias {
            let bias = weights.values(&format!("{name}.bias"), &[*outputs])?;
            joined.bias.extend(bias);
        }
        joined.outputs += outputs;
    }
    Ok(joined)
}

/// Reads a layer norm with weight and bias.
fn layer_norm(
    weights: &Weights,
    name: &str,
    width: usize,
    epsilon: f32,
) -> Result<Norm, LoadError> {
    Ok(Norm {
        kind: NormKind::Layer,
        weight: weights.values(&format!("{name}.weight"), &[width])?,
        bias: weights.values(&format!("{name}.bias"), &[width])?,
        epsilon,
    })
}
