//! Ways through ESCO that say something to a reader.

use vivier_ontology::ConceptId;

use crate::pair::Query;

/// Most steps between concepts that are called related: a likeness of .25.
const NEAR_STEPS: u8 = 2;

/// Returns the steps between two concepts and the way from the one held to the one asked
/// for, both included: directly, or by one concept between them that `says` something.
/// `None` when they are further apart than [`NEAR_STEPS`], or only by what says nothing.
pub(super) fn way(
    query: &Query<'_>,
    held: ConceptId,
    asked: ConceptId,
    says: impl Fn(ConceptId) -> bool,
) -> Option<(u8, Vec<ConceptId>)> {
    let steps = query.steps(asked, held)?;
    if steps == 0 {
        return Some((steps, vec![held]));
    }
    if steps < NEAR_STEPS {
        return Some((steps, vec![held, asked]));
    }
    if steps > NEAR_STEPS {
        return None;
    }
    let graph = query.esco()?.distances().graph();
    let leads = |concept: &ConceptId| graph.neighbours(*concept).any(|next| next == asked);
    let mut between = graph.neighbours(held).filter(|between| says(*between));
    let between = between.find(leads)?;
    Some((steps, vec![held, between, asked]))
}
