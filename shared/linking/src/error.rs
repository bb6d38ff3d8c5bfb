//! Why texts cannot be linked.

use std::path::{Path, PathBuf};

use vivier_ann::AnnError;

/// Why texts cannot be linked to concepts.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file of label vectors does not hold what it must.
    #[error("{} is damaged; delete its folder, and it is made again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The graph over label vectors cannot be used.
    #[error("the vectors of labels cannot be searched")]
    Vectors {
        /// Why.
        #[from]
        source: AnnError,
    },
    /// Building was stopped.
    #[error("building the graph over label vectors was stopped")]
    Stopped,
    /// No concept of the kind has a label.
    #[error("the ontology has no {kind} with a label in {language}")]
    NoLabels {
        /// The kind, in the plural.
        kind: &'static str,
        /// The languages.
        language: String,
    },
    /// The weights of the scorer cannot be read.
    #[error("the weights of the scorer cannot be read: {reason}")]
    Scorer {
        /// What the reader found.
        reason: String,
    },
}

impl LinkError {
    pub(crate) fn io(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
