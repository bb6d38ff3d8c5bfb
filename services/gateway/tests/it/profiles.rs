//! Storing, reading, deleting and listing profiles.

use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use vivier_proto::v1;

use crate::fakes::{FakeEmbedder, FakeReranker, Fault};
use crate::world::{World, candidate, edit_candidate, refusal, vacancy};

const CANDIDATE: i32 = v1::ProfileKind::Candidate as i32;
const VACANCY: i32 = v1::ProfileKind::Vacancy as i32;

fn sensitive(value: &str) -> Option<v1::SensitiveAttributes> {
    let values = [("gender".to_owned(), value.to_owned())].into();
    Some(v1::SensitiveAttributes { values })
}

fn with_sensitive(id: &str, value: &str) -> v1::Profile {
    edit_candidate(id, "cook", |candidate| {
        candidate.sensitive = sensitive(value)
    })
}

fn with_skills(id: &str, skills: &[&str]) -> v1::Profile {
    edit_candidate(id, "cook", |candidate| {
        candidate.skills = skills
            .iter()
            .map(|name| v1::Skill {
                name: (*name).to_owned(),
                uri: String::new(),
            })
            .collect();
    })
}

#[tokio::test]
async fn the_same_profile_again_is_neither_embedded_nor_written() {
    let mut world = World::start(1).await;
    assert_eq!(
        world
            .upsert(vec![vec![candidate("a", "cook")]])
            .await
            .unwrap(),
        ["a:inserted"]
    );
    let calls = *world.embedder.calls.lock().unwrap();
    assert_eq!(
        world
            .upsert(vec![vec![candidate("a", "cook")]])
            .await
            .unwrap(),
        ["a:unchanged"]
    );
    assert_eq!(*world.embedder.calls.lock().unwrap(), calls);
    assert_eq!(
        world
            .upsert(vec![vec![candidate("a", "chef")]])
            .await
            .unwrap(),
        ["a:replaced"]
    );
    assert_eq!(*world.embedder.calls.lock().unwrap(), calls + 1);
}

#[tokio::test]
async fn points_carry_every_facet_and_skills_are_embedded_once() {
    let mut world = World::start(1).await;
    let placed = edit_candidate("a", "cook", |candidate| {
        candidate.location = Some(v1::Location {
            coordinates: Some(v1::Coordinates {
                latitude: 45.75,
                longitude: 4.85,
            }),
            ..Default::default()
        });
        candidate.skills = vec![v1::Skill {
            name: "Sauces".to_owned(),
            uri: String::new(),
        }];
        candidate.status = v1::PoolStatus::Pooled.into();
    });
    world
        .upsert(vec![vec![placed, with_skills("b", &["Sauces", "Grill"])]])
        .await
        .unwrap();
    let points = world.shards[0].collection("candidates");
    let facets: Vec<&str> = points["a"].vectors.keys().map(String::as_str).collect();
    assert_eq!(facets, ["geography", "skills", "text"]);
    assert!(points["a"].words["words"].text.contains("cook"));
    assert!(points["a"].payload.contains_key("status"));
    let texts = world.embedder.texts.lock().unwrap().clone();
    assert_eq!(
        texts.iter().filter(|text| *text == "Sauces").count(),
        1,
        "{texts:?}"
    );
    assert_eq!(
        *world.embedder.calls.lock().unwrap(),
        1,
        "two texts and two skills fit one call"
    );
}

