//! The index over real gRPC.

mod api;
mod crash;
mod measure;
mod restart;
mod support;
