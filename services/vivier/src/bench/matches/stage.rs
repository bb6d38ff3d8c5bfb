//! The services that are measured, and the ways to ask them.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Serialize;
use tonic::transport::Channel;
use vivier_proto::v1;
use vivier_proto::v1::index_service_client::IndexServiceClient;
use vivier_runtime::ClientConfig;

use crate::clients::Gateway;
use crate::cluster::{Cluster, Plan, Ports};
use crate::config::Config;

/// The alias of the collection that is filled and searched.
const COLLECTION: &str = "candidates";
/// Results of a match.
const RESULTS: u32 = 20;
/// Longest wait for a match, in milliseconds.
const DEADLINE_MS: u32 = 120_000;
/// Time between two looks at a service that starts.
const LOOK: Duration = Duration::from_millis(10);
/// Longest wait for the first answer after a restart.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where the services run.
pub(crate) struct Stage {
    config: Config,
    gateway: Gateway,
}

/// Times from the start of all processes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Restart {
    /// To the first answer of the index to any call.
    pub(crate) index_s: f64,
    /// To the first match with the answer from before.
    pub(crate) answer_s: f64,
}

impl Stage {
    /// Chooses free ports, and where data goes.
    ///
    /// # Errors
    /// When no port is free.
    pub(crate) fn new(mut config: Config, data: &Path, scratch: &Path) -> anyhow::Result<Self> {
        // All are held at once, so that they differ.
        let mut held = Vec::new();
        for server in [
            &mut config.embedder.server,
            &mut config.index.server,
            &mut config.reranker.server,
            &mut config.gateway.server,
        ] {
            let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            server.listen = listener.local_addr()?;
            held.push(listener);
        }
        drop(held);
        config.index.data_dir = data.join("index");
        // A cache kept from an earlier run would answer for the encoder.
        config.embedder.cache_dir = scratch.join("embeddings");
        config.gateway.shards = vec![config.index.server.listen.to_string()];
        let gateway = Gateway::new(&config.gateway.server.listen.to_string())?;
        Ok(Self { config, gateway })
    }

    /// Returns a client of the gateway.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// Returns a client of the shard.
    ///
    /// # Errors
    /// When its address is no address.
    pub(crate) fn shard(&self) -> anyhow::Result<Shard> {
        Shard::new(self.config.index.server.listen)
    }

    /// Starts all services and waits until they are ready.
    ///
    /// # Errors
    /// When one does not start.
    pub(crate) async fn start(&self) -> anyhow::Result<Cluster> {
        let mut cluster = self.launch()?;
        cluster.ready().await?;
        Ok(cluster)
    }

    fn launch(&self) -> anyhow::Result<Cluster> {
        let plan = Plan::new(self.config.clone(), None, None, Ports::Configured)?;
        Cluster::in_processes(plan)
    }

    /// Starts all services and asks until the answer is that from before.
    ///
    /// # Errors
    /// When a service does not start, or the answer stays another.
    pub(crate) async fn restart(
        &self,
        query: &[v1::Vacancy],
        before: &[String],
    ) -> anyhow::Result<(Cluster, Restart)> {
        let started = Instant::now();
        let mut cluster = self.launch()?;
        let shard = self.shard()?;
        let asked = async {
            while shard.stats().await.is_err() {
                tokio::time::sleep(LOOK).await;
            }
            let index_s = started.elapsed().as_secs_f64();
            while self.answer(query).await.ok().as_deref() != Some(before) {
                tokio::time::sleep(LOOK).await;
            }
            let answer_s = started.elapsed().as_secs_f64();
            Restart { index_s, answer_s }
        };
        let restart = tokio::select! {
            restart = tokio::time::timeout(PATIENCE, asked) => restart,
            error = cluster.failed() => return Err(error),
        };
        let restart = restart.context("after a restart the answer is not that from before")?;
        Ok((cluster, restart))
    }

