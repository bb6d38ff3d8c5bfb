//! A cluster of child processes: this program, run once for each service.
//!
//! A child is stopped by closing its standard input, which also happens when
//! this process is killed: no child outlives its parent. Children have process
//! groups of their own, so that Ctrl-C reaches only the parent, which stops
//! them in order.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use vivier_runtime::Shutdown;

use super::plan::{Plan, reachable};
use super::services::ServiceKind;
use super::{BoxedMember, Cluster, GRACE};
use crate::config::Config;

/// Prefix of the variables that the children must not read again: their files
/// hold what is in force.
const VARIABLE_PREFIX: &str = "VIVIER__";

impl Cluster {
    /// Starts every service of a plan in a process of its own.
    ///
    /// # Errors
    /// When this program cannot be run again.
    pub(crate) fn in_processes(mut plan: Plan) -> anyhow::Result<Self> {
        let addresses: Vec<_> = plan
            .shards
            .iter()
            .map(|shard| shard.server.listen)
            .collect();
        let embedder = plan.config.embedder.server.listen;
        plan.connect(embedder, &addresses, plan.config.reranker.server.listen);

        let mut cluster = Self::new(plan.drain() + GRACE);
        cluster.address = reachable(plan.config.gateway.server.listen);
        let drain = plan.drain();
        let mut start = |name: &str, kind, config: &Config| -> anyhow::Result<()> {
            let process = Process::start(name, kind, config, drain)?;
            let id = process.child.id();
            cluster.processes.extend(id.map(|id| (name.to_owned(), id)));
            cluster.add(name, process.member());
            Ok(())
        };
        start("embedder", ServiceKind::Embedder, &plan.config)?;
        for (number, shard) in plan.shards.iter().enumerate() {
            let config = Config {
                index: shard.clone(),
                ..plan.config.clone()
            };
            start(
                &format!("index shard {number}"),
                ServiceKind::Index,
                &config,
            )?;
        }
        start("reranker", ServiceKind::Reranker, &plan.config)?;
        start("gateway", ServiceKind::Gateway, &plan.config)?;
        Ok(cluster)
    }
}

struct Process {
    child: Child,
    /// Holds the configuration file while the child may read it.
    folder: TempDir,
    drain: Duration,
}

impl Process {
    fn start(
        name: &str,
        kind: ServiceKind,
        config: &Config,
        drain: Duration,
    ) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for configurations")?;
        let path = folder.path().join("vivier.toml");
        std::fs::write(&path, config.to_toml()?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command
            .arg(kind.name())
            .arg("--until-stdin-closes")
            .arg("--config")
            .arg(&path)
            .stdin(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with(VARIABLE_PREFIX) {
                command.env_remove(variable);
            }
        }
        let child = command
            .spawn()
            .with_context(|| format!("cannot start the {name}"))?;
        tracing::info!(service = name, pid = child.id(), "started a process");
        Ok(Self {
            child,
            folder,
            drain,
        })
    }

    fn member(self) -> impl FnOnce(Shutdown) -> BoxedMember {
        move |shutdown| Box::pin(self.supervise(shutdown))
    }

    /// Waits until the child ends; asks it to when `shutdown` comes.
    async fn supervise(mut self, shutdown: Shutdown) -> anyhow::Result<()> {
        // `wait` would close standard input at once: keep it open until then.
        let stdin = self.child.stdin.take();
        tokio::select! {
            status = self.child.wait() => {
                let status = status?;
                bail!("its process ended early ({status}); see its messages above");
            }
            () = shutdown.wait() => drop(stdin),
        }
        let Ok(status) = tokio::time::timeout(self.drain + GRACE / 2, self.child.wait()).await
        else {
            self.child.kill().await.context("cannot end its process")?;
            bail!("its process did not stop in time and was killed");
        };
        let status = status?;
        if !status.success() {
            bail!("its process ended badly ({status}); see its messages above");
        }
        self.folder
            .close()
            .context("cannot remove its configuration")
    }
}
