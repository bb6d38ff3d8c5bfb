//! The index: stores points and finds the best by MUSE.0, the weighted sum,
//! over facets, of dot products.
//!
//! New points are in memory (`tail`), where every search scans them; older ones
//! are in immutable segments (`segment`) with a graph, an inverted index and
//! bitmap indexes. A collection (`collection`) is both; a search (`search`) asks
//! all of them and orders what they give by the exact sum. What is acknowledged
//! is in the operation log (`log`) until a segment holds it. One thread writes
//! (`writer`); segments are made beside it (`jobs`, `merge`), and copied for
//! snapshots (`snapshot`).

mod analysis;
mod catalog;
mod codec;
mod collection;
mod columns;
mod config;
mod convert;
mod dense;
mod engine;
mod erase;
mod error;
mod filter;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod grpc;
mod jobs;
mod log;
mod merge;
mod model;
mod payload;
mod points;
mod read;
mod recall;
mod schema;
mod search;
mod segment;
mod service;
mod snapshot;
mod tail;
#[cfg(test)]
mod testing;
mod topk;
mod update;
mod validate;
mod view;
mod words;
mod writer;

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinError;
use vivier_proto::v1::index_service_server::IndexServiceServer;
use vivier_runtime::{GrpcServer, ServeError, Shutdown};
use vivier_types::Violation;

pub use config::{
    Config, GraphConfig, IndexLimits, LogSync, SegmentsConfig, SnapshotsConfig, WordsConfig,
};
pub use engine::OpenError;
pub use model::{AddedWords, Words};
pub use snapshot::{
    SnapshotError, SnapshotSource, SnapshotSummary, restore_snapshot, verify_snapshot,
};
pub use words::{
    AskedWords, DeadWords, QueryTerm, WordsError, WordsQuery, WordsSegment, WordsSegmentBuilder,
    WordsSource, WordsStatistics,
};

use crate::grpc::Grpc;
use crate::service::IndexService;

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A value of the configuration is out of its range.
    #[error("invalid configuration: {0}")]
    Config(#[source] Violation),
    /// The data folder does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// Opening or closing panicked.
    #[error("the index panicked while opening or closing")]
    Panicked(#[from] JoinError),
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Opens the index, serves it until `shutdown`, and closes it.
///
/// The caller owns the socket and the signal; nothing is answered before
/// everything is loaded.
///
/// # Errors
/// When the configuration is wrong, the data folder is in use or damaged, or
/// the transport fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    config.validate().map_err(RunError::Config)?;
    let server_config = config.server.clone();
    let limits = config.limits.clone();
    let opened = tokio::task::spawn_blocking(move || IndexService::open(config)).await?;
    let service = Arc::new(opened?);
    let grpc = Grpc::new(Arc::clone(&service), limits);
    let limit = server_config.max_message_bytes;
    let generated = IndexServiceServer::new(grpc)
        .max_decoding_message_size(limit)
        .max_encoding_message_size(limit);
    let mut server = GrpcServer::new(&server_config, vivier_proto::DESCRIPTOR_SET);
    server.add(generated);
    let served = server.serve(listener, shutdown).await;
    tokio::task::spawn_blocking(move || service.close()).await?;
    Ok(served?)
}
