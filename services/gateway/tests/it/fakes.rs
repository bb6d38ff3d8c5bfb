//! Small in-memory services with real answers and faults to switch on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures::{Stream, StreamExt};
use prost::Message as _;
use tonic::{Request, Response, Status, Streaming};
use tonic_types::{ErrorDetails, StatusExt};
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_server::EmbedderService;
use vivier_proto::v1::index_service_server::IndexService;
use vivier_proto::v1::reranker_service_server::RerankerService;

/// Length of the vectors of the fake encoder.
pub(crate) const DIM: usize = 8;

/// How a fake fails.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Fault {
    /// It does not.
    #[default]
    None,
    /// Answers UNAVAILABLE.
    Down,
    /// Never answers.
    Hang,
    /// Answers RESOURCE_EXHAUSTED this many times, with a delay of 10 ms.
    Shed(u32),
    /// Gives an answer that does not fit the request.
    Nonsense,
}

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Shared<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap()
}

async fn suffer(fault: &Shared<Fault>) -> Result<(), Status> {
    let now = *lock(fault);
    match now {
        Fault::None | Fault::Nonsense => Ok(()),
        Fault::Down => Err(Status::unavailable("switched off")),
        Fault::Hang => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            Ok(())
        }
        Fault::Shed(0) => Ok(()),
        Fault::Shed(times) => {
            *lock(fault) = Fault::Shed(times - 1);
            let details = ErrorDetails::with_retry_info(Some(Duration::from_millis(10)));
            let code = tonic::Code::ResourceExhausted;
            Err(Status::with_error_details(code, "queue is full", details))
        }
    }
}

fn model(name: &str) -> v1::ModelVersion {
    v1::ModelVersion {
        name: name.to_owned(),
        fingerprint: format!("{name}-fingerprint"),
    }
}

/// Encodes a text as the counts of its letters, normalised: equal texts are
/// equal vectors, texts that share letters are near.
pub(crate) fn encode(text: &str) -> Vec<f32> {
    let mut values = [0.0_f32; DIM];
    for byte in text.to_lowercase().bytes() {
        values[usize::from(byte) % DIM] += 1.0;
    }
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter().map(|value| value / norm).collect()
}

/// An embedder that counts what it is asked.
#[derive(Clone, Default)]
pub(crate) struct FakeEmbedder {
    pub(crate) fault: Shared<Fault>,
    pub(crate) texts: Shared<Vec<String>>,
    pub(crate) calls: Shared<usize>,
    /// Times that it was asked what it is: once for each look of the gateway.
    pub(crate) looks: Shared<usize>,
    /// The other model: its fingerprint differs, and its vectors run backwards.
    pub(crate) is_other: bool,
}

impl FakeEmbedder {
    fn model(&self) -> v1::ModelVersion {
        model(if self.is_other {
            "backwards"
        } else {
            "letters"
        })
    }

    fn encode(&self, text: &str) -> Vec<f32> {
        let mut values = encode(text);
        if self.is_other {
            values.reverse();
        }
        values
    }
}

#[tonic::async_trait]
impl EmbedderService for FakeEmbedder {
    type EmbedStreamStream =
        Pin<Box<dyn Stream<Item = Result<v1::EmbedStreamResponse, Status>> + Send>>;

    async fn embed(
        &self,
        request: Request<v1::EmbedRequest>,
    ) -> Result<Response<v1::EmbedResponse>, Status> {
        suffer(&self.fault).await?;
        let inputs = request.into_inner().inputs;
        *lock(&self.calls) += 1;
        lock(&self.texts).extend(inputs.iter().map(|input| input.text.clone()));
        let dim = if *lock(&self.fault) == Fault::Nonsense {
            1
        } else {
            DIM
        };
        let embeddings = inputs
            .iter()
            .map(|input| v1::Embedding {
                values: self.encode(&input.text)[..dim].to_vec(),
                input_tokens: 12,
                used_tokens: 12,
                windows: 1,
                ..Default::default()
            })
            .collect();
        let response = v1::EmbedResponse {
            embeddings,
            model: Some(self.model()),
            ..Default::default()
        };
        Ok(Response::new(response))
    }

