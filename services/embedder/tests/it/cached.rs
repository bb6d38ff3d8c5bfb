//! Texts that come again are not encoded again.

use std::path::Path;

use vivier_embedder::Config;
use vivier_proto::v1;

use crate::cluster::{Running, request, start, stats};
use crate::tiny;

async fn embed(running: &Running, request: v1::EmbedRequest) -> Vec<v1::Embedding> {
    let answer = running.client.clone().embed(request).await.unwrap();
    answer.into_inner().embeddings
}

/// Ends an embedder in order: what it holds back is written.
async fn stop(running: Running) {
    running.shutdown.trigger();
    drop(running.client);
    running.served.await.unwrap().unwrap();
}

fn with_cache(folder: &Path) -> impl FnOnce(&Path, &mut Config) + use<> {
    let folder = folder.to_owned();
    move |_, config| {
        config.cache = true;
        config.cache_dir = folder;
    }
}

/// Takes the mark of the cache off, to compare the rest.
fn unmarked(embeddings: &[v1::Embedding]) -> Vec<v1::Embedding> {
    let unmark = |embedding: &v1::Embedding| v1::Embedding {
        cached: false,
        ..embedding.clone()
    };
    embeddings.iter().map(unmark).collect()
}

#[tokio::test]
async fn vectors_outlive_a_restart_and_are_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(with_cache(folder.path())).await;
    let mut texts = request(&["one", "two", &"three ".repeat(30)]);
    texts.truncation = v1::Truncation::Tail.into();
    let first = embed(&running, texts.clone()).await;
    assert!(first.iter().all(|embedding| !embedding.cached));
    assert!(first[2].truncated);
    stop(running).await;

    let running = start(with_cache(folder.path())).await;
    texts.inputs.push(texts.inputs[0].clone());
    texts.inputs[3].text = "new".into();
    let second = embed(&running, texts.clone()).await;
    let cached: Vec<bool> = second.iter().map(|embedding| embedding.cached).collect();
    assert_eq!(cached, [true, true, true, false]);
    assert_eq!(unmarked(&second[..3]), first);
    let counted = stats(&running).await.cache.unwrap();
    assert!(counted.enabled && counted.bytes > 0);
    assert_eq!((counted.hits, counted.misses), (3, 1));

    // Another kind, policy or window is another vector.
    texts.inputs.truncate(1);
    let mut others = [texts.clone(), texts.clone(), texts.clone()];
    others[0].inputs[0].kind = v1::InputKind::Query.into();
    others[1].truncation = v1::Truncation::Head.into();
    others[2].max_tokens = Some(16);
    for other in others {
        assert!(!embed(&running, other).await[0].cached);
    }
    stop(running).await;
}

#[tokio::test]
async fn another_model_reads_no_old_vector() {
    let folder = tempfile::tempdir().unwrap();
    let running = start(with_cache(folder.path())).await;
    let first = embed(&running, request(&["same"])).await;
    stop(running).await;
    let with_cache = with_cache(folder.path());
    let running = start(|model, config| {
        with_cache(model, config);
        // The last bias of the model: another fingerprint, another vector.
        let path = model.join("model.safetensors");
        let mut content = std::fs::read(&path).unwrap();
        let end = content.len();
        content[end - 4..].copy_from_slice(&5_f32.to_le_bytes());
        std::fs::write(path, content).unwrap();
    })
    .await;
    let second = embed(&running, request(&["same"])).await;
    assert!(!second[0].cached);
    assert_ne!(first[0].values, second[0].values);
    stop(running).await;
}

#[tokio::test]
async fn the_same_text_twice_in_a_request_is_encoded_once() {
    let running = start(|_, _| {}).await;
    let texts = ["a", "b", "a", "a", "b"];
    let found = embed(&running, request(&texts)).await;
    assert_eq!(found[0], found[2]);
    assert_eq!(found[1], found[4]);
    assert_ne!(found[0], found[1]);
    let counted = stats(&running).await;
    assert_eq!(counted.interactive.unwrap().sequences, 2);
    assert_eq!(counted.texts, 5);
    assert_eq!(
        found[0].values.len(),
        tiny::DIM,
        "every place has its vector"
    );
}

#[tokio::test]
async fn a_folder_that_another_process_uses_does_not_stop_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(with_cache(folder.path())).await;
    // An answer means that its cache is open: the second comes later.
    assert!(stats(&first).await.cache.unwrap().enabled);
    let second = start(with_cache(folder.path())).await;
    assert!(!stats(&second).await.cache.unwrap().enabled);
    for running in [first, second] {
        assert_eq!(embed(&running, request(&["a"])).await.len(), 1);
        stop(running).await;
    }
}
