//! One pass over the profiles of a shard: what the new collections lack is embedded
//! and written, what they have too much is deleted.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use vivier_features::{Description, describe_profile};
use vivier_proto::v1;
use vivier_types::{Profile, ProfileKind};

use crate::catalog::collection_of;
use crate::cluster::{Cluster, Encoder, collection};
use crate::draft::revision;
use crate::embed::{EmbedJob, ProfileVectors, Work, embed_profiles};
use crate::error::GatewayError;
use crate::options::today;
use crate::points::{Record, embed_job, point_of};
use crate::records::decode_document;
use crate::reindex::{KINDS, Progress, call_deadline};
use crate::upsert::{check_job, messages};

/// Profiles that are looked at together.
const PAGE: u32 = 256;

/// Passes of one change of the model.
pub(super) struct Passes<'a> {
    cluster: &'a Arc<Cluster>,
    next: &'a Encoder,
    progress: &'a Progress,
    /// Hashes of what is known to be in the new collections as it is in the old:
    /// kind, id and revision.
    done: HashSet<u64>,
    said: v1::ReindexResponse,
}

/// A collection that serves and the one that will.
#[derive(Clone, Copy)]
struct Pair {
    shard: usize,
    kind: ProfileKind,
}

impl<'a> Passes<'a> {
    pub(super) fn new(
        cluster: &'a Arc<Cluster>,
        next: &'a Encoder,
        progress: &'a Progress,
    ) -> Self {
        Self {
            cluster,
            next,
            progress,
            done: HashSet::new(),
            said: v1::ReindexResponse::default(),
        }
    }

