//! What was acknowledged survives; what was deleted stays deleted.

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
