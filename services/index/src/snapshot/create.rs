//! Takes a snapshot: copies the files of a moment, and names them last.
//!
//! Every file is hashed, then checked as a start would check it, then copied; what is
//! copied must have the hash. So a file that is damaged on the disk, or read wrongly,
//! never becomes part of a snapshot. Segments that the latest snapshot has are told by
//! their number and the checksums of their files, and are not read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use vivier_runtime::CpuPool;

use crate::log;
use crate::model::Spec;
use crate::segment::files::{FileError, as_u64};
use crate::segment::manifest::{Listed, Manifest};
use crate::segment::{Segment, folder};
use crate::snapshot::clean::{FILES, SNAPSHOTS};
use crate::snapshot::contents::{Contents, Entry, MAX_BYTES, SnapshotSummary};
use crate::snapshot::copy::{Copier, Origin};
use crate::snapshot::store::Store;
use crate::snapshot::{Moment, SnapshotError};

/// How far a snapshot is.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    done: AtomicU64,
    all: AtomicU64,
}

impl Progress {
    pub(super) fn add(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns the bytes that are at the location, and those of the whole snapshot.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        let all = self.all.load(Ordering::Relaxed);
        (self.done.load(Ordering::Relaxed), all)
    }
}

/// A snapshot that was taken.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) snapshot: SnapshotSummary,
    /// Bytes that were not at the location before.
    pub(crate) copied_bytes: u64,
    pub(crate) location: String,
}

/// Where from and where to.
pub(super) struct Job<'a> {
    pub(super) store: &'a Store,
    pub(super) data: &'a Path,
    pub(super) pool: &'a CpuPool,
    pub(super) progress: &'a Progress,
}

/// Segments that a snapshot has, by number and checksums of their files.
type Known = BTreeMap<(u64, Vec<u32>), Vec<Entry>>;

/// Copies the files of a moment, and then names them; `earlier` is the latest snapshot
/// of this index, if there is one.
///
/// # Errors
/// When a file is damaged or cannot be read, the name is taken, or the store refuses.
/// Then nothing has the name.
pub(super) async fn create(
    job: Job<'_>,
    mut contents: Contents,
    moment: Moment,
    earlier: Option<&Contents>,
) -> Result<Created, SnapshotError> {
    let Job { store, data, .. } = job;
    let known = match earlier {
        Some(earlier) => known(store, earlier).await?,
        None => Known::new(),
    };
    let mut copier = Copier::new(store, job.pool, job.progress).await?;
    let plan = plan(&copier, data, &moment).await?;
    let origins = plan.segments.iter().flat_map(|part| &part.origins);
    let all: u64 = origins.chain(&plan.logs).map(|origin| origin.bytes).sum();
    let all = all + as_u64(plan.manifest.len());
    job.progress.all.store(all, Ordering::Relaxed);

    for part in plan.segments {
        let same = known.get(&(part.listed.number, part.listed.sums.clone()));
        let same = same
            .filter(|entries| !entries.is_empty() && entries.iter().all(|entry| copier.has(entry)));
        match same {
            Some(entries) => {
                entries.iter().for_each(|entry| copier.skip(entry));
                contents.files.extend(entries.iter().cloned());
            }
            None => contents
                .files
                .extend(segment(&mut copier, data, part).await?),
        }
    }
    // The newest first: with a part of them only, a start misses operations and refuses.
    for origin in plan.logs.iter().rev() {
        contents.files.push(log_file(&mut copier, origin).await?);
    }
    contents
        .files
        .push(copier.content("MANIFEST", plan.manifest).await?);
    contents.sequence = moment.manifest.sequence;
    contents.points = as_u64(moment.points);
    name(store, &contents).await?;
    Ok(Created {
        snapshot: contents.summary(),
        copied_bytes: copier.copied(),
        location: store.location().to_owned(),
    })
}

/// Writes the list of a snapshot, which makes it one.
async fn name(store: &Store, contents: &Contents) -> Result<(), SnapshotError> {
    let object = format!("{SNAPSHOTS}/{}", contents.name);
    let unfit = |reason| SnapshotError::Damaged {
        object: store.shown(&object),
        reason,
    };
    let encoded = contents
        .encode()
        .map_err(|error| unfit(error.to_string()))?;
    if as_u64(encoded.len()) > MAX_BYTES {
        let reason = format!("it would have {} bytes, limit {MAX_BYTES}", encoded.len());
        return Err(unfit(reason));
    }
    let encoded = Bytes::from(encoded);
    if store.create(&object, encoded.clone()).await? {
        return Ok(());
    }
    // A store that is asked again after a lost answer finds what it wrote itself.
    if store.read(&object).await?.as_ref() == Some(&encoded) {
        return Ok(());
    }
    Err(SnapshotError::Exists {
        name: contents.name.clone(),
        location: store.location().to_owned(),
    })
}

