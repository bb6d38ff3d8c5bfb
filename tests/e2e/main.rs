//! The whole cluster as real processes, driven through the command line.
//!
//! Tests that run the encoder need the default weights; without them they skip
//! and say so in one line (`make model` fetches them).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken harness must stop the test"
)]

mod bad_input;
mod bench;
mod cluster;
mod durability;
mod embedding;
mod expansion;
mod faithful;
mod knowledge;
mod reflection;
mod reindex;
mod serialisation;
mod shortlist;
mod snapshot;
mod structure;
