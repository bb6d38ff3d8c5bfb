//! The reranker: orders a short list by what both sides say, and explains the
//! order.
//!
//! A request brings a query and the profiles that retrieval found, as
//! summaries with their facet scores. The service measures the features of
//! each pair, scores them with a [`vivier_heads::PairScorer`], and returns the
//! best, with the parts of each score and reasons in words when asked. It
//! keeps no state between requests.

mod config;
mod convert;
mod error;
mod grpc;
mod service;

use std::sync::Arc;

use tokio::net::TcpListener;
use vivier_features::Esco;
use vivier_heads::{LinearError, LinearScorer, PairScorer};
use vivier_ontology::OntologyError;
use vivier_proto::DESCRIPTOR_SET;
use vivier_runtime::{CpuPool, GrpcServer, PoolError, ServeError, Shutdown};
use vivier_types::Violation;

pub use config::Config;
pub use error::RerankerError;

use crate::service::Reranker;

/// Why the reranker did not start, or stopped early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A config value breaks a rule.
    #[error("invalid reranker configuration: {0}")]
    Config(Violation),
    /// The linear scorer refuses its config.
    #[error("invalid reranker configuration")]
    Linear(#[from] LinearError),
    /// The ontology cannot be used.
    #[error("cannot load the ontology of reranker.esco.folders")]
    Ontology(#[from] OntologyError),
    /// The system refused the scoring threads.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Builds the scorers, then serves on `listener` until `shutdown`.
///
/// # Errors
/// A [`RunError`] for a config that cannot be used, or when the transport
/// fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    config.validate().map_err(RunError::Config)?;
    let scorer = LinearScorer::new(&config.linear)?;
    tracing::info!(
        model = scorer.name(),
        fingerprint = scorer.fingerprint(),
        "scorer ready"
    );
    let pool = CpuPool::new("rerank", config.threads)?;
    let sources = config.esco.clone();
    let ontology = pool.run(move || sources.load()).await??;
    let esco = ontology.map(Esco::new);
    let server_config = config.server.clone();
    let reranker = Arc::new(Reranker::new(Arc::new(scorer), esco, pool, config));
    let mut server = GrpcServer::new(&server_config, DESCRIPTOR_SET);
    server.add(grpc::server(reranker, &server_config));
    Ok(server.serve(listener, shutdown).await?)
}
