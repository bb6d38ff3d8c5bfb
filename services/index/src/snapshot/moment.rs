//! The moment that a snapshot is of, and what keeps its files in place.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::segment::manifest::Manifest;
use crate::writer::Command;

/// The state between two commits, as files: the segments of the manifest, and the
/// log after what they hold. The files stay for as long as this lives.
pub(crate) struct Moment {
    pub(crate) manifest: Manifest,
    /// Files of the log, closed, in order.
    pub(crate) logs: Vec<PathBuf>,
    /// Live points of all collections.
    pub(crate) points: usize,
    pub(crate) _held: Arc<Held>,
}

/// What the writer may not remove.
pub(crate) struct Held {
    /// Numbers of segments.
    pub(crate) segments: BTreeSet<u64>,
    /// The log's operations after this one.
    pub(crate) log_after: u64,
    pub(crate) wake: mpsc::WeakSender<Command>,
}

impl Drop for Held {
    /// Has the writer remove what stayed.
    fn drop(&mut self) {
        if let Some(wake) = self.wake.upgrade() {
            // A full queue wakes it too.
            drop(wake.try_send(Command::Wake));
        }
    }
}
