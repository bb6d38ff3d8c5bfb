//! Low-rank adapters (LoRA, Hu et al. 2021) in the layout of PEFT, merged into the
//! weights of a model when it is loaded.

use std::fmt;
use std::path::{Path, PathBuf};

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::error::LoadError;
use crate::folder::hexadecimal;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
/// Put before the name of every module.
const PREFIX: &str = "base_model.model.";
/// The two factors of a linear layer, `[r, inputs]` and `[outputs, r]`.
const LINEAR: [&str; 2] = ["lora_A.weight", "lora_B.weight"];
/// The two factors of a table of embeddings, `[r, rows]` and `[width, r]`.
const TABLE: [&str; 2] = ["lora_embedding_A", "lora_embedding_B"];

/// An adapter: what is added to the weights of a model. It costs nothing once merged.
pub struct Adapter {
    path: PathBuf,
    /// `lora_alpha / r`.
    scale: f64,
    file: BufferedSafetensors,
    fingerprint: String,
}

impl fmt::Debug for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Adapter({})", self.fingerprint)
    }
}

/// The part of `adapter_config.json` that decides.
#[derive(Deserialize)]
struct Config {
    r: usize,
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default)]
    fan_in_fan_out: bool,
}

impl Adapter {
    /// Reads an adapter from a folder as PEFT saves it.
    ///
    /// # Errors
    /// When a file is missing, or as for [`Self::parse`].
    pub fn open(folder: &Path) -> Result<Self, LoadError> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|source| LoadError::Unreadable { path, source })
        };
        Self::parse(folder, &read(CONFIG)?, read(WEIGHTS)?)
    }

    /// Reads an adapter from the contents of its two files; `folder` names it in
    /// messages.
    ///
    /// # Errors
    /// When a file cannot be parsed, or asks for more than a plain LoRA.
    pub fn parse(folder: &Path, config: &[u8], weights: Vec<u8>) -> Result<Self, LoadError> {
        let path = folder.join(CONFIG);
        let bad = |reason: String| LoadError::BadConfig {
            path: path.clone(),
            reason,
        };
        let parsed: Config =
            serde_json::from_slice(config).map_err(|error| bad(error.to_string()))?;
        if parsed.r == 0 || !parsed.lora_alpha.is_finite() {
            return Err(bad(format!(
                "r = {}, lora_alpha = {}: r must be above 0 and lora_alpha a number",
                parsed.r, parsed.lora_alpha
            )));
        }
        for (name, set) in [
            ("use_dora", parsed.use_dora),
            ("fan_in_fan_out", parsed.fan_in_fan_out),
        ] {
            if set {
                return Err(bad(format!("{name} = true cannot be merged")));
            }
        }
        let rank = parsed.r as f64;
        let divisor = if parsed.use_rslora { rank.sqrt() } else { rank };
        let mut hasher = Sha256::new();
        hasher.update(config);
        hasher.update([0]);
        hasher.update(&weights);
        let bytes = weights.len();
        let file = BufferedSafetensors::new(weights).map_err(|source| LoadError::WeightsCorrupt {
            path: folder.join(WEIGHTS),
            bytes,
            source: Box::new(source),
        })?;
        Ok(Self {
            path: folder.join(WEIGHTS),
            scale: parsed.lora_alpha / divisor,
            file,
            fingerprint: hexadecimal(&hasher.finalize()),
        })
    }

    /// Returns the SHA-256 of its files in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Checks that each of its tensors belongs to a weight of the model.
    ///
    /// # Errors
    /// Names the one that does not.
    pub(crate) fn check(&self, is_weight: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        for (name, _) in self.file.tensors() {
            let module = LINEAR
                .iter()
                .chain(&TABLE)
                .find_map(|factor| name.strip_suffix(factor)?.strip_suffix('.'));
            let weight = module
                .and_then(|module| module.strip_prefix(PREFIX))
                .map(|module| format!("{module}.weight"));
            if !weight.is_some_and(|weight| is_weight(&weight)) {
                return Err(LoadError::BadConfig {
                    path: self.path.clone(),
                    reason: format!("the model has no weight that {name} changes"),
                });
            }
        }
        Ok(())
    }

    /// Adds to a weight what the adapter changes of it; `name` ends in `.weight`.
    pub(crate) fn merge(&self, name: &str, weight: Tensor) -> Result<Tensor, LoadError> {
        let Some(module) = name.strip_suffix(".weight") else {
            return Ok(weight);
        };
        for (factors, is_table) in [(LINEAR, false), (TABLE, true)] {
            let [one, other] = factors.map(|factor| format!("{PREFIX}{module}.{factor}"));
            if self.file.get(&one).is_err() && self.file.get(&other).is_err() {
                continue;
            }
            let (a, b) = (self.factor(&one)?, self.factor(&other)?);
            let product = b.matmul(&a).and_then(|product| {
                let product = if is_table { product.t()? } else { product };
                (product * self.scale)?.to_dtype(DType::F32)
            });
            let product = product.map_err(wrong(&one))?;
            if product.shape() != weight.shape() {
                return Err(LoadError::TensorShape {
                    name: format!("{one} times {other}"),
                    found: product.dims().to_vec(),
                    expected: weight.dims().to_vec(),
                });
            }
            return (weight + product).map_err(wrong(&one));
        }
        Ok(weight)
    }

    fn factor(&self, name: &str) -> Result<Tensor, LoadError> {
        if self.file.get(name).is_err() {
            return Err(LoadError::TensorMissing { name: name.into() });
        }
        let tensor = self.file.load(name, &Device::Cpu);
        let tensor = tensor.and_then(|tensor| tensor.to_dtype(DType::F32));
        let tensor = tensor.map_err(wrong(name))?;
        if tensor.rank() != 2 {
            let reason = format!("it has the shape {:?}, not two dimensions", tensor.dims());
            return Err(wrong(name)(candle_core::Error::Msg(reason)));
        }
        Ok(tensor)
    }
}

fn wrong(name: &str) -> impl FnOnce(candle_core::Error) -> LoadError {
    let name = name.to_owned();
    |source| LoadError::TensorType {
        name,
        source: Box::new(source),
    }
}
