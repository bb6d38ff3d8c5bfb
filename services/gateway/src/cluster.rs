//! The services that the gateway stands on, and what it knows about them.

mod models;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, RwLock, RwLockReadGuard};
use vivier_features::{Knowledge, facet_dim};
use vivier_proto::v1;
use vivier_runtime::{ConnectError, CpuPool, Deadline, ErrorCode};
use vivier_types::{Facet, ProfileKind};

use crate::catalog::{Catalog, collection_of};
use crate::clients::{Embedder, Reranker, Shard};
use crate::cluster::models::Models;
use crate::config::Config;
use crate::error::{CallError, GatewayError};
use crate::shards::Placement;

/// Collection of the sensitive attributes of candidates: documents without
/// facets, so nothing can search in it.
pub(crate) const SENSITIVE: &str = "candidates.sensitive";

/// Looks at shards that serve different models.
const SWITCH_LOOKS: u32 = 20;
/// Wait between two of them.
const SWITCH_WAIT: Duration = Duration::from_millis(50);

/// The name under which profiles of a kind are reached: an alias, see
/// [`crate::catalog`].
pub(crate) fn collection(kind: ProfileKind) -> &'static str {
    kind.plural()
}

/// The encoder that an embedder runs, and its limits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoder {
    /// Which of the embedders runs it.
    pub(crate) embedder: usize,
    /// Name and fingerprint.
    pub(crate) version: v1::ModelVersion,
    /// Length of its vectors.
    pub(crate) dim: u32,
    /// Most texts in one call.
    pub(crate) max_batch_inputs: usize,
    /// Longest text, in bytes.
    pub(crate) max_text_bytes: usize,
}

/// Clients of every service, and the state learnt from them.
pub(crate) struct Cluster {
    pub(crate) config: Config,
    /// The embedder, and the one of the next model if there is one.
    pub(crate) embedders: Vec<Embedder>,
    pub(crate) reranker: Reranker,
    pub(crate) shards: Vec<Shard>,
    pub(crate) placement: Placement,
    pub(crate) pool: CpuPool,
    pub(crate) knowledge: Arc<Knowledge>,
    /// Held by each write, and alone by a change of the model while it switches.
    pub(crate) writes: RwLock<()>,
    /// Held while a change of the model is under way.
    pub(crate) reindexing: Mutex<()>,
    models: std::sync::RwLock<Models>,
    /// What is known of the collections, shard by shard.
    known: Vec<Known>,
    /// Most candidates that the reranker takes; 0 when not known.
    rerank_limit: AtomicU32,
}

/// What is known of the collections of a shard.
#[derive(Default)]
struct Known {
    /// Whether they are known to exist, for the model that serves.
    prepared: AtomicBool,
    /// Fingerprint under which sensitive attributes are written.
    sensitive: std::sync::RwLock<String>,
}

impl Cluster {
    /// Opens lazy channels to every service; nothing is called yet.
    pub(crate) fn connect(
        config: &Config,
        pool: CpuPool,
        knowledge: Knowledge,
    ) -> Result<Self, ConnectError> {
        let count = config.shards.len();
        let shards = config
            .shards
            .iter()
            .enumerate()
            .map(|(number, address)| {
                let name = format!("index shard {} of {count}", number + 1);
                Shard::connect(name, address, &config.client)
            })
            .collect::<Result<Vec<Shard>, ConnectError>>()?;
        let mut embedders = vec![Embedder::connect(
            "embedder",
            &config.embedder,
            &config.client,
        )?];
        if !config.next_embedder.is_empty() {
            let (name, address) = ("next embedder", &config.next_embedder);
            embedders.push(Embedder::connect(name, address, &config.client)?);
        }
        Ok(Self {
            models: std::sync::RwLock::new(Models::new(embedders.len())),
            embedders,
            reranker: Reranker::connect(&config.reranker, &config.client)?,
            shards,
            placement: Placement::new(count),
            pool,
            knowledge: Arc::new(knowledge),
            writes: RwLock::new(()),
            reindexing: Mutex::new(()),
            known: (0..count).map(|_| Known::default()).collect(),
            rerank_limit: AtomicU32::new(0),
            config: config.clone(),
        })
    }

    /// Returns the encoder of the model that serves, if its embedder ever answered.
    pub(crate) fn known_encoder(&self) -> Option<Arc<Encoder>> {
        self.models().serving()
    }

    /// Returns the encoder of the model that serves, asking for it when it is not
    /// known yet.
    pub(crate) async fn encoder(&self, deadline: Deadline) -> Result<Arc<Encoder>, CallError> {
        match self.known_encoder() {
            Some(encoder) => Ok(encoder),
            None => self.learn_encoder(deadline).await,
        }
    }

