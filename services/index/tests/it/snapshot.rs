//! Snapshots: taken while the index is written and merged, restored elsewhere, with
//! the answers of their moment.

mod bucket;
mod s3;

use std::collections::BTreeMap;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tonic::{Code, Status};
use vivier_index::{
    Config, SnapshotError, SnapshotSource, SnapshotSummary, restore_snapshot, verify_snapshot,
};
use vivier_proto::v1;
use vivier_proto::v1::create_snapshot_response::Step;

use crate::support::*;
use crate::{crash, erase};

/// A data folder and the location of its snapshots.
struct Place {
    base: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let base = tempfile::tempdir().unwrap();
        Self { base }
    }

    fn data(&self) -> PathBuf {
        self.base.path().join("data")
    }

    fn location(&self) -> PathBuf {
        self.base.path().join("snapshots")
    }

    fn restored(&self, name: &str) -> PathBuf {
        self.base.path().join(format!("restored-{name}"))
    }

    fn config(&self) -> Config {
        let mut config = small(&self.data());
        config.snapshots.location = self.location().display().to_string();
        config
    }

    fn source(&self, name: Option<&str>) -> SnapshotSource {
        SnapshotSource {
            location: format!("file://{}", self.location().display()),
            name: name.map(str::to_owned),
        }
    }

    async fn restore(&self, name: &str) -> Result<SnapshotSummary, SnapshotError> {
        let source = self.source(Some(name));
        restore_snapshot(&source, &self.restored(name), |_, _| {}).await
    }

    async fn verify(&self, name: &str) -> Result<SnapshotSummary, SnapshotError> {
        verify_snapshot(&self.source(Some(name)), |_, _| {}).await
    }
}

fn small(folder: &Path) -> Config {
    let mut small = config(folder);
    small.segments.seal_points = 40;
    small.segments.merge_factor = 3;
    small.segments.max_dead_share = 0.95;
    small.graph.scan_points = 20;
    small
}

async fn take(client: &mut Client, name: &str) -> Result<v1::CreatedSnapshot, Status> {
    let name = name.to_owned();
    let request = v1::CreateSnapshotRequest { name };
    let mut steps = client.create_snapshot(request).await?.into_inner();
    loop {
        match steps.message().await?.unwrap().step.unwrap() {
            Step::Progress(progress) => assert!(progress.done_bytes <= progress.all_bytes),
            Step::Created(created) => return Ok(created),
        }
    }
}

async fn list(client: &mut Client) -> Vec<String> {
    let listed = client.list_snapshots(v1::ListSnapshotsRequest {}).await;
    let snapshots = listed.unwrap().into_inner().snapshots;
    snapshots
        .into_iter()
        .map(|snapshot| snapshot.name)
        .collect()
}

async fn remove(client: &mut Client, name: &str) -> Result<u64, Status> {
    let name = name.to_owned();
    let request = v1::DeleteSnapshotRequest { name };
    Ok(client
        .delete_snapshot(request)
        .await?
        .into_inner()
        .freed_bytes)
}

fn points(numbers: std::ops::Range<u16>, said: &str) -> v1::UpsertRequest {
    let points = numbers.map(|n| {
        let mut point = point(&format!("p{n:04}"), [f32::from(n), 1.0], said);
        point.revision = said.to_owned().into_bytes().into();
        point
    });
    upsert_request(points.collect())
}

/// What a client sees.
#[derive(Debug, PartialEq)]
struct Answers {
    points: Vec<v1::Point>,
    exact: Vec<v1::SearchHit>,
    graph: Vec<v1::SearchHit>,
    words: Vec<v1::SearchHit>,
}

async fn answers(client: &mut Client) -> Answers {
    let mut exact = search_request(1_000);
    exact.exact = true;
    let mut spoken = search_request(1_000);
    spoken.facets.remove("text");
    let query = v1::facet_query::Query::Words(words("golang rust", "en"));
    let facet = v1::FacetQuery {
        query: Some(query),
        weight: Some(1.0),
        ..v1::FacetQuery::default()
    };
    spoken.facets.insert("words".to_owned(), facet);
    Answers {
        points: scroll(client, 1_000).await,
        exact: search(client, exact).await.unwrap().hits,
        graph: search(client, search_request(100)).await.unwrap().hits,
        words: search(client, spoken).await.unwrap().hits,
    }
}

