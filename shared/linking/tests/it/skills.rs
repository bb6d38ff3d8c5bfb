//! Titles told by the skills that occupations ask for.

use vivier_linking::{Linker, Scorer, Weights};
use vivier_ontology::{Kind, Language, Ontology, load};

use crate::{full, uri};

const OCCUPATIONS: &str = "\
conceptType,conceptUri,preferredLabel,altLabels,code,status
Occupation,esco:occupation/software,software developer,programmer,2512.4,released
Occupation,esco:occupation/web,web developer,,2513.1,released
Occupation,esco:occupation/property,property developer,,1323.1,released
Occupation,esco:occupation/host,guest attendant,,4226.1,released
";
const SKILLS: &str = "\
conceptType,conceptUri,preferredLabel,altLabels,status
KnowledgeSkillCompetence,esco:skill/java,Java,,released
KnowledgeSkillCompetence,esco:skill/sql,SQL,,released
KnowledgeSkillCompetence,esco:skill/land,buy land,,released
KnowledgeSkillCompetence,esco:skill/greet,greet guests,,released
";
const RELATIONS: &str = "\
occupationUri,relationType,skillType,skillUri
esco:occupation/software,essential,knowledge,esco:skill/java
esco:occupation/software,essential,knowledge,esco:skill/sql
esco:occupation/web,essential,knowledge,esco:skill/java
esco:occupation/web,optional,knowledge,esco:skill/sql
esco:occupation/property,essential,skill/competence,esco:skill/land
esco:occupation/host,essential,skill/competence,esco:skill/greet
";

fn esco(relations: &str) -> Ontology {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("occupations_en.csv", OCCUPATIONS),
        ("skills_en.csv", SKILLS),
        ("occupationSkillRelations.csv", relations),
    ] {
        std::fs::write(folder.path().join(name), full(text)).expect("a file that can be written");
    }
    let loaded = load(&[folder.path().to_owned()], None);
    loaded.expect("an ontology").ontology
}

/// Letters and stems as they are, skills by some weight.
fn scorer(skills: f32) -> Scorer {
    let letters = Weights {
        letters: 1.0,
        words: 1.0,
        skills,
        ..Weights::default()
    };
    Scorer {
        letters,
        ..Scorer::default()
    }
}

#[test]
fn words_speak_for_occupations_with_like_skills() {
    let ontology = esco(RELATIONS);
    let linker = Linker::new(&ontology, &[Kind::Occupation], Language::ENGLISH).unwrap();
    // "Programmer" stands in no label of the web developer, whose skills are like those of
    // the software developer.
    let order = |skills: f32| -> Vec<String> {
        let linker = Linker::new(&ontology, &[Kind::Occupation], Language::ENGLISH).unwrap();
        let linker = linker.with_scorer(scorer(skills));
        let links = linker.link("programmer, developer", None, 3).unwrap();
        let uris = links.iter().map(|link| uri(&ontology, link.concept));
        uris.collect()
    };
    let [software, web, property] =
        ["software", "web", "property"].map(|name| format!("esco:occupation/{name}"));
    assert_eq!(order(3.0), [software, web, property.clone()]);
    let links = linker.link("programmer, developer", None, 4).unwrap();
    let score = |name: &str| {
        let link = links
            .iter()
            .find(|link| uri(&ontology, link.concept) == name);
        link.map_or(0.0, |link| link.score)
    };
    assert!(
        score("esco:occupation/web") > score(&property),
        "the weights that come with it count skills: {links:?}"
    );
}

#[test]
fn without_relations_titles_are_told_by_their_words() {
    let ontology = esco("occupationUri,relationType,skillType,skillUri\n");
    let linker = Linker::new(&ontology, &[Kind::Occupation], Language::ENGLISH).unwrap();
    let links = linker.link("web developers", None, 1).unwrap();
    assert_eq!(uri(&ontology, links[0].concept), "esco:occupation/web");
}
