//! Changes the model: builds its collections beside those that serve, and switches.
//!
//! Passes over the profiles that serve bring the new collections up to date; each
//! finds what was written or deleted since the one before. When little is left,
//! writes wait for one more pass, and the aliases of each shard are switched, on the
//! condition that no other gateway wrote meanwhile. Matches go on all the time. What
//! was done can be stopped at any moment and goes on with the next call.

mod pass;

use std::sync::Arc;

use tokio::sync::mpsc;
use vivier_proto::v1;
use vivier_runtime::{Deadline, ErrorCode};
use vivier_types::ProfileKind;

use crate::catalog::{Catalog, collection_of};
use crate::cluster::{Cluster, Encoder, collection};
use crate::error::{CallError, GatewayError};
use crate::reindex::pass::Passes;

/// Profiles that are left for the pass during which writes wait.
const FEW: u64 = 256;
/// Most passes while writes go on: a feed faster than the embedder is never caught.
const MOST_PASSES: u32 = 50;
/// Most tries of a shard to which other gateways write.
const SWITCH_TRIES: u32 = 20;

const KINDS: [ProfileKind; 2] = [ProfileKind::Candidate, ProfileKind::Vacancy];

/// Takes progress to the caller, if he listens.
pub(crate) type Progress = mpsc::Sender<v1::ReindexResponse>;

/// Has the model of `gateway.next_embedder` serve, on every shard.
///
/// # Errors
/// When another change is under way, there is no next embedder, a service fails, or
/// other gateways do not stop writing. What was built stays for the next call.
pub(crate) async fn reindex(
    cluster: &Arc<Cluster>,
    request: v1::ReindexRequest,
    progress: &Progress,
) -> Result<(), GatewayError> {
    let Ok(_alone) = cluster.reindexing.try_lock() else {
        let text = "a change of the model is under way already";
        return Err(GatewayError::NotNow(text.to_owned()));
    };
    if request.drop_old && cluster.embedders.len() == 1 {
        drop_old(cluster).await?;
        let done = v1::ReindexResponse {
            done: true,
            ..v1::ReindexResponse::default()
        };
        // A caller who has left does not want to know.
        progress.send(done).await.ok();
        return Ok(());
    }
    let next = next_encoder(cluster).await?;
    let mut passes = Passes::new(cluster, &next, progress);
    let shards = unswitched(cluster, &next).await?;
    for shard in &shards {
        create(cluster, *shard, &next).await?;
    }
    for _ in 0..MOST_PASSES {
        if passes.run(&shards).await? <= FEW {
            break;
        }
    }
    switch(cluster, shards, &mut passes).await?;
    if request.drop_old {
        drop_old(cluster).await?;
    }
    passes.report(true).await;
    Ok(())
}

async fn next_encoder(cluster: &Cluster) -> Result<Arc<Encoder>, GatewayError> {
    if cluster.embedders.len() < 2 {
        let text = "gateway.next_embedder names no embedder of another model";
        return Err(GatewayError::NotNow(text.to_owned()));
    }
    // Its model may have changed since the last look.
    cluster.learn_encoder(call_deadline(cluster)).await?;
    let text = || GatewayError::NotNow("the next embedder does not answer".to_owned());
    cluster.next_encoder().ok_or_else(text)
}

/// A call of a pass: as long as one request of an upsert stream may take.
fn call_deadline(cluster: &Cluster) -> Deadline {
    Deadline::within(cluster.config.upsert_timeout)
}

/// Returns the shards that serve another model.
async fn unswitched(cluster: &Cluster, next: &Encoder) -> Result<Vec<usize>, GatewayError> {
    let catalogs = cluster.learn_catalogs(call_deadline(cluster)).await;
    let mut shards = Vec::new();
    for (shard, catalog) in catalogs.into_iter().enumerate() {
        if catalog?.model() != Some(&next.version.fingerprint) {
            shards.push(shard);
        }
    }
    Ok(shards)
}

/// Creates the collections of the next model on a shard.
async fn create(cluster: &Cluster, shard: usize, next: &Encoder) -> Result<(), CallError> {
    for kind in KINDS {
        let spec = cluster.spec(collection_of(kind, next), next);
        let deadline = call_deadline(cluster);
        cluster.shards[shard]
            .create_collection(spec, deadline)
            .await?;
    }
    Ok(())
}

/// Makes writes wait, brings the rest up to date, and switches.
async fn switch(
    cluster: &Cluster,
    mut shards: Vec<usize>,
    passes: &mut Passes<'_>,
) -> Result<(), GatewayError> {
    let _still = cluster.writes.write().await;
    for _ in 0..SWITCH_TRIES {
        let mut left = Vec::new();
        for shard in shards {
            let stats = cluster.shards[shard].stats(call_deadline(cluster)).await?;
            let changed = passes.run(&[shard]).await?;
            // A pass that wrote something is no proof that nothing is left.
            if changed > 0 || !set_aliases(cluster, shard, passes.next(), stats.sequence).await? {
                left.push(shard);
            }
        }
        shards = left;
        if shards.is_empty() {
            // Before writes go on: they need the new encoder.
            cluster.learn_catalogs(call_deadline(cluster)).await;
            return Ok(());
        }
    }
    let text = "other gateways write all the time; stop them and call again";
    Err(GatewayError::NotNow(text.to_owned()))
}

/// Switches the aliases of a shard; false when something was written to it since.
async fn set_aliases(
    cluster: &Cluster,
    shard: usize,
    next: &Encoder,
    if_sequence: u64,
) -> Result<bool, CallError> {
    let aliases = KINDS.map(|kind| v1::Alias {
        alias: collection(kind).to_owned(),
        collection: collection_of(kind, next),
    });
    let request = v1::SetAliasesRequest {
        aliases: aliases.to_vec(),
        replace_collections: true,
        if_sequence,
    };
    let deadline = call_deadline(cluster);
    match cluster.shards[shard].set_aliases(request, deadline).await {
        Ok(()) => Ok(true),
        Err(error) if error.code == ErrorCode::FailedPrecondition => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes the collections of models that do not serve.
async fn drop_old(cluster: &Cluster) -> Result<(), CallError> {
    let catalogs = cluster.learn_catalogs(call_deadline(cluster)).await;
    for (shard, catalog) in catalogs.into_iter().enumerate() {
        for name in Catalog::unused(&catalog?) {
            let deadline = call_deadline(cluster);
            cluster.shards[shard]
                .delete_collection(name, deadline)
                .await?;
        }
    }
    Ok(())
}
