//! What survives a restart, and what a start refuses.

use vivier_index::RunError;
use vivier_proto::v1;
use vivier_runtime::Shutdown;

use crate::support::*;

fn many(range: std::ops::Range<u16>, said: &str) -> v1::UpsertRequest {
    let points = range.map(|n| point(&format!("p{n:04}"), [f32::from(n), 1.0], said));
    upsert_request(points.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_comes_back_from_log_and_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = config(folder.path());
    small.segments.seal_points = 16;
    let mut served = Served::start(config(folder.path())).await;
    create(&mut served.client, people()).await.unwrap();
    upsert(
        &mut served.client,
        vec![many(0..50, "rust"), many(10..20, "search")],
    )
    .await
    .unwrap();
    delete(&mut served.client, &["p0005", "p0015"])
        .await
        .unwrap();
    let points = scroll(&mut served.client, 7).await;
    let found = search(&mut served.client, search_request(48))
        .await
        .unwrap();
    assert_eq!(points.len(), 48);
    served.stop().await;

    // From the log, twice, then with all in segments.
    for config in [config(folder.path()), small.clone(), small] {
        let mut served = Served::start(config.clone()).await;
        assert_eq!(stats(&mut served.client).await.sequence, 4);
        if config.segments.seal_points == 16 {
            sealed(&mut served.client, 48).await;
        }
        assert_eq!(scroll(&mut served.client, 1_000).await, points);
        let again = search(&mut served.client, search_request(48)).await;
        assert_eq!(ids(&again.unwrap()), ids(&found));
        served.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_growing_log_is_checkpointed_while_writing() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = config(folder.path());
    small.checkpoint_log_bytes = 1 << 16;
    let mut served = Served::start(small.clone()).await;
    create(&mut served.client, people()).await.unwrap();
    for round in 0..40_u16 {
        upsert(
            &mut served.client,
            vec![many(round * 10..round * 10 + 60, "rust")],
        )
        .await
        .unwrap();
    }
    let points = scroll(&mut served.client, 1_000).await;
    let mut stats_now = stats(&mut served.client).await;
    for _ in 0..1_000 {
        if stats_now.log_bytes < 300_000 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        stats_now = stats(&mut served.client).await;
    }
    assert!(stats_now.log_bytes < 300_000, "{stats_now:?}");
    assert!(folder.path().join("MANIFEST").is_file());
    served.stop().await;
    let mut served = Served::start(small).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, points);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_is_built_beside_and_searched_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut graphs = config(folder.path());
    graphs.segments.seal_points = 200;
    graphs.graph.scan_points = 50;
    let mut served = Served::start(graphs.clone()).await;
    create(&mut served.client, people()).await.unwrap();
    upsert(&mut served.client, vec![many(0..500, "rust")])
        .await
        .unwrap();
    sealed(&mut served.client, 500).await;
    for _ in 0..2 {
        let client = &mut served.client;
        let found = search(client, search_request(20)).await.unwrap();
        assert_eq!(found.statistics.unwrap().plan(), v1::SearchPlan::Graph);
        let mut exact = search_request(20);
        exact.exact = true;
        assert_eq!(search(client, exact).await.unwrap().hits, found.hits);
        served.stop().await;
        served = Served::start(graphs.clone()).await;
    }
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_with_a_damaged_file_is_made_again_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = config(folder.path());
    small.segments.seal_points = 16;
    let mut served = Served::start(small.clone()).await;
    create(&mut served.client, people()).await.unwrap();
    upsert(&mut served.client, vec![many(0..40, "rust search")])
        .await
        .unwrap();
    sealed(&mut served.client, 40).await;
    delete(&mut served.client, &["p0007"]).await.unwrap();
    let points = scroll(&mut served.client, 1_000).await;
    let found = search(&mut served.client, search_request(39))
        .await
        .unwrap();
    served.stop().await;

    for name in ["ids.bin", "columns.bin", "vectors.ann", "words-0/SUMS"] {
        let path = only_segment(folder.path()).join(name);
        flip(&path);
        let mut served = Served::start(small.clone()).await;
        assert_ne!(only_segment(folder.path()).join(name), path);
        assert_eq!(scroll(&mut served.client, 1_000).await, points, "{name}");
        let again = search(&mut served.client, search_request(39)).await;
        assert_eq!(ids(&again.unwrap()), ids(&found), "{name}");
        served.stop().await;
    }
    flip(&only_segment(folder.path()).join("records.bin"));
    let error = start_fails(folder.path()).await;
    assert!(error.contains("records.bin is damaged"), "{error}");
}

/// Returns the folder of the newest segment.
fn only_segment(data: &std::path::Path) -> std::path::PathBuf {
    let entries = std::fs::read_dir(data.join("segments")).unwrap();
    let folders = entries.map(|entry| entry.unwrap().path());
    folders.max().unwrap()
}

/// Changes the last bytes of a file: of records, the index.
fn flip(path: &std::path::Path) {
    let mut content = std::fs::read(path).unwrap();
    let at = content.len() - 20;
    content[at] ^= 1;
    std::fs::write(path, content).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_and_damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut served = Served::start(config(folder.path())).await;
    let second = start_fails(folder.path()).await;
    assert!(second.contains("in use by another process"), "{second}");
    create(&mut served.client, people()).await.unwrap();
    upsert(
        &mut served.client,
        vec![many(0..5, "rust"), many(5..9, "rust")],
    )
    .await
    .unwrap();

    // A copy of the folder while it is served: the log alone must do.
    let copy = tempfile::tempdir().unwrap();
    let log = folder.path().join("log-00000000000000000001.bin");
    let copied = copy.path().join("log-00000000000000000001.bin");
    std::fs::copy(&log, &copied).unwrap();
    let mut content = std::fs::read(&log).unwrap();
    content[60] ^= 1;
    served.stop().await;
    let again = Served::start(config(copy.path())).await;
    assert_eq!(scroll(&mut again.client.clone(), 10).await.len(), 9);
    again.stop().await;

    let damaged = tempfile::tempdir().unwrap();
    std::fs::write(damaged.path().join("log-00000000000000000001.bin"), content).unwrap();
    let error = start_fails(damaged.path()).await;
    assert!(
        error.contains("log-00000000000000000001.bin is damaged at offset"),
        "{error}"
    );

    std::fs::write(folder.path().join("MANIFEST"), "garbage").unwrap();
    let error = start_fails(folder.path()).await;
    assert!(error.contains("MANIFEST is damaged"), "{error}");
}

/// Starts an index that must refuse, and returns why, causes included.
async fn start_fails(folder: &std::path::Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let result = vivier_index::run(config(folder), listener, Shutdown::new()).await;
    let error = result.unwrap_err();
    assert!(matches!(error, RunError::Open(_)));
    chain(&error)
}
