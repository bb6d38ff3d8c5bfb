//! Facets added, aliases switched and collections dropped while the index serves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tonic::{Code, Status};
use vivier_proto::v1;

use crate::support::*;

fn dense(name: &str, dim: u32) -> v1::FacetSpec {
    v1::FacetSpec {
        name: name.to_owned(),
        kind: Some(v1::facet_spec::Kind::Dense(v1::DenseFacet { dim })),
        default_weight: 1.0,
    }
}

fn text(name: &str) -> v1::FacetSpec {
    v1::FacetSpec {
        name: name.to_owned(),
        kind: Some(v1::facet_spec::Kind::Words(v1::WordsFacet {})),
        default_weight: 1.0,
    }
}

async fn add_facet(client: &mut Client, facet: v1::FacetSpec) -> Result<bool, Status> {
    let request = v1::AddFacetRequest {
        collection: "people".to_owned(),
        facet: Some(facet),
    };
    Ok(client.add_facet(request).await?.into_inner().added)
}

async fn set_aliases(client: &mut Client, pairs: &[(&str, &str)]) -> Result<bool, Status> {
    let aliases = pairs.iter().map(|(alias, collection)| v1::Alias {
        alias: (*alias).to_owned(),
        collection: (*collection).to_owned(),
    });
    let request = v1::SetAliasesRequest {
        aliases: aliases.collect(),
        ..v1::SetAliasesRequest::default()
    };
    Ok(client.set_aliases(request).await?.into_inner().changed)
}

async fn aliases(client: &mut Client) -> BTreeMap<String, String> {
    let listed = client.list_aliases(v1::ListAliasesRequest {}).await;
    let listed = listed.unwrap().into_inner().aliases.into_iter();
    listed.map(|a| (a.alias, a.collection)).collect()
}

async fn drop_collection(client: &mut Client, name: &str) -> Result<bool, Status> {
    let request = v1::DeleteCollectionRequest {
        collection: name.to_owned(),
    };
    Ok(client
        .delete_collection(request)
        .await?
        .into_inner()
        .deleted)
}

fn update_request(updates: Vec<v1::FacetUpdate>) -> v1::UpdateFacetsRequest {
    v1::UpdateFacetsRequest {
        collection: "people".to_owned(),
        model_fingerprint: "f1".to_owned(),
        updates,
    }
}

