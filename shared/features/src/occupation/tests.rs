use std::path::Path;

use vivier_ontology::{Kind, load};

use super::*;
use crate::cover::dot;

const LEVEL_NAMES: [&str; 6] = [
    "nothing", "1 digit", "2 digits", "3 digits", "4 digits", "all",
];

/// Levels that two codes share.
fn shared(one: &str, other: &str) -> usize {
    if one == other {
        return LEVELS;
    }
    let digits = one.bytes().zip(other.bytes()).take(GROUP_DIGITS);
    digits.take_while(|(a, b)| a == b).count()
}

/// Every occupation of ESCO 1.2; where it is not, as many made up ones.
fn codes() -> Vec<String> {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/data/esco/v1.2.0_en"
    );
    if !std::fs::exists(folder).unwrap_or(false) {
        eprintln!("skipped: {folder} is not there; made up occupations instead");
        let groups = (0..436_usize).map(|at| 1111 + at * 20);
        return groups
            .flat_map(|group| (1..8).map(move |own| format!("{group}.{own}")))
            .collect();
    }
    let ontology = load(&[Path::new(folder).to_owned()], None)
        .unwrap()
        .ontology;
    let occupations = ontology
        .concepts()
        .filter(|one| ontology.kind(*one) == Kind::Occupation);
    let codes: Vec<String> = occupations
        .filter_map(|one| ontology.code(one))
        .map(str::to_owned)
        .collect();
    assert_eq!(codes.len(), 3_039);
    codes
}

/// The signs of a vector, all of whose values are of one size: the dot product of two is 1
/// less a fortieth for each sign in which they differ.
fn signs_of(code: &str) -> u128 {
    let vector = place_vector(code).unwrap_or_else(|| panic!("{code}"));
    let size = 1.0 / (OCCUPATION_DIM as f32).sqrt();
    assert!(vector.iter().all(|value| (value.abs() - size).abs() < 1e-6));
    vector
        .iter()
        .fold(0, |signs, value| (signs << 1) | u128::from(*value < 0.0))
}

#[test]
fn the_dot_product_of_all_pairs_is_the_documented_one() {
    let codes = codes();
    let signs: Vec<u128> = codes.iter().map(|code| signs_of(code)).collect();
    // For each number of shared levels: the differences from the wanted product.
    let mut noise: [Vec<f32>; 6] = Default::default();
    for (at, (one, code)) in signs.iter().zip(&codes).enumerate() {
        for (other, other_code) in signs.iter().zip(&codes).skip(at) {
            let levels = shared(code, other_code);
            let unlike = (one ^ other).count_ones() as f32;
            noise[levels].push(1.0 - unlike / 40.0 - 0.2 * levels as f32);
        }
    }
    for ((levels, list), (deviation, within, most)) in noise.iter_mut().enumerate().zip([
        (0.11, 0.35, 0.5),
        (0.10, 0.31, 0.45),
        (0.08, 0.25, 0.4),
        (0.06, 0.2, 0.21),
        (0.05, 0.2, 0.21),
        (1e-6, 1e-6, 1e-6),
    ]) {
        let count = list.len() as f32;
        let mean = list.iter().sum::<f32>() / count;
        let root = (list.iter().map(|x| x * x).sum::<f32>() / count).sqrt();
        list.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
        let at_999 = list[list.len() * 999 / 1000].abs();
        let greatest = list.last().unwrap().abs();
        let name = LEVEL_NAMES[levels];
        eprintln!(
            "{name}: {count} pairs, mean {mean:.4}, deviation {root:.3}, 99.9 % {at_999:.3}, most {greatest:.3}"
        );
        assert!(mean.abs() < 0.015, "{name}: mean {mean}");
        assert!(root <= deviation, "{name}: deviation {root}");
        assert!(at_999 <= within, "{name}: 99.9 % within {at_999}");
        assert!(greatest <= most, "{name}: {greatest}");
    }
}

#[test]
fn siblings_of_a_group_share_exactly_what_they_should() {
    let of = |code: &str| place_vector(code).unwrap();
    for (one, other, wanted) in [
        ("2512.4", "2512.4", 1.0),
        ("2512.4", "2512.1", 0.8),
        ("2512", "2512.1", 0.8),
        ("2512", "2511", 0.6),
        ("251", "252", 0.4),
        ("25", "24", 0.2),
        ("2", "5", 0.0),
    ] {
        let found = dot(&of(one), &of(other));
        assert!((found - wanted).abs() < 1e-5, "{one} and {other}: {found}");
    }
}

#[test]
fn the_nearest_of_several_occupations_decides() {
    let held = ["2512.4", "5120.1", "7212.3"];
    let candidate = occupation_vector(ProfileKind::Candidate, &held).unwrap();
    for code in held {
        let vacancy = occupation_vector(ProfileKind::Vacancy, &[code]).unwrap();
        let found = dot(&candidate, &vacancy);
        assert!((found - 1.0).abs() < 2e-3, "{code}: {found}");
    }
    let all = occupation_vector(ProfileKind::Vacancy, &held).unwrap();
    assert!((dot(&candidate, &all) - 1.0).abs() < 2e-3);
    let near = occupation_vector(ProfileKind::Vacancy, &["2512.1"]).unwrap();
    let far = occupation_vector(ProfileKind::Vacancy, &["3411.1"]).unwrap();
    assert!(dot(&candidate, &near) > 0.7 && dot(&candidate, &far) < 0.4);
}

#[test]
fn what_is_no_place_of_the_classification_is_passed_over() {
    for code in [
        "", ".", "2512.", "25123", "251a.1", "251.1", "2512.x", "2512..1", "é", "2512.1.",
        "2512.1é",
    ] {
        assert_eq!(place_vector(code), None, "{code:?}");
    }
    let of = |codes: &[&str]| occupation_vector(ProfileKind::Candidate, codes);
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["?", "2512.4"]), of(&["2512.4"]));
    let one = of(&["2654.1.7"]).unwrap();
    assert_eq!(one.len(), OCCUPATION_DIM);
    assert!((dot(&one, &one) - 1.0).abs() < 1e-5);
}
