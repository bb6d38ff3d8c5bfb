//! A small ESCO for tests.

use std::path::Path;
use std::sync::LazyLock;

use vivier_ontology::load;
use vivier_types::{ConceptKey, Skill};

use crate::esco::Esco;

pub(crate) const MYSQL: u128 = 1;
pub(crate) const SQL: u128 = 2;
pub(crate) const RUST: u128 = 3;
pub(crate) const KAFKA: u128 = 4;
pub(crate) const COOKING: u128 = 5;
pub(crate) const DATABASE_ADMINISTRATOR: u128 = 11;
pub(crate) const DEVELOPER: u128 = 12;
pub(crate) const COOK: u128 = 13;
pub(crate) const WEB_DEVELOPER: u128 = 14;

/// One occupation with MySQL and SQL, one with SQL, Rust and Kafka, another of its group,
/// and cooking apart. Cooking and the web developer have no French label.
pub(crate) fn esco() -> &'static Esco {
    static ESCO: LazyLock<Esco> = LazyLock::new(load_esco);
    &ESCO
}

fn load_esco() -> Esco {
    let folder = tempfile::tempdir().unwrap();
    let skills = [
        (MYSQL, "MySQL"),
        (SQL, "SQL"),
        (RUST, "Rust (programming)"),
        (KAFKA, "Kafka"),
        (COOKING, "cook food"),
    ];
    let occupations = [
        (DATABASE_ADMINISTRATOR, "database administrator", "2521"),
        (DEVELOPER, "software developer", "2512"),
        (COOK, "cook", "5120"),
        (WEB_DEVELOPER, "web developer", "2512"),
    ];
    let relations = [
        (DATABASE_ADMINISTRATOR, MYSQL),
        (DATABASE_ADMINISTRATOR, SQL),
        (DEVELOPER, SQL),
        (DEVELOPER, RUST),
        (DEVELOPER, KAFKA),
        (COOK, COOKING),
    ];
    let skill_rows = skills.map(|(number, label)| {
        let uri = skill_uri(number);
        format!("KnowledgeSkillCompetence,{uri},{label},,released")
    });
    let occupation_rows = occupations.map(|(number, label, group)| {
        let uri = occupation_uri(number);
        format!("Occupation,{uri},{label},,{group}.{number},released")
    });
    let relation_rows = relations.map(|(occupation, skill)| {
        let (occupation, skill) = (occupation_uri(occupation), skill_uri(skill));
        format!("{occupation},essential,knowledge,{skill}")
    });
    let groups = [
        ("2512", "Developers"),
        ("2521", "Databases"),
        ("5120", "Cooks"),
    ];
    let group_rows = groups.map(|(code, label)| {
        format!("ISCOGroup,http://data.europa.eu/esco/isco/C{code},{code},{label},released")
    });
    let french_skills = [format!("{},Rust (programmation),", skill_uri(RUST))];
    let french_occupations = [
        (
            DATABASE_ADMINISTRATOR,
            "administrateur de bases de données/administratrice de bases de données",
        ),
        (
            DEVELOPER,
            "développeur de logiciels/développeuse de logiciels",
        ),
    ]
    .map(|(number, label)| format!("Occupation,{},{label},,,released", occupation_uri(number)));
    let occupation_header = "conceptType,conceptUri,preferredLabel,altLabels,code,status";
    for (name, header, rows) in [
        (
            "skills_en.csv",
            "conceptType,conceptUri,preferredLabel,altLabels,status",
            &skill_rows[..],
        ),
        (
            "occupations_en.csv",
            occupation_header,
            &occupation_rows[..],
        ),
        (
            "occupationSkillRelations_en.csv",
            "occupationUri,relationType,skillType,skillUri",
            &relation_rows[..],
        ),
        (
            "ISCOGroups_en.csv",
            "conceptType,conceptUri,code,preferredLabel,status",
            &group_rows[..],
        ),
        (
            "skills_fr.csv",
            "conceptUri,preferredLabel,altLabels",
            &french_skills[..],
        ),
        (
            "occupations_fr.csv",
            occupation_header,
            &french_occupations[..],
        ),
    ] {
        write(folder.path(), name, header, rows);
    }
    Esco::new(load(&[folder.path().to_owned()], None).unwrap().ontology)
}

fn write(folder: &Path, name: &str, header: &str, rows: &[String]) {
    let text = format!("{header}\n{}\n", rows.join("\n"));
    std::fs::write(folder.join(name), text).unwrap();
}

pub(crate) fn key(number: u128) -> ConceptKey {
    ConceptKey::from_u128(number)
}

pub(crate) fn keys(numbers: &[u128]) -> Vec<ConceptKey> {
    numbers.iter().copied().map(key).collect()
}

pub(crate) fn skill_uri(number: u128) -> String {
    format!("http://data.europa.eu/esco/skill/{}", key(number))
}

fn occupation_uri(number: u128) -> String {
    format!("http://data.europa.eu/esco/occupation/{}", key(number))
}

/// Returns a skill that names a concept.
pub(crate) fn skill(name: &str, number: u128) -> Skill {
    Skill {
        name: name.to_owned(),
        uri: Some(skill_uri(number)),
    }
}

/// Returns skills by their names alone.
pub(crate) fn skills(names: &[&str]) -> Vec<Skill> {
    let named = |name: &&str| Skill {
        name: (*name).to_owned(),
        uri: None,
    };
    names.iter().map(named).collect()
}
