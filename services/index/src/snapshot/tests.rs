//! Snapshots in a store other than a folder, and files of several parts.

use std::path::Path;
use std::sync::{Arc, Weak};

use object_store::memory::InMemory;
use tokio::sync::mpsc;
use vivier_runtime::CpuPool;

use crate::collection::{Collection, Publish};
use crate::log::Log;
use crate::model::{FacetKind, FacetSpec, Operation, Record, Spec, Words};
use crate::segment::manifest::Manifest;
use crate::snapshot::clean::{self, FILES, SNAPSHOTS, sweep};
use crate::snapshot::contents::Contents;
use crate::snapshot::create::{Created, Job, Progress, create};
use crate::snapshot::moment::{Held, Moment};
use crate::snapshot::restore::{choose, restore};
use crate::snapshot::store::Store;
use crate::snapshot::{SnapshotError, identity};
use crate::testing::seal;
use crate::writer::Command;

fn spec() -> Spec {
    let facet = |kind| FacetSpec {
        kind,
        default_weight: 1.0,
    };
    let dense = FacetKind::Dense(2);
    let facets = [
        ("text".to_owned(), facet(dense)),
        ("words".to_owned(), facet(FacetKind::Words)),
    ];
    Spec {
        name: "c".to_owned(),
        facets: facets.into(),
        model_fingerprint: "f".to_owned(),
    }
}

fn upsert(number: u8, document: usize) -> Operation {
    let words = Words {
        text: format!("word{number} rust"),
        lang: "en".to_owned(),
    };
    let record = Record {
        id: format!("p{number}"),
        vectors: [("text".to_owned(), vec![f32::from(number), 1.0])].into(),
        words: [("words".to_owned(), words)].into(),
        document: vec![number; document],
        ..Record::default()
    };
    Operation::Upsert {
        collection: "c".to_owned(),
        records: vec![record],
    }
}

/// An index of two segments, and a log of more than one part.
struct Folder {
    data: tempfile::TempDir,
    manifest: Manifest,
    logs: Vec<std::path::PathBuf>,
}

impl Folder {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let collection = Collection::new(spec(), 0).unwrap();
        for number in 1..3 {
            let operations = [upsert(number, 10), upsert(number + 10, 10)];
            let operations: Vec<_> = operations.iter().collect();
            collection.apply(&operations, Publish::Now).unwrap();
            seal(&collection, data.path(), number.into());
        }
        let nothing = |_, _| Ok::<(), crate::log::LogError>(());
        let mut log = Log::open(data.path(), 2, 0, nothing).unwrap();
        for number in 0..20 {
            log.append(&[&upsert(number, 1 << 20)]).unwrap();
        }
        let last = log.rotate().unwrap();
        let manifest = Manifest {
            next_segment: 3,
            sequence: last,
            collections: [("c".to_owned(), collection.listed(2))].into(),
            aliases: [].into(),
        };
        let logs = crate::log::files_of(data.path(), 2, last).unwrap();
        assert_eq!(logs.len(), 1);
        Self {
            data,
            manifest,
            logs,
        }
    }

    fn moment(&self) -> Moment {
        let (_, rx) = mpsc::channel::<Command>(1);
        drop(rx);
        let (tx, _) = mpsc::channel::<Command>(1);
        let held = Held {
            segments: [1, 2].into(),
            log_after: 2,
            wake: tx.downgrade(),
        };
        Moment {
            manifest: self.manifest.clone(),
            logs: self.logs.clone(),
            points: 4,
            _held: Arc::new(held),
        }
    }

    async fn take(&self, store: &Store, name: &str) -> Result<Created, SnapshotError> {
        let pool = CpuPool::new("test", 1).unwrap();
        let progress = Progress::default();
        let job = Job {
            store,
            data: self.data.path(),
            pool: &pool,
            progress: &progress,
        };
        let known = clean::read_all(store).await?;
        let created = create(job, Contents::new(name, "i"), self.moment(), known.last()).await?;
        let (done, all) = progress.bytes();
        assert_eq!(done, all);
        assert_eq!(all, created.snapshot.bytes);
        Ok(created)
    }
}

/// Compares the files of an index with those restored.
fn assert_same(data: &Path, restored: &Path) {
    for entry in std::fs::read_dir(restored).unwrap() {
        let path = entry.unwrap().path();
        let other = data.join(path.file_name().unwrap());
        if path.is_dir() {
            assert_same(&other, &path);
        } else if !path.ends_with("MANIFEST") && !path.ends_with(identity::NAME) {
            assert_eq!(
                std::fs::read(&path).unwrap(),
                std::fs::read(&other).unwrap()
            );
        }
    }
}

