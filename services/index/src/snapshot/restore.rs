//! Restores a snapshot into an empty folder, or only reads all of it.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::engine::lock_folder;
use crate::segment::files::{NewFile, as_u64, sync_folder};
use crate::snapshot::clean::{FILES, read, read_all};
use crate::snapshot::contents::{Contents, Entry, SnapshotSummary, hex};
use crate::snapshot::store::{PART, Store, blocking};
use crate::snapshot::{SnapshotError, identity};

/// A snapshot at a location.
#[derive(Clone, Debug)]
pub struct SnapshotSource {
    /// A folder, `file:///FOLDER` or `s3://BUCKET/PREFIX`.
    pub location: String,
    /// Its name; the latest when `None`.
    pub name: Option<String>,
}

/// Restores a snapshot into a folder that is empty or not there: what the index then
/// needs to start. Every byte is compared with what was written. `progress` is told the
/// bytes done, and all of them.
///
/// When it fails, the folder is empty again; when the process is killed, an index does
/// not start in it.
///
/// # Errors
/// When there is no such snapshot, the folder holds something, a file is damaged or
/// missing, which is named, or store or disk refuse.
pub async fn restore_snapshot(
    source: &SnapshotSource,
    data_dir: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<SnapshotSummary, SnapshotError> {
    let store = Store::open(&source.location, false)?;
    let contents = choose(&store, source.name.as_deref()).await?;
    let target = data_dir.to_owned();
    let made = !target
        .try_exists()
        .map_err(SnapshotError::folder("find", data_dir))?;
    let lock = blocking(move || claim(&target)).await?;
    let restored = restore(&store, &contents, data_dir, progress).await;
    drop(lock);
    if restored.is_err() {
        let folder = data_dir.to_owned();
        blocking(move || empty(&folder, made)).await?;
    }
    restored.map(|()| contents.summary())
}

/// Reads a whole snapshot, and compares every byte with what was written. `progress`
/// is told the bytes done, and all of them.
///
/// # Errors
/// When there is no such snapshot, a file is damaged or missing, which is named, or the
/// store refuses.
pub async fn verify_snapshot(
    source: &SnapshotSource,
    progress: impl FnMut(u64, u64),
) -> Result<SnapshotSummary, SnapshotError> {
    let store = Store::open(&source.location, false)?;
    let contents = choose(&store, source.name.as_deref()).await?;
    let mut fetch = Fetch::new(&store, &contents, progress);
    fetch.check_sizes(&contents).await?;
    for entry in &contents.files {
        fetch.file(entry, None).await?;
    }
    Ok(contents.summary())
}

/// Reads the list of the snapshot asked for.
pub(super) async fn choose(store: &Store, name: Option<&str>) -> Result<Contents, SnapshotError> {
    if let Some(name) = name {
        return read(store, name).await;
    }
    let latest = read_all(store).await?.pop();
    latest.ok_or_else(|| SnapshotError::NoSnapshot {
        location: store.location().to_owned(),
    })
}

/// Fetches all files, the manifest last.
pub(super) async fn restore(
    store: &Store,
    contents: &Contents,
    data_dir: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<(), SnapshotError> {
    let mut fetch = Fetch::new(store, contents, progress);
    fetch.check_sizes(contents).await?;
    let (data, index) = (data_dir.to_owned(), contents.index.clone());
    let (manifest, files): (Vec<_>, Vec<_>) = contents
        .files
        .iter()
        .partition(|entry| entry.path == "MANIFEST");
    for entry in files {
        fetch.file(entry, Some(&data)).await?;
    }
    let folders = folders(&data, contents);
    let root = data.clone();
    let written = move || {
        identity::write(&root, &index)?;
        let synced = folders.iter().try_for_each(|folder| sync_folder(folder));
        Ok(synced?)
    };
    blocking(written).await?;
    for entry in manifest {
        fetch.file(entry, Some(&data)).await?;
    }
    blocking(move || Ok(sync_folder(&data)?)).await
}

/// Returns the folders that hold the files, and those above, the deepest first.
fn folders(data: &Path, contents: &Contents) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in &contents.files {
        let path = data.join(&entry.path);
        let above = path.ancestors().skip(1);
        folders.extend(
            above
                .take_while(|folder| folder.starts_with(data))
                .map(Path::to_owned),
        );
    }
    folders.sort_unstable();
    folders.dedup();
    folders.reverse();
    folders
}

/// Takes an empty folder, which is made when it is not there.
fn claim(folder: &Path) -> Result<std::fs::File, SnapshotError> {
    std::fs::create_dir_all(folder).map_err(SnapshotError::folder("create", folder))?;
    let mut entries = std::fs::read_dir(folder).map_err(SnapshotError::folder("list", folder))?;
    if entries.next().is_some() {
        let path = folder.to_owned();
        return Err(SnapshotError::NotEmpty { path });
    }
    lock_folder(folder).map_err(|error| SnapshotError::Index(Box::new(error)))
}

/// Removes what a restore that failed has written.
fn empty(folder: &Path, made: bool) -> Result<(), SnapshotError> {
    let entries = std::fs::read_dir(folder).map_err(SnapshotError::folder("list", folder))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let removed = if path.is_dir() {
            std::fs::remove_dir_all(&path)
        } else {
            std::fs::remove_file(&path)
        };
        removed.map_err(SnapshotError::folder("remove", &path))?;
    }
    if made {
        std::fs::remove_dir(folder).map_err(SnapshotError::folder("remove", folder))?;
    }
    Ok(())
}

