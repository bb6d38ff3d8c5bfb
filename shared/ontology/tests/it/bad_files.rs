//! Files that cannot be used, and what is said of them.

use std::path::Path;

use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use vivier_ontology::{Language, Origin, load};

use crate::support::{example, loaded, write};

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

/// Files with the columns that they must have.
const REQUIRED: [(&str, &[&str]); 6] = [
    ("skills_en.csv", &["conceptUri", "preferredLabel"]),
    (
        "broaderRelationsOccPillar.csv",
        &["conceptType", "conceptUri", "broaderType", "broaderUri"],
    ),
    (
        "occupationSkillRelations.csv",
        &["occupationUri", "relationType", "skillUri"],
    ),
    (
        "skillSkillRelations_en.csv",
        &["originalSkillUri", "relationType", "relatedSkillUri"],
    ),
    (
        "skillsHierarchy_en.csv",
        &["Level 0 URI", "Level 1 URI", "Level 2 URI", "Level 3 URI"],
    ),
    ("greenSkillsCollection_en.csv", &["conceptUri"]),
];

#[test]
fn each_column_that_must_be_there_is_asked_for() {
    for (name, columns) in REQUIRED {
        for missing in columns {
            let folder = tempfile::tempdir().unwrap();
            let rest = columns.iter().filter(|column| *column != missing);
            let header = rest.copied().chain(["other"]).collect::<Vec<_>>().join(",");
            write(folder.path(), name, &[&header]);
            let said = refused(folder.path());
            let wanted = format!("{name}, line 1: the column {missing:?} is missing; it has ");
            assert!(said.contains(&wanted), "{said}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever stands in a file, loading says something and does not panic; what it counts
    /// is the same from the cache.
    #[test]
    fn no_file_is_too_bad(
        rows in proptest::collection::vec("([ab\",\r\n|é]|esco:skill/[ab]|SkillGroup|essential){0,12}", 0..8),
        file in 0..REQUIRED.len(),
    ) {
        let (name, columns) = REQUIRED[file];
        let folder = tempfile::tempdir().unwrap();
        let header = columns.join(",");
        let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
        write(folder.path(), name, &[&[header.as_str()], rows.as_slice()].concat());
        let cache = folder.path().join("cache");
        let load = || load(&[folder.path().to_owned()], Some(&cache));
        match (load(), load()) {
            (Ok(first), Ok(again)) => {
                prop_assert_eq!(again.origin, Origin::Cache);
                prop_assert_eq!(first.ontology, again.ontology);
                prop_assert_eq!(first.defects, again.defects);
            }
            (Err(first), Err(again)) => prop_assert_eq!(first.to_string(), again.to_string()),
            _ => prop_assert!(false, "not the same twice"),
        }
    }
}

#[test]
fn a_file_without_a_row_that_can_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let rows = [
        "originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri",
        "esco:skill/java,knowledge,vital,knowledge,esco:skill/sql",
        "esco:skill/java,knowledge,dire,knowledge,esco:skill/sql",
    ];
    write(folder.path(), "skillSkillRelations_en.csv", &rows);
    let said = refused(folder.path());
    let wanted = "skillSkillRelations_en.csv, line 2: relationType \"vital\" is neither essential \
                  nor optional; none of the 2 rows can be used";
    assert!(said.ends_with(wanted), "{said}");
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
fn a_file_of_labels_must_say_its_language_in_its_name() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    std::fs::rename(
        folder.path().join("skills_en.csv"),
        folder.path().join("skills.csv"),
    )
    .unwrap();
    let said = refused(folder.path());
    let wanted = "skills.csv: the name does not say the language of the labels; name it \
                  skills_LANG.csv, such as skills_en.csv, with LANG one of ar bg cs";
    assert!(said.contains(wanted), "{said}");
    // Relations have none, and other files are no matter of ours.
    std::fs::remove_file(folder.path().join("skills.csv")).unwrap();
    let header = "conceptType,conceptUri,broaderType,broaderUri";
    write(folder.path(), "broaderRelationsOccPillar.csv", &[header]);
    write(folder.path(), "my_notes.csv", &["a,b"]);
    loaded(folder.path());
}

#[test]
fn folders_without_files_and_files_that_are_no_csv_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(refused(folder.path()).contains("holds no ESCO file"));
    let missing = folder.path().join("none");
    assert!(refused(&missing).starts_with("cannot read "));
}

#[test]
fn a_byte_that_is_not_utf8_is_named_with_its_place_and_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("skills_fr.csv");
    let header = b"conceptUri,preferredLabel,altLabels\n";
    let row = b"http://data.europa.eu/esco/skill/a,\"first\nsecond\",\n";
    let bad = b"http://data.europa.eu/esco/skill/b,caf\xe9,\n";
    std::fs::write(&path, [&header[..], row, bad].concat()).unwrap();
    let said = refused(folder.path());
    let offset = header.len() + row.len() + bad.len() - 3;
    let wanted = format!(
        "skills_fr.csv, line 4, byte {offset}: 0xe9 is not UTF-8, which the files of ESCO are; a \
         file saved in another encoding is converted by `iconv -f WINDOWS-1252 -t UTF-8`"
    );
    assert!(said.ends_with(&wanted), "{said}");
    std::fs::write(&path, b"\xff\xfec\0o\0").unwrap();
    let said = refused(folder.path());
    let wanted = ["line 1, byte 0: 0xff is not UTF-8", "iconv -f UTF-16 "];
    assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
}
