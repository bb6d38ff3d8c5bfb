//! Services in this process: one alone, or a whole cluster of them.

use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use tokio::net::TcpListener;
use vivier_runtime::{Shutdown, bind, init_telemetry};

use super::plan::{Plan, reachable};
use super::{BoxedMember, Cluster, GRACE};
use crate::config::Config;
use crate::failure::Outcome;

/// Arguments of `vivier gateway`, `embedder`, `index` and `reranker`.
#[derive(Args, Clone, Debug)]
pub(crate) struct ServiceArgs {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Also stops when standard input is closed: how `vivier up --processes`
    /// stops its children, and how they notice that it is gone.
    #[arg(long, hide = true)]
    pub(crate) until_stdin_closes: bool,
}

/// One of the four services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ServiceKind {
    /// Texts into vectors.
    Embedder,
    /// One shard of the index.
    Index,
    /// Orders short lists.
    Reranker,
    /// The public services.
    Gateway,
}

impl ServiceKind {
    /// Returns the name, also that of its command.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            Self::Index => "index",
            Self::Reranker => "reranker",
            Self::Gateway => "gateway",
        }
    }
}

/// Runs one service until Ctrl-C or SIGTERM.
///
/// # Errors
/// When the configuration is invalid, the port is in use, or the service cannot
/// load what it needs.
pub(crate) async fn run_service(kind: ServiceKind, args: &ServiceArgs) -> anyhow::Result<Outcome> {
    let config = Config::load(args.config.as_deref())?;
    start_logging(&config)?;
    let listen = match kind {
        ServiceKind::Embedder => config.embedder.server.listen,
        ServiceKind::Index => config.index.server.listen,
        ServiceKind::Reranker => config.reranker.server.listen,
        ServiceKind::Gateway => config.gateway.server.listen,
    };
    let listener = bind(listen).await?;
    let shutdown = Shutdown::on_signals()?;
    if args.until_stdin_closes {
        stop_with_stdin(shutdown.clone())?;
    }
    tracing::info!(service = kind.name(), address = %listener.local_addr()?, "starting");
    serve(kind, config, listener, shutdown).await?;
    tracing::info!(service = kind.name(), "stopped");
    Ok(Outcome::Done)
}

/// Starts logging and says which configuration is in force.
///
/// # Errors
/// When the filter of the configuration cannot be read.
pub(super) fn start_logging(config: &Config) -> anyhow::Result<()> {
    init_telemetry(&config.telemetry).map_err(anyhow::Error::from_boxed)?;
    tracing::debug!(config = config.to_toml()?, "effective configuration");
    Ok(())
}

async fn serve(
    kind: ServiceKind,
    config: Config,
    listener: TcpListener,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    match kind {
        ServiceKind::Embedder => vivier_embedder::run(config.embedder, listener, shutdown).await?,
        ServiceKind::Index => vivier_index::run(config.index, listener, shutdown).await?,
        ServiceKind::Reranker => vivier_reranker::run(config.reranker, listener, shutdown).await?,
        ServiceKind::Gateway => vivier_gateway::run(config.gateway, listener, shutdown).await?,
    }
    Ok(())
}

/// Reads on a thread that nobody waits for: the runtime would, after a service that could
/// not start, until the other end is closed.
fn stop_with_stdin(shutdown: Shutdown) -> anyhow::Result<()> {
    let wait = move || {
        let mut byte = [0];
        // Whatever ends the read means that nobody holds the other end.
        while matches!(std::io::stdin().read(&mut byte), Ok(1..)) {}
        shutdown.trigger();
    };
    let thread = std::thread::Builder::new().name("stdin".to_owned());
    thread.spawn(wait).context("cannot start a thread")?;
    Ok(())
}

impl Cluster {
    /// Starts every service of a plan in this process.
    ///
    /// # Errors
    /// When a port is in use.
    pub(crate) async fn in_process(mut plan: Plan) -> anyhow::Result<Self> {
        let config = &plan.config;
        let embedder = bind(config.embedder.server.listen).await?;
        let reranker = bind(config.reranker.server.listen).await?;
        let gateway = bind(config.gateway.server.listen).await?;
        let mut shards = Vec::with_capacity(plan.shards.len());
        for shard in &plan.shards {
            shards.push(bind(shard.server.listen).await?);
        }
        let mut addresses = Vec::with_capacity(shards.len());
        for listener in &shards {
            addresses.push(listener.local_addr()?);
        }
        plan.connect(embedder.local_addr()?, &addresses, reranker.local_addr()?);

        let mut cluster = Self::new(plan.drain() + GRACE);
        cluster.address = reachable(gateway.local_addr()?);
        cluster.add(
            "embedder",
            member(ServiceKind::Embedder, plan.config.clone(), embedder),
        );
        for (number, (shard, listener)) in plan.shards.into_iter().zip(shards).enumerate() {
            let config = Config {
                index: shard,
                ..plan.config.clone()
            };
            cluster.add(
                &format!("index shard {number}"),
                member(ServiceKind::Index, config, listener),
            );
        }
        cluster.add(
            "reranker",
            member(ServiceKind::Reranker, plan.config.clone(), reranker),
        );
        cluster.add(
            "gateway",
            member(ServiceKind::Gateway, plan.config, gateway),
        );
        Ok(cluster)
    }
}

fn member(
    kind: ServiceKind,
    config: Config,
    listener: TcpListener,
) -> impl FnOnce(Shutdown) -> BoxedMember {
    move |shutdown| Box::pin(serve(kind, config, listener, shutdown))
}
