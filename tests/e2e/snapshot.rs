//! Snapshots by the command line: two shards behind a gateway, copied, lost, restored.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::Value;
use tonic::transport::Channel;
use vivier_proto::v1;
use vivier_proto::v1::index_service_client::IndexServiceClient;

use crate::cluster::{PATIENCE, free_address, text, vivier};

/// A service of its own; killed when dropped.
struct Service {
    child: Child,
    address: String,
}

impl Service {
    fn start(kind: &str, config: &Path, address: &str) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_vivier"))
            .args([kind, "--config", config.to_str().unwrap()])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let address = address.to_owned();
        Self { child, address }
    }

    /// Connects as soon as it listens.
    async fn channel(&self) -> Channel {
        let start = Instant::now();
        loop {
            let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
            match endpoint.connect().await {
                Ok(channel) => return channel,
                Err(error) => assert!(start.elapsed() < PATIENCE, "{error}"),
            }
            tokio::task::yield_now().await;
        }
    }

    async fn client(&self) -> IndexServiceClient<Channel> {
        IndexServiceClient::new(self.channel().await)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Writes the configuration of a shard with a folder and a location of its own.
struct Shard {
    config: PathBuf,
    data: PathBuf,
    location: PathBuf,
    address: String,
}

impl Shard {
    fn new(base: &Path, number: usize) -> Self {
        let config = base.join(format!("shard-{number}.toml"));
        let data = base.join(format!("data-{number}"));
        let location = base.join(format!("snapshots-{number}"));
        let address = free_address();
        std::fs::write(
            &config,
            format!(
                "[index]\ndata_dir = {data:?}\n[index.server]\nlisten = {address:?}\n\
                 [index.snapshots]\nlocation = {location:?}\n"
            ),
        )
        .unwrap();
        Self {
            config,
            data,
            location,
            address,
        }
    }

    fn start(&self) -> Service {
        Service::start("index", &self.config, &self.address)
    }
}

async fn fill(service: &Service, count: usize) {
    let mut client = service.client().await;
    let words = v1::FacetSpec {
        name: "words".to_owned(),
        kind: Some(v1::facet_spec::Kind::Words(v1::WordsFacet {})),
        default_weight: 1.0,
    };
    let spec = v1::CollectionSpec {
        name: "people".to_owned(),
        facets: vec![words],
        model_fingerprint: "f".to_owned(),
    };
    let request = v1::CreateCollectionRequest { spec: Some(spec) };
    client.create_collection(request).await.unwrap();
    let points = (0..count).map(|number| v1::Point {
        id: format!("p{number:04}"),
        document: format!("document {number}").into(),
        ..v1::Point::default()
    });
    let request = v1::UpsertRequest {
        collection: "people".to_owned(),
        model_fingerprint: "f".to_owned(),
        points: points.collect(),
    };
    let requests = futures::stream::iter([request]);
    let mut answers = client.upsert(requests).await.unwrap().into_inner();
    assert!(answers.message().await.unwrap().is_some());
}

async fn documents(service: &Service) -> Vec<(String, Vec<u8>)> {
    let request = v1::ScrollRequest {
        collection: "people".to_owned(),
        limit: 1_000,
        parts: Some(v1::PointParts {
            document: true,
            ..v1::PointParts::default()
        }),
        ..v1::ScrollRequest::default()
    };
    let page = service.client().await.scroll(request).await;
    let points = page.unwrap().into_inner().points.into_iter();
    points
        .map(|point| (point.id, point.document.to_vec()))
        .collect()
}

/// Runs a command; it must end as said. Returns what it printed.
fn run(arguments: &[&str], succeeds: bool) -> String {
    let output = vivier(arguments);
    let said = text(&output);
    assert_eq!(output.status.success(), succeeds, "{arguments:?}: {said}");
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_shard_comes_back_from_its_snapshot() {
    let base = tempfile::tempdir().unwrap();
    let shards = [Shard::new(base.path(), 0), Shard::new(base.path(), 1)];
    let mut services = shards.each_ref().map(Shard::start);
    fill(&services[0], 30).await;
    fill(&services[1], 20).await;
    let truth = documents(&services[0]).await;

    let gateway = free_address();
    let config = base.path().join("gateway.toml");
    let listed = shards.each_ref().map(|shard| shard.address.as_str());
    std::fs::write(
        &config,
        format!("[gateway]\nshards = {listed:?}\n[gateway.server]\nlisten = {gateway:?}\n"),
    )
    .unwrap();
    let server = Service::start("gateway", &config, &gateway);
    server.channel().await;

    let said = run(
        &["snapshot", "create", "nightly", "--server", &gateway],
        true,
    );
    assert!(said.contains("taken nightly: 30 points"), "{said}");
    assert!(said.contains("taken nightly: 20 points"), "{said}");
    let said = run(&["snapshot", "list", "--server", &gateway], true);
    assert_eq!(said.matches("nightly").count(), 2, "{said}");
    let address = shards[0].address.as_str();
    run(&["snapshot", "create", "--index", address], true);
    let said = run(&["snapshot", "list", "--json", "--index", address], true);
    let lines = said.lines().map(serde_json::from_str::<Value>);
    let lines: Vec<Value> = lines.collect::<Result<_, _>>().unwrap();
    assert_eq!(lines.len(), 2, "{said}");
    assert!(lines.iter().all(|line| line["points"] == 30), "{said}");
    assert!(lines.iter().any(|line| line["name"] == "nightly"), "{said}");
    let said = run(
        &["snapshot", "create", "nightly", "--index", address],
        false,
    );
    assert!(said.contains("exists already"), "{said}");

    // The shard is lost, and comes back from its location alone.
    services[0].child.kill().unwrap();
    services[0].child.wait().unwrap();
    std::fs::remove_dir_all(&shards[0].data).unwrap();
    let (location, data) = (&shards[0].location, &shards[0].data);
    let (location, data) = (location.to_str().unwrap(), data.to_str().unwrap());
    let verify = ["snapshot", "verify", "--from", location];
    assert!(run(&verify, true).contains("sound"));
    let restore = [
        "snapshot", "restore", "--from", location, "--name", "nightly",
    ];
    let restore = [&restore[..], &["--data-dir", data]].concat();
    let said = run(&restore, true);
    assert!(
        said.contains("restored nightly") && said.contains("30 points"),
        "{said}"
    );
    let said = run(&restore, false);
    assert!(said.contains(data) && said.contains("not empty"), "{said}");
    services[0] = shards[0].start();
    assert_eq!(documents(&services[0]).await, truth);

    let delete = ["snapshot", "delete", "nightly", "--index", address];
    assert!(run(&delete, true).contains("deleted nightly"));
    assert!(run(&delete, false).contains("not found"));

    // A damaged file is named, by verify and by restore.
    let mut files = Path::new(location).join("files").read_dir().unwrap();
    let file = files.next().unwrap().unwrap().path();
    std::fs::write(&file, "damaged").unwrap();
    let name = file.file_name().unwrap().to_str().unwrap();
    assert!(run(&verify, false).contains(name));
    let target = base.path().join("elsewhere");
    let target = target.to_str().unwrap();
    let said = run(
        &[
            "snapshot",
            "restore",
            "--from",
            location,
            "--data-dir",
            target,
        ],
        false,
    );
    assert!(said.contains(name), "{said}");
    assert!(!Path::new(target).try_exists().unwrap());
}

#[test]
fn what_cannot_be_restored_is_said() {
    let base = tempfile::tempdir().unwrap();
    let target = base.path().join("target");
    let target = target.to_str().unwrap();
    let restore = |from: &str| {
        run(
            &["snapshot", "restore", "--from", from, "--data-dir", target],
            false,
        )
    };
    let nowhere = base.path().join("nowhere");
    assert!(restore(nowhere.to_str().unwrap()).contains("nowhere"));
    assert!(restore("ftp://host/x").contains("ftp"));
    let said = restore(base.path().to_str().unwrap());
    assert!(said.contains("there is no snapshot"), "{said}");
    let said = run(&["snapshot", "list", "--index", &free_address()], false);
    assert!(said.contains("cannot reach the index"), "{said}");
}
