//! Years of experience and seniority, and seniority as a vector.

use jiff::civil::Date;
use vivier_types::{Experience, ProfileKind, Seniority};

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

/// Length of a seniority vector: one value for each step.
pub const SENIORITY_DIM: usize = STEPS.len();

const STEPS: [Seniority; 5] = [
    Seniority::Intern,
    Seniority::Junior,
    Seniority::Mid,
    Seniority::Senior,
    Seniority::Lead,
];

/// Encodes a seniority as [`SENIORITY_DIM`] values: for a candidate 1 at the step held, for
/// a vacancy how well each step suits the one asked for. So the dot product is, 0 to 1:
///
/// | steps | 3 missing | 2 missing | 1 missing | as asked | 1 more | 2 more | 3 more | 4 more |
/// |---|---|---|---|---|---|---|---|---|
/// | dot product | 0 | .25 | .6 | 1 | .8 | .5 | .3 | .15 |
///
/// What is missing weighs more than what is in excess. The values are reasoned, not learned.
pub fn seniority_vector(kind: ProfileKind, seniority: Seniority) -> Vec<f32> {
    let own = step(seniority);
    let value = |other: Seniority| match kind {
        ProfileKind::Candidate => f32::from(u8::from(other == seniority)),
        ProfileKind::Vacancy => suits(step(other), own),
    };
    STEPS.map(value).to_vec()
}

/// Returns how well a step that is held suits the one asked for.
fn suits(held: u8, asked: u8) -> f32 {
    match (asked.saturating_sub(held), held.saturating_sub(asked)) {
        (0, 0) => 1.0,
        (1, _) => 0.6,
        (2, _) => 0.25,
        (0, 1) => 0.8,
        (0, 2) => 0.5,
        (0, 3) => 0.3,
        (0, _) => 0.15,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cover::dot;

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

    #[test]
    fn the_dot_product_of_seniorities_is_the_documented_table() {
        // Rows: held; columns: asked for.
        let table = [
            [1.0, 0.6, 0.25, 0.0, 0.0],
            [0.8, 1.0, 0.6, 0.25, 0.0],
            [0.5, 0.8, 1.0, 0.6, 0.25],
            [0.3, 0.5, 0.8, 1.0, 0.6],
            [0.15, 0.3, 0.5, 0.8, 1.0],
        ];
        for (held, row) in STEPS.into_iter().zip(table) {
            let candidate = seniority_vector(ProfileKind::Candidate, held);
            for (asked, wanted) in STEPS.into_iter().zip(row) {
                let vacancy = seniority_vector(ProfileKind::Vacancy, asked);
                assert_eq!(dot(&candidate, &vacancy), wanted, "{held:?} for {asked:?}");
            }
        }
    }
}
