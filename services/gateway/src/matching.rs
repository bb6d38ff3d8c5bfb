//! The match: one pipeline for both directions.
//!
//! fetch (a stored query), embed (one that is not), search every shard, rerank,
//! explain. Each stage gets a share of the time that is left, so that one that
//! hangs leaves time for a degraded answer that says what it lacks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use vivier_features::{Description, describe_profile};
use vivier_proto::v1;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::{Facet, Profile, ProfileId, ProfileKind};

use crate::cluster::{Cluster, Encoder};
use crate::draft::revision;
use crate::embed::{ProfileVectors, Work, embed_profiles};
use crate::error::{CallError, GatewayError};
use crate::evidence::{add_spans, find_spans};
use crate::expansion::{Additions, Retrievals, embed_additions, find_additions, no_esco, tell};
use crate::explain::{add_words, matched_words};
use crate::options::{Options, today};
use crate::points::{embed_job, facet_vectors};
use crate::query::{Query, Source};
use crate::records::{decode_document, fetch_point};
use crate::report::Report;
use crate::rerank::rank;
use crate::search::{search, search_without};

/// A checked request for a match.
#[derive(Clone, Debug)]
pub(crate) struct MatchRequest {
    /// Side of the query; the other side is searched.
    pub(crate) kind: ProfileKind,
    pub(crate) source: Source,
    pub(crate) options: Options,
}

/// Results, best first, and how they came about.
#[derive(Debug)]
pub(crate) struct MatchAnswer {
    pub(crate) results: Vec<v1::MatchResult>,
    pub(crate) report: v1::MatchReport,
}

/// Runs a match within `deadline`.
///
/// Without the reranker the answer is in retrieval order; without a shard its
/// part of the pool is missing; without the embedder a query that must be
/// embedded is searched by its words and its place alone. The report names each
/// of these.
///
/// # Errors
/// [`GatewayError::NotFound`] when the stored query is not there,
/// [`GatewayError::NoShard`] when no shard answers,
/// [`GatewayError::NoQueryVector`] when the embedder is away and the query has
/// no words, [`GatewayError::DeadlineExceeded`] when time runs out first.
pub(crate) async fn run_match(
    cluster: &Arc<Cluster>,
    request: MatchRequest,
    deadline: Deadline,
) -> Result<MatchAnswer, GatewayError> {
    for _ in 1..SWITCH_TRIES {
        match try_match(cluster, &request, deadline).await {
            Err(error) if error.is_mismatch() && cluster.embedders.len() > 1 => {
                cluster.settle(deadline).await;
            }
            answer => return answer,
        }
    }
    try_match(cluster, &request, deadline).await
}

/// Most tries of a match during which the shards switch to another model.
const SWITCH_TRIES: u32 = 4;

async fn try_match(
    cluster: &Arc<Cluster>,
    request: &MatchRequest,
    deadline: Deadline,
) -> Result<MatchAnswer, GatewayError> {
    if request.options.expansion.is_some() && cluster.knowledge.esco().is_none() {
        return Err(no_esco());
    }
    let run = Run { cluster, deadline };
    let mut report = Report::default();
    let query = run.query(request, &mut report).await?;

    let started = Instant::now();
    let limit = run.stage("search", cluster.config.stage_shares.search)?;
    let (hits, without) = tokio::join!(
        search(cluster, &query, &request.options, limit, &mut report),
        without_additions(cluster, &query, &request.options, limit),
    );
    let hits = hits?;
    let retrievals = query.additions.as_ref().map(|_| {
        let with: Vec<String> = hits.iter().map(|hit| hit.id.clone()).collect();
        // Nothing was added: both are one.
        let without = without.unwrap_or_else(|| Ok(with.clone()));
        Retrievals { with, without }
    });
    let shard_of: BTreeMap<String, usize> = if request.options.explain {
        hits.iter().map(|hit| (hit.id.clone(), hit.shard)).collect()
    } else {
        BTreeMap::new()
    };
    report.stage("search", started);

    let started = Instant::now();
    let limit = run.stage("rerank", cluster.config.stage_shares.rerank)?;
    let context = (limit, &mut report);
    let mut results = rank(cluster, &query, &request.options, hits, context).await;
    if !request.options.skip_rerank {
        report.stage("rerank", started);
    }
    if let (Some(additions), Some(retrievals)) = (&query.additions, &retrievals) {
        let told = tell(additions, &mut results, (retrievals, request.options.k));
        if !told.unknown.is_empty() {
            let text = format!("{}; what the expansion changed is unknown", told.unknown);
            report.degraded("expand", text);
        }
        report.expansion(told);
    }

    if request.options.explain {
        let started = Instant::now();
        let limit = run.stage("explain", cluster.config.stage_shares.explain)?;
        let language = query.reason_language(request.options.lang);
        let words = request.options.weights.contains_key(&Facet::Words);
        let (words, spans) = tokio::join!(
            matched_words(
                cluster,
                words.then_some(&query),
                &shard_of,
                (&results, limit)
            ),
            find_spans(cluster, &query, &shard_of, (&results, limit)),
        );
        add_words(&mut results, words, (language, &mut report));
        add_spans(&mut results, spans, &mut report);
        report.stage("explain", started);
    }
    Ok(MatchAnswer {
        results,
        report: report.finish(),
    })
}

