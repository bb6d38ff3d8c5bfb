//! Removes what no snapshot needs: files of deleted snapshots, and of snapshots that
//! were cut off before they were whole.

use std::collections::BTreeMap;

use crate::snapshot::SnapshotError;
use crate::snapshot::contents::{Contents, MAX_BYTES};
use crate::snapshot::store::Store;

/// The folder of the lists, by name of the snapshot.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// The folder of the files, by hash.
pub(super) const FILES: &str = "files";

/// Reads the list of a snapshot.
///
/// # Errors
/// When there is none, it is damaged, or the store refuses.
pub(super) async fn read(store: &Store, name: &str) -> Result<Contents, SnapshotError> {
    let object = format!("{SNAPSHOTS}/{name}");
    let content = store.read(&object).await?;
    let content = content.ok_or_else(|| SnapshotError::NotFound {
        name: name.to_owned(),
        location: store.location().to_owned(),
    })?;
    let damaged = |reason| SnapshotError::Damaged {
        object: store.shown(&object),
        reason,
    };
    let contents = Contents::decode(&content).map_err(damaged)?;
    if contents.name != name {
        return Err(damaged(format!("it is the list of {:?}", contents.name)));
    }
    Ok(contents)
}

/// Reads the lists of all snapshots, the oldest first.
///
/// # Errors
/// When one is damaged, or the store refuses.
pub(super) async fn read_all(store: &Store) -> Result<Vec<Contents>, SnapshotError> {
    let mut all = Vec::new();
    for (name, bytes) in store.list(SNAPSHOTS).await? {
        if bytes > MAX_BYTES {
            return Err(SnapshotError::Damaged {
                object: store.shown(&format!("{SNAPSHOTS}/{name}")),
                reason: format!("it has {bytes} bytes, limit {MAX_BYTES}"),
            });
        }
        all.push(read(store, &name).await?);
    }
    all.sort_by_key(|contents| (contents.taken_at, contents.sequence));
    Ok(all)
}

/// Removes the files that no snapshot names; returns their bytes.
///
/// Nothing else may take or delete a snapshot meanwhile.
///
/// # Errors
/// When a list is damaged, so that what it names is not known, or the store refuses.
pub(super) async fn sweep(store: &Store) -> Result<u64, SnapshotError> {
    let mut needless: BTreeMap<String, u64> = store.list(FILES).await?;
    for contents in read_all(store).await? {
        for entry in contents.files {
            needless.remove(&entry.sha256);
        }
    }
    let bytes = needless.values().sum();
    let names = needless.into_keys().map(|name| format!("{FILES}/{name}"));
    store.remove(&names.collect::<Vec<_>>()).await?;
    store.remove_unfinished().await?;
    Ok(bytes)
}
