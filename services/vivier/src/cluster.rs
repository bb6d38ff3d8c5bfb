//! A whole cluster: its members, ready and stopped together.

mod plan;
mod processes;
mod services;
mod up;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::task::{Id, JoinSet};
use vivier_runtime::Shutdown;

use crate::clients::Gateway;

pub(crate) use self::plan::{Plan, Ports};
pub(crate) use self::services::{ServiceArgs, ServiceKind, run_service};
pub(crate) use self::up::{UpArgs, run_up};

/// Time between two looks at a cluster that is starting.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// A starting cluster says what it waits for every so often.
const NOTE_INTERVAL: Duration = Duration::from_secs(30);

/// Time on top of the drain of a service before it is given up.
const GRACE: Duration = Duration::from_secs(5);

/// A running cluster.
///
/// A member is a service in this process or a child process; it ends when its
/// shutdown is triggered, and ending sooner is a failure of the cluster.
pub(crate) struct Cluster {
    address: String,
    members: JoinSet<anyhow::Result<()>>,
    names: BTreeMap<Id, (String, Shutdown)>,
    /// The child process of each member that has one.
    processes: BTreeMap<String, u32>,
    /// Longest wait for a member that was told to stop.
    patience: Duration,
}

impl Cluster {
    fn new(patience: Duration) -> Self {
        Self {
            address: String::new(),
            members: JoinSet::new(),
            names: BTreeMap::new(),
            processes: BTreeMap::new(),
            patience,
        }
    }

    fn add(&mut self, name: &str, member: impl FnOnce(Shutdown) -> BoxedMember) {
        let shutdown = Shutdown::new();
        let handle = self.members.spawn(member(shutdown.clone()));
        self.names.insert(handle.id(), (name.to_owned(), shutdown));
    }

    /// Returns the address of the gateway.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns the process id of each member that is a child process, by name.
    pub(crate) fn processes(&self) -> &BTreeMap<String, u32> {
        &self.processes
    }

    /// Waits until every service answers that it is ready.
    ///
    /// # Errors
    /// When a member ends before.
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        let gateway = Gateway::new(&self.address)?;
        let mut noted = tokio::time::Instant::now();
        loop {
            tokio::select! {
                error = self.failed() => return Err(error),
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
            let waiting = match gateway.status().await {
                Ok(status) => {
                    let down = status.services.iter().filter(|service| !service.ready);
                    let names: Vec<&str> = down.map(|service| service.name.as_str()).collect();
                    if names.is_empty() && !status.services.is_empty() {
                        return Ok(());
                    }
                    names.join(", ")
                }
                Err(_) => "gateway".to_owned(),
            };
            if noted.elapsed() > NOTE_INTERVAL {
                noted = tokio::time::Instant::now();
                tracing::warn!(waiting, "still starting");
            }
        }
    }

    /// Waits until a member ends, and says why.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.members.join_next_with_id().await {
            None => anyhow!("the cluster has no members"),
            Some(ended) => {
                let (id, result) = flatten(ended);
                let name = self
                    .names
                    .remove(&id)
                    .map_or_else(String::new, |(name, _)| name);
                match result {
                    Ok(()) => anyhow!("{name} stopped by itself"),
                    Err(error) => error.context(format!("{name} failed")),
                }
            }
        }
    }

    /// Stops the gateway, so that no call comes in any more, then the others.
    /// Members that do not end in time are ended.
    ///
    /// # Errors
    /// When a member failed while it stopped.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let gateway: Vec<Id> = self
            .names
            .iter()
            .filter(|(_, (name, _))| name == "gateway")
            .map(|(id, _)| *id)
            .collect();
        let gateway_stopped = self.stop_members(&gateway).await;
        let others: Vec<Id> = self.names.keys().copied().collect();
        let others_stopped = self.stop_members(&others).await;
        gateway_stopped.and(others_stopped)
    }

    async fn stop_members(&mut self, ids: &[Id]) -> anyhow::Result<()> {
        for (_, shutdown) in ids.iter().filter_map(|id| self.names.get(id)) {
            shutdown.trigger();
        }
        let waited = tokio::time::timeout(self.patience, self.join(ids)).await;
        waited.unwrap_or_else(|_| {
            let names = &self.names;
            let late: Vec<&str> = ids
                .iter()
                .filter_map(|id| names.get(id))
                .map(|(name, _)| name.as_str())
                .collect();
            Err(anyhow!(
                "{} did not stop in {:?}",
                late.join(", "),
                self.patience
            ))
        })
    }

    async fn join(&mut self, ids: &[Id]) -> anyhow::Result<()> {
        let mut outcome = Ok(());
        while ids.iter().any(|id| self.names.contains_key(id)) {
            let Some(ended) = self.members.join_next_with_id().await else {
                break;
            };
            let (id, result) = flatten(ended);
            let Some((name, _)) = self.names.remove(&id) else {
                continue;
            };
            let result = result.with_context(|| format!("{name} failed while it stopped"));
            outcome = outcome.and(result);
        }
        outcome
    }
}

/// The work of a member.
type BoxedMember = std::pin::Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

fn flatten(
    ended: Result<(Id, anyhow::Result<()>), tokio::task::JoinError>,
) -> (Id, anyhow::Result<()>) {
    match ended {
        Ok(ended) => ended,
        Err(error) => (error.id(), Err(anyhow::Error::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    fn orderly(
        name: &'static str,
        log: &Arc<Mutex<Vec<&'static str>>>,
    ) -> impl FnOnce(Shutdown) -> BoxedMember {
        let log = Arc::clone(log);
        move |shutdown| {
            Box::pin(async move {
                shutdown.wait().await;
                log.lock().unwrap().push(name);
                Ok(())
            })
        }
    }

    #[tokio::test]
    async fn the_gateway_stops_first() {
        let log = Arc::default();
        let mut cluster = Cluster::new(Duration::from_secs(1));
        for name in ["embedder", "index", "gateway"] {
            cluster.add(name, orderly(name, &log));
        }
        cluster.stop().await.unwrap();
        let log = log.lock().unwrap();
        assert_eq!(log.first(), Some(&"gateway"));
        assert_eq!(log.len(), 3);
    }

    #[tokio::test]
    async fn a_member_that_ends_is_named() {
        let log = Arc::default();
        let mut cluster = Cluster::new(Duration::from_secs(1));
        cluster.add("gateway", orderly("gateway", &log));
        cluster.add("index", |_| Box::pin(async { Err(anyhow!("no space")) }));
        let error = cluster.failed().await;
        assert_eq!(format!("{error:#}"), "index failed: no space");
        cluster.stop().await.unwrap();
        assert_eq!(log.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_member_that_hangs_is_given_up() {
        let mut cluster = Cluster::new(Duration::from_millis(1));
        cluster.add("index", |_| Box::pin(std::future::pending()));
        let error = cluster.stop().await.unwrap_err();
        assert_eq!(error.to_string(), "index did not stop in 1ms");
    }
}