#[tokio::test]
async fn a_snapshot_in_a_store_of_objects_comes_back() {
    let folder = Folder::new();
    let store = Store::over(Arc::new(InMemory::new()), "a/prefix");
    let first = folder.take(&store, "first").await.unwrap();
    assert!(first.copied_bytes > 20 << 20, "{first:?}");
    let again = folder.take(&store, "again").await.unwrap();
    assert_eq!(again.copied_bytes, 0);
    let mut other = Folder::new();
    other.manifest.next_segment += 1;
    let taken = other.take(&store, "first").await.unwrap_err();
    assert!(matches!(taken, SnapshotError::Exists { .. }), "{taken}");
    assert!(
        sweep(&store).await.unwrap() > 0,
        "its manifest was left over"
    );

    let target = tempfile::tempdir().unwrap();
    let contents = choose(&store, Some("first")).await.unwrap();
    let mut last = (0, 0);
    let progress = |done, all| last = (done, all);
    restore(&store, &contents, target.path(), progress)
        .await
        .unwrap();
    assert_eq!(last, (first.snapshot.bytes, first.snapshot.bytes));
    assert_eq!(Manifest::read(target.path()).unwrap(), folder.manifest);
    assert_same(folder.data.path(), target.path());

    // Only what no other snapshot names goes.
    store.remove(&[format!("{SNAPSHOTS}/first")]).await.unwrap();
    assert_eq!(sweep(&store).await.unwrap(), 0);
    store.remove(&[format!("{SNAPSHOTS}/again")]).await.unwrap();
    let freed = sweep(&store).await.unwrap();
    assert_eq!(freed, first.copied_bytes);
    assert!(store.list(FILES).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_segment_of_the_same_number_and_other_files_is_no_known_one() {
    let store = Store::over(Arc::new(InMemory::new()), "");
    let one = Folder::new();
    one.take(&store, "one").await.unwrap();
    let mut other = Folder::new();
    // As a restored index that has gone another way: number 2 is what was 1.
    let segments = other.data.path().join("segments");
    std::fs::rename(segments.join("0000000001"), segments.join("swap")).unwrap();
    std::fs::rename(segments.join("0000000002"), segments.join("0000000001")).unwrap();
    std::fs::rename(segments.join("swap"), segments.join("0000000002")).unwrap();
    let collection = other.manifest.collections.get_mut("c").unwrap();
    let (first, second) = collection.segments.split_at_mut(1);
    std::mem::swap(&mut first[0].sums, &mut second[0].sums);
    other.take(&store, "other").await.unwrap();
    let target = tempfile::tempdir().unwrap();
    let contents = choose(&store, Some("other")).await.unwrap();
    restore(&store, &contents, target.path(), |_, _| {})
        .await
        .unwrap();
    assert_same(other.data.path(), target.path());
}

#[tokio::test]
async fn an_unfinished_snapshot_is_taken_up_again() {
    let folder = Folder::new();
    let store = Store::over(Arc::new(InMemory::new()), "");
    let whole = folder.take(&store, "whole").await.unwrap();
    // All files are there, but the list is not: as after a stop.
    store.remove(&[format!("{SNAPSHOTS}/whole")]).await.unwrap();
    let again = folder.take(&store, "whole").await.unwrap();
    assert_eq!(again.copied_bytes, 0);
    // An object cut short is copied again.
    let contents = choose(&store, None).await.unwrap();
    let object = format!("{FILES}/{}", contents.files[0].sha256);
    store.put(&object, "short".into()).await.unwrap();
    let third = folder.take(&store, "third").await.unwrap();
    assert_eq!(third.copied_bytes, contents.files[0].bytes);
    assert_eq!(whole.snapshot.bytes, third.snapshot.bytes);
}

#[tokio::test]
async fn a_location_is_one_index_s() {
    let store = Store::over(Arc::new(InMemory::new()), "");
    let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mine = identity::of_folder(mine.path()).unwrap();
    identity::check(&store, &mine).await.unwrap();
    identity::check(&store, &mine).await.unwrap();
    let other = identity::of_folder(other.path()).unwrap();
    let foreign = identity::check(&store, &other).await.unwrap_err();
    assert!(
        matches!(foreign, SnapshotError::Foreign { .. }),
        "{foreign}"
    );
}

#[test]
fn an_identity_stays_and_a_damaged_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let identity = identity::of_folder(folder.path()).unwrap();
    assert_eq!(identity::of_folder(folder.path()).unwrap(), identity);
    let path = folder.path().join(identity::NAME);
    std::fs::write(path, "00112233 00000000\n").unwrap();
    let error = identity::of_folder(folder.path()).unwrap_err().to_string();
    assert!(error.contains("IDENTITY is damaged"), "{error}");
}

#[test]
fn a_moment_that_ends_wakes_the_writer() {
    let (tx, mut rx) = mpsc::channel(1);
    let held = Arc::new(Held {
        segments: [].into(),
        log_after: 0,
        wake: tx.downgrade(),
    });
    let seen: Weak<Held> = Arc::downgrade(&held);
    drop(held);
    assert_eq!(seen.strong_count(), 0);
    assert!(matches!(rx.try_recv(), Ok(Command::Wake)));
}
