//! Watches the other services: creates the collections, learns the models, sets
//! the gateway's readiness, and answers how the cluster fares.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use vivier_features::Knowledge;
use vivier_ontology::Kind;
use vivier_proto::v1;
use vivier_runtime::{Deadline, Health, Shutdown};
use vivier_types::ProfileKind;

use crate::clients::Shard;
use crate::cluster::{Cluster, collection};
use crate::error::CallError;

/// Longest wait for one service in a look at the cluster.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

/// Looks at every service again and again until `shutdown`.
///
/// The gateway is ready when the embedder and at least one shard answer: then
/// it can store and match. A ready gateway is called unready only after several
/// failed looks in a row, so that one late answer does not take it out of
/// rotation.
pub(crate) async fn watch(cluster: Arc<Cluster>, health: Health, shutdown: Shutdown) {
    let mut readiness = Readiness::new(cluster.config.unready_after);
    loop {
        let able = look(&cluster).await;
        if shutdown.is_triggered() {
            return;
        }
        if let Some(ready) = readiness.update(able) {
            tracing::info!(ready, "readiness changed");
            health.set_all(ready).await;
        }
        tokio::select! {
            () = tokio::time::sleep(cluster.config.health_interval) => {}
            () = shutdown.wait() => return,
        }
    }
}

/// Looks once; tells whether the gateway can do its work.
async fn look(cluster: &Cluster) -> bool {
    let deadline = Deadline::within(LOOK_TIMEOUT);
    let (catalogs, reranker) = tokio::join!(
        cluster.learn_catalogs(deadline),
        cluster.learn_reranker(deadline)
    );
    if let Err(error) = reranker {
        tracing::debug!(%error, "the reranker does not answer");
    }
    // Only now: which encoder is asked for depends on the collections.
    let encoder = match cluster.learn_encoder(Deadline::within(LOOK_TIMEOUT)).await {
        Ok(encoder) => encoder,
        Err(error) => {
            tracing::debug!(%error, "the embedder does not answer");
            return false;
        }
    };
    let deadline = Deadline::within(LOOK_TIMEOUT);
    let shards = catalogs.into_iter().enumerate();
    let prepared = shards.map(|shard| cluster.check_shard(shard, &encoder, deadline));
    let mut able = false;
    for answer in join_all(prepared).await {
        match answer {
            Ok(()) => able = true,
            Err(error) => tracing::debug!(%error, "a shard does not answer"),
        }
    }
    able
}

/// Damps the way from ready to unready.
struct Readiness {
    ready: bool,
    failures: u32,
    unready_after: u32,
}

impl Readiness {
    fn new(unready_after: u32) -> Self {
        Self {
            ready: false,
            failures: 0,
            unready_after,
        }
    }

    /// Takes the outcome of a look; returns the new state when it changes.
    fn update(&mut self, able: bool) -> Option<bool> {
        self.failures = if able {
            0
        } else {
            self.failures.saturating_add(1)
        };
        let ready = able || (self.ready && self.failures < self.unready_after);
        let changed = ready != self.ready;
        self.ready = ready;
        changed.then_some(ready)
    }
}

/// Counts profiles and says how each service fares, as seen now.
pub(crate) async fn status(cluster: &Cluster, deadline: Deadline) -> v1::GetStatusResponse {
    let deadline = deadline.min(Deadline::within(LOOK_TIMEOUT));
    let (embedder, reranker, shards) = tokio::join!(
        cluster.learn_encoder(deadline),
        cluster.learn_reranker(deadline),
        join_all(cluster.shards.iter().map(|shard| count(shard, deadline))),
    );
    let mut status = v1::GetStatusResponse::default();
    status.services.push(service(
        "embedder",
        embedder_address(cluster),
        embedder.as_ref().err(),
    ));
    status
        .models
        .extend(embedder.iter().map(|encoder| encoder.version.clone()));
    for (shard, stats) in cluster.shards.iter().zip(shards) {
        status
            .services
            .push(service("index", shard.address(), stats.as_ref().err()));
        if let Ok([candidates, vacancies]) = stats {
            status.candidates += candidates;
            status.vacancies += vacancies;
        }
    }
    status.services.push(service(
        "reranker",
        cluster.reranker.address(),
        reranker.as_ref().err(),
    ));
    status
        .models
        .extend(reranker.into_iter().flat_map(|info| info.models));
    status.knowledge = Some(knowledge(&cluster.knowledge));
    status
}

/// Says what is known beside the profiles, and why what is not known is off.
fn knowledge(known: &Knowledge) -> v1::Knowledge {
    let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let esco = known.esco().map(|reader| {
        let ontology = reader.esco().ontology();
        let languages = ontology.languages();
        v1::EscoKnowledge {
            skills: count(ontology.count(Kind::Skill)),
            occupations: count(ontology.count(Kind::Occupation)),
            languages: languages
                .map(|language| language.code().to_owned())
                .collect(),
            fingerprint: reader.fingerprint().to_owned(),
        }
    });
    let places = known.places().map(|places| v1::PlacesKnowledge {
        places: count(places.places().count()),
        names: count(places.count_names()),
    });
    let off = |known: bool, key: &str| {
        if known {
            String::new()
        } else {
            format!("gateway.knowledge.{key} names no folder")
        }
    };
    v1::Knowledge {
        esco_off: off(esco.is_some(), "esco.folders"),
        places_off: off(places.is_some(), "places"),
        esco,
        places,
    }
}

/// Returns the address of the embedder of the model that serves.
fn embedder_address(cluster: &Cluster) -> &str {
    let serving = cluster.known_encoder().map_or(0, |e| e.embedder);
    cluster.embedders.get(serving).map_or("", |e| e.address())
}

/// Counts the candidates and the vacancies of a shard, of the model that serves.
async fn count(shard: &Shard, deadline: Deadline) -> Result<[u64; 2], CallError> {
    let (stats, catalog) = tokio::try_join!(shard.stats(deadline), shard.catalog(deadline))?;
    Ok([ProfileKind::Candidate, ProfileKind::Vacancy].map(|kind| {
        let serving = catalog.find(collection(kind));
        let name = serving.map_or(collection(kind), |spec| &spec.name);
        let counts = stats.collections.iter().filter(|stats| stats.name == name);
        counts.map(|stats| stats.points).sum()
    }))
}

fn service(name: &str, address: &str, error: Option<&CallError>) -> v1::ServiceStatus {
    v1::ServiceStatus {
        name: name.to_owned(),
        address: address.to_owned(),
        ready: error.is_none(),
        error: error.map(|error| error.message.clone()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_comes_at_once_and_goes_slowly() {
        let mut readiness = Readiness::new(3);
        assert_eq!(readiness.update(false), None);
        assert_eq!(readiness.update(true), Some(true));
        assert_eq!(readiness.update(false), None);
        assert_eq!(readiness.update(false), None);
        assert_eq!(readiness.update(true), None);
        assert_eq!(readiness.update(false), None);
        assert_eq!(readiness.update(false), None);
        assert_eq!(readiness.update(false), Some(false));
        assert_eq!(readiness.update(true), Some(true));
    }
}