#[tokio::test]
async fn a_refused_profile_harms_no_other() {
    let mut world = World::start(1).await;
    let batch = vec![
        candidate("a", "cook"),
        candidate("", "no id"),
        candidate("a", "again"),
        edit_candidate("nan", "x", |candidate| {
            candidate.location = Some(v1::Location {
                coordinates: Some(v1::Coordinates {
                    latitude: f64::NAN,
                    longitude: 0.0,
                }),
                ..Default::default()
            });
        }),
        candidate("long", &"x".repeat(200_001)),
        candidate("empty", ""),
        edit_candidate("too long for the encoder", &"x ".repeat(3_000), |_| {}),
        v1::Profile { kind: None },
        vacancy("a", "another kind may bear the same id"),
    ];
    let results = world.upsert_results(vec![batch]).await.unwrap();
    let told: Vec<(&str, String)> = results
        .iter()
        .map(|result| {
            let violation = result.violation.as_ref();
            (
                result.id.as_str(),
                violation.map(|v| v.field.clone()).unwrap_or_default(),
            )
        })
        .collect();
    let expected = [
        ("a", ""),
        ("", "id"),
        ("a", "id"),
        ("nan", "location.coordinates.latitude"),
        ("long", "text"),
        ("empty", "profile"),
        ("too long for the encoder", "profile"),
        ("", "kind"),
        ("a", ""),
    ];
    assert_eq!(told, expected.map(|(id, field)| (id, field.to_owned())));
    let long = results[4].violation.as_ref().unwrap();
    assert_eq!(long.reason, "has 200001 bytes, limit 200000");
    assert!(long.value.chars().count() <= 81);
    assert_eq!(world.shards[0].collection("candidates").len(), 1);
    assert_eq!(world.shards[0].collection("vacancies").len(), 1);
}

#[tokio::test]
async fn too_many_profiles_in_a_request_are_refused_with_the_limit() {
    let mut world = World::start_with(1, FakeReranker::default(), |config| {
        config.max_batch_profiles = 2
    })
    .await;
    let batch = vec![
        candidate("a", "x"),
        candidate("b", "x"),
        candidate("c", "x"),
    ];
    let status = world.upsert(vec![batch]).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::InvalidArgument, "profiles".to_owned())
    );
    assert!(status.message().contains("limit 2"), "{status}");
}

