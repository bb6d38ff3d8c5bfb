//! Every file of a data folder damaged in every way: a start names the file and
//! makes it again or refuses; a wrong answer is never given.

use std::path::{Path, PathBuf};

use vivier_index::{Config, RunError};
use vivier_proto::v1;
use vivier_runtime::Shutdown;

use crate::support::*;

/// Flipped bytes in the middle of each file, beside all of its ends.
const FLIPS: &str = "VIVIER_INDEX_TEST_FLIPS";
const FEW: usize = 2;
/// Bytes at both ends of a file that are all flipped when many are.
const ENDS: usize = 64;
const LIVE: usize = 50;

fn small(folder: &Path) -> Config {
    let mut small = config(folder);
    small.segments.seal_points = 16;
    small.segments.merge_factor = 64;
    small.segments.max_dead_share = 1.0;
    small.graph.scan_points = 1;
    small
}

fn points(range: std::ops::Range<u16>, said: &str) -> v1::UpsertRequest {
    let points = range.map(|n| point(&format!("p{n:04}"), [f32::from(n), 1.0], said));
    upsert_request(points.collect())
}

/// What a client sees.
#[derive(Debug, PartialEq)]
struct Answers {
    /// The code of the error, when a record cannot be read.
    points: Result<Vec<v1::Point>, tonic::Code>,
    exact: Vec<v1::SearchHit>,
    graph: Vec<v1::SearchHit>,
}

async fn answers(client: &mut Client) -> Answers {
    let mut exact = search_request(100);
    exact.exact = true;
    Answers {
        points: try_scroll(client, 1_000).await.map_err(|s| s.code()),
        exact: search(client, exact).await.unwrap().hits,
        graph: search(client, search_request(100)).await.unwrap().hits,
    }
}

/// Makes a folder of three segments of as many rows each, with dead rows, and a log.
async fn write_folder(folder: &Path) -> Answers {
    let mut served = Served::start(small(folder)).await;
    let client = &mut served.client;
    create(client, people()).await.unwrap();
    for start in [0, 16, 32] {
        upsert(client, vec![points(start..start + 16, "rust search")])
            .await
            .unwrap();
        sealed(client, u64::from(start) + 16).await;
    }
    upsert(client, vec![points(46..52, "rust")]).await.unwrap();
    delete(client, &["p0001", "p0020"]).await.unwrap();
    let answers = answers(client).await;
    assert_eq!(answers.points.as_ref().unwrap().len(), LIVE);
    served.stop().await;
    answers
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.file_name().unwrap() != "LOCK" {
            files.push(path);
        }
    }
    files.sort_unstable();
    files
}

/// Copies a folder; the files of segments, which never change, by links.
fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        if file.starts_with(from.join("segments")) {
            std::fs::hard_link(&file, &target).unwrap();
        } else {
            std::fs::copy(&file, &target).unwrap();
        }
    }
}

/// One way to damage a file.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip(usize),
    Cut(usize),
    Longer,
    Missing,
    /// By the file of that name in the segment after.
    Swapped,
}

impl Damage {
    /// Lists the ways to damage a file of so many bytes.
    fn all(length: usize, flips: usize) -> Vec<Self> {
        let ends = if flips > FEW { ENDS } else { 2 };
        let mut offsets: Vec<usize> = (0..length.min(ends)).collect();
        offsets.extend(length.saturating_sub(ends).max(offsets.len())..length);
        let step = (length / (flips + 1)).max(1);
        offsets.extend(
            (1..=flips)
                .map(|n| n * step + n * 7 % step)
                .filter(|at| *at < length),
        );
        offsets.sort_unstable();
        offsets.dedup();
        let mut all: Vec<Self> = offsets.into_iter().map(Self::Flip).collect();
        let cuts = [0, length / 2, length.saturating_sub(1)];
        all.extend(cuts.into_iter().filter(|cut| *cut < length).map(Self::Cut));
        all.extend([Self::Longer, Self::Missing, Self::Swapped]);
        all
    }

    /// Damages a file of a folder; false when that changes nothing.
    fn apply(self, folder: &Path, name: &Path) -> bool {
        let path = folder.join(name);
        let mut content = std::fs::read(&path).unwrap();
        match self {
            Self::Flip(at) => content[at] ^= 1 << (at % 8),
            Self::Cut(length) => content.truncate(length),
            Self::Longer => content.push(0),
            Self::Missing => {
                std::fs::remove_file(path).unwrap();
                return true;
            }
            Self::Swapped => {
                let mut parts = name.components();
                let (Some(first), Some(number)) = (parts.next(), parts.next()) else {
                    return false;
                };
                let mut numbers = std::fs::read_dir(folder.join(first)).unwrap();
                let other = numbers.find_map(|entry| {
                    let name = entry.unwrap().file_name();
                    (name != number.as_os_str()).then_some(name)
                });
                let other = folder
                    .join(first)
                    .join(other.unwrap())
                    .join(parts.as_path());
                let Ok(theirs) = std::fs::read(other) else {
                    return false;
                };
                if theirs == content {
                    return false;
                }
                content = theirs;
            }
        }
        // Not in place: the file is a link.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path, content).unwrap();
        true
    }
}

