//! `vivier train link`: learns the weights of the scorer.

use std::num::NonZeroUsize;

use clap::Args;
use vivier_linking::Scorer;

use super::LinkKind;
use super::set_up::{Knowledge, Source};
use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier train link`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Labels of ESCO other than preferred ones, evenly from all of them, are each taken out of the labels of their concept
and asked for. The weights that put the right concepts first are printed as TOML; give them
to `vivier link` and `vivier eval link` as --scorer. An encoder or an adapter of your own
wants weights of its own. With --scorer the ratios of its weights are kept, and only what
makes scores probabilities is learned.

Example:
  vivier train link --kind skill --esco esco_en --model my-encoder > scorer.toml")]
pub(crate) struct TrainLinkArgs {
    /// What texts are linked to.
    #[arg(long, value_enum)]
    kind: LinkKind,
    #[command(flatten)]
    source: Source,
    /// Labels that are asked for.
    #[arg(long, value_name = "N", default_value = "3000")]
    labels: NonZeroUsize,
}

/// Runs `vivier train link`.
///
/// # Errors
/// When the ontology or the model cannot be used.
pub(crate) fn run(args: &TrainLinkArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let knowledge = Knowledge::load(&args.source)?;
    let linker = knowledge.linker(&[args.kind.kind()])?;
    let scorer: Scorer = linker.learn(args.labels.get())?;
    output.text(&toml::to_string(&scorer)?)?;
    Ok(Outcome::Done)
}
