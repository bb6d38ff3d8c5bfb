//! What is wrong with files that are read all the same: nothing is lost without a word.

use std::path::Path;

use vivier_ontology::{Defect, DefectKind, Loaded, MAX_EXAMPLES, Origin, Relation, load};

use crate::support::{esco, example, loaded, uri, write};

const BROADER: &str = "conceptType,conceptUri,broaderType,broaderUri";
const SKILL: &str = "KnowledgeSkillCompetence";

fn broader(from: &str, to: &str) -> String {
    format!("{SKILL},esco:skill/{from},{SKILL},esco:skill/{to}")
}

fn write_broader(folder: &Path, rows: &[String]) {
    let rows = rows.iter().map(String::as_str);
    let rows: Vec<&str> = [BROADER].into_iter().chain(rows).collect();
    write(folder, "broaderRelationsSkillPillar_en.csv", &rows);
}

/// Returns the one defect of a kind, after its file's name and line are checked.
fn only<'a>(loaded: &'a Loaded, kind: DefectKind, file: &str, line: u64) -> &'a Defect {
    assert_eq!(loaded.defects.count(kind), 1, "{loaded}");
    let defect = &loaded.defects.examples(kind)[0];
    assert!(defect.path.ends_with(file), "{defect}");
    assert_eq!(defect.line, line, "{defect}");
    let said = loaded.to_string();
    let wanted = format!("defects: 1 {}\n  {defect}\n", kind.text());
    assert!(said.contains(&wanted), "{said}");
    defect
}

#[test]
fn sound_files_have_no_defects_but_what_is_wrong_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let loaded = loaded(folder.path());
    let kinds: Vec<_> = loaded.defects.iter().map(|(kind, ..)| kind).collect();
    let wanted = [DefectKind::UnknownLabelled, DefectKind::UnknownGroup];
    assert_eq!(kinds, wanted, "{loaded}");
    let unknown = only(&loaded, DefectKind::UnknownLabelled, "skills_fr.csv", 3);
    let wanted = ("conceptUri", uri("skill/unknown"));
    assert_eq!((unknown.column.as_str(), unknown.value.clone()), wanted);
    assert_eq!(loaded.defects.count(DefectKind::UnknownGroup), 2);
    let group = &loaded.defects.examples(DefectKind::UnknownGroup)[0];
    assert_eq!(
        (group.column.as_str(), group.value.as_str()),
        ("code", "5120.1")
    );
}

#[test]
fn rows_that_cannot_be_used_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    for (row, kind, column, value) in [
        (
            "Sill,esco:skill/java,SkillGroup,esco:skill/g",
            DefectKind::UnknownType,
            "conceptType",
            "Sill",
        ),
        (
            "SkillGroup,www.java.com,SkillGroup,esco:skill/g",
            DefectKind::MalformedUri,
            "conceptUri",
            "www.java.com",
        ),
    ] {
        example(folder.path());
        write_broader(folder.path(), &[broader("java", "python"), row.to_owned()]);
        let loaded = loaded(folder.path());
        let defect = only(&loaded, kind, "broaderRelationsSkillPillar_en.csv", 3);
        assert_eq!(
            (defect.column.as_str(), defect.value.as_str()),
            (column, value)
        );
        assert_eq!(loaded.ontology.count_related(Relation::Broader), 1);
        // No part of the row is used.
        assert!(loaded.ontology.find(&uri("skill/g")).is_err());
    }
}

#[test]
fn relations_of_unknown_uris_and_kinds_are_left_out_and_named() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let rows = [
        "originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri",
        "esco:skill/java,knowledge,essential,knowledge,esco:skill/sql",
        "esco:skill/java,knowledge,essential,knowledge,esco:skill/gone",
        "esco:skill/java,knowledge,vital,knowledge,esco:skill/sql",
    ];
    write(folder.path(), "skillSkillRelations_en.csv", &rows);
    let loaded = loaded(folder.path());
    let file = "skillSkillRelations_en.csv";
    let unknown = only(&loaded, DefectKind::UnknownUri, file, 3);
    let wanted = ("relatedSkillUri", uri("skill/gone"));
    assert_eq!((unknown.column.as_str(), unknown.value.clone()), wanted);
    let relation = only(&loaded, DefectKind::UnknownRelation, file, 4);
    let found = (relation.column.as_str(), relation.value.as_str());
    assert_eq!(found, ("relationType", "vital"));
    assert_eq!(loaded.ontology.count_related(Relation::SkillEssential), 1);
}

