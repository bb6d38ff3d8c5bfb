//! `vivier train`: learns what Vivier weighs by.

use clap::{Args, Subcommand};

use crate::failure::Outcome;
use crate::link::{self, TrainLinkArgs};
use crate::output::Output;

/// Arguments of `vivier train`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  vivier train link --kind skill --esco esco_en > scorer.toml")]
pub(crate) struct TrainArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// The weights by which texts are linked to skills and occupations.
    Link(TrainLinkArgs),
}

/// Runs `vivier train`.
///
/// # Errors
/// Those of what is trained.
pub(crate) fn run(args: &TrainArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.what {
        What::Link(args) => link::train(args, output),
    }
}
