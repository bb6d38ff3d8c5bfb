//! How much sets of skills are alike (CACL, section 4.4).

use crate::concept::ConceptId;
use crate::distances::{Distances, steps_to};

/// How fast similarity falls with each step: `exp(-0.7)`.
pub const ALPHA: f64 = 0.7;

/// Returns the similarity of two skills so many steps apart, 0 to 1: `exp(-0.7 d)`, and 0
/// where there is no path.
pub fn skill_similarity(steps: Option<u8>) -> f64 {
    steps.map_or(0.0, |steps| (-ALPHA * f64::from(steps)).exp())
}

/// Returns how well each of `wanted` is covered by the most similar of `held`, in the
/// mean, 0 to 1; `None` when one of them is empty. Repetitions count once.
///
/// This is the directional score `dir(wanted → held)`.
#[expect(clippy::cast_precision_loss, reason = "counts of skills")]
pub fn coverage(distances: &Distances, wanted: &[ConceptId], held: &[ConceptId]) -> Option<f64> {
    let (wanted, held) = (distinct(wanted), distinct(held));
    if wanted.is_empty() || held.is_empty() {
        return None;
    }
    let best = wanted.iter().map(|skill| {
        let steps = distances.from(*skill);
        let nearest = held.iter().filter_map(|other| steps_to(&steps, *other));
        skill_similarity(nearest.min())
    });
    Some(best.sum::<f64>() / wanted.len() as f64)
}

/// Returns how much two sets of skills are alike, 0 to 1: the mean of both directions of
/// [`coverage`]; `None` when one of them is empty.
#[expect(clippy::cast_precision_loss, reason = "counts of skills")]
pub fn set_similarity(
    distances: &Distances,
    one: &[ConceptId],
    other: &[ConceptId],
) -> Option<f64> {
    let (one, other) = (distinct(one), distinct(other));
    if one.is_empty() || other.is_empty() {
        return None;
    }
    let mut nearest_of_other = vec![None; other.len()];
    let mut sum_of_one = 0.0;
    for skill in &one {
        let steps = distances.from(*skill);
        let mut nearest = None;
        for (other, nearest_of_other) in other.iter().zip(&mut nearest_of_other) {
            let steps = steps_to(&steps, *other);
            nearest = nearer(nearest, steps);
            *nearest_of_other = nearer(*nearest_of_other, steps);
        }
        sum_of_one += skill_similarity(nearest);
    }
    let sum_of_other: f64 = nearest_of_other.into_iter().map(skill_similarity).sum();
    Some(0.5 * (sum_of_one / one.len() as f64 + sum_of_other / other.len() as f64))
}

fn nearer(one: Option<u8>, other: Option<u8>) -> Option<u8> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Returns the concepts, each once, in the order of URIs.
pub(crate) fn distinct(concepts: &[ConceptId]) -> Vec<ConceptId> {
    let mut concepts = concepts.to_vec();
    concepts.sort_unstable();
    concepts.dedup();
    concepts
}
