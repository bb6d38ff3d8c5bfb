//! A small ontology, and where the real one is.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use vivier_ontology::{CACL_RELATIONS, Distances, Graph, Loaded, MAX_HOPS, load};

/// Returns a URI of ESCO.
pub(crate) fn uri(name: &str) -> String {
    format!("http://data.europa.eu/esco/{name}")
}

/// Writes a file of rows whose first is the header; `esco:` stands for the start of URIs.
pub(crate) fn write(folder: &Path, name: &str, rows: &[&str]) {
    let text = rows.join("\n").replace("esco:", &uri(""));
    std::fs::write(folder.join(name), text + "\n").unwrap();
}

/// The graph of the method's examples: one occupation with Python, Java and SQL, one with
/// Python and Statistics, and Cooking alone.
pub(crate) fn example(folder: &Path) {
    write(
        folder,
        "occupations_en.csv",
        &[
            "conceptType,conceptUri,iscoGroup,preferredLabel,altLabels,status,description,code",
            "Occupation,esco:occupation/dev,2512,developer,\"coder\nprogrammer\",released,Writes code.,2512.1",
            "Occupation,esco:occupation/sci,2120,data scientist,,released,,2120.1",
            "Occupation,esco:occupation/cook,5120,cook,,released,,5120.1",
        ],
    );
    write(
        folder,
        "skills_en.csv",
        &[
            "conceptType,conceptUri,preferredLabel,altLabels,status,description",
            "KnowledgeSkillCompetence,esco:skill/python,Python,Python 3,released,A language.",
            "KnowledgeSkillCompetence,esco:skill/java,Java,,released,",
            "KnowledgeSkillCompetence,esco:skill/sql,SQL,,released,",
            "KnowledgeSkillCompetence,esco:skill/stats,statistics,,released,",
            "KnowledgeSkillCompetence,esco:skill/cooking,cooking,,released,",
        ],
    );
    write(
        folder,
        "skills_fr.csv",
        &[
            "conceptUri,preferredLabel,altLabels",
            "esco:skill/stats,statistiques,statistique|science des statistiques",
            "esco:skill/unknown,inconnu,",
        ],
    );
    write(
        folder,
        "ISCOGroups_en.csv",
        &[
            "conceptType,conceptUri,code,preferredLabel,status,altLabels",
            "ISCOGroup,esco:isco/C2512,2512,Software developers,released,",
        ],
    );
    write(
        folder,
        "occupationSkillRelations_en.csv",
        &[
            "occupationUri,relationType,skillType,skillUri",
            "esco:occupation/dev,essential,knowledge,esco:skill/python",
            "esco:occupation/dev,essential,knowledge,esco:skill/java",
            "esco:occupation/dev,optional,knowledge,esco:skill/sql",
            "esco:occupation/sci,essential,knowledge,esco:skill/python",
            "esco:occupation/sci,essential,knowledge,esco:skill/stats",
            "esco:occupation/cook,essential,knowledge,esco:skill/cooking",
        ],
    );
    // No path of the method leads over relations of skills to each other.
    write(
        folder,
        "skillSkillRelations_en.csv",
        &[
            "originalSkillUri,originalSkillType,relationType,relatedSkillType,relatedSkillUri",
            "esco:skill/java,knowledge,optional,knowledge,esco:skill/stats",
            "esco:skill/python,knowledge,essential,knowledge,esco:skill/cooking",
        ],
    );
}

pub(crate) fn loaded(folder: &Path) -> Loaded {
    load(&[folder.to_owned()], None).unwrap()
}

pub(crate) fn distances(loaded: &Loaded) -> Distances {
    let graph = Graph::new(&loaded.ontology, &CACL_RELATIONS);
    Distances::new(graph, MAX_HOPS, NonZeroUsize::new(64).unwrap())
}

/// Returns folders of the published ontology; `None`, with a line, where they are not.
pub(crate) fn esco(names: &[&str]) -> Option<Vec<PathBuf>> {
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/esco");
    if !std::fs::exists(data).unwrap_or(false) {
        eprintln!("skipped: {data} is not there");
        return None;
    }
    Some(
        names
            .iter()
            .map(|name| Path::new(data).join(name))
            .collect(),
    )
}
