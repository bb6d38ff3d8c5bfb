//! The index over real gRPC.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests and their helpers fail by panicking"
)]

mod api;
mod corruption;
mod crash;
mod erase;
mod lifecycle;
mod measure;
mod refusals;
mod restart;
mod support;
