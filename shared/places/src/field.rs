//! Takes a location field apart.

use crate::draft::arrondissement;
use crate::fold::fold;
use crate::gazetteer::Gazetteer;
use crate::lookup::Candidate;
use crate::ordinary::is_ordinary;
use crate::place::Kind;
use crate::tokens::words;

/// Inhabitants of a town that is taken for the place of a longer text that begins or ends
/// with its name.
const KNOWN_TOWN: u32 = 50_000;

/// Folded words before or after a name that say no more than "around there".
const BEFORE: [&str; 14] = [
    "greater ",
    "metro ",
    "downtown ",
    "central ",
    "near ",
    "region de ",
    "region ",
    "ville de ",
    "city of ",
    "proche de ",
    "proche ",
    "secteur ",
    "agglomeration de ",
    "state of ",
];
const AFTER: [&str; 16] = [
    " metropolitan area",
    " metro area",
    " bay area",
    " area",
    " metropolitan region",
    " metroplex",
    " metro",
    " et sa region",
    " et environs",
    " et alentours",
    " et peripherie",
    " region",
    " cedex",
    " remote",
    " hybrid",
    " city",
];

/// A location field, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Field<'a> {
    /// Its parts, from the smallest place to the largest area, without postcode.
    pub(crate) parts: Vec<&'a str>,
    /// Five digits that may be a French postcode.
    pub(crate) postcode: Option<String>,
    /// What may be the number of a département, such as "69" or "2A".
    pub(crate) departement: Option<String>,
}

impl<'a> Field<'a> {
    /// Takes apart the text of one place.
    pub(crate) fn read(text: &'a str) -> Self {
        let mut field = Self::default();
        for part in text.split([',', '(', ')', '[', ']']) {
            field.part(part);
        }
        field
    }

    fn part(&mut self, text: &'a str) {
        let text = text.trim_matches(|letter: char| !letter.is_alphanumeric() && letter != '.');
        let is_postcode =
            |word: &&str| word.len() == 5 && word.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(postcode) = words(text).find(is_postcode)
            && self.postcode.is_none()
            && let Some((before, after)) = text.split_once(postcode)
        {
            self.postcode = Some(postcode.to_owned());
            // "F-69003 Lyon"
            if !matches!(before.trim_end_matches(['-', ' ']), "F" | "FR") {
                self.part(before);
            }
            self.part(after);
            return;
        }
        // "Lyon 69", "Lyon - 69", "69 - Lyon", "(2A)", but not "Lyon 3" nor "Lyon 3e".
        let folded = fold(text).unwrap_or_default();
        let is_departement = |word: &str| {
            let digits = word.bytes().filter(u8::is_ascii_digit).count();
            let corsican = matches!(word, "2a" | "2b" | "2A" | "2B");
            (digits == word.len() && matches!(digits, 2 | 3)) || corsican
        };
        if arrondissement(&folded).is_none() && self.departement.is_none() {
            let first = words(text).next().filter(|word| is_departement(word));
            let last = words(text).last().filter(|word| is_departement(word));
            let rest = match (first, last) {
                (_, Some(last)) => text.strip_suffix(last),
                (Some(first), None) => text.strip_prefix(first),
                (None, None) => None,
            };
            if let Some(rest) = rest {
                self.departement = last.or(first).map(str::to_owned);
                self.part(rest);
                return;
            }
        }
        if !text.is_empty() {
            self.parts.push(text);
        }
    }
}

/// Splits a field that names several places.
pub(crate) fn several(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let parts = std::iter::from_fn(move || {
        let text = rest?;
        let separators = [
            ";", "|", "\n", "/", "•", " - ", " – ", " — ", " or ", " ou ", " et ", " and ", " & ",
            " + ",
        ];
        let places = separators.iter().filter_map(|separator| {
            let at = text.find(separator)?;
            Some((at, separator.len()))
        });
        match places.min() {
            Some((at, length)) => {
                rest = text.get(at + length..);
                text.get(..at)
            }
            None => {
                rest = None;
                Some(text)
            }
        }
    });
    parts.map(str::trim).filter(|part| !part.is_empty())
}

