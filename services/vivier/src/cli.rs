//! The commands, and the way from the arguments to the exit status.

use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::bench::BenchArgs;
use crate::cluster::{ServiceArgs, ServiceKind, UpArgs, run_service, run_up};
use crate::config::ConfigArgs;
use crate::demo::DemoArgs;
use crate::eval::EvalArgs;
use crate::failure::{Outcome, exit_code};
use crate::ingest::IngestArgs;
use crate::link::LinkArgs;
use crate::matching::MatchArgs;
use crate::ontology::OntologyArgs;
use crate::output::Output;
use crate::profiles::{DeleteArgs, ListArgs, ShowArgs, StatusArgs};
use crate::reindex::ReindexArgs;
use crate::sample::SampleArgs;
use crate::snapshot::SnapshotArgs;
use crate::train::TrainArgs;
use crate::{
    bench, config, demo, eval, ingest, link, matching, ontology, profiles, reindex, sample,
    snapshot, train,
};

/// Matches vacancies and candidates, and says why.
#[derive(Debug, Parser)]
#[command(
    name = "vivier",
    version,
    after_help = "\
Example:
  vivier sample --out sample
  vivier up &
  vivier ingest sample/candidates.jsonl --kind candidates
  vivier ingest sample/vacancies.jsonl --kind vacancies
  vivier match --vacancy sample-v-0001 -k 5 --explain

Exit status: 0 done, 1 something failed or was rejected, 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs every service on this machine.
    Up(UpArgs),
    /// Runs the gateway: the public services.
    #[command(after_help = "Example:\n  vivier gateway --config vivier.toml")]
    Gateway(ServiceArgs),
    /// Runs the embedder: texts into vectors.
    #[command(after_help = "Example:\n  vivier embedder --config vivier.toml")]
    Embedder(ServiceArgs),
    /// Runs one shard of the index.
    #[command(after_help = "Example:\n  vivier index --config vivier.toml")]
    Index(ServiceArgs),
    /// Runs the reranker.
    #[command(after_help = "Example:\n  vivier reranker --config vivier.toml")]
    Reranker(ServiceArgs),
    /// Stores the profiles of files.
    Ingest(IngestArgs),
    /// Finds candidates for a vacancy, or vacancies for a candidate.
    Match(MatchArgs),
    /// Prints one profile.
    Show(ShowArgs),
    /// Deletes profiles.
    Delete(DeleteArgs),
    /// Lists profiles.
    List(ListArgs),
    /// Says how the cluster fares.
    Status(StatusArgs),
    /// Takes copies of the index while it serves, and restores them.
    Snapshot(SnapshotArgs),
    /// Has another model serve, without a stop.
    Reindex(ReindexArgs),
    /// Loads the skills ontology ESCO and says what it holds.
    Ontology(OntologyArgs),
    /// Finds the skills or the occupation that a text names.
    Link(LinkArgs),
    /// Evaluates parts of Vivier on questions with known answers.
    Eval(EvalArgs),
    /// Learns what Vivier weighs by.
    Train(TrainArgs),
    /// Writes a synthetic talent pool.
    Sample(SampleArgs),
    /// Shows the whole way, from files to explained shortlists.
    Demo(DemoArgs),
    /// Measures parts of Vivier on this machine.
    Bench(BenchArgs),
    /// Prints the effective configuration.
    Config(ConfigArgs),
}

/// Runs the command line and returns the exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no failure.
            let code = if error.use_stderr() { 2 } else { 0 };
            error.print().ok();
            return ExitCode::from(code);
        }
    };
    exit_code(run(&cli.command))
}

fn run(command: &Command) -> anyhow::Result<Outcome> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    let mut output = Output::stdout();
    let outcome = runtime.block_on(dispatch(command, &mut output))?;
    output.flush()?;
    Ok(outcome)
}

async fn dispatch(command: &Command, output: &mut Output) -> anyhow::Result<Outcome> {
    match command {
        Command::Up(args) => run_up(args, output).await,
        Command::Gateway(args) => run_service(ServiceKind::Gateway, args).await,
        Command::Embedder(args) => run_service(ServiceKind::Embedder, args).await,
        Command::Index(args) => run_service(ServiceKind::Index, args).await,
        Command::Reranker(args) => run_service(ServiceKind::Reranker, args).await,
        Command::Ingest(args) => ingest::run(args, output).await,
        Command::Match(args) => matching::run(args, output).await,
        Command::Show(args) => profiles::show(args, output).await,
        Command::Delete(args) => profiles::delete(args, output).await,
        Command::List(args) => profiles::list(args, output).await,
        Command::Status(args) => profiles::status(args, output).await,
        Command::Snapshot(args) => snapshot::run(args, output).await,
        Command::Reindex(args) => reindex::run(args, output).await,
        Command::Ontology(args) => ontology::run(args, output),
        Command::Link(args) => link::run(args, output),
        Command::Eval(args) => eval::run(args, output),
        Command::Train(args) => train::run(args, output),
        Command::Sample(args) => sample::run(args, output),
        Command::Demo(args) => demo::run(args, output).await,
        Command::Bench(args) => bench::run(args, output).await,
        Command::Config(args) => config::run(args, output),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound_and_every_command_has_an_example() {
        let mut command = Cli::command();
        command.clone().debug_assert();
        command.build();
        for sub in command
            .get_subcommands()
            .filter(|sub| sub.get_name() != "help")
        {
            let help = sub.clone().render_help().to_string();
            assert!(
                help.contains("Example"),
                "{} has no example",
                sub.get_name()
            );
        }
    }

    #[test]
    fn a_query_comes_from_one_place() {
        let parse = |arguments: &[&str]| {
            let all = [&["vivier", "match"], arguments].concat();
            Cli::try_parse_from(all)
                .map(|_| ())
                .map_err(|error| error.to_string())
        };
        parse(&["--vacancy", "a"]).unwrap();
        parse(&["-", "-k", "3"]).unwrap();
        parse(&["--file", "f", "--line", "2"]).unwrap();
        for bad in [
            &["-k", "3"][..],
            &["--vacancy", "a", "-"],
            &["text"],
            &["--vacancy", "a", "--line", "2"],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
