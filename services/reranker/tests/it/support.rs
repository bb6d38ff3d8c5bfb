//! A running reranker and the messages to send it.

use std::time::Duration;

use prost::Message as _;
use tonic::transport::Channel;
use vivier_proto::v1;
use vivier_proto::v1::reranker_service_client::RerankerServiceClient;
use vivier_reranker::{Config, RunError};
use vivier_runtime::{ClientConfig, Shutdown};

/// A reranker on a free port.
pub(crate) struct Running {
    pub(crate) client: RerankerServiceClient<Channel>,
    pub(crate) shutdown: Shutdown,
    pub(crate) served: tokio::task::JoinHandle<Result<(), RunError>>,
}

pub(crate) async fn start(config: Config) -> Running {
    let listener = vivier_runtime::bind("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let shutdown = Shutdown::new();
    let served = tokio::spawn(vivier_reranker::run(config, listener, shutdown.clone()));
    let channel = vivier_runtime::connect(&address, &ClientConfig::default()).unwrap();
    let client = RerankerServiceClient::new(channel)
        .max_decoding_message_size(64 << 20)
        .max_encoding_message_size(64 << 20);
    Running {
        client,
        shutdown,
        served,
    }
}

impl Running {
    pub(crate) async fn stop(self) {
        self.shutdown.trigger();
        let served = tokio::time::timeout(Duration::from_secs(20), self.served).await;
        served.unwrap().unwrap().unwrap();
    }
}

pub(crate) fn skills(names: &[&str]) -> Vec<v1::Skill> {
    names
        .iter()
        .map(|name| v1::Skill {
            name: (*name).to_owned(),
            uri: String::new(),
        })
        .collect()
}

pub(crate) fn candidate(id: &str, text: f32, held: &[&str]) -> v1::RerankCandidate {
    v1::RerankCandidate {
        summary: v1::Summary {
            id: id.to_owned(),
            skills: skills(held),
            ..Default::default()
        }
        .encode_to_vec()
        .into(),
        retrieval_score: text,
        facet_scores: [("text".to_owned(), text)].into(),
    }
}

/// Changes the summary of a candidate.
pub(crate) fn change(candidate: &mut v1::RerankCandidate, change: impl FnOnce(&mut v1::Summary)) {
    let mut summary = v1::Summary::decode(candidate.summary.clone()).unwrap();
    change(&mut summary);
    candidate.summary = summary.encode_to_vec().into();
}

/// Ranks candidates for a vacancy that asks for Rust and SQL.
pub(crate) fn request(candidates: Vec<v1::RerankCandidate>) -> v1::RerankRequest {
    v1::RerankRequest {
        query_kind: v1::ProfileKind::Vacancy.into(),
        query: Some(v1::Summary {
            skills: skills(&["Rust", "SQL"]),
            ..Default::default()
        }),
        candidates,
        ..Default::default()
    }
}