/// Points merged, sealed, replaced, deleted in a segment and in memory.
async fn fill(client: &mut Client) {
    create(client, people()).await.unwrap();
    for start in (0..160).step_by(20) {
        let said = if start % 40 == 0 {
            "rust search"
        } else {
            "golang"
        };
        let written = upsert(client, vec![points(start..start + 20, said)]).await;
        written.unwrap();
    }
    upsert(client, vec![points(10..15, "replaced")])
        .await
        .unwrap();
    delete(client, &["p0020", "p0121"]).await.unwrap();
    upsert(client, vec![points(200..210, "rust in memory")])
        .await
        .unwrap();
    delete(client, &["p0204"]).await.unwrap();
}

/// Waits until what [`fill`] wrote is in the segments that it stays in, and nothing else
/// is on disk.
async fn settled(client: &mut Client, data: &Path) {
    for _ in 0..2_000 {
        let counts = stats(client).await.collections.remove(0);
        let is_log = |(path, _): &(PathBuf, u64)| name_of(path).starts_with("log-");
        let logs = files(data).into_iter().filter(is_log).count();
        let folders = std::fs::read_dir(data.join("segments")).map_or(0, Iterator::count);
        let is_clean = u64::try_from(folders).unwrap() == counts.segments && logs == 1;
        if counts.sealed_points == 153 && counts.segments < 3 && is_clean {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", stats(client).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_index_answers_as_the_one_that_was_copied() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    fill(&mut served.client).await;
    // So that all is in the same parts here and there.
    settled(&mut served.client, &place.data()).await;
    let truth = answers(&mut served.client).await;
    assert_eq!(truth.points.len(), 167);
    let created = take(&mut served.client, "first").await.unwrap();
    let snapshot = created.snapshot.unwrap();
    assert_eq!(snapshot.points, 167);
    assert!(created.copied_bytes > 0 && created.copied_bytes <= snapshot.bytes);
    assert_eq!(list(&mut served.client).await, ["first"]);

    // What comes later, and the end of the original, change nothing.
    upsert(&mut served.client, vec![points(0..100, "later")])
        .await
        .unwrap();
    let sequence = snapshot.sequence;
    served.stop().await;
    std::fs::remove_dir_all(place.data()).unwrap();
    assert_eq!(place.verify("first").await.unwrap().points, 167);
    let restored = place.restore("first").await.unwrap();
    assert_eq!((restored.points, restored.sequence), (167, sequence));

    let mut config = place.config();
    config.data_dir = place.restored("first");
    let mut served = Served::start(config.clone()).await;
    let client = &mut served.client;
    assert_eq!(stats(client).await.sequence, sequence);
    assert_eq!(answers(client).await, truth);
    // It goes on as the index that it was: writes, restarts, snapshots.
    upsert(client, vec![points(300..350, "rust")])
        .await
        .unwrap();
    delete(client, &["p0205"]).await.unwrap();
    let truth = answers(client).await.points;
    take(client, "second").await.unwrap();
    served.stop().await;
    let mut served = Served::start(config).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, truth);
    assert_eq!(list(&mut served.client).await, ["first", "second"]);
    served.stop().await;
}

/// The revision of each point after each operation, the first being the creation.
type History = Vec<BTreeMap<String, String>>;

/// Writes, replaces and deletes, one operation after the other.
async fn write_on(client: &mut Client, rounds: u16, history: &mut History) {
    for round in 0..rounds {
        let mut state = history.last().unwrap().clone();
        if round % 4 == 3 {
            let ids: Vec<String> = (0..10)
                .map(|n| format!("p{:04}", (round * 7 + n) % 200))
                .collect();
            ids.iter().for_each(|id| drop(state.remove(id)));
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            delete(client, &ids).await.unwrap();
        } else {
            let start = round * 13 % 190;
            let said = format!("rust round{}", history.len());
            upsert(client, vec![points(start..start + 10, &said)])
                .await
                .unwrap();
            state.extend((start..start + 10).map(|n| (format!("p{n:04}"), said.clone())));
        }
        history.push(state);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_among_writes_and_merges_is_exactly_one_moment() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    create(&mut served.client, people()).await.unwrap();
    let mut history: History = vec![BTreeMap::new(), BTreeMap::new()];
    write_on(&mut served.client, 30, &mut history).await;
    let mut taken = Vec::new();
    for number in 0..4 {
        let acknowledged = history.len() - 1;
        let mut client = served.client.clone();
        let name = format!("at-{number}");
        let asked = name.clone();
        let taking = tokio::spawn(async move { take(&mut client, &asked).await.unwrap() });
        write_on(&mut served.client, 60, &mut history).await;
        let sequence = taking.await.unwrap().snapshot.unwrap().sequence;
        assert!(sequence >= u64::try_from(acknowledged).unwrap());
        taken.push((name, sequence));
    }
    assert!(stats(&mut served.client).await.collections[0].segments > 0);
    served.stop().await;
    for (name, sequence) in taken {
        place.restore(&name).await.unwrap();
        let mut served = Served::start(small(&place.restored(&name))).await;
        let found = scroll(&mut served.client, 1_000).await;
        let found = found.into_iter().map(|point| {
            let revision = String::from_utf8(point.revision.to_vec());
            (point.id, revision.unwrap())
        });
        let found: BTreeMap<String, String> = found.collect();
        assert_eq!(found, history[usize::try_from(sequence).unwrap()], "{name}");
        let mut exact = search_request(1_000);
        exact.exact = true;
        let searched = search(&mut served.client, exact).await.unwrap();
        assert_eq!(searched.hits.len(), found.len(), "{name}");
        served.stop().await;
    }
}

/// Returns the files of a folder and of those below, with their bytes.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut files = Vec::new();
    // An index removes files meanwhile.
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if let Ok(metadata) = path.metadata() {
            files.push((path, metadata.len()));
        }
    }
    files.sort_unstable();
    files
}