    async fn embed_stream(
        &self,
        _: Request<Streaming<v1::EmbedStreamRequest>>,
    ) -> Result<Response<Self::EmbedStreamStream>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn get_info(
        &self,
        _: Request<v1::EmbedderServiceGetInfoRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetInfoResponse>, Status> {
        *lock(&self.looks) += 1;
        if matches!(*lock(&self.fault), Fault::Down) {
            return Err(Status::unavailable("switched off"));
        }
        let model = v1::EmbedderModel {
            version: Some(self.model()),
            dim: DIM as u32,
            ..Default::default()
        };
        Ok(Response::new(v1::EmbedderServiceGetInfoResponse {
            models: vec![model],
            max_batch_inputs: 4,
            max_text_bytes: 5_000,
            max_batch_tokens: 0,
        }))
    }

    async fn get_stats(
        &self,
        _: Request<v1::EmbedderServiceGetStatsRequest>,
    ) -> Result<Response<v1::EmbedderServiceGetStatsResponse>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }
}

/// A reranker that turns the retrieval order round.
#[derive(Clone)]
pub(crate) struct FakeReranker {
    pub(crate) fault: Shared<Fault>,
    pub(crate) requests: Shared<Vec<v1::RerankRequest>>,
    pub(crate) max_candidates: u32,
}

impl Default for FakeReranker {
    fn default() -> Self {
        Self {
            fault: Shared::default(),
            requests: Shared::default(),
            max_candidates: 1_000,
        }
    }
}

/// Reads the summary that came with a candidate.
pub(crate) fn summary_of(candidate: &v1::RerankCandidate) -> v1::Summary {
    v1::Summary::decode(candidate.summary.clone()).unwrap()
}

#[tonic::async_trait]
impl RerankerService for FakeReranker {
    async fn rerank(
        &self,
        request: Request<v1::RerankRequest>,
    ) -> Result<Response<v1::RerankResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        lock(&self.requests).push(request.clone());
        let mut results: Vec<v1::RerankResult> = (0..)
            .zip(&request.candidates)
            .map(|(place, candidate)| v1::RerankResult {
                id: summary_of(candidate).id,
                score: place as f32,
                retrieval_rank: place,
                features: vec![v1::FeatureContribution {
                    name: "place".to_owned(),
                    value: Some(place as f32),
                    contribution: place as f32,
                }],
                ..Default::default()
            })
            .collect();
        results.reverse();
        results.truncate(request.top_k as usize);
        if *lock(&self.fault) == Fault::Nonsense {
            results.clear();
        }
        let model = Some(model("reverse"));
        Ok(Response::new(v1::RerankResponse {
            results,
            model,
            seconds: 0.0,
        }))
    }

    async fn get_info(
        &self,
        _: Request<v1::RerankerServiceGetInfoRequest>,
    ) -> Result<Response<v1::RerankerServiceGetInfoResponse>, Status> {
        if matches!(*lock(&self.fault), Fault::Down) {
            return Err(Status::unavailable("switched off"));
        }
        Ok(Response::new(v1::RerankerServiceGetInfoResponse {
            models: vec![model("reverse")],
            default_model: "reverse".to_owned(),
            max_candidates: self.max_candidates,
        }))
    }
}

/// What an index shard holds: points by collection and id.
pub(crate) type Points = BTreeMap<String, BTreeMap<String, v1::Point>>;

/// An index shard that scans.
#[derive(Clone, Default)]
pub(crate) struct FakeIndex {
    pub(crate) fault: Shared<Fault>,
    pub(crate) points: Shared<Points>,
    pub(crate) specs: Shared<BTreeMap<String, v1::CollectionSpec>>,
    pub(crate) aliases: Shared<BTreeMap<String, String>>,
    /// Writes so far.
    pub(crate) sequence: Shared<u64>,
    pub(crate) searches: Shared<Vec<v1::SearchRequest>>,
    /// What was to be erased, as "collection/id".
    pub(crate) erased: Shared<Vec<String>>,
}

