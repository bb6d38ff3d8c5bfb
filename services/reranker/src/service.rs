//! Scores, orders, cuts and explains one list.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vivier_features::{Detail, Esco, Hit, PairFeatures, Query, Reason, ReasonLanguage};
use vivier_heads::{Contribution, Explanation, PairScorer};
use vivier_runtime::{CpuPool, PoolError};
use vivier_types::{FacetScores, ProfileId, ProfileKind, Summary};

use crate::config::Config;
use crate::error::RerankerError;

/// Pairs that one thread takes at a time: enough to outweigh the hand-over.
const PAIRS_PER_TASK: usize = 64;

/// A list to order.
#[derive(Debug)]
pub(crate) struct Job {
    /// Name of the scorer; empty for the default one.
    pub(crate) model: String,
    /// Which side the query is on.
    pub(crate) query_kind: ProfileKind,
    pub(crate) query: Summary,
    /// In retrieval order.
    pub(crate) candidates: Vec<Candidate>,
    /// How many to return; 0 for all.
    pub(crate) top_k: usize,
    pub(crate) explain: bool,
    /// Language of the reasons.
    pub(crate) language: ReasonLanguage,
}

/// One entry of the list: a profile of the other side.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) id: ProfileId,
    pub(crate) summary: Summary,
    pub(crate) retrieval_score: f32,
    pub(crate) facet_scores: FacetScores,
}

impl Candidate {
    fn hit(&self) -> Hit<'_> {
        Hit {
            summary: &self.summary,
            retrieval_score: self.retrieval_score,
            facet_scores: &self.facet_scores,
        }
    }
}

/// The ordered list.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Best first; equal scores in retrieval order.
    pub(crate) results: Vec<Ranked>,
    pub(crate) model: ModelVersion,
    /// Time spent scoring, ordering and explaining.
    pub(crate) elapsed: Duration,
}

/// One entry of the answer.
#[derive(Debug)]
pub(crate) struct Ranked {
    pub(crate) id: ProfileId,
    pub(crate) score: f32,
    /// Place in the request, from 0.
    pub(crate) retrieval_rank: usize,
    /// Empty unless asked for; sums to the score.
    pub(crate) contributions: Vec<Contribution>,
    /// Empty unless asked for; strongest first.
    pub(crate) reasons: Vec<Reason>,
    /// How far the contributions miss the score.
    pub(crate) completeness_error: f32,
}

/// Name and fingerprint of a scorer.
#[derive(Clone, Debug)]
pub(crate) struct ModelVersion {
    pub(crate) name: String,
    pub(crate) fingerprint: String,
}

/// The loaded scorers and what bounds their work.
pub(crate) struct Reranker {
    /// The first is the default.
    scorers: Vec<Arc<dyn PairScorer>>,
    esco: Option<Arc<Esco>>,
    pool: CpuPool,
    permits: Arc<Semaphore>,
    config: Config,
}

impl Reranker {
    /// Takes the scorers, the default one first; there must be one.
    pub(crate) fn new(
        default: Arc<dyn PairScorer>,
        esco: Option<Esco>,
        pool: CpuPool,
        config: Config,
    ) -> Self {
        let permits = Arc::new(Semaphore::new(config.max_concurrent_requests));
        Self {
            scorers: vec![default],
            esco: esco.map(Arc::new),
            pool,
            permits,
            config,
        }
    }

    /// Returns every loaded scorer, the default one first.
    pub(crate) fn models(&self) -> Vec<ModelVersion> {
        self.scorers
            .iter()
            .map(|scorer| version(scorer.as_ref()))
            .collect()
    }

    /// Returns the most candidates in one request.
    pub(crate) fn max_candidates(&self) -> usize {
        self.config.max_candidates
    }

    /// Admits one request; the permit holds its place.
    ///
    /// # Errors
    /// [`RerankerError::Overloaded`] when the configured number is at work.
    pub(crate) fn admit(&self) -> Result<OwnedSemaphorePermit, RerankerError> {
        Arc::clone(&self.permits)
            .try_acquire_owned()
            .map_err(|_| RerankerError::Overloaded {
                limit: self.config.max_concurrent_requests,
                retry_after: self.config.retry_after,
            })
    }

    /// Runs work on the scoring threads.
    pub(crate) async fn offload<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, PoolError> {
        self.pool.run(work).await
    }

