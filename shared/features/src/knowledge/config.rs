//! Where knowledge is read from.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use vivier_linking::LinkError;
use vivier_ontology::{Ontology, OntologyError};
use vivier_places::{Gazetteer, PlacesError};

use crate::knowledge::Knowledge;
use crate::serialise::Serialisation;

/// The folders of ESCO.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EscoConfig {
    /// Folders of ESCO's CSV downloads, of one or several languages; none: ESCO is off.
    pub folders: Vec<PathBuf>,
    /// File in which what was read is kept; empty for none.
    pub cache: PathBuf,
}

impl EscoConfig {
    /// Loads the ontology; `None` when there are no folders.
    ///
    /// # Errors
    /// When a folder or a file cannot be used; it is named.
    pub fn load(&self) -> Result<Option<Ontology>, OntologyError> {
        if self.folders.is_empty() {
            return Ok(None);
        }
        let cache = Some(self.cache.as_path()).filter(|path| !path.as_os_str().is_empty());
        let loaded = vivier_ontology::load(&self.folders, cache)?;
        if let Some(problem) = &loaded.cache_problem {
            tracing::warn!(%problem, "the cache of the ontology is of no use");
        }
        // The published files have hundreds: no warning at each start.
        let defects: usize = loaded.defects.iter().map(|(_, count, _)| count).sum();
        tracing::info!(
            concepts = loaded.ontology.len(),
            seconds = loaded.elapsed.as_secs_f64(),
            origin = ?loaded.origin,
            defects,
            "ontology loaded; `vivier ontology` names its defects"
        );
        Ok(Some(loaded.ontology))
    }
}

/// Everything that is read beside profiles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KnowledgeConfig {
    /// The ontology.
    pub esco: EscoConfig,
    /// Files of GeoNames and of communes, or folders of them; none: there is no gazetteer.
    pub places: Vec<PathBuf>,
    /// How profiles are written for the text facet: `raw`, `structured`, or
    /// `esco_sentences`, which needs the ontology.
    pub serialisation: Serialisation,
}

impl KnowledgeConfig {
    /// Loads all that is named.
    ///
    /// # Errors
    /// When a folder or a file cannot be used; it is named.
    pub fn load(&self) -> Result<Knowledge, KnowledgeError> {
        let ontology = self.esco.load()?;
        let places = if self.places.is_empty() {
            None
        } else {
            let loaded = Gazetteer::load(&self.places)?;
            for (reason, rows, _) in loaded.left_out.iter() {
                tracing::warn!(rows, reason = reason.text(), "rows of places left out");
            }
            Some(loaded.gazetteer)
        };
        Ok(Knowledge::new(ontology, places)?.with_serialisation(self.serialisation))
    }
}

/// Why knowledge could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum KnowledgeError {
    /// The ontology.
    #[error("cannot load the ontology of esco.folders")]
    Ontology(#[from] OntologyError),
    /// Its labels.
    #[error("cannot read texts with the ontology of esco.folders")]
    Link(#[from] LinkError),
    /// The gazetteer.
    #[error("cannot load the gazetteer of places")]
    Places(#[from] PlacesError),
}