impl FakeIndex {
    /// Returns one collection as it is now.
    pub(crate) fn collection(&self, name: &str) -> BTreeMap<String, v1::Point> {
        let name = self.resolve(name);
        lock(&self.points).get(&name).cloned().unwrap_or_default()
    }

    /// Returns the name of the collection that a name or an alias leads to.
    pub(crate) fn resolve(&self, name: &str) -> String {
        let aliases = lock(&self.aliases);
        aliases.get(name).map_or(name, String::as_str).to_owned()
    }

    fn known(&self, name: &str) -> Result<(), Status> {
        if lock(&self.specs).contains_key(&self.resolve(name)) {
            return Ok(());
        }
        Err(Status::not_found(format!(
            "there is no collection {name:?}"
        )))
    }

    fn fits(&self, name: &str, fingerprint: &str) -> Result<(), Status> {
        self.known(name)?;
        let specs = lock(&self.specs);
        if specs[&self.resolve(name)].model_fingerprint == fingerprint {
            return Ok(());
        }
        Err(Status::failed_precondition("vectors of another model"))
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn shared_words(query: &str, text: &str) -> Vec<String> {
    let words = |text: &str| -> Vec<String> {
        text.to_lowercase()
            .split_whitespace()
            .map(str::to_owned)
            .collect()
    };
    let there = words(text);
    words(query)
        .into_iter()
        .filter(|word| there.contains(word))
        .collect()
}

fn score(point: &v1::Point, facet: &str, query: &v1::FacetQuery) -> f32 {
    use v1::facet_query::Query;
    let part = match query.query.as_ref().unwrap() {
        Query::Vector(vector) => point
            .vectors
            .get(facet)
            .map_or(0.0, |own| dot(&own.values, &vector.values)),
        Query::Words(words) => point.words.get(facet).map_or(0.0, |own| {
            let shared = |text: &str| shared_words(text, &own.text).len() as f32;
            let added = query.added.iter();
            let added: f32 = added.map(|one| one.weight * shared(&one.text)).sum();
            let shared = shared(&words.text);
            shared / (shared + 1.0) + added
        }),
    };
    part * query.weight.unwrap_or(1.0)
}

#[tonic::async_trait]
impl IndexService for FakeIndex {
    type UpsertStream = Pin<Box<dyn Stream<Item = Result<v1::UpsertResponse, Status>> + Send>>;
    type UpdateFacetsStream =
        Pin<Box<dyn Stream<Item = Result<v1::UpdateFacetsResponse, Status>> + Send>>;
    type CreateSnapshotStream =
        Pin<Box<dyn Stream<Item = Result<v1::CreateSnapshotResponse, Status>> + Send>>;

    async fn create_collection(
        &self,
        request: Request<v1::CreateCollectionRequest>,
    ) -> Result<Response<v1::CreateCollectionResponse>, Status> {
        suffer(&self.fault).await?;
        let spec = request.into_inner().spec.unwrap();
        let mut specs = lock(&self.specs);
        let there = specs
            .entry(spec.name.clone())
            .or_insert_with(|| spec.clone());
        if *there != spec {
            return Err(Status::failed_precondition(
                "the collection has another model",
            ));
        }
        Ok(Response::new(v1::CreateCollectionResponse {
            created: true,
        }))
    }

    async fn list_collections(
        &self,
        _: Request<v1::ListCollectionsRequest>,
    ) -> Result<Response<v1::ListCollectionsResponse>, Status> {
        suffer(&self.fault).await?;
        let collections = lock(&self.specs).values().cloned().collect();
        Ok(Response::new(v1::ListCollectionsResponse { collections }))
    }

    async fn list_aliases(
        &self,
        _: Request<v1::ListAliasesRequest>,
    ) -> Result<Response<v1::ListAliasesResponse>, Status> {
        suffer(&self.fault).await?;
        let aliases = lock(&self.aliases).clone().into_iter();
        let aliases = aliases.map(|(alias, collection)| v1::Alias { alias, collection });
        Ok(Response::new(v1::ListAliasesResponse {
            aliases: aliases.collect(),
        }))
    }

    async fn set_aliases(
        &self,
        request: Request<v1::SetAliasesRequest>,
    ) -> Result<Response<v1::SetAliasesResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        let last = *lock(&self.sequence);
        if request.if_sequence != 0 && request.if_sequence != last {
            return Err(Status::failed_precondition("something was written since"));
        }
        for v1::Alias { alias, collection } in request.aliases {
            self.known(&collection)?;
            if lock(&self.specs).remove(&alias).is_some() {
                assert!(request.replace_collections, "{alias} is a collection");
                lock(&self.points).remove(&alias);
            }
            lock(&self.aliases).insert(alias, collection);
        }
        Ok(Response::new(v1::SetAliasesResponse { changed: true }))
    }

    async fn delete_collection(
        &self,
        request: Request<v1::DeleteCollectionRequest>,
    ) -> Result<Response<v1::DeleteCollectionResponse>, Status> {
        let name = request.into_inner().collection;
        lock(&self.points).remove(&name);
        let deleted = lock(&self.specs).remove(&name).is_some();
        Ok(Response::new(v1::DeleteCollectionResponse { deleted }))
    }

    async fn add_facet(
        &self,
        request: Request<v1::AddFacetRequest>,
    ) -> Result<Response<v1::AddFacetResponse>, Status> {
        let v1::AddFacetRequest { collection, facet } = request.into_inner();
        let mut specs = lock(&self.specs);
        let spec = specs.get_mut(&collection);
        let spec = spec.ok_or_else(|| Status::not_found(collection.clone()))?;
        spec.facets.extend(facet);
        Ok(Response::new(v1::AddFacetResponse { added: true }))
    }

    async fn create_snapshot(
        &self,
        _: Request<v1::CreateSnapshotRequest>,
    ) -> Result<Response<Self::CreateSnapshotStream>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn list_snapshots(
        &self,
        _: Request<v1::ListSnapshotsRequest>,
    ) -> Result<Response<v1::ListSnapshotsResponse>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn delete_snapshot(
        &self,
        _: Request<v1::DeleteSnapshotRequest>,
    ) -> Result<Response<v1::DeleteSnapshotResponse>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn remove_alias(
        &self,
        _: Request<v1::RemoveAliasRequest>,
    ) -> Result<Response<v1::RemoveAliasResponse>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn update_facets(
        &self,
        _: Request<Streaming<v1::UpdateFacetsRequest>>,
    ) -> Result<Response<Self::UpdateFacetsStream>, Status> {
        Err(Status::unimplemented("not used by the gateway"))
    }

    async fn upsert(
        &self,
        request: Request<Streaming<v1::UpsertRequest>>,
    ) -> Result<Response<Self::UpsertStream>, Status> {
        suffer(&self.fault).await?;
        let index = self.clone();
        let answers = request.into_inner().map(move |message| {
            let message = message?;
            index.fits(&message.collection, &message.model_fingerprint)?;
            *lock(&index.sequence) += 1;
            let name = index.resolve(&message.collection);
            let mut points = lock(&index.points);
            let own = points.entry(name).or_default();
            for point in message.points {
                own.insert(point.id.clone(), point);
            }
            Ok(v1::UpsertResponse::default())
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn delete(
        &self,
        request: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        self.known(&request.collection)?;
        *lock(&self.sequence) += 1;
        let name = self.resolve(&request.collection);
        let mut points = lock(&self.points);
        let own = points.entry(name).or_default();
        let deleted = request.ids.iter().filter_map(|id| own.remove(id)).count() as u64;
        Ok(Response::new(v1::DeleteResponse {
            deleted,
            ..Default::default()
        }))
    }

    async fn erase(
        &self,
        request: Request<v1::EraseRequest>,
    ) -> Result<Response<v1::EraseResponse>, Status> {
        let v1::EraseRequest { collection, ids } = request.into_inner();
        let named = ids.iter().map(|id| format!("{collection}/{id}"));
        lock(&self.erased).extend(named);
        let request = Request::new(v1::DeleteRequest { collection, ids });
        let deleted = self.delete(request).await?.into_inner();
        Ok(Response::new(v1::EraseResponse {
            sequence: deleted.sequence,
            erased: deleted.deleted,
        }))
    }

    async fn get(
        &self,
        request: Request<v1::GetRequest>,
    ) -> Result<Response<v1::GetResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        self.known(&request.collection)?;
        let own = self.collection(&request.collection);
        let points = request
            .ids
            .iter()
            .filter_map(|id| own.get(id).cloned())
            .collect();
        Ok(Response::new(v1::GetResponse { points }))
    }

    async fn scroll(
        &self,
        request: Request<v1::ScrollRequest>,
    ) -> Result<Response<v1::ScrollResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        self.known(&request.collection)?;
        let limit = request.limit as usize;
        let after = self
            .collection(&request.collection)
            .split_off(&request.after_id);
        let mut points: Vec<v1::Point> = after
            .into_values()
            .filter(|point| point.id > request.after_id)
            .collect();
        let more = points.len() > limit;
        points.truncate(limit);
        let last = points
            .last()
            .map(|point| point.id.clone())
            .unwrap_or_default();
        let next_after_id = if more { last } else { String::new() };
        Ok(Response::new(v1::ScrollResponse {
            points,
            next_after_id,
        }))
    }

    async fn search(
        &self,
        request: Request<v1::SearchRequest>,
    ) -> Result<Response<v1::SearchResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        self.known(&request.collection)?;
        if !request.model_fingerprint.is_empty() {
            self.fits(&request.collection, &request.model_fingerprint)?;
        }
        lock(&self.searches).push(request.clone());
        if request
            .filter
            .as_ref()
            .is_some_and(|filter| format!("{filter:?}").contains("odd"))
        {
            return Err(Status::invalid_argument(
                "filter: column \"odd\" holds numbers",
            ));
        }
        let own = self.collection(&request.collection);
        let points = own.len() as u64;
        let mut hits: Vec<v1::SearchHit> = own
            .into_values()
            .map(|point| {
                let parts = |facets: &BTreeMap<String, v1::FacetQuery>| {
                    let parts = facets.iter();
                    let parts =
                        parts.map(|(facet, query)| (facet.clone(), score(&point, facet, query)));
                    parts.collect::<BTreeMap<String, f32>>()
                };
                let facet_scores = parts(&request.facets);
                let reported_scores = parts(&request.reported_facets);
                let score = facet_scores.values().sum();
                v1::SearchHit {
                    point: Some(point),
                    score,
                    facet_scores,
                    reported_scores,
                }
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(request.k as usize);
        let statistics = Some(v1::SearchStatistics {
            plan: v1::SearchPlan::Exact.into(),
            points,
            ..Default::default()
        });
        Ok(Response::new(v1::SearchResponse { hits, statistics }))
    }

    async fn explain_words(
        &self,
        request: Request<v1::ExplainWordsRequest>,
    ) -> Result<Response<v1::ExplainWordsResponse>, Status> {
        suffer(&self.fault).await?;
        let request = request.into_inner();
        let own = self.collection(&request.collection);
        let query = request.query.unwrap().text;
        let matches = request
            .ids
            .iter()
            .map(|id| v1::WordMatches {
                id: id.clone(),
                words: shared_words(&query, &own[id].words[&request.facet].text)
                    .into_iter()
                    .map(|word| v1::WordMatch { word, score: 1.0 })
                    .collect(),
            })
            .collect();
        Ok(Response::new(v1::ExplainWordsResponse { matches }))
    }

    async fn get_stats(
        &self,
        _: Request<v1::GetStatsRequest>,
    ) -> Result<Response<v1::GetStatsResponse>, Status> {
        suffer(&self.fault).await?;
        let names: Vec<String> = lock(&self.specs).keys().cloned().collect();
        let collections = names
            .into_iter()
            .map(|name| v1::CollectionStats {
                points: self.collection(&name).len() as u64,
                name,
                ..Default::default()
            })
            .collect();
        Ok(Response::new(v1::GetStatsResponse {
            collections,
            sequence: *lock(&self.sequence),
            ..Default::default()
        }))
    }
}