    /// Matches the first query and returns the ids of the results.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub(crate) async fn answer(&self, query: &[v1::Vacancy]) -> anyhow::Result<Vec<String>> {
        let query = query.first().context("there is no vacancy")?;
        let answer = self.search(query.clone(), options()).await?;
        Ok(answer.results.into_iter().map(|result| result.id).collect())
    }

    /// Matches one vacancy.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub(crate) async fn search(
        &self,
        vacancy: v1::Vacancy,
        options: v1::MatchOptions,
    ) -> anyhow::Result<v1::SearchCandidatesResponse> {
        let request = v1::SearchCandidatesRequest {
            query: Some(v1::search_candidates_request::Query::Vacancy(vacancy)),
            options: Some(options),
        };
        let answer = self.gateway.matches().search_candidates(request).await;
        let answer = answer.map_err(|status| self.gateway.refusal(&status))?;
        Ok(answer.into_inner())
    }
}

/// Returns what every timed match asks.
pub(crate) fn options() -> v1::MatchOptions {
    v1::MatchOptions {
        k: Some(RESULTS),
        depth: Some(1_000),
        explain: true,
        // Many clients may wait for long; that is for the figures to say.
        deadline_ms: Some(DEADLINE_MS),
        ..Default::default()
    }
}

/// One shard of the index, asked without the gateway.
#[derive(Clone)]
pub(crate) struct Shard {
    client: IndexServiceClient<Channel>,
}

/// What the index says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Counts {
    pub(crate) points: u64,
    pub(crate) sealed: u64,
    pub(crate) segments: u64,
    pub(crate) tombstones: u64,
    /// Bytes of vectors that searches touch.
    pub(crate) vector_bytes: u64,
    pub(crate) log_bytes: u64,
}

impl Shard {
    fn new(address: SocketAddr) -> anyhow::Result<Self> {
        let config = ClientConfig::default();
        let channel = vivier_runtime::connect(&address.to_string(), &config)?;
        let client = IndexServiceClient::new(channel)
            .max_decoding_message_size(config.max_message_bytes)
            .max_encoding_message_size(config.max_message_bytes);
        Ok(Self { client })
    }

    /// Returns the client.
    pub(crate) fn client(&self) -> IndexServiceClient<Channel> {
        self.client.clone()
    }

    /// Returns the name of the collection that serves under the alias of the candidates.
    async fn name(&self) -> Result<String, tonic::Status> {
        let request = v1::ListAliasesRequest {};
        let listed = self.client().list_aliases(request).await?.into_inner();
        let mut aliases = listed.aliases.into_iter();
        let target = aliases.find(|alias| alias.alias == COLLECTION);
        Ok(target.map_or_else(|| COLLECTION.to_owned(), |alias| alias.collection))
    }

    /// Counts the candidates.
    ///
    /// # Errors
    /// When the shard does not answer.
    pub(crate) async fn stats(&self) -> Result<Counts, tonic::Status> {
        let name = self.name().await?;
        let stats = self.client().get_stats(v1::GetStatsRequest {}).await?;
        let stats = stats.into_inner();
        let mut collections = stats.collections.into_iter();
        let found = collections.find(|found| found.name == name);
        let found = found.unwrap_or_default();
        Ok(Counts {
            points: found.points,
            sealed: found.sealed_points,
            segments: found.segments,
            tombstones: found.tombstones,
            vector_bytes: found.vector_bytes,
            log_bytes: stats.log_bytes,
        })
    }

    /// Returns the collection of the candidates.
    ///
    /// # Errors
    /// When the shard does not answer or has none.
    pub(crate) async fn collection(&self) -> anyhow::Result<v1::CollectionSpec> {
        let name = self.name().await?;
        let request = v1::ListCollectionsRequest {};
        let listed = self.client().list_collections(request).await?.into_inner();
        let mut found = listed.collections.into_iter();
        let found = found.find(|spec| spec.name == name);
        found.context("the index has no candidates")
    }
}