/// Reads files of a snapshot, and checks them.
struct Fetch<'a, P> {
    store: &'a Store,
    progress: P,
    done: u64,
    all: u64,
}

/// Where the bytes of a file go.
struct Sink {
    file: Option<NewFile>,
    hasher: Sha256,
}

impl Sink {
    fn begin(target: Option<&Path>) -> Result<Self, SnapshotError> {
        let mut file = None;
        if let Some(path) = target {
            if let Some(folder) = path.parent() {
                let made = std::fs::create_dir_all(folder);
                made.map_err(SnapshotError::folder("create", folder))?;
            }
            file = Some(NewFile::create(path)?);
        }
        let hasher = Sha256::new();
        Ok(Self { file, hasher })
    }

    fn write(mut self, part: &[u8]) -> Result<Self, SnapshotError> {
        self.hasher.update(part);
        if let Some(file) = &mut self.file {
            file.write(part)?;
        }
        Ok(self)
    }
}

impl<'a, P: FnMut(u64, u64)> Fetch<'a, P> {
    fn new(store: &'a Store, contents: &Contents, progress: P) -> Self {
        let all = contents.bytes();
        Self {
            store,
            progress,
            done: 0,
            all,
        }
    }

    /// Checks that every file is there, with as many bytes as were written.
    async fn check_sizes(&self, contents: &Contents) -> Result<(), SnapshotError> {
        let stored = self.store.list(FILES).await?;
        for entry in &contents.files {
            match stored.get(&entry.sha256) {
                Some(bytes) if *bytes == entry.bytes => {}
                Some(bytes) => {
                    let reason = format!("it has {bytes} bytes, not {}", entry.bytes);
                    return Err(self.damaged(entry, &reason));
                }
                None => return Err(self.damaged(entry, "it is missing")),
            }
        }
        Ok(())
    }

    /// Reads a file, and writes it below a folder if there is one; it has its name
    /// there only if it is what was written.
    async fn file(&mut self, entry: &Entry, data: Option<&Path>) -> Result<(), SnapshotError> {
        let object = format!("{FILES}/{}", entry.sha256);
        let target = data.map(|data| data.join(&entry.path));
        let mut sink = blocking(move || Sink::begin(target.as_deref())).await?;
        let mut at = 0;
        while at < entry.bytes {
            let end = entry.bytes.min(at + PART);
            let part: Bytes = self.store.read_part(&object, at..end).await?;
            if as_u64(part.len()) != end - at {
                return Err(self.damaged(entry, "it is cut short"));
            }
            sink = blocking(move || sink.write(&part)).await?;
            self.done += end - at;
            at = end;
            (self.progress)(self.done, self.all);
        }
        let Sink { file, hasher } = sink;
        if hex(hasher) != entry.sha256 {
            return Err(self.damaged(entry, "its checksum is wrong"));
        }
        let finish = move || Ok(file.map_or(Ok(()), NewFile::finish)?);
        blocking(finish).await
    }

    fn damaged(&self, entry: &Entry, reason: &str) -> SnapshotError {
        let object = self.store.shown(&format!("{FILES}/{}", entry.sha256));
        SnapshotError::Damaged {
            object: format!("{object} ({})", entry.path),
            reason: reason.to_owned(),
        }
    }
}
