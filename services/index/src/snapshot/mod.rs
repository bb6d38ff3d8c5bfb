//! Snapshots: copies of the index as it was at one moment, taken while it serves.
//!
//! A location, which is a folder or a bucket with a prefix, holds the snapshots of
//! one index:
//!
//! ```text
//! IDENTITY          which index
//! snapshots/NAME    what the files of a snapshot are, and where each goes
//! files/SHA256      the files of all snapshots, each under the hash of its bytes
//! ```
//!
//! The moment lies between two commits of the writer. It is the manifest of that
//! moment, the segments that it names, and the log after what they hold: what a start
//! needs. Segments and closed files of the log never change, so they are copied while
//! the index goes on; it only removes none of them meanwhile. `snapshots/NAME` is
//! written last, so a snapshot is whole or is not there. Since a file's name tells its
//! bytes, a file is stored once, whichever index and segment it comes from, and every
//! reader knows whether it is what was written.

mod clean;
mod contents;
mod copy;
mod create;
mod error;
mod identity;
mod moment;
mod restore;
mod service;
mod store;
#[cfg(test)]
mod tests;

pub use self::contents::SnapshotSummary;
pub(crate) use self::create::{Created, Progress};
pub use self::error::SnapshotError;
pub(crate) use self::moment::{Held, Moment};
pub use self::restore::{SnapshotSource, restore_snapshot, verify_snapshot};
pub(crate) use self::service::Snapshots;
pub(crate) use self::store::Location;
