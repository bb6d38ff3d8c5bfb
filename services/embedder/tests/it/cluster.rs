//! Starts an embedder with the tiny model on a free port.

use std::path::Path;

use tokio::task::JoinHandle;
use tonic::transport::Channel;
use vivier_embedder::{Config, RunError};
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;
use vivier_runtime::{Shutdown, bind};

use crate::tiny;

pub(crate) type Client = EmbedderServiceClient<Channel>;

/// A running embedder; stops when told to.
pub(crate) struct Running {
    pub(crate) client: Client,
    pub(crate) shutdown: Shutdown,
    pub(crate) served: JoinHandle<Result<(), RunError>>,
    _model: tempfile::TempDir,
}

/// Starts an embedder after `change` was made to the tiny model's folder and config.
pub(crate) async fn start(change: impl FnOnce(&Path, &mut Config)) -> Running {
    let model = tempfile::tempdir().unwrap();
    tiny::write_model(model.path());
    let mut config = Config {
        model: model.path().into(),
        threads: 2,
        window_overlap_tokens: 4,
        max_batch_tokens: 512,
        cache: false,
        // What the tests compare with, whatever the processor.
        precision: Some(vivier_encoders::Precision::F32),
        ..Config::default()
    };
    change(model.path(), &mut config);
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = Shutdown::new();
    let served = tokio::spawn(vivier_embedder::run(config, listener, shutdown.clone()));
    let channel = Channel::from_shared(address)
        .unwrap()
        .connect()
        .await
        .unwrap();
    let client = Client::new(channel)
        .max_decoding_message_size(64 << 20)
        .max_encoding_message_size(64 << 20);
    Running {
        client,
        shutdown,
        served,
        _model: model,
    }
}

pub(crate) async fn plain() -> Running {
    start(|_, _| {}).await
}

/// Returns the counters.
pub(crate) async fn stats(running: &Running) -> v1::EmbedderServiceGetStatsResponse {
    let answer = running
        .client
        .clone()
        .get_stats(v1::EmbedderServiceGetStatsRequest {})
        .await;
    answer.unwrap().into_inner()
}

/// Returns a request for candidates' texts, truncation FAIL.
pub(crate) fn request<S: AsRef<str>>(texts: &[S]) -> v1::EmbedRequest {
    let input = |text: &S| v1::EmbedInput {
        text: text.as_ref().into(),
        kind: v1::InputKind::Candidate.into(),
    };
    v1::EmbedRequest {
        inputs: texts.iter().map(input).collect(),
        ..Default::default()
    }
}

pub(crate) fn with_policy(
    mut request: v1::EmbedRequest,
    policy: v1::Truncation,
) -> v1::EmbedRequest {
    request.truncation = policy.into();
    request
}
