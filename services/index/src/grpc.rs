//! The gRPC face of the index: decode, call, encode.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use tokio_stream::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, Streaming};
use vivier_proto::v1;
use vivier_runtime::status_from;

use crate::config::IndexLimits;
use crate::convert;
use crate::error::IndexError;
use crate::service::IndexService;

type Answer<T> = Result<Response<T>, Status>;

/// Adapts [`IndexService`] to the generated server.
pub(crate) struct Grpc {
    service: Arc<IndexService>,
    limits: IndexLimits,
}

impl Grpc {
    pub(crate) fn new(service: Arc<IndexService>, limits: IndexLimits) -> Self {
        Self { service, limits }
    }
}

fn answer<T>(result: Result<T, IndexError>) -> Answer<T> {
    result
        .map(Response::new)
        .map_err(|error| status_from(&error))
}

#[tonic::async_trait]
impl v1::index_service_server::IndexService for Grpc {
    type UpsertStream = Pin<Box<dyn Stream<Item = Result<v1::UpsertResponse, Status>> + Send>>;
    type UpdateFacetsStream =
        Pin<Box<dyn Stream<Item = Result<v1::UpdateFacetsResponse, Status>> + Send>>;

    #[tracing::instrument(skip_all)]
    async fn create_collection(
        &self,
        request: Request<v1::CreateCollectionRequest>,
    ) -> Answer<v1::CreateCollectionResponse> {
        let create = async {
            let spec = convert::spec(request.into_inner().spec)?;
            let created = self.service.create_collection(spec).await?;
            Ok(v1::CreateCollectionResponse { created })
        };
        answer(create.await)
    }

    async fn list_collections(
        &self,
        _: Request<v1::ListCollectionsRequest>,
    ) -> Answer<v1::ListCollectionsResponse> {
        let collections = self.service.list_collections().into_iter();
        let collections = collections.map(convert::spec_message).collect();
        Ok(Response::new(v1::ListCollectionsResponse { collections }))
    }