/// Flips a bit of a file in place: it may be mapped.
fn flip(path: &Path, at: u64) {
    let mut file = std::fs::File::options();
    let mut file = file.read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    byte[0] ^= 4;
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&byte).unwrap();
}

fn name_of(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_to_any_file_of_a_snapshot_is_named_and_nothing_is_restored() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    fill(&mut served.client).await;
    settled(&mut served.client, &place.data()).await;
    take(&mut served.client, "only").await.unwrap();
    served.stop().await;
    let mut damaged = 0;
    for (path, bytes) in files(&place.location()) {
        if name_of(&path) == "IDENTITY" {
            continue;
        }
        let content = std::fs::read(&path).unwrap();
        let check = async |what: &str| {
            let error = chain(&place.restore("only").await.unwrap_err());
            assert!(error.contains(name_of(&path)), "{what}: {error}");
            let error = chain(&place.verify("only").await.unwrap_err());
            assert!(error.contains(name_of(&path)), "{what}: {error}");
            assert!(!place.restored("only").try_exists().unwrap(), "{what}");
        };
        for at in [bytes / 2, bytes.saturating_sub(1)] {
            if bytes > 0 {
                flip(&path, at);
                check("flipped").await;
                flip(&path, at);
                damaged += 1;
            }
        }
        std::fs::write(&path, [&content[..], b"x"].concat()).unwrap();
        check("longer").await;
        std::fs::remove_file(&path).unwrap();
        if path.starts_with(place.location().join("files")) {
            check("missing").await;
        }
        std::fs::write(&path, content).unwrap();
    }
    assert!(damaged > 30, "{damaged}");
    place.restore("only").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_of_the_index_never_becomes_part_of_a_snapshot() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    let client = &mut served.client;
    fill(client).await;
    settled(client, &place.data()).await;
    let mut damaged = 0;
    for (path, bytes) in files(&place.data()) {
        let name = name_of(&path).to_owned();
        // Not copied: an empty log that the last attempt began, and what has no name.
        if bytes == 0 || ["LOCK", "MANIFEST", "IDENTITY"].contains(&name.as_str()) {
            continue;
        }
        if path.extension().is_some_and(|end| end == "lock") {
            continue;
        }
        flip(&path, bytes / 2);
        let attempt = format!("attempt-{damaged}");
        refused(
            take(client, &attempt).await,
            Code::FailedPrecondition,
            &[&name],
        );
        flip(&path, bytes / 2);
        damaged += 1;
    }
    assert!(damaged > 10, "{damaged}");
    assert!(list(client).await.is_empty());
    take(client, "sound").await.unwrap();
    place.restore("sound").await.unwrap();
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_snapshot_copies_what_is_new_and_a_deleted_one_takes_its_own_along() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    let client = &mut served.client;
    fill(client).await;
    let stored = || files(&place.location().join("files"));
    let bytes = |files: &[(PathBuf, u64)]| files.iter().map(|(_, bytes)| bytes).sum::<u64>();
    settled(client, &place.data()).await;
    let first = take(client, "first").await.unwrap();
    assert_eq!(bytes(&stored()), first.copied_bytes);
    let again = take(client, "again").await.unwrap();
    assert_eq!(again.copied_bytes, 0, "nothing has changed");
    upsert(client, vec![points(500..505, "new")]).await.unwrap();
    let second = take(client, "second").await.unwrap();
    let all = second.snapshot.as_ref().unwrap().bytes;
    assert!(
        second.copied_bytes > 0 && second.copied_bytes < all / 4,
        "{second:?}"
    );

    // Other segments under other numbers: the first ones are the first's alone.
    upsert(client, vec![points(0..200, "all anew")])
        .await
        .unwrap();
    for round in 0..20 {
        upsert(client, vec![points(600..620, &format!("round {round}"))])
            .await
            .unwrap();
    }
    take(client, "third").await.unwrap();
    let before = stored();
    assert_eq!(
        remove(client, "again").await.unwrap(),
        0,
        "the first needs them"
    );
    let freed = remove(client, "second").await.unwrap();
    assert!(freed > 0 && freed <= second.copied_bytes, "{freed}");
    let freed = freed + remove(client, "first").await.unwrap();
    assert!(freed > second.copied_bytes, "{freed}");
    assert_eq!(bytes(&before) - bytes(&stored()), freed);
    assert_eq!(list(client).await, ["third"]);
    place.verify("third").await.unwrap();
    refused(remove(client, "first").await, Code::NotFound, &["first"]);
    remove(client, "third").await.unwrap();
    assert!(stored().is_empty(), "{:?}", stored());
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_is_refused() {
    let place = Place::new();
    let mut config = place.config();
    config.snapshots.max_snapshots = 1;
    let mut served = Served::start(config).await;
    let client = &mut served.client;
    for name in ["", "Über", "../escaped", &"a".repeat(65)] {
        refused(take(client, name).await, Code::InvalidArgument, &["name"]);
    }
    refused(remove(client, "none").await, Code::NotFound, &["none"]);
    // An empty index is an index too.
    take(client, "empty").await.unwrap();
    let precondition = Code::FailedPrecondition;
    refused(
        take(client, "empty").await,
        precondition,
        &["empty", "exists"],
    );
    refused(take(client, "more").await, precondition, &["limit 1"]);
    place.restore("empty").await.unwrap();
    let error = place.restore("empty").await.unwrap_err().to_string();
    assert!(
        error.contains("restored-empty") && error.contains("not empty"),
        "{error}"
    );
    let error = place.restore("other").await.unwrap_err();
    assert!(matches!(error, SnapshotError::NotFound { .. }), "{error}");
    served.stop().await;

    // Another index at the same location, and one without a location.
    let mut other = place.config();
    other.data_dir = place.base.path().join("other");
    let mut served = Served::start(other.clone()).await;
    let client = &mut served.client;
    refused(take(client, "mine").await, precondition, &["another index"]);
    refused(
        remove(client, "empty").await,
        precondition,
        &["another index"],
    );
    served.stop().await;
    other.snapshots.location.clear();
    let mut served = Served::start(other).await;
    let client = &mut served.client;
    refused(
        take(client, "mine").await,
        precondition,
        &["snapshots.location"],
    );
    refused(
        remove(client, "empty").await,
        precondition,
        &["snapshots.location"],
    );
    let listed = client.list_snapshots(v1::ListSnapshotsRequest {}).await;
    refused(listed, precondition, &["snapshots.location"]);
    served.stop().await;
    place.verify("empty").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_reaches_the_data_folder_beside_a_snapshot_and_the_snapshot_keeps_it() {
    let place = Place::new();
    let mut served = Served::start(place.config()).await;
    erase::fill(&mut served.client).await;
    let mut client = served.client.clone();
    let taking = tokio::spawn(async move { take(&mut client, "before").await.unwrap() });
    let gone = [2, 25, 70, 188];
    erase::erase(&mut served.client, &gone).await.unwrap();
    let (found, _) = erase::holding(&place.data(), &gone);
    assert!(found.is_empty(), "{found:#?}");
    taking.await.unwrap();
    take(&mut served.client, "after").await.unwrap();
    // The first one may have been asked for before or after the points were deleted.
    remove(&mut served.client, "before").await.unwrap();
    let (found, _) = erase::holding(&place.location(), &gone);
    assert!(found.is_empty(), "{found:#?}");
    place.verify("after").await.unwrap();
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_leaves_the_index_and_earlier_snapshots_sound() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("data");
    std::fs::create_dir(&folder).unwrap();
    let location = crash::snapshots(&folder);
    let source = |name: &str| SnapshotSource {
        location: location.display().to_string(),
        name: Some(name.to_owned()),
    };
    let (mut child, address) = crash::start(&folder, 0);
    let mut client = connect(&address).await;
    fill(&mut client).await;
    take(&mut client, "kept").await.unwrap();
    let mut cut_off = 0;
    for round in 0..10_u16 {
        upsert(
            &mut client,
            vec![points(
                round * 20..round * 20 + 20,
                &format!("round{round}"),
            )],
        )
        .await
        .unwrap();
        let before = scroll(&mut client, 1_000).await;
        let name = format!("round-{round}");
        let (mut asked, wanted) = (client.clone(), name.clone());
        let taking = tokio::spawn(async move { take(&mut asked, &wanted).await });
        let moment = Duration::from_millis(u64::from(round) * 4);
        tokio::time::sleep(moment).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let taken = taking.await.unwrap();
        let is_whole = verify_snapshot(&source(&name), |_, _| {}).await;
        match (&taken, &is_whole) {
            (_, Ok(_)) => {}
            (Err(_), Err(SnapshotError::NotFound { .. })) => cut_off += 1,
            other => panic!("{name}: {other:?}"),
        }
        verify_snapshot(&source("kept"), |_, _| {}).await.unwrap();
        (child, client) = {
            let (child, address) = crash::start(&folder, 0);
            (child, connect(&address).await)
        };
        assert_eq!(scroll(&mut client, 1_000).await, before, "{name}");
    }
    assert!(cut_off > 0, "a kill fell into a snapshot");
    // The next one removes what the others left, and no more.
    take(&mut client, "last").await.unwrap();
    for name in list(&mut client).await {
        if name != "last" {
            remove(&mut client, &name).await.unwrap();
        }
    }
    let last = verify_snapshot(&source("last"), |_, _| {}).await.unwrap();
    let stored: u64 = files(&location.join("files"))
        .iter()
        .map(|(_, bytes)| bytes)
        .sum();
    assert!(stored <= last.bytes, "{stored} {}", last.bytes);
    let restored = base.path().join("restored");
    restore_snapshot(&source("last"), &restored, |_, _| {})
        .await
        .unwrap();
    let truth = scroll(&mut client, 1_000).await;
    child.kill().unwrap();
    child.wait().unwrap();
    let mut served = Served::start(small(&restored)).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, truth);
    served.stop().await;
}
