//! The location of snapshots: a folder or a bucket, by one set of operations.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, WriteMultipart};
use tokio_stream::{Stream, StreamExt as _};
use vivier_runtime::PoolError;

use crate::segment::files::sync_folder;
use crate::snapshot::SnapshotError;

/// Bytes of one part of a large object, and of one read.
pub(super) const PART: u64 = 8 << 20;
/// Most parts of an object; S3 takes 10,000.
const MAX_PARTS: u64 = 9_000;

/// Where snapshots go, as written in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// A folder.
    Folder(PathBuf),
    /// A bucket of S3, or of what speaks its protocol, and a prefix in it.
    Bucket { bucket: String, prefix: String },
}

impl Location {
    /// Reads a folder, `file:///FOLDER` or `s3://BUCKET/PREFIX`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return if text.is_empty() {
                Err("must name a folder, or s3://BUCKET/PREFIX".to_owned())
            } else {
                Ok(Self::Folder(PathBuf::from(text)))
            };
        };
        match scheme {
            "file" if rest.starts_with('/') => Ok(Self::Folder(PathBuf::from(rest))),
            "file" => Err("must be file:// and an absolute path".to_owned()),
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                if bucket.is_empty() {
                    return Err("must name a bucket after s3://".to_owned());
                }
                let (bucket, prefix) = (bucket.to_owned(), prefix.to_owned());
                Ok(Self::Bucket { bucket, prefix })
            }
            _ => Err(format!(
                "{scheme}:// is not known: use a folder, file:// or s3://"
            )),
        }
    }
}

/// A location, open.
#[derive(Clone)]
pub(super) struct Store {
    objects: Arc<dyn ObjectStore>,
    prefix: String,
    /// As given, for messages.
    location: String,
    /// Where it is, when it is a folder.
    folder: Option<PathBuf>,
}

impl Store {
    /// Opens a location; a folder is made when `make` says so. Blocks for a moment.
    ///
    /// # Errors
    /// When it cannot be used.
    pub(super) fn open(location: &str, make: bool) -> Result<Self, SnapshotError> {
        let refused = |reason: String| SnapshotError::Location {
            location: location.to_owned(),
            reason,
        };
        let opened = |objects, prefix, folder| Self {
            objects,
            prefix,
            location: location.trim_end_matches('/').to_owned(),
            folder,
        };
        match Location::read(location).map_err(refused)? {
            Location::Folder(folder) => {
                if make {
                    let made = std::fs::create_dir_all(&folder);
                    made.map_err(SnapshotError::folder("create", &folder))?;
                }
                let local = LocalFileSystem::new_with_prefix(&folder);
                let local = local.map_err(|error| refused(error.to_string()))?;
                let objects = Arc::new(local.with_fsync(true));
                Ok(opened(objects, String::new(), Some(folder)))
            }
            Location::Bucket { bucket, prefix } => {
                let objects = open_bucket(&bucket).map_err(|error| refused(error.to_string()))?;
                Ok(opened(objects, prefix, None))
            }
        }
    }

    /// Uses a store of any kind.
    #[cfg(test)]
    pub(super) fn over(objects: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            objects,
            prefix: prefix.to_owned(),
            location: "memory".to_owned(),
            folder: None,
        }
    }

    /// Returns the location as given.
    pub(super) fn location(&self) -> &str {
        &self.location
    }

    /// Returns how an object is called in messages.
    pub(super) fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.location)
    }

    fn key(&self, name: &str) -> Key {
        Key::from(format!("{}/{name}", self.prefix))
    }

    fn refused(&self, action: &'static str, name: &str) -> impl FnOnce(Error) -> SnapshotError {
        let object = self.shown(name);
        move |source| SnapshotError::Store {
            action,
            object,
            source,
        }
    }

    /// Lists the objects of a folder: their names and bytes.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn list(&self, folder: &str) -> Result<BTreeMap<String, u64>, SnapshotError> {
        let prefix = self.key(folder);
        let mut found = BTreeMap::new();
        let mut listed = self.objects.list(Some(&prefix));
        while let Some(object) = listed.next().await {
            let object = match object {
                Err(Error::NotFound { .. }) => continue,
                object => object.map_err(self.refused("list", folder))?,
            };
            if let Some(name) = object.location.filename() {
                found.insert(name.to_owned(), object.size);
            }
        }
        Ok(found)
    }

    /// Reads a small object; `None` when it is not there.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn read(&self, name: &str) -> Result<Option<Bytes>, SnapshotError> {
        let read = match self.objects.get(&self.key(name)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        read.map(Some).map_err(self.refused("read", name))
    }

    /// Reads a part of an object.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn read_part(
        &self,
        name: &str,
        part: Range<u64>,
    ) -> Result<Bytes, SnapshotError> {
        let read = self.objects.get_range(&self.key(name), part).await;
        read.map_err(self.refused("read", name))
    }

    /// Writes an object unless it is there; false when it is.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn create(&self, name: &str, content: Bytes) -> Result<bool, SnapshotError> {
        let key = self.key(name);
        let mode = PutMode::Create.into();
        match self.objects.put_opts(&key, content.into(), mode).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(self.refused("write", name)(error)),
        }
    }

    /// Writes an object, whatever is there.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn put(&self, name: &str, content: Bytes) -> Result<(), SnapshotError> {
        let written = self.objects.put(&self.key(name), content.into()).await;
        written.map(drop).map_err(self.refused("write", name))
    }

    /// Begins a large object of so many bytes; it is there once the upload is finished.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn upload(&self, name: &str, bytes: u64) -> Result<Upload, SnapshotError> {
        let begun = self.objects.put_multipart(&self.key(name)).await;
        let begun = begun.map_err(self.refused("write", name))?;
        let part = usize::try_from(PART.max(bytes.div_ceil(MAX_PARTS))).unwrap_or(usize::MAX);
        Ok(Upload {
            parts: WriteMultipart::new_with_chunk_size(begun, part),
            store: self.clone(),
            name: name.to_owned(),
        })
    }

    /// Removes objects; those that are not there are no error.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn remove(&self, names: &[String]) -> Result<(), SnapshotError> {
        let keys: Vec<_> = names.iter().map(|name| Ok(self.key(name))).collect();
        let keys: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(tokio_stream::iter(keys));
        let mut removed = self.objects.delete_stream(keys);
        while let Some(removed) = removed.next().await {
            match removed {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(self.refused("remove", "")(error)),
            }
        }
        Ok(())
    }

    /// Makes what was removed from a folder durable, where that is not so anyway.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) async fn sync(&self, folder: &str) -> Result<(), SnapshotError> {
        let Some(path) = self.folder.as_ref().map(|path| path.join(folder)) else {
            return Ok(());
        };
        blocking(move || Ok(sync_folder(&path)?)).await
    }

    /// Removes what writing to a folder leaves when it is cut off.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) async fn remove_unfinished(&self) -> Result<(), SnapshotError> {
        let Some(folder) = self.folder.clone() else {
            return Ok(());
        };
        let remove = move || {
            for path in unfinished(&folder) {
                std::fs::remove_file(&path).map_err(SnapshotError::folder("remove", &path))?;
            }
            Ok(())
        };
        blocking(remove).await
    }
}