    /// Orders one list.
    ///
    /// Equal scores keep the retrieval order. Explanations are made only when
    /// asked for, and only for what is returned.
    ///
    /// # Errors
    /// When the scorer is unknown or fails.
    pub(crate) async fn rerank(&self, job: Job) -> Result<Answer, RerankerError> {
        let scorer = self.scorer(&job.model)?;
        let esco = self.esco.clone();
        let work = move || order(scorer.as_ref(), esco.as_deref(), &job);
        self.pool.run(work).await?
    }

    fn scorer(&self, name: &str) -> Result<Arc<dyn PairScorer>, RerankerError> {
        let wanted = |scorer: &&Arc<dyn PairScorer>| name.is_empty() || scorer.name() == name;
        self.scorers.iter().find(wanted).cloned().ok_or_else(|| {
            let loaded: Vec<&str> = self.scorers.iter().map(|scorer| scorer.name()).collect();
            RerankerError::UnknownModel {
                name: name.to_owned(),
                loaded: loaded.join(", "),
            }
        })
    }
}

fn version(scorer: &dyn PairScorer) -> ModelVersion {
    ModelVersion {
        name: scorer.name().to_owned(),
        fingerprint: scorer.fingerprint().to_owned(),
    }
}

fn order(scorer: &dyn PairScorer, esco: Option<&Esco>, job: &Job) -> Result<Answer, RerankerError> {
    let started = Instant::now();
    let query = Query::new(job.query_kind, &job.query, esco);
    let detail = scorer.detail();
    let features: Vec<PairFeatures> = job
        .candidates
        .par_iter()
        .with_min_len(PAIRS_PER_TASK)
        .map(|candidate| query.features_with(&candidate.hit(), detail))
        .collect();
    let scores = scorer.score(&features)?;
    let chosen = best_first(&scores, job.top_k);
    let explained = if job.explain {
        let hits = chosen.par_iter().map(|place| job.candidates[*place].hit());
        let features: Vec<PairFeatures> = hits
            .map(|hit| query.features_with(&hit, Detail::Full))
            .collect();
        scorer.explain(&features)?
    } else {
        Vec::new()
    };
    let mut explained = explained.into_iter();
    let results = chosen
        .into_iter()
        .map(|place| {
            let candidate = &job.candidates[place];
            let explanation = explained.next();
            let completeness_error = explanation
                .as_ref()
                .map_or(0.0, |explanation| explanation.completeness_error);
            let (contributions, reasons) = explanation
                .map(|explanation| put_into_words(&query, (candidate, job.language), explanation))
                .unwrap_or_default();
            Ranked {
                id: candidate.id.clone(),
                score: scores[place],
                retrieval_rank: place,
                contributions,
                reasons,
                completeness_error,
            }
        })
        .collect();
    Ok(Answer {
        results,
        model: version(scorer),
        elapsed: started.elapsed(),
    })
}

/// Returns the places of the best scores; equal ones in their order. A
/// `top_k` of 0 means all.
fn best_first(scores: &[f32], top_k: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|one, other| {
        scores[*other]
            .partial_cmp(&scores[*one])
            .unwrap_or(Ordering::Equal)
    });
    if top_k > 0 {
        places.truncate(top_k);
    }
    places
}

/// Returns the parts of a score, and the reasons with those first whose
/// feature moved the score most.
fn put_into_words(
    query: &Query<'_>,
    (candidate, language): (&Candidate, ReasonLanguage),
    explanation: Explanation,
) -> (Vec<Contribution>, Vec<Reason>) {
    let mut reasons = query.explain(&candidate.hit(), language);
    let strength = |reason: &Reason| {
        let part = explanation
            .contributions
            .iter()
            .find(|part| part.feature == reason.feature);
        part.map_or(0.0, |part| part.contribution.abs())
    };
    reasons.sort_by(|one, other| {
        strength(other)
            .partial_cmp(&strength(one))
            .unwrap_or(Ordering::Equal)
    });
    (explanation.contributions, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_scores_keep_their_order() {
        let scores = [0.5, 0.9, 0.5, 0.9, -0.0, 0.0, 0.1];
        assert_eq!(best_first(&scores, 0), [1, 3, 0, 2, 6, 4, 5]);
        assert_eq!(best_first(&scores, 3), [1, 3, 0]);
        assert_eq!(best_first(&scores, 100).len(), 7);
        assert!(best_first(&[], 5).is_empty());
    }
}
