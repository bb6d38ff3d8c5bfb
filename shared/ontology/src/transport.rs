//! Optimal transport between sets of skills (CACL, section 4.5).

use crate::concept::ConceptId;
use crate::distances::{Distances, steps_to};
use crate::similarity::distinct;

/// Greatest quotient of cost and `epsilon` whose exponential is a number.
const MAX_EXPONENT: f64 = 600.0;

/// Entropic optimal transport by Sinkhorn's iteration: both sets spread one unit evenly,
/// and moving it costs the steps between skills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Transport {
    /// Weight of the entropy; in steps.
    pub epsilon: f64,
    /// Steps that count where there is no path.
    pub no_path: f64,
    /// Most iterations.
    pub max_iterations: usize,
    /// Sum of the changes of the scalings of one side below which it ends.
    pub tolerance: f64,
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            epsilon: 0.4,
            no_path: 10.0,
            max_iterations: 200,
            tolerance: 1e-6,
        }
    }
}

/// Settings that cannot be computed with.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {value}: {problem}")]
pub struct TransportError {
    field: &'static str,
    value: f64,
    problem: &'static str,
}

impl Transport {
    /// Returns the mean steps that the unit is moved, without the entropy's share: 0 for
    /// equal sets and an `epsilon` near 0. `None` when a set is empty; repetitions count
    /// once.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn distance(
        &self,
        distances: &Distances,
        one: &[ConceptId],
        other: &[ConceptId],
    ) -> Result<Option<f64>, TransportError> {
        let (one, other) = (distinct(one), distinct(other));
        let mut costs = Vec::with_capacity(one.len() * other.len());
        for skill in &one {
            let steps = distances.from(*skill);
            let costs_of = other.iter().map(|other| steps_to(&steps, *other));
            costs.extend(costs_of.map(|steps| steps.map_or(self.no_path, f64::from)));
        }
        self.cost(&costs, one.len(), other.len())
    }

    /// Returns the cost of the plan between even weights for costs `[rows, columns]`;
    /// `None` when there are none.
    ///
    /// The scalings are kept as logarithms, so that none runs over or under; within an
    /// iteration the largest is taken out.
    ///
    /// # Errors
    /// When a setting is out of range.
    pub fn cost(
        &self,
        costs: &[f64],
        rows: usize,
        columns: usize,
    ) -> Result<Option<f64>, TransportError> {
        if rows == 0 || columns == 0 {
            return Ok(None);
        }
        self.check(costs)?;
        let kernel: Vec<f64> = costs
            .iter()
            .map(|cost| (-cost / self.epsilon).exp())
            .collect();
        let mut turned = vec![0.0; kernel.len()];
        for (row, values) in kernel.chunks_exact(columns).enumerate() {
            for (column, value) in values.iter().enumerate() {
                if let Some(place) = turned.get_mut(column * rows + row) {
                    *place = *value;
                }
            }
        }
        let (mut left, mut right) = (vec![0.0; rows], vec![0.0; columns]);
        for _ in 0..self.max_iterations {
            let before = left.clone();
            scale(&kernel, &right, &mut left);
            scale(&turned, &left, &mut right);
            if change(&before, &left) < self.tolerance {
                break;
            }
        }
        let lines = costs.chunks_exact(columns).zip(&left);
        let parts = lines.flat_map(|(costs, left)| {
            let costs = costs.iter().zip(&right);
            costs.map(move |(cost, right)| cost * (left + right - cost / self.epsilon).exp())
        });
        Ok(Some(parts.sum()))
    }

    fn check(&self, costs: &[f64]) -> Result<(), TransportError> {
        let refuse = |field, value, problem| {
            Err(TransportError {
                field,
                value,
                problem,
            })
        };
        if !(self.epsilon.is_finite() && self.epsilon > 0.0) {
            return refuse("epsilon", self.epsilon, "must be above 0");
        }
        if !(self.no_path.is_finite() && self.no_path >= 0.0) {
            return refuse("no_path", self.no_path, "must be 0 or more");
        }
        for cost in costs {
            if !cost.is_finite() || *cost < 0.0 {
                return refuse("cost", *cost, "must be 0 or more");
            }
            if cost / self.epsilon > MAX_EXPONENT {
                let problem = "is too small for these costs, at least a 600th of the greatest";
                return refuse("epsilon", self.epsilon, problem);
            }
        }
        Ok(())
    }
}

/// Sets the logarithms of one side's scalings so that each line of the plan has its even
/// weight: `-ln(lines) - ln Σ kernel · exp(other)`.
#[expect(clippy::cast_precision_loss, reason = "counts of skills")]
fn scale(kernel: &[f64], other: &[f64], scalings: &mut [f64]) {
    let greatest = other.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares: Vec<f64> = other.iter().map(|value| (value - greatest).exp()).collect();
    let weight = -(scalings.len() as f64).ln();
    for (line, scaling) in kernel.chunks_exact(other.len()).zip(scalings) {
        let sum: f64 = line.iter().zip(&shares).map(|(a, b)| a * b).sum();
        *scaling = weight - greatest - sum.max(f64::MIN_POSITIVE).ln();
    }
}

/// Returns how much the scalings themselves have changed, in all.
fn change(before: &[f64], after: &[f64]) -> f64 {
    let pairs = before.iter().zip(after);
    pairs
        .map(|(before, after)| (after.exp() - before.exp()).abs())
        .sum()
}
