//! The index service in domain terms: checks, admission, and the way to the
//! writer and to the searches.

mod lifecycle;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use tokio::sync::{Semaphore, mpsc, oneshot};
use vivier_runtime::CpuPool;

use crate::collection::{Collection, Counts};
use crate::config::Config;
use crate::engine::{Engine, OpenError};
use crate::error::IndexError;
use crate::filter::Filter;
use crate::model::{Operation, Outcome, Record, Spec, Words};
use crate::read::{self, Page, Parts, WordMatches};
use crate::recall::{Reading, RecallGauge};
use crate::search::{FacetInput, Fusion, Hit, Plan, Query, Settings, search};
use crate::snapshot::{Created, Progress, Snapshots};
use crate::validate;
use crate::writer::{After, Command, Reply, Write, Writer};

/// Records that one thread reads at least, so that handing over costs little.
const READ_TOGETHER: usize = 64;

/// Inputs and weights by facet, not yet checked; the facet's default weight when `None`.
pub(crate) type AskedInputs = BTreeMap<String, (FacetInput, Option<f32>)>;

/// A search as asked, not yet checked against the collection.
#[derive(Clone, Debug)]
pub(crate) struct SearchRequest {
    pub(crate) collection: String,
    pub(crate) facets: AskedInputs,
    /// By which hits are scored besides.
    pub(crate) reported: AskedInputs,
    pub(crate) filter: Option<Filter>,
    pub(crate) k: usize,
    /// 0 for the configured default.
    pub(crate) ef: usize,
    pub(crate) exact: bool,
    pub(crate) fusion: Fusion,
    pub(crate) parts: Parts,
    /// Not checked when empty.
    pub(crate) model_fingerprint: String,
}

/// A page as asked.
pub(crate) struct ScrollRequest {
    pub(crate) collection: String,
    /// Ids greater than this; empty for the start.
    pub(crate) after: String,
    pub(crate) limit: usize,
    pub(crate) filter: Option<Filter>,
    pub(crate) parts: Parts,
}

/// A question which words matched.
pub(crate) struct ExplainRequest {
    pub(crate) collection: String,
    pub(crate) facet: String,
    pub(crate) query: Words,
    pub(crate) ids: Vec<String>,
    /// Most words for each point.
    pub(crate) max_terms: usize,
}

/// What a search answers.
pub(crate) struct SearchAnswer {
    pub(crate) hits: Vec<(Hit, Record)>,
    pub(crate) plan: Plan,
    pub(crate) points: usize,
    pub(crate) matching: Option<usize>,
    pub(crate) scored: usize,
    pub(crate) elapsed: Duration,
}

/// Counts of the whole index.
pub(crate) struct Stats {
    pub(crate) collections: Vec<(String, Counts, Reading)>,
    pub(crate) sequence: u64,
    pub(crate) log_bytes: u64,
}

/// One shard of the index.
pub(crate) struct IndexService {
    engine: Arc<Engine>,
    writes: mpsc::Sender<Command>,
    writer: Mutex<Option<JoinHandle<()>>>,
    pool: CpuPool,
    searches: Semaphore,
    recall: Arc<RecallGauge>,
    snapshots: Snapshots,
}

