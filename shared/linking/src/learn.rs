//! Learns the weights of the scorer from the ontology's own labels.

use crate::scorer::{Evidence, Weights};

/// Passes over all questions.
const PASSES: usize = 600;
/// How far one pass moves the weights.
const RATE: f32 = 10.0;
/// How much large weights are held back.
const DECAY: f32 = 1e-4;

/// The candidates of one question: what speaks for each, the right one first.
pub(crate) type Question = Vec<Evidence>;

/// Learns weights that put the right candidate of each question first: gradient descent on
/// the mean cross-entropy of the softmax over candidates, weights held at 0 or above; then
/// a factor and a bias, so that the score of the best candidate is how often it is right.
pub(crate) fn learn(questions: &[Question]) -> Weights {
    calibrated(questions, descend(questions))
}

/// Brings weights to the scale, and gives them the bias, that make the score of the best
/// candidate how often it is right.
pub(crate) fn calibrated(questions: &[Question], weights: Evidence) -> Weights {
    let (factor, bias) = calibrate(questions, &weights);
    Weights::new(weights.map(|weight| weight * factor), bias)
}

fn descend(questions: &[Question]) -> Evidence {
    let mut weights: Evidence = [0.0; 7];
    let count = questions.len().max(1) as f32;
    for _ in 0..PASSES {
        let mut gradient: Evidence = [0.0; 7];
        for question in questions {
            add_gradient(question, &weights, &mut gradient);
        }
        for (weight, slope) in weights.iter_mut().zip(gradient) {
            *weight = (*weight - RATE * (slope / count + DECAY * *weight)).max(0.0);
        }
    }
    weights
}

fn sum(evidence: &Evidence, weights: &Evidence) -> f32 {
    evidence.iter().zip(weights).map(|(a, b)| a * b).sum()
}

fn add_gradient(question: &Question, weights: &Evidence, gradient: &mut Evidence) {
    let sums: Vec<f32> = question.iter().map(|one| sum(one, weights)).collect();
    let greatest = sums.iter().copied().fold(f32::MIN, f32::max);
    let shares: Vec<f32> = sums.iter().map(|sum| (sum - greatest).exp()).collect();
    let total: f32 = shares.iter().sum();
    for (at, (evidence, share)) in question.iter().zip(&shares).enumerate() {
        let wanted = f32::from(u8::from(at == 0));
        let excess = share / total - wanted;
        for (slope, value) in gradient.iter_mut().zip(evidence) {
            *slope += excess * value;
        }
    }
}

/// Fits the logistic function to whether the best candidate is right.
fn calibrate(questions: &[Question], weights: &Evidence) -> (f32, f32) {
    let best: Vec<(f32, f32)> = questions
        .iter()
        .filter_map(|question| {
            let right = sum(question.first()?, weights);
            let others = question.iter().skip(1).map(|one| sum(one, weights));
            let other = others.fold(f32::MIN, f32::max);
            Some((right.max(other), f32::from(u8::from(right > other))))
        })
        .collect();
    let count = best.len().max(1) as f32;
    let mean = best.iter().map(|(sum, _)| sum).sum::<f32>() / count;
    let (mut factor, mut bias) = (1.0_f32, 0.0_f32);
    for _ in 0..PASSES {
        let (mut by_factor, mut by_bias) = (0.0, 0.0);
        for (sum, right) in &best {
            let excess = 1.0 / (1.0 + (-factor * (sum - mean) - bias).exp()) - right;
            by_factor += excess * (sum - mean);
            by_bias += excess;
        }
        factor = (factor - 0.1 * by_factor / count).max(1e-3);
        bias -= 0.5 * by_bias / count;
    }
    (factor, bias - factor * mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tells_the_right_one_weighs() {
        // The first kind of evidence tells it, the second says nothing.
        let question = |at: usize| {
            let noise = |other: usize| ((at * 7 + other * 3) % 5) as f32 / 5.0;
            let right: Evidence = [0.9, noise(0), 0.0, 0.0, 0.0, 0.0, 0.0];
            let wrong = (1..6).map(|other| [0.4, noise(other), 0.0, 0.0, 0.0, 0.0, 0.0]);
            std::iter::once(right).chain(wrong).collect()
        };
        let questions: Vec<Question> = (0..40).map(question).collect();
        let weights = learn(&questions);
        assert!(
            weights.nearest > 10.0 * weights.preferred.abs(),
            "{weights:?}"
        );
        assert!(
            weights.score(&[0.9, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]) > 0.5,
            "{weights:?}"
        );
    }
}
