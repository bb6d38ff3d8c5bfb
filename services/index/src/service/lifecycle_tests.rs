//! An index whose facets grow, against a map and a collection in memory.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use crate::collection::{Collection, Publish};
use crate::config::{Config, WordsConfig};
use crate::filter::{Filter, Test};
use crate::model::{FacetKind, FacetSpec, FacetUpdate, Operation, Record, Spec, Value, Words};
use crate::read::Parts;
use crate::search::{FacetInput, Fusion, Plan, Query, Settings, search};
use crate::service::{IndexService, SearchRequest};
use crate::writer::SetAliases;

/// Facets in the order in which they come; the first two are there from the start.
const FACETS: [(&str, FacetKind); 5] = [
    ("text", FacetKind::Dense(2)),
    ("words", FacetKind::Words),
    ("skills", FacetKind::Dense(3)),
    ("title", FacetKind::Words),
    ("area", FacetKind::Dense(1)),
];

fn spec(facets: usize) -> Spec {
    let facets = FACETS.iter().take(facets).map(|(name, kind)| {
        let facet = FacetSpec {
            kind: *kind,
            default_weight: 1.0,
        };
        ((*name).to_owned(), facet)
    });
    Spec {
        name: "people.1".to_owned(),
        facets: facets.collect(),
        model_fingerprint: "f".to_owned(),
    }
}

/// What a value makes of a facet.
fn vector(dim: usize, value: u8) -> Vec<f32> {
    let steps = (0_u8..).map(|step| f32::from(value.wrapping_mul(step + 3) % 17) - 7.5);
    steps.take(dim).collect()
}

fn words(value: u8) -> Words {
    let colours = ["red", "red blue", "green", "blue blue grey"];
    Words {
        text: colours[usize::from(value) % 4].to_owned(),
        lang: String::new(),
    }
}

/// Sets facets of a record: those whose bit is set in `which`.
fn fill(record: &mut FacetUpdate, facets: usize, which: u8, value: u8) {
    for (bit, (name, kind)) in FACETS.iter().take(facets).enumerate() {
        if which >> bit & 1 == 0 {
            continue;
        }
        match kind {
            FacetKind::Dense(dim) => {
                let vector = vector(*dim, value.wrapping_add(7 * which));
                record.vectors.insert((*name).to_owned(), vector);
            }
            FacetKind::Words => {
                record.words.insert((*name).to_owned(), words(value));
            }
        }
    }
}

fn record(id: u8, facets: usize, which: u8, value: u8) -> Record {
    let mut facet = FacetUpdate::default();
    fill(&mut facet, facets, which, value);
    Record {
        id: format!("p{id:02}"),
        vectors: facet.vectors,
        words: facet.words,
        payload: [("n".to_owned(), Value::Number(value.into()))].into(),
        summary: vec![value],
        document: format!("document {id} {value}").into_bytes(),
        revision: vec![value],
    }
}

/// What happens to the index.
#[derive(Clone, Debug)]
enum Event {
    /// Id, facets, value.
    Upsert(Vec<(u8, u8, u8)>),
    /// Id, facets, value, and whether the revision must be `value`.
    Update(Vec<(u8, u8, u8, bool)>),
    Delete(Vec<u8>),
    AddFacet,
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    let upsert = (0_u8..40, any::<u8>(), 0_u8..20);
    let update = (0_u8..45, any::<u8>(), 0_u8..20, prop::bool::weighted(0.2));
    prop_oneof![
        5 => prop::collection::vec(upsert, 8..30).prop_map(Event::Upsert),
        3 => prop::collection::vec(update, 1..30).prop_map(Event::Update),
        1 => prop::collection::vec(0_u8..40, 1..8).prop_map(Event::Delete),
        2 => Just(Event::AddFacet),
        1 => Just(Event::Restart),
    ]
}

struct Index {
    folder: tempfile::TempDir,
    service: Option<Arc<IndexService>>,
    facets: usize,
    model: BTreeMap<String, Record>,
}

