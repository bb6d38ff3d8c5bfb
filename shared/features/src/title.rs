//! Which line of a text is a job title.
//!
//! The first line of a CV is often the person's name, and a name must never
//! become a title. So a line counts only when it holds a word for an
//! occupation, and words that are also family names ("Cook", "Baker") count
//! only where a family name would not stand.

use std::collections::HashSet;

use crate::key::words;
use crate::lexicon::{BEFORE_ROLES, NOT_IN_TITLES, ROLES, ROLES_AND_NAMES};

/// Longest title, in characters.
const MAX_CHARS: usize = 60;

/// Most words of a title.
const MAX_WORDS: usize = 7;

/// Returns a line as a title when it clearly is one: short, no sentence, with
/// a word for an occupation.
pub(crate) fn as_title(line: &str) -> Option<String> {
    let line = line.trim_matches(|c: char| c.is_whitespace() || "-*•·|:,;#".contains(c));
    let shape_fits = (3..=MAX_CHARS).contains(&line.chars().count())
        && !line.contains(['@', ':', ';', '!', '?', '•', '|'])
        && !line.contains(". ")
        && !line.ends_with('.')
        && line.bytes().filter(u8::is_ascii_digit).count() <= 2;
    if !shape_fits {
        return None;
    }
    let words = words(line);
    let fits = (1..=MAX_WORDS).contains(&words.len())
        && !words
            .iter()
            .any(|word| NOT_IN_TITLES.contains(word.as_str()));
    (fits && names_role(&words)).then(|| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Tells whether the words name an occupation.
fn names_role(words: &[String]) -> bool {
    let is_in = |list: &HashSet<&str>, word: &str| {
        list.contains(word) || word.strip_suffix('s').is_some_and(|one| list.contains(one))
    };
    if words.iter().any(|word| is_in(&ROLES, word)) {
        return true;
    }
    let stands_as_role = |(index, word): (usize, &String)| {
        is_in(&ROLES_AND_NAMES, word)
            && (index == 0 || BEFORE_ROLES.contains(words[index - 1].as_str()))
    };
    words.iter().enumerate().any(stands_as_role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_recognised() {
        for line in [
            "ACCOUNTANT",
            "Senior  Software Engineer",
            "Développeuse Web (H/F)",
            "EXECUTIVE CHEF",
            "Line Cook",
            "Chef de projet",
            "- Responsable ressources humaines",
        ] {
            assert!(as_title(line).is_some(), "{line}");
        }
        assert_eq!(
            as_title("Senior  Software Engineer ").unwrap(),
            "Senior Software Engineer"
        );
    }

    #[test]
    fn names_are_never_titles() {
        for line in [
            "Paul Cook",
            "MARY BAKER",
            "Jean-Luc Mercier",
            "Élodie Boucher",
            "James T. Smith",
            "Anna Schmidt",
        ] {
            assert_eq!(as_title(line), None, "{line}");
        }
    }

    #[test]
    fn sentences_and_headings_are_no_titles() {
        for line in [
            "Summary",
            "I am an accountant",
            "Worked as an engineer from 2010 to 2012 in Paris",
            "Engineer: built things",
            "Manager of the team that built the new plant in the north of France",
            "Our engineers",
            "",
        ] {
            assert_eq!(as_title(line), None, "{line}");
        }
    }
}
