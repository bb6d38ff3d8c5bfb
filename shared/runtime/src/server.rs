//! The gRPC server that every service runs in.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tonic::body::Body;
use tonic::codegen::{Service, http};
use tonic::server::NamedService;
use tonic::service::{Routes, RoutesBuilder};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::deadline::DeadlineLayer;
use crate::shutdown::Shutdown;

/// Where and how a service listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest message in either direction, in bytes.
    pub max_message_bytes: usize,
    /// Most calls in flight on one connection.
    pub max_concurrent_streams: u32,
    /// Longest wait for calls in flight at shutdown.
    #[serde(with = "humantime_serde")]
    pub drain_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 7400)),
            max_message_bytes: 64 << 20,
            max_concurrent_streams: 512,
            drain_timeout: Duration::from_secs(10),
        }
    }
}

impl ServerConfig {
    /// Returns the defaults on another loopback port.
    pub fn on_port(port: u16) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], port)),
            ..Self::default()
        }
    }
}

/// Takes an address.
///
/// # Errors
/// When the address is in use or not ours.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| BindError { address, source })
}

/// Says that an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address asked for.
    pub address: SocketAddr,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

/// Why serving ended early.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The transport failed.
    #[error("the gRPC transport failed")]
    Transport(#[source] tonic::transport::Error),
    /// The reflection service refused the descriptors.
    #[error("the reflection descriptors are broken")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// Sets the health of services while they run; clones share it.
#[derive(Clone)]
pub struct Health {
    reporter: HealthReporter,
    services: Arc<Mutex<Vec<&'static str>>>,
}

impl Health {
    fn names(&self) -> Vec<&'static str> {
        self.services
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Marks every service of this server, and the server itself (the empty
    /// name), as ready or not.
    pub async fn set_all(&self, ready: bool) {
        let status = if ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for name in self.names() {
            self.reporter.set_service_status(name, status).await;
        }
        self.reporter.set_service_status("", status).await;
    }
}

/// Collects the services of one server, with health and reflection.
pub struct GrpcServer {
    config: ServerConfig,
    routes: RoutesBuilder,
    descriptors: Vec<&'static [u8]>,
    health: Health,
    ready_at_start: bool,
}

impl GrpcServer {
    /// Starts a collection; `descriptors` is the encoded descriptor set that
    /// reflection shows.
    pub fn new(config: &ServerConfig, descriptors: &'static [u8]) -> Self {
        let (reporter, health_service) = tonic_health::server::health_reporter();
        let mut routes = Routes::builder();
        routes.add_service(health_service);
        Self {
            config: config.clone(),
            routes,
            descriptors: vec![descriptors, tonic_health::pb::FILE_DESCRIPTOR_SET],
            health: Health {
                reporter,
                services: Arc::default(),
            },
            ready_at_start: true,
        }
    }

    /// Adds a generated server.
    pub fn add<S>(&mut self, service: S) -> &mut Self
    where
        S: Service<http::Request<Body>, Response = http::Response<Body>, Error = Infallible>
            + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send + 'static,
    {
        self.health
            .services
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(S::NAME);
        self.routes.add_service(service);
        self
    }

    /// Starts not ready: the caller sets [`Health`] when it is.
    pub fn start_not_ready(&mut self) -> &mut Self {
        self.ready_at_start = false;
        self
    }

    /// Returns the handle that sets the health of these services.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Describes the services of this server, and no others of the protocol.
    fn reflection(&self) -> tonic_reflection::server::Builder<'static> {
        let mut builder = tonic_reflection::server::Builder::configure()
            .with_service_name("grpc.health.v1.Health");
        for set in &self.descriptors {
            builder = builder.register_encoded_file_descriptor_set(set);
        }
        for name in self.health.names() {
            builder = builder.with_service_name(name);
        }
        builder
    }

    /// Serves until `shutdown`, then marks everything NOT_SERVING, stops
    /// accepting, and lets calls in flight end within the drain timeout.
    ///
    /// # Errors
    /// When the transport fails.
    pub async fn serve(
        mut self,
        listener: TcpListener,
        shutdown: Shutdown,
    ) -> Result<(), ServeError> {
        // Newer clients ask v1, `ghz` and others still ask v1alpha.
        let v1 = self.reflection().build_v1();
        let v1alpha = self.reflection().build_v1alpha();
        self.routes.add_service(v1.map_err(ServeError::Reflection)?);
        self.routes
            .add_service(v1alpha.map_err(ServeError::Reflection)?);
        self.health.set_all(self.ready_at_start).await;

        let health = self.health.clone();
        let stop = shutdown.clone();
        let serving = tonic::transport::Server::builder()
            .max_concurrent_streams(self.config.max_concurrent_streams)
            .initial_stream_window_size(2 << 20)
            .initial_connection_window_size(16 << 20)
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .layer(DeadlineLayer)
            .add_routes(self.routes.routes())
            .serve_with_incoming_shutdown(
                // tonic sets TCP_NODELAY only on sockets that it accepts itself.
                tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true)),
                async move {
                    stop.wait().await;
                    health.set_all(false).await;
                },
            );
        tokio::pin!(serving);
        tokio::select! {
            ended = &mut serving => return ended.map_err(ServeError::Transport),
            () = shutdown.wait() => {}
        }
        // A silent client can hold graceful shutdown open for ever
        // (hyperium/hyper#4170), so the drain has an end of its own.
        match tokio::time::timeout(self.config.drain_timeout, serving).await {
            Ok(ended) => ended.map_err(ServeError::Transport),
            Err(_) => {
                tracing::warn!(timeout = ?self.config.drain_timeout, "drain timed out, calls were dropped");
                Ok(())
            }
        }
    }
}
