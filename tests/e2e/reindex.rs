//! The change of the model over real shards, with embedders that only count letters.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Request, Response, Status, Streaming};
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_server::{EmbedderService, EmbedderServiceServer};
use vivier_proto::v1::index_service_client::IndexServiceClient;
use vivier_proto::v1::match_service_client::MatchServiceClient;
use vivier_proto::v1::profile_service_client::ProfileServiceClient;
use vivier_runtime::{GrpcServer, ServerConfig, Shutdown};

use crate::cluster::PATIENCE;

/// Counts the letters of a text, in so many numbers.
#[derive(Clone)]
struct Letters {
    dim: u8,
}

impl Letters {
    fn model(&self) -> v1::ModelVersion {
        v1::ModelVersion {
            name: format!("letters-{}", self.dim),
            fingerprint: format!("letters-{}-fingerprint", self.dim),
        }
    }

    fn encode(&self, text: &str) -> v1::Embedding {
        let mut values = vec![0.0_f32; usize::from(self.dim)];
        for byte in text.to_lowercase().bytes() {
            values[usize::from(byte % self.dim)] += 1.0;
        }
        let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
        values.iter_mut().for_each(|value| *value /= norm);
        v1::Embedding {
            values,
            ..v1::Embedding::default()
        }
    }
}

#[tonic::async_trait]
impl EmbedderService for Letters {
    type EmbedStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::EmbedStreamResponse, Status>> + Send>>;

    async fn embed(
        &self,
        request: Request<v1::EmbedRequest>,
    ) -> Result<Response<v1::EmbedResponse>, Status> {
        let inputs = request.into_inner().inputs;
        Ok(Response::new(v1::EmbedResponse {
            embeddings: inputs
                .iter()
                .map(|input| self.encode(&input.text))
                .collect(),
            model: Some(self.model()),
            ..v1::EmbedResponse::default()
        }))
    }

