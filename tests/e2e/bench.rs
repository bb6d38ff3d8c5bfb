//! `vivier bench encode` measures the default weights and says so in one line.

use serde_json::Value;

use crate::cluster::{text, vivier, weights};

fn encode(arguments: &[&str]) -> Value {
    let arguments = [
        &["bench", "encode", "--json", "--seconds", "0.1"],
        arguments,
    ]
    .concat();
    let output = vivier(&arguments);
    assert!(output.status.success(), "{}", text(&output));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.lines().count(), 1, "{printed}");
    serde_json::from_str(&printed).unwrap()
}

#[test]
fn a_shape_is_measured_and_exact() {
    if weights().is_none() {
        return;
    }
    let found = encode(&["--batch", "2", "--tokens", "40", "--compare", "6"]);
    assert_eq!(found["run_tokens"], 80);
    assert_eq!(found["compared"], 6);
    let number = |name: &str| found[name].as_f64().unwrap();
    assert!(number("cosine_mean") > 0.999, "{found}");
    assert!(number("cosine_min") <= number("cosine_mean"), "{found}");
    // 6 layers, 384 dims, 1,536 inside, 40 tokens seen.
    assert_eq!(
        number("operations_per_token"),
        21_233_664.0 + 6.0 * 40.0 * 1536.0
    );
    let speed = 80.0 / number("ms") * 1e3;
    assert!(
        (number("tokens_per_second") / speed - 1.0).abs() < 1e-6,
        "{found}"
    );
    assert!(number("bound_tokens_per_second") > 0.0, "{found}");
}

#[test]
fn texts_are_measured_and_saved_for_other_engines() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let long = "Managed the kitchen of a busy restaurant. ".repeat(60);
    let lines = format!("{{\"text\": \"Pastry chef.\"}}\n{long}\n");
    std::fs::write(path("texts"), lines).unwrap();
    let saved = |name: &str| -> Vec<Value> {
        let lines = std::fs::read_to_string(path(name)).unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };

    let whole = encode(&["--texts", &path("texts"), "--save", &path("whole")]);
    assert_eq!(whole["texts"], 2);
    assert!(whole["docs_per_second"].as_f64().unwrap() > 0.0);
    assert!(whole["cosine_mean"].as_f64().unwrap() > 0.999);
    let windows = saved("whole")[1]["sequences"].as_array().unwrap().len();
    assert!(windows > 1, "a long text is in windows");
    assert_eq!(whole["sequences"], 1 + windows);

    let (texts, save) = (path("texts"), path("cut"));
    let cut = encode(&["--texts", &texts, "--tokens", "16", "--save", &save]);
    assert_eq!(cut["sequences"], 2);
    let lines = saved("cut");
    assert_eq!(lines[1]["sequences"][0].as_array().unwrap().len(), 16);
    assert_eq!(lines[0]["vector"].as_array().unwrap().len(), 384);
}

#[test]
fn what_cannot_be_measured_is_named() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n\n").unwrap();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["--batch", "1", "--tokens", "513"], 2, "512"),
        (&["--batch", "1", "--tokens", "2"], 2, "special tokens"),
        (&["--tokens", "16"], 2, "--batch"),
        (&["--texts", empty.to_str().unwrap()], 2, "no text"),
        (&["--model", "/nowhere"], 1, "/nowhere"),
    ];
    for (arguments, code, named) in cases {
        let output = vivier(&[&["bench", "encode"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(text(&output).contains(named), "{}", text(&output));
    }
}
