//! The clients of the gateway, and what its refusals mean to a person.

use anyhow::anyhow;
use clap::Args;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vivier_proto::v1;
use vivier_proto::v1::match_service_client::MatchServiceClient;
use vivier_proto::v1::profile_service_client::ProfileServiceClient;
use vivier_runtime::ClientConfig;

/// Where the cluster is.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServerArgs {
    /// Address of the gateway.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7400")]
    pub(crate) server: String,
}

/// A gateway, connected at the first call.
#[derive(Clone, Debug)]
pub(crate) struct Gateway {
    channel: Channel,
    address: String,
    max_message_bytes: usize,
}

impl Gateway {
    /// Names the gateway at `address` (`host:port`).
    ///
    /// # Errors
    /// When the address is no address.
    pub(crate) fn new(address: &str) -> anyhow::Result<Self> {
        let config = ClientConfig::default();
        let channel = vivier_runtime::connect(address, &config)?;
        let max_message_bytes = config.max_message_bytes;
        Ok(Self {
            channel,
            address: address.to_owned(),
            max_message_bytes,
        })
    }

    /// Returns the address as given.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns a client of the profile service.
    pub(crate) fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_bytes)
            .max_encoding_message_size(self.max_message_bytes)
    }

    /// Returns a client of the match service.
    pub(crate) fn matches(&self) -> MatchServiceClient<Channel> {
        MatchServiceClient::new(self.channel.clone())
            .max_decoding_message_size(self.max_message_bytes)
            .max_encoding_message_size(self.max_message_bytes)
    }

    /// Asks how the cluster fares.
    ///
    /// # Errors
    /// What the gateway refused.
    pub(crate) async fn status(&self) -> Result<v1::GetStatusResponse, Status> {
        let response = self.profiles().get_status(v1::GetStatusRequest {}).await?;
        Ok(response.into_inner())
    }

    /// Turns a refusal into an error for people.
    pub(crate) fn refusal(&self, status: &Status) -> anyhow::Error {
        refusal(status, &self.address)
    }
}

/// Says in words what a status means.
pub(crate) fn refusal(status: &Status, address: &str) -> anyhow::Error {
    let source = std::error::Error::source(status);
    let transport = source.is_some_and(|source| source.is::<tonic::transport::Error>());
    let message = status.message();
    match status.code() {
        Code::Unavailable if transport => {
            anyhow!("cannot reach the gateway at {address}: is it running (`vivier up`)?")
        }
        Code::InvalidArgument => anyhow!("invalid request: {message}"),
        Code::NotFound => anyhow!("not found: {message}"),
        Code::FailedPrecondition => anyhow!("not possible in this state: {message}"),
        Code::ResourceExhausted => anyhow!("the cluster is overloaded: {message}"),
        Code::Unavailable => anyhow!("unavailable: {message}"),
        Code::DeadlineExceeded | Code::Cancelled => anyhow!("out of time: {message}"),
        Code::Internal => anyhow!("internal error of the cluster: {message}"),
        Code::Ok
        | Code::Unknown
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::DataLoss
        | Code::Unauthenticated => anyhow!("{}: {message}", status.code()),
    }
}
