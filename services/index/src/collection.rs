//! One collection: its live state, how writes change it, and the views that
//! searches read.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::words::WordsError;

use crate::config::{GraphConfig, WordsConfig};
use crate::dense::Layout;
use crate::graph::Graph;
use crate::model::{FacetKind, Operation, Outcome, Record, Spec};
use crate::payload::fold_columns;
use crate::points::{Meta, Points, Slot, as_slot};
use crate::words::{WordsIndex, WordsView};

/// What one search sees: cheap to take, never changing.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) points: Points,
    /// By words facet.
    pub(crate) words: BTreeMap<String, Arc<WordsView>>,
    pub(crate) graph: Option<Arc<Graph>>,
}

/// The live state. `order` finds the slot of an id, and gives the id order.
struct State {
    order: BTreeMap<Arc<str>, Slot>,
    view: View,
}

/// Whether changes of words are made visible at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publish {
    /// Before the call returns.
    Now,
    /// At the next [`Collection::publish`]: while starting.
    Later,
}

/// Counts of a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) points: usize,
    pub(crate) tombstones: usize,
    pub(crate) graph_points: usize,
    pub(crate) vector_bytes: usize,
}

/// A collection; writes come from one thread, reads from any.
pub(crate) struct Collection {
    spec: Spec,
    layout: Layout,
    state: RwLock<State>,
    /// The writing side of the words facets; only the writer locks it.
    words: Mutex<BTreeMap<String, WordsIndex>>,
    building: AtomicBool,
}

/// One step of a group of writes, with its slots decided.
struct Step<'a> {
    id: Arc<str>,
    old: Option<Slot>,
    /// The new version, if there is one.
    record: Option<&'a Record>,
}

impl Collection {
    /// Starts empty.
    ///
    /// # Errors
    /// When the words index does not start.
    pub(crate) fn new(spec: Spec, config: &WordsConfig) -> Result<Self, WordsError> {
        let layout = Layout::of(&spec);
        let mut indexes = BTreeMap::new();
        let mut words = BTreeMap::new();
        for (name, facet) in &spec.facets {
            if facet.kind == FacetKind::Words {
                let mut index = WordsIndex::new(config)?;
                words.insert(name.clone(), index.commit()?);
                indexes.insert(name.clone(), index);
            }
        }
        let view = View {
            points: Points::new(layout.dim()),
            words,
            graph: None,
        };
        Ok(Self {
            spec,
            layout,
            state: RwLock::new(State {
                order: BTreeMap::new(),
                view,
            }),
            words: Mutex::new(indexes),
            building: AtomicBool::new(false),
        })
    }

    /// Returns what its points look like.
    pub(crate) fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Returns where the dense facets lie.
    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Takes a view; the lock is held for a moment only.
    pub(crate) fn view(&self) -> View {
        self.read().view.clone()
    }

    /// Applies operations in order, as one step for readers; returns what each
    /// one did. Called by one thread at a time.
    ///
    /// # Errors
    /// When the words index fails; then the state is unchanged for readers but
    /// the collection must not be written again.
    pub(crate) fn apply(
        &self,
        operations: &[&Operation],
        publish: Publish,
    ) -> Result<Vec<Outcome>, WordsError> {
        let (steps, outcomes) = self.plan(operations);
        let next = self.read().view.points.slots();
        let words = self.apply_words(&steps, next, publish)?;

        // Vectors are joined before the lock, so that it is held for a moment.
        let prepared: Vec<_> = steps.iter().map(|step| self.prepare(step)).collect();
        let mut state = self.write();
        for (step, prepared) in steps.iter().zip(prepared) {
            if let Some(old) = step.old {
                state.view.points.remove(old);
            }
            match prepared {
                Some((meta, vector)) => {
                    let id = Arc::clone(&meta.id);
                    let slot = state.view.points.push(meta, &vector);
                    state.order.insert(id, slot);
                }
                None => {
                    state.order.remove(&step.id);
                }
            }
        }
        if let Some(words) = words {
            state.view.words = words;
        }
        Ok(outcomes)
    }

