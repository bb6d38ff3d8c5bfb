//! Stores a batch of profiles: check, compare, embed, write.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::try_join_all;
use prost::Message;
use prost::bytes::Bytes;
use vivier_features::describe_profile;
use vivier_proto::v1;
use vivier_runtime::Deadline;
use vivier_types::{ProfileKind, Violation};

use crate::cluster::{Cluster, Encoder, SENSITIVE, collection};
use crate::draft::{Draft, SensitiveChange, Told, prepare_batch, rejected};
use crate::embed::{EmbedJob, Work, embed_profiles};
use crate::error::{CallError, GatewayError};
use crate::options::today;
use crate::points::{build_point, embed_job};

/// Most points in one message, well below what a shard accepts.
const MAX_MESSAGE_POINTS: usize = 256;

/// Points to write, by shard and collection.
type Writes = BTreeMap<(usize, &'static str), Vec<v1::Point>>;

/// Stores profiles and says for each, in order, what became of it.
///
/// A profile that breaks a rule is refused alone. A profile whose record, model
/// and features are as stored is neither embedded nor written. When this
/// returns, every accepted profile is on disk and searchable.
///
/// # Errors
/// When the batch is too large, or another service fails. The same batch can be
/// sent again: what was written by then counts as unchanged.
pub(crate) async fn upsert(
    cluster: &Arc<Cluster>,
    profiles: Vec<v1::Profile>,
    deadline: Deadline,
) -> Result<Vec<v1::UpsertResult>, GatewayError> {
    let limit = cluster.config.max_batch_profiles;
    if profiles.len() > limit {
        let reason = format!("has too many entries, limit {limit}");
        return Err(Violation::new("profiles", profiles.len(), reason).into());
    }
    let _turn = cluster.turn(deadline).await?;
    let encoder = cluster.encoder(deadline).await?;
    let again = (cluster.embedders.len() > 1).then(|| profiles.clone());
    let stored = store(cluster, Arc::clone(&encoder), profiles, deadline).await;
    match (stored, again) {
        (Err(error), Some(profiles))
            if error.is_mismatch() && cluster.has_switched(&encoder, deadline).await =>
        {
            let encoder = cluster.encoder(deadline).await?;
            store(cluster, encoder, profiles, deadline).await
        }
        (stored, _) => stored,
    }
}

/// Stores profiles with the vectors of one model.
async fn store(
    cluster: &Arc<Cluster>,
    encoder: Arc<Encoder>,
    profiles: Vec<v1::Profile>,
    deadline: Deadline,
) -> Result<Vec<v1::UpsertResult>, GatewayError> {
    let job = Job {
        cluster,
        encoder,
        deadline,
    };
    let (mut results, drafts) = job.prepare(profiles).await?;
    let drafts = job.compare(drafts).await?;
    let (drafts, refused) = job.write_points(drafts).await?;
    job.write_sensitive(&drafts).await?;
    for (slot, result) in refused {
        results[slot] = result;
    }
    for draft in drafts {
        results[draft.slot] = draft.accepted();
    }
    Ok(results)
}

struct Job<'a> {
    cluster: &'a Arc<Cluster>,
    encoder: Arc<Encoder>,
    deadline: Deadline,
}

