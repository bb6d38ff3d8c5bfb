//! Years of experience and seniority.

use jiff::civil::Date;
use vivier_types::{Experience, Seniority};

use crate::key::words;

/// Mean length of a year in days.
const DAYS_PER_YEAR: f32 = 365.25;

/// Returns the years covered by dated experiences, overlaps counted once.
///
/// A date known to the year or the month counts from its first to its last
/// day. A position without an end lasts until `today`; one without a start is
/// left out. The future does not count. `None` when no experience has a start.
pub fn years_of_experience(experiences: &[Experience], today: Date) -> Option<f32> {
    let mut spans: Vec<(Date, Date)> = experiences
        .iter()
        .filter_map(|experience| {
            let start = experience.start?.first_day();
            let end = experience.end.map_or(today, |end| end.last_day());
            Some((start, end.min(today)))
        })
        .collect();
    if spans.is_empty() {
        return None;
    }
    spans.sort_unstable();
    let mut days = 0;
    let mut covered_until: Option<Date> = None;
    for (start, end) in spans {
        let from = match covered_until {
            Some(until) if until >= start => until.tomorrow().unwrap_or(Date::MAX),
            Some(_) | None => start,
        };
        if end >= from {
            // Both ends count.
            days += end.duration_since(from).as_hours() / 24 + 1;
            covered_until = Some(end);
        }
    }
    Some(days as f32 / DAYS_PER_YEAR)
}

/// Returns the seniority that years of experience stand for.
pub fn seniority_of_years(years: f32) -> Seniority {
    if years < 2.0 {
        Seniority::Junior
    } else if years < 6.0 {
        Seniority::Mid
    } else if years < 12.0 {
        Seniority::Senior
    } else {
        Seniority::Lead
    }
}

/// Words of a title that say a seniority, highest first.
const MARKERS: [(Seniority, &[&str]); 4] = [
    (
        Seniority::Intern,
        &[
            "intern",
            "internship",
            "trainee",
            "stagiaire",
            "stage",
            "apprentice",
            "apprenti",
            "apprentie",
            "alternant",
            "alternante",
            "alternance",
        ],
    ),
    (
        Seniority::Lead,
        &[
            "lead",
            "head",
            "director",
            "directeur",
            "directrice",
            "chief",
            "vp",
            "president",
            "principal",
            "cto",
            "ceo",
            "cfo",
            "coo",
        ],
    ),
    (
        Seniority::Senior,
        &[
            "senior",
            "sr",
            "staff",
            "expert",
            "experte",
            "confirme",
            "confirmee",
            "experimente",
            "experimentee",
        ],
    ),
    (
        Seniority::Junior,
        &["junior", "jr", "debutant", "debutante", "graduate", "entry"],
    ),
];

/// Titles in which a marker means something else.
const EXCEPTIONS: [&[&str]; 5] = [
    &["staff", "accountant"],
    &["staff", "nurse"],
    &["lead", "generation"],
    &["vice", "principal"],
    &["school", "principal"],
];

/// Returns the seniority that a title says in so many words ("Senior Rust
/// Developer", "Stagiaire RH"), or `None` when it says none.
pub fn seniority_of_title(title: &str) -> Option<Seniority> {
    let words = words(title);
    let excepted = |word: &str| {
        EXCEPTIONS.iter().any(|pair| {
            pair.contains(&word)
                && words
                    .windows(2)
                    .any(|window| window[0] == pair[0] && window[1] == pair[1])
        })
    };
    for (seniority, markers) in MARKERS {
        let says = |word: &String| markers.contains(&word.as_str()) && !excepted(word);
        if words.iter().any(says) {
            return Some(seniority);
        }
    }
    None
}

/// Returns the place of a seniority in the order of steps, from 1 (intern) to 5
/// (lead): the number that filters and gaps use.
pub(crate) fn step(seniority: Seniority) -> u8 {
    match seniority {
        Seniority::Intern => 1,
        Seniority::Junior => 2,
        Seniority::Mid => 3,
        Seniority::Senior => 4,
        Seniority::Lead => 5,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn held(start: &str, end: Option<&str>) -> Experience {
        Experience {
            start: (!start.is_empty()).then(|| start.parse().unwrap()),
            end: end.map(|end| end.parse().unwrap()),
            ..Experience::default()
        }
    }

    const TODAY: Date = jiff::civil::date(2026, 7, 1);

    #[test]
    fn overlaps_count_once() {
        let years = |list: &[Experience]| years_of_experience(list, TODAY);
        assert_eq!(years(&[]), None);
        assert_eq!(years(&[held("", Some("2020"))]), None);
        let close = |found: Option<f32>, wanted: f32| {
            assert!((found.unwrap() - wanted).abs() < 0.01, "{found:?}")
        };
        close(years(&[held("2020", Some("2021"))]), 2.0);
        close(
            years(&[held("2020", Some("2021")), held("2021", Some("2022"))]),
            3.0,
        );
        close(
            years(&[held("2015", Some("2024")), held("2017", Some("2018"))]),
            10.0,
        );
        close(
            years(&[held("2010", Some("2010")), held("2020", Some("2020"))]),
            2.0,
        );
        close(years(&[held("2024-07-01", None)]), 2.0);
        close(years(&[held("2025-07-01", Some("2030"))]), 1.0);
        close(years(&[held("2030", None)]), 0.0);
        close(years(&[held("2022", Some("2020"))]), 0.0);
    }

    proptest! {
        #[test]
        fn years_are_those_of_a_day_by_day_count(
            spans in prop::collection::vec((0_i32..3_000, 0_i32..900), 1..8)
        ) {
            let origin = jiff::civil::date(2015, 1, 1);
            let day = |offset: i32| origin.checked_add(jiff::Span::new().days(offset)).unwrap().to_string();
            let list: Vec<Experience> =
                spans.iter().map(|(start, length)| held(&day(*start), Some(&day(start + length)))).collect();
            let counted = (0..4_000)
                .filter(|at| spans.iter().any(|(start, length)| (*start..=start + length).contains(at)))
                .filter(|at| day(*at).parse::<Date>().unwrap() <= TODAY)
                .count();
            let years = years_of_experience(&list, TODAY).unwrap();
            prop_assert!((years * DAYS_PER_YEAR - counted as f32).abs() < 0.1);
        }
    }

    #[test]
    fn titles_say_their_seniority() {
        for (title, wanted) in [
            ("Senior Rust Developer", Some(Seniority::Senior)),
            ("Sr. Accountant", Some(Seniority::Senior)),
            ("STAGIAIRE RH (H/F)", Some(Seniority::Intern)),
            ("Développeur débutant", Some(Seniority::Junior)),
            ("Directrice financière", Some(Seniority::Lead)),
            ("Lead Data Engineer", Some(Seniority::Lead)),
            ("Staff Software Engineer", Some(Seniority::Senior)),
            ("Staff Accountant", None),
            ("Lead Generation Specialist", None),
            ("Internal Auditor", None),
            ("Leadership coach", None),
            ("Accountant", None),
        ] {
            assert_eq!(seniority_of_title(title), wanted, "{title}");
        }
    }

    #[test]
    fn seniority_never_falls_with_years() {
        let steps: Vec<u8> = (0..300_u16)
            .map(|tenth| step(seniority_of_years(f32::from(tenth) / 10.0)))
            .collect();
        assert!(steps.is_sorted());
        assert_eq!((steps[0], steps[299]), (2, 5));
    }
}
