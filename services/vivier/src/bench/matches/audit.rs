//! Agreement of the index with an exact scan.

use std::collections::BTreeSet;

use serde::Serialize;
use vivier_proto::v1;

use super::stage::{Stage, options};

/// Share of what an exact scan finds that the index finds, in the mean.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Recall {
    pub(crate) queries: usize,
    /// The best 100 of the retrieval.
    pub(crate) at_100: f64,
    /// The best 1,000 of the retrieval.
    pub(crate) at_1000: f64,
    /// The 20 results after reranking.
    pub(crate) results: f64,
    /// Ways in which the index searched.
    pub(crate) plans: BTreeSet<String>,
}

impl Recall {
    /// Asks every vacancy in both ways; `None` when there is none.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub(crate) async fn measure(
        stage: &Stage,
        vacancies: Vec<v1::Vacancy>,
    ) -> anyhow::Result<Option<Self>> {
        let queries = vacancies.len();
        if queries == 0 {
            return Ok(None);
        }
        let mut recall = Self {
            queries,
            at_100: 0.0,
            at_1000: 0.0,
            results: 0.0,
            plans: BTreeSet::new(),
        };
        let retrieval = v1::MatchOptions {
            k: Some(1_000),
            explain: false,
            skip_rerank: true,
            ..options()
        };
        let share = 1.0 / float(queries);
        for vacancy in vacancies {
            let (found, plans) = ids(stage, &vacancy, &retrieval, false).await?;
            let (exact, _) = ids(stage, &vacancy, &retrieval, true).await?;
            recall.plans.extend(plans);
            recall.at_100 += share * common(&found, &exact, 100);
            recall.at_1000 += share * common(&found, &exact, 1_000);
            let (found, _) = ids(stage, &vacancy, &options(), false).await?;
            let (exact, _) = ids(stage, &vacancy, &options(), true).await?;
            recall.results += share * common(&found, &exact, exact.len());
        }
        Ok(Some(recall))
    }
}

async fn ids(
    stage: &Stage,
    vacancy: &v1::Vacancy,
    options: &v1::MatchOptions,
    exact: bool,
) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let options = v1::MatchOptions {
        exact,
        // A scan of everything may take long.
        deadline_ms: Some(600_000),
        ..options.clone()
    };
    let answer = stage.search(vacancy.clone(), options).await?;
    let ids = answer.results.into_iter().map(|result| result.id).collect();
    Ok((ids, answer.report.unwrap_or_default().plans))
}

/// Returns the share of the first `depth` exact results that were found.
fn common(found: &[String], exact: &[String], depth: usize) -> f64 {
    let found: BTreeSet<&String> = found.iter().take(depth).collect();
    let exact: Vec<&String> = exact.iter().take(depth).collect();
    let right = exact.iter().filter(|id| found.contains(*id)).count();
    float(right) / float(exact.len().max(1))
}

#[expect(clippy::cast_precision_loss, reason = "a count of results")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_is_of_the_first_ones() {
        let ids = |text: &str| -> Vec<String> { text.chars().map(String::from).collect() };
        assert!((common(&ids("abx"), &ids("bac"), 2) - 1.0).abs() < 1e-9);
        assert!((common(&ids("abx"), &ids("bac"), 3) - 2.0 / 3.0).abs() < 1e-9);
        assert!(common(&ids(""), &ids("b"), 3).abs() < 1e-9);
    }
}
