//! Low-rank adapters (LoRA, Hu et al. 2021) in the layout of PEFT, merged into the
//! weights of a model when it is loaded.

use std::collections::BTreeMap;
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
    #[serde(default)]
    rank_pattern: BTreeMap<String, usize>,
    #[serde(default)]
    alpha_pattern: BTreeMap<String, f64>,
}

impl Config {
    /// Returns what products of the factors are multiplied by, the same for all.
    fn scale(&self) -> Result<f64, String> {
        let scale = |alpha: f64, rank: usize| {
            let rank = rank as f64;
            alpha / if self.use_rslora { rank.sqrt() } else { rank }
        };
        let usual = scale(self.lora_alpha, self.r);
        if !usual.is_finite() {
            return Err(format!(
                "r = {}, lora_alpha = {}: r must be above 0 and lora_alpha a number",
                self.r, self.lora_alpha
            ));
        }
        for name in self.rank_pattern.keys().chain(self.alpha_pattern.keys()) {
            let rank = self.rank_pattern.get(name).copied().unwrap_or(self.r);
            let alpha = self.alpha_pattern.get(name).copied();
            if scale(alpha.unwrap_or(self.lora_alpha), rank) != usual {
                return Err(format!(
                    "rank_pattern and alpha_pattern give {name:?} another scale than {usual}, \
                     which cannot be merged"
                ));
            }
        }
        Ok(usual)
    }
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
        let scale = parsed.scale().map_err(bad)?;
        for (name, set) in [
            ("use_dora", parsed.use_dora),
            ("fan_in_fan_out", parsed.fan_in_fan_out),
        ] {
            if set {
                return Err(bad(format!("{name} = true cannot be merged")));
            }
        }
        let mut hasher = Sha256::new();
        hasher.update(config);
        hasher.update([0]);
        hasher.update(&weights);
        let bytes = weights.len();
        let file =
            BufferedSafetensors::new(weights).map_err(|source| LoadError::WeightsCorrupt {
                path: folder.join(WEIGHTS),
                bytes,
                source: Box::new(source),
            })?;
        Ok(Self {
            path: folder.join(WEIGHTS),
            scale,
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const PLAIN: &str = r#"{"r": 2, "lora_alpha": 4}"#;

    fn tensor(values: &[f32], shape: (usize, usize)) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    fn adapter(config: &str, tensors: &[(&str, Tensor)]) -> Result<Adapter, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        let tensors: HashMap<String, Tensor> = tensors
            .iter()
            .map(|(name, tensor)| (format!("{PREFIX}{name}"), tensor.clone()))
            .collect();
        candle_core::safetensors::save(&tensors, folder.path().join(WEIGHTS)).unwrap();
        std::fs::write(folder.path().join(CONFIG), config).unwrap();
        Adapter::open(folder.path())
    }

    fn linear() -> [(&'static str, Tensor); 2] {
        [
            (
                "x.lora_A.weight",
                tensor(&[1.0, 0.0, 2.0, 0.0, 1.0, 1.0], (2, 3)),
            ),
            ("x.lora_B.weight", tensor(&[1.0, 0.0, 0.0, 3.0], (2, 2))),
        ]
    }

    #[test]
    fn the_product_of_the_factors_is_added_to_a_weight() {
        let adapter = adapter(PLAIN, &linear()).unwrap();
        let ones = tensor(&[1.0; 6], (2, 3));
        let merged = adapter.merge("x.weight", ones.clone()).unwrap();
        // 1 + 2 * B A.
        let merged: Vec<Vec<f32>> = merged.to_vec2().unwrap();
        assert_eq!(merged, [[3.0, 1.0, 5.0], [1.0, 7.0, 7.0]]);
        let other = adapter.merge("y.weight", ones).unwrap();
        assert_eq!(other.to_vec2::<f32>().unwrap(), [[1.0; 3]; 2]);
    }

    #[test]
    fn the_factors_of_a_table_lie_the_other_way() {
        let tensors = [
            ("words.lora_embedding_A", tensor(&[1.0, 0.0, 5.0], (1, 3))),
            ("words.lora_embedding_B", tensor(&[1.0, 2.0], (2, 1))),
        ];
        let adapter = adapter(r#"{"r": 1, "lora_alpha": 1}"#, &tensors).unwrap();
        let merged = adapter.merge("words.weight", tensor(&[0.0; 6], (3, 2)));
        let merged: Vec<Vec<f32>> = merged.unwrap().to_vec2().unwrap();
        assert_eq!(merged, [[1.0, 2.0], [0.0, 0.0], [5.0, 10.0]]);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let whole = adapter(PLAIN, &linear()).unwrap();
        let error = whole.check(|name| name == "y.weight").unwrap_err();
        assert!(error.to_string().contains("x.lora_"), "{error}");
        assert!(whole.check(|name| name == "x.weight").is_ok());
        let error = whole
            .merge("x.weight", tensor(&[0.0; 6], (3, 2)))
            .unwrap_err();
        assert!(matches!(error, LoadError::TensorShape { .. }), "{error}");
        let half = adapter(PLAIN, &linear()[..1]).unwrap();
        let error = half
            .merge("x.weight", tensor(&[0.0; 6], (2, 3)))
            .unwrap_err();
        assert!(error.to_string().ends_with("x.lora_B.weight"), "{error}");
    }

    #[test]
    fn what_cannot_be_merged_is_refused() {
        for (config, wanted) in [
            (r#"{"r": 0, "lora_alpha": 1}"#, "r must be above 0"),
            (r#"{"r": 2}"#, "lora_alpha"),
            (r#"{"r": 2, "lora_alpha": 4, "use_dora": true}"#, "use_dora"),
            (
                r#"{"r": 2, "lora_alpha": 4, "rank_pattern": {"x": 8}}"#,
                "another scale",
            ),
            ("{", "EOF"),
        ] {
            let error = adapter(config, &linear()).unwrap_err();
            assert!(error.to_string().contains(wanted), "{config}: {error}");
        }
        let same =
            r#"{"r": 2, "lora_alpha": 4, "rank_pattern": {"x": 8}, "alpha_pattern": {"x": 16}}"#;
        assert!(adapter(same, &linear()).is_ok());
    }
}