    /// Decides for every change which slot it frees and which it takes.
    fn plan<'a>(&self, operations: &[&'a Operation]) -> (Vec<Step<'a>>, Vec<Outcome>) {
        let state = self.read();
        let mut next = state.view.points.slots();
        // Slots given and freed by earlier steps of this group.
        let mut changed: BTreeMap<&str, Option<Slot>> = BTreeMap::new();
        let mut steps = Vec::new();
        let mut outcomes = Vec::new();
        for operation in operations {
            let mut outcome = Outcome::default();
            match operation {
                Operation::Create(_) => {}
                Operation::Upsert { records, .. } => {
                    for record in records {
                        let id = record.id.as_str();
                        let (key, old) = state.find(id, &changed);
                        changed.insert(id, Some(as_slot(next)));
                        next += 1;
                        outcome.replaced += u64::from(old.is_some());
                        outcome.inserted += u64::from(old.is_none());
                        steps.push(Step {
                            id: key,
                            old,
                            record: Some(record),
                        });
                    }
                }
                Operation::Delete { ids, .. } => {
                    for id in ids {
                        let (key, old) = state.find(id, &changed);
                        if old.is_some() {
                            changed.insert(id, None);
                            outcome.deleted += 1;
                            steps.push(Step {
                                id: key,
                                old,
                                record: None,
                            });
                        }
                    }
                }
            }
            outcomes.push(outcome);
        }
        (steps, outcomes)
    }

    fn apply_words(
        &self,
        steps: &[Step<'_>],
        first: usize,
        publish: Publish,
    ) -> Result<Option<BTreeMap<String, Arc<WordsView>>>, WordsError> {
        let mut indexes = self.words();
        let mut next = first;
        for step in steps {
            for (name, index) in indexes.iter_mut() {
                if let Some(old) = step.old {
                    index.remove(old);
                }
                if let Some(words) = step.record.and_then(|record| record.words.get(name)) {
                    index.add(as_slot(next), words)?;
                }
            }
            next += usize::from(step.record.is_some());
        }
        match publish {
            Publish::Later => Ok(None),
            Publish::Now => commit(&mut indexes).map(Some),
        }
    }

    fn prepare(&self, step: &Step<'_>) -> Option<(Arc<Meta>, Vec<f32>)> {
        let record = step.record?;
        let meta = Meta {
            id: Arc::clone(&step.id),
            columns: fold_columns(&record.payload),
        };
        Some((Arc::new(meta), self.layout.concatenate(&record.vectors)))
    }

    /// Makes changes of words visible that [`Publish::Later`] held back.
    ///
    /// # Errors
    /// When the words index fails.
    pub(crate) fn publish(&self) -> Result<(), WordsError> {
        let words = commit(&mut self.words())?;
        self.write().view.words = words;
        Ok(())
    }

    /// Returns the vectors of the points that exist, by id.
    pub(crate) fn vectors(&self, ids: &[String]) -> BTreeMap<String, Vec<f32>> {
        let state = self.read();
        let found = ids.iter().filter_map(|id| {
            let slot = *state.order.get(id.as_str())?;
            let point = state.view.points.get(slot)?;
            Some((id.clone(), point.vector.to_vec()))
        });
        found.collect()
    }

    /// Returns the slots of the points that exist, by id, and the view that
    /// they belong to.
    pub(crate) fn slots(&self, ids: &[String]) -> (View, BTreeMap<String, Slot>) {
        let state = self.read();
        let found = ids
            .iter()
            .filter_map(|id| Some((id.clone(), *state.order.get(id.as_str())?)));
        let found = found.collect();
        (state.view.clone(), found)
    }

    /// Returns up to `limit` points after an id, in id order.
    pub(crate) fn after(&self, id: &str, limit: usize) -> Vec<Arc<Meta>> {
        let state = self.read();
        let range = (Bound::Excluded(id), Bound::Unbounded);
        let points = &state.view.points;
        state
            .order
            .range::<str, _>(range)
            .take(limit)
            .filter_map(|(_, slot)| Some(Arc::clone(points.get(*slot)?.meta)))
            .collect()
    }

    /// Counts its points.
    pub(crate) fn counts(&self) -> Counts {
        let state = self.read();
        let points = &state.view.points;
        let graph = state.view.graph.as_deref();
        let covered = graph.map_or(0, |graph| points.live_below(graph.end()));
        let graph_points = graph.map_or(0, Graph::points);
        Counts {
            points: points.live(),
            tombstones: graph_points.saturating_sub(covered),
            graph_points: covered,
            vector_bytes: points.vector_bytes(),
        }
    }

    /// Tells whether a graph should be built now.
    pub(crate) fn graph_due(&self, config: &GraphConfig) -> bool {
        if self.layout.dim() == 0 || self.building.load(Ordering::Acquire) {
            return false;
        }
        let counts = self.counts();
        if counts.points < config.min_points {
            return false;
        }
        let tail = counts.points - counts.graph_points;
        let total = counts.graph_points + counts.tombstones;
        share(tail, counts.points) > config.max_tail_share
            || share(counts.tombstones, total) > config.max_dead_share
    }

    /// Builds a graph aside, on the current rayon pool, and puts it into use.
    pub(crate) fn build_graph(&self, config: &GraphConfig, stop: impl Fn() -> bool) {
        if self.building.swap(true, Ordering::AcqRel) {
            return;
        }
        let points = self.view().points;
        let started = std::time::Instant::now();
        if let Some(graph) = Graph::build(&points, &self.layout, config, stop) {
            let seconds = started.elapsed().as_secs_f64();
            tracing::info!(
                collection = self.spec.name,
                points = graph.points(),
                seconds,
                "graph built"
            );
            let old = self.write().view.graph.replace(Arc::new(graph));
            // Freeing a large graph takes a while: not under the lock.
            drop(old);
        }
        self.building.store(false, Ordering::Release);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn words(&self) -> MutexGuard<'_, BTreeMap<String, WordsIndex>> {
        self.words.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Finds the shared id and the slot that a point has before this step.
    fn find(&self, id: &str, changed: &BTreeMap<&str, Option<Slot>>) -> (Arc<str>, Option<Slot>) {
        let known = self.order.get_key_value(id);
        let key = known.map_or_else(|| Arc::from(id), |(key, _)| Arc::clone(key));
        let slot = match changed.get(id) {
            Some(slot) => *slot,
            None => known.map(|(_, slot)| *slot),
        };
        (key, slot)
    }
}

fn commit(
    indexes: &mut BTreeMap<String, WordsIndex>,
) -> Result<BTreeMap<String, Arc<WordsView>>, WordsError> {
    indexes
        .iter_mut()
        .map(|(name, index)| Ok((name.clone(), index.commit()?)))
        .collect()
}

#[expect(clippy::cast_precision_loss, reason = "a share of counts")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FacetSpec, Words};

    fn collection() -> Collection {
        let facet = |kind| FacetSpec {
            kind,
            default_weight: 1.0,
        };
        let spec = Spec {
            name: "a".to_owned(),
            facets: [
                ("text".to_owned(), facet(FacetKind::Dense(1))),
                ("words".to_owned(), facet(FacetKind::Words)),
            ]
            .into(),
            model_fingerprint: String::new(),
        };
        Collection::new(spec, &WordsConfig::default()).unwrap()
    }

    fn upsert(points: &[(&str, f32, &str)]) -> Operation {
        let records = points.iter().map(|(id, value, text)| Record {
            id: (*id).to_owned(),
            vectors: [("text".to_owned(), vec![*value])].into(),
            words: [(
                "words".to_owned(),
                Words {
                    text: (*text).to_owned(),
                    lang: String::new(),
                },
            )]
            .into(),
            ..Record::default()
        });
        Operation::Upsert {
            collection: "a".to_owned(),
            records: records.collect(),
        }
    }

    fn state(collection: &Collection) -> Vec<(String, f32, f32)> {
        let view = collection.view();
        let words = &view.words["words"];
        let query = Words {
            text: "red blue".to_owned(),
            lang: String::new(),
        };
        let terms = words.query(&query).unwrap();
        let scores = words.scores(&terms, view.points.slots()).unwrap();
        let metas = collection.after("", 100);
        let ids: Vec<_> = metas.iter().map(|meta| meta.id.to_string()).collect();
        let (_, slots) = collection.slots(&ids);
        ids.into_iter()
            .map(|id| {
                let slot = slots[&id];
                let vector = view.points.get(slot).unwrap().vector[0];
                (id, vector, scores[crate::points::as_index(slot)])
            })
            .collect()
    }

    #[test]
    fn one_group_may_insert_replace_delete_and_insert_again() {
        let collection = collection();
        let delete = |ids: &[&str]| Operation::Delete {
            collection: "a".to_owned(),
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
        };
        let operations = [
            upsert(&[("x", 1.0, "red"), ("y", 2.0, "red"), ("x", 3.0, "blue")]),
            delete(&["y", "y", "absent"]),
            upsert(&[("y", 4.0, "green"), ("z", 5.0, "red")]),
        ];
        let borrowed: Vec<_> = operations.iter().collect();
        let outcomes = collection.apply(&borrowed, Publish::Now).unwrap();
        let counts = |o: &Outcome| (o.inserted, o.replaced, o.deleted);
        assert_eq!(
            outcomes.iter().map(counts).collect::<Vec<_>>(),
            [(2, 1, 0), (0, 0, 1), (2, 0, 0)]
        );
        let found = state(&collection);
        let shown: Vec<_> = found
            .iter()
            .map(|(id, v, s)| (id.as_str(), *v, *s > 0.0))
            .collect();
        assert_eq!(
            shown,
            [("x", 3.0, true), ("y", 4.0, false), ("z", 5.0, true)]
        );
        assert_eq!(collection.counts().points, 3);

        // The same group again changes nothing that a reader sees.
        let outcomes = collection.apply(&borrowed, Publish::Later).unwrap();
        assert_eq!(outcomes[0].inserted, 0);
        collection.publish().unwrap();
        assert_eq!(state(&collection), found);
    }

    #[test]
    fn a_graph_is_due_by_size_then_by_tail_and_tombstones() {
        let collection = collection();
        let config = GraphConfig {
            min_points: 100,
            ..GraphConfig::default()
        };
        let names: Vec<String> = (0..200).map(|n| format!("{n:03}")).collect();
        let points = |range: std::ops::Range<usize>| {
            upsert(
                &names[range]
                    .iter()
                    .map(|n| (n.as_str(), 1.0, "red"))
                    .collect::<Vec<_>>(),
            )
        };
        collection.apply(&[&points(0..99)], Publish::Now).unwrap();
        assert!(!collection.graph_due(&config));
        collection.apply(&[&points(99..120)], Publish::Now).unwrap();
        assert!(collection.graph_due(&config));
        collection.build_graph(&config, || false);
        assert!(!collection.graph_due(&config));
        collection.apply(&[&points(0..20)], Publish::Now).unwrap();
        let counts = collection.counts();
        assert_eq!(
            (counts.points, counts.tombstones, counts.graph_points),
            (120, 20, 100)
        );
        assert!(!collection.graph_due(&config));
        collection.apply(&[&points(20..30)], Publish::Now).unwrap();
        assert!(collection.graph_due(&config));
    }
}
