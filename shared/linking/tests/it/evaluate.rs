//! Files of questions.

use vivier_linking::evaluate::{skills, titles};

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
