//! Clustered vectors with a known seed, and their truth by exact search.

use std::str::FromStr;

use super::vectors::Sets;

/// Queries that are made.
const QUERIES: usize = 1_000;
/// Vectors of which all queries take the product at once: they stay in the cache.
const TILE: usize = 256;
/// Directions in which the vectors of all clusters spread alike.
const COMMON: usize = 24;

/// How many vectors, of how many values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    count: usize,
    dim: usize,
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once(',');
        let numbers =
            numbers.and_then(|(n, d)| Some((n.trim().parse().ok()?, d.trim().parse().ok()?)));
        match numbers {
            Some((count, dim)) if count > 0 && dim > 0 && count < 1 << 31 => {
                Ok(Self { count, dim })
            }
            _ => Err("must be N,D: two numbers above 0".to_owned()),
        }
    }
}

/// A seeded generator (SplitMix64).
pub(crate) struct Random(u64);

impl Random {
    /// Starts the sequence of one vector of one set.
    pub(crate) fn of(set: u64, vector: usize) -> Self {
        let mut random = Self(set << 40 ^ u64::try_from(vector).unwrap_or(0));
        Self(random.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// Returns a number in 0..1, never 0.
    pub(crate) fn unit(&mut self) -> f64 {
        let bits = u32::try_from(self.next() >> 32).unwrap_or(0);
        (f64::from(bits) + 0.5) / 4_294_967_296.0
    }

    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    /// Returns normally distributed numbers (Box and Muller).
    #[expect(clippy::cast_possible_truncation, reason = "values of vectors are f32")]
    pub(crate) fn normal(&mut self, count: usize) -> Vec<f32> {
        let draw = |_| {
            let radius = (-2.0 * self.unit().ln()).sqrt();
            (radius * (std::f64::consts::TAU * self.unit()).cos()) as f32
        };
        (0..count).map(draw).collect()
    }
}

/// What all vectors are drawn around.
struct Clusters {
    dim: usize,
    centres: Vec<Vec<f32>>,
    common: Vec<Vec<f32>>,
}

impl Clusters {
    fn new(shape: Shape) -> Self {
        let Shape { count, dim } = shape;
        let clusters = (count / 200).max(200);
        let common = (0..COMMON).map(|at| {
            let drawn = Random::of(2, at).normal(dim);
            drawn.iter().map(|value| value / root(dim)).collect()
        });
        Self {
            dim,
            centres: (0..clusters)
                .map(|at| unit_length(Random::of(1, at).normal(dim)))
                .collect(),
            common: common.collect(),
        }
    }

    /// Draws a vector: a centre, a spread that all clusters share, and noise.
    fn draw(&self, set: u64, vector: usize) -> Vec<f32> {
        let mut random = Random::of(set, vector);
        let centre = &self.centres[random.below(self.centres.len())];
        let spread = random.normal(COMMON);
        let noise = random.normal(self.dim);
        let wide = 0.8 * 0.35 * root(self.dim) / root(COMMON);
        let mut values: Vec<f32> = centre
            .iter()
            .zip(&noise)
            .map(|(centre, noise)| 0.8 * centre + 0.25 * noise / root(self.dim))
            .collect();
        for (length, direction) in spread.iter().zip(&self.common) {
            for (value, part) in values.iter_mut().zip(direction) {
                *value += wide * length * part;
            }
        }
        unit_length(values)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "the root of a small number"
)]
fn root(number: usize) -> f32 {
    (number as f64).sqrt() as f32
}

fn unit_length(mut values: Vec<f32>) -> Vec<f32> {
    let length = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.iter_mut().for_each(|value| *value /= length);
    values
}

/// Makes vectors, queries, and the truth by exact search, on so many threads.
pub(crate) fn make(shape: Shape, k: usize, threads: usize) -> Sets {
    let Shape { count, dim } = shape;
    let clusters = Clusters::new(shape);
    let mut vectors = vec![0.0; count * dim];
    on_threads(threads, &mut vectors, dim, |at, place| {
        place.copy_from_slice(&clusters.draw(3, at));
    });
    let queries: Vec<f32> = (0..QUERIES).flat_map(|at| clusters.draw(4, at)).collect();
    let k = k.min(count);
    let mut truth = vec![0_u32; QUERIES * k];
    // A thread takes whole groups of queries, so that a tile serves all of a group.
    let group = 50;
    on_threads(threads, &mut truth, group * k, |at, places| {
        let queries = &queries[at * group * dim..(at + 1) * group * dim];
        let best = nearest(&vectors, queries, dim, k);
        for (place, best) in places.iter_mut().zip(best) {
            *place = best;
        }
    });
    Sets {
        dim,
        k,
        vectors,
        queries,
        truth,
    }
}

/// Fills pieces of a slice on threads; each is told its number.
fn on_threads<T: Send>(
    threads: usize,
    places: &mut [T],
    piece: usize,
    fill: impl Fn(usize, &mut [T]) + Sync,
) {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let threads = if threads == 0 { cores } else { threads };
    let each = (places.len() / piece).div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        for (thread, part) in places.chunks_mut(each * piece).enumerate() {
            let fill = &fill;
            scope.spawn(move || {
                for (at, place) in part.chunks_mut(piece).enumerate() {
                    fill(thread * each + at, place);
                }
            });
        }
    });
}

