//! The wire: decodes requests, calls the service, encodes answers.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use vivier_encoders::InputKind;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_server::{EmbedderService, EmbedderServiceServer};
use vivier_runtime::{Deadline, ServerConfig, status_from};
use vivier_types::Violation;

use crate::admission::Admission;
use crate::cache::Cache;
use crate::config::as_usize;
use crate::error::EmbedderError;
use crate::queue::{Caller, Priority};
use crate::service::{Call, Embedded, Embedder, Embedding, Input, Policy};
use crate::stats::Lane;

/// The gRPC face of an [`Embedder`].
pub(crate) struct Adapter {
    embedder: Arc<Embedder>,
    /// Numbers the streams.
    streams: AtomicU64,
}

/// Makes the generated server with the message limits of the config.
pub(crate) fn server(
    embedder: Arc<Embedder>,
    config: &ServerConfig,
) -> EmbedderServiceServer<Adapter> {
    let adapter = Adapter {
        embedder,
        streams: AtomicU64::new(0),
    };
    EmbedderServiceServer::new(adapter)
        .max_decoding_message_size(config.max_message_bytes)
        .max_encoding_message_size(config.max_message_bytes)
}

type EmbedResponses = Pin<Box<dyn Stream<Item = Result<v1::EmbedStreamResponse, Status>> + Send>>;

#[tonic::async_trait]
impl EmbedderService for Adapter {
    type EmbedStreamStream = EmbedResponses;

    async fn embed(
        &self,
        request: Request<v1::EmbedRequest>,
    ) -> Result<Response<v1::EmbedResponse>, Status> {
        let terms = Terms {
            deadline: Deadline::of(&request),
            caller: Caller::Connection(request.remote_addr()),
            admission: Admission::Now,
        };
        let answer = answer(&self.embedder, request.into_inner(), terms).await;
        answer
            .map(Response::new)
            .map_err(|error| status_from(&error))
    }

    async fn embed_stream(
        &self,
        request: Request<Streaming<v1::EmbedStreamRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        let terms = Terms {
            deadline: Deadline::of(&request),
            caller: Caller::Stream(self.streams.fetch_add(1, Ordering::Relaxed)),
            admission: Admission::Wait,
        };
        let embedder = Arc::clone(&self.embedder);
        let concurrency = embedder.config().max_stream_requests;
        let answers = request.into_inner().map(move |request| {
            let embedder = Arc::clone(&embedder);
            async move {
                let request = request?.request.unwrap_or_default();
                let answer = answer(&embedder, request, terms).await;
                let response = answer.map_err(|error| status_from(&error))?;
                Ok(v1::EmbedStreamResponse {
                    response: Some(response),
                })
            }
        });
        Ok(Response::new(Box::pin(answers.buffered(concurrency))))
    }

