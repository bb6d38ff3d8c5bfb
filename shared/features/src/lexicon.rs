//! Word lists of the readers, one file each under `lexicon/`.
//!
//! Words are in lower case, without accents; headings and labels are written
//! as [`crate::match_key`] gives them.

use std::collections::HashSet;
use std::sync::LazyLock;

/// A set of words.
pub(crate) type Lexicon = LazyLock<HashSet<&'static str>>;

/// Words for occupations, without accents, that are hardly ever names.
pub(crate) static ROLES: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/roles.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words for occupations that are family names or given names too.
pub(crate) static ROLES_AND_NAMES: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/roles_and_names.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words that stand before an occupation and never in a name.
pub(crate) static BEFORE_ROLES: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/before_roles.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words that make a line a sentence or a heading, not a title.
pub(crate) static NOT_IN_TITLES: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/not_in_titles.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Headings of lists of skills, as [`match_key`] gives them.
pub(crate) static SKILL_HEADINGS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/skill_headings.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Headings of lists of welcome skills.
pub(crate) static OPTIONAL_SKILL_HEADINGS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/optional_skill_headings.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Headings that end a list.
pub(crate) static OTHER_HEADINGS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/other_headings.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words that make a phrase a sentence, or a piece of one.
pub(crate) static SENTENCE_WORDS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/sentence_words.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words that cannot begin a skill.
pub(crate) static BAD_STARTS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/bad_starts.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Words that cannot end a skill.
pub(crate) static BAD_ENDS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/bad_ends.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Phrases that are no skills by themselves, as [`match_key`] gives them.
pub(crate) static NO_SKILLS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/no_skills.txt")
        .split_ascii_whitespace()
        .collect()
});

/// Labels of lines that belong to a position held or to the advert itself.
pub(crate) static RECORD_LABELS: Lexicon = LazyLock::new(|| {
    include_str!("lexicon/record_labels.txt")
        .split_ascii_whitespace()
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::match_key;

    #[test]
    fn words_are_written_as_they_are_looked_up() {
        let lists = [
            &ROLES,
            &ROLES_AND_NAMES,
            &BEFORE_ROLES,
            &NOT_IN_TITLES,
            &SKILL_HEADINGS,
            &OPTIONAL_SKILL_HEADINGS,
            &OTHER_HEADINGS,
            &SENTENCE_WORDS,
            &BAD_STARTS,
            &BAD_ENDS,
            &NO_SKILLS,
            &RECORD_LABELS,
        ];
        for word in lists.iter().flat_map(|list| list.iter()) {
            assert_eq!(match_key(word), *word);
        }
    }
}
