//! A text that the model fails on is refused alone.

use std::path::Path;

use futures::future::join_all;
use serde_json::{Value, json};
use tonic::Code;
use tonic_types::StatusExt;
use vivier_proto::v1;

use crate::cluster::{plain, request, start, stats};
use crate::tiny;

/// Teaches the tokenizer a word that the model has no embedding for.
fn add_unknown_token(folder: &Path) {
    let path = folder.join("tokenizer.json");
    let mut tokenizer: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object_mut().unwrap();
    let id = vocabulary.len();
    vocabulary.insert("€".into(), json!(id));
    std::fs::write(&path, tokenizer.to_string()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_text_fails_its_request_and_no_other() {
    let running = start(|folder, _| add_unknown_token(folder)).await;
    // The first call keeps the model busy while the others come, so that they share
    // batches with the bad one.
    let calls = (0..40).map(|number| {
        let texts: Vec<String> = match number {
            0 => vec!["!".repeat(20); 200],
            20 => ["good", "also good", "the price is 7 €", "good"]
                .map(str::to_owned)
                .to_vec(),
            _ => vec![format!("text {number}"); 2],
        };
        let mut client = running.client.clone();
        async move { client.embed(request(&texts)).await }
    });
    for (number, answer) in join_all(calls).await.into_iter().enumerate() {
        if number != 20 {
            let embeddings = answer.unwrap().into_inner().embeddings;
            assert!(embeddings.len() >= 2, "{number}");
            continue;
        }
        let status = answer.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        for part in ["inputs[2].text", "token", "the model cannot encode it"] {
            assert!(status.message().contains(part), "{status}");
        }
        let details = status.get_details_bad_request().unwrap();
        assert_eq!(details.field_violations[0].field, "inputs[2].text");
    }
    let stats = stats(&running).await;
    assert_eq!(stats.refused_texts, 1);
    assert_eq!(stats.requests, 39);
}

#[tokio::test]
async fn a_smaller_window_is_used_and_what_was_cut_is_told() {
    let running = plain().await;
    let text = "b ".repeat(20);
    let ask = |policy: v1::Truncation, max_tokens| {
        let mut request = request(&[&text]);
        request.truncation = policy.into();
        request.max_tokens = max_tokens;
        let mut client = running.client.clone();
        async move { client.embed(request).await }
    };
    let whole = ask(v1::Truncation::Fail, None).await.unwrap().into_inner();
    assert!(!whole.embeddings[0].truncated && whole.embeddings[0].cut.is_none());
    let windows = ask(v1::Truncation::Windows, Some(12)).await.unwrap();
    let windows = windows.into_inner();
    let found = &windows.embeddings[0];
    assert!(!found.truncated && found.windows > 1 && found.used_tokens == 20);
    let cases = [
        (v1::Truncation::Head, 20, 40),
        (v1::Truncation::Tail, 0, 20),
    ];
    for (policy, start, end) in cases {
        let answer = ask(policy, Some(12)).await.unwrap().into_inner();
        let found = &answer.embeddings[0];
        assert!(found.truncated, "{policy:?}");
        assert_eq!((found.input_tokens, found.used_tokens), (20, 10));
        let cut = found.cut.unwrap();
        // The space before the first token that is kept or cut counts as cut.
        assert!(cut.start.abs_diff(start) <= 1 && cut.end == end, "{cut:?}");
    }
    let refused = ask(v1::Truncation::Fail, Some(12)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("20 tokens"), "{refused}");
    let window = u32::try_from(tiny::WINDOW).unwrap();
    for (max_tokens, part) in [(0, "3 to 32"), (2, "3 to 32"), (window + 1, "3 to 32")] {
        let refused = ask(v1::Truncation::Head, Some(max_tokens)).await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(
            refused.message().contains("max_tokens") && refused.message().contains(part),
            "{refused}"
        );
    }
    assert_eq!(stats(&running).await.truncated_texts, 2);
}

#[tokio::test]
async fn ten_megabytes_of_text_are_refused_with_the_limit() {
    let running = plain().await;
    for text in ["x".repeat(10 << 20), " \n".repeat(5 << 20)] {
        let status = running
            .client
            .clone()
            .embed(request(&["small", &text]))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        for part in ["inputs[1].text", "10485760 bytes", "max_text_bytes"] {
            assert!(status.message().contains(part), "{status}");
        }
    }
}