/// Starts an index: what it answers, or why it refuses, causes included.
async fn start(folder: &Path) -> Result<Answers, String> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let shutdown = Shutdown::new();
    let mut task = tokio::spawn(vivier_index::run(small(folder), listener, shutdown.clone()));
    let mut client = tokio::select! {
        client = connect(&address) => client,
        ended = &mut task => {
            let error = ended.unwrap().unwrap_err();
            assert!(matches!(error, RunError::Open(_)), "{error}");
            return Err(chain(&error));
        }
    };
    let answers = answers(&mut client).await;
    drop(client);
    shutdown.trigger();
    task.await.unwrap().unwrap();
    Ok(answers)
}

/// Damages one file and checks what comes of it; returns whether the start refused.
async fn check(source: &Path, name: &Path, damage: Damage, truth: &Answers) -> Option<bool> {
    let folder = tempfile::tempdir_in(source.parent().unwrap()).unwrap();
    copy(source, folder.path());
    if !damage.apply(folder.path(), name) {
        return None;
    }
    let context = format!("{} {damage:?}", name.display());
    let file = name.file_name().unwrap().to_str().unwrap();
    let is_records = file == "records.bin";
    let is_log = file.starts_with("log-");
    match start(folder.path()).await {
        Err(error) => {
            let names = error.contains(file) || is_log && error.contains("are missing: the log");
            assert!(names, "{context}: {error}");
            let is_truth = is_records || is_log || file == "MANIFEST";
            assert!(is_truth, "{context} can be made again: {error}");
            Some(true)
        }
        Ok(answers) => {
            assert_eq!(answers.exact, truth.exact, "{context}");
            assert_eq!(ids_of(&answers.graph), ids_of(&truth.graph), "{context}");
            match answers.points {
                Err(code) => {
                    assert_eq!(code, tonic::Code::Internal, "{context}");
                    assert!(is_records, "{context}");
                }
                points => assert_eq!(points, truth.points, "{context}"),
            }
            Some(false)
        }
    }
}

fn ids_of(hits: &[v1::SearchHit]) -> Vec<&str> {
    let points = hits.iter().map(|hit| hit.point.as_ref().unwrap());
    points.map(|point| point.id.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_damage_to_any_file_gives_a_wrong_answer() {
    let flips = std::env::var(FLIPS).map_or(FEW, |flips| flips.parse().unwrap());
    let base = tempfile::tempdir().unwrap();
    let source = base.path().join("source");
    let truth = write_folder(&source).await;
    assert_eq!(start(&source).await.unwrap(), truth, "nothing is damaged");
    let all = files(&source);
    let first = source.join("segments").read_dir().unwrap();
    let first = first.map(|entry| entry.unwrap().path()).min().unwrap();
    let (mut refused, mut mended) = (0, 0);
    for file in all {
        // The other segments are as this one.
        if file.starts_with(source.join("segments")) && !file.starts_with(&first) {
            continue;
        }
        let name = file.strip_prefix(&source).unwrap();
        let length = std::fs::metadata(&file).unwrap().len();
        for damage in Damage::all(usize::try_from(length).unwrap(), flips) {
            match check(&source, name, damage, &truth).await {
                Some(true) => refused += 1,
                Some(false) => mended += 1,
                None => {}
            }
        }
    }
    eprintln!("{refused} starts refused, {mended} answered as before");
    assert!(refused > 20 && mended > 40, "{refused} {mended}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_words_or_a_segment_of_another_is_noticed() {
    let base = tempfile::tempdir().unwrap();
    let source = base.path().join("source");
    let truth = write_folder(&source).await;
    let segments = source.join("segments");
    let entries = segments.read_dir().unwrap();
    let mut numbers: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    numbers.sort_unstable();
    for inner in ["words-0", ""] {
        let folder = tempfile::tempdir_in(base.path()).unwrap();
        copy(&source, folder.path());
        let own = folder.path().join("segments").join(&numbers[0]).join(inner);
        std::fs::remove_dir_all(&own).unwrap();
        std::fs::create_dir_all(&own).unwrap();
        copy(&segments.join(&numbers[1]).join(inner), &own);
        match start(folder.path()).await {
            Ok(answers) => assert_eq!((inner, answers.exact), ("words-0", truth.exact.clone())),
            Err(error) => assert!(
                inner.is_empty() && error.contains("records.bin is not"),
                "{error}"
            ),
        }
    }
}
