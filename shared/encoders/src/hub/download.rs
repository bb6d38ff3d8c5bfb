//! Fetching of the files of a commit that the loader reads, each once.

use std::collections::BTreeSet;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use super::{Hub, HubError, HubModel};
use crate::folder::hexadecimal;

const WEIGHTS: &str = "model.safetensors";
/// Digits of a SHA-256.
const SHA256_DIGITS: usize = 64;
/// Status of a request for bytes behind the last.
const PAST_THE_END: u16 = 416;
const INDEX: &str = "model.safetensors.index.json";
/// Files that the loader may read, in the model's folder or one below.
const SMALL: [&str; 7] = [
    "config.json",
    "config_sentence_transformers.json",
    INDEX,
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

/// Returns the folder of a commit, after fetching what isn't there.
pub(super) fn folder(hub: &Hub, model: &HubModel) -> Result<PathBuf, HubError> {
    let visit = Visit::new(hub, model)?;
    if visit.finished()? {
        return Ok(visit.folder);
    }
    if hub.offline {
        return Err(HubError::Offline {
            model: model.to_string(),
            cache: hub.cache.clone(),
        });
    }
    visit.fetch()?;
    Ok(visit.folder)
}

/// One model of one hub.
struct Visit<'a> {
    hub: &'a Hub,
    model: &'a HubModel,
    cache: PathBuf,
    repo: Repo,
    /// Where the files of the commit lie.
    folder: PathBuf,
    /// Written when every file is there.
    mark: PathBuf,
}

impl<'a> Visit<'a> {
    fn new(hub: &'a Hub, model: &'a HubModel) -> Result<Self, HubError> {
        let cache = std::path::absolute(&hub.cache).map_err(|source| HubError::Cache {
            path: hub.cache.clone(),
            source,
        })?;
        let (id, revision) = (model.id().to_owned(), model.revision().to_owned());
        let repo = Repo::with_revision(id, RepoType::Model, revision);
        let kept = cache.join(repo.folder_name());
        Ok(Self {
            hub,
            model,
            repo,
            folder: kept.join("snapshots").join(model.revision()),
            mark: kept.join("finished").join(model.revision()),
            cache,
        })
    }

    fn finished(&self) -> Result<bool, HubError> {
        let there = |path: &Path| {
            path.try_exists().map_err(|source| HubError::Cache {
                path: path.into(),
                source,
            })
        };
        Ok(there(&self.mark)? && there(&self.folder)?)
    }

    fn fetch(&self) -> Result<(), HubError> {
        let builder = ApiBuilder::from_cache(Cache::new(self.cache.clone()))
            .with_endpoint(self.hub.endpoint.clone())
            .with_token(self.hub.token.clone())
            .with_progress(false);
        let api = builder
            .build()
            .map_err(|error| self.explain("the client", error))?;
        let repo = api.repo(self.repo.clone());
        let list = repo
            .info()
            .map_err(|error| self.explain("the list of files", error))?;
        if list.sha != self.model.revision() {
            return Err(HubError::OtherCommit {
                model: self.model.to_string(),
                endpoint: self.hub.endpoint.clone(),
                found: list.sha,
            });
        }
        let names: BTreeSet<String> = list
            .siblings
            .into_iter()
            .map(|file| file.rfilename)
            .collect();
        let weights = weights(&names);
        if weights.is_empty() {
            return Err(HubError::NoWeights {
                model: self.model.to_string(),
            });
        }
        for name in names.iter().filter(|name| is_small(name)) {
            self.fetch_file(&repo, name)?;
        }
        for name in weights {
            self.fetch_file(&repo, name)?;
        }
        self.put_mark().map_err(|source| HubError::Cache {
            path: self.mark.clone(),
            source,
        })
    }

    fn fetch_file(&self, repo: &ApiRepo, name: &str) -> Result<(), HubError> {
        let mut got = repo.get(name);
        if got
            .as_ref()
            .is_err_and(|error| status(error) == Some(PAST_THE_END))
        {
            // What an earlier run left is whole already, or of another file: the
            // client asks for what comes after it.
            self.remove_parts()?;
            got = repo.get(name);
        }
        let path = got.map_err(|error| self.explain(name, error))?;
        self.check(name, &path)
    }

