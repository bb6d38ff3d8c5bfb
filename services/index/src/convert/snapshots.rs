//! The messages about snapshots.

use vivier_proto::v1;

use crate::snapshot::{Created, SnapshotSummary};

/// Writes what a snapshot is.
pub(crate) fn snapshot_message(snapshot: SnapshotSummary) -> v1::Snapshot {
    v1::Snapshot {
        name: snapshot.name,
        taken_at: snapshot.taken_at,
        sequence: snapshot.sequence,
        points: snapshot.points,
        bytes: snapshot.bytes,
        files: snapshot.files,
    }
}

/// Writes how far a snapshot is: bytes done, and all of them.
pub(crate) fn progress_message((done, all): (u64, u64)) -> v1::CreateSnapshotResponse {
    let progress = v1::SnapshotProgress {
        done_bytes: done,
        all_bytes: all,
    };
    step_message(v1::create_snapshot_response::Step::Progress(progress))
}

/// Writes the end of taking a snapshot.
pub(crate) fn created_message(created: Created) -> v1::CreateSnapshotResponse {
    let created = v1::CreatedSnapshot {
        snapshot: Some(snapshot_message(created.snapshot)),
        copied_bytes: created.copied_bytes,
        location: created.location,
    };
    step_message(v1::create_snapshot_response::Step::Created(created))
}

fn step_message(step: v1::create_snapshot_response::Step) -> v1::CreateSnapshotResponse {
    v1::CreateSnapshotResponse { step: Some(step) }
}
