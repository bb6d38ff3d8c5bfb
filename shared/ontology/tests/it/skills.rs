//! What is said of skills beside labels, and files of ESCO that are no concepts.

use std::path::Path;

use vivier_ontology::{
    ConceptId, DefectKind, Kind, Language, Loaded, Ontology, Origin, Relation, ReuseLevel,
    SkillType, load,
};

use crate::support::{esco, example, loaded, uri, write};

const TYPED: &str = "conceptType,conceptUri,skillType,reuseLevel,preferredLabel,altLabels,\
                     hiddenLabels,status,description";

/// Skills with types, levels and hidden labels.
fn typed(folder: &Path) {
    example(folder);
    write(
        folder,
        "skills_en.csv",
        &[
            TYPED,
            "KnowledgeSkillCompetence,esco:skill/python,knowledge,sector-specific,Python,\
             \"Python 3\nPy\",\"Pyton\nPy\",released,",
            "KnowledgeSkillCompetence,esco:skill/java,skill/competence,cross-sector,Java,,,released,",
            "KnowledgeSkillCompetence,esco:skill/sql,,,SQL,,S.Q.L.,released,",
            "KnowledgeSkillCompetence,esco:skill/stats,wisdom,galactic,statistics,,,released,",
            "KnowledgeSkillCompetence,esco:skill/cooking,knowledge,transversal,cooking,,,released,",
        ],
    );
}

fn find(ontology: &Ontology, name: &str) -> ConceptId {
    ontology.find(&uri(name)).unwrap()
}

#[test]
fn types_and_levels_are_kept_and_unknown_ones_are_defects() {
    let folder = tempfile::tempdir().unwrap();
    typed(folder.path());
    let loaded = loaded(folder.path());
    let ontology = &loaded.ontology;
    let given = |name| {
        let skill = find(ontology, name);
        (ontology.skill_type(skill), ontology.reuse_level(skill))
    };
    let wanted = (Some(SkillType::Knowledge), Some(ReuseLevel::SectorSpecific));
    assert_eq!(given("skill/python"), wanted);
    let wanted = (Some(SkillType::Competence), Some(ReuseLevel::CrossSector));
    assert_eq!(given("skill/java"), wanted);
    for name in ["skill/sql", "skill/stats", "occupation/dev"] {
        assert_eq!(given(name), (None, None), "{name}");
    }
    assert_eq!(ontology.count_skill_type(Some(SkillType::Knowledge)), 2);
    assert_eq!(ontology.count_skill_type(None), 2);
    assert_eq!(ontology.count_reuse_level(Some(ReuseLevel::Transversal)), 1);
    for (kind, column, value) in [
        (DefectKind::UnknownSkillType, "skillType", "wisdom"),
        (DefectKind::UnknownReuseLevel, "reuseLevel", "galactic"),
    ] {
        assert_eq!(loaded.defects.count(kind), 1, "an empty field is none");
        let defect = &loaded.defects.examples(kind)[0];
        assert_eq!(
            (defect.column.as_str(), defect.value.as_str()),
            (column, value)
        );
        assert!(defect.path.ends_with("skills_en.csv"));
        // The label of the row before stands on two lines.
        assert_eq!(defect.line, 7);
    }
}

#[test]
fn hidden_labels_are_told_from_alternative_ones() {
    let folder = tempfile::tempdir().unwrap();
    typed(folder.path());
    let ontology = loaded(folder.path()).ontology;
    let python = find(&ontology, "skill/python");
    let english = Language::ENGLISH;
    let others: Vec<_> = ontology.other_labels(python, english).collect();
    assert_eq!(others, ["Python 3", "Py", "Pyton"], "each once, in order");
    let alternative: Vec<_> = ontology.alternative_labels(python, english).collect();
    assert_eq!(alternative, ["Python 3", "Py"]);
    let hidden: Vec<_> = ontology.hidden_labels(python, english).collect();
    assert_eq!(hidden, ["Pyton"]);
    let sql = find(&ontology, "skill/sql");
    assert_eq!(ontology.alternative_labels(sql, english).count(), 0);
    assert_eq!(ontology.hidden_labels(sql, english).next(), Some("S.Q.L."));
    assert_eq!(ontology.hidden_labels(sql, Language::FRENCH).count(), 0);
    assert_eq!(ontology.count_hidden(english), 2);
}

fn names(ontology: &Ontology, concepts: impl Iterator<Item = ConceptId>) -> Vec<String> {
    let uris = concepts.map(|one| ontology.uri(one));
    let names = uris.map(|uri| uri.rsplit('/').next().unwrap_or_default().to_owned());
    names.collect()
}

#[test]
fn the_occupations_that_need_a_skill_are_found() {
    let folder = tempfile::tempdir().unwrap();
    example(folder.path());
    let ontology = loaded(folder.path()).ontology;
    let python = find(&ontology, "skill/python");
    let requiring = ontology.occupations_requiring(python);
    assert_eq!(names(&ontology, requiring), ["dev", "sci"]);
    assert_eq!(ontology.occupations_helped(python).count(), 0);
    let sql = find(&ontology, "skill/sql");
    assert_eq!(ontology.occupations_requiring(sql).count(), 0);
    assert_eq!(names(&ontology, ontology.occupations_helped(sql)), ["dev"]);
    let occupation = find(&ontology, "occupation/dev");
    assert_eq!(ontology.occupations_requiring(occupation).count(), 0);
}

