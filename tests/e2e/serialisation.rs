//! What the encoder reads of a profile is a choice: raw fields, a structured text, or
//! sentences with ESCO's words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::cluster::{Cluster, Shape, text, weights, write};
use crate::expansion::write_esco;

#[test]
fn each_serialisation_matches_and_a_change_of_it_writes_profiles_anew() {
    if weights().is_none() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let esco = folder.path().join("esco");
    std::fs::create_dir(&esco).unwrap();
    write_esco(&esco);
    let candidates = [
        json!({"id": "baker", "titles": ["Confectioner"], "skills": ["bake dough"],
               "text": "Ten years of fine cakes."}),
        json!({"id": "clerk", "titles": ["Clerk"], "text": "Keeps the books of small firms."}),
    ];
    let candidates = write(folder.path(), "candidates.jsonl", &candidates);
    let vacancy = json!({"id": "v", "title": "Pastry maker", "lang": "en",
                         "text": "Our shop looks for somebody who bakes."});
    let vacancies = write(folder.path(), "vacancies.jsonl", &[vacancy]);

    let mut parts = BTreeMap::new();
    let mut changed = "2 inserted, 0 replaced";
    for choice in ["structured", "raw", "esco_sentences"] {
        let sections = format!(
            "[gateway.knowledge]\nserialisation = {choice:?}\n\
             [gateway.knowledge.esco]\nfolders = [{esco:?}]\n"
        );
        // The data of the cluster before stay in the folder.
        let mut cluster = Cluster::start_with(folder.path(), Shape::default(), &sections);
        let ingest = || {
            let file = candidates.to_str().unwrap();
            text(&cluster.run(&["ingest", file, "--kind", "candidates"]))
        };
        let (first, second) = (ingest(), ingest());
        assert!(first.contains(changed), "{choice}: {first}");
        assert!(second.contains("2 unchanged"), "{choice}: {second}");
        changed = "0 inserted, 2 replaced";
        let file = vacancies.to_str().unwrap();
        let ingested = cluster.run(&["ingest", file, "--kind", "vacancies"]);
        assert!(ingested.status.success(), "{choice}: {}", text(&ingested));

        let answer = cluster.json(&["match", "--vacancy", "v", "-k", "2", "--json"]);
        let best = &answer["results"][0];
        assert_eq!(best["id"], "baker", "{choice}: {answer}");
        let part = best["facet_scores"]["text"].as_f64().unwrap();
        assert!(part > 0.0, "{choice}: {answer}");
        parts.insert(choice, part.to_string());
        cluster.stop();
    }
    let different: BTreeSet<&String> = parts.values().collect();
    assert_eq!(different.len(), parts.len(), "the same was read: {parts:?}");
}
