//! Why a snapshot cannot be taken, listed, deleted or restored.

use std::path::PathBuf;

use vivier_runtime::{ErrorCode, PoolError};

use crate::log::LogError;
use crate::segment::SegmentError;
use crate::segment::files::FileError;

/// Every way in which a call about snapshots fails.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Nothing says where snapshots go.
    #[error("snapshots.location is empty: configure a folder or s3://BUCKET/PREFIX")]
    NoLocation,
    /// The location cannot be used.
    #[error("snapshot location {location:?}: {reason}")]
    Location {
        /// As configured or given.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The location belongs to another index.
    #[error(
        "snapshot location {location:?} is that of another index: give each index, and so each shard, a location of its own"
    )]
    Foreign {
        /// As configured.
        location: String,
    },
    /// The name breaks a rule.
    #[error(
        "name: {name:?} must be 1 to 64 of a-z, 0-9, \"_\", \"-\" and \".\", beginning with a letter or digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// The name is taken.
    #[error("snapshot {name:?} exists already in {location}")]
    Exists {
        /// The name.
        name: String,
        /// Where.
        location: String,
    },
    /// There is no such snapshot.
    #[error("there is no snapshot {name:?} in {location}")]
    NotFound {
        /// The name.
        name: String,
        /// Where.
        location: String,
    },
    /// There is no snapshot at all.
    #[error("there is no snapshot in {location}")]
    NoSnapshot {
        /// Where.
        location: String,
    },
    /// There are as many as may be.
    #[error("there are {count} snapshots in {location}, limit {limit}: delete some")]
    TooMany {
        /// Where.
        location: String,
        /// How many.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// Another call is at work.
    #[error("another snapshot is being taken or deleted")]
    Busy,
    /// The store refuses.
    #[error("cannot {action} {object}")]
    Store {
        /// What was tried.
        action: &'static str,
        /// The file or object.
        object: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
    /// A file of a snapshot is not what was written.
    #[error("{object} is damaged: {reason}")]
    Damaged {
        /// The file or object.
        object: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the index is damaged or cannot be read; the cause names it.
    #[error("the index cannot be copied")]
    Index(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The data folder cannot be written or read.
    #[error("cannot {action} {}", path.display())]
    Folder {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A snapshot is to be restored where something is.
    #[error("the folder {} is not empty: name one that is, or that does not exist", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The work was lost to a panic.
    #[error("the work was lost")]
    Lost(#[from] PoolError),
}

macro_rules! index_error {
    ($($kind:ty),*) => {$(
        impl From<$kind> for SnapshotError {
            fn from(error: $kind) -> Self {
                Self::Index(Box::new(error))
            }
        }
    )*};
}
index_error!(SegmentError, FileError, LogError);

impl SnapshotError {
    /// Names a file or folder that the system refuses.
    pub(crate) fn folder(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Folder {
            action,
            path,
            source,
        }
    }

    /// Returns the code of a call that fails so. What an operator must see and mend is
    /// no internal error, whose text stays in the log.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Name { .. } => ErrorCode::InvalidArgument,
            Self::NotFound { .. } | Self::NoSnapshot { .. } => ErrorCode::NotFound,
            Self::Busy => ErrorCode::ResourceExhausted,
            Self::Store { .. } => ErrorCode::Unavailable,
            Self::NoLocation
            | Self::Location { .. }
            | Self::Foreign { .. }
            | Self::Exists { .. }
            | Self::TooMany { .. }
            | Self::Damaged { .. }
            | Self::Index(_)
            | Self::Folder { .. }
            | Self::NotEmpty { .. } => ErrorCode::FailedPrecondition,
            Self::Lost(_) => ErrorCode::Internal,
        }
    }
}
