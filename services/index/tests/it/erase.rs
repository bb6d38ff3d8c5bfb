//! Erasure: what is erased is in no file of the data folder.

use std::path::Path;
use std::process::Child;

use tonic::{Code, Status};
use vivier_index::Config;
use vivier_proto::v1;

use crate::crash;
use crate::support::*;

/// Values of a vector.
const DIM: u16 = 16;

/// Ids, texts and documents of a person all hold this name.
fn name(number: usize) -> String {
    format!("zerlina{number:04}")
}

/// The vector of a person, drawn from its number: no other is like it.
fn face(number: usize) -> Vec<f32> {
    let mut bits = u64::try_from(number).unwrap();
    let draw = |_| {
        bits = bits
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        f32::from(u16::try_from(bits >> 48).unwrap()) / 32_768.0 - 1.0
    };
    (0..DIM).map(draw).collect()
}

/// A vector as numbers, as records and the log hold it.
fn raw(vector: &[f32]) -> Vec<u8> {
    let values = vector.iter();
    values.flat_map(|value| value.to_le_bytes()).collect()
}

/// A vector as the first plane of a segment holds it: bytes from -127 to 127 moved up
/// by 128, the greatest value being 127.
fn plane(vector: &[f32]) -> Vec<u8> {
    let greatest = vector
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    let byte = |value: &f32| -> u8 {
        let wanted = (value / greatest * 127.0).round() + 128.0;
        (1..=255)
            .find(|byte| (f32::from(*byte) - wanted).abs() < 0.5)
            .unwrap()
    };
    vector.iter().map(byte).collect()
}

/// People with a vector and words.
fn pool() -> v1::CollectionSpec {
    let mut spec = people();
    spec.facets.retain(|facet| facet.name != "geo");
    for facet in &mut spec.facets {
        if let Some(v1::facet_spec::Kind::Dense(dense)) = &mut facet.kind {
            dense.dim = DIM.into();
        }
    }
    spec
}

fn person(number: usize, version: &str) -> v1::Point {
    let name = name(number);
    let said = format!("rust search {name} {version}");
    let mut point = point(&name, [0.0, 0.0], &said);
    let face = vector(&face(number));
    point.vectors = [("text".to_owned(), face)].into();
    let skills = v1::payload_value::Kind::Strings(strings(&[&format!("skill-{name}")]));
    let value = v1::PayloadValue { kind: Some(skills) };
    point.payload.insert("skills".to_owned(), value);
    point
}

fn people_of(numbers: std::ops::Range<usize>, version: &str) -> v1::UpsertRequest {
    upsert_request(numbers.map(|number| person(number, version)).collect())
}

pub(crate) async fn erase(client: &mut Client, numbers: &[usize]) -> Result<u64, Status> {
    let request = v1::EraseRequest {
        collection: "people".to_owned(),
        ids: numbers.iter().map(|number| name(*number)).collect(),
    };
    Ok(client.erase(request).await?.into_inner().erased)
}

/// Returns every file below a folder with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    // Jobs make and remove files meanwhile: what has gone holds nothing.
    let Ok(entries) = std::fs::read_dir(folder) else {
        return found;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(content) = std::fs::read(&path) {
            found.push((path.display().to_string(), content));
        }
    }
    found
}

fn holds(content: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut windows = content.windows(wanted.len());
    windows.any(|window| window[0] == first && window == wanted)
}

/// Returns what every file holds of any of the people, and the number of files.
pub(crate) fn holding(folder: &Path, numbers: &[usize]) -> (Vec<String>, usize) {
    let mut found = Vec::new();
    let files = files(folder);
    for (path, content) in &files {
        let lower = content.to_ascii_lowercase();
        for number in numbers {
            let (name, face) = (name(*number), face(*number));
            for (what, is_held) in [
                ("name", holds(&lower, name.as_bytes())),
                ("vector", holds(content, &raw(&face))),
                ("plane", holds(content, &plane(&face))),
            ] {
                if is_held {
                    found.push(format!("{path} holds the {what} of {name}"));
                }
            }
        }
    }
    (found, files.len())
}

/// Tells whether each of three forms of a person is in some file.
fn held(folder: &Path, number: usize) -> [bool; 3] {
    let (found, _) = holding(folder, &[number]);
    ["the name", "the vector", "the plane"].map(|what| found.iter().any(|line| line.contains(what)))
}

