//! What every Vivier process needs once: configuration, error codes, telemetry,
//! the gRPC server with health, reflection and a bounded drain, clients with
//! deadlines, and a sized pool for CPU work.

mod client;
mod config;
mod deadline;
mod error;
mod pool;
mod server;
mod shutdown;
mod telemetry;

pub use client::{ClientConfig, ConnectError, connect};
pub use config::{ConfigError, default_cache_dir, load_config};
pub use deadline::Deadline;
pub use error::{ErrorCode, ServiceError, retry_delay, status_from};
pub use pool::{CpuPool, PoolError, Started};
pub use server::{BindError, GrpcServer, Health, ServeError, ServerConfig, bind};
pub use shutdown::Shutdown;
pub use telemetry::{LogFormat, TelemetryConfig, init_telemetry};
