//! Named tensors of safetensors files, read as f32.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::safetensors::BufferedSafetensors;
use candle_core::{DType, Device, Tensor};

use crate::adapter::Adapter;
use crate::error::LoadError;
use crate::folder::{ModelFolder, Shard};

/// The weights of one model.
pub(crate) struct Weights {
    files: Vec<BufferedSafetensors>,
    /// The file of each tensor.
    names: BTreeMap<String, usize>,
    /// Put before every name: some checkpoints nest the encoder in "bert.".
    prefix: &'static str,
    /// Merged into every tensor that is read.
    adapter: Option<Arc<Adapter>>,
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
        let mut weights = Self {
            files: Vec::new(),
            names: BTreeMap::new(),
            prefix: "",
            adapter: folder.adapter.clone(),
        };
        for shard in std::mem::take(&mut folder.weights) {
            weights.add(folder, shard)?;
        }
        weights.prefix = prefixes
            .iter()
            .find(|prefix| weights.names.contains_key(&format!("{prefix}{anchor}")))
            .ok_or_else(|| LoadError::TensorMissing {
                name: anchor.into(),
            })?;
        if let Some(adapter) = &weights.adapter {
            adapter.check(|name| weights.has(name))?;
        }
        Ok(weights)
    }

    fn add(&mut self, folder: &ModelFolder, shard: Shard) -> Result<(), LoadError> {
        let path = folder.path.join(&shard.file);
        let bytes = shard.content.len();
        let file = BufferedSafetensors::new(shard.content).map_err(|source| {
            LoadError::WeightsCorrupt {
                path: path.clone(),
                bytes,
                source: Box::new(source),
            }
        })?;
        let place = self.files.len();
        for (name, _) in file.tensors() {
            if self.names.contains_key(&name) {
                let reason = format!("tensor {name} lies in another file too");
                return Err(LoadError::BadConfig { path, reason });
            }
            self.names.insert(name, place);
        }
        let here = |name: &&String| self.names.get(*name) != Some(&place);
        if let Some(name) = shard.promised.iter().find(here) {
            let reason = format!("the index says that tensor {name} lies here, and it doesn't");
            return Err(LoadError::BadConfig { path, reason });
        }
        self.files.push(file);
        Ok(())
    }

    /// Says whether there is a tensor of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.contains_key(&format!("{}{name}", self.prefix))
    }

    /// Returns a tensor as f32 on the CPU, the adapter merged.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let tensor = self.plain(name, shape)?;
        match &self.adapter {
            Some(adapter) => adapter.merge(name, tensor),
            None => Ok(tensor),
        }
    }

    /// Returns a tensor as the files have it.
    fn plain(&self, name: &str, shape: &[usize]) -> Result<Tensor, LoadError> {
        let name = format!("{}{name}", self.prefix);
        let Some(&place) = self.names.get(&name) else {
            return Err(LoadError::TensorMissing { name });
        };
        let wrong_type = |source| LoadError::TensorType {
            name: name.clone(),
            source: Box::new(source),
        };
        let file = &self.files[place];
        let view = file.get(&name).map_err(wrong_type)?;
        if view.shape() != shape {
            return Err(LoadError::TensorShape {
                found: view.shape().to_vec(),
                expected: shape.to_vec(),
                name,
            });
        }
        let tensor = file.load(&name, &Device::Cpu).map_err(wrong_type)?;
        let dtype = tensor.dtype();
        if dtype == DType::F32 {
            return Ok(tensor);
        }
        if matches!(dtype, DType::F16 | DType::BF16 | DType::F64) {
            return tensor.to_dtype(DType::F32).map_err(wrong_type);
        }
        // Integers are quantised weights, whose scales nobody would apply.
        let reason = format!("it holds {}", dtype.as_str());
        Err(wrong_type(candle_core::Error::Msg(reason)))
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