    async fn embed_stream(
        &self,
        _: Request<Streaming<v1::EmbedStreamRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn get_info(
        &self,
        _: Request<v1::EmbedderServiceGetInfoRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetInfoResponse>, Status> {
        let model = v1::EmbedderModel {
            version: Some(self.model()),
            dim: self.dim.into(),
            ..v1::EmbedderModel::default()
        };
        Ok(Response::new(v1::EmbedderServiceGetInfoResponse {
            models: vec![model],
            max_batch_inputs: 64,
            max_text_bytes: 100_000,
            max_batch_tokens: 0,
        }))
    }

    async fn get_stats(
        &self,
        _: Request<v1::EmbedderServiceGetStatsRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetStatsResponse>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }
}

/// Services in this process, on free ports.
struct World {
    shutdown: Shutdown,
    shards: Vec<String>,
    tasks: Vec<JoinHandle<()>>,
    channel: Channel,
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Folders of the shards.
const SHARDS: [&str; 2] = ["1", "2"];

async fn start_shard(folder: &Path, shutdown: &Shutdown) -> (String, JoinHandle<()>) {
    let (listener, address) = listen().await;
    let mut config = vivier_index::Config {
        data_dir: folder.to_owned(),
        search_threads: 2,
        ..vivier_index::Config::default()
    };
    config.segments.seal_points = 64;
    config.graph.scan_points = 16;
    let served = vivier_index::run(config, listener, shutdown.clone());
    (address, tokio::spawn(async { served.await.unwrap() }))
}

impl World {
    /// Starts two shards below a folder, two embedders and a gateway.
    async fn start(folder: &Path) -> Self {
        let (shutdown, mut tasks) = (Shutdown::new(), Vec::new());
        let mut embedders = Vec::new();
        for dim in [8, 12] {
            let (listener, address) = listen().await;
            let mut server =
                GrpcServer::new(&ServerConfig::default(), vivier_proto::DESCRIPTOR_SET);
            server.add(EmbedderServiceServer::new(Letters { dim }));
            let served = server.serve(listener, shutdown.clone());
            tasks.push(tokio::spawn(async { served.await.unwrap() }));
            embedders.push(address);
        }
        let mut shards = Vec::new();
        for shard in SHARDS {
            let (address, task) = start_shard(&folder.join(shard), &shutdown).await;
            tasks.push(task);
            shards.push(address);
        }
        let (listener, address) = listen().await;
        let config = vivier_gateway::Config {
            embedder: embedders[0].clone(),
            next_embedder: embedders[1].clone(),
            shards: shards.clone(),
            health_interval: Duration::from_millis(50),
            ..vivier_gateway::Config::default()
        };
        let served = vivier_gateway::run(config, listener, shutdown.clone());
        tasks.push(tokio::spawn(async { served.await.unwrap() }));
        let channel = Channel::from_shared(format!("http://{address}")).unwrap();
        let world = Self {
            shutdown,
            shards,
            tasks,
            channel: channel.connect().await.unwrap(),
        };
        world.wait_until_ready().await;
        world
    }

    async fn wait_until_ready(&self) {
        let started = Instant::now();
        loop {
            let status = self.profiles().get_status(v1::GetStatusRequest {}).await;
            let services = status.unwrap().into_inner().services;
            let mut needed = services.iter().filter(|service| service.name != "reranker");
            if needed.all(|service| service.ready) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{services:?}");
        }
    }

    fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
    }

    fn matches(&self) -> MatchServiceClient<Channel> {
        MatchServiceClient::new(self.channel.clone())
    }

    async fn stop(self) {
        drop(self.channel);
        self.shutdown.trigger();
        for task in self.tasks {
            task.await.unwrap();
        }
    }

    /// Returns the ids of all stored candidates.
    async fn stored(&self) -> BTreeSet<String> {
        let (mut ids, mut page_token) = (BTreeSet::new(), String::new());
        loop {
            let request = v1::ListProfilesRequest {
                kind: v1::ProfileKind::Candidate.into(),
                page_size: 1_000,
                page_token,
                filter: None,
            };
            let page = self.profiles().list_profiles(request).await.unwrap();
            let page = page.into_inner();
            ids.extend(page.profiles.into_iter().filter_map(id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return ids;
            }
        }
    }
}

fn id(profile: v1::Profile) -> Option<String> {
    match profile.kind {
        Some(v1::profile::Kind::Candidate(candidate)) => Some(candidate.id),
        Some(v1::profile::Kind::Vacancy(_)) | None => None,
    }
}

fn candidate(number: usize, round: usize) -> v1::Profile {
    let trades = ["cook", "nurse", "driver of lorries", "accountant"];
    let trade = trades[number % trades.len()];
    v1::Profile {
        kind: Some(v1::profile::Kind::Candidate(v1::Candidate {
            id: format!("c{number:04}"),
            text: format!("{trade} number {number} in round {round}"),
            ..v1::Candidate::default()
        })),
    }
}

async fn upsert(profiles: &mut ProfileServiceClient<Channel>, batch: Vec<v1::Profile>) {
    let request = v1::UpsertProfilesRequest { profiles: batch };
    let answers = profiles
        .upsert_profiles(futures::stream::iter([request]))
        .await;
    let answer = answers
        .unwrap()
        .into_inner()
        .message()
        .await
        .unwrap()
        .unwrap();
    let rejected = i32::from(v1::UpsertOutcome::Rejected);
    assert!(
        answer
            .results
            .iter()
            .all(|result| result.outcome != rejected)
    );
}

async fn find(matches: &mut MatchServiceClient<Channel>) -> v1::SearchCandidatesResponse {
    let query = v1::search_candidates_request::Query::VacancyId("v1".to_owned());
    let options = v1::MatchOptions {
        k: Some(50),
        skip_rerank: true,
        ..v1::MatchOptions::default()
    };
    let request = v1::SearchCandidatesRequest {
        query: Some(query),
        options: Some(options),
    };
    matches
        .search_candidates(request)
        .await
        .unwrap()
        .into_inner()
}

fn models(answer: &v1::SearchCandidatesResponse) -> Vec<String> {
    let report = answer.report.as_ref().unwrap();
    report
        .models
        .iter()
        .map(|model| model.name.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_model_takes_over_without_a_stop() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path()).await;
    let mut profiles = world.profiles();
    let mut expected = BTreeSet::new();
    for start in (0..400).step_by(100) {
        let batch: Vec<_> = (start..start + 100).map(|n| candidate(n, 0)).collect();
        upsert(&mut profiles, batch).await;
        expected.extend((start..start + 100).map(|n| format!("c{n:04}")));
    }
    upsert(&mut profiles, vec![vacancy()]).await;
    assert_eq!(models(&find(&mut world.matches()).await), ["letters-8"]);

    let done = Arc::new(AtomicBool::new(false));
    let matching = {
        let (mut matches, done) = (world.matches(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Acquire) {
                let answer = find(&mut matches).await;
                let report = answer.report.as_ref().unwrap();
                assert!(report.degradations.is_empty(), "{report:?}");
                assert_eq!((report.shards_answered, answer.results.len()), (2, 50));
                seen.extend(models(&answer));
            }
            seen
        })
    };
    let writing = {
        let (mut profiles, done) = (world.profiles(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut round = 0;
            while !done.load(Ordering::Acquire) {
                round += 1;
                // One is new, one is written anew, one goes.
                let batch = vec![
                    candidate(1_000 + round, round),
                    candidate(200 + round, round),
                ];
                upsert(&mut profiles, batch).await;
                let request = v1::DeleteProfileRequest {
                    kind: v1::ProfileKind::Candidate.into(),
                    id: format!("c{:04}", round - 1),
                    erase: false,
                };
                if round <= 100 {
                    profiles.delete_profile(request).await.unwrap();
                }
            }
            round
        })
    };
    let request = v1::ReindexRequest { drop_old: true };
    let answers = profiles.reindex(request).await.unwrap().into_inner();
    let said: Vec<_> = answers.map(Result::unwrap).collect().await;
    let last = said.last().unwrap();
    assert!(last.done && last.written >= 300, "{last:?}");
    done.store(true, Ordering::Release);
    assert!(matching.await.unwrap().contains("letters-8"));
    let rounds = writing.await.unwrap();
    for round in 1..=rounds {
        expected.insert(format!("c{:04}", 1_000 + round));
        expected.insert(format!("c{:04}", 200 + round));
        if round <= 100 {
            expected.remove(&format!("c{:04}", round - 1));
        }
    }
    assert_eq!(world.stored().await, expected);
    assert_eq!(models(&find(&mut world.matches()).await), ["letters-12"]);
    check_shards(&world).await;
    world.stop().await;

    // The new model serves after a restart too.
    let world = World::start(folder.path()).await;
    assert_eq!(world.stored().await, expected);
    let answer = find(&mut world.matches()).await;
    assert_eq!(
        (models(&answer), answer.results.len()),
        (vec!["letters-12".to_owned()], 50)
    );
    world.stop().await;
}

/// Checks that every shard holds the collections of one model, under aliases.
async fn check_shards(world: &World) {
    for address in &world.shards {
        let client = IndexServiceClient::connect(format!("http://{address}"));
        let mut client = client.await.unwrap();
        let listed = client.list_collections(v1::ListCollectionsRequest {}).await;
        let listed = listed.unwrap().into_inner().collections;
        assert_eq!(listed.len(), 3, "{listed:?}");
        let aliases = client.list_aliases(v1::ListAliasesRequest {}).await;
        for alias in aliases.unwrap().into_inner().aliases {
            let spec = listed.iter().find(|spec| spec.name == alias.collection);
            let fingerprint = &spec.unwrap().model_fingerprint;
            assert_eq!(fingerprint, "letters-12-fingerprint", "{alias:?}");
        }
    }
}

/// Makes the collections of both shards anew with fewer facets, as an earlier version had them.
async fn make_earlier(folder: &Path, facets: &[&str]) {
    for shard in SHARDS {
        let shutdown = Shutdown::new();
        let (address, task) = start_shard(&folder.join(shard), &shutdown).await;
        let client = IndexServiceClient::connect(format!("http://{address}"));
        let mut client = client.await.unwrap();
        let aliases = client.list_aliases(v1::ListAliasesRequest {}).await;
        let aliases = aliases.unwrap().into_inner().aliases;
        let listed = client.list_collections(v1::ListCollectionsRequest {}).await;
        for mut spec in listed.unwrap().into_inner().collections {
            let of_it = aliases.iter().filter(|alias| alias.collection == spec.name);
            let of_it: Vec<v1::Alias> = of_it.cloned().collect();
            for alias in &of_it {
                let request = v1::RemoveAliasRequest {
                    alias: alias.alias.clone(),
                };
                client.remove_alias(request).await.unwrap();
            }
            let request = v1::DeleteCollectionRequest {
                collection: spec.name.clone(),
            };
            client.delete_collection(request).await.unwrap();
            spec.facets
                .retain(|facet| facets.contains(&facet.name.as_str()));
            let request = v1::CreateCollectionRequest { spec: Some(spec) };
            client.create_collection(request).await.unwrap();
            if !of_it.is_empty() {
                let request = v1::SetAliasesRequest {
                    aliases: of_it,
                    ..v1::SetAliasesRequest::default()
                };
                client.set_aliases(request).await.unwrap();
            }
        }
        drop(client);
        shutdown.trigger();
        task.await.unwrap();
    }
}

/// Stores 60 candidates and a vacancy.
async fn store(world: &World) {
    let mut profiles = world.profiles();
    upsert(&mut profiles, (0..60).map(|n| candidate(n, 0)).collect()).await;
    upsert(&mut profiles, vec![vacancy()]).await;
}

fn vacancy() -> v1::Profile {
    let vacancy = v1::Vacancy {
        id: "v1".to_owned(),
        description: "a cook for our kitchen".to_owned(),
        ..v1::Vacancy::default()
    };
    let kind = Some(v1::profile::Kind::Vacancy(vacancy));
    v1::Profile { kind }
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_of_an_earlier_version_get_the_facets_that_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path()).await;
    store(&world).await;
    world.stop().await;
    make_earlier(folder.path(), &["text", "skills", "words"]).await;

    let world = World::start(folder.path()).await;
    store(&world).await;
    assert_eq!(find(&mut world.matches()).await.results.len(), 50);
    for address in &world.shards {
        let client = IndexServiceClient::connect(format!("http://{address}"));
        let mut client = client.await.unwrap();
        let listed = client.list_collections(v1::ListCollectionsRequest {}).await;
        let listed = listed.unwrap().into_inner().collections;
        let with_text = listed
            .iter()
            .filter(|spec| spec.facets.iter().any(|facet| facet.name == "text"));
        let facets: Vec<usize> = with_text.map(|spec| spec.facets.len()).collect();
        let all = vivier_types::Facet::ALL.len();
        assert_eq!(facets, [all, all], "{listed:?}");
    }
    world.stop().await;
}