async fn update(
    client: &mut Client,
    requests: Vec<v1::UpdateFacetsRequest>,
) -> Result<Vec<v1::UpdateFacetsResponse>, Status> {
    let answers = client.update_facets(tokio_stream::iter(requests)).await?;
    let mut answers = answers.into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

fn skills(id: &str, values: [f32; 3], if_revision: &str) -> v1::FacetUpdate {
    v1::FacetUpdate {
        id: id.to_owned(),
        vectors: [("skills".to_owned(), vector(&values))].into(),
        if_revision: if_revision.as_bytes().to_vec(),
        ..v1::FacetUpdate::default()
    }
}

/// Asks the added facet alone.
fn by_skills(k: u32) -> v1::SearchRequest {
    let query = v1::facet_query::Query::Vector(vector(&[1.0, 0.0, 0.0]));
    let facet = v1::FacetQuery {
        query: Some(query),
        weight: None,
        ..v1::FacetQuery::default()
    };
    v1::SearchRequest {
        collection: "people".to_owned(),
        facets: [("skills".to_owned(), facet)].into(),
        k,
        ..v1::SearchRequest::default()
    }
}

fn people_of(name: &str) -> v1::CollectionSpec {
    v1::CollectionSpec {
        name: name.to_owned(),
        ..people()
    }
}

fn into(collection: &str, points: Vec<v1::Point>) -> v1::UpsertRequest {
    v1::UpsertRequest {
        collection: collection.to_owned(),
        ..upsert_request(points)
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("p{n:03}")).collect()
}

/// A configuration under which a few points make segments with graphs.
fn small(folder: &std::path::Path) -> vivier_index::Config {
    let mut small = config(folder);
    small.segments.seal_points = 64;
    small.segments.merge_factor = 3;
    small.graph.scan_points = 10;
    small
}

fn score(response: &v1::SearchResponse, id: &str) -> f32 {
    let mut hits = response.hits.iter();
    let hit = hits.find(|hit| hit.point.as_ref().is_some_and(|point| point.id == id));
    hit.unwrap().score
}

#[tokio::test]
async fn a_facet_is_added_and_filled_while_points_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    create(&mut client, people()).await.unwrap();
    let names = names(300);
    let points = |names: &[String]| {
        let points = names.iter().map(|id| point(id, [1.0, 0.5], "rust search"));
        points.collect::<Vec<_>>()
    };
    for names in names.chunks(50) {
        let request = upsert_request(points(names));
        upsert(&mut client, vec![request]).await.unwrap();
    }
    assert!(add_facet(&mut client, dense("skills", 3)).await.unwrap());
    assert!(!add_facet(&mut client, dense("skills", 3)).await.unwrap());
    let before = search(&mut client, by_skills(10)).await.unwrap();
    assert!(before.hits.iter().all(|hit| hit.score == 0.0));
    assert_eq!(ids(&before), names[..10].iter().collect::<Vec<_>>());

    // Searches and full upserts go on while the facet is filled.
    let done = Arc::new(AtomicBool::new(false));
    let searching = {
        let (mut client, done) = (served.client.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut count = 0_u32;
            while !done.load(Ordering::Acquire) {
                for request in [by_skills(20), search_request(20)] {
                    assert_eq!(search(&mut client, request).await.unwrap().hits.len(), 20);
                }
                count += 1;
            }
            count
        })
    };
    let rewriting = {
        let (mut client, names) = (served.client.clone(), names.clone());
        tokio::spawn(async move {
            for id in names.iter().step_by(3) {
                let mut point = point(id, [0.5, 1.0], "grey");
                point.revision = "r2".into();
                let skills = vector(&[2.0, 0.0, 0.0]);
                point.vectors.insert("skills".to_owned(), skills);
                let request = upsert_request(vec![point]);
                upsert(&mut client, vec![request]).await.unwrap();
            }
        })
    };
    let updates = names.chunks(20).map(|names| {
        let updates = names.iter().map(|id| skills(id, [1.0, 0.0, 0.0], "r1"));
        let unknown = skills("nobody", [1.0, 0.0, 0.0], "");
        update_request(updates.chain([unknown]).collect())
    });
    let answers = update(&mut client, updates.collect()).await.unwrap();
    rewriting.await.unwrap();
    done.store(true, Ordering::Release);
    assert!(searching.await.unwrap() > 0);
    let sum = |count: fn(&v1::UpdateFacetsResponse) -> u64| answers.iter().map(count).sum::<u64>();
    assert_eq!(sum(|answer| answer.unknown), 15);
    assert_eq!(sum(|answer| answer.updated + answer.stale), 300);
    let sequences = answers.iter().map(|answer| answer.sequence);
    assert!(sequences.is_sorted());

    // Every write is there: what was written anew has its own facet, the others that
    // of the update, and nothing else of them is lost; after a restart too.
    check_filled(&mut client, &names).await;
    served.stop().await;
    let served = Served::start(small(folder.path())).await;
    check_filled(&mut served.client.clone(), &names).await;
    served.stop().await;
}

async fn check_filled(client: &mut Client, names: &[String]) {
    let stored = scroll(client, 1_000).await;
    assert_eq!(stored.len(), names.len());
    for exact in [true, false] {
        let mut request = by_skills(300);
        request.exact = exact;
        let found = search(client, request).await.unwrap();
        for (number, point) in stored.iter().enumerate() {
            let (said, value) = if number % 3 == 0 {
                ("grey", 2.0)
            } else {
                ("rust search", 1.0)
            };
            let skills = &point.vectors["skills"].values;
            assert_eq!(skills, &[value, 0.0, 0.0], "{}", point.id);
            assert_eq!(point.vectors.len(), 2, "{}", point.id);
            let document = format!("document of {}: {said}", point.id);
            assert_eq!(point.document, document.as_bytes());
            let score = score(&found, &point.id);
            assert!((score - value).abs() < 1e-3, "{}: {score}", point.id);
        }
    }
    // Words of updated points are still found.
    let found = search(client, search_request(300)).await.unwrap();
    let with_words = found
        .hits
        .iter()
        .filter(|hit| hit.facet_scores["words"] > 0.0);
    assert_eq!(with_words.count(), 200);
}

