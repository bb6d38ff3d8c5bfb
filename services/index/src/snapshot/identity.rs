//! Which index this is, so that no two mix their snapshots at one location: each
//! would remove files of the other.
//!
//! The identity is drawn when the first snapshot is taken, and kept in the data folder
//! and at the location. A restored index has that of the index it was restored from.

use std::path::Path;

use bytes::Bytes;

use crate::segment::files::{NewFile, sync_folder};
use crate::snapshot::SnapshotError;
use crate::snapshot::store::Store;

/// The file in the data folder, and the object at the location.
pub(super) const NAME: &str = "IDENTITY";

/// Reads the identity of the index in a data folder; draws it at the first time.
/// Blocks.
///
/// # Errors
/// When the file is damaged or the disk refuses.
pub(super) fn of_folder(data: &Path) -> Result<String, SnapshotError> {
    let path = data.join(NAME);
    match std::fs::read(&path) {
        Ok(content) => decode(&content).ok_or_else(|| damaged(path.display().to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let identity = uuid::Uuid::new_v4().simple().to_string();
            write(data, &identity)?;
            Ok(identity)
        }
        Err(error) => Err(SnapshotError::folder("read", &path)(error)),
    }
}

/// Writes the identity into a data folder. Blocks.
///
/// # Errors
/// When the disk refuses.
pub(super) fn write(data: &Path, identity: &str) -> Result<(), SnapshotError> {
    let mut file = NewFile::create(&data.join(NAME))?;
    file.write(&encode(identity))?;
    file.finish()?;
    Ok(sync_folder(data)?)
}

/// Checks that a location is this index's; a new one becomes it.
///
/// # Errors
/// When it is another's, or the store refuses.
pub(super) async fn check(store: &Store, identity: &str) -> Result<(), SnapshotError> {
    let content = Bytes::from(encode(identity));
    let found = match store.read(NAME).await? {
        Some(found) => found,
        None if store.create(NAME, content).await? => return Ok(()),
        // Another has come first.
        None => store.read(NAME).await?.unwrap_or_default(),
    };
    let found = decode(&found).ok_or_else(|| damaged(store.shown(NAME)))?;
    if found != identity {
        let location = store.location().to_owned();
        return Err(SnapshotError::Foreign { location });
    }
    Ok(())
}

fn damaged(object: String) -> SnapshotError {
    let reason = "its checksum is wrong".to_owned();
    SnapshotError::Damaged { object, reason }
}

fn encode(identity: &str) -> Vec<u8> {
    let sum = crc32fast::hash(identity.as_bytes());
    format!("{identity} {sum:08x}\n").into_bytes()
}

fn decode(content: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(content).ok()?;
    let (identity, _) = text.split_once(' ')?;
    (encode(identity) == content).then(|| identity.to_owned())
}
