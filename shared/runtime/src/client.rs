//! Channels to the other services.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};

/// How this process talks to another service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClientConfig {
    /// Longest wait for a connection.
    #[serde(with = "humantime_serde")]
    pub connect_timeout: Duration,
    /// Time between keepalive pings on an idle connection.
    #[serde(with = "humantime_serde")]
    pub keepalive: Duration,
    /// Largest message in either direction, in bytes.
    pub max_message_bytes: usize,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(2),
            keepalive: Duration::from_secs(20),
            max_message_bytes: 64 << 20,
        }
    }
}

/// Opens a channel that connects at the first call and reconnects by itself.
///
/// `address` is `host:port` or `http://host:port`.
///
/// # Errors
/// When the address is no address.
pub fn connect(address: &str, config: &ClientConfig) -> Result<Channel, ConnectError> {
    let uri = if address.contains("://") {
        address.to_owned()
    } else {
        format!("http://{address}")
    };
    let endpoint = Endpoint::from_shared(uri)
        .map_err(|source| ConnectError {
            address: address.to_owned(),
            source,
        })?
        .connect_timeout(config.connect_timeout)
        .http2_keep_alive_interval(config.keepalive)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .initial_stream_window_size(2 << 20)
        .initial_connection_window_size(16 << 20);
    Ok(endpoint.connect_lazy())
}

/// Says that a text is no address.
#[derive(Debug, thiserror::Error)]
#[error("{address:?} is not an address of the form host:port")]
pub struct ConnectError {
    /// The refused text.
    pub address: String,
    /// What is wrong with it.
    #[source]
    pub source: tonic::transport::Error,
}
