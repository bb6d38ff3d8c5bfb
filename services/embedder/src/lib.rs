//! The embedder: texts in, unit vectors out, over gRPC.
//!
//! A call is checked, answered from the cache as far as that goes, tokenized away from
//! the async threads, and put into a bounded queue; model threads take batches out of
//! it, across callers, interactive work first.

mod admission;
mod cache;
mod config;
mod error;
mod grpc;
mod queue;
mod service;
mod stats;
mod texts;
mod worker;

use std::sync::Arc;

use tokio::net::TcpListener;
use vivier_encoders::{Encoder, Hub, LoadError};
use vivier_proto::DESCRIPTOR_SET;
use vivier_runtime::{GrpcServer, PoolError, ServeError, Shutdown};
use vivier_types::Violation;

pub use config::{Config, HubConfig, default_model_dir};
pub use error::EmbedderError;

use crate::service::Embedder;

/// Why the embedder did not start, or stopped early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A config value breaks a rule.
    #[error("invalid embedder configuration: {0}")]
    Config(Violation),
    /// The model cannot be loaded.
    #[error("cannot load the model")]
    Load(#[source] Box<LoadError>),
    /// The start itself failed: a bug.
    #[error("the start panicked")]
    LoaderLost,
    /// The system refused a thread.
    #[error("cannot start the model thread")]
    Thread(#[source] std::io::Error),
    /// The system refused the threads of a pool.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// Serving failed.
    #[error(transparent)]
    Serve(#[from] ServeError),
}

/// Loads the model, then serves on `listener` until `shutdown`.
///
/// # Errors
///
/// A [`RunError`] for a config, a model folder or a socket that cannot be used.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    config.validate(None).map_err(RunError::Config)?;
    let encoder = load(&config).await?;
    let spec = encoder.spec();
    config
        .validate(Some(spec.max_tokens))
        .map_err(RunError::Config)?;
    tracing::info!(
        model = spec.name,
        fingerprint = spec.fingerprint,
        dim = spec.dim,
        max_tokens = spec.max_tokens,
        device = spec.device,
        precision = %spec.precision,
        "model loaded"
    );
    let server_config = config.server.clone();
    let started = tokio::task::spawn_blocking(move || Embedder::start(config, encoder));
    let (embedder, model_threads) = started.await.map_err(|_| RunError::LoaderLost)??;
    let embedder = Arc::new(embedder);
    let mut server = GrpcServer::new(&server_config, DESCRIPTOR_SET);
    server.add(grpc::server(Arc::clone(&embedder), &server_config));
    let served = server.serve(listener, shutdown).await;
    embedder.stop();
    let ended = tokio::task::spawn_blocking(move || {
        embedder.close();
        let joined = model_threads.into_iter().map(std::thread::JoinHandle::join);
        joined.filter(Result::is_err).count()
    });
    if !matches!(ended.await, Ok(0)) {
        tracing::error!("a model thread did not end in order");
    }
    Ok(served?)
}

/// Loads the model away from the async threads.
async fn load(config: &Config) -> Result<Encoder, RunError> {
    let (source, hub) = (config.model.clone(), Hub::from(&config.hub));
    let config = config.clone();
    let load = move || Encoder::load_source(&source, &hub, &config.encoder_options()?);
    tokio::task::spawn_blocking(load)
        .await
        .map_err(|_| RunError::LoaderLost)?
        .map_err(|error| RunError::Load(Box::new(error)))
}