impl Job<'_> {
    async fn prepare(
        &self,
        profiles: Vec<v1::Profile>,
    ) -> Result<(Vec<v1::UpsertResult>, Vec<Draft>), GatewayError> {
        let (cluster, encoder) = (Arc::clone(self.cluster), Arc::clone(&self.encoder));
        let work = move || prepare_batch(&cluster, &encoder, profiles);
        Ok(self.cluster.pool.run(work).await?)
    }

    /// Asks the shards which revisions they have, and marks what must change.
    async fn compare(&self, mut drafts: Vec<Draft>) -> Result<Vec<Draft>, GatewayError> {
        let mut ids: BTreeMap<(usize, &'static str), Vec<String>> = BTreeMap::new();
        for draft in &drafts {
            let mut ask = |collection| {
                ids.entry((draft.shard, collection))
                    .or_default()
                    .push(draft.id().to_owned());
            };
            ask(collection(draft.kind()));
            if draft.kind() == ProfileKind::Candidate {
                ask(SENSITIVE);
            }
        }
        let answers = try_join_all(
            ids.into_iter()
                .map(|(place, ids)| self.revisions(place, ids)),
        )
        .await?;
        let stored: BTreeMap<(&'static str, String), Bytes> =
            answers.into_iter().flatten().collect();
        for draft in &mut drafts {
            let id = draft.id().to_owned();
            let point = stored.get(&(collection(draft.kind()), id.clone()));
            let sensitive = match draft.kind() {
                ProfileKind::Candidate => stored.get(&(SENSITIVE, id)),
                ProfileKind::Vacancy => None,
            };
            draft.compare(point, sensitive);
        }
        Ok(drafts)
    }

    async fn revisions(
        &self,
        (shard, collection): (usize, &'static str),
        ids: Vec<String>,
    ) -> Result<Vec<((&'static str, String), Bytes)>, CallError> {
        self.cluster
            .prepare(shard, &self.encoder, self.deadline)
            .await?;
        let request = v1::GetRequest {
            collection: collection.to_owned(),
            ids,
            parts: None,
        };
        let points = self.cluster.shards[shard]
            .get(request, self.deadline)
            .await?;
        Ok(points
            .into_iter()
            .map(|point| ((collection, point.id), point.revision))
            .collect())
    }

    /// Embeds and writes the points that changed; returns the drafts without
    /// those that have nothing to match by, and the answers for these.
    async fn write_points(
        &self,
        drafts: Vec<Draft>,
    ) -> Result<(Vec<Draft>, Vec<(usize, v1::UpsertResult)>), GatewayError> {
        let (drafts, jobs, refused) = self.embed_jobs(drafts).await?;
        let work = Work {
            jobs: &jobs,
            priority: v1::Priority::Bulk,
            max_text_tokens: None,
        };
        let vectors = embed_profiles(self.cluster, &self.encoder, work, self.deadline).await?;
        let build = move || {
            let (mut drafts, mut writes) = (drafts, Writes::new());
            let described = drafts.iter_mut().filter_map(|draft| {
                draft
                    .description
                    .take()
                    .map(|description| (draft, description))
            });
            for ((draft, description), vectors) in described.zip(vectors) {
                let point = build_point(draft, description, vectors);
                writes
                    .entry((draft.shard, collection(draft.kind())))
                    .or_default()
                    .push(point);
            }
            (drafts, writes)
        };
        let (drafts, writes) = self.cluster.pool.run(build).await?;
        self.write(writes).await?;
        Ok((drafts, refused))
    }

    async fn embed_jobs(&self, drafts: Vec<Draft>) -> Result<EmbedJobs, GatewayError> {
        let max_text_bytes = self.encoder.max_text_bytes;
        let today = today();
        let knowledge = Arc::clone(&self.cluster.knowledge);
        let work = move || {
            let (mut kept, mut jobs, mut refused) = (Vec::new(), Vec::new(), Vec::new());
            for draft in drafts {
                if !draft.write {
                    kept.push(draft);
                    continue;
                }
                let description = describe_profile(&draft.profile, today, &knowledge);
                match check_job(embed_job(draft.kind(), &description), max_text_bytes) {
                    Ok(job) => {
                        jobs.push(job);
                        kept.push(Draft {
                            told: Told::of(&description),
                            description: Some(description),
                            ..draft
                        });
                    }
                    Err(violation) => {
                        refused.push((draft.slot, rejected(draft.id().to_owned(), violation)));
                    }
                }
            }
            (kept, jobs, refused)
        };
        Ok(self.cluster.pool.run(work).await?)
    }

    /// Writes or removes sensitive attributes, after the points: they never
    /// stand without their candidate.
    async fn write_sensitive(&self, drafts: &[Draft]) -> Result<(), GatewayError> {
        let mut writes = Writes::new();
        let mut removals: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for draft in drafts {
            match (draft.sensitive_change, &draft.sensitive) {
                (SensitiveChange::Set, Some(sensitive)) => {
                    let point = v1::Point {
                        id: draft.id().to_owned(),
                        document: sensitive.document.clone(),
                        revision: sensitive.revision.clone(),
                        ..Default::default()
                    };
                    writes
                        .entry((draft.shard, SENSITIVE))
                        .or_default()
                        .push(point);
                }
                (SensitiveChange::Remove, _) => {
                    removals
                        .entry(draft.shard)
                        .or_default()
                        .push(draft.id().to_owned());
                }
                (SensitiveChange::Set | SensitiveChange::Keep, _) => {}
            }
        }
        self.write(writes).await?;
        let removed = removals.into_iter().map(|(shard, ids)| {
            let request = v1::DeleteRequest {
                collection: SENSITIVE.to_owned(),
                ids,
            };
            self.cluster.shards[shard].delete(request, self.deadline)
        });
        try_join_all(removed).await?;
        Ok(())
    }

    async fn write(&self, writes: Writes) -> Result<(), CallError> {
        let calls = writes.into_iter().map(|((shard, collection), points)| {
            let fingerprint = self.cluster.fingerprint(shard, collection, &self.encoder);
            let max_bytes = self.cluster.config.upsert_message_bytes;
            let messages = messages(collection, &fingerprint, points, max_bytes);
            self.cluster.shards[shard].upsert(messages, self.deadline)
        });
        try_join_all(calls).await.map(|_| ())
    }
}

/// Drafts that stay, the texts of those to be written, and refusals by slot.
type EmbedJobs = (Vec<Draft>, Vec<EmbedJob>, Vec<(usize, v1::UpsertResult)>);

pub(crate) fn check_job(job: EmbedJob, max_text_bytes: usize) -> Result<EmbedJob, Violation> {
    let size = job.text.len();
    if job.text.trim().is_empty() && job.skills.is_empty() {
        return Err(Violation::new(
            "profile",
            "",
            "has no text, title or skill to match by",
        ));
    }
    if size > max_text_bytes {
        let reason = format!("its texts have {size} bytes together, limit {max_text_bytes}");
        return Err(Violation::new("profile", size, reason));
    }
    Ok(job)
}

/// Splits points into messages of about `max_bytes` and of at most
/// [`MAX_MESSAGE_POINTS`]; a larger point goes alone.
pub(crate) fn messages(
    collection: &str,
    fingerprint: &str,
    points: Vec<v1::Point>,
    max_bytes: usize,
) -> Vec<v1::UpsertRequest> {
    let message = |points| v1::UpsertRequest {
        collection: collection.to_owned(),
        model_fingerprint: fingerprint.to_owned(),
        points,
    };
    let (mut messages, mut batch, mut bytes) = (Vec::new(), Vec::new(), 0);
    for point in points {
        let size = point.encoded_len();
        let full = bytes + size > max_bytes || batch.len() == MAX_MESSAGE_POINTS;
        if full && !batch.is_empty() {
            messages.push(message(std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += size;
        batch.push(point);
    }
    if !batch.is_empty() {
        messages.push(message(batch));
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_split_by_size_and_none_is_lost() {
        let points: Vec<v1::Point> = (0..10)
            .map(|number| v1::Point {
                id: number.to_string(),
                document: Bytes::from(vec![0; if number == 4 { 500 } else { 40 }]),
                ..Default::default()
            })
            .collect();
        let messages = messages("candidates", "f", points.clone(), 100);
        let sizes: Vec<usize> = messages
            .iter()
            .map(|message| message.points.len())
            .collect();
        assert_eq!(sizes, [2, 2, 1, 2, 2, 1]);
        let joined: Vec<v1::Point> = messages
            .into_iter()
            .flat_map(|message| message.points)
            .collect();
        assert_eq!(joined, points);
    }

    #[test]
    fn a_profile_without_words_is_refused() {
        let job = |text| EmbedJob {
            kind: ProfileKind::Vacancy,
            text,
            skills: Vec::new(),
        };
        let empty = job(String::new());
        assert_eq!(check_job(empty, 10).unwrap_err().field, "profile");
        let reason = check_job(job("x".repeat(11)), 10).unwrap_err().reason;
        assert_eq!(reason, "its texts have 11 bytes together, limit 10");
    }
}
