//! From a text to its token sequences.

use proptest::prelude::*;
use serde_json::json;
use vivier_encoders::{
    Batch, Encoder, EncoderOptions, InputKind, PrepareError, Prepared, Truncation,
};

use crate::tiny;

/// Tokens of a text that fit the tiny model: the window less CLS and SEP.
const FITS: usize = tiny::WINDOW - 2;

fn encoder() -> Encoder {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    Encoder::load(folder.path(), &EncoderOptions::default()).unwrap()
}

fn prepare(
    encoder: &Encoder,
    text: &str,
    truncation: Truncation,
) -> Result<Prepared, PrepareError> {
    encoder.prepare(text, InputKind::Candidate, truncation)
}

fn windows(overlap: usize) -> Truncation {
    Truncation::Windows {
        overlap,
        most: usize::MAX,
    }
}

#[test]
fn offsets_lie_on_characters_of_the_text() {
    let encoder = encoder();
    let text = "Été à Lyon:\n ÇA";
    let tokens = encoder.tokenizer().tokens(text).unwrap();
    let parts: Vec<&str> = tokens
        .offsets
        .iter()
        .map(|range| &text[range.clone()])
        .collect();
    assert_eq!(
        parts,
        ["É", "t", "é", "à", "L", "y", "o", "n", ":", "Ç", "A"]
    );
    assert_eq!(tokens.ids.len(), tokens.offsets.len());
}

#[test]
fn policies_keep_what_they_say() {
    let encoder = encoder();
    let text = "a".repeat(10) + &" b".repeat(40);
    let error = prepare(&encoder, &text, Truncation::Fail).unwrap_err();
    assert_eq!(
        error,
        PrepareError::TooLong {
            tokens: 50,
            limit: FITS
        }
    );
    let all = encoder.tokenizer().tokens(&text).unwrap().ids;
    let head = prepare(&encoder, &text, Truncation::Head).unwrap();
    assert_eq!(head.sequences[0][1..=FITS], all[..FITS]);
    let tail = prepare(&encoder, &text, Truncation::Tail).unwrap();
    assert_eq!(tail.sequences[0][1..=FITS], all[50 - FITS..]);
    for cut in [&head, &tail] {
        assert_eq!(
            (cut.sequences.len(), cut.input_tokens, cut.used_tokens),
            (1, 50, FITS)
        );
    }
    let split = prepare(&encoder, &text, windows(4)).unwrap();
    assert_eq!(
        (split.sequences.len(), split.input_tokens, split.used_tokens),
        (2, 50, 50)
    );
}

#[test]
fn what_is_cut_is_told_in_bytes() {
    let encoder = encoder();
    let text = format!("  é{}é ", "b ".repeat(40));
    let head = prepare(&encoder, &text, Truncation::Head).unwrap();
    let cut = head.cut.unwrap();
    assert_eq!(cut.end, text.len());
    let kept = &text[..cut.start];
    assert_eq!(encoder.tokenizer().tokens(kept).unwrap().ids.len(), FITS);
    let tail = prepare(&encoder, &text, Truncation::Tail).unwrap();
    let cut = tail.cut.unwrap();
    assert_eq!(cut.start, 0);
    let kept = &text[cut.end..];
    assert_eq!(encoder.tokenizer().tokens(kept).unwrap().ids.len(), FITS);
    for whole in [
        prepare(&encoder, &text, windows(4)).unwrap(),
        prepare(&encoder, "short", Truncation::Head).unwrap(),
    ] {
        assert_eq!(whole.cut, None);
    }
}

#[test]
fn windows_can_end_after_so_many_tokens() {
    let encoder = encoder();
    let text = "b ".repeat(100);
    let within = |most| prepare(&encoder, &text, Truncation::Windows { overlap: 4, most }).unwrap();
    let read = within(70);
    assert_eq!((read.input_tokens, read.used_tokens), (100, 70));
    assert_eq!(read.cut, Some(139..200));
    let whole = prepare(&encoder, &text[..140], windows(4)).unwrap();
    assert_eq!(
        (&read.sequences, &read.fresh),
        (&whole.sequences, &whole.fresh)
    );
    assert_eq!(within(100), prepare(&encoder, &text, windows(4)).unwrap());
    // One window is always read.
    let first = within(1);
    assert_eq!((first.sequences.len(), first.used_tokens), (1, FITS));
}