    /// Asks the embedders for their models; another model than before makes every
    /// collection doubtful, so they are checked again. Returns the encoder of the
    /// model that serves.
    pub(crate) async fn learn_encoder(
        &self,
        deadline: Deadline,
    ) -> Result<Arc<Encoder>, CallError> {
        let calls = self
            .embedders
            .iter()
            .map(|embedder| embedder.info(deadline));
        let answers = futures::future::join_all(calls).await.into_iter();
        let read = answers.enumerate().map(|(number, answer)| {
            let encoder = Arc::new(read_encoder(number, answer?)?);
            let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
            if models.learn(&encoder) {
                self.doubt();
            }
            Ok(encoder)
        });
        let answers: Vec<Result<Arc<Encoder>, CallError>> = read.collect();
        let serving = self.known_encoder().map_or(0, |encoder| encoder.embedder);
        let mut answers = answers.into_iter().skip(serving);
        answers
            .next()
            .unwrap_or_else(|| Err(broken("there is no embedder")))
    }

    /// Returns the encoder of the next model, if its embedder ever answered.
    pub(crate) fn next_encoder(&self) -> Option<Arc<Encoder>> {
        self.models().next()
    }

    /// Asks every shard for its collections, and learns which model serves.
    pub(crate) async fn learn_catalogs(
        &self,
        deadline: Deadline,
    ) -> Vec<Result<Catalog, CallError>> {
        let calls = self.shards.iter().map(|shard| shard.catalog(deadline));
        let catalogs = futures::future::join_all(calls).await;
        let mut found = catalogs.iter().flatten().filter_map(Catalog::model);
        if let Some(model) = found.next() {
            let mut models = self.models.write().unwrap_or_else(PoisonError::into_inner);
            if models.serve(model) {
                self.doubt();
            }
        }
        catalogs
    }

    /// Waits until all shards that answer serve one model: they switch one after the
    /// other. False when they do not in time.
    pub(crate) async fn settle(&self, deadline: Deadline) -> bool {
        for _ in 0..SWITCH_LOOKS {
            let catalogs = self.learn_catalogs(deadline).await;
            let models = catalogs.iter().flatten().filter_map(Catalog::model);
            if models.collect::<BTreeSet<_>>().len() <= 1 {
                return true;
            }
            if deadline.remaining() <= SWITCH_WAIT {
                return false;
            }
            tokio::time::sleep(SWITCH_WAIT).await;
        }
        false
    }

    /// Looks whether another model serves than that of an encoder.
    pub(crate) async fn has_switched(&self, from: &Encoder, deadline: Deadline) -> bool {
        if self.embedders.len() == 1 {
            return false;
        }
        self.settle(deadline).await;
        let serving = self.known_encoder();
        serving.is_some_and(|encoder| encoder.version != from.version)
    }