impl Gazetteer {
    /// Returns the places that one part of a field names.
    pub(crate) fn heads(&self, part: &str) -> Vec<Candidate<'_>> {
        let Some(folded) = fold(part) else {
            return Vec::new();
        };
        let exact = self.spelled(&folded);
        if !exact.is_empty() {
            return exact;
        }
        let mut bare = folded.as_str();
        loop {
            let before = BEFORE.iter().find_map(|words| bare.strip_prefix(words));
            let after = AFTER.iter().find_map(|words| bare.strip_suffix(words));
            let Some(shorter) = before.or(after) else {
                break;
            };
            bare = shorter;
            let found = self.named(bare);
            if !found.is_empty() {
                return found;
            }
        }
        self.with_area_behind(part)
    }

    /// Reads "Austin TX" and "Paris France": a name, and an area without a comma.
    fn with_area_behind(&self, part: &str) -> Vec<Candidate<'_>> {
        for (at, _) in part.match_indices([' ', '-']) {
            let (Some(before), Some(behind)) = (part.get(..at), part.get(at + 1..)) else {
                continue;
            };
            let areas = self.areas(behind);
            if areas.is_empty() {
                continue;
            }
            let named = fold(before).map(|folded| self.named(&folded));
            let inside = self.inside(&named.unwrap_or_default(), &areas);
            if !inside.is_empty() {
                return inside;
            }
        }
        Vec::new()
    }

    /// Returns a well-known town with whose name the first part begins or ends, as in
    /// "Lyon Part-Dieu".
    pub(crate) fn loosely(&self, field: &Field<'_>) -> Vec<Candidate<'_>> {
        let Some(folded) = field.parts.first().and_then(|part| fold(part)) else {
            return Vec::new();
        };
        let words: Vec<&str> = folded.split(' ').collect();
        let well_known = |name: &[&str]| {
            let name = name.join(" ");
            let mut found = self.named(&name);
            found.retain(|candidate| {
                candidate.usage == crate::names::Use::Chief
                    && (candidate.place.kind < Kind::City
                        || candidate.place.population >= Some(KNOWN_TOWN))
            });
            Some(found).filter(|found| !found.is_empty() && name.len() > 3 && !is_ordinary(&name))
        };
        for count in (1..words.len()).rev() {
            let (begin, end) = (words.get(..count), words.get(words.len() - count..));
            let found = begin
                .and_then(well_known)
                .or_else(|| end.and_then(well_known));
            if let Some(found) = found {
                return found;
            }
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_taken_apart() {
        for (text, parts, postcode, departement) in [
            ("69003 Lyon", vec!["Lyon"], Some("69003"), None),
            (
                "F-69003 Lyon, France",
                vec!["Lyon", "France"],
                Some("69003"),
                None,
            ),
            ("Lyon (69)", vec!["Lyon"], None, Some("69")),
            ("69 - Lyon", vec!["Lyon"], None, Some("69")),
            ("Ajaccio (2A)", vec!["Ajaccio"], None, Some("2A")),
            ("Lyon 3", vec!["Lyon 3"], None, None),
            ("Paris 15e", vec!["Paris 15e"], None, None),
            ("Paris 75", vec!["Paris"], None, Some("75")),
            ("Windsor, U.K.", vec!["Windsor", "U.K."], None, None),
            (
                "Austin, TX 78701",
                vec!["Austin", "TX"],
                Some("78701"),
                None,
            ),
            ("", vec![], None, None),
        ] {
            let wanted = Field {
                parts,
                postcode: postcode.map(str::to_owned),
                departement: departement.map(str::to_owned),
            };
            assert_eq!(Field::read(text), wanted, "{text}");
        }
    }

    #[test]
    fn several_places_are_split() {
        let found: Vec<&str> = several("Douala - Yaoundé; Aix-en-Provence or Lyon").collect();
        assert_eq!(found, ["Douala", "Yaoundé", "Aix-en-Provence", "Lyon"]);
    }
}
