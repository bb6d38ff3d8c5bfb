//! The main job: a ranked, explained shortlist, the same however it is deployed.

use crate::cluster::{Cluster, Shape, sample, weights};

#[test]
fn one_process_and_four_give_the_same_shortlist() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 60, 4);
    let mut shortlists = Vec::new();
    for processes in [false, true] {
        let home = folder.path().join(format!("processes-{processes}"));
        std::fs::create_dir(&home).unwrap();
        let mut cluster = Cluster::start(
            &home,
            Shape {
                processes,
                shards: 1,
            },
        );
        cluster.ingest(&candidates, &vacancies);
        let found: Vec<_> = (1..=4)
            .map(|n| cluster.shortlist(&format!("sample-v-{n:04}")))
            .collect();
        assert!(found.iter().all(|list| list.len() == 20), "{found:?}");
        cluster.stop();
        shortlists.push(found);
    }
    assert_eq!(shortlists[0], shortlists[1]);
}

#[test]
fn every_result_is_explained_and_adds_up() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 60, 2);
    let cluster = Cluster::start(folder.path(), Shape::default());
    cluster.ingest(&candidates, &vacancies);
    let answer = cluster.json(&[
        "match",
        "--vacancy",
        "sample-v-0001",
        "-k",
        "10",
        "--explain",
        "--json",
    ]);
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), 10);
    let sum = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>();
    for result in results {
        let parts = result["facet_scores"].as_object().unwrap();
        let retrieval = sum(&mut parts.values().map(|part| part.as_f64().unwrap()));
        assert!(
            (retrieval - result["retrieval_score"].as_f64().unwrap()).abs() < 1e-4,
            "{result}"
        );
        let features = result["features"].as_array().unwrap();
        let score = sum(&mut features
            .iter()
            .map(|feature| feature["contribution"].as_f64().unwrap()));
        assert!(
            (score - result["score"].as_f64().unwrap()).abs() < 1e-4,
            "{result}"
        );
        assert!(
            !result["reasons"].as_array().unwrap().is_empty(),
            "{result}"
        );
    }
    let stages: Vec<_> = answer["report"]["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["name"].as_str().unwrap())
        .collect();
    for stage in ["search", "rerank", "explain"] {
        assert!(stages.contains(&stage), "{stages:?}");
    }
    let models = answer["report"]["models"].to_string();
    assert!(models.contains("linear-v0"), "{models}");
    assert_eq!(
        answer["report"]["degradations"].as_array().unwrap().len(),
        0
    );
}

#[test]
fn the_match_is_two_sided_and_filters_hold() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (candidates, vacancies) = sample(folder.path(), 60, 6);
    let cluster = Cluster::start(
        folder.path(),
        Shape {
            shards: 2,
            ..Shape::default()
        },
    );
    cluster.ingest(&candidates, &vacancies);
    let answer = cluster.json(&["match", "--candidate", "sample-c-0001", "-k", "3", "--json"]);
    assert_eq!(answer["results"].as_array().unwrap().len(), 3);
    assert_eq!(answer["report"]["shards_answered"], 2);

    let pooled = cluster.json(&[
        "match",
        "--vacancy",
        "sample-v-0001",
        "-k",
        "60",
        "--filter",
        "status=pooled",
        "--json",
    ]);
    let ids = pooled["results"].as_array().unwrap();
    assert!(!ids.is_empty());
    for result in ids {
        let record = cluster.json(&[
            "show",
            "--kind",
            "candidates",
            result["id"].as_str().unwrap(),
            "--json",
        ]);
        assert_eq!(record["status"], "pooled");
        assert!(
            record.get("sensitive").is_none(),
            "sensitive attributes are never shown"
        );
    }
}