impl IndexService {
    /// Opens the data folder, replays what it holds and starts the writer.
    ///
    /// Blocks for as long as that takes.
    ///
    /// # Errors
    /// When the folder is in use or damaged, or threads do not start.
    pub(crate) fn open(config: Config) -> Result<Self, OpenError> {
        let pool = CpuPool::new("index-search", config.search_threads)?;
        let recall = Arc::new(RecallGauge::new(&config.graph, &config.words)?);
        let limits = config.limits.clone();
        let folder = config.data_dir.clone();
        let snapshots = Snapshots::new(&config)?;
        let policy = config.log_sync;
        let (engine, mut log) = Engine::open(config)?;
        log.set_sync(policy);
        let (writes, rx) = mpsc::channel(limits.max_pending_writes);
        let writer = Writer::new(Arc::clone(&engine), log, rx, writes.downgrade());
        let writer = std::thread::Builder::new()
            .name("index-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|source| OpenError::Folder {
                path: folder,
                source,
            })?;
        Ok(Self {
            engine,
            writes,
            writer: Mutex::new(Some(writer)),
            pool,
            searches: Semaphore::new(limits.max_concurrent_searches),
            recall,
            snapshots,
        })
    }

    /// Stops the writer and what it has started. Blocks.
    pub(crate) fn close(&self) {
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(writer) = writer else {
            return;
        };
        // A writer that has gone already needs no telling.
        drop(self.writes.blocking_send(Command::Close));
        if writer.join().is_err() {
            tracing::error!("the writer panicked");
        }
    }

    /// Creates a collection; false when it is there already with the same
    /// facets and model.
    ///
    /// # Errors
    /// Invalid, or another collection has the name.
    pub(crate) async fn create_collection(&self, spec: Spec) -> Result<bool, IndexError> {
        validate::spec(&spec, &self.engine.config.limits)?;
        Ok(self.change(Operation::Create(spec)).await?.changed)
    }

    /// Returns every collection, in the order of names.
    pub(crate) fn list_collections(&self) -> Vec<Spec> {
        let collections = self.engine.collections();
        collections
            .iter()
            .map(|collection| collection.schema().spec.clone())
            .collect()
    }

    /// Inserts or replaces points; they are on disk and searchable when this
    /// returns.
    ///
    /// # Errors
    /// Invalid, unknown collection, points or model that do not fit, or the
    /// disk refuses.
    pub(crate) async fn upsert(
        &self,
        collection: String,
        model_fingerprint: &str,
        records: Vec<Record>,
    ) -> Result<Outcome, IndexError> {
        let checked = self.collection(&collection)?;
        let spec = &checked.schema().spec;
        validate::fingerprint(spec, model_fingerprint)?;
        validate::records(&records, spec, &self.engine.config.limits)?;
        if records.is_empty() {
            let sequence = self.engine.sequence();
            return Ok(Outcome {
                sequence,
                ..Outcome::default()
            });
        }
        let write = Write::Upsert {
            name: collection,
            checked,
            records,
        };
        self.write(write, After::Commit).await
    }

    /// Deletes points; they are gone, on disk too, when this returns.
    ///
    /// # Errors
    /// Invalid, unknown collection, or the disk refuses.
    pub(crate) async fn delete(
        &self,
        collection: String,
        ids: Vec<String>,
    ) -> Result<Outcome, IndexError> {
        self.collection(&collection)?;
        validate::ids(&ids, &self.engine.config.limits)?;
        let name = collection;
        self.write(Write::Delete { name, ids }, After::Commit).await
    }

    /// Deletes points; no byte of them or of their earlier versions is in the
    /// data folder when this returns.
    ///
    /// # Errors
    /// Invalid, unknown collection, too many erasures under way, or the disk
    /// refuses.
    pub(crate) async fn erase(
        &self,
        collection: String,
        ids: Vec<String>,
    ) -> Result<Outcome, IndexError> {
        self.collection(&collection)?;
        validate::ids(&ids, &self.engine.config.limits)?;
        let name = collection;
        self.write(Write::Delete { name, ids }, After::Erasure)
            .await
    }

    /// Returns what takes, lists and deletes snapshots.
    pub(crate) fn snapshots(&self) -> &Snapshots {
        &self.snapshots
    }

    /// Takes a snapshot: every point that was acknowledged before is in it.
    ///
    /// # Errors
    /// Those of [`Snapshots::create`]; the index is stopping, or takes no writes.
    pub(crate) async fn create_snapshot(
        &self,
        name: &str,
        progress: &Progress,
    ) -> Result<Created, IndexError> {
        let hold = async {
            let (to, answer) = oneshot::channel();
            let asked = self.writes.send(Command::Hold(to)).await;
            asked.map_err(|_| IndexError::Stopping)?;
            answer.await.unwrap_or(Err(IndexError::Stopping))
        };
        self.snapshots.create(name, progress, hold).await
    }

    async fn write(&self, write: Write, after: After) -> Result<Outcome, IndexError> {
        let (to, answer) = oneshot::channel();
        let reply = Reply { to, after };
        let limit = self.engine.config.limits.max_pending_writes;
        let command = Command::Write { write, reply };
        self.writes.try_send(command).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => IndexError::Overloaded {
                what: "writes",
                limit,
            },
            mpsc::error::TrySendError::Closed(_) => IndexError::Stopping,
        })?;
        answer.await.unwrap_or(Err(IndexError::Stopping))
    }

    /// Returns points in the order of their ids in the request; unknown ones
    /// are left out.
    ///
    /// # Errors
    /// Invalid, unknown collection, or the store fails.
    pub(crate) async fn get(
        &self,
        collection: &str,
        ids: Vec<String>,
        parts: Parts,
    ) -> Result<Vec<Record>, IndexError> {
        let collection = self.collection(collection)?;
        validate::ids(&ids, &self.engine.config.limits)?;
        let read = move || read::points(&collection, &ids, parts);
        self.pool.run(read).await?
    }

    /// Returns a page of points after an id, in id order.
    ///
    /// # Errors
    /// Invalid, unknown collection, or the store fails.
    pub(crate) async fn scroll(&self, request: ScrollRequest) -> Result<Page, IndexError> {
        let collection = self.collection(&request.collection)?;
        validate::one_to("limit", request.limit, self.engine.config.limits.max_page)?;
        let read = move || read::page(&collection, &request);
        self.pool.run(read).await?
    }

    /// Finds the k best points.
    ///
    /// # Errors
    /// Invalid, unknown collection, facets or model that do not fit, too many
    /// searches under way, or the index fails.
    pub(crate) async fn search(&self, request: SearchRequest) -> Result<SearchAnswer, IndexError> {
        let started = Instant::now();
        let collection = self.collection(&request.collection)?;
        let parts = request.parts;
        let query = self.check(request, &collection.schema().spec)?;
        let _permit = self.admit()?;
        let (engine, recall) = (Arc::clone(&self.engine), Arc::clone(&self.recall));
        let work = move || {
            let view = collection.view();
            let settings = Settings {
                graph: &engine.config.graph,
                words: &engine.config.words,
            };
            let found = search(&view, &view.schema.layout, &query, settings)?;
            recall.offer(&collection, &view, &query, &found);
            let read = |hit: Hit| {
                let stored = parts.any().then(|| view.stored(hit.place)).flatten();
                let record = stored.map(|stored| stored.read(parts));
                let record = record.transpose()?.unwrap_or_else(|| Record {
                    id: hit.id.clone(),
                    ..Record::default()
                });
                Ok((hit, record))
            };
            let hits = found
                .hits
                .into_par_iter()
                .with_min_len(READ_TOGETHER)
                .map(read);
            Ok(SearchAnswer {
                hits: hits.collect::<Result<_, IndexError>>()?,
                plan: found.plan,
                points: found.points,
                matching: found.matching,
                scored: found.scored,
                elapsed: started.elapsed(),
            })
        };
        self.pool.run(work).await?
    }

    /// Says which words of a query matched each point and what each gave:
    /// unweighted parts that sum to the words facet's score.
    ///
    /// # Errors
    /// Invalid, unknown collection, not a words facet, or the index fails.
    pub(crate) async fn explain_words(
        &self,
        request: ExplainRequest,
    ) -> Result<Vec<WordMatches>, IndexError> {
        let collection = self.collection(&request.collection)?;
        let limits = &self.engine.config.limits;
        validate::ids(&request.ids, limits)?;
        let most = self.engine.config.words.max_query_terms;
        validate::one_to("max_terms", request.max_terms, most)?;
        validate::words(
            "facet",
            &request.facet,
            &request.query,
            &collection.schema().spec,
            limits,
        )?;
        let _permit = self.admit()?;
        let engine = Arc::clone(&self.engine);
        let work = move || read::explain(&collection, request, &engine.config.words);
        self.pool.run(work).await?
    }

    /// Counts everything.
    pub(crate) fn stats(&self) -> Stats {
        let collections = self.engine.collections();
        let counts = collections.iter().map(|collection| {
            let name = collection.name();
            let recall = self.recall.read(name);
            (name.to_owned(), collection.counts(), recall)
        });
        Stats {
            collections: counts.collect(),
            sequence: self.engine.sequence(),
            log_bytes: self.engine.log_bytes(),
        }
    }

    fn collection(&self, name: &str) -> Result<Arc<Collection>, IndexError> {
        let name = name.to_owned();
        self.engine
            .collection(&name)
            .ok_or(IndexError::CollectionNotFound { name })
    }

    fn admit(&self) -> Result<tokio::sync::SemaphorePermit<'_>, IndexError> {
        let limit = self.engine.config.limits.max_concurrent_searches;
        self.searches
            .try_acquire()
            .map_err(|_| IndexError::Overloaded {
                what: "searches",
                limit,
            })
    }

    fn check(&self, request: SearchRequest, spec: &Spec) -> Result<Query, IndexError> {
        let config = &self.engine.config;
        let limits = &config.limits;
        validate::one_to("k", request.k, limits.max_k)?;
        if request.ef != 0 {
            validate::one_to("ef", request.ef, limits.max_ef)?;
        }
        if !request.model_fingerprint.is_empty() {
            validate::fingerprint(spec, &request.model_fingerprint)?;
        }
        if request.facets.is_empty() {
            return Err(IndexError::invalid(
                "facets",
                "none",
                "must name at least one facet",
            ));
        }
        Ok(Query {
            facets: validate::inputs("facets", request.facets, spec, limits)?,
            reported: validate::inputs("reported_facets", request.reported, spec, limits)?,
            filter: request.filter,
            k: request.k,
            ef: if request.ef == 0 {
                config.graph.ef_search
            } else {
                request.ef
            },
            exact: request.exact,
            fusion: request.fusion,
        })
    }
}