fn open(folder: &Path) -> IndexService {
    let mut config = Config {
        data_dir: folder.to_owned(),
        search_threads: 1,
        checkpoint_log_bytes: 1 << 15,
        ..Config::default()
    };
    config.segments.seal_points = 40;
    config.segments.merge_factor = 2;
    config.graph.scan_points = 1;
    IndexService::open(config).unwrap()
}

const LIVE: &str = "people";

impl Index {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let service = open(folder.path());
        assert!(service.create_collection(spec(2)).await.unwrap());
        let set = SetAliases {
            aliases: [(LIVE.to_owned(), "people.1".to_owned())].into(),
            ..SetAliases::default()
        };
        assert!(service.set_aliases(set).await.unwrap());
        Self {
            folder,
            service: Some(Arc::new(service)),
            facets: 2,
            model: BTreeMap::new(),
        }
    }

    async fn close(&mut self) {
        let service = self.service.take().unwrap();
        let closed = tokio::task::spawn_blocking(move || service.close());
        closed.await.unwrap();
    }

    fn service(&self) -> &IndexService {
        self.service.as_ref().unwrap()
    }

    async fn carry_out(&mut self, event: Event) {
        match event {
            Event::Upsert(points) => {
                let points = points.into_iter();
                let records: Vec<Record> = points
                    .map(|(id, which, value)| record(id, self.facets, which, value))
                    .collect();
                let pairs = records.iter().map(|r| (r.id.clone(), r.clone()));
                self.model.extend(pairs);
                let name = LIVE.to_owned();
                self.service().upsert(name, "f", records).await.unwrap();
            }
            Event::Update(updates) => self.update(updates).await,
            Event::Delete(ids) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("p{id:02}")).collect();
                ids.iter().for_each(|id| {
                    self.model.remove(id);
                });
                self.service().delete(LIVE.to_owned(), ids).await.unwrap();
            }
            Event::AddFacet => {
                let next = FACETS.get(self.facets);
                let (name, kind) = next.unwrap_or(&FACETS[2]);
                let facet = FacetSpec {
                    kind: *kind,
                    default_weight: 1.0,
                };
                let name = (*name).to_owned();
                let added = self.service().add_facet(LIVE, name, facet).await.unwrap();
                assert_eq!(added, next.is_some());
                self.facets += usize::from(added);
            }
            Event::Restart => {
                // It must let go of the folder first.
                self.close().await;
                self.service = Some(Arc::new(open(self.folder.path())));
            }
        }
    }

    async fn update(&mut self, updates: Vec<(u8, u8, u8, bool)>) {
        let (mut sent, mut unknown, mut stale) = (Vec::new(), 0, 0);
        let mut updated = std::collections::BTreeSet::new();
        for (id, which, value, must_match) in updates {
            let mut update = FacetUpdate {
                id: format!("p{id:02}"),
                if_revision: if must_match { vec![value] } else { Vec::new() },
                ..FacetUpdate::default()
            };
            fill(&mut update, self.facets, which, value);
            match self.model.get_mut(&update.id) {
                None => unknown += 1,
                Some(known) if must_match && known.revision != [value] => stale += 1,
                Some(known) => {
                    known.vectors.extend(update.vectors.clone());
                    known.words.extend(update.words.clone());
                    updated.insert(update.id.clone());
                }
            }
            sent.push(update);
        }
        let name = LIVE.to_owned();
        let outcome = self.service().update_facets(name, "f", sent).await.unwrap();
        assert_eq!((outcome.unknown, outcome.stale), (unknown, stale));
        assert_eq!(outcome.replaced, u64::try_from(updated.len()).unwrap());
    }

    /// Compares all that is stored, and searches, with the model.
    async fn check(&self) {
        let all = Parts {
            payload: true,
            summary: true,
            document: true,
            vectors: true,
        };
        let ids: Vec<String> = self.model.keys().cloned().collect();
        let stored = self.service().get(LIVE, ids, all).await.unwrap();
        let expected = self.model.values().cloned().map(|record| Record {
            words: BTreeMap::new(),
            ..record
        });
        assert_eq!(stored, expected.collect::<Vec<_>>());
        let fresh = Collection::new(spec(self.facets), 0).unwrap();
        let upsert = Operation::Upsert {
            collection: "people.1".to_owned(),
            records: self.model.values().cloned().collect(),
        };
        fresh.apply(&[&upsert], Publish::Now).unwrap();
        let newest = 1 << (self.facets - 1);
        for (which, filtered, fusion) in [
            (u8::MAX, false, Fusion::Sum),
            (u8::MAX, true, Fusion::Sum),
            (newest, false, Fusion::Sum),
            (newest, true, Fusion::Sum),
            (u8::MAX, false, Fusion::Rrf),
        ] {
            let query = self.query(which, filtered, fusion);
            let wanted = exhaustive(&fresh, &query);
            for exact in [true, false] {
                let found = self.search(&query, exact).await;
                assert_eq!(found.len(), wanted.len(), "{which:b} {filtered} {exact}");
                for (found, wanted) in found.iter().zip(&wanted) {
                    // Vectors of segments are rounded; ranks of those equal may differ.
                    let near = (found - wanted).abs() < 0.05;
                    assert!(
                        near || fusion == Fusion::Rrf,
                        "{which:b} {filtered} {exact}: {found} {wanted}"
                    );
                }
            }
        }
    }

    fn query(&self, which: u8, filtered: bool, fusion: Fusion) -> Query {
        let mut asked = FacetUpdate::default();
        fill(&mut asked, self.facets, which, 3);
        let vectors = asked.vectors.into_iter();
        let vectors = vectors.map(|(name, vector)| (name, (FacetInput::Vector(vector), 0.5)));
        let words = asked.words.into_iter();
        let words = words.map(|(name, words)| (name, (FacetInput::Words(words, Vec::new()), 2.0)));
        let filter = Filter::Column {
            column: "n".to_owned(),
            test: Test::Range {
                min: 0.0,
                max: 12.0,
            },
        };
        Query {
            facets: vectors.chain(words).collect(),
            reported: BTreeMap::new(),
            filter: filtered.then_some(filter),
            k: 5,
            // Narrow, so that parts are searched and not scanned.
            ef: 5,
            exact: true,
            fusion,
        }
    }

    /// Returns the scores of the best, best first.
    async fn search(&self, query: &Query, exact: bool) -> Vec<f32> {
        let facets = query.facets.clone().into_iter();
        let request = SearchRequest {
            reported: BTreeMap::new(),
            collection: LIVE.to_owned(),
            facets: facets
                .map(|(name, (input, weight))| (name, (input, Some(weight))))
                .collect(),
            filter: query.filter.clone(),
            k: query.k,
            ef: query.ef,
            exact,
            fusion: query.fusion,
            parts: Parts::default(),
            model_fingerprint: "f".to_owned(),
        };
        let answer = self.service().search(request).await.unwrap();
        if exact {
            assert!(matches!(answer.plan, Plan::Exact | Plan::FilteredScan));
        }
        answer.hits.iter().map(|(hit, _)| hit.score).collect()
    }
}

fn exhaustive(collection: &Collection, query: &Query) -> Vec<f32> {
    let view = collection.view();
    let settings = Settings {
        graph: &crate::config::GraphConfig::default(),
        words: &WordsConfig::default(),
    };
    let found = search(&view, &view.schema.layout, query, settings).unwrap();
    found.hits.iter().map(|hit| hit.score).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn an_index_whose_facets_grow_equals_a_map(events in prop::collection::vec(event(), 4..24)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut index = Index::start().await;
            for event in events {
                index.carry_out(event).await;
                index.check().await;
            }
            index.close().await;
        });
    }
}
