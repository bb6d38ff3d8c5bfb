//! `vivier bench`: measures parts of Vivier on this machine.

mod encode;
mod index;
mod matches;
mod measure;
mod report;
mod work;

use clap::{Args, Subcommand};

use self::encode::EncodeArgs;
use self::index::IndexArgs;
use self::matches::MatchArgs;
use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier bench`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier bench encode --batch 32 --tokens 128
  vivier bench index --synthetic 200000,256
  vivier bench match --profiles 20000 --candidates cvs.jsonl --vacancies adverts.jsonl")]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    part: Part,
}

/// What is measured.
#[derive(Clone, Debug, Subcommand)]
enum Part {
    /// Times the encoder, and holds its speed and its vectors against what is known.
    Encode(EncodeArgs),
    /// Builds and searches a segment of vectors, and holds it against exact search.
    Index(IndexArgs),
    /// Fills a shard, matches real vacancies with it, and times every stage.
    Match(MatchArgs),
}

/// Runs `vivier bench`.
///
/// # Errors
/// When the arguments make no sense, or what they name cannot be used.
pub(crate) async fn run(args: &BenchArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.part {
        Part::Encode(args) => encode::run(args, output),
        Part::Index(args) => index::run(args, output),
        Part::Match(args) => matches::run(args, output).await,
    }
}
