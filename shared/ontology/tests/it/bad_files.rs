//! Files that cannot be used, and what is said of them.

use std::path::Path;

use vivier_ontology::{Language, Relation, load};

use crate::support::{example, loaded, uri, write};

fn refused(folder: &Path) -> String {
    load(&[folder.to_owned()], None).unwrap_err().to_string()
}

#[test]
fn a_missing_column_is_named_with_those_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    write(
        folder.path(),
        "skillGroups_en.csv",
        &["conceptType,conceptUri,code", "a,b,c"],
    );
    let said = refused(folder.path());
    let wanted = "skillGroups_en.csv, line 1: the column \"preferredLabel\" is missing; it has conceptType, conceptUri, code";
    assert!(said.ends_with(wanted), "{said}");
}

#[test]
fn a_bad_value_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let header = "conceptType,conceptUri,broaderType,broaderUri";
    let good =
        "KnowledgeSkillCompetence,esco:skill/java,KnowledgeSkillCompetence,esco:skill/python";
    for (row, wanted) in [
        (
            "Sill,esco:skill/java,SkillGroup,esco:skill/g",
            "conceptType \"Sill\" is no type of concept",
        ),
        (
            "SkillGroup,www.java.com,SkillGroup,esco:skill/g",
            "conceptUri \"www.java.com\" is not a URI of ESCO",
        ),
    ] {
        write(
            folder.path(),
            "broaderRelationsSkillPillar_en.csv",
            &[header, good, row],
        );
        let said = refused(folder.path());
        let line = format!("broaderRelationsSkillPillar_en.csv, line 3: {wanted}");
        assert!(said.contains(&line), "{said}");
    }
    let header = "originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri";
    let row = "esco:skill/java,knowledge,vital,knowledge,esco:skill/sql";
    std::fs::remove_file(folder.path().join("broaderRelationsSkillPillar_en.csv")).unwrap();
    write(folder.path(), "skillSkillRelations_en.csv", &[header, row]);
    let said = refused(folder.path());
    let wanted = "line 2: relationType \"vital\" is neither essential nor optional";
    assert!(said.contains(wanted), "{said}");
}

#[test]
fn unknown_languages_and_uris_are_named() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let ontology = loaded(folder.path()).ontology;
    let said = ontology
        .find("http://data.europa.eu/esco/skill/none")
        .unwrap_err();
    assert_eq!(
        said.to_string(),
        "no concept has the URI \"http://data.europa.eu/esco/skill/none\""
    );
    let said = Language::parse("xx").unwrap_err().to_string();
    assert!(
        said.starts_with("language \"xx\": not one of ESCO's: ar bg"),
        "{said}"
    );
    write(
        folder.path(),
        "skills_xx.csv",
        &["conceptUri,preferredLabel"],
    );
    let said = refused(folder.path());
    assert!(
        said.contains("language \"xx\" of ") && said.contains("skills_xx.csv"),
        "{said}"
    );
}

#[test]
fn relations_of_unknown_concepts_and_circles_are_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let kind = "KnowledgeSkillCompetence";
    let broader = |from: &str, to: &str| format!("{kind},esco:skill/{from},{kind},esco:skill/{to}");
    let rows = [
        broader("java", "python"),
        broader("python", "sql"),
        broader("sql", "java"),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    let header = ["conceptType,conceptUri,broaderType,broaderUri"];
    write(
        folder.path(),
        "broaderRelationsSkillPillar.csv",
        &[&header[..], &rows].concat(),
    );
    let relations = [
        "originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri",
        "esco:skill/java,knowledge,essential,knowledge,esco:skill/gone",
    ];
    write(folder.path(), "skillSkillRelations_en.csv", &relations);
    let loaded = loaded(folder.path());
    let left_out = &loaded.left_out;
    assert_eq!(left_out.unknown, 1);
    assert_eq!(left_out.unknown_example, Some(uri("skill/gone")));
    let circle = format!("{} -> {}", uri("skill/sql"), uri("skill/java"));
    assert_eq!(left_out.circles, [circle.as_str()]);
    assert_eq!(loaded.ontology.count_related(Relation::Broader), 2);
    let said = loaded.to_string();
    assert!(
        said.contains(&circle) && said.contains("skill/gone"),
        "{said}"
    );
}

#[test]
fn folders_without_files_and_files_that_are_no_csv_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path()).contains("holds no ESCO file"));
    let missing = folder.path().join("none");
    assert!(refused(&missing).starts_with("cannot read "));
    let path = folder.path().join("skills_en.csv");
    std::fs::write(&path, b"conceptUri,preferredLabel\n\"\xff\xfe\",a\n").unwrap();
    assert!(refused(folder.path()).ends_with("skills_en.csv is not readable as CSV"));
}
