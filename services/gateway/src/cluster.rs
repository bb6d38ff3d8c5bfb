//! The services that the gateway stands on, and what it knows about them.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use vivier_proto::v1;
use vivier_runtime::{ConnectError, CpuPool, Deadline, ErrorCode};
use vivier_types::{Facet, ProfileKind};

use crate::clients::{Embedder, Reranker, Shard};
use crate::config::Config;
use crate::error::CallError;
use crate::shards::Placement;

/// Collection of the sensitive attributes of candidates: documents without
/// facets, so nothing can search in it.
pub(crate) const SENSITIVE: &str = "candidates.sensitive";

/// The collection in which profiles of a kind live.
pub(crate) fn collection(kind: ProfileKind) -> &'static str {
    kind.plural()
}

/// The encoder that the embedder runs, and its limits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Encoder {
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
    pub(crate) embedder: Embedder,
    pub(crate) reranker: Reranker,
    pub(crate) shards: Vec<Shard>,
    pub(crate) placement: Placement,
    pub(crate) pool: CpuPool,
    encoder: RwLock<Option<Arc<Encoder>>>,
    /// Whether the collections are known to exist, shard by shard.
    prepared: Vec<AtomicBool>,
    /// Most candidates that the reranker takes; 0 when not known.
    rerank_limit: AtomicU32,
}

impl Cluster {
    /// Opens lazy channels to every service; nothing is called yet.
    pub(crate) fn connect(config: &Config, pool: CpuPool) -> Result<Self, ConnectError> {
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
        Ok(Self {
            embedder: Embedder::connect(&config.embedder, &config.client)?,
            reranker: Reranker::connect(&config.reranker, &config.client)?,
            shards,
            placement: Placement::new(count),
            pool,
            encoder: RwLock::new(None),
            prepared: (0..count).map(|_| AtomicBool::new(false)).collect(),
            rerank_limit: AtomicU32::new(0),
            config: config.clone(),
        })
    }

    /// Returns the encoder, if the embedder ever answered.
    pub(crate) fn known_encoder(&self) -> Option<Arc<Encoder>> {
        self.encoder
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Returns the encoder, asking the embedder when it is not known yet.
    pub(crate) async fn encoder(&self, deadline: Deadline) -> Result<Arc<Encoder>, CallError> {
        match self.known_encoder() {
            Some(encoder) => Ok(encoder),
            None => self.learn_encoder(deadline).await,
        }
    }

    /// Asks the embedder for its model; another model than before makes every
    /// collection doubtful, so they are checked again.
    pub(crate) async fn learn_encoder(
        &self,
        deadline: Deadline,
    ) -> Result<Arc<Encoder>, CallError> {
        let encoder = Arc::new(read_encoder(self.embedder.info(deadline).await?)?);
        let mut known = self.encoder.write().unwrap_or_else(PoisonError::into_inner);
        match known.as_ref() {
            Some(old) if *old == encoder => return Ok(Arc::clone(old)),
            Some(old) if old.version != encoder.version => {
                tracing::warn!(old = %old.version.fingerprint, new = %encoder.version.fingerprint, "the embedder changed its model");
                self.prepared
                    .iter()
                    .for_each(|flag| flag.store(false, Ordering::Release));
            }
            Some(_) => {}
            None => {
                tracing::info!(model = %encoder.version.name, fingerprint = %encoder.version.fingerprint, "embedder found");
            }
        }
        *known = Some(Arc::clone(&encoder));
        Ok(encoder)
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
        if self.prepared[shard].load(Ordering::Acquire) {
            return Ok(());
        }
        self.create_collections(shard, encoder, deadline).await
    }

    /// Looks whether a shard answers and has its collections; creates those
    /// that are missing, as on a shard that lost its folder.
    ///
    /// Creating goes through the shard's queue of writes, so it is not used to
    /// look: a shard busy writing is not away.
    pub(crate) async fn check_shard(
        &self,
        shard: usize,
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let stats = self.shards[shard].stats(deadline).await?;
        let has = |name: &str| stats.collections.iter().any(|found| found.name == name);
        if ![
            collection(ProfileKind::Candidate),
            collection(ProfileKind::Vacancy),
            SENSITIVE,
        ]
        .into_iter()
        .all(has)
        {
            self.prepared[shard].store(false, Ordering::Release);
        }
        self.prepare(shard, encoder, deadline).await
    }

    async fn create_collections(
        &self,
        shard: usize,
        encoder: &Encoder,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        for spec in self.collections(encoder) {
            self.shards[shard].create_collection(spec, deadline).await?;
        }
        self.prepared[shard].store(true, Ordering::Release);
        Ok(())
    }

    fn collections(&self, encoder: &Encoder) -> [v1::CollectionSpec; 3] {
        let spec = |name: &str, facets| v1::CollectionSpec {
            name: name.to_owned(),
            facets,
            model_fingerprint: encoder.version.fingerprint.clone(),
        };
        let facets = || Facet::ALL.map(|facet| self.facet(facet, encoder)).to_vec();
        [
            spec(collection(ProfileKind::Candidate), facets()),
            spec(collection(ProfileKind::Vacancy), facets()),
            spec(SENSITIVE, Vec::new()),
        ]
    }

    fn facet(&self, facet: Facet, encoder: &Encoder) -> v1::FacetSpec {
        let dense = |dim| v1::facet_spec::Kind::Dense(v1::DenseFacet { dim });
        let kind = match facet {
            Facet::Text | Facet::Skills => dense(encoder.dim),
            Facet::Geography => {
                dense(u32::try_from(vivier_features::GEOGRAPHY_DIM).unwrap_or(u32::MAX))
            }
            Facet::Words => v1::facet_spec::Kind::Words(v1::WordsFacet {}),
        };
        v1::FacetSpec {
            name: facet.name().to_owned(),
            kind: Some(kind),
            default_weight: self.config.weight(facet),
        }
    }
}

/// Reads the default model (the first) of an embedder's answer.
fn read_encoder(info: v1::EmbedderServiceGetInfoResponse) -> Result<Encoder, CallError> {
    let broken = |problem: &str| CallError {
        service: "embedder".to_owned(),
        code: ErrorCode::Internal,
        message: problem.to_owned(),
        retry_after: None,
    };
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
        version,
        dim: model.dim,
        max_batch_inputs: usize::try_from(info.max_batch_inputs)
            .unwrap_or(usize::MAX)
            .max(1),
        max_text_bytes: usize::try_from(info.max_text_bytes).unwrap_or(usize::MAX),
    })
}