fn unfinished(folder: &Path) -> Vec<PathBuf> {
    let folders = ["files", "snapshots", ""].map(|name| folder.join(name));
    let entries = folders
        .iter()
        .filter_map(|path| std::fs::read_dir(path).ok());
    let paths = entries.flatten().flatten().map(|entry| entry.path());
    paths.filter(|path| is_unfinished(path)).collect()
}

/// Tells whether a file has the name that [`LocalFileSystem`] gives a file on its way:
/// that of the object, `#` and a number.
fn is_unfinished(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let number = name.and_then(|name| name.split_once('#'));
    number.is_some_and(|(_, n)| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Runs work that blocks.
///
/// # Errors
/// Those of the work, or when it panicked.
pub(super) async fn blocking<R: Send + 'static>(
    work: impl FnOnce() -> Result<R, SnapshotError> + Send + 'static,
) -> Result<R, SnapshotError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| SnapshotError::Lost(PoolError::Lost))?
}

/// A large object on its way.
pub(super) struct Upload {
    parts: WriteMultipart,
    store: Store,
    name: String,
}

impl Upload {
    /// Parts under way at a time.
    const AT_ONCE: usize = 4;

    /// Appends, as soon as few enough parts are under way.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn write(&mut self, content: Bytes) -> Result<(), SnapshotError> {
        let ready = self.parts.wait_for_capacity(Self::AT_ONCE).await;
        ready.map_err(self.store.refused("write", &self.name))?;
        self.parts.put(content);
        Ok(())
    }

    /// Ends the object.
    ///
    /// # Errors
    /// When the store refuses.
    pub(super) async fn finish(self) -> Result<(), SnapshotError> {
        let finished = self.parts.finish().await;
        finished
            .map(drop)
            .map_err(self.store.refused("write", &self.name))
    }

    /// Drops what was written.
    pub(super) async fn abort(self) {
        if let Err(error) = self.parts.abort().await {
            tracing::warn!(%error, object = self.store.shown(&self.name), "a part stays");
        }
    }
}

/// Opens a bucket; region, endpoint and credentials come from the environment.
fn open_bucket(bucket: &str) -> Result<Arc<dyn ObjectStore>, Error> {
    // The client takes what the process has; another may have been chosen before.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = object_store::aws::AmazonS3Builder::from_env();
    Ok(Arc::new(builder.with_bucket_name(bucket).build()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_read() {
        let folder = |path: &str| Ok(Location::Folder(PathBuf::from(path)));
        assert_eq!(Location::read("backups/shard-0"), folder("backups/shard-0"));
        assert_eq!(Location::read("file:///srv/b"), folder("/srv/b"));
        for wrong in ["", "file://srv", "ftp://host/x", "s3://", "s3:///prefix"] {
            assert!(Location::read(wrong).is_err(), "{wrong}");
        }
        let (bucket, prefix) = ("bucket".to_owned(), "a/b".to_owned());
        let expected = Ok(Location::Bucket { bucket, prefix });
        assert_eq!(Location::read("s3://bucket/a/b"), expected);
    }

    #[test]
    fn only_files_on_their_way_are_unfinished() {
        assert!(is_unfinished(Path::new("files/ab#1")));
        for whole in ["files/ab", "files/ab#", "files/ab#x", "a#1/b"] {
            assert!(!is_unfinished(Path::new(whole)), "{whole}");
        }
    }
}
