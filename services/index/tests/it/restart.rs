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
async fn everything_comes_back_from_log_and_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
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

    // From the checkpoint of the graceful stop; twice.
    for _ in 0..2 {
        let mut served = Served::start(config(folder.path())).await;
        let stats = served
            .client
            .get_stats(v1::GetStatsRequest {})
            .await
            .unwrap()
            .into_inner();
        assert_eq!((stats.sequence, stats.log_bytes), (4, 0));
        assert_eq!(scroll(&mut served.client, 1_000).await, points);
        assert_eq!(
            search(&mut served.client, search_request(48))
                .await
                .unwrap()
                .hits,
            found.hits
        );
        served.stop().await;
    }

    // Without its store, and with a broken one.
    let store = folder.path().join("store");
    std::fs::remove_dir_all(&store).unwrap();
    for _ in 0..2 {
        let mut served = Served::start(config(folder.path())).await;
        assert_eq!(scroll(&mut served.client, 1_000).await, points);
        upsert(&mut served.client, vec![many(0..1, "rust")])
            .await
            .unwrap();
        served.stop().await;
        std::fs::remove_dir_all(&store).unwrap();
        std::fs::write(&store, "garbage").unwrap();
    }
    let mut served = Served::start(config(folder.path())).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, points);
    assert!(folder.path().join("store.broken-1").is_file());
    served.stop().await;
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
    let stats = served
        .client
        .get_stats(v1::GetStatsRequest {})
        .await
        .unwrap()
        .into_inner();
    assert!(
        stats.log_bytes < 300_000,
        "{} bytes of log",
        stats.log_bytes
    );
    assert!(folder.path().join("MANIFEST").is_file());
    served.stop().await;
    let mut served = Served::start(small).await;
    assert_eq!(scroll(&mut served.client, 1_000).await, points);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graph_is_built_beside_and_survives_nothing_but_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut graphs = config(folder.path());
    graphs.graph.min_points = 200;
    let mut served = Served::start(graphs.clone()).await;
    create(&mut served.client, people()).await.unwrap();
    upsert(&mut served.client, vec![many(0..500, "rust")])
        .await
        .unwrap();
    for _ in 0..2 {
        let client = &mut served.client;
        let mut tries = 0;
        loop {
            let found = search(client, search_request(20)).await.unwrap();
            if found.statistics.unwrap().plan() == v1::SearchPlan::Graph {
                let mut exact = search_request(20);
                exact.exact = true;
                assert_eq!(search(client, exact).await.unwrap().hits, found.hits);
                break;
            }
            tries += 1;
            assert!(tries < 200, "no graph");
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        served.stop().await;
        served = Served::start(graphs.clone()).await;
    }
    served.stop().await;
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

    let checkpoint = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let checkpoint = checkpoint
        .filter(|path| path.to_string_lossy().contains("checkpoint-"))
        .last();
    let checkpoint = checkpoint.unwrap();
    let mut content = std::fs::read(&checkpoint).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&checkpoint, content).unwrap();
    let error = start_fails(folder.path()).await;
    assert!(
        error.contains("checkpoint-") && error.contains("damaged at offset"),
        "{error}"
    );
}

/// Starts an index that must refuse, and returns why, causes included.
async fn start_fails(folder: &std::path::Path) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let result = vivier_index::run(config(folder), listener, Shutdown::new()).await;
    let error = result.unwrap_err();
    assert!(matches!(error, RunError::Open(_)));
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
