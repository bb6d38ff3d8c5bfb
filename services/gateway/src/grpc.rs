//! The public services over gRPC: decode, call, encode.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};
use tracing::Instrument;
use vivier_proto::v1;
use vivier_proto::v1::match_service_server::MatchService;
use vivier_proto::v1::profile_service_server::ProfileService;
use vivier_runtime::{Deadline, status_from};
use vivier_types::{ProfileKind, Violation};

use crate::cluster::Cluster;
use crate::draft::wire_id;
use crate::error::GatewayError;
use crate::matching::{MatchAnswer, MatchRequest, run_match};
use crate::options::{Options, today};
use crate::ordered::work_in_order;
use crate::query::{Source, read_candidate_query, read_id, read_kind, read_vacancy_query};
use crate::records::Removal;
use crate::{records, reindex, status, upsert};

/// Both public services over one cluster.
#[derive(Clone)]
pub(crate) struct Gateway {
    cluster: Arc<Cluster>,
}

impl Gateway {
    /// Serves `cluster`.
    pub(crate) fn new(cluster: Arc<Cluster>) -> Self {
        Self { cluster }
    }

    /// Returns when a call must be answered: when its client says, at the
    /// latest after the configured time.
    fn deadline<T>(&self, request: &Request<T>) -> Deadline {
        Deadline::of(request)
            .unwrap_or_else(|| Deadline::within(self.cluster.config.default_deadline))
    }

    async fn run_match(
        &self,
        kind: ProfileKind,
        source: Result<Source, Violation>,
        options: Option<v1::MatchOptions>,
        deadline: Deadline,
    ) -> Result<MatchAnswer, GatewayError> {
        let source = source?;
        let options = options.unwrap_or_default();
        let options = Options::check(options, kind.other(), &self.cluster.config, today())?;
        let span = tracing::debug_span!(
            "match",
            kind = kind.plural(),
            k = options.k,
            depth = options.depth
        );
        let deadline = options
            .time
            .map_or(deadline, |time| deadline.min(Deadline::within(time)));
        let stopped = GatewayError::DeadlineExceeded { stage: "the match" };
        let request = MatchRequest {
            kind,
            source,
            options,
        };
        let work = run_match(&self.cluster, request, deadline).instrument(span);
        tokio::time::timeout(deadline.remaining(), work)
            .await
            .unwrap_or(Err(stopped))
    }
}

/// Turns an outcome into what a client sees.
fn answer<T>(outcome: Result<T, GatewayError>) -> Result<Response<T>, Status> {
    outcome
        .map(Response::new)
        .map_err(|error| status_from(&error))
}

#[tonic::async_trait]
impl MatchService for Gateway {
    async fn search_candidates(
        &self,
        request: Request<v1::SearchCandidatesRequest>,
    ) -> Result<Response<v1::SearchCandidatesResponse>, Status> {
        let deadline = self.deadline(&request);
        let message = request.into_inner();
        let source = read_vacancy_query(message.query, &self.cluster.config.limits);
        let outcome = self
            .run_match(ProfileKind::Vacancy, source, message.options, deadline)
            .await;
        answer(outcome.map(
            |MatchAnswer { results, report }| v1::SearchCandidatesResponse {
                results,
                report: Some(report),
            },
        ))
    }

    async fn search_vacancies(
        &self,
        request: Request<v1::SearchVacanciesRequest>,
    ) -> Result<Response<v1::SearchVacanciesResponse>, Status> {
        let deadline = self.deadline(&request);
        let message = request.into_inner();
        let source = read_candidate_query(message.query, &self.cluster.config.limits);
        let outcome = self
            .run_match(ProfileKind::Candidate, source, message.options, deadline)
            .await;
        answer(outcome.map(
            |MatchAnswer { results, report }| v1::SearchVacanciesResponse {
                results,
                report: Some(report),
            },
        ))
    }
}

#[tonic::async_trait]
impl ProfileService for Gateway {
    type ReindexStream = Pin<Box<dyn Stream<Item = Result<v1::ReindexResponse, Status>> + Send>>;