    fn remove_parts(&self) -> Result<(), HubError> {
        let folder = self.cache.join(self.repo.folder_name()).join("blobs");
        let fault = |source| HubError::Cache {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(fault)? {
            let path = entry.map_err(fault)?.path();
            if path.extension().is_some_and(|kind| kind == "part") {
                std::fs::remove_file(path).map_err(fault)?;
            }
        }
        Ok(())
    }

    /// Checks the content of a file: large ones are named by their SHA-256, small ones
    /// must be whole JSON. A damaged one is deleted, so that it can be fetched again.
    fn check(&self, name: &str, path: &Path) -> Result<(), HubError> {
        let fault = |source| HubError::Cache {
            path: path.into(),
            source,
        };
        let blob = path.canonicalize().map_err(fault)?;
        let expected = blob.file_name().unwrap_or_default().to_string_lossy();
        let reason = if expected.len() == SHA256_DIGITS {
            let found = sha256(&blob).map_err(fault)?;
            (found != expected).then(|| format!("its SHA-256 is {found}, not {expected}"))
        } else if name.ends_with(".json") {
            let content = std::fs::read(&blob).map_err(fault)?;
            let whole = serde_json::from_slice::<IgnoredAny>(&content);
            whole.err().map(|error| error.to_string())
        } else {
            None
        };
        let Some(reason) = reason else {
            return Ok(());
        };
        for damaged in [path, &blob] {
            std::fs::remove_file(damaged).map_err(fault)?;
        }
        Err(HubError::Damaged {
            model: self.model.to_string(),
            file: name.into(),
            reason,
        })
    }

    fn put_mark(&self) -> std::io::Result<()> {
        if let Some(folder) = self.mark.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&self.mark, "")
    }

    /// Tells apart what went wrong while `what` was fetched.
    fn explain(&self, what: &str, error: ApiError) -> HubError {
        let (model, endpoint) = (self.model.to_string(), self.hub.endpoint.clone());
        match (status(&error), error) {
            (Some(404), _) => HubError::NotFound { model, endpoint },
            (Some(status @ (401 | 403)), _) => HubError::Refused {
                model,
                endpoint,
                status,
            },
            (_, ApiError::IoError(source)) if is_local(source.kind()) => HubError::Cache {
                path: self.cache.clone(),
                source,
            },
            (_, error) => HubError::Unreachable {
                model,
                endpoint,
                what: what.into(),
                source: Box::new(error),
            },
        }
    }
}

/// Returns the status that the hub answered with, if that is what went wrong.
fn status(error: &ApiError) -> Option<u16> {
    let ApiError::RequestError(inner) = error else {
        return None;
    };
    let ureq::Error::StatusCode(status) = **inner else {
        return None;
    };
    Some(status)
}

/// Says whether a fault is one of files: those of the network come as the same type.
fn is_local(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::ReadOnlyFilesystem
    )
}

fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hexadecimal(&hasher.finalize()));
        }
        hasher.update(&buffer[..count]);
    }
}

/// Says whether a file is one of the small ones that the loader may read.
fn is_small(name: &str) -> bool {
    let (folder, file) = split(name);
    SMALL.contains(&file) && is_near(folder)
}

/// Splits a name into folder and file; the folder of `/file` is the root and not the
/// model's.
fn split(name: &str) -> (&str, &str) {
    match name.rsplit_once('/') {
        Some(("", file)) => ("/", file),
        Some(parts) => parts,
        None => ("", name),
    }
}

/// Returns the files of weights: one, or the shards.
fn weights(names: &BTreeSet<String>) -> Vec<&str> {
    let of = |kind: fn(&str) -> bool| -> Vec<&str> {
        let names = names.iter().map(|name| (name, split(name)));
        names
            .filter(|(_, (folder, file))| is_near(folder) && kind(file))
            .map(|(name, _)| name.as_str())
            .collect()
    };
    let whole = of(|file| file == WEIGHTS);
    if whole.is_empty() {
        of(|file| file.starts_with("model-") && file.ends_with(".safetensors"))
    } else {
        whole
    }
}

/// Says whether a folder is the model's or one right below it whose name is a number
/// and a module, such as `1_Pooling`.
fn is_near(folder: &str) -> bool {
    let numbered = |(number, name): (&str, &str)| {
        number.chars().all(|digit| digit.is_ascii_digit())
            && name.chars().all(|letter| letter.is_ascii_alphanumeric())
    };
    folder.is_empty() || folder.split_once('_').is_some_and(numbered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> BTreeSet<String> {
        all.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn chooses_what_the_loader_reads() {
        for name in [
            "config.json",
            "1_Pooling/config.json",
            "0_Transformer/tokenizer.json",
        ] {
            assert!(is_small(name), "{name}");
        }
        for name in [
            "../config.json",
            "onnx/config.json",
            "/config.json",
            "1_Pooling/../config.json",
            "vocab.txt",
            "README.md",
        ] {
            assert!(!is_small(name), "{name}");
        }
    }

    #[test]
    fn chooses_one_file_of_weights_or_the_shards() {
        let shards = [
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
        ];
        assert_eq!(weights(&names(&shards)), shards);
        let both = [
            shards[0],
            WEIGHTS,
            "onnx/model.safetensors",
            "pytorch_model.bin",
        ];
        assert_eq!(weights(&names(&both)), [WEIGHTS]);
        assert!(weights(&names(&["pytorch_model.bin"])).is_empty());
    }
}
