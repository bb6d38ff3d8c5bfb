//! Files of questions.

use vivier_linking::Linker;
use vivier_linking::evaluate::{Agreement, sentences, skills, titles};
use vivier_ontology::{Kind, Language};

use crate::{full, ontology};

#[test]
fn questions_are_read_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let path = folder.path().join("spans.csv");
    let rows = "sentence,span,sub_span,label\n\
        a,Teamwork .,,work in teams\n\
        b,whole,part,SQL\n\
        c,Teamwork .,,SQL\n\
        d,e,,LABEL NOT PRESENT\n";
    std::fs::write(&path, rows).unwrap();
    let questions = skills(&path, &ontology).unwrap();
    let texts: Vec<&str> = questions
        .items
        .iter()
        .map(|(text, _)| text.as_str())
        .collect();
    assert_eq!(texts, ["Teamwork .", "part"], "one for each distinct text");
    assert_eq!(questions.items[0].1.len(), 2, "with all its answers");
    assert_eq!(questions.without, 1);

    std::fs::write(
        &path,
        full("text,skill_uri\nvignes,esco:skill/vines\nx,esco:no\n"),
    )
    .unwrap();
    let questions = skills(&path, &ontology).unwrap();
    assert_eq!((questions.items.len(), questions.without), (1, 1));

    std::fs::write(
        &path,
        full("title,occupation_uri\nMeat,esco:occupation/butcher\n"),
    )
    .unwrap();
    assert_eq!(titles(&path, &ontology).unwrap().items.len(), 1);
    let error = skills(&path, &ontology).unwrap_err().to_string();
    assert!(error.contains("it has title, occupation_uri"), "{error}");

    std::fs::write(&path, full("title,occupation_uri\nMeat,esco:no\n")).unwrap();
    let error = titles(&path, &ontology).unwrap_err().to_string();
    assert!(error.contains("1 questions without an answer"), "{error}");
    std::fs::write(&path, b"title,occupation_uri\n\xff,x\n").unwrap();
    assert!(titles(&path, &ontology).is_err(), "not UTF-8");
}

#[test]
fn mentions_are_compared_with_what_people_marked() {
    let folder = tempfile::tempdir().unwrap();
    let ontology = ontology(folder.path());
    let path = folder.path().join("spans.csv");
    // Right, another skill, none that fits, nothing marked, and one that is not found.
    let rows = "sentence,span,sub_span,label\n\
        You work in a team.,in a team,,work in teams\n\
        You work in a team.,in a team,,work in teams\n\
        Knows SQL.,SQL,,R\n\
        Prune vines daily.,Prune vines daily,Prune vines,LABEL NOT PRESENT\n\
        R is a letter.,,,\n\
        Cuts back the grapes.,Cuts back the grapes,Cuts grapes,prune vines\n\
        Is here.,elsewhere,,SQL\n";
    std::fs::write(&path, rows).unwrap();
    let read = sentences(&path, &ontology).unwrap();
    assert_eq!((read.items.len(), read.unplaced), (6, 1));
    assert_eq!(read.items[0].spans.len(), 1, "a repeated row is one span");
    let linker = Linker::new(&ontology, &[Kind::Skill], Language::ENGLISH).unwrap();
    let found: Vec<_> = read
        .items
        .iter()
        .map(|item| linker.mentions(&item.text, &[]).unwrap())
        .collect();
    let pairs = read.items.iter().zip(found.iter().map(Vec::as_slice));
    let agreement = Agreement::of(pairs);
    let expected = Agreement {
        right: 1,
        other: 1,
        unlabelled: 1,
        outside: 1,
        spans: 3,
        found: 1,
    };
    assert_eq!(agreement, expected);
    assert!((agreement.precision() - 0.25).abs() < 1e-12);
    assert!((agreement.recall() - 1.0 / 3.0).abs() < 1e-12);

    std::fs::write(&path, "text,skill_uri\nx,y\n").unwrap();
    let error = sentences(&path, &ontology).unwrap_err().to_string();
    assert!(error.contains("it has text, skill_uri"), "{error}");
    std::fs::write(&path, "sentence,span,sub_span,label\na b,a,,nothing\n").unwrap();
    let error = sentences(&path, &ontology).unwrap_err().to_string();
    assert!(error.contains("1 questions without an answer"), "{error}");
}
