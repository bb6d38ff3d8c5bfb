//! The wire: decodes requests, calls the service, encodes answers.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use vivier_encoders::InputKind;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_server::{EmbedderService, EmbedderServiceServer};
use vivier_runtime::{Deadline, ServerConfig, status_from};
use vivier_types::Violation;

use crate::error::EmbedderError;
use crate::queue::Priority;
use crate::service::{Admission, Call, Embedded, Embedder, Embedding, Input, Policy};

/// The gRPC face of an [`Embedder`].
pub(crate) struct Adapter(Arc<Embedder>);

/// Makes the generated server with the message limits of the config.
pub(crate) fn server(
    embedder: Arc<Embedder>,
    config: &ServerConfig,
) -> EmbedderServiceServer<Adapter> {
    EmbedderServiceServer::new(Adapter(embedder))
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
        let deadline = Deadline::of(&request);
        let answer = answer(&self.0, request.into_inner(), deadline, Admission::Now).await;
        answer
            .map(Response::new)
            .map_err(|error| status_from(&error))
    }

    async fn embed_stream(
        &self,
        request: Request<Streaming<v1::EmbedStreamRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        let deadline = Deadline::of(&request);
        let embedder = Arc::clone(&self.0);
        let concurrency = embedder.config().max_stream_requests;
        let answers = request.into_inner().map(move |request| {
            let embedder = Arc::clone(&embedder);
            async move {
                let request = request?.request.unwrap_or_default();
                let answer = answer(&embedder, request, deadline, Admission::Wait).await;
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
        let (config, spec) = (self.0.config(), self.0.spec());
        let model = v1::EmbedderModel {
            version: Some(version(&self.0)),
            dim: as_u32(spec.dim),
            max_tokens: as_u32(spec.max_tokens),
            device: spec.device.clone(),
            pooling: spec.pooling.name().into(),
        };
        Ok(Response::new(v1::EmbedderServiceGetInfoResponse {
            models: vec![model],
            max_batch_inputs: as_u32(config.max_batch_inputs),
            max_text_bytes: u64::try_from(config.max_text_bytes).unwrap_or(u64::MAX),
            max_batch_tokens: as_u32(config.max_batch_tokens),
        }))
    }
}

async fn answer(
    embedder: &Embedder,
    request: v1::EmbedRequest,
    deadline: Option<Deadline>,
    admission: Admission,
) -> Result<v1::EmbedResponse, EmbedderError> {
    let call = decode(request, deadline, admission).map_err(EmbedderError::Invalid)?;
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

fn decode(
    request: v1::EmbedRequest,
    deadline: Option<Deadline>,
    admission: Admission,
) -> Result<Call, Violation> {
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
        priority,
        deadline,
        admission,
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
    };
    v1::EmbedResponse {
        embeddings: embedded.embeddings.into_iter().map(embedding).collect(),
        model: Some(model),
        queue_seconds: embedded.queued.as_secs_f64(),
        inference_seconds: embedded.inference.as_secs_f64(),
    }
}

/// Narrows; counts are bounded far below.
fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
