//! Snapshots in a bucket, over HTTP. What is told of the bucket by the environment, as
//! an operator does, is told to a process of its own.

use tokio::process::Command;

use super::s3::{BUCKET, KEY_ID, serve};
use super::*;

const ENDPOINT: &str = "AWS_ENDPOINT";

/// Not a test of its own: the process that the test below starts.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "run as a child by a_snapshot_in_a_bucket_is_restored"]
async fn child() {
    if std::env::var_os(ENDPOINT).is_none() {
        return;
    }
    let place = Place::new();
    let location = format!("s3://{BUCKET}/shards/0");
    let mut config = place.config();
    config.snapshots.location.clone_from(&location);
    let mut served = Served::start(config).await;
    let client = &mut served.client;
    fill(client).await;
    settled(client, &place.data()).await;
    // In the log; larger than one part of an upload.
    let mut large = point("large", [1.0, 2.0], "rust");
    large.document = vec![7; 9 << 20].into();
    upsert(client, vec![upsert_request(vec![large])])
        .await
        .unwrap();
    let truth = answers(client).await;
    let first = take(client, "first").await.unwrap();
    assert_eq!(first.snapshot.unwrap().points, 168);
    refused(
        take(client, "first").await,
        Code::FailedPrecondition,
        &["exists"],
    );
    let again = take(client, "again").await.unwrap();
    assert_eq!(again.copied_bytes, 0, "nothing has changed");
    let mut names = list(client).await;
    names.sort();
    assert_eq!(names, ["again", "first"]);
    remove(client, "again").await.unwrap();
    served.stop().await;

    let source = |name: &str| SnapshotSource {
        location: location.clone(),
        name: Some(name.to_owned()),
    };
    let verified = verify_snapshot(&source("first"), |_, _| {}).await;
    assert_eq!(verified.unwrap().points, 168);
    assert!(verify_snapshot(&source("again"), |_, _| {}).await.is_err());
    let folder = place.restored("first");
    let restored = restore_snapshot(&source("first"), &folder, |_, _| {}).await;
    assert_eq!(restored.unwrap().points, 168);
    let mut served = Served::start(small(&folder)).await;
    assert_eq!(answers(&mut served.client).await, truth);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_in_a_bucket_is_restored() {
    let (endpoint, bucket) = serve().await;
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "snapshot::bucket::child", "--ignored"])
        .env(ENDPOINT, endpoint)
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_REGION", "eu-west-3")
        .env("AWS_ACCESS_KEY_ID", KEY_ID)
        .env("AWS_SECRET_ACCESS_KEY", "a-secret")
        .output();
    let output = child.await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    let bucket = bucket.lock().unwrap();
    let operations = [
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "DeleteObjects",
        "GetObject",
        "ListObjectsV2",
        "PutObject",
        "UploadPart",
    ];
    assert_eq!(bucket.operations, operations.into());
    let below = |key: &String| key.starts_with("shards/0/");
    assert!(bucket.objects.keys().all(below));
}
