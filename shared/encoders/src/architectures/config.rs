//! Checks of `config.json` that the loaders share.

use serde_json::Value;

use crate::error::LoadError;
use crate::folder::ModelFolder;

/// Most positions that a config may ask for: engines keep tables of this length.
const MAX_POSITIONS: usize = 1 << 20;

/// Refuses a setting that is present, not null and not one of `allowed`.
pub(super) fn refuse_unless(
    folder: &ModelFolder,
    name: &str,
    allowed: &[Value],
) -> Result<(), LoadError> {
    match folder.config.get(name) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if allowed.contains(value) => Ok(()),
        Some(value) => Err(folder.bad_config(format!("{name} = {value} is not supported"))),
    }
}

/// Refuses sizes of zero, and more positions than engines keep tables for.
pub(super) fn check_sizes(
    folder: &ModelFolder,
    positions: (&str, usize),
    others: &[(&str, usize)],
) -> Result<(), LoadError> {
    let (name, count) = positions;
    if count > MAX_POSITIONS {
        let reason = format!("{name} {count} is over the limit of {MAX_POSITIONS}");
        return Err(folder.bad_config(reason));
    }
    let zero = |size: &&(&str, usize)| size.1 == 0;
    match [positions].iter().chain(others).find(zero) {
        Some((name, _)) => Err(folder.bad_config(format!("{name} is 0"))),
        None => Ok(()),
    }
}

/// Returns the width of a head: `hidden` shared out among `heads`.
pub(super) fn head_dim(
    folder: &ModelFolder,
    hidden: (&str, usize),
    heads: (&str, usize),
) -> Result<usize, LoadError> {
    if heads.1 == 0 || !hidden.1.is_multiple_of(heads.1) {
        return Err(folder.bad_config(format!(
            "{} {} is no multiple of {} {}",
            hidden.0, hidden.1, heads.0, heads.1
        )));
    }
    Ok(hidden.1 / heads.1)
}

/// Checks a head that is rotated: its halves are paired.
pub(super) fn check_rotated(folder: &ModelFolder, dim: usize) -> Result<(), LoadError> {
    if !dim.is_multiple_of(2) {
        return Err(folder.bad_config(format!("heads of width {dim} cannot be rotated: it is odd")));
    }
    Ok(())
}

/// Reads the base of the rotary embedding: `rope_theta` of `parameters` (a value of
/// `rope_parameters`), else `otherwise`. Any scaling of the positions is refused.
pub(super) fn rotary_base(
    folder: &ModelFolder,
    parameters: Option<&Value>,
    otherwise: f32,
) -> Result<f32, LoadError> {
    refuse_unless(folder, "rope_scaling", &[])?;
    let Some(Value::Object(parameters)) = parameters.filter(|value| !value.is_null()) else {
        return check_base(folder, otherwise);
    };
    let bad = |name: &str, value: &Value| {
        folder.bad_config(format!(
            "rope_parameters: {name} = {value} is not supported"
        ))
    };
    let mut base = otherwise;
    for (name, value) in parameters {
        match name.as_str() {
            "rope_theta" => base = float(value).ok_or_else(|| bad(name, value))?,
            "rope_type" | "type" if value == "default" => {}
            "partial_rotary_factor" if value.as_f64() == Some(1.0) => {}
            _ if value.is_null() => {}
            _ => return Err(bad(name, value)),
        }
    }
    check_base(folder, base)
}

fn check_base(folder: &ModelFolder, base: f32) -> Result<f32, LoadError> {
    if base.is_finite() && base > 0.0 {
        return Ok(base);
    }
    Err(folder.bad_config(format!("rotary base {base} is no positive number")))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a base rounds to f32, as it does in PyTorch"
)]
fn float(value: &Value) -> Option<f32> {
    value.as_f64().map(|number| number as f32)
}