    async fn get_info(
        &self,
        _request: Request<v1::EmbedderServiceGetInfoRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetInfoResponse>, Status> {
        let (config, spec) = (self.embedder.config(), self.embedder.spec());
        let model = v1::EmbedderModel {
            version: Some(version(&self.embedder)),
            dim: as_u32(spec.dim),
            max_tokens: as_u32(spec.max_tokens),
            device: spec.device.clone(),
            pooling: spec.pooling.name().into(),
            precision: spec.precision.to_string(),
        };
        Ok(Response::new(v1::EmbedderServiceGetInfoResponse {
            models: vec![model],
            max_batch_inputs: as_u32(config.max_batch_inputs),
            max_text_bytes: u64::try_from(config.max_text_bytes).unwrap_or(u64::MAX),
            max_batch_tokens: as_u32(config.max_batch_tokens),
        }))
    }

    async fn get_stats(
        &self,
        _request: Request<v1::EmbedderServiceGetStatsRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetStatsResponse>, Status> {
        let embedder = Arc::clone(&self.embedder);
        // The size of the cache is read from the disk.
        let stats = tokio::task::spawn_blocking(move || stats(&embedder)).await;
        stats
            .map(Response::new)
            .map_err(|_| status_from(&EmbedderError::Stopping))
    }
}

/// What a call says beside its message.
#[derive(Clone, Copy)]
struct Terms {
    deadline: Option<Deadline>,
    caller: Caller,
    admission: Admission,
}

async fn answer(
    embedder: &Embedder,
    request: v1::EmbedRequest,
    terms: Terms,
) -> Result<v1::EmbedResponse, EmbedderError> {
    let call = decode(request, terms).map_err(EmbedderError::Invalid)?;
    let embedded = embedder.embed(call).await?;
    Ok(encode(embedded, version(embedder)))
}

fn version(embedder: &Embedder) -> v1::ModelVersion {
    let spec = embedder.spec();
    v1::ModelVersion {
        name: spec.name.clone(),
        fingerprint: spec.fingerprint.clone(),
    }
}

fn decode(request: v1::EmbedRequest, terms: Terms) -> Result<Call, Violation> {
    let policy = match v1::Truncation::try_from(request.truncation) {
        Ok(v1::Truncation::Unspecified | v1::Truncation::Fail) => Policy::Fail,
        Ok(v1::Truncation::Head) => Policy::Head,
        Ok(v1::Truncation::Tail) => Policy::Tail,
        Ok(v1::Truncation::Windows) => Policy::Windows,
        Err(_) => return Err(unknown("truncation", request.truncation)),
    };
    let priority = match v1::Priority::try_from(request.priority) {
        Ok(v1::Priority::Unspecified | v1::Priority::Interactive) => Priority::Interactive,
        Ok(v1::Priority::Bulk) => Priority::Bulk,
        Err(_) => return Err(unknown("priority", request.priority)),
    };
    let inputs = request
        .inputs
        .into_iter()
        .enumerate()
        .map(|(index, input)| {
            let field = || format!("inputs[{index}].kind");
            Ok(Input {
                kind: decode_kind(input.kind, field)?,
                text: input.text,
            })
        });
    let inputs = inputs.collect::<Result<_, Violation>>()?;
    Ok(Call {
        inputs,
        model: request.model,
        policy,
        max_tokens: request.max_tokens.map(as_usize),
        max_text_tokens: request.max_text_tokens.map(as_usize),
        priority,
        caller: terms.caller,
        deadline: terms.deadline,
        admission: terms.admission,
    })
}

fn decode_kind(kind: i32, field: impl Fn() -> String) -> Result<InputKind, Violation> {
    match v1::InputKind::try_from(kind) {
        Ok(v1::InputKind::Candidate) => Ok(InputKind::Candidate),
        Ok(v1::InputKind::Vacancy) => Ok(InputKind::Vacancy),
        Ok(v1::InputKind::Query) => Ok(InputKind::Query),
        Ok(v1::InputKind::Skill) => Ok(InputKind::Skill),
        Ok(v1::InputKind::Unspecified) => {
            Err(Violation::new(field(), kind, "must say what the text is"))
        }
        Err(_) => Err(unknown(&field(), kind)),
    }
}

fn unknown(field: &str, value: i32) -> Violation {
    Violation::new(field, value, "unknown value")
}

fn encode(embedded: Embedded, model: v1::ModelVersion) -> v1::EmbedResponse {
    let embedding = |embedding: Embedding| v1::Embedding {
        values: embedding.values,
        input_tokens: as_u32(embedding.input_tokens),
        used_tokens: as_u32(embedding.used_tokens),
        windows: as_u32(embedding.windows),
        truncated: embedding.cut.is_some(),
        cut: embedding.cut.map(|cut| v1::TextRange {
            start: as_u32(cut.start),
            end: as_u32(cut.end),
        }),
        cached: embedding.cached,
    };
    v1::EmbedResponse {
        embeddings: embedded.embeddings.into_iter().map(embedding).collect(),
        model: Some(model),
        queue_seconds: embedded.queued.as_secs_f64(),
        inference_seconds: embedded.inference.as_secs_f64(),
    }
}

fn stats(embedder: &Embedder) -> v1::EmbedderServiceGetStatsResponse {
    let (stats, gates) = (embedder.stats(), embedder.gates());
    let cache = embedder.cache();
    v1::EmbedderServiceGetStatsResponse {
        requests_now: u32::try_from(gates.requests.in_use()).unwrap_or(u32::MAX),
        tokens_now: gates.tokens.in_use(),
        requests: stats.requests.get(),
        texts: stats.texts.get(),
        truncated_texts: stats.truncated_texts.get(),
        shed_requests: stats.shed_requests.get(),
        interactive: Some(lane(&stats.interactive)),
        bulk: Some(lane(&stats.bulk)),
        inference_seconds: stats.inference.get().as_secs_f64(),
        halved_batches: stats.halved_batches.get(),
        refused_texts: stats.refused_texts.get(),
        tokens_per_second: embedder.rate().per_second(),
        cache: Some(v1::CacheStats {
            enabled: cache.is_some(),
            hits: stats.cache.hits.get(),
            misses: stats.cache.misses.get(),
            writes: stats.cache.writes.get(),
            dropped_writes: stats.cache.dropped_writes.get(),
            rotations: stats.cache.rotations.get(),
            errors: stats.cache.errors.get(),
            bytes: cache.map_or(0, Cache::bytes),
        }),
    }
}

fn lane(lane: &Lane) -> v1::LaneStats {
    v1::LaneStats {
        batches: lane.batches.get(),
        sequences: lane.sequences.get(),
        tokens: lane.tokens.get(),
        queue_seconds: lane.queued.get().as_secs_f64(),
        requests: lane.requests.get(),
    }
}

/// Narrows; counts are bounded far below.
fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