    /// Returns the encoder of the next model.
    pub(super) fn next(&self) -> &'a Encoder {
        self.next
    }

    /// Brings the new collections of shards up to date; returns how many points of
    /// them were changed.
    ///
    /// # Errors
    /// When a service fails or a stored record cannot be read.
    pub(super) async fn run(&mut self, shards: &[usize]) -> Result<u64, GatewayError> {
        self.said.passes += 1;
        self.said.profiles = 0;
        let mut changed = 0;
        for shard in shards {
            for kind in KINDS {
                let pair = Pair {
                    shard: *shard,
                    kind,
                };
                changed += self.fill(pair).await?;
                changed += self.thin_out(pair).await?;
            }
        }
        Ok(changed)
    }

    /// Tells the caller how far it is.
    pub(super) async fn report(&mut self, is_done: bool) {
        self.said.done = is_done;
        // A caller who has left does not want to know.
        self.progress.send(self.said).await.ok();
    }

    /// Writes what is new or another one in the old collection.
    async fn fill(&mut self, pair: Pair) -> Result<u64, GatewayError> {
        let (mut changed, mut after_id) = (0, String::new());
        loop {
            let page = self.page(pair, collection(pair.kind), after_id).await?;
            self.said.profiles += page.points.len() as u64;
            let key = |point: &v1::Point| {
                let mut hasher = DefaultHasher::new();
                (pair.kind.plural(), &point.id, &point.revision).hash(&mut hasher);
                hasher.finish()
            };
            let keys: Vec<(String, u64)> =
                page.points.iter().map(|p| (p.id.clone(), key(p))).collect();
            let open = keys.iter().filter(|(_, key)| !self.done.contains(key));
            let ids: Vec<String> = open.map(|(id, _)| id.clone()).collect();
            if !ids.is_empty() {
                changed += self.copy(pair, ids).await?;
            }
            self.report(false).await;
            self.done.extend(keys.into_iter().map(|(_, key)| key));
            after_id = page.next_after_id;
            if after_id.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Deletes what is in the old collection no more.
    async fn thin_out(&self, pair: Pair) -> Result<u64, GatewayError> {
        let name = collection_of(pair.kind, self.next);
        let (mut changed, mut after_id) = (0, String::new());
        loop {
            let page = self.page(pair, &name, after_id).await?;
            let mut ids: Vec<String> = page.points.into_iter().map(|point| point.id).collect();
            if !ids.is_empty() {
                let there = self.get(pair, collection(pair.kind), (&ids, false)).await?;
                ids.retain(|id| !there.contains_key(id));
            }
            if !ids.is_empty() {
                let request = v1::DeleteRequest {
                    collection: name.clone(),
                    ids,
                };
                let shard = &self.cluster.shards[pair.shard];
                changed += shard.delete(request, call_deadline(self.cluster)).await?;
            }
            after_id = page.next_after_id;
            if after_id.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Embeds and writes those of some profiles that the new collection has not, or
    /// has otherwise.
    async fn copy(&mut self, pair: Pair, ids: Vec<String>) -> Result<u64, GatewayError> {
        let name = collection_of(pair.kind, self.next);
        let old = self.get(pair, collection(pair.kind), (&ids, true)).await?;
        let new = self.get(pair, &name, (&ids, false)).await?;
        let mut records = Vec::new();
        for (id, point) in old {
            let revision = revision(
                pair.kind,
                &point.document,
                (self.next, &self.cluster.knowledge),
            );
            let known = new.get(&id).map(|point| &point.revision);
            if known != Some(&revision) {
                let document = point.document;
                records.push(Record {
                    id,
                    document,
                    revision,
                });
            }
        }
        if records.is_empty() {
            return Ok(0);
        }
        let points = self.points(pair.kind, records).await?;
        let count = points.len() as u64;
        self.said.written += count;
        let cluster = self.cluster;
        let fingerprint = &self.next.version.fingerprint;
        let messages = messages(
            &name,
            fingerprint,
            points,
            cluster.config.upsert_message_bytes,
        );
        let shard = &cluster.shards[pair.shard];
        shard.upsert(messages, call_deadline(cluster)).await?;
        Ok(count)
    }

    /// Makes points of records. A profile whose texts are too long for the next
    /// embedder keeps its words and its place.
    async fn points(
        &mut self,
        kind: ProfileKind,
        records: Vec<Record>,
    ) -> Result<Vec<v1::Point>, GatewayError> {
        let max_text_bytes = self.next.max_text_bytes;
        let knowledge = Arc::clone(&self.cluster.knowledge);
        let describe = move || {
            let mut described = Vec::with_capacity(records.len());
            for record in records {
                let wire = decode_document(kind, &record.id, &record.document)?;
                let profile = Profile::try_from(wire).map_err(|source| GatewayError::Corrupt {
                    kind,
                    id: record.id.clone(),
                    source: Box::new(source),
                })?;
                let description = describe_profile(&profile, today(), &knowledge);
                let job = check_job(embed_job(kind, &description), max_text_bytes).ok();
                described.push((record, description, job));
            }
            Ok(described)
        };
        type Described = Vec<(Record, Description, Option<EmbedJob>)>;
        let described: Result<Described, GatewayError> = self.cluster.pool.run(describe).await?;
        let described = described?;
        let jobs = described.iter().filter_map(|(_, _, job)| job.clone());
        let jobs: Vec<EmbedJob> = jobs.collect();
        let work = Work {
            jobs: &jobs,
            priority: v1::Priority::Bulk,
            max_text_tokens: None,
        };
        let deadline = call_deadline(self.cluster);
        let vectors = embed_profiles(self.cluster, self.next, work, deadline).await?;
        let mut vectors = vectors.into_iter();
        let points = described.into_iter().map(|(record, description, job)| {
            let own = job.and_then(|_| vectors.next());
            if own.is_none() {
                self.said.without_vectors += 1;
            }
            point_of(
                record,
                description,
                own.unwrap_or_else(ProfileVectors::default),
            )
        });
        Ok(points.collect())
    }

    async fn page(
        &self,
        pair: Pair,
        collection: &str,
        after_id: String,
    ) -> Result<v1::ScrollResponse, GatewayError> {
        let request = v1::ScrollRequest {
            collection: collection.to_owned(),
            after_id,
            limit: PAGE,
            ..v1::ScrollRequest::default()
        };
        let shard = &self.cluster.shards[pair.shard];
        Ok(shard.scroll(request, call_deadline(self.cluster)).await?)
    }

    /// Returns points by id, with their documents or without.
    async fn get(
        &self,
        pair: Pair,
        collection: &str,
        (ids, document): (&[String], bool),
    ) -> Result<BTreeMap<String, v1::Point>, GatewayError> {
        let parts = v1::PointParts {
            document,
            ..v1::PointParts::default()
        };
        let request = v1::GetRequest {
            collection: collection.to_owned(),
            ids: ids.to_vec(),
            parts: Some(parts),
        };
        let shard = &self.cluster.shards[pair.shard];
        let points = shard.get(request, call_deadline(self.cluster)).await?;
        Ok(points.into_iter().map(|p| (p.id.clone(), p)).collect())
    }
}