/// Searches without what was added to the query; `None` when nothing was.
async fn without_additions(
    cluster: &Cluster,
    query: &Query,
    options: &Options,
    deadline: Deadline,
) -> Option<Result<Vec<String>, String>> {
    query.expansion()?;
    Some(search_without(cluster, query, options, deadline).await)
}

/// A stored query: the profile, and its vectors when they still hold.
struct Stored {
    profile: Profile,
    vectors: BTreeMap<Facet, Vec<f32>>,
    /// The encoder of now.
    encoder: Option<Arc<Encoder>>,
    /// Whether record, model and features are those of now.
    fresh: bool,
}

struct Run<'a> {
    cluster: &'a Arc<Cluster>,
    deadline: Deadline,
}

impl Run<'_> {
    /// Returns the deadline of a stage that may take `share` of what is left.
    fn stage(&self, stage: &'static str, share: f64) -> Result<Deadline, GatewayError> {
        let left = self.deadline.remaining();
        if left.is_zero() {
            return Err(GatewayError::DeadlineExceeded { stage });
        }
        Ok(Deadline::within(left.mul_f64(share)))
    }

    async fn query(
        &self,
        request: &MatchRequest,
        report: &mut Report,
    ) -> Result<Query, GatewayError> {
        let mut query_encoder = None;
        let (profile, stored) = match &request.source {
            Source::Stored(id) => {
                let stored = self.fetch(request.kind, id, report).await?;
                query_encoder = stored.encoder;
                (stored.profile, Some((stored.vectors, stored.fresh)))
            }
            Source::AdHoc(profile) => (profile.clone(), None),
        };
        let knowledge = Arc::clone(&self.cluster.knowledge);
        let started = Instant::now();
        let work = move || {
            let description = describe_profile(&profile, today(), &knowledge);
            (profile, description)
        };
        let (profile, description) = self.cluster.pool.run(work).await?;
        report.stage("describe", started);
        let mut query = Query::describe(request.kind, stored.is_some(), &description);
        query.candidate = match profile {
            Profile::Candidate(candidate) => Some(candidate),
            Profile::Vacancy(_) => None,
        };
        query.encoder = query_encoder;
        let expansion = request.options.expansion;
        let expanded = expansion.map(|limits| (limits, description.clone()));
        let weighs = |facet| request.options.weights.contains_key(&facet);
        match stored {
            _ if !weighs(Facet::Text) && !weighs(Facet::Skills) => {}
            Some((vectors, true)) => self.reuse(&mut query, vectors, report),
            Some((vectors, false)) => {
                self.embed(&mut query, description, (request, Some(vectors), report))
                    .await?;
            }
            None => {
                self.embed(&mut query, description, (request, None, report))
                    .await?
            }
        }
        if let Some((limits, description)) = expanded {
            let started = Instant::now();
            let mut additions = find_additions(self.cluster, description, limits).await?;
            if weighs(Facet::Skills) {
                self.embed_additions(&mut additions, &mut query, report)
                    .await?;
            }
            query.additions = Some(additions);
            report.stage("expand", started);
        }
        Ok(query)
    }

    /// Embeds the skills that are added to a query; without the embedder they are added to
    /// the words alone.
    async fn embed_additions(
        &self,
        additions: &mut Additions,
        query: &mut Query,
        report: &mut Report,
    ) -> Result<(), GatewayError> {
        let limit = self.stage("expand", self.cluster.config.stage_shares.embed)?;
        let by = (query.kind, query.encoder.clone());
        match embed_additions(self.cluster, additions, by, limit).await {
            Err(GatewayError::Call(error)) if is_outage(&error) => {
                let text = format!("{error}; skills were added to the words alone");
                report.degraded("expand", text);
                Ok(())
            }
            Ok(encoder) => {
                // So the shards check whose vectors these are.
                query.encoder = query.encoder.take().or(encoder);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn fetch(
        &self,
        kind: ProfileKind,
        id: &ProfileId,
        report: &mut Report,
    ) -> Result<Stored, GatewayError> {
        let started = Instant::now();
        let limit = self.stage("fetch", self.cluster.config.stage_shares.fetch)?;
        let parts = v1::PointParts {
            document: true,
            vectors: true,
            ..Default::default()
        };
        let point = fetch_point(self.cluster, kind, id, parts, limit).await?;
        // Without an embedder there is nothing better than what is stored.
        let encoder = self.cluster.known_encoder();
        let fresh = encoder.as_ref().is_none_or(|encoder| {
            let by = (encoder.as_ref(), self.cluster.knowledge.as_ref());
            revision(kind, &point.document, by) == point.revision
        });
        let wire = decode_document(kind, &point.id, &point.document)?;
        let profile = Profile::try_from(wire).map_err(|source| GatewayError::Corrupt {
            kind,
            id: point.id,
            source: Box::new(source),
        })?;
        let vectors = point
            .vectors
            .into_iter()
            .filter_map(|(name, vector)| Some((Facet::from_name(&name)?, vector.values)))
            .collect();
        report.stage("fetch", started);
        Ok(Stored {
            profile,
            vectors,
            encoder,
            fresh,
        })
    }

    fn reuse(&self, query: &mut Query, vectors: BTreeMap<Facet, Vec<f32>>, report: &mut Report) {
        query.vectors.extend(vectors);
        if let Some(encoder) = &query.encoder {
            report.model(&encoder.version);
        }
    }

    /// Embeds the query; when that fails, falls back to stored vectors, then to
    /// the facets that need no encoder.
    async fn embed(
        &self,
        query: &mut Query,
        description: Description,
        (request, stored, report): EmbedContext<'_>,
    ) -> Result<(), GatewayError> {
        let started = Instant::now();
        let limit = self.stage("embed", self.cluster.config.stage_shares.embed)?;
        let embedded = self
            .embed_query(request.kind, &description, limit, report)
            .await;
        report.stage("embed", started);
        let error = match embedded {
            Ok((vectors, encoder)) => {
                query.vectors = facet_vectors(&description, vectors);
                query.encoder = Some(encoder);
                return Ok(());
            }
            Err(GatewayError::Call(error)) if is_outage(&error) => error,
            Err(error) => return Err(error),
        };
        if let Some(vectors) = stored {
            let text = format!("{error}; the vectors stored with the query were used");
            report.degraded("embed", text);
            self.reuse(query, vectors, report);
            return Ok(());
        }
        let has_words =
            request.options.weights.contains_key(&Facet::Words) && query.words.is_some();
        if !has_words {
            return Err(GatewayError::NoQueryVector(error));
        }
        let text = format!("{error}; the search went by words and place, not by meaning");
        report.degraded("embed", text);
        Ok(())
    }

    async fn embed_query(
        &self,
        kind: ProfileKind,
        description: &Description,
        limit: Deadline,
        report: &mut Report,
    ) -> Result<(ProfileVectors, Arc<Encoder>), GatewayError> {
        let encoder = self.cluster.encoder(limit).await?;
        let jobs = [embed_job(kind, description)];
        let work = Work {
            jobs: &jobs,
            priority: v1::Priority::Interactive,
            max_text_tokens: self.cluster.config.query_tokens(),
        };
        let vectors = embed_profiles(self.cluster, &encoder, work, limit).await?;
        let vectors = vectors.into_iter().next().unwrap_or_default();
        report.model(&encoder.version);
        report.tokens(vectors.used_tokens, vectors.input_tokens);
        Ok((vectors, encoder))
    }
}

/// The request, the vectors stored with the query if any, and the report.
type EmbedContext<'a> = (
    &'a MatchRequest,
    Option<BTreeMap<Facet, Vec<f32>>>,
    &'a mut Report,
);

/// Tells whether a failed call says that the service is away or too busy, and
/// not that the request or the cluster is wrong.
fn is_outage(error: &CallError) -> bool {
    match error.code {
        ErrorCode::Unavailable | ErrorCode::DeadlineExceeded | ErrorCode::ResourceExhausted => true,
        ErrorCode::InvalidArgument
        | ErrorCode::NotFound
        | ErrorCode::FailedPrecondition
        | ErrorCode::Internal => false,
    }
}