    async fn reindex(
        &self,
        request: Request<v1::ReindexRequest>,
    ) -> Result<Response<Self::ReindexStream>, Status> {
        let cluster = Arc::clone(&self.cluster);
        let (progress, told) = mpsc::channel(1);
        let work = async move {
            let outcome = reindex::reindex(&cluster, request.into_inner(), &progress).await;
            outcome.map_err(|error| status_from(&error)).err()
        };
        // A caller who leaves drops both, and so stops the work.
        let told = futures::stream::unfold(told, |mut told| async move {
            told.recv().await.map(|said| (Ok(said), told))
        });
        let failure = futures::stream::once(work).filter_map(|error| async { error.map(Err) });
        let answers = futures::stream::select(told, failure);
        Ok(Response::new(answers.boxed()))
    }

    type UpsertProfilesStream =
        Pin<Box<dyn Stream<Item = Result<v1::UpsertProfilesResponse, Status>> + Send>>;

    async fn upsert_profiles(
        &self,
        request: Request<Streaming<v1::UpsertProfilesRequest>>,
    ) -> Result<Response<Self::UpsertProfilesStream>, Status> {
        let limit = Deadline::of(&request);
        let cluster = Arc::clone(&self.cluster);
        let concurrency = cluster.config.upsert_concurrency;
        let work = move |message: v1::UpsertProfilesRequest| {
            let cluster = Arc::clone(&cluster);
            async move { upsert_one(&cluster, message, limit).await }
        };
        let answers = work_in_order(request.into_inner(), concurrency, profile_keys, work);
        Ok(Response::new(answers.boxed()))
    }

    async fn get_profile(
        &self,
        request: Request<v1::GetProfileRequest>,
    ) -> Result<Response<v1::GetProfileResponse>, Status> {
        let deadline = self.deadline(&request);
        let message = request.into_inner();
        let outcome = async {
            let (kind, id) = (read_kind(message.kind)?, read_id("id", message.id)?);
            let profile = records::get(&self.cluster, kind, &id, deadline).await?;
            Ok(v1::GetProfileResponse {
                profile: Some(profile),
            })
        };
        answer(outcome.await)
    }

    async fn delete_profile(
        &self,
        request: Request<v1::DeleteProfileRequest>,
    ) -> Result<Response<v1::DeleteProfileResponse>, Status> {
        let deadline = self.deadline(&request);
        let message = request.into_inner();
        let outcome = async {
            let (kind, id) = (read_kind(message.kind)?, read_id("id", message.id)?);
            let removal = if message.erase {
                Removal::Erase
            } else {
                Removal::Delete
            };
            records::delete(&self.cluster, kind, &id, removal, deadline).await?;
            Ok(v1::DeleteProfileResponse {})
        };
        answer(outcome.await)
    }

    async fn list_profiles(
        &self,
        request: Request<v1::ListProfilesRequest>,
    ) -> Result<Response<v1::ListProfilesResponse>, Status> {
        let deadline = self.deadline(&request);
        let message = request.into_inner();
        let outcome = async {
            let kind = read_kind(message.kind)?;
            let page = records::list(&self.cluster, kind, message, deadline).await?;
            let records::Page {
                profiles,
                next_page_token,
            } = page;
            Ok(v1::ListProfilesResponse {
                profiles,
                next_page_token,
            })
        };
        answer(outcome.await)
    }

    async fn get_status(
        &self,
        request: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        Ok(Response::new(
            status::status(&self.cluster, self.deadline(&request)).await,
        ))
    }
}

/// Stores the profiles of one request of a stream.
async fn upsert_one(
    cluster: &Arc<Cluster>,
    message: v1::UpsertProfilesRequest,
    limit: Option<Deadline>,
) -> Result<v1::UpsertProfilesResponse, Status> {
    let own = Deadline::within(cluster.config.upsert_timeout);
    let deadline = limit.map_or(own, |limit| limit.min(own));
    let span = tracing::debug_span!("upsert", batch_size = message.profiles.len());
    let results = upsert::upsert(cluster, message.profiles, deadline)
        .instrument(span)
        .await;
    match results {
        Ok(results) => Ok(v1::UpsertProfilesResponse { results }),
        Err(error) => Err(status_from(&error)),
    }
}

/// Returns what tells the profiles of a request apart from those of another.
fn profile_keys(message: &v1::UpsertProfilesRequest) -> BTreeSet<String> {
    let key = |profile: &v1::Profile| {
        let side = match profile.kind {
            Some(v1::profile::Kind::Candidate(_)) => 'c',
            Some(v1::profile::Kind::Vacancy(_)) | None => 'v',
        };
        format!("{side}{}", wire_id(profile))
    };
    message.profiles.iter().map(key).collect()
}
