//! Places as vectors whose dot product falls with distance.
//!
//! # The kernel
//!
//! A point on the unit sphere `u` is encoded by 64 frequency vectors `k_j` as
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
//! | mean | 1 | .99 | .95 | .87 | .75 | .66 | .52 | .27 | 0 |
//! | lowest | 1 | .99 | .93 | .83 | .68 | .55 | .37 | .04 | -.4 |
//! | highest | 1 | 1 | .98 | .92 | .81 | .74 | .63 | .46 | .4 |
//!
//! So up to 500 km nearer is always higher, and beyond about 1,500 km the
//! score is noise of at most [`SIDELOBE_BOUND`]: filters and the reranker, who
//! see kilometres, decide there.

use std::f64::consts::{PI, TAU};
use std::sync::LazyLock;

use vivier_types::Coordinates;

/// Length of a geography vector.
pub const GEOGRAPHY_DIM: usize = 2 * FREQUENCIES;

/// Largest absolute dot product of two places more than 2,000 km apart.
#[cfg(test)]
const SIDELOBE_BOUND: f64 = 0.45;

/// Mean radius of the Earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6_371.008_8;

/// Number of waves.
const FREQUENCIES: usize = 64;

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

/// Encodes a place as a unit vector of [`GEOGRAPHY_DIM`] values.
///
/// Coordinates that are not finite give a vector that is not: check them
/// where they come in.
pub fn geography_vector(place: Coordinates) -> Vec<f32> {
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
mod tests {
    use super::*;

    /// A place spread evenly over the Earth, and another at `km` from it in an
    /// evenly spread direction.
    fn walk(index: u32, km: f64) -> (Coordinates, Coordinates) {
        let spread = |step: f64| (f64::from(index) * step + 0.5).fract();
        let latitude = (2.0 * spread(0.819_172_513_396_164_4) - 1.0).asin();
        let longitude = TAU * (spread(0.671_043_606_703_789_3) - 0.5);
        let bearing = TAU * spread(0.549_700_477_901_597_1);
        let angle = km / EARTH_RADIUS_KM;
        let end_latitude =
            (latitude.sin() * angle.cos() + latitude.cos() * angle.sin() * bearing.cos()).asin();
        let turn = (bearing.sin() * angle.sin() * latitude.cos())
            .atan2(angle.cos() - latitude.sin() * end_latitude.sin());
        let place = |latitude: f64, longitude: f64| Coordinates {
            latitude: latitude.to_degrees(),
            longitude: longitude.to_degrees(),
        };
        (
            place(latitude, longitude),
            place(end_latitude, longitude + turn),
        )
    }

    fn dot(from: Coordinates, to: Coordinates) -> f64 {
        let (from, to) = (geography_vector(from), geography_vector(to));
        from.iter().zip(to).map(|(a, b)| f64::from(a * b)).sum()
    }

    #[test]
    fn vectors_have_unit_norm_so_the_same_place_scores_one() {
        for index in 0..500 {
            let (place, same) = walk(index, 0.0);
            assert_eq!(geography_vector(place).len(), GEOGRAPHY_DIM);
            assert!((dot(place, place) - 1.0).abs() < 1e-5);
            assert!((dot(place, same) - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn up_to_500_km_nearer_always_scores_higher() {
        for index in 0..5_000 {
            let mut above = f64::INFINITY;
            for km in [0.0, 20.0, 50.0, 100.0, 200.0, 300.0, 500.0] {
                let (from, to) = walk(index, km);
                let score = dot(from, to);
                assert!(
                    score < above,
                    "{km} km from {from:?} to {to:?}: {score} after {above}"
                );
                above = score;
            }
        }
    }

    #[test]
    fn the_kernel_is_the_documented_one() {
        for (km, mean, low, high) in [
            (20.0, 0.99, 0.98, 1.0),
            (50.0, 0.95, 0.92, 0.99),
            (100.0, 0.87, 0.82, 0.93),
            (300.0, 0.66, 0.52, 0.76),
            (500.0, 0.52, 0.34, 0.66),
            (1_000.0, 0.27, 0.0, 0.5),
        ] {
            let scores: Vec<f64> = (0..3_000)
                .map(|index| walk(index, km))
                .map(|(a, b)| dot(a, b))
                .collect();
            let found = scores.iter().sum::<f64>() / 3_000.0;
            assert!((found - mean).abs() < 0.015, "{km} km: mean {found}");
            assert!(
                scores.iter().all(|score| (low..=high).contains(score)),
                "{km} km"
            );
        }
    }

    #[test]
    fn sidelobes_stay_within_their_bound() {
        for index in 0..20_000 {
            let (from, to) = walk(index, 2_000.0 + f64::from(index % 90) * 200.0);
            let score = dot(from, to);
            assert!(score.abs() < SIDELOBE_BOUND, "{from:?} to {to:?}: {score}");
        }
    }

    #[test]
    fn distances_are_great_circles() {
        let paris = Coordinates {
            latitude: 48.8566,
            longitude: 2.3522,
        };
        let lyon = Coordinates {
            latitude: 45.7640,
            longitude: 4.8357,
        };
        let opposite = Coordinates {
            latitude: -48.8566,
            longitude: 2.3522 - 180.0,
        };
        assert!((distance_km(paris, lyon) - 391.5).abs() < 1.0);
        assert_eq!(distance_km(paris, paris), 0.0);
        assert!((distance_km(paris, opposite) - PI * EARTH_RADIUS_KM).abs() < 1.0);
        for index in 0..200 {
            let (from, to) = walk(index, 37.0);
            assert!((distance_km(from, to) - 37.0).abs() < 1e-6);
        }
    }
}
