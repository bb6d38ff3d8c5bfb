//! `vivier snapshot create`, `list` and `delete`: asked of every shard.

use std::sync::Mutex;

use anyhow::{Context, anyhow, bail};
use futures::future::join_all;
use serde::Serialize;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vivier_proto::v1;
use vivier_proto::v1::create_snapshot_response::Step;
use vivier_proto::v1::index_service_client::IndexServiceClient;
use vivier_runtime::ClientConfig;

use super::{Bar, CreateArgs, DeleteArgs, ListArgs, Shards, bytes, time};
use crate::clients::{Gateway, refusal};
use crate::failure::Outcome;
use crate::output::Output;
use crate::table::{Align, Table};

/// How the gateway calls each shard in its status.
const SHARD: &str = "index";

/// A shard of the index.
struct Index {
    address: String,
    client: IndexServiceClient<Channel>,
}

impl Index {
    fn new(address: &str) -> anyhow::Result<Self> {
        let config = ClientConfig::default();
        let limit = config.max_message_bytes;
        let channel = vivier_runtime::connect(address, &config)?;
        Ok(Self {
            address: address.to_owned(),
            client: IndexServiceClient::new(channel).max_decoding_message_size(limit),
        })
    }

    /// Turns a refusal into an error for people.
    fn refusal(&self, status: &Status) -> anyhow::Error {
        let address = &self.address;
        let source = std::error::Error::source(status);
        if source.is_some_and(|source| source.is::<tonic::transport::Error>()) {
            return anyhow!("cannot reach the index at {address}: is it running?");
        }
        refusal(status, address).context(format!("index {address}"))
    }
}

/// Finds the shards: those named, or those that the gateway knows.
async fn find(shards: &Shards) -> anyhow::Result<Vec<Index>> {
    if !shards.index.is_empty() {
        return shards
            .index
            .iter()
            .map(|address| Index::new(address))
            .collect();
    }
    let gateway = Gateway::new(&shards.server.server)?;
    let status = gateway.status().await;
    let status = status.map_err(|status| gateway.refusal(&status))?;
    let found = status.services.iter();
    let found = found.filter(|service| service.name == SHARD);
    let found: Vec<_> = found.map(|service| Index::new(&service.address)).collect();
    if found.is_empty() {
        bail!(
            "the gateway at {} knows no index: name one with --index",
            gateway.address()
        );
    }
    found.into_iter().collect()
}

/// Takes a snapshot of every shard, all at the same time.
///
/// # Errors
/// When a shard refuses; the others are done nevertheless.
pub(super) async fn create(args: &CreateArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let now = || jiff::Timestamp::now().strftime("%Y%m%d-%H%M%S").to_string();
    let name = args.name.clone().unwrap_or_else(now);
    let shards = find(&args.shards).await?;
    let bars = Bars {
        bar: Bar::start(),
        shards: Mutex::new(vec![(0, 0); shards.len()]),
    };
    let numbered = shards.iter().enumerate();
    let taking = numbered.map(|(number, shard)| take(shard, &name, number, &bars));
    let taken = join_all(taking).await;
    drop(bars);
    let mut failed = None;
    for created in taken {
        match created {
            Ok(created) => {
                let snapshot = created.snapshot.unwrap_or_default();
                output.line(format_args!(
                    "taken {}: {} points, {}, of which {} copied to {}",
                    snapshot.name,
                    snapshot.points,
                    bytes(snapshot.bytes),
                    bytes(created.copied_bytes),
                    created.location
                ))?;
            }
            Err(error) => {
                if let Some(earlier) = failed.replace(error) {
                    crate::report_line(&format!("error: {}", crate::failure::chain(&earlier)));
                }
            }
        }
    }
    failed.map_or(Ok(Outcome::Done), Err)
}

/// One bar over the bytes of all shards.
struct Bars {
    bar: Bar,
    shards: Mutex<Vec<(u64, u64)>>,
}

