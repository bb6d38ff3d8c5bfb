//! Where a person would work and where a job is, as vectors whose dot product falls with
//! distance.
//!
//! # The kernel
//!
//! A point on the unit sphere `u` is encoded by 56 frequency vectors `k_j` as
//! `sqrt(w_j) * [cos(k_j . u), sin(k_j . u)]`, with weights that sum to 1. Then
//! `phi(u) . phi(v) = sum_j w_j cos(k_j . (u - v))`: 1 at distance 0, and a
//! function of the difference only (random Fourier features, Rahimi and Recht
//! 2007, with a quasi-random instead of a random design).
//!
//! The directions of the frequencies are a Fibonacci lattice on the half
//! sphere, because `k` and `-k` say the same. Their lengths follow a low
//! discrepancy sequence, log-uniform from 6 to 300 radians per Earth radius:
//! scales (radius over length) from 1,062 km down to 21 km. Weights fall with
//! the square root of the length, so that the long waves, which decide between
//! towns and countries, outweigh the ripples of the short ones.
//!
//! Mean over places and directions on Earth, and the range seen (the test
//! below holds the bounds):
//!
//! | km | 0 | 20 | 50 | 100 | 200 | 300 | 500 | 1,000 | 2,000 and more |
//! |---|---|---|---|---|---|---|---|---|---|
//! | mean | 1 | .99 | .96 | .87 | .75 | .66 | .52 | .28 | 0 |
//! | lowest | 1 | .99 | .93 | .83 | .67 | .57 | .36 | .03 | -.4 |
//! | highest | 1 | 1 | .98 | .93 | .81 | .77 | .65 | .51 | .4 |
//!
//! So up to 500 km nearer is always higher, and beyond about 1,500 km the
//! score is noise of at most [`SIDELOBE_BOUND`]: filters and the reranker, who
//! see kilometres, decide there.
//!
//! # Several places
//!
//! A candidate who would work at several places has the shortest vector whose dot product
//! with each of them is at least 1 (`cover.rs`). Near any one of six places in France the
//! product is that of this place alone, .03 less to .09 more.
//!
//! # Remote work
//!
//! The last 16 values are `.25` each for a candidate who accepts remote work or has not
//! said, and 0 for one who refuses it. A wholly remote vacancy has `.25` there and no waves:
//! it scores 1 or 0, whatever the distance. All other vacancies have 0 there: remote work
//! changes nothing for them. `.25` is about what the longest waves have, so that all values
//! are rounded to bytes alike.

use std::f64::consts::{PI, TAU};
use std::sync::LazyLock;

use vivier_types::{Coordinates, RemotePolicy};

use crate::cover::shortest_cover;

/// Length of a geography vector.
pub const GEOGRAPHY_DIM: usize = 2 * FREQUENCIES + REMOTE_DIM;

/// Most places of one candidate that are looked at, first ones first.
pub const MAX_PLACES: usize = 16;

/// Values that say whether remote work is accepted.
const REMOTE_DIM: usize = 16;

/// What each of them is: the root of 1 over their number.
const REMOTE_VALUE: f32 = 0.25;

/// Largest absolute dot product of two places more than 2,000 km apart.
#[cfg(test)]
const SIDELOBE_BOUND: f64 = 0.45;

/// Mean radius of the Earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// Number of waves.
const FREQUENCIES: usize = 56;

/// Shortest frequency, in radians per Earth radius: a scale of 1,062 km.
const SHORTEST: f64 = 6.0;

/// Longest frequency, in radians per Earth radius: a scale of 21 km.
const LONGEST: f64 = 300.0;

/// Step of the sequence that spreads the lengths: 1 over the plastic number,
/// which is badly approximated by fractions and unrelated to the golden ratio
/// that spreads the directions.
const LENGTH_STEP: f64 = 0.754_877_666_246_692_7;

/// A wave over space: its frequency vector and the root of its weight.
struct Wave {
    frequency: [f64; 3],
    amplitude: f64,
}

static WAVES: LazyLock<Vec<Wave>> = LazyLock::new(waves);

