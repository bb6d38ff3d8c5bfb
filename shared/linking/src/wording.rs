//! Whether words of a text say what a label of ESCO says.

use vivier_ontology::Language;

use crate::text::{Stems, plain, telling};

/// Labels that texts mostly use in another sense, or in none that can be asked for: the
/// worst among some hundreds of mentions in CVs and adverts that were read.
const VAGUE: [&str; 32] = [
    "access",
    "avec",
    "balance",
    "chef",
    "collection",
    "commitment",
    "current",
    "discipline",
    "financial",
    "form",
    "frame",
    "general",
    "history",
    "initiative",
    "interview",
    "lead",
    "major",
    "marine",
    "offre d emploi",
    "passerelle",
    "physique",
    "plan",
    "re",
    "reserve",
    "right",
    "scale",
    "security",
    "sound",
    "stand",
    "standard",
    "term",
    "urgence",
];

/// Tells whether a single word of a text names what a label of one word names. Stems alone
/// make "experience" an "experiment" and "equipe" an "equipment".
///
/// The word must be the label but for the ending of the plural, and not be [`VAGUE`]. A
/// label with capitals, such as "Source", must begin with a capital in the text too, and
/// one of capitals, such as "AVEC", have as many; only that French, unlike English, writes
/// names of languages small.
pub(crate) fn stands_alone(written: &str, label: &str, language: Language) -> bool {
    let capitals = |text: &str| text.chars().filter(|letter| letter.is_uppercase()).count();
    let wanted = match capitals(label) {
        1 if language != Language::ENGLISH => 0,
        1 => usize::from(label.starts_with(char::is_uppercase)),
        // "JavaScript" is written in many ways.
        count if 2 * count > label.chars().count() => count,
        count => count.min(1),
    };
    let (one, other) = (plain(written), plain(label));
    capitals(written) >= wanted && same_words(&one, &other) && !is_vague(&one)
}

/// Tells whether words of a text with the stems of a label say what it says: not "managers
/// and HR" for "manage HR", where a conjunction parts them, and in English not "management
/// team" for "manage a team", where a word is another one of its family; but "management of
/// teams" does, as it leads to what follows.
pub(crate) fn says(written: &str, label: &str, language: Language) -> bool {
    let joins = |plain: &str| plain.split(' ').any(is_conjunction);
    if joins(written) && !joins(label) {
        return false;
    }
    if language != Language::ENGLISH {
        return true;
    }
    let mut rest = written.split(' ').peekable();
    telling(label).into_iter().all(|wanted| {
        let Some(word) = rest.by_ref().find(|word| !Stems::is_empty_word(word)) else {
            return true;
        };
        let leads_on = |next: &&str| matches!(*next, "of" | "to" | "for" | "on");
        is_inflection(word, wanted) || rest.peek().is_some_and(leads_on)
    })
}

/// Tells whether a word parts what stands before it from what follows.
pub(crate) fn is_conjunction(word: &str) -> bool {
    matches!(word, "and" | "or" | "et" | "ou" | "&")
}

/// Tells whether two English words are one but for the endings of plurals and verbs.
fn is_inflection(one: &str, other: &str) -> bool {
    one == other || {
        let bases = bases(one);
        self::bases(other).iter().any(|base| bases.contains(base))
    }
}

/// Returns what an English word may be an inflection of, itself included.
fn bases(word: &str) -> Vec<String> {
    let mut bases = vec![word.to_owned()];
    for (ending, instead) in [
        ("s", ""),
        ("es", ""),
        ("ies", "y"),
        ("d", ""),
        ("ed", ""),
        ("ied", "y"),
        ("ing", ""),
        ("ing", "e"),
    ] {
        if let Some(base) = word.strip_suffix(ending).filter(|base| base.len() > 1) {
            bases.push(format!("{base}{instead}"));
            let mut letters = base.chars().rev();
            // "planning" is of "plan".
            if letters.next() == letters.next() && matches!(ending, "ed" | "ing") {
                bases.extend(base.get(..base.len() - 1).map(str::to_owned));
            }
        }
    }
    bases
}

pub(crate) fn is_vague(plain: &str) -> bool {
    VAGUE.iter().any(|vague| same_words(plain, vague))
}

/// Tells whether plain words are the same, but for the endings of plurals.
pub(crate) fn same_words(one: &str, other: &str) -> bool {
    let same = |one: &str, other: &str| is_plural(one, other) || is_plural(other, one);
    let (mut one, mut other) = (one.split(' '), other.split(' '));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(one), Some(other)) if same(one, other) => {}
            _ => return false,
        }
    }
}

/// Tells whether a word is another one or its plural.
fn is_plural(word: &str, one: &str) -> bool {
    let ending = word.strip_prefix(one);
    let y = || word.strip_suffix("ies").zip(one.strip_suffix('y'));
    ending.is_some_and(|ending| matches!(ending, "" | "s" | "es" | "x"))
        || y().is_some_and(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_word_must_be_the_label() {
        for (written, label, language, counts) in [
            ("experience", "experiment", Language::ENGLISH, false),
            ("équipe", "equip", Language::FRENCH, false),
            ("databases", "database", Language::ENGLISH, true),
            ("logistique", "logistiques", Language::FRENCH, true),
            ("facilities", "facility", Language::ENGLISH, true),
            ("avec", "AVEC", Language::ENGLISH, false),
            ("it", "IT", Language::ENGLISH, false),
            ("IT", "IT", Language::ENGLISH, true),
            ("Led", "LEDs", Language::ENGLISH, false),
            ("Javascript", "JavaScript", Language::ENGLISH, true),
            ("source", "Source", Language::ENGLISH, false),
            ("français", "Français", Language::FRENCH, true),
            ("plans", "plan", Language::ENGLISH, false),
        ] {
            assert_eq!(stands_alone(written, label, language), counts, "{written}");
        }
    }

    #[test]
    fn words_are_the_same_but_for_plurals() {
        for (one, other, same) in [
            ("work plan", "work plans", true),
            ("work plans", "work planning", false),
            ("management equipe", "manage equipment", false),
            ("offres d emploi", "offre d emploi", true),
            ("project", "project management", false),
            ("project management", "project", false),
        ] {
            assert_eq!(same_words(one, other), same, "{one} / {other}");
        }
        assert!(is_vague("offres d emploi") && is_vague("plans") && !is_vague("emploi"));
    }

    #[test]
    fn words_of_one_stem_say_the_same_only_in_the_same_part() {
        let english = Language::ENGLISH;
        for (written, label, language, counts) in [
            ("managing the teams", "manage a team", english, true),
            ("management of a team", "manage a team", english, true),
            ("management team", "manage a team", english, false),
            ("managers and hr", "manage hr", english, false),
            (
                "research and development",
                "research and development",
                english,
                true,
            ),
            ("planning shifts", "plan shift", english, true),
            ("applied studies", "apply studies", english, true),
            ("using tools", "use tools", english, true),
            ("production knowledge", "product knowledge", english, false),
            (
                "gestion des equipes",
                "gestion d equipe",
                Language::FRENCH,
                true,
            ),
            (
                "gestion et equipe",
                "gestion d equipe",
                Language::FRENCH,
                false,
            ),
        ] {
            assert_eq!(
                says(written, label, language),
                counts,
                "{written} / {label}"
            );
        }
    }
}
