//! The three services as seen from here: generated clients behind plain
//! methods, each call under a deadline and each failure a [`CallError`].

use std::future::Future;

use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;
use vivier_proto::v1::index_service_client::IndexServiceClient;
use vivier_proto::v1::reranker_service_client::RerankerServiceClient;
use vivier_runtime::{ClientConfig, ConnectError, Deadline, ErrorCode, connect, retry_delay};

use crate::catalog::Catalog;
use crate::error::CallError;

/// The embedder.
#[derive(Clone)]
pub(crate) struct Embedder {
    name: String,
    address: String,
    client: EmbedderServiceClient<Channel>,
}

impl Embedder {
    /// Opens a lazy channel to `address`; `name` says which embedder it is.
    pub(crate) fn connect(
        name: &str,
        address: &str,
        config: &ClientConfig,
    ) -> Result<Self, ConnectError> {
        let client = EmbedderServiceClient::new(connect(address, config)?)
            .max_decoding_message_size(config.max_message_bytes)
            .max_encoding_message_size(config.max_message_bytes);
        Ok(Self {
            name: name.to_owned(),
            address: address.to_owned(),
            client,
        })
    }

    /// Returns the address as configured.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks for models and limits.
    pub(crate) async fn info(
        &self,
        deadline: Deadline,
    ) -> Result<v1::EmbedderServiceGetInfoResponse, CallError> {
        let mut client = self.client.clone();
        let request = v1::EmbedderServiceGetInfoRequest {};
        call(&self.name, request, deadline, |request| async move {
            client.get_info(request).await
        })
        .await
    }

    /// Embeds one batch.
    pub(crate) async fn embed(
        &self,
        request: v1::EmbedRequest,
        deadline: Deadline,
    ) -> Result<v1::EmbedResponse, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.embed(request).await
        })
        .await
    }
}

/// The reranker.
#[derive(Clone)]
pub(crate) struct Reranker {
    name: String,
    address: String,
    client: RerankerServiceClient<Channel>,
}

impl Reranker {
    /// Opens a lazy channel to `address`.
    pub(crate) fn connect(address: &str, config: &ClientConfig) -> Result<Self, ConnectError> {
        let client = RerankerServiceClient::new(connect(address, config)?)
            .max_decoding_message_size(config.max_message_bytes)
            .max_encoding_message_size(config.max_message_bytes);
        Ok(Self {
            name: "reranker".to_owned(),
            address: address.to_owned(),
            client,
        })
    }

    /// Returns the address as configured.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Asks for scorers and limits.
    pub(crate) async fn info(
        &self,
        deadline: Deadline,
    ) -> Result<v1::RerankerServiceGetInfoResponse, CallError> {
        let mut client = self.client.clone();
        let request = v1::RerankerServiceGetInfoRequest {};
        call(&self.name, request, deadline, |request| async move {
            client.get_info(request).await
        })
        .await
    }

    /// Orders candidates for one query.
    pub(crate) async fn rerank(
        &self,
        request: v1::RerankRequest,
        deadline: Deadline,
    ) -> Result<v1::RerankResponse, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.rerank(request).await
        })
        .await
    }
}

/// One shard of the index.
#[derive(Clone)]
pub(crate) struct Shard {
    name: String,
    address: String,
    client: IndexServiceClient<Channel>,
}

impl Shard {
    /// Opens a lazy channel to `address`; `name` says which shard it is.
    pub(crate) fn connect(
        name: String,
        address: &str,
        config: &ClientConfig,
    ) -> Result<Self, ConnectError> {
        let client = IndexServiceClient::new(connect(address, config)?)
            .max_decoding_message_size(config.max_message_bytes)
            .max_encoding_message_size(config.max_message_bytes);
        Ok(Self {
            name,
            address: address.to_owned(),
            client,
        })
    }

    /// Returns the address as configured.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Lists collections and aliases.
    pub(crate) async fn catalog(&self, deadline: Deadline) -> Result<Catalog, CallError> {
        let mut client = self.client.clone();
        let request = v1::ListCollectionsRequest {};
        let listed = call(&self.name, request, deadline, |request| async move {
            client.list_collections(request).await
        });
        let mut client = self.client.clone();
        let request = v1::ListAliasesRequest {};
        let aliases = call(&self.name, request, deadline, |request| async move {
            client.list_aliases(request).await
        });
        let (listed, aliases) = tokio::try_join!(listed, aliases)?;
        Ok(Catalog::new(listed.collections, aliases.aliases))
    }

