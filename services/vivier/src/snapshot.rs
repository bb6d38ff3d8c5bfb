//! `vivier snapshot`: copies of the index, taken while it serves, and their way back.

mod local;
mod remote;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::clients::ServerArgs;
use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier snapshot`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  vivier snapshot create before-upgrade
  vivier snapshot list
  vivier snapshot restore --from s3://bucket/vivier --name before-upgrade \\
      --data-dir vivier-data/index

A snapshot is a copy of an index as it was at one moment, taken while searches and
writes go on. Configure where snapshots go, for each index a location of its own:

  [index.snapshots]
  location = \"/srv/backups/vivier\"     # or s3://bucket/vivier

`vivier up` with several shards puts those of each into LOCATION/shard-0 and so on.
Files that are at the location already are not copied again.")]
pub(crate) struct SnapshotArgs {
    #[command(subcommand)]
    command: SnapshotCommand,
}

#[derive(Clone, Debug, Subcommand)]
enum SnapshotCommand {
    /// Takes a snapshot of every shard.
    Create(CreateArgs),
    /// Lists the snapshots of every shard.
    List(ListArgs),
    /// Deletes a snapshot of every shard, and the files that no other needs.
    Delete(DeleteArgs),
    /// Restores a snapshot into an empty folder; needs no running service.
    Restore(RestoreArgs),
    /// Reads a whole snapshot and checks every byte; needs no running service.
    Verify(VerifyArgs),
}

/// Which indexes are asked.
#[derive(Args, Clone, Debug)]
struct Shards {
    #[command(flatten)]
    server: ServerArgs,
    /// Address of an index, asked instead of those that the gateway knows; once for
    /// each shard.
    #[arg(long, value_name = "ADDR")]
    index: Vec<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier snapshot create
  vivier snapshot create before-upgrade
  vivier snapshot create nightly-1 --index 10.0.0.7:7402 --index 10.0.0.8:7402

Every profile that was acknowledged before is in it. The snapshot is durable when the
command ends well; before that, nothing has its name. Several shards are each taken at
a moment of their own. Ctrl-C stops it; the next one goes on with what was copied.")]
struct CreateArgs {
    /// Name: 1 to 64 of a-z, 0-9, "_", "-" and "."; by default the time, in UTC.
    name: Option<String>,
    #[command(flatten)]
    shards: Shards,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier snapshot list
  vivier snapshot list --json --index 127.0.0.1:7402")]
struct ListArgs {
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    shards: Shards,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  vivier snapshot delete before-upgrade

Snapshots keep what they hold, also profiles that were erased later: delete those that
were taken before an erasure. Where the store keeps versions of objects, it keeps these.")]
struct DeleteArgs {
    /// Name of the snapshot.
    name: String,
    #[command(flatten)]
    shards: Shards,
}

/// A snapshot at a location.
#[derive(Args, Clone, Debug)]
struct Source {
    /// Where it is: a folder, file:///FOLDER or s3://BUCKET/PREFIX.
    #[arg(long, value_name = "LOCATION")]
    from: String,
    /// Its name; the latest by default.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier snapshot restore --from /srv/backups/vivier --data-dir vivier-data/index
  vivier snapshot restore --from s3://bucket/vivier/shard-1 --name before-upgrade \\
      --data-dir vivier-data/index/shard-1

The folder is index.data_dir of the index that will serve it: DIR/index for
`vivier up --data-dir DIR`, DIR/index/shard-0 and so on with several shards. It must be
empty or not there. Every byte is compared with what was written; a damaged file is
named and nothing is left behind. Credentials for s3:// come from the environment:
AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT and others.")]
struct RestoreArgs {
    #[command(flatten)]
    source: Source,
    /// Folder to restore into: index.data_dir of the index that will serve it.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier snapshot verify --from /srv/backups/vivier
  vivier snapshot verify --from s3://bucket/vivier --name before-upgrade

A damaged or missing file is named. Remove it, and the next snapshot stores it anew if
the index still has it; snapshots that need it cannot be restored until then.")]
struct VerifyArgs {
    #[command(flatten)]
    source: Source,
}

/// Runs `vivier snapshot`.
///
/// # Errors
/// When a service refuses, or a location or folder cannot be used.
pub(crate) async fn run(args: &SnapshotArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.command {
        SnapshotCommand::Create(args) => remote::create(args, output).await,
        SnapshotCommand::List(args) => remote::list(args, output).await,
        SnapshotCommand::Delete(args) => remote::delete(args, output).await,
        SnapshotCommand::Restore(args) => local::restore(args, output).await,
        SnapshotCommand::Verify(args) => local::verify(args, output).await,
    }
}

/// Writes bytes for people.
fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// Writes a time, in seconds since 1970, as people read it.
fn time(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).ok();
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or_else(|| "?".to_owned(), |time| time.to_string())
}

/// The progress bar over bytes; on standard error, when that is a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn start() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:32} {percent:>3}%  {bytes}/{total_bytes}  {eta} left";
        // A broken template would leave the plain bar.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    fn set(&self, done: u64, all: u64) {
        self.0.set_length(all);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
