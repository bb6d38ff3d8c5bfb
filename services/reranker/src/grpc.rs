//! The gRPC adapter: decodes, calls, encodes.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use tracing::Instrument;
use vivier_proto::v1::reranker_service_server::{RerankerService, RerankerServiceServer};
use vivier_proto::v1::{
    RerankRequest, RerankResponse, RerankerServiceGetInfoRequest, RerankerServiceGetInfoResponse,
};
use vivier_runtime::{ServerConfig, status_from};

use crate::convert;
use crate::error::RerankerError;
use crate::service::Reranker;

/// Serves a [`Reranker`].
struct Adapter {
    reranker: Arc<Reranker>,
}

/// Returns the generated server with the configured message limits.
pub(crate) fn server(
    reranker: Arc<Reranker>,
    config: &ServerConfig,
) -> RerankerServiceServer<impl RerankerService> {
    RerankerServiceServer::new(Adapter { reranker })
        .max_decoding_message_size(config.max_message_bytes)
        .max_encoding_message_size(config.max_message_bytes)
}

impl Adapter {
    async fn answer(&self, wire: RerankRequest) -> Result<RerankResponse, RerankerError> {
        let _permit = self.reranker.admit()?;
        let limit = self.reranker.max_candidates();
        // Thousands of summaries are too much to check on an async thread.
        let decoded = self
            .reranker
            .offload(move || convert::decode(wire, limit))
            .await?;
        let job = decoded.map_err(RerankerError::Invalid)?;
        let answer = self.reranker.rerank(job).await?;
        Ok(self
            .reranker
            .offload(move || convert::encode(answer))
            .await?)
    }
}

#[tonic::async_trait]
impl RerankerService for Adapter {
    async fn rerank(
        &self,
        request: Request<RerankRequest>,
    ) -> Result<Response<RerankResponse>, Status> {
        let wire = request.into_inner();
        let span = tracing::info_span!(
            "rerank",
            candidates = wire.candidates.len(),
            top_k = wire.top_k,
            explain = wire.explain
        );
        let answer = self.answer(wire).instrument(span).await;
        answer
            .map(Response::new)
            .map_err(|error| status_from(&error))
    }

    async fn get_info(
        &self,
        _request: Request<RerankerServiceGetInfoRequest>,
    ) -> Result<Response<RerankerServiceGetInfoResponse>, Status> {
        let models = self.reranker.models();
        Ok(Response::new(RerankerServiceGetInfoResponse {
            default_model: models
                .first()
                .map(|model| model.name.clone())
                .unwrap_or_default(),
            models: models.into_iter().map(convert::encode_model).collect(),
            max_candidates: u32::try_from(self.reranker.max_candidates()).unwrap_or(u32::MAX),
        }))
    }
}
