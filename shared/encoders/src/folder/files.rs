//! Reading and hashing of the files of a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Component, Path};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::LoadError;

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

/// One file of weights.
#[derive(Debug)]
pub(crate) struct Shard {
    /// Name of the file, relative to the folder of the weights.
    pub(crate) file: String,
    pub(crate) content: Vec<u8>,
    /// Tensors that the index promises in this file; none without an index.
    pub(crate) promised: Vec<String>,
}

/// `model.safetensors.index.json`: which file holds which tensor.
#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// Reads files of one folder and hashes what it reads.
pub(super) struct Files<'a> {
    folder: &'a Path,
    hasher: Sha256,
}

impl<'a> Files<'a> {
    pub(super) fn open(folder: &'a Path) -> Result<Self, LoadError> {
        let missing = || LoadError::FolderMissing {
            path: folder.into(),
        };
        match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => Ok(Self {
                folder,
                hasher: Sha256::new(),
            }),
            Ok(_) => Err(missing()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(missing()),
            Err(source) => Err(LoadError::Unreadable {
                path: folder.into(),
                source,
            }),
        }
    }

    /// Reads a file and adds it to the fingerprint; `None` when it is absent.
    pub(super) fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, LoadError> {
        let path = self.folder.join(name);
        let content = match std::fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LoadError::Unreadable { path, source }),
        };
        self.hasher.update(format!("{name}\0{}\0", content.len()));
        self.hasher.update(&content);
        Ok(Some(content))
    }

    pub(super) fn read_required(&mut self, name: &str) -> Result<Vec<u8>, LoadError> {
        self.read(name)?.ok_or_else(|| LoadError::FileMissing {
            path: self.folder.into(),
            file: name.into(),
        })
    }

    pub(super) fn read_json<T: DeserializeOwned>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, LoadError> {
        let content = self.read(name)?;
        content
            .map(|content| self.parse(name, &content))
            .transpose()
    }

    pub(super) fn parse<T: DeserializeOwned>(
        &self,
        name: &str,
        content: &[u8],
    ) -> Result<T, LoadError> {
        serde_json::from_slice(content).map_err(|error| self.bad(name, error.to_string()))
    }

    /// Reads the weights in `folder`: one file, or those that an index names.
    pub(super) fn read_weights(&mut self, folder: &str) -> Result<Vec<Shard>, LoadError> {
        if let Some(content) = self.read(&join(folder, WEIGHTS))? {
            return Ok(vec![Shard {
                file: WEIGHTS.into(),
                content,
                promised: Vec::new(),
            }]);
        }
        let name = join(folder, INDEX);
        let index: Index = self
            .read_json(&name)?
            .ok_or_else(|| LoadError::WeightsMissing {
                path: self.folder.join(folder),
            })?;
        let names: BTreeSet<&String> = index.weight_map.values().collect();
        let mut shards = Vec::with_capacity(names.len());
        for file in names {
            if !is_plain(file) {
                return Err(self.bad(&name, format!("{file:?} is not the name of a file")));
            }
            let inside = index.weight_map.iter().filter(|(_, other)| *other == file);
            shards.push(Shard {
                file: file.clone(),
                content: self.read_required(&join(folder, file))?,
                promised: inside.map(|(tensor, _)| tensor.clone()).collect(),
            });
        }
        if shards.is_empty() {
            return Err(self.bad(&name, "weight_map is empty"));
        }
        Ok(shards)
    }

    /// Describes a fault of a file.
    pub(super) fn bad(&self, name: &str, reason: impl Into<String>) -> LoadError {
        LoadError::BadConfig {
            path: self.folder.join(name),
            reason: reason.into(),
        }
    }

    pub(super) fn fingerprint(self) -> String {
        hexadecimal(&self.hasher.finalize())
    }
}

/// Writes bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the name of a file in a folder, which may be empty.
pub(super) fn join(folder: &str, file: &str) -> String {
    if folder.is_empty() {
        file.into()
    } else {
        format!("{folder}/{file}")
    }
}

/// Says whether a path stays inside the folder that it is joined to.
pub(super) fn is_inside(path: &str) -> bool {
    Path::new(path)
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && is_inside(name) && Path::new(name).components().count() == 1
}
