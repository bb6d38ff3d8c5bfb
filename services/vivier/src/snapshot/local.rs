//! `vivier snapshot restore` and `verify`: without any service.

use vivier_index::{SnapshotSource, SnapshotSummary, restore_snapshot, verify_snapshot};

use super::{Bar, RestoreArgs, Source, VerifyArgs, bytes, time};
use crate::failure::Outcome;
use crate::output::Output;

impl From<&Source> for SnapshotSource {
    fn from(source: &Source) -> Self {
        Self {
            location: source.from.clone(),
            name: source.name.clone(),
        }
    }
}

/// Restores a snapshot into an empty folder.
///
/// # Errors
/// When there is none, the folder holds something, or a file is damaged.
pub(super) async fn restore(args: &RestoreArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let bar = Bar::start();
    let source = SnapshotSource::from(&args.source);
    let restored = restore_snapshot(&source, &args.data_dir, |done, all| bar.set(done, all)).await;
    drop(bar);
    let restored = restored?;
    output.line(format_args!(
        "restored {} into {}",
        describe(&restored),
        args.data_dir.display()
    ))?;
    Ok(Outcome::Done)
}

/// Reads a whole snapshot.
///
/// # Errors
/// When there is none, or a file is damaged.
pub(super) async fn verify(args: &VerifyArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let bar = Bar::start();
    let source = SnapshotSource::from(&args.source);
    let verified = verify_snapshot(&source, |done, all| bar.set(done, all)).await;
    drop(bar);
    output.line(format_args!("sound: {}", describe(&verified?)))?;
    Ok(Outcome::Done)
}

fn describe(snapshot: &SnapshotSummary) -> String {
    format!(
        "{} of {}: {} points, {} in {} files",
        snapshot.name,
        time(snapshot.taken_at),
        snapshot.points,
        bytes(snapshot.bytes),
        snapshot.files
    )
}
