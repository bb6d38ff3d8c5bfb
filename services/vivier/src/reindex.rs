//! `vivier reindex`: another model takes the place of the one that serves.

use std::time::Duration;

use clap::Args;
use vivier_proto::v1;

use crate::clients::{Gateway, ServerArgs};
use crate::failure::Outcome;
use crate::output::Output;

/// Every stored profile is embedded anew.
const TIMEOUT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// Arguments of `vivier reindex`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
The gateway embeds every stored profile with the embedder that `gateway.next_embedder`
names, beside what serves, and then switches. Matches go on all the time; writes wait
while it switches. Stopped, it goes on where it was when it is called again.

Example:
  vivier embedder --config new-model.toml &     # listens on 7411
  VIVIER__GATEWAY__NEXT_EMBEDDER=127.0.0.1:7411 vivier gateway --config vivier.toml &
  vivier reindex
  vivier reindex --drop-old                     # when all is well")]
pub(crate) struct ReindexArgs {
    /// Also removes the collections of models that do not serve any more.
    #[arg(long)]
    pub(crate) drop_old: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Has the next model serve; prints a line for each pass.
///
/// # Errors
/// When there is no next embedder, or the cluster fails.
pub(crate) async fn run(args: &ReindexArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let mut request = tonic::Request::new(v1::ReindexRequest {
        drop_old: args.drop_old,
    });
    request.set_timeout(TIMEOUT);
    let refusal = |status| gateway.refusal(&status);
    let answers = gateway.profiles().reindex(request).await;
    let mut answers = answers.map_err(refusal)?.into_inner();
    let mut last = v1::ReindexResponse::default();
    while let Some(said) = answers.message().await.map_err(refusal)? {
        if said.passes > last.passes && last.passes > 0 {
            pass(output, &last)?;
        }
        last = said;
    }
    if last.passes > 0 {
        pass(output, &last)?;
    }
    if last.without_vectors > 0 {
        let count = last.without_vectors;
        output.line(format_args!(
            "{count} profiles have texts too long for the new model: they are found by words and place"
        ))?;
    }
    if last.done {
        output.line(format_args!("the new model serves"))?;
        return Ok(Outcome::Done);
    }
    Err(anyhow::anyhow!(
        "the gateway left before the new model served; call again"
    ))
}

fn pass(output: &mut Output, said: &v1::ReindexResponse) -> anyhow::Result<()> {
    let (passes, profiles, written) = (said.passes, said.profiles, said.written);
    output.line(format_args!(
        "pass {passes}: {profiles} profiles looked at, {written} embedded so far"
    ))?;
    Ok(())
}
