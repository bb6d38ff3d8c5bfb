//! Words of a running text, and what stands around them.

use std::ops::Range;

use crate::fold::fold_word;
use crate::tokens::Words;

/// A word before a name that says whether the name is a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cue {
    /// None.
    None,
    /// One that also stands before other names: "from", "of", "de".
    Weak,
    /// One that stands before places: "in", "à".
    Strong,
}

/// Words that stand before places; English, then French.
const STRONG: [&str; 14] = [
    "in",
    "near",
    "around",
    "à",
    "au",
    "aux",
    "en",
    "vers",
    "location",
    "localisation",
    "lieu",
    "ville",
    "région",
    "département",
];
const WEAK: [&str; 12] = [
    "from", "to", "at", "of", "de", "sur", "dans", "a", "city", "du", "state", "d",
];

/// A text, its words, and questions about them.
pub(crate) struct Scan<'t> {
    pub(crate) text: &'t str,
    words: Vec<Range<usize>>,
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            words: Words::new(text).collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// Returns the range of a word; an empty one beyond the end.
    pub(crate) fn range(&self, word: usize) -> Range<usize> {
        let end = self.text.len();
        self.words.get(word).cloned().unwrap_or(end..end)
    }

    pub(crate) fn word(&self, word: usize) -> &'t str {
        self.text.get(self.range(word)).unwrap_or_default()
    }

    /// Returns what stands between a word and the next.
    pub(crate) fn gap(&self, word: usize) -> &'t str {
        let (one, next) = (self.range(word), self.range(word + 1));
        self.text.get(one.end..next.start).unwrap_or_default()
    }

    /// Returns what stands between a word and the one before; a line break before the
    /// first.
    pub(crate) fn gap_before(&self, word: usize) -> &'t str {
        word.checked_sub(1).map_or("\n", |before| self.gap(before))
    }

    pub(crate) fn is_capital(&self, word: usize) -> bool {
        self.word(word)
            .chars()
            .next()
            .is_some_and(char::is_uppercase)
    }

    /// Tells whether a word of several letters has capitals only.
    pub(crate) fn is_all_capitals(&self, word: usize) -> bool {
        let word = self.word(word);
        word.chars().nth(1).is_some() && !word.chars().any(char::is_lowercase)
    }

    /// Tells whether the French "en" stands before a name.
    pub(crate) fn follows_en(&self, first: usize) -> bool {
        let before = first.checked_sub(1).map(|before| self.word(before));
        before.is_some_and(|before| before.eq_ignore_ascii_case("en"))
    }

    /// Tells whether the name goes on after a word: a capital after one space.
    pub(crate) fn goes_on(&self, last: usize) -> bool {
        matches!(self.gap(last), " " | "-" | "&" | " & ") && self.is_capital(last + 1)
    }

    /// Tells whether a name has begun before a word: a capital before one space that does
    /// not begin a sentence.
    pub(crate) fn has_begun(&self, first: usize) -> bool {
        let Some(before) = first.checked_sub(1) else {
            return false;
        };
        matches!(self.gap(before), " " | "-" | "&" | " & ")
            && self.is_capital(before)
            && self.cue(first) == Cue::None
    }

    /// Returns the end of a run of words, with the point of an abbreviation such as "U.S.".
    pub(crate) fn end(&self, first: usize, last: usize) -> usize {
        let end = self.range(last).end;
        let abbreviated = last > first && self.gap(last - 1) == ".";
        let point = self
            .text
            .get(end..)
            .is_some_and(|rest| rest.starts_with('.'));
        end + usize::from(abbreviated && point)
    }

    /// Tells whether one word is the rest of a longer name: "New England".
    pub(crate) fn is_cut(&self, first: usize, words: usize) -> bool {
        let Some(before) = first.checked_sub(1).filter(|_| words == 1) else {
            return false;
        };
        let before = self.word(before).to_lowercase();
        let parts = [
            "new", "nouvelle", "nouveau", "north", "south", "east", "west", "san", "santa", "los",
            "las", "saint", "st", "fort", "port", "mount",
        ];
        parts.contains(&before.as_str()) && self.gap_before(first).trim().is_empty()
    }

    /// Returns the cue before a name.
    pub(crate) fn cue(&self, first: usize) -> Cue {
        let Some(before) = first.checked_sub(1) else {
            return Cue::None;
        };
        let gap = self.gap(before);
        let spaces = !gap.is_empty() && gap.chars().all(|letter| " \u{a0}\t".contains(letter));
        let labelled = gap.trim_matches([' ', '\u{a0}', '\t']) == ":";
        if !(spaces || labelled || matches!(gap, "'" | "’")) {
            return Cue::None;
        }
        let word = self.word(before);
        if word.len() > 16 {
            return Cue::None;
        }
        let word = word.to_lowercase();
        let word = word.as_str();
        if STRONG.contains(&word) {
            Cue::Strong
        } else if WEAK.contains(&word) && !labelled {
            Cue::Weak
        } else if matches!(word, "le" | "la" | "les" | "l") && first > 1 {
            // "dans le Nord", "à La Rochelle" without its article.
            match self.word(first - 2).to_lowercase().as_str() {
                "dans" | "à" => Cue::Strong,
                _ => Cue::None,
            }
        } else {
            Cue::None
        }
    }

    /// Tells whether a French cue stands before a name.
    pub(crate) fn french_cue(&self, first: usize) -> bool {
        let before = first.checked_sub(1).map(|before| self.word(before));
        before.is_some_and(|before| matches!(before, "à" | "À" | "au" | "aux"))
            && self.gap_before(first) == " "
    }

    /// Appends the folded form of a word that may follow the one before within a name;
    /// `None` when it may not.
    pub(crate) fn fold_next(&self, word: usize, first: usize, folded: &mut String) -> Option<()> {
        if word > first {
            let before = self.word(word - 1);
            let short = matches!(
                before,
                "St" | "Ste" | "Ft" | "Mt" | "ST" | "STE" | "FT" | "MT"
            );
            let one = |word: &str| word.len() == 1;
            match self.gap(word - 1) {
                " " | "-" | "'" | "’" | "\u{a0}" | "‐" => {}
                "\n" | " \n" | "\r\n" if self.is_capital(word) && self.is_capital(first) => {}
                ". " if short => {}
                "." if one(before) && one(self.word(word)) => {}
                _ => return None,
            }
            folded.push(' ');
        }
        fold_word(self.word(word), folded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cues_are_seen() {
        for (text, wanted) in [
            ("based in Lyon", Cue::Strong),
            ("basé à Lyon", Cue::Strong),
            ("Location: Lyon", Cue::Strong),
            ("dans le Nord", Cue::Strong),
            ("come from Lyon", Cue::Weak),
            ("region d'Auvergne", Cue::Weak),
            ("in. Lyon", Cue::None),
            ("the Lyon", Cue::None),
            ("Lyon", Cue::None),
        ] {
            let scan = Scan::new(text);
            assert_eq!(scan.cue(scan.len() - 1), wanted, "{text}");
        }
    }
}