    /// Adds a facet to a collection, or finds that it is there.
    pub(crate) async fn add_facet(
        &self,
        request: v1::AddFacetRequest,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.add_facet(request).await
        })
        .await
        .map(|_| ())
    }

    /// Lets aliases name collections.
    pub(crate) async fn set_aliases(
        &self,
        request: v1::SetAliasesRequest,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.set_aliases(request).await
        })
        .await
        .map(|_| ())
    }

    /// Removes a collection that no alias names.
    pub(crate) async fn delete_collection(
        &self,
        collection: String,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut client = self.client.clone();
        let request = v1::DeleteCollectionRequest { collection };
        call(&self.name, request, deadline, |request| async move {
            client.delete_collection(request).await
        })
        .await
        .map(|_| ())
    }

    /// Creates a collection, or finds that it is there.
    pub(crate) async fn create_collection(
        &self,
        spec: v1::CollectionSpec,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut client = self.client.clone();
        let request = v1::CreateCollectionRequest { spec: Some(spec) };
        call(&self.name, request, deadline, |request| async move {
            client.create_collection(request).await
        })
        .await
        .map(|_| ())
    }

    /// Writes points, message by message; they are durable when this returns.
    pub(crate) async fn upsert(
        &self,
        messages: Vec<v1::UpsertRequest>,
        deadline: Deadline,
    ) -> Result<(), CallError> {
        let mut client = self.client.clone();
        let expected = messages.len();
        let acknowledged = async {
            let mut request = Request::new(futures::stream::iter(messages));
            deadline.attach(&mut request);
            let mut answers = client.upsert(request).await?.into_inner();
            let mut count = 0;
            while answers.message().await?.is_some() {
                count += 1;
            }
            Ok(count)
        };
        match tokio::time::timeout(deadline.remaining(), acknowledged).await {
            Ok(Ok(count)) if count == expected => Ok(()),
            Ok(Ok(count)) => Err(self.broken(format!(
                "it acknowledged {count} of {expected} upsert messages"
            ))),
            Ok(Err(status)) => Err(call_error(&self.name, &status)),
            Err(_) => Err(late(&self.name)),
        }
    }

    /// Deletes points and returns how many were there.
    pub(crate) async fn delete(
        &self,
        request: v1::DeleteRequest,
        deadline: Deadline,
    ) -> Result<u64, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.delete(request).await
        })
        .await
        .map(|answer| answer.deleted)
    }

    /// Deletes points, removes every byte of them from the disk, and returns how
    /// many were there.
    pub(crate) async fn erase(
        &self,
        request: v1::EraseRequest,
        deadline: Deadline,
    ) -> Result<u64, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.erase(request).await
        })
        .await
        .map(|answer| answer.erased)
    }

    /// Returns points by id.
    pub(crate) async fn get(
        &self,
        request: v1::GetRequest,
        deadline: Deadline,
    ) -> Result<Vec<v1::Point>, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.get(request).await
        })
        .await
        .map(|answer| answer.points)
    }

    /// Returns a page of points in id order.
    pub(crate) async fn scroll(
        &self,
        request: v1::ScrollRequest,
        deadline: Deadline,
    ) -> Result<v1::ScrollResponse, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.scroll(request).await
        })
        .await
    }

    /// Finds the best points.
    pub(crate) async fn search(
        &self,
        request: v1::SearchRequest,
        deadline: Deadline,
    ) -> Result<v1::SearchResponse, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.search(request).await
        })
        .await
    }

    /// Says which words of a query matched given points.
    pub(crate) async fn explain_words(
        &self,
        request: v1::ExplainWordsRequest,
        deadline: Deadline,
    ) -> Result<Vec<v1::WordMatches>, CallError> {
        let mut client = self.client.clone();
        call(&self.name, request, deadline, |request| async move {
            client.explain_words(request).await
        })
        .await
        .map(|answer| answer.matches)
    }

    /// Counts points.
    pub(crate) async fn stats(
        &self,
        deadline: Deadline,
    ) -> Result<v1::GetStatsResponse, CallError> {
        let mut client = self.client.clone();
        call(
            &self.name,
            v1::GetStatsRequest {},
            deadline,
            |request| async move { client.get_stats(request).await },
        )
        .await
    }

    fn broken(&self, problem: String) -> CallError {
        CallError {
            service: self.name.clone(),
            code: ErrorCode::Internal,
            message: problem,
            retry_after: None,
        }
    }
}

/// Sends one request under a deadline, on the wire and on our own clock: a
/// silent peer must not hold the caller.
async fn call<Q, R, F>(
    service: &str,
    message: Q,
    deadline: Deadline,
    send: impl FnOnce(Request<Q>) -> F,
) -> Result<R, CallError>
where
    F: Future<Output = Result<Response<R>, Status>>,
{
    let mut request = Request::new(message);
    deadline.attach(&mut request);
    match tokio::time::timeout(deadline.remaining(), send(request)).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(call_error(service, &status)),
        Err(_) => Err(late(service)),
    }
}

fn late(service: &str) -> CallError {
    CallError {
        service: service.to_owned(),
        code: ErrorCode::DeadlineExceeded,
        message: "did not answer in time".to_owned(),
        retry_after: None,
    }
}

fn call_error(service: &str, status: &Status) -> CallError {
    let code = error_code(status.code());
    if code == ErrorCode::DeadlineExceeded {
        // Whose clock ran out first says nothing.
        return late(service);
    }
    CallError {
        service: service.to_owned(),
        code,
        message: status.message().to_owned(),
        retry_after: retry_delay(status),
    }
}

/// Maps what a peer may answer to our closed set.
///
/// tonic's own client timer answers CANCELLED, and a connection that breaks
/// answers UNKNOWN or UNAVAILABLE.
fn error_code(code: Code) -> ErrorCode {
    match code {
        Code::InvalidArgument => ErrorCode::InvalidArgument,
        Code::NotFound => ErrorCode::NotFound,
        Code::FailedPrecondition => ErrorCode::FailedPrecondition,
        Code::ResourceExhausted => ErrorCode::ResourceExhausted,
        Code::Unavailable | Code::Aborted | Code::Unknown | Code::Unimplemented => {
            ErrorCode::Unavailable
        }
        Code::DeadlineExceeded | Code::Cancelled => ErrorCode::DeadlineExceeded,
        Code::Ok
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::OutOfRange
        | Code::Internal
        | Code::DataLoss
        | Code::Unauthenticated => ErrorCode::Internal,
    }
}
