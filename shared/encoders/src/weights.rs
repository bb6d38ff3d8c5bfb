//! Named tensors of a safetensors file, read as f32.

use std::path::PathBuf;

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Tensor};

use crate::error::LoadError;
use crate::folder::ModelFolder;

/// The weights of one model.
pub(crate) struct Weights {
    file: BufferedSafetensors,
    names: std::collections::BTreeSet<String>,
    /// Put before every name: some checkpoints nest the encoder in "bert.".
    prefix: &'static str,
}

impl Weights {
    /// Parses the weights of a folder, which it takes out of it.
    ///
    /// `anchor` is a tensor that every checkpoint of the architecture has, and
    /// `prefixes` are the nestings under which it may lie.
    pub(crate) fn take(
        folder: &mut ModelFolder,
        anchor: &str,
        prefixes: &[&'static str],
    ) -> Result<Self, LoadError> {
        let content = std::mem::take(&mut folder.weights);
        let path: PathBuf = folder.path.join("model.safetensors");
        let bytes = content.len();
        let file =
            BufferedSafetensors::new(content).map_err(|source| LoadError::WeightsCorrupt {
                path,
                bytes,
                source: Box::new(source),
            })?;
        let names: std::collections::BTreeSet<String> =
            file.tensors().into_iter().map(|(name, _)| name).collect();
        let prefix = prefixes
            .iter()
            .find(|prefix| names.contains(&format!("{prefix}{anchor}")))
            .ok_or_else(|| LoadError::TensorMissing {
                name: anchor.into(),
            })?;
        Ok(Self {
            file,
            names,
            prefix,
        })
    }

    /// Returns a tensor as f32 on the CPU.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let name = format!("{}{name}", self.prefix);
        if !self.names.contains(&name) {
            return Err(LoadError::TensorMissing { name });
        }
        let wrong_type = |source| LoadError::TensorType {
            name: name.clone(),
            source: Box::new(source),
        };
        let view = self.file.get(&name).map_err(wrong_type)?;
        if view.shape() != shape {
            return Err(LoadError::TensorShape {
                found: view.shape().to_vec(),
                expected: shape.to_vec(),
                name,
            });
        }
        let tensor = self.file.load(&name, &Device::Cpu).map_err(wrong_type)?;
        tensor.to_dtype(DType::F32).map_err(wrong_type)
    }

    /// Returns the values of a tensor, row-major.
    pub(crate) fn values(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, LoadError> {
        let tensor = self.tensor(name, shape)?;
        tensor
            .flatten_all()
            .and_then(|flat| flat.to_vec1())
            .map_err(|source| LoadError::TensorType {
                name: name.into(),
                source: Box::new(source),
            })
    }
}