#[test]
fn a_circle_names_its_concepts_and_the_relation_that_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let rows = [
        broader("java", "python"),
        broader("sql", "java"),
        broader("python", "sql"),
    ];
    write_broader(folder.path(), &rows);
    let loaded = loaded(folder.path());
    let file = "broaderRelationsSkillPillar_en.csv";
    let circle = only(&loaded, DefectKind::Circle, file, 3);
    let wanted = ("broaderUri", uri("skill/java"));
    assert_eq!((circle.column.as_str(), circle.value.clone()), wanted);
    let [java, python, sql] = [("java", "Java"), ("python", "Python"), ("sql", "SQL")]
        .map(|(name, label)| format!("{} ({label})", uri(&format!("skill/{name}"))));
    let wanted = format!(
        "closes the circle {java} -> {python} -> {sql} -> {java}; {sql} -> {java} is dropped, \
         the rest kept"
    );
    assert_eq!(circle.problem, wanted);
    assert_eq!(loaded.ontology.count_related(Relation::Broader), 2);
}

#[test]
fn a_concept_that_is_its_own_broader_one_is_a_circle() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    write_broader(folder.path(), &[broader("java", "java")]);
    let loaded = loaded(folder.path());
    let file = "broaderRelationsSkillPillar_en.csv";
    let circle = only(&loaded, DefectKind::Circle, file, 2);
    let java = format!("{} (Java)", uri("skill/java"));
    let wanted = format!("closes the circle {java} -> {java}; ");
    assert!(circle.problem.starts_with(&wanted), "{circle}");
}

#[test]
fn ragged_rows_and_columns_that_stand_twice_are_named() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let rows = [
        "conceptUri,preferredLabel,altLabels,altLabels",
        "esco:skill/java,Java",
        "esco:skill/sql,SQL,langage,langue",
        "esco:skill/python,Python,a,b,\"c, d\"",
        "esco:skill/stats,statistiques,,",
    ];
    write(folder.path(), "skills_fr.csv", &rows);
    let loaded = loaded(folder.path());
    assert_eq!(loaded.defects.count(DefectKind::RaggedRow), 2);
    let said = loaded.defects.examples(DefectKind::RaggedRow);
    let said: Vec<_> = said.iter().map(ToString::to_string).collect();
    let path = folder.path().join("skills_fr.csv");
    let path = path.display();
    let short = "altLabels \"\" is missing: the row has 2 fields, the header 4";
    let long = "field 5 \"c, d\" is one too many: the row has 5 fields, the header 4";
    assert_eq!(
        said,
        [
            format!("{path}, line 2: {short}"),
            format!("{path}, line 4: {long}")
        ]
    );
    let repeated = only(&loaded, DefectKind::RepeatedColumn, "skills_fr.csv", 1);
    assert_eq!(repeated.value, "altLabels");
    let sql = loaded.ontology.find(&uri("skill/sql")).unwrap();
    let others = loaded
        .ontology
        .other_labels(sql, vivier_ontology::Language::FRENCH);
    assert_eq!(others.collect::<Vec<_>>(), ["langage"], "the first is read");
}

