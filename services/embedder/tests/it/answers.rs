//! What a good call gets.

use futures::StreamExt;
use vivier_encoders::{Batch, Encoder, EncoderOptions, InputKind, Truncation};
use vivier_proto::v1;

use crate::cluster::{Running, plain, request, start, with_policy};
use crate::tiny;

/// A text of 64 tokens: twice what the window holds.
fn long_text() -> String {
    "one two. three four\n".repeat(4)
}

async fn embed(running: &Running, request: v1::EmbedRequest) -> v1::EmbedResponse {
    running
        .client
        .clone()
        .embed(request)
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn vectors_are_those_of_the_encoder_in_the_order_of_the_texts() {
    let running = plain().await;
    let texts = ["rust engineer", "a", "chef de cuisine, Lyon", "a"];
    let response = embed(&running, request(&texts)).await;

    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let encoder = Encoder::load(folder.path(), &EncoderOptions::default()).unwrap();
    for (text, embedding) in texts.iter().zip(&response.embeddings) {
        let prepared = encoder
            .prepare(text, InputKind::Candidate, Truncation::Fail)
            .unwrap();
        let mut batch = Batch::default();
        prepared.push_to(&mut batch);
        let expected = &encoder.encode(&batch).unwrap()[0];
        for (found, expected) in embedding.values.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{text}");
        }
        assert_eq!(embedding.input_tokens as usize, prepared.input_tokens);
        assert_eq!(
            (embedding.used_tokens, embedding.windows),
            (embedding.input_tokens, 1)
        );
    }
    assert_eq!(response.embeddings.len(), texts.len());
    assert_eq!(response.embeddings[1].values, response.embeddings[3].values);
    let model = response.model.unwrap();
    assert_eq!(
        (model.name, model.fingerprint),
        (
            encoder_name(&running).await,
            encoder.spec().fingerprint.clone()
        )
    );
    assert!(response.queue_seconds > 0.0 && response.inference_seconds > 0.0);
}

async fn encoder_name(running: &Running) -> String {
    let info = running
        .client
        .clone()
        .get_info(v1::EmbedderServiceGetInfoRequest {})
        .await
        .unwrap();
    info.into_inner().models[0].version.clone().unwrap().name
}

#[tokio::test]
async fn each_policy_says_what_it_used() {
    let running = plain().await;
    let cases = [
        (v1::Truncation::Head, 30, 1),
        (v1::Truncation::Tail, 30, 1),
        (v1::Truncation::Windows, 64, 3),
    ];
    let mut vectors = Vec::new();
    for (policy, used, windows) in cases {
        let response = embed(&running, with_policy(request(&[long_text()]), policy)).await;
        let embedding = &response.embeddings[0];
        let found = (
            embedding.input_tokens,
            embedding.used_tokens,
            embedding.windows,
        );
        assert_eq!(found, (64, used, windows), "{policy:?}");
        let length: f32 = embedding.values.iter().map(|value| value * value).sum();
        assert!((length - 1.0).abs() < 1e-5, "{policy:?}");
        vectors.push(embedding.values.clone());
    }
    assert_ne!(vectors[0], vectors[1]);
    assert_ne!(vectors[0], vectors[2]);
    // A short text is the same under every policy.
    let mut short = Vec::new();
    for policy in [
        v1::Truncation::Unspecified,
        v1::Truncation::Fail,
        v1::Truncation::Windows,
    ] {
        let response = embed(&running, with_policy(request(&["short"]), policy)).await;
        short.push(response.embeddings[0].values.clone());
    }
    assert!(short.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test]
async fn windows_end_where_asked_and_the_answer_says_so() {
    let running = plain().await;
    let text = long_text();
    let asked = |most| v1::EmbedRequest {
        max_text_tokens: most,
        ..with_policy(request(&[&text]), v1::Truncation::Windows)
    };
    let whole = embed(&running, asked(None)).await.embeddings.remove(0);
    let part = embed(&running, asked(Some(40))).await.embeddings.remove(0);
    assert_eq!((part.input_tokens, part.used_tokens), (64, 40));
    let cut = part.cut.unwrap();
    assert!(part.truncated && cut.start > 0);
    assert_eq!(cut.end, u32::try_from(text.len()).unwrap());
    assert_ne!(part.values, whole.values);
    let enough = embed(&running, asked(Some(64))).await.embeddings.remove(0);
    assert_eq!((enough.truncated, &enough.values), (false, &whole.values));
}

#[tokio::test]
async fn a_text_of_200_kb_is_embedded_whole() {
    let running = plain().await;
    for text in ["x".repeat(200_000), "! ".repeat(100_000)] {
        let response = embed(
            &running,
            with_policy(request(&[text]), v1::Truncation::Windows),
        )
        .await;
        let embedding = &response.embeddings[0];
        assert_eq!(embedding.used_tokens, embedding.input_tokens);
    }
}

#[tokio::test]
async fn info_tells_the_model_and_the_limits() {
    let running = start(|_, config| config.max_batch_inputs = 7).await;
    let info = running
        .client
        .clone()
        .get_info(v1::EmbedderServiceGetInfoRequest {})
        .await
        .unwrap();
    let info = info.into_inner();
    let model = &info.models[0];
    assert_eq!(
        (model.dim as usize, model.max_tokens as usize),
        (tiny::DIM, tiny::WINDOW)
    );
    assert_eq!(
        (model.device.as_str(), model.pooling.as_str()),
        ("cpu", "mean")
    );
    assert_eq!(model.precision, "f32");
    assert_eq!(model.version.as_ref().unwrap().fingerprint.len(), 64);
    assert_eq!(
        (
            info.max_batch_inputs,
            info.max_text_bytes,
            info.max_batch_tokens
        ),
        (7, 1 << 20, 512)
    );
}

#[tokio::test]
async fn stream_answers_come_in_the_order_of_the_requests() {
    let running = plain().await;
    // The first request is the longest: answers must still come in order.
    let texts: Vec<Vec<String>> = (0..30)
        .map(|index| vec![format!("text {index}"); if index == 0 { 200 } else { 1 }])
        .collect();
    let requests = texts
        .clone()
        .into_iter()
        .map(|texts| v1::EmbedStreamRequest {
            request: Some(request(&texts)),
        });
    let stream = running
        .client
        .clone()
        .embed_stream(futures::stream::iter(requests))
        .await
        .unwrap();
    let answers: Vec<_> = stream.into_inner().collect().await;
    assert_eq!(answers.len(), texts.len());
    for (texts, answer) in texts.iter().zip(answers) {
        let response = answer.unwrap().response.unwrap();
        let single = embed(&running, request(&texts[..1])).await;
        assert_eq!(response.embeddings.len(), texts.len());
        for (found, expected) in response.embeddings[0]
            .values
            .iter()
            .zip(&single.embeddings[0].values)
        {
            assert!((found - expected).abs() < 1e-6);
        }
    }
}

#[tokio::test]
async fn shutdown_ends_the_service_in_order() {
    let running = plain().await;
    embed(&running, request(&["before"])).await;
    let mut client = running.client.clone();
    running.shutdown.trigger();
    running.served.await.unwrap().unwrap();
    let error = client.embed(request(&["after"])).await.unwrap_err();
    assert_eq!(error.code(), tonic::Code::Unavailable);
}