fn waves() -> Vec<Wave> {
    let golden = f64::midpoint(1.0, 5.0_f64.sqrt());
    let mut waves = Vec::with_capacity(FREQUENCIES);
    let mut total = 0.0;
    for index in 0..FREQUENCIES {
        let position = index as f64 + 0.5;
        let height = position / FREQUENCIES as f64;
        let ring = (1.0 - height * height).sqrt();
        let turn = TAU * index as f64 / golden;
        let length = SHORTEST * (LONGEST / SHORTEST).powf((position * LENGTH_STEP).fract());
        let weight = length.sqrt().recip();
        total += weight;
        waves.push(Wave {
            frequency: [
                length * ring * turn.cos(),
                length * ring * turn.sin(),
                length * height,
            ],
            amplitude: weight.sqrt(),
        });
    }
    for wave in &mut waves {
        wave.amplitude /= total.sqrt();
    }
    waves
}

/// Encodes where a candidate would work as [`GEOGRAPHY_DIM`] values: the accepted places
/// (the home and the centres of the regions that the mobility names), and whether remote
/// work is accepted. `None` when no place is known and remote work is refused.
///
/// Places after [`MAX_PLACES`] are passed over. Coordinates that are not finite give a
/// vector that is not: check them where they come in.
pub fn candidate_geography(places: &[Coordinates], remote: Option<bool>) -> Option<Vec<f32>> {
    let refuses = remote == Some(false);
    let places = places.iter().take(MAX_PLACES);
    let places: Vec<Vec<f32>> = places.map(|place| place_waves(*place)).collect();
    if places.is_empty() && refuses {
        return None;
    }
    let waves = shortest_cover(&places).unwrap_or_else(no_waves);
    Some(with_remote(waves, !refuses))
}

/// Encodes where a job is as [`GEOGRAPHY_DIM`] values: the place, or that it is wholly
/// remote, wherever it is. `None` when neither is known.
pub fn vacancy_geography(
    place: Option<Coordinates>,
    remote: Option<RemotePolicy>,
) -> Option<Vec<f32>> {
    if remote == Some(RemotePolicy::Remote) {
        return Some(with_remote(no_waves(), true));
    }
    place.map(|place| with_remote(place_waves(place), false))
}

fn no_waves() -> Vec<f32> {
    vec![0.0; 2 * FREQUENCIES]
}

fn with_remote(mut waves: Vec<f32>, remote: bool) -> Vec<f32> {
    let value = if remote { REMOTE_VALUE } else { 0.0 };
    waves.resize(GEOGRAPHY_DIM, value);
    waves
}

/// Encodes a place as a unit vector of two values for each wave.
fn place_waves(place: Coordinates) -> Vec<f32> {
    let point = unit_vector(place);
    let mut vector = Vec::with_capacity(GEOGRAPHY_DIM);
    for wave in WAVES.iter() {
        let phase: f64 = wave.frequency.iter().zip(point).map(|(k, u)| k * u).sum();
        let (sine, cosine) = phase.sin_cos();
        vector.push(narrowed(wave.amplitude * cosine));
        vector.push(narrowed(wave.amplitude * sine));
    }
    vector
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a value in -1..1 only loses precision"
)]
fn narrowed(value: f64) -> f32 {
    value as f32
}

fn unit_vector(place: Coordinates) -> [f64; 3] {
    let (sin_latitude, cos_latitude) = place.latitude.to_radians().sin_cos();
    let (sin_longitude, cos_longitude) = place.longitude.to_radians().sin_cos();
    [
        cos_latitude * cos_longitude,
        cos_latitude * sin_longitude,
        sin_latitude,
    ]
}

/// Returns the great-circle distance of two places in kilometres.
pub fn distance_km(from: Coordinates, to: Coordinates) -> f64 {
    let half_chord_squared: f64 = unit_vector(from)
        .iter()
        .zip(unit_vector(to))
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f64>()
        / 4.0;
    let angle = 2.0 * half_chord_squared.sqrt().min(1.0).asin();
    EARTH_RADIUS_KM * angle.min(PI)
}

#[cfg(test)]
#[path = "geography/tests.rs"]
mod tests;
