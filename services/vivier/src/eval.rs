//! `vivier eval`: how well parts of Vivier do, on questions with known answers.

use clap::{Args, Subcommand};

use crate::failure::Outcome;
use crate::link::{self, EvalLinkArgs};
use crate::output::Output;

/// Arguments of `vivier eval`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  vivier eval link --esco esco_en --titles titles.csv")]
pub(crate) struct EvalArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Clone, Debug)]
enum What {
    /// Linking of texts to skills and occupations.
    Link(EvalLinkArgs),
}

/// Runs `vivier eval`.
///
/// # Errors
/// Those of what is evaluated.
pub(crate) fn run(args: &EvalArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    match &args.what {
        What::Link(args) => link::evaluate(args, output),
    }
}
