//! The published files.

use std::path::Path;

use vivier_ontology::{DefectKind, Kind, Language, Origin, Relation, load};

use crate::support::{distances, esco, example};

#[test]
fn version_1_2_has_the_nodes_of_the_method() {
    let Some(folders) = esco(&["v1.2.0_en", "v1.2.0_fr"]) else {
        return;
    };
    let loaded = load(&folders, None).unwrap();
    let ontology = &loaded.ontology;
    let counts = Kind::ALL.map(|kind| ontology.count(kind));
    assert_eq!(counts, [13_939, 640, 3_039, 619], "{loaded}");
    assert_eq!(ontology.len(), 18_237);
    assert_eq!(loaded.defects.count(DefectKind::Circle), 0, "{loaded}");
    for language in [Language::ENGLISH, Language::FRENCH] {
        let occupations = ontology
            .concepts()
            .filter(|one| ontology.kind(*one) == Kind::Occupation);
        let named = occupations.filter(|one| ontology.label(*one, language).is_some());
        assert_eq!(named.count(), 3_039);
    }
}

#[test]
fn versions_and_lists_of_labels_are_merged_and_kept() {
    let Some(folders) = esco(&["v1.1.1_en", "labels_fr"]) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let cache = folder.path().join("sub/esco.cache");
    let first = load(&folders, Some(&cache)).unwrap();
    assert_eq!(first.origin, Origin::Files);
    let ontology = &first.ontology;
    // One of them is in the broader relations alone.
    assert_eq!(ontology.count(Kind::Occupation), 3_007 + 1);
    assert_eq!(ontology.count(Kind::Skill), 13_896, "lists add no concepts");
    let related = Relation::ALL.map(|one| ontology.count_related(one));
    let [_, essential, optional, of_skills @ .., _, _] = related;
    assert_eq!([essential, optional], [64_946, 58_909], "{first}");
    assert_eq!(of_skills.iter().sum::<usize>(), 5_899, "{first}");
    let concept = ontology
        .find("http://data.europa.eu/esco/skill/0005c151-5b5a-4a66-8aac-60e734beb1ab")
        .unwrap();
    assert_eq!(
        ontology.label(concept, Language::ENGLISH),
        Some("manage musical staff")
    );
    assert_eq!(
        ontology.label(concept, Language::FRENCH),
        Some("gérer le personnel musical")
    );
    let again = load(&folders, Some(&cache)).unwrap();
    assert_eq!((again.origin, &again.ontology), (Origin::Cache, ontology));
    let distances = distances(&first);
    let developer = ontology
        .find("http://data.europa.eu/esco/occupation/f2b15a0e-e65a-438a-affb-29b9d50b77d1")
        .unwrap();
    let skill = ontology
        .related(developer, Relation::Essential)
        .next()
        .unwrap();
    assert_eq!(distances.between(developer, skill), Some(1));
}

/// Every byte of a cache is flipped, and the end cut off: the files are read again.
#[test]
fn a_damaged_or_outdated_cache_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    example(&files);
    let cache = folder.path().join("esco.cache");
    let load = |cache: &Path| load(std::slice::from_ref(&files), Some(cache)).unwrap();
    let first = load(&cache);
    let good = std::fs::read(&cache).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&cache, &bad).unwrap();
        let found = load(&cache);
        assert_eq!(found.origin, Origin::Files, "byte {at}");
        assert_eq!(found.ontology, first.ontology);
        assert_eq!(std::fs::read(&cache).unwrap(), good);
    }
    std::fs::write(&cache, &good[..good.len() - 1]).unwrap();
    let cut = load(&cache);
    assert!(
        cut.cache_problem
            .is_some_and(|said| said.contains("is damaged"))
    );
    assert_eq!(load(&cache).origin, Origin::Cache);
    let path = files.join("skills_fr.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("statistiques", "statistique")).unwrap();
    assert_eq!(load(&cache).origin, Origin::Files);
}

/// As the gateway and the reranker of one process do at their first start.
#[test]
fn a_cache_may_be_made_by_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    example(&files);
    for round in 0..20 {
        let cache = folder.path().join(format!("{round}/esco.cache"));
        let load = || load(std::slice::from_ref(&files), Some(&cache)).unwrap();
        std::thread::scope(|scope| {
            let both = [scope.spawn(load), scope.spawn(load)];
            for one in both {
                assert_eq!(one.join().unwrap().cache_problem, None);
            }
        });
        assert_eq!(load().origin, Origin::Cache);
        let left = std::fs::read_dir(cache.parent().unwrap()).unwrap();
        assert_eq!(left.count(), 1, "only the cache");
    }
}
