//! Occupations as vectors whose dot product grows with what their places share.
//!
//! # The kernel
//!
//! ESCO gives each occupation a place in the classification ISCO-08: `2512.4` is the
//! fourth occupation of the unit group 2512, in the minor group 251, the sub-major group
//! 25, the major group 2. Each of these five levels has 16 of the 80 values, and a vector
//! of length `sqrt(.2)` there. Two occupations have the same vector on each level that they
//! share:
//!
//! | share | all | 4 digits | 3 digits | 2 digits | 1 digit | nothing |
//! |---|---|---|---|---|---|---|
//! | dot product, mean | 1 | .80 | .60 | .40 | .20 | .01 |
//! | standard deviation | 0 | .04 | .05 | .07 | .09 | .10 |
//! | 99.9 % are within | 0 | .13 | .15 | .23 | .30 | .33 |
//! | all are within | 0 | .15 | .18 | .33 | .40 | .48 |
//!
//! (over all pairs of the 3,039 occupations of ESCO 1.2; the test holds the bounds).
//!
//! # Vectors of a level
//!
//! The children of one node are rows of the Hadamard matrix of order 16, by their number,
//! with signs that are drawn for the parent (SplitMix64 of the FNV-1a hash of its code).
//! Up to 16 children are exactly orthogonal, so the level at which two occupations part
//! adds no noise. The levels below it do, `.05` each: 16 dimensions cannot hold 3,039
//! orthogonal vectors. All values are `±sqrt(.2) / 4`: none is lost when they are rounded
//! to bytes.

use vivier_types::ProfileKind;

use crate::cover::{mean, shortest_cover};

/// Length of an occupation vector.
pub const OCCUPATION_DIM: usize = LEVELS * LEVEL_DIM;

/// Levels of the classification: four of ISCO-08, and the occupation.
const LEVELS: usize = 5;

/// Values of a level: the order of the Hadamard matrix.
const LEVEL_DIM: usize = 16;

/// Digits of a unit group.
const GROUP_DIGITS: usize = 4;

/// Most occupations of one profile that are looked at, first ones first.
pub const MAX_OCCUPATIONS: usize = 8;

/// Encodes the occupations of a profile, by their codes in ESCO ("2512.4"), as
/// [`OCCUPATION_DIM`] values; `None` when it has none.
///
/// For a candidate: the shortest vector whose dot product with each of the occupations is
/// at least 1, so that the nearest to the vacancy decides, as if it were the only one, and
/// two unrelated trades do not halve each other. For a vacancy: the mean, so that of
/// several occupations each counts in proportion. A candidate and a vacancy with the same
/// occupations have the dot product 1, however many there are; noise grows with the square
/// root of how many unrelated ones the candidate has.
///
/// A code of a group ("2512", "25") says as many levels as it has digits. Codes that are
/// no place in the classification are passed over, and those after
/// [`MAX_OCCUPATIONS`].
pub fn occupation_vector(kind: ProfileKind, codes: &[&str]) -> Option<Vec<f32>> {
    let known = codes.iter().filter_map(|code| place_vector(code));
    let places: Vec<Vec<f32>> = known.take(MAX_OCCUPATIONS).collect();
    match kind {
        ProfileKind::Candidate => shortest_cover(&places),
        ProfileKind::Vacancy => mean(&places),
    }
}

/// Encodes one place of the classification; of unit length for an occupation.
fn place_vector(code: &str) -> Option<Vec<f32>> {
    let (group, own) = code.split_once('.').unwrap_or((code, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = group.len() == GROUP_DIGITS;
    if group.is_empty() || group.len() > GROUP_DIGITS || !digits(group) {
        return None;
    }
    let mut vector = Vec::with_capacity(OCCUPATION_DIM);
    for level in 0..GROUP_DIGITS {
        if let (Some(parent), Some(digit)) = (group.get(..level), group.get(level..=level)) {
            push_child(parent, digit.parse().ok()?, &mut vector);
        }
    }
    if code.len() > group.len() {
        if !whole || own.is_empty() {
            return None;
        }
        // "2654.1.7" is the seventh below the occupation 2654.1.
        let (parent, number) = code.rsplit_once('.')?;
        if !parent
            .split('.')
            .all(|part| !part.is_empty() && digits(part))
        {
            return None;
        }
        push_child(parent, number.parse().ok()?, &mut vector);
    }
    vector.resize(OCCUPATION_DIM, 0.0);
    Some(vector)
}

/// Adds the vector of a child of a node: a row of the Hadamard matrix, with the signs of
/// the parent.
fn push_child(parent: &str, number: u64, vector: &mut Vec<f32>) {
    let value = 0.2_f32.sqrt() / 4.0;
    let order = LEVEL_DIM as u64;
    let row = number % order;
    let signs = split_mix(fnv_1a(parent) ^ (number / order));
    for column in 0..order {
        let minus = (u64::from((row & column).count_ones()) ^ (signs >> column)) & 1;
        vector.push(if minus == 0 { value } else { -value });
    }
}

/// FNV-1a, 64 bits (Fowler, Noll and Vo).
fn fnv_1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The output of SplitMix64 (Steele, Lea and Flood, 2014) for one state.
fn split_mix(state: u64) -> u64 {
    let mut mixed = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
#[path = "occupation/tests.rs"]
mod tests;