    /// Waits for a turn to write: a change of the model makes writes wait while it
    /// switches.
    ///
    /// # Errors
    /// When the deadline comes first.
    pub(crate) async fn turn(
        &self,
        deadline: Deadline,
    ) -> Result<RwLockReadGuard<'_, ()>, GatewayError> {
        let turn = tokio::time::timeout(deadline.remaining(), self.writes.read()).await;
        let stage = "a switch of the model";
        turn.map_err(|_| GatewayError::DeadlineExceeded { stage })
    }

    fn models(&self) -> std::sync::RwLockReadGuard<'_, Models> {
        self.models.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the collections of all shards checked again.
    fn doubt(&self) {
        let shards = self.known.iter();
        shards.for_each(|known| known.prepared.store(false, Ordering::Release));
    }

    /// Asks the reranker for its scorers and remembers its limit.
    pub(crate) async fn learn_reranker(
        &self,
        deadline: Deadline,
    ) -> Result<v1::RerankerServiceGetInfoResponse, CallError> {
        let info = self.reranker.info(deadline).await?;
        self.rerank_limit
            .store(info.max_candidates, Ordering::Release);
        Ok(info)
    }

    /// Returns the most candidates that one rerank call takes, if known.
    pub(crate) fn rerank_limit(&self) -> Option<usize> {
        let limit = self.rerank_limit.load(Ordering::Acquire);
        usize::try_from(limit).ok().filter(|limit| *limit > 0)
    }

    /// Makes sure that the collections exist on a shard, once for each model.
    pub(crate) async fn prepare(
        &self,
        shard: usize,
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        if self.known[shard].prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let catalog = self.shards[shard].catalog(deadline).await?;
        self.create_collections((shard, &catalog), encoder, deadline)
            .await
    }

    /// Looks whether a shard answered and has its collections; creates those
    /// that are missing, as on a shard that lost its folder.
    ///
    /// Creating goes through the shard's queue of writes, so it is not used to
    /// look: a shard busy writing is not away.
    pub(crate) async fn check_shard(
        &self,
        (shard, catalog): (usize, Result<Catalog, CallError>),
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let catalog = catalog?;
        let has = |name: &str| catalog.find(name).is_some();
        let names = [
            collection(ProfileKind::Candidate),
            collection(ProfileKind::Vacancy),
            SENSITIVE,
        ];
        let prepared = &self.known[shard].prepared;
        if prepared.load(Ordering::Acquire) && names.into_iter().all(has) {
            return Ok(());
        }
        self.create_collections((shard, &catalog), encoder, deadline)
            .await
    }

    /// Returns the fingerprint under which points of a collection are written.
    pub(crate) fn fingerprint(&self, shard: usize, collection: &str, encoder: &Encoder) -> String {
        if collection != SENSITIVE {
            return encoder.version.fingerprint.clone();
        }
        let known = self.known[shard].sensitive.read();
        known.unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn create_collections(
        &self,
        (shard, catalog): (usize, &Catalog),
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let client = &self.shards[shard];
        let mut aliases = Vec::new();
        for kind in [ProfileKind::Candidate, ProfileKind::Vacancy] {
            let alias = collection(kind).to_owned();
            let mut name = collection_of(kind, encoder);
            match catalog.find(&alias) {
                // The shard refuses it when it is of another model.
                Some(there) => {
                    name.clone_from(&there.name);
                    self.add_facets((client, there), encoder, deadline).await?;
                }
                None => aliases.push(v1::Alias {
                    alias,
                    collection: name.clone(),
                }),
            }
            let spec = self.spec(name, encoder);
            client.create_collection(spec, deadline).await?;
        }
        let mut sensitive = v1::CollectionSpec {
            name: SENSITIVE.to_owned(),
            ..v1::CollectionSpec::default()
        };
        match catalog.find(SENSITIVE) {
            Some(there) => sensitive.clone_from(there),
            None => {
                client
                    .create_collection(sensitive.clone(), deadline)
                    .await?
            }
        }
        if !aliases.is_empty() {
            let request = v1::SetAliasesRequest {
                aliases,
                ..v1::SetAliasesRequest::default()
            };
            client.set_aliases(request, deadline).await?;
        }
        let known = &self.known[shard];
        let mut fingerprint = known
            .sensitive
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *fingerprint = sensitive.model_fingerprint;
        known.prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Adds to a collection the facets that it has not yet: of an earlier version.
    async fn add_facets(
        &self,
        (client, there): (&Shard, &v1::CollectionSpec),
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        if there.model_fingerprint != encoder.version.fingerprint {
            return Ok(());
        }
        let has = |facet: &Facet| there.facets.iter().any(|known| known.name == facet.name());
        for facet in Facet::ALL.into_iter().filter(|facet| !has(facet)) {
            let request = v1::AddFacetRequest {
                collection: there.name.clone(),
                facet: Some(self.facet(facet, encoder)),
            };
            client.add_facet(request, deadline).await?;
        }
        Ok(())
    }

    /// Describes a collection of profiles with the vectors of a model.
    pub(crate) fn spec(&self, name: String, encoder: &Encoder) -> v1::CollectionSpec {
        v1::CollectionSpec {
            name,
            facets: Facet::ALL.map(|facet| self.facet(facet, encoder)).to_vec(),
            model_fingerprint: encoder.version.fingerprint.clone(),
        }
    }

    fn facet(&self, facet: Facet, encoder: &Encoder) -> v1::FacetSpec {
        let dense = |dim| v1::facet_spec::Kind::Dense(v1::DenseFacet { dim });
        let kind = match facet {
            Facet::Words => v1::facet_spec::Kind::Words(v1::WordsFacet {}),
            Facet::Text
            | Facet::Skills
            | Facet::Occupation
            | Facet::Geography
            | Facet::Seniority
            | Facet::Languages => {
                let own = facet_dim(facet).and_then(|dim| u32::try_from(dim).ok());
                dense(own.unwrap_or(encoder.dim))
            }
        };
        v1::FacetSpec {
            name: facet.name().to_owned(),
            kind: Some(kind),
            default_weight: self.config.weight(facet),
        }
    }
}

fn broken(problem: &str) -> CallError {
    CallError {
        service: "embedder".to_owned(),
        code: ErrorCode::Internal,
        message: problem.to_owned(),
        retry_after: None,
    }
}

/// Reads the default model (the first) of an embedder's answer.
fn read_encoder(
    embedder: usize,
    info: v1::EmbedderServiceGetInfoResponse,
) -> Result<Encoder, CallError> {
    let model = info
        .models
        .into_iter()
        .next()
        .ok_or_else(|| broken("it runs no model"))?;
    let version = model
        .version
        .ok_or_else(|| broken("its model has no version"))?;
    if model.dim == 0 || version.fingerprint.is_empty() {
        return Err(broken("its model has no dim or no fingerprint"));
    }
    Ok(Encoder {
        embedder,
        version,
        dim: model.dim,
        max_batch_inputs: usize::try_from(info.max_batch_inputs)
            .unwrap_or(usize::MAX)
            .max(1),
        max_text_bytes: usize::try_from(info.max_text_bytes).unwrap_or(usize::MAX),
    })
}
