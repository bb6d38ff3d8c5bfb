//! What was acknowledged survives; what was deleted stays deleted.

use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, Shape, sample, text, weights};

#[test]
fn a_killed_cluster_comes_back_with_the_same_answers() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 60, 2);
    let mut cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    let before = (
        cluster.json(&["status", "--json"])["candidates"].clone(),
        cluster.shortlist("sample-v-0001"),
    );
    assert_eq!(before.0, 60);

    cluster.kill();
    cluster.restart();
    let after = (
        cluster.json(&["status", "--json"])["candidates"].clone(),
        cluster.shortlist("sample-v-0001"),
    );
    assert_eq!(before, after);

    // The same file again changes nothing.
    let again = cluster.run(&[
        "ingest",
        candidates.to_str().unwrap(),
        "--kind",
        "candidates",
    ]);
    assert!(
        again.status.success() && text(&again).contains("60 unchanged"),
        "{}",
        text(&again)
    );

    // A deleted candidate is gone from the next search, and after any restart.
    let gone = after.1[0].0.clone();
    let deleted = cluster.run(&["delete", "--kind", "candidates", &gone]);
    assert!(deleted.status.success(), "{}", text(&deleted));
    let expected: Vec<_> = cluster.shortlist("sample-v-0001");
    assert!(expected.iter().all(|(id, _)| *id != gone));
    cluster.kill();
    cluster.restart();
    assert_eq!(cluster.shortlist("sample-v-0001"), expected);
    cluster.stop();
    cluster.restart();
    assert_eq!(cluster.shortlist("sample-v-0001"), expected);
    assert!(
        !cluster
            .run(&["show", "--kind", "candidates", &gone])
            .status
            .success()
    );
}

/// Returns every file below a folder that holds some bytes.
fn holding(folder: &Path, wanted: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, wanted));
            continue;
        }
        // What a job has removed meanwhile holds nothing.
        let content = std::fs::read(&path).unwrap_or_default();
        if content.windows(wanted.len()).any(|window| window == wanted) {
            found.push(path);
        }
    }
    found
}

#[test]
fn an_erased_candidate_is_in_no_file_of_the_index() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 30, 2);
    let mut cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    let data = folder.path().join("data");
    let gone = cluster.shortlist("sample-v-0001")[0].0.clone();
    assert!(!holding(&data, gone.as_bytes()).is_empty());
    let erase = ["delete", "--kind", "candidates", "--erase", &gone];
    let erased = cluster.run(&erase);
    assert!(erased.status.success(), "{}", text(&erased));
    assert!(text(&erased).contains("erased"), "{}", text(&erased));
    assert_eq!(holding(&data, gone.as_bytes()), Vec::<PathBuf>::new());

    // The others answer as before, now and after a restart.
    let left = cluster.shortlist("sample-v-0001");
    assert!(left.iter().all(|(id, _)| *id != gone));
    cluster.kill();
    cluster.restart();
    assert_eq!(cluster.shortlist("sample-v-0001"), left);
    assert_eq!(cluster.json(&["status", "--json"])["candidates"], 29);
    assert_eq!(holding(&data, gone.as_bytes()), Vec::<PathBuf>::new());
    cluster.stop();
}
