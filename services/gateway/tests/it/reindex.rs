//! The change of the model: nothing stops, nothing is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tonic::{Code, Status};
use vivier_proto::v1;

use crate::fakes::{FakeEmbedder, FakeReranker, encode};
use crate::world::{World, candidate, degraded, refusal, serve_embedder};

/// Starts a gateway with an embedder of another model beside the first.
async fn two_models(shards: usize) -> World {
    let other = FakeEmbedder {
        is_other: true,
        ..FakeEmbedder::default()
    };
    let address = serve_embedder(other).await;
    let change = |config: &mut vivier_gateway::Config| config.next_embedder = address;
    World::start_with(shards, FakeReranker::default(), change).await
}

async fn reindex(world: &mut World, drop_old: bool) -> Result<v1::ReindexResponse, Status> {
    let request = v1::ReindexRequest { drop_old };
    let mut answers = world.profiles.reindex(request).await?.into_inner();
    let mut last = v1::ReindexResponse::default();
    while let Some(answer) = answers.message().await? {
        last = answer;
    }
    Ok(last)
}

/// Checks that a stored text has the vector of the other model.
fn check_vector(point: &v1::Point) {
    let record: v1::Candidate = prost::Message::decode(point.document.clone()).unwrap();
    let mut wanted = encode(&record.text);
    wanted.reverse();
    assert_eq!(point.vectors["text"].values, wanted, "{}", point.id);
}

fn skip_rerank() -> v1::MatchOptions {
    v1::MatchOptions {
        k: Some(100),
        skip_rerank: true,
        ..v1::MatchOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_takes_over_while_matches_and_writes_go_on() {
    let mut world = two_models(2).await;
    world.fill().await;
    let done = Arc::new(AtomicBool::new(false));
    let matching = {
        let (mut matches, done) = (world.matches.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            while !done.load(Ordering::Acquire) {
                let query = v1::search_candidates_request::Query::VacancyId("v1".to_owned());
                let request = v1::SearchCandidatesRequest {
                    query: Some(query),
                    options: Some(skip_rerank()),
                };
                let answer = matches.search_candidates(request).await.unwrap();
                let answer = answer.into_inner();
                assert!(degraded(&answer.report).is_empty(), "{:?}", answer.report);
                assert!(answer.results.len() >= 5);
            }
        })
    };
    let writing = {
        let (mut profiles, done) = (world.profiles.clone(), Arc::clone(&done));
        tokio::spawn(async move {
            let mut written = Vec::new();
            while !done.load(Ordering::Acquire) || written.len() < 5 {
                let id = format!("w{}", written.len());
                let request = v1::UpsertProfilesRequest {
                    profiles: vec![candidate(&id, &format!("cook of {id}"))],
                };
                let stream = futures::stream::iter([request]);
                let mut answers = profiles.upsert_profiles(stream).await.unwrap().into_inner();
                let answer = answers.message().await.unwrap().unwrap();
                let inserted = i32::from(v1::UpsertOutcome::Inserted);
                assert_eq!(answer.results[0].outcome, inserted);
                written.push(id);
            }
            written
        })
    };
    let request = v1::DeleteProfileRequest {
        kind: v1::ProfileKind::Candidate.into(),
        id: "d".to_owned(),
        erase: false,
    };
    world.profiles.delete_profile(request).await.unwrap();
    let said = reindex(&mut world, true).await.unwrap();
    assert!(said.done && said.passes >= 2, "{said:?}");
    done.store(true, Ordering::Release);
    matching.await.unwrap();
    let mut wanted = writing.await.unwrap();
    wanted.extend(["a", "b", "c", "e", "f"].map(str::to_owned));
    wanted.sort_unstable();

    let mut found = Vec::new();
    for shard in &world.shards {
        let points = shard.collection("candidates");
        points.values().for_each(check_vector);
        found.extend(points.into_keys());
        // Only what serves is there.
        assert_eq!(shard.specs.lock().unwrap().len(), 3);
    }
    found.sort_unstable();
    assert_eq!(found, wanted);
    let answer = world.search(skip_rerank()).await.unwrap();
    assert_eq!(answer.results.len(), wanted.len());
    let models = answer.report.unwrap().models;
    let mut models = models.iter().map(|model| model.fingerprint.as_str());
    assert!(models.any(|model| model == "backwards-fingerprint"));
    // Again there is nothing to do.
    let said = reindex(&mut world, false).await.unwrap();
    assert!(said.done && said.written == 0, "{said:?}");
}

#[tokio::test]
async fn collections_from_before_aliases_are_replaced() {
    let mut world = two_models(1).await;
    world.fill().await;
    // As an earlier build made them.
    {
        let shard = &world.shards[0];
        let aliases = std::mem::take(&mut *shard.aliases.lock().unwrap());
        for (alias, name) in aliases {
            let mut specs = shard.specs.lock().unwrap();
            let mut spec = specs.remove(&name).unwrap();
            spec.name.clone_from(&alias);
            specs.insert(alias.clone(), spec);
            let mut points = shard.points.lock().unwrap();
            let own = points.remove(&name).unwrap();
            points.insert(alias, own);
        }
        let mut specs = shard.specs.lock().unwrap();
        let sensitive = specs.get_mut("candidates.sensitive").unwrap();
        sensitive.model_fingerprint = "letters-fingerprint".to_owned();
    }
    world.wait_for_looks().await;
    assert_eq!(world.search(skip_rerank()).await.unwrap().results.len(), 6);
    let said = reindex(&mut world, false).await.unwrap();
    assert!(said.done && said.written == 7, "{said:?}");
    assert_eq!(world.search(skip_rerank()).await.unwrap().results.len(), 6);
    let shard = &world.shards[0];
    let points = shard.collection("candidates");
    points.values().for_each(check_vector);
    assert_eq!(shard.specs.lock().unwrap().len(), 3);
    assert!(shard.resolve("candidates").starts_with("candidates."));
}

#[tokio::test]
async fn without_another_model_nothing_changes() {
    let mut world = World::start(1).await;
    world.fill().await;
    let status = reindex(&mut world, false).await.unwrap_err();
    assert_eq!(refusal(&status).0, Code::FailedPrecondition);
    assert!(status.message().contains("next_embedder"), "{status}");
    assert!(reindex(&mut world, true).await.unwrap().done);
    assert_eq!(world.search(skip_rerank()).await.unwrap().results.len(), 6);
}
