//! A query expanded by ESCO finds who says the same in other words, and says so.

use std::path::Path;

use serde_json::{Value, json};

use crate::cluster::{Cluster, Shape, text, weights, write};

const PASTRY_MAKER: &str =
    "http://data.europa.eu/esco/occupation/00000000-0000-0000-0000-000000000001";
const BAKING: &str = "http://data.europa.eu/esco/skill/00000000-0000-0000-0000-000000000002";

/// Writes a small ESCO: an occupation with another label and an essential skill.
pub(crate) fn write_esco(folder: &Path) {
    let files = [
        (
            "occupations_en.csv",
            "conceptType,conceptUri,preferredLabel,altLabels,code,status",
            format!("Occupation,{PASTRY_MAKER},pastry maker,confectioner,7512.1,released"),
        ),
        (
            "skills_en.csv",
            "conceptType,conceptUri,preferredLabel,altLabels,status",
            format!("KnowledgeSkillCompetence,{BAKING},bake dough,,released"),
        ),
        (
            "occupationSkillRelations_en.csv",
            "occupationUri,relationType,skillType,skillUri",
            format!("{PASTRY_MAKER},essential,skill,{BAKING}"),
        ),
        (
            "ISCOGroups_en.csv",
            "conceptType,conceptUri,code,preferredLabel,status",
            "ISCOGroup,http://data.europa.eu/esco/isco/C7512,7512,Bakers,released".to_owned(),
        ),
    ];
    for (name, header, row) in files {
        std::fs::write(folder.join(name), format!("{header}\n{row}\n")).unwrap();
    }
}

/// A match of two out of three that are retrieved by words, as JSON.
fn matched(cluster: &Cluster, more: &[&str]) -> Value {
    let mut arguments = vec![
        "match",
        "--vacancy",
        "v",
        "-k",
        "2",
        "--depth",
        "3",
        "--json",
    ];
    let off = ["text=0", "skills=0", "occupation=0"];
    for weight in off {
        arguments.extend(["--weight", weight]);
    }
    arguments.extend(more);
    cluster.json(&arguments)
}

fn ids(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().unwrap();
    results
        .iter()
        .map(|one| one["id"].as_str().unwrap())
        .collect()
}

#[test]
fn another_label_finds_a_candidate_and_is_told_and_off_changes_nothing() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let esco = folder.path().join("esco");
    std::fs::create_dir(&esco).unwrap();
    write_esco(&esco);
    let keys = format!("folders = [{esco:?}]\n");
    let sections = format!("[gateway.knowledge.esco]\n{keys}[reranker.esco]\n{keys}");
    let shape = Shape {
        processes: true,
        shards: 2,
    };
    let cluster = Cluster::start_with(folder.path(), shape, &sections);
    let candidates = [
        json!({"id": "a", "text": "Drives lorries across the country."}),
        json!({"id": "b", "text": "Keeps the books of small firms."}),
        json!({"id": "c", "titles": ["Pastry maker"], "text": "Ten years of fine cakes."}),
        json!({"id": "d", "text": "Nurse on the night shift."}),
        // Says it in other words, and comes last where nothing is found.
        json!({"id": "z", "text": "Confectioner with a shop of her own."}),
    ];
    let candidates = write(folder.path(), "candidates.jsonl", &candidates);
    let vacancy = [json!({"id": "v", "title": "Pastry maker", "lang": "en"})];
    let vacancies = write(folder.path(), "vacancies.jsonl", &vacancy);
    cluster.ingest(&candidates, &vacancies);

    let plain = matched(&cluster, &["--explain"]);
    assert!(!ids(&plain).contains(&"z"), "{plain}");
    assert!(plain["report"].get("expansion").is_none(), "{plain}");

    // In retrieval order; reranked, nothing that was asked speaks for "z".
    let expanded = matched(&cluster, &["--expand=labels", "--no-rerank", "--explain"]);
    assert_eq!(ids(&expanded), ["c", "z"], "{expanded}");
    let told = &expanded["report"]["expansion"];
    let addition = &told["additions"][0];
    assert_eq!(told["additions"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(addition["label"], "confectioner");
    assert_eq!(addition["uri"], PASTRY_MAKER);
    assert_eq!(
        (&addition["weight"], &addition["reason"]),
        (&json!(0.5), &json!("label"))
    );
    assert_eq!(addition["of"], "pastry maker");
    assert_eq!(told["found_by_expansion"], json!(["z"]), "{told}");
    assert_eq!(told["beyond_first_k"], json!(["z"]));
    assert_eq!(expanded["results"][0]["unexpanded_rank"], 1);
    assert!(expanded["results"][1].get("unexpanded_rank").is_none());

    // What both find is compared alike: reasons and scores rest on what was asked.
    let reranked = matched(&cluster, &["--expand", "--explain"]);
    let of = |answer: &Value| {
        let results = answer["results"].as_array().unwrap();
        results
            .iter()
            .find(|one| one["id"] == "c")
            .cloned()
            .unwrap()
    };
    let (before, after) = (of(&plain), of(&reranked));
    assert_eq!(before["score"], after["score"]);
    assert_eq!(before["features"], after["features"]);
    assert_eq!(before["reasons"], after["reasons"]);
    let labels = reranked["report"]["expansion"]["additions"].to_string();
    assert!(
        labels.contains("bake dough") && labels.contains("confectioner"),
        "{labels}"
    );
    assert_eq!(reranked["report"]["degradations"], json!([]));
    let reasons = reranked["results"].to_string();
    assert!(!reasons.contains("bake dough"), "{reasons}");

    // Off again: as it was.
    let again = matched(&cluster, &["--explain"]);
    assert_eq!(plain["results"], again["results"]);

    let shown = cluster.run(&[
        "match",
        "--vacancy",
        "v",
        "-k",
        "2",
        "--depth",
        "3",
        "--weight",
        "text=0",
        "--weight",
        "skills=0",
        "--weight",
        "occupation=0",
        "--no-rerank",
        "--expand=labels",
        "--explain",
    ]);
    let shown = text(&shown);
    assert!(shown.contains("here thanks to them: z"), "{shown}");
    assert!(
        shown.contains("0.50 confectioner (label of pastry maker)"),
        "{shown}"
    );
}

#[test]
fn an_expansion_without_esco_is_refused_with_what_to_configure() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(folder.path(), Shape::default());
    let vacancy = [json!({"id": "v", "title": "Pastry maker"})];
    let vacancies = write(folder.path(), "vacancies.jsonl", &vacancy);
    let candidates = write(
        folder.path(),
        "candidates.jsonl",
        &[json!({"id": "c", "text": "Cook"})],
    );
    cluster.ingest(&candidates, &vacancies);
    let refused = cluster.run(&["match", "--vacancy", "v", "--expand"]);
    assert!(!refused.status.success());
    let said = text(&refused);
    assert!(said.contains("gateway.knowledge.esco.folders"), "{said}");
    let refused = cluster.run(&["match", "--vacancy", "v", "--expand", "--expand-scale", "3"]);
    let said = text(&refused);
    assert!(said.contains("options.expansion.weight_scale"), "{said}");
}
