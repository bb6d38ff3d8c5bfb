//! Names and running texts, by letters and stems alone.

use vivier_linking::{Linker, MAPPED};
use vivier_ontology::{Kind, Language, load};

use crate::{full, ontology, uri};

#[test]
fn labels_are_found_in_any_inflection() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let skills = Linker::new(&ontology, &[Kind::Skill], Language::ENGLISH).unwrap();
    for (text, wanted) in [
        ("Team players", "esco:skill/teams"),
        ("STRUCTURED QUERY LANGUAGES", "esco:skill/sql"),
        ("vine prunning", "esco:skill/vines"),
    ] {
        let links = skills.link(text, None, 3).unwrap();
        assert_eq!(
            uri(&ontology, links[0].concept),
            wanted,
            "{text}: {links:?}"
        );
    }
    let exact = skills.link("team player", None, 1).unwrap().remove(0);
    assert_eq!(exact.label, "team player", "the label that is most like it");
    assert!(exact.score >= MAPPED, "{exact:?}");
    assert!(skills.link("zzz", None, 3).unwrap().is_empty());
    assert!(skills.link("", None, 3).unwrap().is_empty());
}

#[test]
fn french_titles_find_concepts_by_french_labels_and_english_ones() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let linker = Linker::new(&ontology, &[Kind::Occupation], Language::FRENCH).unwrap();
    for (text, wanted) in [
        ("Boucher (h/f/x)", "esco:occupation/butcher"),
        (
            "technicienne d'engin agricole",
            "esco:occupation/technician",
        ),
        ("butcher", "esco:occupation/butcher"),
    ] {
        let links = linker.link(text, None, 1).unwrap();
        assert_eq!(
            uri(&ontology, links[0].concept),
            wanted,
            "{text}: {links:?}"
        );
    }
    let labels: Vec<&str> = linker.labels().collect();
    assert!(labels.contains(&"bouchère"), "both forms count: {labels:?}");
}

#[test]
fn a_kind_or_language_without_labels_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let error = Linker::new(&ontology, &[Kind::SkillGroup], Language::ENGLISH).err();
    let error = error.unwrap().to_string();
    assert_eq!(error, "the ontology has no skill groups with a label in en");
}

#[test]
fn running_texts_name_concepts_at_their_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::ENGLISH).unwrap();
    let text = "Élan & R: you work in a team, prune the vines; r is a letter. SQL!";
    let mentions = linker.mentions(text, &[]).unwrap();
    let found: Vec<(&str, String)> = mentions
        .iter()
        .map(|one| (&text[one.range.clone()], uri(&ontology, one.link.concept)))
        .collect();
    assert_eq!(
        found,
        [
            ("R", "esco:skill/r".to_owned()),
            ("work in a team", "esco:skill/teams".to_owned()),
            ("prune the vines", "esco:skill/vines".to_owned()),
            ("SQL", "esco:skill/sql".to_owned()),
        ]
    );
    assert!(mentions.iter().all(|mention| mention.exact));
}

#[test]
fn labels_of_another_language_must_stand_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::FRENCH).unwrap();
    let text = "Work in team, work in teams, taille de vignes";
    let mentions = linker.mentions(text, &[]).unwrap();
    let found: Vec<&str> = mentions
        .iter()
        .map(|one| &text[one.range.clone()])
        .collect();
    assert_eq!(found, ["Work in team", "work in teams"], "but for plurals");
    let text = "working in teamed, team played, SQL";
    let mentions = linker.mentions(text, &[]).unwrap();
    let found: Vec<&str> = mentions
        .iter()
        .map(|one| &text[one.range.clone()])
        .collect();
    assert_eq!(found, ["SQL"], "{mentions:?}");
}

#[test]
fn the_head_of_many_labels_is_no_label_of_one_concept() {
    // ESCO calls a hearse driver "driver"; many others drive.
    let driven = [
        "bus", "taxi", "tram", "train", "truck", "van", "crane", "cab", "cart",
    ];
    let heads = |kinds: usize| {
        let others = driven.iter().cycle().zip(0..kinds);
        let others = others.map(|(what, number)| format!("{what} {number} driver"));
        let all: Vec<String> = std::iter::once("hearse driver".to_owned())
            .chain(others)
            .collect();
        let rows = all.iter().map(|label| {
            let other = if label == "hearse driver" {
                "driver"
            } else {
                ""
            };
            format!(
                "Occupation,esco:occupation/{},{label},{other},8322,released",
                label.replace(' ', "-")
            )
        });
        let rows: Vec<String> = rows.collect();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("occupations_en.csv");
        let header = "conceptType,conceptUri,preferredLabel,altLabels,code,status";
        std::fs::write(file, full(&format!("{header}\n{}\n", rows.join("\n")))).unwrap();
        let loaded = load(&[folder.path().to_owned()], None).unwrap();
        let linker = Linker::new(&loaded.ontology, &[Kind::Occupation], Language::ENGLISH);
        let linker = linker.unwrap();
        let best = linker.link("Driver", None, 1).unwrap().remove(0);
        assert!(linker.link("Hearse driver", None, 1).unwrap()[0].score >= MAPPED);
        (best.label == "driver", best.score >= MAPPED)
    };
    assert_eq!(heads(18), (true, true), "19 concepts with the hearse");
    assert_eq!(heads(19), (false, false), "20 concepts with the hearse");
}