#[tokio::test]
async fn segments_of_all_ages_merge_mend_and_are_erased() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    create(&mut client, people()).await.unwrap();
    let names = names(64);
    let points = names.iter().map(|id| point(id, [1.0, 0.5], "rust search"));
    let request = upsert_request(points.collect());
    upsert(&mut client, vec![request]).await.unwrap();
    sealed(&mut client, 64).await;
    assert!(add_facet(&mut client, dense("skills", 3)).await.unwrap());
    assert!(add_facet(&mut client, text("title")).await.unwrap());
    let mut newer = point("q", [1.0, 0.5], "rust search");
    let vectors = &mut newer.vectors;
    vectors.insert("skills".to_owned(), vector(&[1.0, 0.0, 0.0]));
    newer.words.insert("title".to_owned(), words("welder", ""));
    upsert(&mut client, vec![upsert_request(vec![newer])])
        .await
        .unwrap();
    let found = search(&mut client, by_skills(2)).await.unwrap();
    assert_eq!((ids(&found), found.hits[0].score), (vec!["q", "p000"], 1.0));
    served.stop().await;

    // The graph of the segment before the facets is damaged: it is made again.
    let mut segments = std::fs::read_dir(folder.path().join("segments")).unwrap();
    let vectors = segments.next().unwrap().unwrap().path().join("vectors.ann");
    let mut content = std::fs::read(&vectors).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    std::fs::write(&vectors, content).unwrap();
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    for exact in [true, false] {
        let mut request = by_skills(2);
        request.exact = exact;
        let found = search(&mut client, request).await.unwrap();
        assert_eq!(ids(&found), ["q", "p000"]);
    }
    let request = v1::EraseRequest {
        collection: "people".to_owned(),
        ids: vec!["p000".to_owned(), "q".to_owned()],
    };
    let erased = client.erase(request).await.unwrap().into_inner();
    assert_eq!(erased.erased, 2);
    let found = search(&mut client, by_skills(2)).await.unwrap();
    assert_eq!(ids(&found), ["p001", "p002"]);
    assert_eq!(scroll(&mut client, 100).await.len(), 63);
    served.stop().await;
    let served = Served::start(small(folder.path())).await;
    assert_eq!(scroll(&mut served.client.clone(), 100).await.len(), 63);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_shows_all_of_the_old_or_all_of_the_new() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    for version in ["people.1", "people.2"] {
        create(&mut client, people_of(version)).await.unwrap();
        let points = names(150).into_iter().map(|id| v1::Point {
            summary: version.into(),
            ..point(&id, [1.0, 0.5], "rust search")
        });
        let request = into(version, points.collect());
        upsert(&mut client, vec![request]).await.unwrap();
    }
    assert!(
        set_aliases(&mut client, &[("people", "people.1")])
            .await
            .unwrap()
    );
    let done = Arc::new(AtomicBool::new(false));
    let searchers = (0..4).map(|_| {
        let (mut client, done) = (served.client.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut seen = BTreeSet::new();
            while !done.load(Ordering::Acquire) || seen.len() < 2 {
                let mut request = search_request(100);
                request.parts = Some(v1::PointParts {
                    summary: true,
                    ..v1::PointParts::default()
                });
                let found = search(&mut client, request).await.unwrap();
                let versions = found.hits.into_iter().map(|hit| hit.point.unwrap().summary);
                let versions: BTreeSet<_> = versions.collect();
                assert_eq!(versions.len(), 1, "{versions:?}");
                seen.extend(versions);
            }
        })
    });
    let searchers: Vec<_> = searchers.collect();
    // Deletes by the alias reach the one that it names.
    for round in 0..40 {
        let version = ["people.2", "people.1"][round % 2];
        assert!(
            set_aliases(&mut client, &[("people", version)])
                .await
                .unwrap()
        );
        assert_eq!(
            delete(&mut client, &[&format!("p{round:03}")])
                .await
                .unwrap(),
            1
        );
        assert_eq!(aliases(&mut client).await["people"], version);
    }
    done.store(true, Ordering::Release);
    for searcher in searchers {
        searcher.await.unwrap();
    }
    assert_eq!(scroll(&mut client, 1_000).await.len(), 130);

    // The old one goes, and its files with it.
    set_aliases(&mut client, &[("people", "people.2")])
        .await
        .unwrap();
    refused(
        drop_collection(&mut client, "people.2").await,
        Code::FailedPrecondition,
        &["people.2", "named by alias", "people"],
    );
    assert!(drop_collection(&mut client, "people.1").await.unwrap());
    assert!(!drop_collection(&mut client, "people.1").await.unwrap());
    served.stop().await;
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    let stats = stats(&mut client).await;
    assert_eq!(stats.collections.len(), 1);
    let folders = std::fs::read_dir(folder.path().join("segments")).unwrap();
    let segments = u64::try_from(folders.count()).unwrap();
    assert_eq!(segments, stats.collections[0].segments);
    assert_eq!(scroll(&mut client, 1_000).await.len(), 130);
    assert_eq!(aliases(&mut client).await["people"], "people.2");
    served.stop().await;
}

