//! Models from the Hugging Face hub: fetched once, pinned to a commit, kept in the
//! cache layout that Python's `huggingface_hub` uses.
//!
//! Only a commit hash names a model here. A branch or a tag can move, and a service
//! that restarts would then put vectors of another model beside those in the index.
//! For the same reason a model whose files have all been fetched is never asked for
//! again: online and offline, the hub is contacted only for what isn't there.

mod download;

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where models are published, where they are kept, and whether the hub may be asked.
#[derive(Clone)]
pub struct Hub {
    /// Address of the hub, such as `https://huggingface.co`.
    pub endpoint: String,
    /// Folder in which models are kept.
    pub cache: PathBuf,
    /// Never asks the hub: only models already in the cache can be had.
    pub offline: bool,
    /// Token that opens private and gated models. None is read from elsewhere.
    pub token: Option<String>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .field("token", &self.token.as_ref().map(|_| "redacted"))
            .finish()
    }
}

impl Hub {
    /// Address of the public hub.
    pub const ENDPOINT: &str = "https://huggingface.co";

    /// Returns the folder of a model, after fetching what isn't there yet.
    ///
    /// Blocks while it downloads. The content of weights is checked against the
    /// SHA-256 that the hub publishes.
    ///
    /// # Errors
    ///
    /// Says whether the model or the commit is unknown, access is refused, the hub
    /// can't be reached, a file arrived damaged, or, offline, the model isn't there.
    pub fn folder(&self, model: &HubModel) -> Result<PathBuf, HubError> {
        download::folder(self, model)
    }
}

/// A model on the hub, pinned to a commit: `owner/name@commit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubModel {
    id: String,
    revision: String,
}

impl HubModel {
    /// Checks and joins an id `owner/name` and a commit hash.
    ///
    /// # Errors
    ///
    /// [`HubError::BadId`] or [`HubError::BadRevision`].
    pub fn new(id: &str, revision: &str) -> Result<Self, HubError> {
        let good = |part: &str| {
            let known = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            (1..=96).contains(&part.len())
                && part.chars().all(known)
                && !part.starts_with('.')
                && !part.contains("..")
        };
        match id.split_once('/') {
            Some((owner, name)) if good(owner) && good(name) => {}
            _ => return Err(HubError::BadId { id: id.into() }),
        }
        let digit = |letter: char| matches!(letter, '0'..='9' | 'a'..='f');
        if revision.len() != 40 || !revision.chars().all(digit) {
            return Err(HubError::BadRevision {
                id: id.into(),
                revision: revision.into(),
            });
        }
        Ok(Self {
            id: id.into(),
            revision: revision.into(),
        })
    }

    /// Returns `owner/name`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the commit hash.
    #[must_use]
    pub fn revision(&self) -> &str {
        &self.revision
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.id, self.revision)
    }
}

/// Where a model is: a folder, or `hub:owner/name@commit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ModelSource {
    /// A folder in the sentence-transformers layout.
    Folder(PathBuf),
    /// A model on the hub.
    Hub(HubModel),
}

impl ModelSource {
    const PREFIX: &str = "hub:";
}

impl From<&Path> for ModelSource {
    fn from(path: &Path) -> Self {
        Self::Folder(path.into())
    }
}

impl fmt::Display for ModelSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(formatter),
            Self::Hub(model) => write!(formatter, "{}{model}", Self::PREFIX),
        }
    }
}

impl FromStr for ModelSource {
    type Err = HubError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some(name) = text.strip_prefix(Self::PREFIX) else {
            return Ok(Self::Folder(text.into()));
        };
        let (id, revision) = name.split_once('@').unwrap_or((name, ""));
        HubModel::new(id, revision).map(Self::Hub)
    }
}