/// Finds the files of each segment of a snapshot. A list that names no manifest, or
/// one that cannot be read, only costs that everything is read again.
async fn known(store: &Store, earlier: &Contents) -> Result<Known, SnapshotError> {
    let manifest = earlier.files.iter().find(|entry| entry.path == "MANIFEST");
    let Some(manifest) = manifest else {
        return Ok(Known::new());
    };
    let content = store.read(&format!("{FILES}/{}", manifest.sha256)).await?;
    let Ok(manifest) = Manifest::decode(&content.unwrap_or_default()) else {
        tracing::warn!(
            snapshot = earlier.name,
            "the manifest of the latest snapshot cannot be read; all files are read again"
        );
        return Ok(Known::new());
    };
    let listed = manifest.collections.into_values();
    let listed = listed.flat_map(|collection| collection.segments);
    let known = listed.map(|listed| {
        let place = place(&folder(Path::new(""), listed.number));
        let inside = format!("{}/", place.unwrap_or_default());
        let files = earlier.files.iter();
        let files = files.filter(|entry| entry.path.starts_with(&inside));
        ((listed.number, listed.sums), files.cloned().collect())
    });
    Ok(known.collect())
}

/// The files of a moment.
struct Plan {
    segments: Vec<Part>,
    logs: Vec<Origin>,
    manifest: Bytes,
}

/// A segment to copy.
struct Part {
    listed: Listed,
    spec: Arc<Spec>,
    origins: Vec<Origin>,
}

async fn plan(copier: &Copier<'_>, data: &Path, moment: &Moment) -> Result<Plan, SnapshotError> {
    let data = data.to_owned();
    let manifest = moment.manifest.clone();
    let logs = moment.logs.clone();
    let look = move |_: &AtomicBool| {
        let mut segments = Vec::new();
        let encoded = manifest.encode().into();
        for collection in manifest.collections.into_values() {
            let spec = Arc::new(collection.spec);
            for listed in collection.segments {
                let mut origins = Vec::new();
                find(&data, &folder(&data, listed.number), &mut origins)?;
                let spec = Arc::clone(&spec);
                segments.push(Part {
                    listed,
                    spec,
                    origins,
                });
            }
        }
        let logs = logs.into_iter().map(|path| origin(&data, path));
        let logs = logs.collect::<Result<_, _>>()?;
        Ok(Plan {
            segments,
            logs,
            manifest: encoded,
        })
    };
    copier.run(look).await
}

/// Finds the files of a folder, in the order of their names; locks are none.
fn find(data: &Path, folder: &Path, found: &mut Vec<Origin>) -> Result<(), FileError> {
    let entries = std::fs::read_dir(folder).map_err(FileError::io("list", folder))?;
    let paths = entries.map(|entry| Ok(entry.map_err(FileError::io("list", folder))?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, FileError>>()?;
    paths.sort_unstable();
    for path in paths {
        let is_other = path
            .extension()
            .is_some_and(|end| end == "lock" || end == "tmp");
        if path.is_dir() {
            find(data, &path, found)?;
        } else if !is_other {
            found.push(origin(data, path)?);
        }
    }
    Ok(())
}

fn origin(data: &Path, path: PathBuf) -> Result<Origin, FileError> {
    let bytes = std::fs::metadata(&path).map_err(FileError::io("read", &path))?;
    let below = path.strip_prefix(data).ok().and_then(place);
    let place = below.ok_or_else(|| FileError::damaged(&path, "its name is not ours"))?;
    Ok(Origin {
        place,
        bytes: bytes.len(),
        path,
    })
}

/// Writes a relative path with `/`.
fn place(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    Some(parts?.join("/"))
}

/// Hashes, checks and copies a segment.
async fn segment(
    copier: &mut Copier<'_>,
    data: &Path,
    part: Part,
) -> Result<Vec<Entry>, SnapshotError> {
    let Part {
        listed,
        spec,
        origins,
    } = part;
    let mut entries = Vec::new();
    for origin in &origins {
        entries.push(copier.hash(origin).await?);
    }
    let data = data.to_owned();
    let check = move |stop: &AtomicBool| {
        let segment = Segment::open_listed(&data, &listed, &spec)?;
        Ok(segment.records.verify(|| stop.load(Ordering::Acquire))?)
    };
    copier.run(check).await?;
    for (origin, entry) in origins.iter().zip(&entries) {
        copier.file(&origin.path, entry).await?;
    }
    Ok(entries)
}

/// Hashes, checks and copies a closed file of the log.
async fn log_file(copier: &mut Copier<'_>, origin: &Origin) -> Result<Entry, SnapshotError> {
    let entry = copier.hash(origin).await?;
    if !copier.has(&entry) {
        let path = origin.path.clone();
        let check = move |_: &AtomicBool| {
            let content = std::fs::read(&path).map_err(FileError::io("read", &path))?;
            Ok(log::check_whole(&path, &content)?)
        };
        copier.run(check).await?;
    }
    copier.file(&origin.path, &entry).await?;
    Ok(entry)
}