#[tokio::test]
async fn sensitive_attributes_live_apart_and_go_with_the_candidate() {
    let mut world = World::start(2).await;
    let stored = world
        .upsert(vec![vec![with_sensitive("a", "f"), candidate("b", "cook")]])
        .await;
    assert_eq!(stored.unwrap(), ["a:inserted", "b:inserted"]);
    let shard = world
        .shards
        .iter()
        .find(|shard| shard.collection("candidates").contains_key("a"))
        .unwrap()
        .clone();
    let apart = shard.collection("candidates.sensitive");
    assert_eq!(apart.keys().collect::<Vec<_>>(), ["a"]);
    assert!(apart["a"].vectors.is_empty() && apart["a"].words.is_empty());
    assert!(!format!("{:?}", shard.collection("candidates")).contains("gender"));
    assert!(
        !world
            .embedder
            .texts
            .lock()
            .unwrap()
            .iter()
            .any(|text| text.contains("gender"))
    );

    let request = v1::GetProfileRequest {
        kind: CANDIDATE,
        id: "a".to_owned(),
    };
    let shown = world
        .profiles
        .get_profile(request.clone())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.profile, Some(candidate("a", "cook")));

    // Only the sensitive part changes: written, and nothing is embedded.
    let calls = *world.embedder.calls.lock().unwrap();
    let again = |value: &str| vec![vec![with_sensitive("a", value)]];
    assert_eq!(world.upsert(again("m")).await.unwrap(), ["a:replaced"]);
    assert_eq!(world.upsert(again("m")).await.unwrap(), ["a:unchanged"]);
    assert_eq!(*world.embedder.calls.lock().unwrap(), calls);
    assert_eq!(
        world
            .upsert(vec![vec![candidate("a", "cook")]])
            .await
            .unwrap(),
        ["a:replaced"]
    );
    assert!(shard.collection("candidates.sensitive").is_empty());

    world.upsert(again("f")).await.unwrap();
    let delete = v1::DeleteProfileRequest {
        kind: CANDIDATE,
        id: "a".to_owned(),
        erase: false,
    };
    world.profiles.delete_profile(delete.clone()).await.unwrap();
    assert!(shard.collection("candidates.sensitive").is_empty());
    let gone = world.profiles.get_profile(request).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    assert_eq!(gone.message(), "there is no candidate \"a\"");
    assert_eq!(
        world
            .profiles
            .delete_profile(delete)
            .await
            .unwrap_err()
            .code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn an_erased_profile_is_erased_on_every_shard_whether_it_is_there_or_not() {
    let mut world = World::start(2).await;
    world
        .upsert(vec![vec![candidate("a", "cook")]])
        .await
        .unwrap();
    let erase = v1::DeleteProfileRequest {
        kind: CANDIDATE,
        id: "a".to_owned(),
        erase: true,
    };
    for times in 1..=2 {
        world.profiles.delete_profile(erase.clone()).await.unwrap();
        for shard in &world.shards {
            assert!(shard.collection("candidates").is_empty());
            let once = ["candidates.sensitive/a", "candidates/a"];
            assert_eq!(*shard.erased.lock().unwrap(), once.repeat(times));
        }
    }
}

#[tokio::test]
async fn requests_of_a_stream_are_answered_in_order() {
    let mut world = World::start(1).await;
    let requests = (0..20)
        .map(|number| {
            vec![
                candidate(&format!("c{number:02}"), "cook"),
                candidate("same", &format!("text {number}")),
            ]
        })
        .collect();
    let answers = world.upsert(requests).await.unwrap();
    let expected: Vec<String> = (0..20)
        .flat_map(|number| {
            let same = if number == 0 { "inserted" } else { "replaced" };
            [format!("c{number:02}:inserted"), format!("same:{same}")]
        })
        .collect();
    assert_eq!(answers, expected);
    let last = world.shards[0].collection("candidates")["same"]
        .document
        .clone();
    assert!(
        String::from_utf8_lossy(&last).contains("text 19"),
        "the last write holds"
    );
}

#[tokio::test]
async fn shards_share_the_pool_and_lists_join_it() {
    let mut world = World::start(3).await;
    let batch: Vec<v1::Profile> = (0..60)
        .map(|number| vacancy(&format!("v{number:02}"), "driver"))
        .collect();
    world.upsert(vec![batch]).await.unwrap();
    let sizes: Vec<usize> = world
        .shards
        .iter()
        .map(|shard| shard.collection("vacancies").len())
        .collect();
    assert_eq!(sizes.iter().sum::<usize>(), 60);
    assert!(sizes.iter().all(|size| *size > 5), "{sizes:?}");

    let (mut listed, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListProfilesRequest {
            kind: VACANCY,
            page_size: 7,
            page_token,
            filter: None,
        };
        let page = world
            .profiles
            .list_profiles(request)
            .await
            .unwrap()
            .into_inner();
        listed.extend(page.profiles);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let expected: Vec<v1::Profile> = (0..60)
        .map(|number| vacancy(&format!("v{number:02}"), "driver"))
        .collect();
    assert_eq!(listed, expected);

    let status = world
        .profiles
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    assert_eq!((status.candidates, status.vacancies), (0, 60));
    assert_eq!(status.services.len(), 5);
    assert!(status.services.iter().all(|service| service.ready));
    let models: Vec<&str> = status
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(models, ["letters", "reverse"]);
}

#[tokio::test]
async fn a_shedding_embedder_is_tried_again_after_its_delay() {
    let mut world = World::start(1).await;
    *world.embedder.fault.lock().unwrap() = Fault::Shed(3);
    assert_eq!(
        world
            .upsert(vec![vec![candidate("a", "cook")]])
            .await
            .unwrap(),
        ["a:inserted"]
    );
    assert_eq!(*world.embedder.fault.lock().unwrap(), Fault::Shed(0));
}

#[tokio::test]
async fn an_upsert_says_which_service_failed_and_can_be_sent_again() {
    let mut world = World::start(1).await;
    let batch = || vec![vec![candidate("a", "cook")]];
    *world.embedder.fault.lock().unwrap() = Fault::Down;
    let status = world.upsert(batch()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("embedder"), "{status}");

    *world.embedder.fault.lock().unwrap() = Fault::Nonsense;
    let status = world.upsert(batch()).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(
        status.message().starts_with("internal error, request "),
        "{status}"
    );

    *world.embedder.fault.lock().unwrap() = Fault::None;
    world.break_shards(Fault::Down);
    let status = world.upsert(batch()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("index shard 1 of 1"), "{status}");

    world.break_shards(Fault::None);
    assert_eq!(world.upsert(batch()).await.unwrap(), ["a:inserted"]);
}

#[tokio::test]
async fn shedding_without_end_reaches_the_caller_with_the_delay() {
    let mut world = World::start_with(1, FakeReranker::default(), |config| {
        config.upsert_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    *world.embedder.fault.lock().unwrap() = Fault::Shed(u32::MAX);
    let status = world
        .upsert(vec![vec![candidate("a", "cook")]])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(vivier_runtime::retry_delay(&status).is_some());
}

#[tokio::test]
async fn bad_requests_are_refused_by_field() {
    let mut world = World::start(1).await;
    let get = |kind, id: &str| v1::GetProfileRequest {
        kind,
        id: id.to_owned(),
    };
    let status = world.profiles.get_profile(get(0, "a")).await.unwrap_err();
    assert_eq!(refusal(&status), (Code::InvalidArgument, "kind".to_owned()));
    let status = world
        .profiles
        .get_profile(get(CANDIDATE, ""))
        .await
        .unwrap_err();
    assert_eq!(refusal(&status), (Code::InvalidArgument, "id".to_owned()));
    let page = v1::ListProfilesRequest {
        kind: VACANCY,
        page_size: 1_001,
        ..Default::default()
    };
    let status = world.profiles.list_profiles(page).await.unwrap_err();
    assert_eq!(
        refusal(&status),
        (Code::InvalidArgument, "page_size".to_owned())
    );
}

#[tokio::test]
async fn an_index_of_another_model_is_a_failed_precondition() {
    let embedder = FakeEmbedder::default();
    *embedder.fault.lock().unwrap() = Fault::Down;
    let mut world = World::start_unready(1, FakeReranker::default(), embedder, |_| {}).await;
    let other = v1::CollectionSpec {
        name: "candidates".to_owned(),
        facets: Vec::new(),
        model_fingerprint: "another".to_owned(),
    };
    world.shards[0]
        .specs
        .lock()
        .unwrap()
        .insert("candidates".to_owned(), other);
    *world.embedder.fault.lock().unwrap() = Fault::None;
    let status = world
        .upsert(vec![vec![candidate("a", "cook")]])
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    assert!(status.message().contains("another model"), "{status}");
}

#[tokio::test]
async fn readiness_follows_the_services() {
    let mut world = World::start(2).await;
    *world.shards[0].fault.lock().unwrap() = Fault::Down;
    *world.reranker.fault.lock().unwrap() = Fault::Down;
    world.wait_for_looks().await;
    world.wait_for_health(ServingStatus::Serving).await;
    world.break_shards(Fault::Down);
    world.wait_for_health(ServingStatus::NotServing).await;
    world.break_shards(Fault::None);
    world.wait_for_health(ServingStatus::Serving).await;
    *world.embedder.fault.lock().unwrap() = Fault::Down;
    world.wait_for_health(ServingStatus::NotServing).await;

    let status = world
        .profiles
        .get_status(v1::GetStatusRequest {})
        .await
        .unwrap()
        .into_inner();
    let down: Vec<&str> = status
        .services
        .iter()
        .filter(|s| !s.ready)
        .map(|s| s.name.as_str())
        .collect();
    assert_eq!(down, ["embedder", "reranker"]);
    assert_eq!(status.services[0].error, "switched off");
}

#[tokio::test]
async fn a_shard_that_lost_its_folder_gets_its_collections_again() {
    let mut world = World::start(1).await;
    world.shards[0].specs.lock().unwrap().clear();
    for _ in 0..500 {
        if world.shards[0].specs.lock().unwrap().len() == 3 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let stored = world
        .upsert(vec![vec![candidate("a", "cook")]])
        .await
        .unwrap();
    assert_eq!(stored, ["a:inserted"]);
}
