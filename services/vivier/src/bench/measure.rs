//! Times, and the agreement of vectors.

use std::time::{Duration, Instant};

use anyhow::Context;
use vivier_encoders::{Batch, Encoder, Prepared};

use super::work::Work;

/// Runs that are measured at least, unless they are long.
const LEAST_RUNS: usize = 5;

/// How much longer than asked for the least runs may make it.
const PATIENCE: u32 = 3;

/// How long the runs took, shortest first.
#[derive(Clone, Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    /// Sorts the times of runs.
    pub(crate) fn new(mut runs: Vec<Duration>) -> Self {
        runs.sort();
        Self(runs)
    }

    /// Returns how many there were.
    pub(crate) fn runs(&self) -> usize {
        self.0.len()
    }

    /// Returns the time that so many hundredths of the runs did not exceed.
    pub(crate) fn percentile(&self, hundredths: usize) -> Duration {
        let place = (self.0.len() * hundredths).div_ceil(100).max(1) - 1;
        self.0.get(place).copied().unwrap_or_default()
    }
}

/// Encodes the timed texts again and again, for at least so long, after one run that
/// does not count.
///
/// # Errors
/// When a batch cannot be encoded.
pub(crate) fn measure(encoder: &Encoder, work: &Work, least: Duration) -> anyhow::Result<Times> {
    let batches = batches(work.timed(), work.batch_tokens());
    let run = |batches: &[Batch]| -> anyhow::Result<Duration> {
        let started = Instant::now();
        for batch in batches {
            encoder.encode(batch).context("cannot encode a batch")?;
        }
        Ok(started.elapsed())
    };
    run(&batches[..batches.len().min(4)])?;
    let mut runs = Vec::new();
    let started = Instant::now();
    loop {
        runs.push(run(&batches)?);
        let elapsed = started.elapsed();
        let enough = elapsed >= least && runs.len() >= LEAST_RUNS;
        if enough || elapsed >= least * PATIENCE {
            return Ok(Times::new(runs));
        }
    }
}

/// Returns one vector for each text.
///
/// # Errors
/// When a batch cannot be encoded, or the windows of a text cancel out.
pub(crate) fn encode(
    encoder: &Encoder,
    texts: &[Prepared],
    batch_tokens: usize,
) -> anyhow::Result<Vec<Vec<f32>>> {
    let mut windows = Vec::new();
    for batch in batches(texts, batch_tokens) {
        windows.extend(encoder.encode(&batch).context("cannot encode a batch")?);
    }
    let mut rest = windows.as_slice();
    let mut vectors = Vec::with_capacity(texts.len());
    for text in texts {
        let (own, later) = rest.split_at(text.sequences.len());
        vectors.push(text.pool(own).context("the windows of a text cancel out")?);
        rest = later;
    }
    Ok(vectors)
}

/// Fills batches with the sequences in their order, up to so many tokens each.
fn batches(texts: &[Prepared], most_tokens: usize) -> Vec<Batch> {
    let mut batches = Vec::new();
    let mut batch = Batch::default();
    for text in texts {
        for sequence in &text.sequences {
            if !batch.is_empty() && batch.tokens() + sequence.len() > most_tokens {
                batches.push(std::mem::take(&mut batch));
            }
            batch.push(sequence, text.kind);
        }
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// How close vectors are to those of the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cosines {
    pub(crate) mean: f64,
    pub(crate) min: f64,
}

impl Cosines {
    /// Compares vectors, pair by pair; there is at least one pair.
    pub(crate) fn of(found: &[Vec<f32>], expected: &[Vec<f32>]) -> Self {
        let mut all = Self {
            mean: 0.0,
            min: f64::INFINITY,
        };
        let mut pairs = 0.0;
        for (one, other) in found.iter().zip(expected) {
            let cosine = dot(one, other) / (dot(one, one) * dot(other, other)).sqrt();
            all.mean += cosine;
            all.min = all.min.min(cosine);
            pairs += 1.0;
        }
        all.mean /= pairs;
        all
    }
}

fn dot(one: &[f32], other: &[f32]) -> f64 {
    let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
    one.iter().zip(other).map(product).sum()
}

#[cfg(test)]
mod tests {
    use vivier_encoders::InputKind;

    use super::*;

    #[test]
    fn percentiles_are_runs() {
        let times = Times::new([5, 1, 4, 2, 3].map(Duration::from_secs).to_vec());
        assert_eq!(times.runs(), 5);
        let seconds = |hundredths| times.percentile(hundredths).as_secs();
        assert_eq!([0, 50, 90, 100].map(seconds), [1, 3, 5, 5]);
        let one = Times::new(vec![Duration::from_secs(7)]);
        assert_eq!(one.percentile(50), one.percentile(90));
    }

    #[test]
    fn batches_hold_every_sequence_and_keep_the_budget() {
        let text = |lengths: &[usize]| Prepared {
            kind: InputKind::Candidate,
            sequences: lengths.iter().map(|&length| vec![1; length]).collect(),
            fresh: lengths.to_vec(),
            input_tokens: 0,
            used_tokens: 0,
            cut: None,
        };
        let texts = [text(&[4, 4]), text(&[9]), text(&[1, 2])];
        let found = batches(&texts, 8);
        let lengths: Vec<Vec<usize>> = found
            .iter()
            .map(|batch| batch.sequences().map(<[u32]>::len).collect())
            .collect();
        assert_eq!(lengths, [vec![4, 4], vec![9], vec![1, 2]]);
    }

    #[test]
    fn cosines_are_of_pairs() {
        let (x, y) = (vec![1.0, 0.0], vec![0.0, 1.0]);
        let found = Cosines::of(&[x.clone(), y.clone()], &[x, vec![3.0, 4.0]]);
        assert!((found.mean - 0.9).abs() < 1e-7 && (found.min - 0.8).abs() < 1e-7);
    }
}
