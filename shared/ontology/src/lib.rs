//! The European skills ontology (ESCO): concepts with their labels, how they are
//! related, how far skills are apart, and what follows for sets of skills.
//!
//! "This service uses the ESCO classification of the European Commission."

mod build;
mod cache;
mod circles;
mod concept;
mod content;
mod defects;
mod distances;
mod error;
mod esco;
mod expansion;
mod graph;
mod load;
mod quality;
mod similarity;
mod skill;
mod table;
mod transport;

pub use concept::{ConceptId, Kind, Language, Ontology, Relation};
pub use defects::{Defect, DefectKind, Defects, MAX_EXAMPLES};
pub use distances::Distances;
pub use error::OntologyError;
pub use expansion::{Added, Expansion, ExpansionLimits, Reason, Said, expand};
pub use graph::{CACL_RELATIONS, Graph, MAX_HOPS};
pub use load::{Loaded, Origin, load};
pub use quality::{QualityTier, Side, ontology_signal, sample_weight};
pub use similarity::{ALPHA, coverage, set_similarity, skill_similarity};
pub use skill::{ReuseLevel, SkillType};
pub use transport::{Transport, TransportError};
