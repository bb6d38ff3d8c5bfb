//! Every bad input has an error of its own, and harms nothing else.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cluster::{Cluster, PATIENCE, Shape, sample, text, vivier, weights};

#[test]
fn bad_lines_are_named_and_good_lines_are_kept() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.jsonl");
    let mut file = std::fs::File::create(&path).unwrap();
    let lines: [(&[u8], &[&str]); 9] = [
        (
            br#"{"id": "good-1", "titles": ["Chef"], "text": "Cooks well."}"#,
            &[],
        ),
        (b"this is not JSON", &["2", "JSON"]),
        (
            br#"{"id": "c3", "titles": "Chef", "text": 7}"#,
            &["3", "titles"],
        ),
        (
            br#"{"id": "c4", "text": "x", "hobby": "chess"}"#,
            &["4", "hobby"],
        ),
        (br#"{"text": "who am I?"}"#, &["5", "id"]),
        (
            br#"{"id": "good-1", "text": "again"}"#,
            &["6", "good-1", "duplicate"],
        ),
        (b"{\"id\": \"c7\", \"text\": \"\xff\xfe\"}", &["7", "UTF-8"]),
        (
            br#"{"id": "c8", "text": "x", "location": {"latitude": "NaN", "longitude": 2}}"#,
            &["8", "location"],
        ),
        (
            br#"{"id": "good-2", "titles": ["Baker"], "text": "Bakes bread."}"#,
            &[],
        ),
    ];
    for (line, _) in lines {
        file.write_all(line).unwrap();
        file.write_all(b"\n").unwrap();
    }
    file.write_all(b"{\"id\": \"c10\", \"text\": \"").unwrap();
    file.write_all(&vec![b'x'; 50 << 20]).unwrap();
    file.write_all(b"\"}\n{\"id\": \"good-3\", \"text\": \"Serves guests.\"}\n")
        .unwrap();
    drop(file);

    let cluster = Cluster::start(folder.path(), Shape::default());
    let rejects = folder.path().join("rejects.jsonl");
    let output = cluster.run(&[
        "ingest",
        path.to_str().unwrap(),
        "--kind",
        "candidates",
        "--rejects",
        rejects.to_str().unwrap(),
    ]);
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    let written = std::fs::read_to_string(&rejects).unwrap();
    let rejected: Vec<&str> = written.lines().collect();
    assert_eq!(rejected.len(), 8, "{written}");
    let expected = lines
        .iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(_, words)| words.to_vec());
    for (line, words) in rejected.iter().zip(expected.chain([vec!["10", "limit"]])) {
        for word in words {
            assert!(line.contains(word), "{line} names {word}");
        }
    }
    assert_eq!(cluster.json(&["status", "--json"])["candidates"], 3);
}

#[test]
fn bad_requests_are_refused_by_field() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 20, 1);
    let cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    let query = ["match", "--vacancy", "sample-v-0001"];
    for (extra, words) in [
        (&["-k", "0"][..], &["k", "0", "1"][..]),
        (&["-k", "100000"][..], &["k", "100000", "1000"][..]),
        (&["--deadline", "1us"][..], &["deadline"][..]),
        (&["--weight", "charm=1"][..], &["charm"][..]),
        (&["--filter", "status"][..], &["status"][..]),
    ] {
        let output = cluster.run(&[&query[..], extra].concat());
        assert!(!output.status.success(), "{extra:?}");
        for word in words {
            assert!(text(&output).contains(word), "{extra:?}: {}", text(&output));
        }
    }
    let unknown = cluster.run(&["match", "--vacancy", "nobody"]);
    assert!(
        !unknown.status.success() && text(&unknown).contains("nobody"),
        "{}",
        text(&unknown)
    );
    assert_eq!(cluster.shortlist("sample-v-0001").len(), 20);
}

#[test]
fn a_service_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let refuse = |config: &str, words: &[&str]| {
        std::fs::write(path("bad.toml"), config).unwrap();
        let output = vivier(&["embedder", "--config", &path("bad.toml")]);
        assert!(!output.status.success(), "{config}");
        for word in words {
            assert!(text(&output).contains(word), "{word}: {}", text(&output));
        }
    };
    let quiet_port = "[embedder.server]\nlisten = \"127.0.0.1:0\"\n";
    refuse("[embedder]\nthreds = 2\n", &["threds", "bad.toml"]);

    let absent = path("absent");
    refuse(
        &format!("[embedder]\nmodel = {absent:?}\n{quiet_port}"),
        &["absent"],
    );

    std::fs::create_dir(path("empty")).unwrap();
    refuse(
        &format!("[embedder]\nmodel = {:?}\n{quiet_port}", path("empty")),
        &["empty", "make model"],
    );

    if let Some(model) = weights() {
        let cut = folder.path().join("cut");
        std::fs::create_dir_all(cut.join("1_Pooling")).unwrap();
        for name in [
            "config.json",
            "tokenizer.json",
            "modules.json",
            "sentence_bert_config.json",
            "1_Pooling/config.json",
        ] {
            std::fs::copy(model.join(name), cut.join(name)).unwrap();
        }
        let whole = std::fs::read(model.join("model.safetensors")).unwrap();
        std::fs::write(cut.join("model.safetensors"), &whole[..whole.len() / 2]).unwrap();
        refuse(
            &format!("[embedder]\nmodel = {cut:?}\n{quiet_port}"),
            &["model.safetensors"],
        );
    }

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(
        path("bad.toml"),
        format!("[reranker.server]\nlisten = {address:?}\n"),
    )
    .unwrap();
    let output = vivier(&["reranker", "--config", &path("bad.toml")]);
    assert!(
        !output.status.success() && text(&output).contains(&address),
        "{}",
        text(&output)
    );
}

/// As the children of `vivier up --processes` are started: whoever waits for their end must
/// not wait for ever.
#[test]
fn a_child_that_cannot_start_ends_while_its_standard_input_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("bad.toml");
    let data = folder.path().join("a file");
    std::fs::write(&data, "no folder").unwrap();
    let sections =
        format!("[index]\ndata_dir = {data:?}\n[index.server]\nlisten = \"127.0.0.1:0\"\n");
    std::fs::write(&config, sections).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vivier"))
        .args(["index", "--until-stdin-closes", "--config"])
        .arg(&config)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let open = child.stdin.take();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() && started.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    let ended = child.try_wait().unwrap();
    drop(open);
    let output = child.wait_with_output().unwrap();
    assert!(ended.is_some_and(|status| !status.success()), "{ended:?}");
    assert!(text(&output).contains("a file"), "{}", text(&output));
}