impl Bars {
    fn set(&self, number: usize, progress: v1::SnapshotProgress) {
        let mut shards = self
            .shards
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(shard) = shards.get_mut(number) {
            *shard = (progress.done_bytes, progress.all_bytes);
        }
        let done = shards.iter().map(|(done, _)| done).sum();
        let all = shards.iter().map(|(_, all)| all).sum();
        self.bar.set(done, all);
    }
}

async fn take(
    shard: &Index,
    name: &str,
    number: usize,
    bars: &Bars,
) -> anyhow::Result<v1::CreatedSnapshot> {
    let request = v1::CreateSnapshotRequest {
        name: name.to_owned(),
    };
    let refused = |status: Status| shard.refusal(&status);
    let stream = shard.client.clone().create_snapshot(request).await;
    let mut stream = stream.map_err(refused)?.into_inner();
    while let Some(message) = stream.message().await.map_err(refused)? {
        match message.step {
            Some(Step::Progress(progress)) => bars.set(number, progress),
            Some(Step::Created(created)) => return Ok(created),
            None => {}
        }
    }
    Err(anyhow!("the answer ended early")).with_context(|| format!("index {}", shard.address))
}

#[derive(Serialize)]
struct SnapshotView<'a> {
    index: &'a str,
    location: &'a str,
    name: String,
    taken_at: String,
    sequence: u64,
    points: u64,
    bytes: u64,
    files: u64,
}

/// Lists the snapshots of every shard, the oldest first.
///
/// # Errors
/// When a shard refuses.
pub(super) async fn list(args: &ListArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    for shard in find(&args.shards).await? {
        let mut client = shard.client.clone();
        let listed = client.list_snapshots(v1::ListSnapshotsRequest {}).await;
        let listed = listed
            .map_err(|status| shard.refusal(&status))?
            .into_inner();
        if args.json {
            for snapshot in listed.snapshots {
                let view = SnapshotView {
                    index: &shard.address,
                    location: &listed.location,
                    name: snapshot.name,
                    taken_at: time(snapshot.taken_at),
                    sequence: snapshot.sequence,
                    points: snapshot.points,
                    bytes: snapshot.bytes,
                    files: snapshot.files,
                };
                output.line(format_args!("{}", serde_json::to_string(&view)?))?;
            }
            continue;
        }
        output.line(format_args!(
            "index {} in {}",
            shard.address, listed.location
        ))?;
        let mut table = Table::new(&[("name", Align::Left), ("taken", Align::Left)]);
        table.column("points", Align::Right);
        table.column("bytes", Align::Right);
        for snapshot in &listed.snapshots {
            table.row(vec![
                snapshot.name.clone(),
                time(snapshot.taken_at),
                snapshot.points.to_string(),
                bytes(snapshot.bytes),
            ]);
        }
        for line in table.lines() {
            output.line(format_args!("{line}"))?;
        }
    }
    Ok(Outcome::Done)
}

/// Deletes a snapshot of every shard; one that has none of that name makes the exit
/// status 1.
///
/// # Errors
/// When a shard refuses.
pub(super) async fn delete(args: &DeleteArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::Done;
    for shard in find(&args.shards).await? {
        let request = v1::DeleteSnapshotRequest {
            name: args.name.clone(),
        };
        match shard.client.clone().delete_snapshot(request).await {
            Ok(deleted) => output.line(format_args!(
                "deleted {} of index {}: {} freed",
                args.name,
                shard.address,
                bytes(deleted.into_inner().freed_bytes)
            ))?,
            Err(status) if status.code() == Code::NotFound => {
                output.line(format_args!(
                    "{} {}",
                    output.red("not found"),
                    status.message()
                ))?;
                outcome = Outcome::Rejected;
            }
            Err(status) => return Err(shard.refusal(&status)),
        }
    }
    Ok(outcome)
}