    #[tracing::instrument(skip_all)]
    async fn upsert(
        &self,
        request: Request<Streaming<v1::UpsertRequest>>,
    ) -> Answer<Self::UpsertStream> {
        let service = Arc::clone(&self.service);
        // The first request names the collection for the whole stream.
        let collection = Arc::new(OnceLock::new());
        let answers = request.into_inner().then(move |message| {
            let (service, collection) = (Arc::clone(&service), Arc::clone(&collection));
            async move {
                let acknowledged = upsert(&service, &collection, message?).await;
                acknowledged.map_err(|error| status_from(&error))
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    #[tracing::instrument(skip_all)]
    async fn update_facets(
        &self,
        request: Request<Streaming<v1::UpdateFacetsRequest>>,
    ) -> Answer<Self::UpdateFacetsStream> {
        let service = Arc::clone(&self.service);
        let collection = Arc::new(OnceLock::new());
        let answers = request.into_inner().then(move |message| {
            let (service, collection) = (Arc::clone(&service), Arc::clone(&collection));
            async move {
                let acknowledged = update_facets(&service, &collection, message?).await;
                acknowledged.map_err(|error| status_from(&error))
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    #[tracing::instrument(skip_all, fields(collection = request.get_ref().collection))]
    async fn add_facet(
        &self,
        request: Request<v1::AddFacetRequest>,
    ) -> Answer<v1::AddFacetResponse> {
        let add = async {
            let request = request.into_inner();
            let (name, facet) = convert::facet("facet", request.facet.unwrap_or_default())?;
            let service = &self.service;
            let added = service.add_facet(&request.collection, name, facet).await?;
            Ok(v1::AddFacetResponse { added })
        };
        answer(add.await)
    }

    #[tracing::instrument(skip_all)]
    async fn set_aliases(
        &self,
        request: Request<v1::SetAliasesRequest>,
    ) -> Answer<v1::SetAliasesResponse> {
        let set = async {
            let set = convert::set_aliases(request.into_inner())?;
            let changed = self.service.set_aliases(set).await?;
            Ok(v1::SetAliasesResponse { changed })
        };
        answer(set.await)
    }

    #[tracing::instrument(skip_all)]
    async fn remove_alias(
        &self,
        request: Request<v1::RemoveAliasRequest>,
    ) -> Answer<v1::RemoveAliasResponse> {
        let removed = self.service.remove_alias(request.into_inner().alias).await;
        answer(removed.map(|removed| v1::RemoveAliasResponse { removed }))
    }

    async fn list_aliases(
        &self,
        _: Request<v1::ListAliasesRequest>,
    ) -> Answer<v1::ListAliasesResponse> {
        let aliases = convert::aliases_message(self.service.aliases());
        Ok(Response::new(aliases))
    }

    #[tracing::instrument(skip_all, fields(collection = request.get_ref().collection))]
    async fn delete_collection(
        &self,
        request: Request<v1::DeleteCollectionRequest>,
    ) -> Answer<v1::DeleteCollectionResponse> {
        let name = request.into_inner().collection;
        let deleted = self.service.delete_collection(name).await;
        answer(deleted.map(|deleted| v1::DeleteCollectionResponse { deleted }))
    }

    #[tracing::instrument(skip_all, fields(batch_size = request.get_ref().ids.len()))]
    async fn delete(&self, request: Request<v1::DeleteRequest>) -> Answer<v1::DeleteResponse> {
        let request = request.into_inner();
        let outcome = self.service.delete(request.collection, request.ids).await;
        answer(outcome.map(|outcome| v1::DeleteResponse {
            sequence: outcome.sequence,
            deleted: outcome.deleted,
        }))
    }

    #[tracing::instrument(skip_all, fields(batch_size = request.get_ref().ids.len()))]
    async fn erase(&self, request: Request<v1::EraseRequest>) -> Answer<v1::EraseResponse> {
        let request = request.into_inner();
        let outcome = self.service.erase(request.collection, request.ids).await;
        answer(outcome.map(|outcome| v1::EraseResponse {
            sequence: outcome.sequence,
            erased: outcome.deleted,
        }))
    }

    #[tracing::instrument(skip_all, fields(batch_size = request.get_ref().ids.len()))]
    async fn get(&self, request: Request<v1::GetRequest>) -> Answer<v1::GetResponse> {
        let request = request.into_inner();
        let parts = convert::parts(request.parts);
        let records = self
            .service
            .get(&request.collection, request.ids, parts)
            .await;
        answer(records.map(|records| v1::GetResponse {
            points: records.into_iter().map(convert::point_message).collect(),
        }))
    }

    #[tracing::instrument(skip_all)]
    async fn scroll(&self, request: Request<v1::ScrollRequest>) -> Answer<v1::ScrollResponse> {
        let scroll = async {
            let request = convert::scroll(request.into_inner(), &self.limits)?;
            self.service.scroll(request).await
        };
        answer(scroll.await.map(convert::page_message))
    }

    #[tracing::instrument(skip_all, fields(collection = request.get_ref().collection, top_k = request.get_ref().k))]
    async fn search(&self, request: Request<v1::SearchRequest>) -> Answer<v1::SearchResponse> {
        let search = async {
            let request = convert::search(request.into_inner(), &self.limits)?;
            self.service.search(request).await
        };
        answer(search.await.map(convert::search_message))
    }

    #[tracing::instrument(skip_all, fields(batch_size = request.get_ref().ids.len()))]
    async fn explain_words(
        &self,
        request: Request<v1::ExplainWordsRequest>,
    ) -> Answer<v1::ExplainWordsResponse> {
        let request = convert::explain(request.into_inner());
        let matches = self.service.explain_words(request).await;
        answer(matches.map(convert::matches_message))
    }

    async fn get_stats(&self, _: Request<v1::GetStatsRequest>) -> Answer<v1::GetStatsResponse> {
        Ok(Response::new(convert::stats_message(self.service.stats())))
    }
}

/// Carries out one request of an upsert stream.
async fn upsert(
    service: &IndexService,
    collection: &OnceLock<String>,
    message: v1::UpsertRequest,
) -> Result<v1::UpsertResponse, IndexError> {
    check_same(collection, &message.collection)?;
    let records = convert::records(message.points)?;
    let fingerprint = message.model_fingerprint;
    let outcome = service
        .upsert(message.collection, &fingerprint, records)
        .await?;
    Ok(v1::UpsertResponse {
        sequence: outcome.sequence,
        inserted: outcome.inserted,
        replaced: outcome.replaced,
    })
}

/// Carries out one request of an update stream.
async fn update_facets(
    service: &IndexService,
    collection: &OnceLock<String>,
    message: v1::UpdateFacetsRequest,
) -> Result<v1::UpdateFacetsResponse, IndexError> {
    check_same(collection, &message.collection)?;
    let updates = convert::updates(message.updates);
    let fingerprint = message.model_fingerprint;
    let outcome = service
        .update_facets(message.collection, &fingerprint, updates)
        .await?;
    Ok(v1::UpdateFacetsResponse {
        sequence: outcome.sequence,
        updated: outcome.replaced,
        unknown: outcome.unknown,
        stale: outcome.stale,
    })
}

/// Checks that a request names the collection of the first of its stream.
fn check_same(first: &OnceLock<String>, collection: &str) -> Result<(), IndexError> {
    let first = first.get_or_init(|| collection.to_owned());
    if first == collection {
        return Ok(());
    }
    let reason = format!("must stay {first:?} through a stream");
    Err(IndexError::invalid("collection", collection, reason))
}
