//! Languages as vectors whose dot product is the share of those asked for that are spoken.
//!
//! Each of 32 languages has three values, one for each band of the Common European
//! Framework (A, B, C with mother tongues), in a thermometer code: a candidate has 1 in the
//! bands up to the level held; a vacancy has 1 over the number of languages asked for, in
//! the band of the level asked for. So the dot product is the share of the languages asked
//! for that are spoken at the band asked for or above, 0 to 1.
//!
//! A level that is not said counts as met, on either side, as in the feature
//! `language_match`, which compares single levels and all languages. Languages that are not
//! in the list are left out here.

use vivier_types::{Language, LanguageLevel, ProfileKind};

use crate::spoken::primary;

/// Length of a languages vector.
pub const LANGUAGES_DIM: usize = BANDS * LANGUAGES.len();

/// Bands of levels: A, B, C.
const BANDS: usize = 3;

/// The official languages of the European Union, and eight that many speak in Europe
/// beside them. The order is that of the values: only add at the end.
const LANGUAGES: [&str; 32] = [
    "bg", "cs", "da", "de", "el", "en", "es", "et", "fi", "fr", "ga", "hr", "hu", "it", "lt", "lv",
    "mt", "nl", "pl", "pt", "ro", "sk", "sl", "sv", "ar", "ca", "no", "ru", "sr", "tr", "uk", "zh",
];

/// Encodes the languages that a candidate speaks or a vacancy asks for as
/// [`LANGUAGES_DIM`] values; `None` when it names none of the list.
pub fn languages_vector(kind: ProfileKind, languages: &[Language]) -> Option<Vec<f32>> {
    let listed: Vec<(usize, &Language)> = languages
        .iter()
        .filter_map(|language| Some((position(language)?, language)))
        .collect();
    if listed.is_empty() {
        return None;
    }
    let mut vector = vec![0.0; LANGUAGES_DIM];
    match kind {
        ProfileKind::Candidate => {
            for (position, language) in &listed {
                let same = listed.iter().filter(|(other, _)| other == position);
                let best = same.map(|(_, language)| language.level).max();
                let band = best.flatten().map_or(BANDS - 1, band_of);
                let first = BANDS * position;
                let held = vector.iter_mut().skip(first).take(band + 1);
                held.for_each(|value| *value = 1.0);
                debug_assert!(best >= Some(language.level));
            }
        }
        ProfileKind::Vacancy => {
            let share = 1.0 / listed.len() as f32;
            for (position, language) in &listed {
                let band = language.level.map_or(0, band_of);
                if let Some(value) = vector.get_mut(BANDS * position + band) {
                    *value += share;
                }
            }
        }
    }
    Some(vector)
}

fn position(language: &Language) -> Option<usize> {
    let code = primary(language);
    LANGUAGES.iter().position(|listed| *listed == code)
}

fn band_of(level: LanguageLevel) -> usize {
    match level {
        LanguageLevel::A1 | LanguageLevel::A2 => 0,
        LanguageLevel::B1 | LanguageLevel::B2 => 1,
        LanguageLevel::C1 | LanguageLevel::C2 | LanguageLevel::Native => 2,
    }
}

#[cfg(test)]
mod tests {
    use LanguageLevel::{A1, A2, B1, B2, C1, Native};
    use proptest::prelude::*;
    use vivier_types::Summary;

    use super::*;
    use crate::cover::dot;
    use crate::spoken::share_met;

    type Spoken = (&'static str, Option<LanguageLevel>);

    fn list(spoken: &[Spoken]) -> Vec<Language> {
        let language = |(code, level): &Spoken| Language {
            code: (*code).to_owned(),
            level: *level,
        };
        spoken.iter().map(language).collect()
    }

    fn score(held: &[Spoken], asked: &[Spoken]) -> f32 {
        let held = languages_vector(ProfileKind::Candidate, &list(held)).unwrap();
        let asked = languages_vector(ProfileKind::Vacancy, &list(asked)).unwrap();
        dot(&held, &asked)
    }

    #[test]
    fn a_subset_scores_in_proportion() {
        let asked = [
            ("fr", Some(C1)),
            ("en", Some(B1)),
            ("de", None),
            ("it", Some(A2)),
        ];
        let mut held = Vec::new();
        for (more, wanted) in [
            (("pl", Some(Native)), 0.0),
            (("fr", Some(Native)), 0.25),
            (("en", Some(B1)), 0.5),
            (("de", Some(A1)), 0.75),
            (("it", None), 1.0),
        ] {
            held.push(more);
            assert!((score(&held, &asked) - wanted).abs() < 1e-6, "{held:?}");
        }
    }

    #[test]
    fn levels_are_compared_by_band_and_the_unsaid_is_met() {
        for (held, asked, wanted) in [
            (Some(A2), Some(B1), 0.0),
            (Some(B1), Some(B2), 1.0),
            (Some(B2), Some(C1), 0.0),
            (Some(Native), Some(A1), 1.0),
            (None, Some(C1), 1.0),
            (Some(A1), None, 1.0),
        ] {
            assert_eq!(score(&[("FR-ca", held)], &[("fr", asked)]), wanted);
        }
        // Said twice: the better of the two.
        assert_eq!(
            score(&[("fr", Some(A1)), ("fr", Some(C1))], &[("fr", Some(B1))]),
            1.0
        );
    }

    #[test]
    fn unlisted_languages_are_left_out() {
        for kind in [ProfileKind::Candidate, ProfileKind::Vacancy] {
            assert_eq!(languages_vector(kind, &[]), None);
            assert_eq!(languages_vector(kind, &list(&[("xx", None)])), None);
        }
        assert_eq!(score(&[("fr", None)], &[("fr", None), ("xx", None)]), 1.0);
        assert_eq!(LANGUAGES_DIM % 16, 0);
    }

    proptest! {
        /// With levels that end a band, bands and levels are met alike.
        #[test]
        fn the_dot_product_is_the_share_of_the_feature(
            held in prop::collection::vec((0_usize..32, 0_usize..4), 1..9),
            asked in prop::collection::vec((0_usize..32, 0_usize..4), 1..9),
        ) {
            let levels = [None, Some(A2), Some(B2), Some(Native)];
            let named = |list: &[(usize, usize)]| -> Vec<Spoken> {
                list.iter().map(|(code, level)| (LANGUAGES[*code], levels[*level])).collect()
            };
            let (held, asked) = (named(&held), named(&asked));
            let summary = |spoken: &[Spoken]| Summary { languages: list(spoken), ..Summary::default() };
            let wanted = share_met(&summary(&held), &summary(&asked)).unwrap();
            prop_assert!((score(&held, &asked) - wanted).abs() < 1e-5);
        }
    }
}
