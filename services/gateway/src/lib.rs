//! The gateway: the public services of Vivier.
//!
//! It stores profiles (check, embed, place on a shard) and matches one side
//! with the other (embed, search every shard, merge, rerank, explain). It keeps
//! nothing itself: several gateways can stand side by side.
//!
//! The gateway's work is to carry values of the protocol between services, so
//! messages of `vivier-proto` are its values inside too, wherever converting
//! them to a type of its own would only copy fields; profiles, which it checks
//! field by field, are `vivier-types`. Nothing of the transport leaves
//! `grpc.rs` and `clients.rs`.

mod catalog;
mod clients;
mod cluster;
mod config;
mod draft;
mod embed;
mod error;
mod evidence;
mod expansion;
mod explain;
mod filter;
mod grpc;
mod matching;
mod merge;
mod options;
mod ordered;
mod points;
mod query;
mod records;
mod reindex;
mod report;
mod rerank;
mod search;
mod shards;
mod status;
mod upsert;
mod validate;

use std::sync::Arc;

use tokio::net::TcpListener;
use vivier_features::KnowledgeError;
use vivier_proto::v1::match_service_server::MatchServiceServer;
use vivier_proto::v1::profile_service_server::ProfileServiceServer;
use vivier_runtime::{ConnectError, CpuPool, GrpcServer, PoolError, ServeError, Shutdown};

pub use config::{Config, ConfigViolation, StageShares};

use crate::cluster::Cluster;
use crate::grpc::Gateway;

/// Why the gateway did not start or stopped early.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A configuration value breaks a rule.
    #[error(transparent)]
    Config(#[from] ConfigViolation),
    /// The address of a service is no address.
    #[error("cannot use the address of a service")]
    Connect(#[from] ConnectError),
    /// The ontology or the gazetteer cannot be used.
    #[error("cannot load what gateway.knowledge names")]
    Knowledge(#[from] KnowledgeError),
    /// The CPU threads did not start.
    #[error("cannot start the CPU pool")]
    Pool(#[from] PoolError),
    /// Serving failed.
    #[error("serving failed")]
    Serve(#[from] ServeError),
}

/// Serves on `listener` until `shutdown`.
///
/// The other services may be away: the gateway is not ready until the embedder
/// and a shard of the index answer, and keeps looking for them.
///
/// # Errors
/// When the configuration is invalid, before anything is served, or when the
/// transport fails.
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    config.validate()?;
    let pool = CpuPool::new("gateway-cpu", config.cpu_threads)?;
    let sources = config.knowledge.clone();
    let load = move || {
        let knowledge = sources.load()?;
        query::warm_up(&knowledge);
        Ok::<_, KnowledgeError>(knowledge)
    };
    let knowledge = pool.run(load).await??;
    let cluster = Arc::new(Cluster::connect(&config, pool, knowledge)?);
    let gateway = Gateway::new(Arc::clone(&cluster));
    let limit = config.server.max_message_bytes;

    let mut server = GrpcServer::new(&config.server, vivier_proto::DESCRIPTOR_SET);
    server.start_not_ready();
    server.add(
        ProfileServiceServer::new(gateway.clone())
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit),
    );
    server.add(
        MatchServiceServer::new(gateway)
            .max_decoding_message_size(limit)
            .max_encoding_message_size(limit),
    );
    let watcher = tokio::spawn(status::watch(cluster, server.health(), shutdown.clone()));
    let served = server.serve(listener, shutdown).await;
    watcher.abort();
    Ok(served?)
}
