//! Files of a segment: made under a temporary name, complete and synced before
//! they get their own, never changed afterwards.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file of a segment, or the manifest, cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The disk refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The file is not as it was written.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged { path: PathBuf, reason: String },
    /// What should be written exceeds the format.
    #[error("{}: {what} exceed the format, limit {limit}", path.display())]
    TooLarge {
        path: PathBuf,
        what: &'static str,
        limit: u64,
    },
}

impl FileError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, reason: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            reason: reason.into(),
        }
    }
}

/// A file on its way.
pub(crate) struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    written: u64,
    synced: u64,
}

/// Bytes after which a long file is synced as it is written: so the sync at its end is
/// short, and that of the log beside it does not wait for gigabytes.
const SYNC_BYTES: u64 = 64 << 20;

impl NewFile {
    /// Begins the file that will be at `path`.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(path: &Path) -> Result<Self, FileError> {
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".tmp");
        let temporary = PathBuf::from(temporary);
        let file = File::create(&temporary).map_err(FileError::io("create", &temporary))?;
        Ok(Self {
            path: path.to_owned(),
            temporary,
            file: BufWriter::with_capacity(1 << 20, file),
            written: 0,
            synced: 0,
        })
    }

    /// Returns the bytes written so far.
    pub(crate) fn written(&self) -> u64 {
        self.written
    }

    /// Returns where the file will be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Appends.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.file
            .write_all(bytes)
            .map_err(FileError::io("write", &self.temporary))?;
        self.written += as_u64(bytes.len());
        if self.written - self.synced >= SYNC_BYTES {
            let synced = self.file.get_ref().sync_data();
            synced.map_err(FileError::io("sync", &self.temporary))?;
            self.synced = self.written;
        }
        Ok(())
    }

    /// Syncs the file and gives it its name; the name is durable once the
    /// folder is synced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn finish(self) -> Result<(), FileError> {
        let temporary = self.temporary;
        let file = self
            .file
            .into_inner()
            .map_err(|error| FileError::io("write", &temporary)(error.into_error()))?;
        file.sync_all().map_err(FileError::io("sync", &temporary))?;
        std::fs::rename(&temporary, &self.path).map_err(FileError::io("rename", &temporary))
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
/// When the disk refuses.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), FileError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .map_err(FileError::io("sync", folder))
}

/// Widens a length; targets have at most 64-bit addresses.
pub(crate) fn as_u64(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
