//! Texts linked to a small ontology, read from files as ESCO's are.

#![expect(clippy::expect_used, reason = "a test stops at what must not happen")]

mod adapter;
mod evaluate;
mod link;
mod skills;
mod vectors;

use std::path::Path;

use vivier_ontology::{ConceptId, Ontology, load};

/// Writes and loads an ontology in English and French.
pub(crate) fn ontology(folder: &Path) -> Ontology {
    let skills = "\
conceptType,conceptUri,preferredLabel,altLabels,status
KnowledgeSkillCompetence,esco:skill/teams,work in teams,\"team player
teamwork\",released
KnowledgeSkillCompetence,esco:skill/sql,SQL,structured query language,released
KnowledgeSkillCompetence,esco:skill/r,R,,released
KnowledgeSkillCompetence,esco:skill/vines,prune vines,pruning of vines,released
";
    let occupations = "\
conceptType,conceptUri,preferredLabel,altLabels,code,status
Occupation,esco:occupation/butcher,butcher,meat cutter,7511.1,released
Occupation,esco:occupation/technician,agricultural machinery technician,,7233.1,released
";
    let french = "\
conceptType,conceptUri,preferredLabel,altLabels,code,status
Occupation,esco:occupation/butcher,boucher/bouchère,,7511.1,released
Occupation,esco:occupation/technician,technicien d’engins agricoles/technicienne d’engins agricoles,,7233.1,released
";
    for (name, text) in [
        ("skills_en.csv", skills),
        ("occupations_en.csv", occupations),
        ("occupations_fr.csv", french),
    ] {
        std::fs::write(folder.join(name), full(text)).expect("a file that can be written");
    }
    load(&[folder.to_owned()], None)
        .expect("an ontology")
        .ontology
}

const ESCO: &str = "http://data.europa.eu/esco/";

/// Writes the prefix of ESCO's URIs out.
pub(crate) fn full(text: &str) -> String {
    text.replace("esco:", ESCO)
}

/// Returns a URI with its prefix cut short.
pub(crate) fn uri(ontology: &Ontology, concept: ConceptId) -> String {
    ontology.uri(concept).replace(ESCO, "esco:")
}