impl TryFrom<String> for ModelSource {
    type Error = HubError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ModelSource> for String {
    fn from(source: ModelSource) -> Self {
        source.to_string()
    }
}

/// A model cannot be had from the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The id is not `owner/name`.
    #[error("{id:?} is no model of the hub; name one as owner/name")]
    BadId {
        /// The id.
        id: String,
    },
    /// The revision is not a commit hash.
    #[error(
        "model {id}: revision {revision:?} is no commit hash of 40 hexadecimal digits; a branch or tag can move, so pin the commit: owner/name@commit"
    )]
    BadRevision {
        /// The id.
        id: String,
        /// The revision.
        revision: String,
    },
    /// Offline, and the model was never wholly fetched.
    #[error("model {model} is not wholly in {} and the hub is switched off (offline = true); start once with the hub, or copy the folder here and name it", cache.display())]
    Offline {
        /// The model.
        model: String,
        /// The cache folder.
        cache: PathBuf,
    },
    /// The hub knows no such model or commit.
    #[error("the hub {endpoint} has no {model}: no such model, no such commit, or it is private")]
    NotFound {
        /// The model.
        model: String,
        /// Address of the hub.
        endpoint: String,
    },
    /// The hub refuses access.
    #[error(
        "the hub {endpoint} refuses {model} (status {status}); it needs a token that may read it"
    )]
    Refused {
        /// The model.
        model: String,
        /// Address of the hub.
        endpoint: String,
        /// The status code.
        status: u16,
    },
    /// The commit holds no weights that can be read.
    #[error("model {model} has no model.safetensors; other formats of weights are not read")]
    NoWeights {
        /// The model.
        model: String,
    },
    /// The hub answered with another commit than the one asked for.
    #[error("the hub {endpoint} gave commit {found} for {model}")]
    OtherCommit {
        /// The model.
        model: String,
        /// Address of the hub.
        endpoint: String,
        /// What it gave.
        found: String,
    },
    /// A file arrived with another content than the hub published. It was deleted.
    #[error("file {file} of {model} arrived damaged: {reason}; try again")]
    Damaged {
        /// The model.
        model: String,
        /// The file.
        file: String,
        /// What shows it.
        reason: String,
    },
    /// The hub cannot be reached, or broke off.
    #[error("cannot get {what} of {model} from {endpoint}")]
    Unreachable {
        /// The model.
        model: String,
        /// Address of the hub.
        endpoint: String,
        /// The file, or the list of files.
        what: String,
        /// What the client found.
        source: Box<hf_hub::api::sync::ApiError>,
    },
    /// The cache cannot be read or written.
    #[error("cannot use the model cache {}", path.display())]
    Cache {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn sources_are_read_and_written() {
        let name = format!("hub:owner/the-model_1.0@{COMMIT}");
        let source: ModelSource = name.parse().unwrap();
        let expected = HubModel::new("owner/the-model_1.0", COMMIT).unwrap();
        assert_eq!(source, ModelSource::Hub(expected));
        assert_eq!(source.to_string(), name);
        let folder: ModelSource = "models/mine".parse().unwrap();
        assert_eq!(folder, ModelSource::Folder("models/mine".into()));
        assert_eq!(folder.to_string(), "models/mine");
    }

    #[test]
    fn only_commits_pin_a_model() {
        for revision in ["main", "v1.0", "", &COMMIT[1..], &COMMIT.to_uppercase()] {
            let error = HubModel::new("owner/name", revision).unwrap_err();
            assert!(matches!(error, HubError::BadRevision { .. }), "{revision}");
            assert!(
                error.to_string().contains(&format!("{revision:?}")),
                "{error}"
            );
        }
        for id in [
            "name",
            "",
            "a/b/c",
            "../name",
            "owner/",
            "owner/n me",
            "a/..",
            "a/.b",
        ] {
            let error = HubModel::new(id, COMMIT).unwrap_err();
            assert!(matches!(error, HubError::BadId { .. }), "{id}: {error}");
        }
    }

    #[test]
    fn a_token_is_not_shown() {
        let hub = Hub {
            endpoint: Hub::ENDPOINT.into(),
            cache: "cache".into(),
            offline: false,
            token: Some("hf_secret".into()),
        };
        assert!(!format!("{hub:?}").contains("secret"));
    }
}
