//! `vivier up`: every service on this machine, until Ctrl-C.

use std::path::{Path, PathBuf};

use clap::Args;
use vivier_runtime::Shutdown;

use super::services::start_logging;
use super::{Cluster, Plan, Ports};
use crate::config::Config;
use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier up`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier up --data-dir ./vivier-data
  vivier up --esco esco_en,esco_fr --places cities15000.zip
  vivier up --config vivier.toml --shards 2 --processes

Ctrl-C or SIGTERM drains the gateway first, then the others; a second Ctrl-C
leaves at once.")]
pub(crate) struct UpArgs {
    /// Configuration file (TOML); see `vivier config`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Folder of the data; by default as configured (vivier-data).
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Shards of the index; by default as many as gateway.shards names.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) shards: Option<u16>,
    #[command(flatten)]
    pub(crate) knowledge: KnowledgeArgs,
    /// Gives every service a process of its own.
    #[arg(long)]
    pub(crate) processes: bool,
}

/// What is known beside the profiles.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct KnowledgeArgs {
    /// Folders of ESCO's CSV downloads, for the gateway and the reranker.
    #[arg(long, value_name = "DIR,...", value_delimiter = ',')]
    pub(crate) esco: Vec<PathBuf>,
    /// Files of GeoNames and of communes, for the gateway.
    #[arg(long, value_name = "FILE,...", value_delimiter = ',')]
    pub(crate) places: Vec<PathBuf>,
}

impl KnowledgeArgs {
    /// Has the services read what the arguments name; the ontology is kept in a file of
    /// the data folder unless the configuration names another.
    pub(crate) fn apply(&self, config: &mut Config, data_dir: Option<&Path>) {
        let (gateway, reranker) = (&mut config.gateway.knowledge, &mut config.reranker.esco);
        if !self.esco.is_empty() {
            gateway.esco.folders.clone_from(&self.esco);
            reranker.folders.clone_from(&self.esco);
            let cache = data_dir.map(|folder| folder.join("esco.cache"));
            for known in [&mut gateway.esco.cache, &mut reranker.cache] {
                if known.as_os_str().is_empty() {
                    known.clone_from(cache.as_ref().unwrap_or(&PathBuf::new()));
                }
            }
        }
        if !self.places.is_empty() {
            gateway.places.clone_from(&self.places);
        }
    }
}

/// Runs `vivier up`.
///
/// # Errors
/// When the configuration is invalid, a port is in use, or a service fails.
pub(crate) async fn run_up(args: &UpArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let mut config = Config::load(args.config.as_deref())?;
    args.knowledge.apply(&mut config, args.data_dir.as_deref());
    start_logging(&config)?;
    let plan = Plan::new(
        config,
        args.shards,
        args.data_dir.as_deref(),
        Ports::Configured,
    )?;
    let signals = Shutdown::on_signals()?;
    let mut cluster = if args.processes {
        Cluster::in_processes(plan)?
    } else {
        Cluster::in_process(plan).await?
    };
    let ran = run_until(&mut cluster, &signals, output).await;
    let stopped = cluster.stop().await;
    ran.and(stopped)?;
    output.line(format_args!("vivier has stopped"))?;
    Ok(Outcome::Done)
}

async fn run_until(
    cluster: &mut Cluster,
    signals: &Shutdown,
    output: &mut Output,
) -> anyhow::Result<()> {
    tokio::select! {
        ready = cluster.ready() => ready?,
        () = signals.wait() => return Ok(()),
    }
    output.line(format_args!(
        "vivier is ready at {} (Ctrl-C stops it)",
        cluster.address()
    ))?;
    output.flush()?;
    tokio::select! {
        error = cluster.failed() => Err(error),
        () = signals.wait() => Ok(()),
    }
}