fn collections(folder: &Path) -> Loaded {
    let header = "conceptType,conceptUri,preferredLabel,status,skillType,reuseLevel,altLabels";
    let skill = "KnowledgeSkillCompetence";
    write(
        folder,
        "digitalSkillsCollection_en.csv",
        &[
            header,
            &format!("{skill},esco:skill/sql,SQL,released,knowledge,sector-specific,"),
            &format!("{skill},esco:skill/java,Java,released,knowledge,sector-specific,"),
            &format!("{skill},esco:skill/gone,Gone,released,knowledge,sector-specific,"),
        ],
    );
    write(
        folder,
        "researchOccupationsCollection_en.csv",
        &[
            "conceptType,conceptUri,preferredLabel,status,altLabels",
            "Occupation,esco:occupation/sci,data scientist,released,",
        ],
    );
    write(folder, "greenShareOcc_en.csv", &["conceptUri,greenShare"]);
    write(folder, "conceptSchemes_en.csv", &["conceptSchemeUri"]);
    write(folder, "dictionary_en.csv", &["filename"]);
    write(folder, "skillz_en.csv", &["conceptUri"]);
    write(folder, "readme.txt", &["no table"]);
    loaded(folder)
}

#[test]
fn collections_are_kept_and_other_files_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    typed(folder.path());
    let loaded = collections(folder.path());
    let ontology = &loaded.ontology;
    let digital = "digitalSkillsCollection";
    let found: Vec<_> = ontology.collections().collect();
    assert_eq!(found, [(digital, 2), ("researchOccupationsCollection", 1)]);
    let of = |name| -> Vec<&str> { ontology.collections_of(find(ontology, name)).collect() };
    assert_eq!(of("skill/sql"), [digital]);
    assert_eq!(of("occupation/sci"), ["researchOccupationsCollection"]);
    assert!(of("skill/python").is_empty());
    // A collection adds no concept; it gives a type only where the release gives none.
    assert_eq!(ontology.count(Kind::Skill), 5);
    let type_of = |name| ontology.skill_type(find(ontology, name));
    assert_eq!(type_of("skill/sql"), Some(SkillType::Knowledge));
    assert_eq!(type_of("skill/java"), Some(SkillType::Competence));
    let unknown = &loaded.defects.examples(DefectKind::UnknownUri)[0];
    assert!(unknown.path.ends_with("digitalSkillsCollection_en.csv"));
    assert_eq!(
        (unknown.line, unknown.value.clone()),
        (4, uri("skill/gone"))
    );
    let of_names = |paths: &[std::path::PathBuf]| -> Vec<String> {
        let names = paths.iter().map(|path| path.file_name().unwrap());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .collect()
    };
    let unused = [
        "conceptSchemes_en.csv",
        "dictionary_en.csv",
        "greenShareOcc_en.csv",
    ];
    assert_eq!(of_names(&loaded.unused_files), unused);
    assert_eq!(of_names(&loaded.unknown_files), ["skillz_en.csv"]);
    let said = loaded.to_string();
    assert!(said.contains("2 digitalSkillsCollection"), "{said}");
    assert!(
        said.contains("no file of ESCO by its name, not read: "),
        "{said}"
    );
}

#[test]
fn all_of_it_comes_back_from_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    typed(folder.path());
    collections(folder.path());
    let cache = folder.path().join("esco.cache");
    let load = || load(&[folder.path().to_owned()], Some(&cache)).unwrap();
    let (first, again) = (load(), load());
    assert_eq!((first.origin, again.origin), (Origin::Files, Origin::Cache));
    assert_eq!(first.ontology, again.ontology);
    assert_eq!(first.to_string(), again.to_string());
    assert_eq!(first.unknown_files, again.unknown_files);
    // The cache of an earlier version is made again without a word.
    let mut old = std::fs::read(&cache).unwrap();
    old[..8].copy_from_slice(b"VIVESCO2");
    std::fs::write(&cache, old).unwrap();
    let third = load();
    assert_eq!((third.origin, third.cache_problem), (Origin::Files, None));
}

#[test]
fn the_published_skills_have_types_levels_and_collections() {
    let Some(folders) = esco(&["v1.1.1_en"]) else {
        return;
    };
    let loaded = load(&folders, None).unwrap();
    let ontology = &loaded.ontology;
    let types = SkillType::ALL.map(|one| ontology.count_skill_type(Some(one)));
    assert_eq!(types, [10_831, 3_059], "{loaded}");
    let levels = ReuseLevel::ALL.map(|one| ontology.count_reuse_level(Some(one)));
    assert_eq!(levels, [440, 3_754, 6_654, 3_043], "{loaded}");
    let members: Vec<_> = ontology.collections().map(|(_, members)| members).collect();
    assert_eq!(members, [26, 1_201, 570, 346, 122, 40, 96], "{loaded}");
    assert_eq!(ontology.count_hidden(Language::ENGLISH), 529, "{loaded}");
    assert!(loaded.unknown_files.is_empty(), "{loaded}");
    // Both directions say the same.
    let skills = ontology.concepts();
    let (mut essential, mut optional) = (0, 0);
    for skill in skills {
        for occupation in ontology.occupations_requiring(skill) {
            let mut forth = ontology.related(occupation, Relation::Essential);
            assert!(forth.any(|other| other == skill));
            essential += 1;
        }
        optional += ontology.occupations_helped(skill).count();
    }
    assert_eq!([essential, optional], [64_946, 58_909]);
}
