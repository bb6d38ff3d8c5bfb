//! What the cluster knows beside the profiles: skills named by texts, and where.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cluster::{Cluster, Shape, text, weights, write};

/// Returns the folder of real data, or says that a test skips.
pub(crate) fn data(below: &str) -> Option<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let found = Path::new(folder).join(below);
    if found.try_exists().is_ok_and(|there| there) {
        return Some(found);
    }
    eprintln!("skipped: no real data in {}", found.display());
    None
}

/// Returns the sections of a configuration that knows ESCO; what was read of it is kept in
/// `home`.
pub(crate) fn with_esco(esco: &Path, home: &Path) -> String {
    let folders = ["v1.2.0_en", "v1.2.0_fr", "v1.1.1_en", "labels_fr"];
    let folders = folders.map(|folder| esco.join(folder));
    let cache = home.join("esco.cache");
    let keys = format!("folders = {folders:?}\ncache = {cache:?}\n");
    format!("[gateway.knowledge.esco]\n{keys}[reranker.esco]\n{keys}")
}

const CV: &str = "Nadia Benali\nnadia.benali@mail.example\n\nDATA ANALYST\n\nFive years of \
    building reports in Python and SQL for a bank.\nLed a team of four and trained employees.";

const SQL_URI: &str = "http://data.europa.eu/esco/skill/598de5b0-5b58-4ea7-8058-a4bc4d18c742";

#[test]
fn skills_are_found_in_texts_and_cited_in_both_languages() {
    let (Some(_), Some(esco)) = (weights(), data("esco")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let sections = with_esco(&esco, folder.path());
    let cluster = Cluster::start_with(folder.path(), Shape::default(), &sections);
    let status = cluster.json(&["status", "--json"]);
    assert_eq!(
        status["knowledge"]["esco"]["occupations"], 3_043,
        "{status}"
    );
    let candidates = [
        serde_json::json!({"id": "nadia", "text": CV}),
        serde_json::json!({"id": "cook", "titles": ["Cook"], "text": "Cooks for sixty guests."}),
    ];
    let candidates = write(folder.path(), "candidates.jsonl", &candidates);
    let vacancies = [
        serde_json::json!({"id": "en", "title": "Data analyst",
            "text": "You know SQL and Python. You report to the board."}),
        serde_json::json!({"id": "fr", "title": "Analyste de données", "lang": "fr",
            "required_skills": ["SQL", "Python"],
            "text": "Nous cherchons une personne pour analyser les données de nos clients."}),
    ];
    let vacancies = write(folder.path(), "vacancies.jsonl", &vacancies);
    let output = cluster.run(&[
        "ingest",
        "--kind",
        "candidates",
        candidates.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("name 1"), "{}", text(&output));
    cluster.ingest(&candidates, &vacancies);
    for (vacancy, topic, has) in [
        (
            "en",
            "optional_skill_overlap",
            "Has all 2 skills that the advert mentions",
        ),
        ("fr", "skill_overlap", "Possède les 2 compétences requises"),
    ] {
        let answer = cluster.json(&[
            "match",
            "--vacancy",
            vacancy,
            "-k",
            "2",
            "--explain",
            "--json",
        ]);
        let best = &answer["results"][0];
        assert_eq!(best["id"], "nadia", "{answer}");
        let reasons = best["reasons"].as_array().unwrap();
        let skills = reasons
            .iter()
            .find(|reason| reason["topic"] == topic)
            .unwrap();
        assert!(
            skills["text"].as_str().unwrap().starts_with(has),
            "{skills}"
        );
        let spans: Vec<&Value> = skills["skills"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|skill| skill["spans"].as_array().unwrap())
            .collect();
        assert!(spans.iter().any(|span| span["text"] == "SQL"), "{skills}");
        for span in spans {
            assert_eq!(span["field"], "text");
            let at = |key: &str| usize::try_from(span[key].as_u64().unwrap()).unwrap();
            assert_eq!(&CV[at("start")..at("end")], span["text"].as_str().unwrap());
        }
    }
    let wished = cluster.run(&[
        "match",
        "--vacancy",
        "fr",
        "-k",
        "1",
        "--explain",
        "--lang",
        "en",
    ]);
    assert!(
        text(&wished).contains("Has all 2 required skills"),
        "{}",
        text(&wished)
    );
    let sql = format!("skill={SQL_URI}");
    let able = cluster.json(&["match", "--vacancy", "fr", "--filter", &sql, "--json"]);
    let able: Vec<&Value> = able["results"].as_array().unwrap().iter().collect();
    assert!(
        matches!(able[..], [one] if one["id"] == "nadia"),
        "{able:?}"
    );
    let refused = cluster.run(&["match", "--vacancy", "fr", "--explain", "--lang", "es"]);
    assert!(
        text(&refused).contains("options.lang"),
        "{}",
        text(&refused)
    );
}

#[test]
fn a_cluster_without_esco_says_so_and_one_with_a_wrong_folder_does_not_start() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = Cluster::start(folder.path(), Shape::default());
    let status = text(&cluster.run(&["status"]));
    let said = "ESCO is off: gateway.knowledge.esco.folders names no folder";
    assert!(status.contains(said), "{status}");
    cluster.stop();
    let config = folder.path().join("cluster.toml");
    let esco = "[gateway.knowledge.esco]\nfolders = [\"nowhere/esco\"]\n";
    let written = std::fs::read_to_string(&config).unwrap() + esco;
    std::fs::write(&config, written).unwrap();
    let refused = crate::cluster::vivier(&["up", "--config", config.to_str().unwrap()]);
    assert!(!refused.status.success());
    let said = text(&refused);
    assert!(
        said.contains("gateway.knowledge") && said.contains("nowhere/esco"),
        "{said}"
    );
}