#[tokio::test]
async fn a_name_given_again_brings_nothing_back() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(config(folder.path())).await;
    let mut client = served.client.clone();
    // Holds the log, so that it is replayed from the first operation on.
    create(&mut client, people_of("other")).await.unwrap();
    let request = into("other", vec![point("x", [1.0, 0.5], "red")]);
    upsert(&mut client, vec![request]).await.unwrap();
    create(&mut client, people()).await.unwrap();
    let request = upsert_request(vec![point("old", [1.0, 0.5], "red")]);
    upsert(&mut client, vec![request]).await.unwrap();
    assert!(drop_collection(&mut client, "people").await.unwrap());
    let mut spec = people();
    spec.facets.remove(0);
    spec.model_fingerprint = "f2".to_owned();
    assert!(create(&mut client, spec).await.unwrap());
    served.stop().await;
    // The first start follows a manifest that knows the new one only, while the log
    // still has what was written to the old.
    for _ in 0..2 {
        let served = Served::start(config(folder.path())).await;
        assert!(scroll(&mut served.client.clone(), 10).await.is_empty());
        served.stop().await;
    }
    // Without any collection the log may begin anywhere.
    let served = Served::start(config(folder.path())).await;
    let mut client = served.client.clone();
    for name in ["people", "other"] {
        assert!(drop_collection(&mut client, name).await.unwrap());
    }
    served.stop().await;
    let served = Served::start(config(folder.path())).await;
    assert!(
        stats(&mut served.client.clone())
            .await
            .collections
            .is_empty()
    );
    served.stop().await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut small = config(folder.path());
    small.limits.max_aliases = 1;
    small.limits.max_facets = 4;
    let served = Served::start(small).await;
    let mut client = served.client.clone();
    create(&mut client, people()).await.unwrap();
    let refuse = Code::FailedPrecondition;
    refused(
        add_facet(&mut client, dense("text", 3)).await,
        refuse,
        &["text"],
    );
    refused(
        add_facet(&mut client, text("text")).await,
        refuse,
        &["text"],
    );
    let invalid = Code::InvalidArgument;
    refused(
        add_facet(&mut client, dense("skills", 0)).await,
        invalid,
        &["dim"],
    );
    refused(
        add_facet(&mut client, dense("skills", 5_000)).await,
        invalid,
        &["dim"],
    );
    refused(
        add_facet(&mut client, dense("S", 3)).await,
        invalid,
        &["\"S\""],
    );
    assert!(add_facet(&mut client, text("title")).await.unwrap());
    refused(
        add_facet(&mut client, text("fifth")).await,
        invalid,
        &["limit 4"],
    );

    set_aliases(&mut client, &[("live", "people")])
        .await
        .unwrap();
    refused(
        set_aliases(&mut client, &[("live", "nobody")]).await,
        Code::NotFound,
        &["nobody"],
    );
    refused(
        set_aliases(&mut client, &[("people", "people")]).await,
        refuse,
        &["people"],
    );
    refused(
        set_aliases(&mut client, &[("more", "people")]).await,
        invalid,
        &["limit 1"],
    );
    refused(
        set_aliases(&mut client, &[("Live", "people")]).await,
        invalid,
        &["Live"],
    );
    refused(
        create(&mut client, people_of("live")).await,
        refuse,
        &["live", "alias"],
    );

    let stale = v1::UpdateFacetsRequest {
        model_fingerprint: "f2".to_owned(),
        ..update_request(vec![])
    };
    refused(update(&mut client, vec![stale]).await, refuse, &["f2"]);
    let unknown = update_request(vec![skills("a", [1.0; 3], "")]);
    refused(
        update(&mut client, vec![unknown]).await,
        refuse,
        &["skills"],
    );
    served.stop().await;
}