#[test]
fn missing_labels_and_concepts_without_any_are_named() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let rows = [
        "conceptUri,preferredLabel,altLabels",
        "esco:skill/java,,le java",
        "esco:skill/sql,SQL,",
    ];
    write(folder.path(), "skills_fr.csv", &rows);
    write_broader(folder.path(), &[broader("java", "nameless")]);
    let loaded = loaded(folder.path());
    let missing = only(&loaded, DefectKind::MissingLabel, "skills_fr.csv", 2);
    assert_eq!(
        (missing.column.as_str(), missing.value.as_str()),
        ("preferredLabel", "")
    );
    assert!(missing.problem.contains(&uri("skill/java")), "{missing}");
    let file = "broaderRelationsSkillPillar_en.csv";
    let unlabelled = only(&loaded, DefectKind::Unlabelled, file, 2);
    let wanted = ("broaderUri", uri("skill/nameless"));
    assert_eq!(
        (unlabelled.column.as_str(), unlabelled.value.clone()),
        wanted
    );
}

#[test]
fn a_concept_of_two_kinds_is_named_with_both() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let row = format!("SkillGroup,esco:skill/java,{SKILL},esco:skill/sql");
    write_broader(folder.path(), &[row]);
    let loaded = loaded(folder.path());
    let file = "broaderRelationsSkillPillar_en.csv";
    let other = only(&loaded, DefectKind::OtherKind, file, 2);
    let wanted = "stands among the skill groups here, among the skills in ";
    assert!(other.problem.starts_with(wanted), "{other}");
    assert!(other.problem.ends_with("skills_en.csv, line 3"), "{other}");
}

#[test]
fn defects_are_kept_in_the_cache_and_said_again() {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    std::fs::create_dir(&files).unwrap();
    example(&files);
    let rows = ["java", "sql", "python", "stats", "cooking"].map(|name| broader(name, name));
    write_broader(&files, &rows);
    let long = format!("{SKILL},{},{SKILL},esco:skill/sql", "é".repeat(500));
    write(
        &files,
        "broaderRelationsOccPillar.csv",
        &[BROADER, &rows[0], &long],
    );
    let cache = folder.path().join("esco.cache");
    let first = load(std::slice::from_ref(&files), Some(&cache)).unwrap();
    assert_eq!(first.defects.count(DefectKind::Circle), 5);
    assert_eq!(
        first.defects.examples(DefectKind::Circle).len(),
        MAX_EXAMPLES
    );
    let malformed = &first.defects.examples(DefectKind::MalformedUri)[0];
    assert_eq!(malformed.value.chars().count(), 200);
    let said = first.to_string();
    assert!(said.contains("  and 2 more\n"), "{said}");
    let again = load(std::slice::from_ref(&files), Some(&cache)).unwrap();
    assert_eq!((first.origin, again.origin), (Origin::Files, Origin::Cache));
    assert_eq!(again.defects, first.defects);
    assert_eq!(again.files, first.files, "with their rows");
    assert_eq!(again.to_string(), said);
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for end in ["\n", "\r\n", "\n\n", "\r\n\r\n"] {
        let folder = tempfile::tempdir().unwrap();
        example(folder.path());
        let bad = "esco:skill/java,no URI";
        let rows = [
            "\u{feff}conceptUri,preferredLabel",
            "esco:skill/java,\"le\r\njava\"",
            bad,
            "esco:skill/sql,SQL",
            &bad.replace("java", "gone"),
        ];
        let text = rows.join(end).replace("esco:", &uri(""));
        std::fs::write(folder.path().join("skills_fr.csv"), text).unwrap();
        let loaded = loaded(folder.path());
        // Four ends before it, and one within a label.
        let line = u64::try_from(4 * end.matches('\n').count() + 2).unwrap();
        only(&loaded, DefectKind::UnknownLabelled, "skills_fr.csv", line);
    }
}

/// What is wrong with the published files themselves.
#[test]
fn the_defects_of_the_published_files_are_known() {
    let Some(folders) = esco(&["v1.1.1_en", "labels_fr"]) else {
        return;
    };
    let loaded = load(&folders, None).unwrap();
    let counts: Vec<_> = loaded
        .defects
        .iter()
        .map(|(kind, count, _)| (kind.name(), count))
        .collect();
    assert_eq!(
        counts,
        [
            ("ragged_row", 189),
            ("unknown_labelled", 106),
            ("unlabelled", 8),
            ("unknown_skill_type", 1),
        ],
        "{loaded}"
    );
}