#[test]
fn a_smaller_window_can_be_asked_for() {
    let encoder = encoder();
    let text = "b ".repeat(20);
    let within = |text: &str, truncation, max_tokens| {
        encoder.prepare_within(text, InputKind::Query, truncation, max_tokens)
    };
    let split = within(&text, windows(0), 12).unwrap();
    assert_eq!((split.sequences.len(), split.used_tokens), (2, 20));
    assert!(split.sequences.iter().all(|ids| ids.len() == 12));
    let head = within(&text, Truncation::Head, 3).unwrap();
    assert_eq!((head.used_tokens, head.cut), (1, Some(1..40)));
    assert_eq!(
        within(&text, Truncation::Fail, 12),
        Err(PrepareError::TooLong {
            tokens: 20,
            limit: 10
        })
    );
    for max_tokens in [0, 2, tiny::WINDOW + 1] {
        assert_eq!(
            within("b", Truncation::Fail, max_tokens),
            Err(PrepareError::BadWindow {
                max_tokens,
                least: 3,
                most: tiny::WINDOW
            })
        );
    }
    assert!(within("b", Truncation::Fail, 3).is_ok());
}

#[test]
fn texts_without_tokens_are_empty() {
    let encoder = encoder();
    for text in ["", "   \n\t ", "\u{200b}"] {
        assert_eq!(
            prepare(&encoder, text, windows(4)),
            Err(PrepareError::Empty),
            "{text:?}"
        );
    }
}

#[test]
fn pathological_texts_are_split_in_time() {
    let encoder = encoder();
    let started = std::time::Instant::now();
    let word = prepare(&encoder, &"x".repeat(200_000), windows(8)).unwrap();
    assert_eq!(
        (word.input_tokens, word.used_tokens),
        (1, 1),
        "an endless word is one unknown token"
    );
    let marks = prepare(&encoder, &"!".repeat(200_000), windows(8)).unwrap();
    assert_eq!((marks.input_tokens, marks.used_tokens), (200_000, 200_000));
    assert!(
        marks
            .sequences
            .iter()
            .all(|sequence| sequence.len() <= tiny::WINDOW)
    );
    let gaps = prepare(&encoder, &format!("a{}b", " ".repeat(200_000)), windows(8)).unwrap();
    assert_eq!(gaps.used_tokens, 2);
    assert!(
        started.elapsed().as_secs() < 10,
        "took {:?}",
        started.elapsed()
    );
}

#[test]
fn prompts_of_the_folder_come_before_each_window() {
    let folder = tempfile::tempdir().unwrap();
    tiny::write_model(folder.path());
    let prompts =
        json!({"prompts": {"query": "q:", "document": "d:"}, "default_prompt_name": null});
    tiny::write_json(folder.path(), "config_sentence_transformers.json", &prompts);
    let encoder = Encoder::load(folder.path(), &EncoderOptions::default()).unwrap();
    let ids = |text| encoder.tokenizer().tokens(text).unwrap().ids;
    let long = "b ".repeat(70);
    let candidate = prepare(&encoder, &long, windows(4)).unwrap();
    assert!(candidate.sequences.len() > 2);
    for sequence in &candidate.sequences {
        assert_eq!(sequence[1..3], ids("d:"));
        assert!(sequence.len() <= tiny::WINDOW);
    }
    assert_eq!(candidate.used_tokens, 70);
    let query = encoder
        .prepare("b", InputKind::Query, Truncation::Fail)
        .unwrap();
    assert_eq!(
        query.sequences[0],
        encoder.tokenizer().frame(&[], &ids("q:b"))
    );
    assert_eq!(
        (query.input_tokens, encoder.capacity(InputKind::Query)),
        (1, FITS - 2)
    );
    assert_eq!(encoder.capacity(InputKind::Skill), FITS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn windows_hold_every_token_and_short_texts_stay_whole(
        text in "([a-zé]{1,5}|[ ]|\\. |\n|\n\n|[!-@]){1,120}", overlap in 0_usize..20,
    ) {
        let encoder = encoder();
        let ids = encoder.tokenizer().tokens(&text).unwrap().ids;
        prop_assume!(!ids.is_empty());
        let split = prepare(&encoder, &text, windows(overlap)).unwrap();
        prop_assert_eq!(split.used_tokens, ids.len());
        let mut covered = 0;
        for (sequence, &fresh) in split.sequences.iter().zip(&split.fresh) {
            prop_assert!(sequence.len() <= tiny::WINDOW);
            let body = &sequence[1..sequence.len() - 1];
            covered += fresh;
            prop_assert_eq!(body, &ids[covered - body.len()..covered]);
        }
        prop_assert_eq!(covered, ids.len());
        if ids.len() <= FITS {
            prop_assert_eq!(&split, &prepare(&encoder, &text, Truncation::Fail).unwrap());
            let mut batch = Batch::default();
            split.push_to(&mut batch);
            let vectors = encoder.encode(&batch).unwrap();
            prop_assert_eq!(split.pool(&vectors).unwrap(), vectors[0].clone());
        }
    }
}