fn small(folder: &Path) -> Config {
    let mut small = config(folder);
    small.segments.seal_points = 40;
    small.segments.merge_factor = 3;
    // Dead rows stay until something asks for their end.
    small.segments.max_dead_share = 0.95;
    small
}

/// Points sealed, merged, replaced, deleted and in memory.
pub(crate) async fn fill(client: &mut Client) {
    create(client, pool()).await.unwrap();
    let rounds = [
        (0..150, "first"),
        (20..60, "second"),
        (150..190, "first"),
        (100..120, "second"),
        (0..5, "third"),
    ];
    for (numbers, version) in rounds {
        let requests = numbers
            .clone()
            .step_by(10)
            .map(|start| people_of(start..(start + 10).min(numbers.end), version));
        upsert(client, requests.collect()).await.unwrap();
    }
    delete(client, &[&name(33), &name(160)]).await.unwrap();
}

async fn without(client: &mut Client, numbers: &[usize]) -> Vec<v1::Point> {
    let mut points = scroll(client, 1_000).await;
    let names: Vec<String> = numbers.iter().map(|number| name(*number)).collect();
    points.retain(|point| !names.contains(&point.id));
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_erased_point_stays_in_any_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(small(folder.path())).await;
    let client = &mut served.client;
    fill(client).await;
    // In memory only, replaced in a segment, merged, deleted before, unknown.
    let gone = [2, 25, 33, 70, 110, 160, 188, 999];
    let kept = without(client, &gone).await;
    for number in &gone[..7] {
        assert!(!holding(folder.path(), &[*number]).0.is_empty(), "{number}");
    }
    // Sealed: as it was sent, and rounded.
    assert_eq!(held(folder.path(), 25), [true; 3]);
    assert_eq!(erase(client, &gone).await.unwrap(), 5);
    let (found, files) = holding(folder.path(), &gone);
    assert!(found.is_empty(), "{found:#?}");
    assert!(files > 5, "{files} files");
    assert_eq!(scroll(client, 1_000).await, kept);
    assert!(!holding(folder.path(), &[26]).0.is_empty(), "others stay");

    // Again, and after a restart; an erased point may come back.
    assert_eq!(erase(client, &gone).await.unwrap(), 0);
    upsert(client, vec![people_of(2..3, "back")]).await.unwrap();
    assert_eq!(erase(client, &[3]).await.unwrap(), 1);
    let now = scroll(client, 1_000).await;
    assert_eq!(now.len(), kept.len());
    let mut request = search_request(300);
    let asked = v1::facet_query::Query::Vector(vector(&face(7)));
    request.facets.get_mut("text").unwrap().query = Some(asked);
    let found = search(client, request).await.unwrap();
    assert_eq!(found.hits.len(), now.len());
    served.stop().await;
    let mut served = Served::start(small(folder.path())).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, now);
    let (found, _) = holding(folder.path(), &[3, 25, 33, 70, 110, 160, 188, 999]);
    assert!(found.is_empty(), "{found:#?}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasures_at_once_and_under_writes_all_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(small(folder.path())).await;
    fill(&mut served.client).await;
    let erasures = (0..20_usize).map(|number| {
        let mut client = served.client.clone();
        tokio::spawn(async move { erase(&mut client, &[number, number + 60]).await.unwrap() })
    });
    let erasures: Vec<_> = erasures.collect();
    for round in 0..30 {
        let start = 1_000 + round * 10;
        let request = people_of(start..start + 10, "late");
        upsert(&mut served.client, vec![request]).await.unwrap();
    }
    let mut erased = 0;
    for one in erasures {
        erased += one.await.unwrap();
    }
    assert_eq!(erased, 40);
    let gone: Vec<usize> = (0..20).chain(60..80).collect();
    let (found, _) = holding(folder.path(), &gone);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(
        scroll(&mut served.client, 1_000).await.len(),
        188 - 40 + 300
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_cut_off_by_a_kill_is_finished_when_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, address) = crash::start(folder.path(), 1);
    let mut client = connect(&address).await;
    fill(&mut client).await;
    let mut gone = Vec::new();
    let mut cut_off = 0;
    for round in 0..8_usize {
        let mut numbers: Vec<usize> = (0..4).map(|step| round * 4 + step + 20).collect();
        let asked = numbers.clone();
        let mut killed = client.clone();
        let call = tokio::spawn(async move { erase(&mut killed, &asked).await });
        let moment = u64::try_from(round * 7 + 1).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
        kill(&mut child);
        cut_off += usize::from(call.await.unwrap().is_err());
        (child, client) = restart(folder.path()).await;
        let before = without(&mut client, &numbers).await;
        erase(&mut client, &numbers).await.unwrap();
        gone.append(&mut numbers);
        let (found, _) = holding(folder.path(), &gone);
        assert!(found.is_empty(), "round {round}: {found:#?}");
        assert_eq!(scroll(&mut client, 1_000).await, before);
    }
    assert!(cut_off > 0, "a kill fell into an erasure");
    kill(&mut child);
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn restart(folder: &Path) -> (Child, Client) {
    let (child, address) = crash::start(folder, 1);
    (child, connect(&address).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_erased_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(small(folder.path())).await;
    let client = &mut served.client;
    refused(erase(client, &[1]).await, Code::NotFound, &["people"]);
    create(client, pool()).await.unwrap();
    assert_eq!(erase(client, &[1]).await.unwrap(), 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collection_that_slept_while_the_log_was_cut_wakes_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(small(folder.path())).await;
    let client = &mut served.client;
    let other = v1::CollectionSpec {
        name: "other".to_owned(),
        ..pool()
    };
    create(client, other).await.unwrap();
    fill(client).await;
    erase(client, &[1]).await.unwrap();
    let mut late = people_of(500..510, "late");
    late.collection = "other".to_owned();
    upsert(client, vec![late]).await.unwrap();
    // Writes the manifest while the other collection has points in memory.
    upsert(client, vec![people_of(600..650, "late")])
        .await
        .unwrap();
    served.stop().await;
    let mut served = Served::start(small(folder.path())).await;
    let stats = served.client.get_stats(v1::GetStatsRequest {}).await;
    let stats = stats.unwrap().into_inner();
    let points: Vec<_> = stats.collections.iter().map(|c| c.points).collect();
    assert_eq!(points, [10, 237]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn erasures_beyond_those_that_may_wait_are_refused_and_may_come_again() {
    const WAITING: usize = 256;
    let folder = tempfile::tempdir().unwrap();
    // One large tail: sealing it keeps them waiting while they come.
    let mut large = config(folder.path());
    large.segments.seal_points = 100_000;
    large.limits.max_pending_writes = 1_024;
    let mut served = Served::start(large).await;
    create(&mut served.client, pool()).await.unwrap();
    let lots = (0..6_000).step_by(500);
    let lots = lots.map(|start| people_of(start..start + 500, "first"));
    upsert(&mut served.client, lots.collect()).await.unwrap();
    let asked = (0..WAITING + 100).map(|number| {
        let mut client = served.client.clone();
        tokio::spawn(async move { (number, erase(&mut client, &[number]).await) })
    });
    let (mut erased, mut refused) = (Vec::new(), Vec::new());
    for answer in asked.collect::<Vec<_>>() {
        match answer.await.unwrap() {
            (number, Ok(_)) => erased.push(number),
            (number, Err(status)) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert!(status.message().contains("erasures"), "{status}");
                refused.push(number);
            }
        }
    }
    assert!(!refused.is_empty() && erased.len() >= WAITING);
    let (found, _) = holding(folder.path(), &erased[..20]);
    assert!(found.is_empty(), "{found:#?}");
    // They are deleted already, and erased when asked again.
    assert_eq!(erase(&mut served.client, &refused).await.unwrap(), 0);
    let (found, _) = holding(folder.path(), &refused[..20.min(refused.len())]);
    assert!(found.is_empty(), "{found:#?}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_the_disk_refuses_says_so_and_is_finished_when_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(small(folder.path())).await;
    let client = &mut served.client;
    create(client, pool()).await.unwrap();
    upsert(client, vec![people_of(0..10, "first")])
        .await
        .unwrap();
    // A file where the folder of segments was: none can be written.
    let segments = folder.path().join("segments");
    let aside = folder.path().join("aside");
    let had = std::fs::rename(&segments, &aside).is_ok();
    std::fs::write(&segments, "").unwrap();
    refused(erase(client, &[3]).await, Code::Internal, &[]);
    assert!(!holding(folder.path(), &[3]).0.is_empty());
    std::fs::remove_file(&segments).unwrap();
    if had {
        std::fs::rename(&aside, &segments).unwrap();
    }
    assert_eq!(without(client, &[3]).await.len(), 9);
    assert_eq!(erase(client, &[3]).await.unwrap(), 0);
    let (found, _) = holding(folder.path(), &[3]);
    assert!(found.is_empty(), "{found:#?}");
    served.stop().await;
}
