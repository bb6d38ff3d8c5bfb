//! A gateway on port 0 with its fakes, and clients of it.

use std::time::Duration;

use tokio::net::TcpListener;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;
use vivier_gateway::Config;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_server::EmbedderServiceServer;
use vivier_proto::v1::index_service_server::IndexServiceServer;
use vivier_proto::v1::match_service_client::MatchServiceClient;
use vivier_proto::v1::profile_service_client::ProfileServiceClient;
use vivier_proto::v1::reranker_service_server::RerankerServiceServer;
use vivier_runtime::{GrpcServer, ServerConfig, Shutdown};

use crate::fakes::{FakeEmbedder, FakeIndex, FakeReranker, Fault};

/// Everything that one test runs; stops when dropped.
pub(crate) struct World {
    pub(crate) embedder: FakeEmbedder,
    pub(crate) shards: Vec<FakeIndex>,
    pub(crate) reranker: FakeReranker,
    pub(crate) profiles: ProfileServiceClient<Channel>,
    pub(crate) matches: MatchServiceClient<Channel>,
    pub(crate) health: HealthClient<Channel>,
    shutdown: Shutdown,
}

impl Drop for World {
    fn drop(&mut self) {
        self.shutdown.trigger();
    }
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Serves a generated server in the background and returns its address.
macro_rules! serve {
    ($service:expr, $shutdown:expr) => {{
        let (listener, address) = listen().await;
        let mut server = GrpcServer::new(&ServerConfig::default(), vivier_proto::DESCRIPTOR_SET);
        server.add($service);
        tokio::spawn(server.serve(listener, $shutdown.clone()));
        address
    }};
}

/// Serves one more embedder while the process lives; returns its address.
pub(crate) async fn serve_embedder(embedder: FakeEmbedder) -> String {
    let shutdown = Shutdown::new();
    serve!(EmbedderServiceServer::new(embedder), shutdown)
}

impl World {
    /// Starts a gateway with this many shards and waits until it is ready.
    pub(crate) async fn start(shards: usize) -> Self {
        Self::start_with(shards, FakeReranker::default(), |_| {}).await
    }

    /// Starts a gateway whose configuration is changed.
    pub(crate) async fn start_with(
        shards: usize,
        reranker: FakeReranker,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let mut world =
            Self::start_unready(shards, reranker, FakeEmbedder::default(), change).await;
        world.wait_for_health(ServingStatus::Serving).await;
        world
    }

    /// Starts a gateway and does not wait for it.
    pub(crate) async fn start_unready(
        shards: usize,
        reranker: FakeReranker,
        embedder: FakeEmbedder,
        change: impl FnOnce(&mut Config),
    ) -> Self {
        let shutdown = Shutdown::new();
        let shards: Vec<FakeIndex> = (0..shards).map(|_| FakeIndex::default()).collect();
        let mut config = Config {
            embedder: serve!(EmbedderServiceServer::new(embedder.clone()), shutdown),
            reranker: serve!(RerankerServiceServer::new(reranker.clone()), shutdown),
            shards: Vec::new(),
            health_interval: Duration::from_millis(20),
            cpu_threads: 1,
            ..Config::default()
        };
        for shard in &shards {
            config
                .shards
                .push(serve!(IndexServiceServer::new(shard.clone()), shutdown));
        }
        change(&mut config);
        let (listener, address) = listen().await;
        tokio::spawn(vivier_gateway::run(config, listener, shutdown.clone()));
        let channel = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        Self {
            embedder,
            shards,
            reranker,
            profiles: ProfileServiceClient::new(channel.clone()),
            matches: MatchServiceClient::new(channel.clone()),
            health: HealthClient::new(channel),
            shutdown,
        }
    }