#[tokio::test]
async fn an_alias_takes_the_place_of_a_collection_if_nothing_came_between() {
    let folder = tempfile::tempdir().unwrap();
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    for name in ["people", "people.2"] {
        create(&mut client, people_of(name)).await.unwrap();
        let points = names(70).into_iter().map(|id| v1::Point {
            summary: name.into(),
            ..point(&id, [1.0, 0.5], "rust search")
        });
        let request = into(name, points.collect());
        upsert(&mut client, vec![request]).await.unwrap();
    }
    let last = stats(&mut client).await.sequence;
    let set = |if_sequence| v1::SetAliasesRequest {
        aliases: vec![v1::Alias {
            alias: "people".to_owned(),
            collection: "people.2".to_owned(),
        }],
        replace_collections: true,
        if_sequence,
    };
    refused(
        client.set_aliases(set(last - 1)).await,
        Code::FailedPrecondition,
        &["if_sequence", &(last - 1).to_string()],
    );
    assert!(
        client
            .set_aliases(set(last))
            .await
            .unwrap()
            .into_inner()
            .changed
    );
    for _ in 0..2 {
        let points = scroll(&mut client, 1_000).await;
        assert!(points.iter().all(|point| point.summary == "people.2"));
        assert_eq!(stats(&mut client).await.collections.len(), 1);
    }
    served.stop().await;
    let served = Served::start(small(folder.path())).await;
    let mut client = served.client.clone();
    assert_eq!(scroll(&mut client, 1_000).await.len(), 70);
    assert_eq!(aliases(&mut client).await["people"], "people.2");
    served.stop().await;
}

/// What a killed index may say of its catalog.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    collections: BTreeMap<String, BTreeSet<String>>,
    aliases: BTreeMap<String, String>,
}

async fn known(client: &mut Client) -> Known {
    let listed = client.list_collections(v1::ListCollectionsRequest {}).await;
    let listed = listed.unwrap().into_inner().collections.into_iter();
    let collections = listed.map(|spec| {
        let facets = spec.facets.into_iter().map(|facet| facet.name);
        (spec.name, facets.collect())
    });
    Known {
        collections: collections.collect(),
        aliases: aliases(client).await,
    }
}

/// Makes one change, the same for a number; false when it was not acknowledged.
async fn change(client: &mut Client, number: u64, state: &mut Known) -> bool {
    let version = |number: u64| format!("people.{}", number % 3);
    let (now, next) = (version(number / 4), version(number / 4 + 1));
    match number % 4 {
        0 => {
            let points = names(30)
                .into_iter()
                .map(|id| point(&id, [1.0, 0.5], &next));
            let points = points.collect();
            let made = create(client, people_of(&next)).await.is_ok();
            let facets = ["text", "words", "geo"].map(str::to_owned);
            let known = state.collections.entry(next.clone());
            known.or_insert_with(|| facets.into());
            made && upsert(client, vec![into(&next, points)]).await.is_ok()
        }
        1 => {
            let request = v1::AddFacetRequest {
                collection: next.clone(),
                facet: Some(text("title")),
            };
            let facets = state.collections.get_mut(&next).unwrap();
            facets.insert("title".to_owned());
            client.add_facet(request).await.is_ok()
        }
        2 => {
            state.aliases.insert("people".to_owned(), next.clone());
            set_aliases(client, &[("people", &next)]).await.is_ok()
        }
        _ => {
            state.collections.remove(&now);
            drop_collection(client, &now).await.is_ok()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_keeps_every_acknowledged_change() {
    // The folder of a failure stays.
    let folder = tempfile::tempdir().unwrap().keep();
    let (mut sure, mut maybe) = (Known::default(), Known::default());
    let mut number = 0;
    for round in 0..60_u64 {
        if round >= 8 && number > 20 {
            break;
        }
        let (child, address) = crate::crash::start(&folder, round);
        let mut client = connect(&address).await;
        let found = known(&mut client).await;
        assert!(
            found == sure || found == maybe,
            "{found:?}, {sure:?}, {maybe:?}"
        );
        if let Some(live) = found.aliases.get("people") {
            let points = scroll(&mut client, 1_000).await;
            assert_eq!(points.len(), 30);
            let document = format!("document of p000: {live}");
            assert_eq!(points[0].document, document.as_bytes());
            let all = search(&mut client, search_request(1_000)).await.unwrap();
            assert_eq!(all.hits.len(), 30);
        }
        // What was sent last is sent again.
        sure = found;
        let mixed = round.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let moment = Duration::from_micros(10_000 + mixed % 120_000);
        let killer = crate::crash::kill_after(child, moment);
        loop {
            maybe = sure.clone();
            if !change(&mut client, number, &mut maybe).await {
                break;
            }
            sure = maybe.clone();
            number += 1;
        }
        killer.await.unwrap();
    }
    assert!(number > 20, "the rounds changed something: {number}");
    std::fs::remove_dir_all(folder).unwrap();
}
