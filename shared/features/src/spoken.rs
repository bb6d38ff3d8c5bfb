//! Whether the languages asked for are spoken well enough.

use vivier_types::{Language, LanguageLevel, Summary};

/// How a person stands to one language asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// At the level asked for or above; or either side names no level.
    Met(Option<LanguageLevel>),
    /// Below the level asked for.
    Below(LanguageLevel),
    /// Not among the languages listed.
    Absent,
}

/// Returns every language asked for with how the candidate stands to it, or
/// nothing when the vacancy asks for none or the candidate lists none.
pub(crate) fn standings<'a>(
    candidate: &Summary,
    vacancy: &'a Summary,
) -> Vec<(&'a Language, Standing)> {
    if candidate.languages.is_empty() {
        return Vec::new();
    }
    vacancy
        .languages
        .iter()
        .map(|asked| (asked, standing(asked, &candidate.languages)))
        .collect()
}

/// Returns the share of the languages asked for that are spoken at the level.
pub(crate) fn share_met(candidate: &Summary, vacancy: &Summary) -> Option<f32> {
    let standings = standings(candidate, vacancy);
    if standings.is_empty() {
        return None;
    }
    let met = standings
        .iter()
        .filter(|(_, standing)| matches!(standing, Standing::Met(_)))
        .count();
    Some(met as f32 / standings.len() as f32)
}

fn standing(asked: &Language, held: &[Language]) -> Standing {
    let Some(found) = held
        .iter()
        .filter(|language| primary(language) == primary(asked))
        .max_by_key(|language| language.level)
    else {
        return Standing::Absent;
    };
    match (found.level, asked.level) {
        (Some(level), Some(wanted)) if level < wanted => Standing::Below(level),
        (level, _) => Standing::Met(level),
    }
}

/// Returns "fr" of "fr" and of "FR-ca".
pub(crate) fn primary(language: &Language) -> String {
    language
        .code
        .split(['-', '_'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speaking(list: &[(&str, Option<LanguageLevel>)]) -> Summary {
        let languages = list
            .iter()
            .map(|(code, level)| Language {
                code: (*code).to_owned(),
                level: *level,
            })
            .collect();
        Summary {
            languages,
            ..Summary::default()
        }
    }

    #[test]
    fn levels_are_compared() {
        use LanguageLevel::{B2, C1, Native};
        let vacancy = speaking(&[
            ("fr", Some(C1)),
            ("de", None),
            ("es", Some(B2)),
            ("it", None),
        ]);
        let candidate = speaking(&[
            ("FR-ca", Some(Native)),
            ("de", Some(B2)),
            ("es", Some(LanguageLevel::A1)),
        ]);
        let found: Vec<Standing> = standings(&candidate, &vacancy)
            .into_iter()
            .map(|(_, standing)| standing)
            .collect();
        assert_eq!(
            found,
            [
                Standing::Met(Some(Native)),
                Standing::Met(Some(B2)),
                Standing::Below(LanguageLevel::A1),
                Standing::Absent
            ]
        );
        assert_eq!(share_met(&candidate, &vacancy), Some(0.5));
    }

    #[test]
    fn an_unsaid_level_is_not_held_against_anyone() {
        let vacancy = speaking(&[("fr", Some(LanguageLevel::C1))]);
        assert_eq!(share_met(&speaking(&[("fr", None)]), &vacancy), Some(1.0));
    }

    #[test]
    fn unlisted_is_unknown() {
        let vacancy = speaking(&[("fr", None)]);
        assert_eq!(share_met(&speaking(&[]), &vacancy), None);
        assert_eq!(share_met(&vacancy, &speaking(&[])), None);
    }
}