/// Returns the `k` vectors of greatest inner product of each query.
fn nearest(vectors: &[f32], queries: &[f32], dim: usize, k: usize) -> Vec<u32> {
    let mut best: Vec<Vec<(f32, u32)>> = vec![Vec::new(); queries.len() / dim];
    let mut floors = vec![f32::NEG_INFINITY; best.len()];
    let tile = TILE * dim;
    for (number, tile) in vectors.chunks(tile).enumerate() {
        for ((query, best), floor) in queries.chunks(dim).zip(&mut best).zip(&mut floors) {
            for (at, vector) in tile.chunks(dim).enumerate() {
                let score = dot(query, vector);
                if score > *floor {
                    best.push((score, u32::try_from(number * TILE + at).unwrap_or(u32::MAX)));
                }
            }
            if best.len() >= 4 * k {
                *floor = cut(best, k);
            }
        }
    }
    best.iter_mut().for_each(|best| {
        cut(best, k);
    });
    best.into_iter()
        .flatten()
        .map(|(_, vector)| vector)
        .collect()
}

/// Keeps the `k` best, in order; returns the last's score.
fn cut(best: &mut Vec<(f32, u32)>, k: usize) -> f32 {
    best.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(k);
    best.last().map_or(f32::NEG_INFINITY, |last| last.0)
}

/// Sums in lanes, which compile to vector instructions.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 16];
    let (left, right) = (a.chunks_exact(16), b.chunks_exact(16));
    let rest = left
        .remainder()
        .iter()
        .zip(right.remainder())
        .map(|(x, y)| x * y)
        .sum::<f32>();
    for (x, y) in left.zip(right) {
        for (lane, (x, y)) in lanes.iter_mut().zip(x.iter().zip(y)) {
            *lane += x * y;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_are_always_the_same_and_the_truth_is_exact() {
        let shape: Shape = "700, 20".parse().unwrap();
        let (one, two) = (make(shape, 10, 1), make(shape, 10, 3));
        assert_eq!(one.vectors, two.vectors);
        assert_eq!(one.truth, two.truth);
        let lengths = one.vectors.chunks(20).map(|vector| dot(vector, vector));
        assert!(
            lengths
                .into_iter()
                .all(|length| (length - 1.0).abs() < 1e-4)
        );
        for (query, truth) in one.queries.chunks(20).zip(one.truth.chunks(10)).take(50) {
            let mut all: Vec<(f32, u32)> = (0..)
                .zip(one.vectors.chunks(20))
                .map(|(at, vector)| (dot(query, vector), at))
                .collect();
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            let expected: Vec<u32> = all.iter().take(10).map(|(_, at)| *at).collect();
            assert_eq!(truth, expected);
        }
    }

    #[test]
    fn a_shape_is_two_numbers() {
        for bad in ["", "5", "0,4", "4,0", "a,b", "9999999999,4"] {
            assert!(bad.parse::<Shape>().is_err(), "{bad}");
        }
    }
}