    /// Waits until the health of `MatchService` is as wanted.
    pub(crate) async fn wait_for_health(&mut self, wanted: ServingStatus) {
        for _ in 0..500 {
            let service = "vivier.v1.MatchService".to_owned();
            let request = tonic_health::pb::HealthCheckRequest { service };
            let answer = self.health.check(request).await.unwrap().into_inner();
            if answer.status == i32::from(wanted) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("health did not become {wanted:?}");
    }

    /// Waits until the gateway has looked at its services more often than it takes
    /// to become unready.
    pub(crate) async fn wait_for_looks(&self) {
        let looks = || *self.embedder.looks.lock().unwrap();
        let enough = looks() + 6;
        for _ in 0..500 {
            if looks() >= enough {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the gateway does not look at its services");
    }

    /// Sends requests of profiles in one stream; returns the answers as
    /// `id:outcome`, or the failure.
    pub(crate) async fn upsert(
        &mut self,
        requests: Vec<Vec<v1::Profile>>,
    ) -> Result<Vec<String>, Status> {
        let results = self.upsert_results(requests).await?;
        let show = |result: v1::UpsertResult| {
            let outcome = v1::UpsertOutcome::try_from(result.outcome).unwrap();
            let name = outcome
                .as_str_name()
                .trim_start_matches("UPSERT_OUTCOME_")
                .to_lowercase();
            format!("{}:{name}", result.id)
        };
        Ok(results.into_iter().map(show).collect())
    }

    /// Sends requests of profiles in one stream; returns all results.
    pub(crate) async fn upsert_results(
        &mut self,
        requests: Vec<Vec<v1::Profile>>,
    ) -> Result<Vec<v1::UpsertResult>, Status> {
        let messages = requests
            .into_iter()
            .map(|profiles| v1::UpsertProfilesRequest { profiles });
        let stream = futures::stream::iter(messages.collect::<Vec<_>>());
        let mut answers = self.profiles.upsert_profiles(stream).await?.into_inner();
        let mut results = Vec::new();
        while let Some(answer) = answers.message().await? {
            results.extend(answer.results);
        }
        Ok(results)
    }

    /// Stores three cooks' rivals: profiles "a" to "f" with texts that differ.
    pub(crate) async fn fill(&mut self) {
        let texts = [
            ("a", "cook in a kitchen with sauces"),
            ("b", "driver of heavy lorries"),
            ("c", "kitchen help and cook"),
            ("d", "nurse at night"),
            ("e", "accountant for small firms"),
            ("f", "pastry cook"),
        ];
        let profiles = texts.map(|(id, text)| candidate(id, text)).to_vec();
        let stored = self.upsert(vec![profiles]).await.unwrap();
        assert!(
            stored.iter().all(|result| result.ends_with(":inserted")),
            "{stored:?}"
        );
        let vacancy = vacancy("v1", "cook for our kitchen");
        assert_eq!(
            self.upsert(vec![vec![vacancy]]).await.unwrap(),
            ["v1:inserted"]
        );
    }

    /// Searches candidates for the stored vacancy "v1".
    pub(crate) async fn search(
        &mut self,
        options: v1::MatchOptions,
    ) -> Result<v1::SearchCandidatesResponse, Status> {
        let query = v1::search_candidates_request::Query::VacancyId("v1".to_owned());
        self.search_by(query, options).await
    }

    /// Searches candidates by any query.
    pub(crate) async fn search_by(
        &mut self,
        query: v1::search_candidates_request::Query,
        options: v1::MatchOptions,
    ) -> Result<v1::SearchCandidatesResponse, Status> {
        let request = v1::SearchCandidatesRequest {
            query: Some(query),
            options: Some(options),
        };
        Ok(self.matches.search_candidates(request).await?.into_inner())
    }

    /// Switches a fault of every shard.
    pub(crate) fn break_shards(&self, fault: Fault) {
        for shard in &self.shards {
            *shard.fault.lock().unwrap() = fault;
        }
    }
}

/// Makes a candidate with a text.
pub(crate) fn candidate(id: &str, text: &str) -> v1::Profile {
    edit_candidate(id, text, |_| {})
}

/// Makes a candidate with a text and more.
pub(crate) fn edit_candidate(
    id: &str,
    text: &str,
    edit: impl FnOnce(&mut v1::Candidate),
) -> v1::Profile {
    let mut candidate = v1::Candidate {
        id: id.to_owned(),
        text: text.to_owned(),
        ..Default::default()
    };
    edit(&mut candidate);
    v1::Profile {
        kind: Some(v1::profile::Kind::Candidate(candidate)),
    }
}

/// Makes a vacancy with a description.
pub(crate) fn vacancy(id: &str, text: &str) -> v1::Profile {
    let vacancy = v1::Vacancy {
        id: id.to_owned(),
        description: text.to_owned(),
        ..Default::default()
    };
    v1::Profile {
        kind: Some(v1::profile::Kind::Vacancy(vacancy)),
    }
}

/// Returns the ids of results, in order.
pub(crate) fn ids(results: &[v1::MatchResult]) -> Vec<&str> {
    results.iter().map(|result| result.id.as_str()).collect()
}

/// Returns the stages that a report calls degraded.
pub(crate) fn degraded(report: &Option<v1::MatchReport>) -> Vec<&str> {
    let report = report.as_ref().unwrap();
    report
        .degradations
        .iter()
        .map(|one| one.stage.as_str())
        .collect()
}

/// Returns the code of a refusal and the field that it names.
pub(crate) fn refusal(status: &Status) -> (Code, String) {
    let details = status.get_details_bad_request();
    let field = details.and_then(|details| Some(details.field_violations.first()?.field.clone()));
    (status.code(), field.unwrap_or_default())
}
