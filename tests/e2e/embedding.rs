//! The embedder in the cluster: other models and the cache.

use std::time::Instant;

use crate::cluster::{Cluster, PATIENCE, Shape, sample, text, weights};

#[test]
fn vectors_of_another_length_are_refused_with_both_lengths() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 10, 1);
    let mut cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    cluster.stop();
    cluster.restart_with("embedder", "dim = 128");
    let file = candidates.to_str().unwrap();
    let started = Instant::now();
    loop {
        let output = cluster.run(&["ingest", file, "--kind", "candidates"]);
        assert!(!output.status.success(), "{}", text(&output));
        let message = text(&output);
        if message.contains("spec.facets") {
            for part in ["text: Dense(128)", "expected", "text: Dense(384)"] {
                assert!(message.contains(part), "{part}: {message}");
            }
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{message}");
    }
    // With its model back, everything is as before.
    cluster.kill();
    let config = folder.path().join("cluster.toml");
    let repaired = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, repaired.replace("dim = 128\n", "")).unwrap();
    cluster.restart();
    assert_eq!(cluster.shortlist("sample-v-0001").len(), 10);
}

#[test]
fn profiles_that_were_embedded_before_come_from_the_cache() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 30, 1);
    let mut cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    let before = cluster.shortlist("sample-v-0001");
    cluster.stop();
    // The index is lost, the cache is not.
    std::fs::remove_dir_all(folder.path().join("data")).unwrap();
    cluster.restart();
    cluster.ingest(&candidates, &vacancies);
    assert_eq!(cluster.shortlist("sample-v-0001"), before);
    let cache = cluster.embedder_stats().cache.unwrap();
    assert!(cache.enabled && cache.hits > 30, "{cache:?}");
    assert_eq!((cache.misses, cache.errors), (0, 0), "{cache:?}");
}
