//! Writes gendered forms of occupations as the form for everyone.
//!
//! Three ways of writing are read: a form by itself ("serveuse"), both forms
//! ("serveur/serveuse", "serveuse ou serveur"), and one with the ending of the
//! other ("serveur(se)", "chargé·e·s"). French adjectives that agree with a form
//! or with the writer follow ("assistante commerciale", "je suis motivée").
//! Marks such as "(H/F)" go.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::finder::{Found, floor_boundary};
use crate::key::key;
use crate::kind::Kind;
use crate::lexicon::{FORMS, NEUTRALS};
use crate::rule::compile;

/// How far around a form its other form is looked for, in bytes.
const NEAR_BYTES: usize = 80;

/// Signs after which an ending can follow a word.
const SIGNS: [char; 7] = ['(', '/', '·', '•', '.', '-', '\u{2d1}'];

/// Endings of men's forms with those that make women's forms of them. Without a
/// bracket an ending counts only after a word that ends so.
const ENDINGS: [(&str, &[&str]); 17] = [
    ("teur", &["trice", "rice", "teuse", "se", "euse"]),
    ("eur", &["se", "euse", "eresse", "resse", "esse", "e"]),
    ("ien", &["ne", "enne", "ienne"]),
    ("on", &["ne", "onne"]),
    ("an", &["ne", "anne", "e"]),
    ("ier", &["ere", "iere", "e"]),
    ("er", &["ere", "e"]),
    ("ef", &["fe", "effe"]),
    ("if", &["ve", "ive"]),
    ("eux", &["se", "euse"]),
    ("el", &["le", "elle"]),
    ("et", &["te", "ette", "e"]),
    ("nt", &["e", "te"]),
    ("al", &["e", "ale"]),
    ("e", &["e", "ee", "sse", "esse"]),
    ("t", &["e"]),
    ("d", &["e"]),
];

/// Endings of women's forms with those that make men's forms of them.
const TURNED: [(&str, &[&str]); 4] = [
    ("trice", &["teur", "eur"]),
    ("euse", &["eur"]),
    ("iere", &["ier", "er"]),
    ("ienne", &["ien"]),
];

/// Both genders, written for "anyone", with those who are neither.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"^(?i:(?:[hm] ?/ ?f|f ?/ ?[hm])(?: ?/ ?(?:[xdvuit]|nb))*|(?:m ?/ ?w|w ?/ ?m) ?/ ?[dx]",
        r"|(?:hommes? ?/ ?femmes?|femmes? ?/ ?hommes?))(?-u:\b)"
    ))
});

/// Longest mark, in bytes.
const MARK_BYTES: usize = 40;

/// Returns the mark such as "H/F" that starts with a word.
pub(crate) fn mark(text: &str, word: Range<usize>) -> Option<Found> {
    let starts = matches!(word.len(), 1 | 5 | 6) && text[word.end..].starts_with(['/', ' ']);
    let before = text[..word.start].chars().next_back();
    // "and/or" has no part that is a mark.
    if !starts || before.is_some_and(|c| c == '/' || c == '&' || c == '\'' || c == '’') {
        return None;
    }
    let ahead = &text[word.start..floor_boundary(text, word.start + MARK_BYTES)];
    let length = MARK.find(ahead)?.len();
    let after = ahead[length..].chars().next();
    let goes_on = after.is_some_and(|c| c.is_alphanumeric() || "/&".contains(c));
    (!goes_on).then(|| Found::new(Kind::Gender, word.start..word.start + length))
}

/// Returns the ending of the other gender behind a word.
pub(crate) fn ending(text: &str, word: Range<usize>) -> Option<Found> {
    // "assistant (e)" has a space.
    let at = word.end + usize::from(text[word.end..].starts_with(" ("));
    let sign = text[at..].chars().next()?;
    if !SIGNS.contains(&sign) || word.len() < 4 {
        return None;
    }
    let from = at + sign.len_utf8();
    let from = from + usize::from(sign == '(' && text[from..].starts_with('-'));
    let letters = letters_from(text, from);
    let written = &text[word.clone()];
    let (stem, added) = (key(written), key(&text[letters.clone()]));
    let same_case = |upper: bool| {
        text[letters.clone()]
            .chars()
            .all(|c| c.is_uppercase() == upper)
    };
    let shouts = written.chars().all(char::is_uppercase);
    if !same_case(shouts) && !same_case(false) {
        return None;
    }
    let (mut end, mut plural) = (letters.end, false);
    let mut added = added.as_str();
    // "chargé·e·s", "employé(e)s", "vendeur(ses)".
    let fits = |added: &str| {
        let of = |table: &[(&str, &[&str])]| {
            table
                .iter()
                .any(|(own, other)| stem.ends_with(own) && other.contains(&added))
        };
        of(&ENDINGS) || of(&TURNED)
    };
    if !fits(added) {
        added = added.strip_suffix('s')?;
        plural = true;
        if !fits(added) {
            return None;
        }
    }
    // A lone "e" needs a sign that nothing else is written with.
    let is_participle = written.ends_with(['é', 'É']);
    if added == "e" && matches!(sign, '.' | '-') && !is_participle {
        return None;
    }
    if sign == '(' {
        end += text[end..].strip_prefix(')').map(|_| 1)?;
    }
    let rest = &text[end..];
    let tail = [")s", "(s)", "·s", ".s", "-s", "/s", "s"]
        .into_iter()
        .find(|tail| rest.starts_with(*tail) && (sign == '(' || *tail != "s"));
    if let Some(tail) = tail.filter(|_| !plural) {
        let after = &rest[tail.len()..];
        if !after.starts_with(char::is_alphanumeric) {
            end += tail.len();
            plural = true;
        }
    }
    // "client/e-mail" is no "cliente".
    if text[end..].starts_with(|c: char| c.is_alphanumeric() || "@/-_".contains(c)) {
        return None;
    }
    let neutral = FORMS.get(stem.as_str()).copied().unwrap_or(written);
    let mut instead = cased(neutral, written);
    if plural && !instead.ends_with(['s', 'S', 'x', 'X']) {
        instead.push(if shouts { 'S' } else { 's' });
    }
    Some(Found {
        instead: Some(instead),
        ..Found::new(Kind::Gender, word.start..end)
    })
}

/// Returns the form for everyone of a gendered form; of "vendeur/vendeuse" one
/// is left.
pub(crate) fn neutral_form(text: &str, word: Range<usize>, neutral: &'static str) -> Option<Found> {
    let written = &text[word.clone()];
    // "employee" is no "employée".
    if is_participle(neutral) && written.is_ascii() {
        return None;
    }
    if let Some(range) = after_its_other_form(text, &word, neutral) {
        return Some(Found {
            instead: Some(String::new()),
            ..Found::new(Kind::Gender, range)
        });
    }
    let end = other_form_after(text, word.end, neutral).unwrap_or(word.end);
    Some(Found {
        instead: Some(cased(neutral, written)),
        ..Found::new(Kind::Gender, word.start..end)
    })
}

fn is_participle(neutral: &str) -> bool {
    neutral.trim_end_matches('s').ends_with('é')
}

/// What stands between two forms of one occupation.
const BETWEEN: [&str; 8] = ["/", " / ", "(", " (", " ou ", " or ", "/ ", " /"];

/// Returns the range from the sign to the end of a form whose other form stands
/// before it.
fn after_its_other_form(text: &str, word: &Range<usize>, neutral: &str) -> Option<Range<usize>> {
    let from = floor_boundary(text, word.start.saturating_sub(NEAR_BYTES));
    let before = &text[from..word.start];
    let between = BETWEEN
        .into_iter()
        .filter(|between| before.ends_with(between))
        .max_by_key(|between| between.len())?;
    let before = &before[..before.len() - between.len()];
    let other = before.rsplit(|c: char| !c.is_alphabetic()).next()?;
    let closes = between.contains('(') && text[word.end..].starts_with(')');
    let end = word.end + usize::from(closes);
    means(other, neutral).then(|| word.start - between.len()..end)
}

/// Returns the end of the form for everyone that stands after its gendered form.
fn other_form_after(text: &str, at: usize, neutral: &str) -> Option<usize> {
    let rest = &text[at..floor_boundary(text, at + NEAR_BYTES)];
    let between = BETWEEN
        .into_iter()
        .filter(|between| rest.starts_with(between))
        .max_by_key(|between| between.len())?;
    let word = letters_from(text, at + between.len());
    let closes = between.contains('(') && text[word.end..].starts_with(')');
    let end = word.end + usize::from(closes);
    means(&text[word], neutral).then_some(end)
}

/// Tells whether a word is an occupation that has two forms.
pub(crate) fn is_occupation(word: &str) -> bool {
    let word = key(word);
    FORMS.contains_key(word.as_str()) || NEUTRALS.contains(word.as_str())
}

/// Tells whether a word is a form for everyone or is written as it.
fn means(word: &str, neutral: &str) -> bool {
    let word = key(word);
    word == key(neutral) || FORMS.get(word.as_str()).copied() == Some(neutral)
}

/// Words of both genders after which an adjective is of the person's: names of
/// occupations, and verbs of the person who writes.
const AGREED_WITH: [&str; 13] = [
    "responsable",
    "secretaire",
    "gestionnaire",
    "comptable",
    "stagiaire",
    "juriste",
    "receptionniste",
    "suis",
    "etais",
    "serai",
    "ete",
    "personne",
    "candidat",
];

/// Words between an adjective and the word with which it agrees.
const PASSED_OVER: [&str; 9] = [
    "et", "ou", "tres", "plutot", "aussi", "toujours", "bien", "e", "se",
];

/// Endings of women's adjectives with those of men's.
const ADJECTIVES: [(&str, &str); 15] = [
    ("ales", "aux"),
    ("ale", "al"),
    ("elle", "el"),
    ("ive", "if"),
    ("ée", "é"),
    ("ière", "ier"),
    ("euse", "eux"),
    ("ente", "ent"),
    ("ante", "ant"),
    ("aine", "ain"),
    ("ienne", "ien"),
    ("aise", "ais"),
    ("ointe", "oint"),
    ("erte", "ert"),
    ("eure", "eur"),
];

/// Nouns that end like them, as in "responsable vente".
const NOUNS: [&str; 32] = [
    "vente",
    "centrale",
    "succursale",
    "filiale",
    "archive",
    "mutuelle",
    "maternelle",
    "vaisselle",
    "passerelle",
    "journee",
    "soiree",
    "annee",
    "duree",
    "entree",
    "musee",
    "filiere",
    "matiere",
    "premiere",
    "carriere",
    "semaine",
    "domaine",
    "alerte",
    "perte",
    "heure",
    "demeure",
    "plante",
    "attente",
    "detente",
    "entente",
    "trente",
    "quarante",
    "cliente",
];

/// Whether an adjective that comes next tells the gender of a person.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Agreement {
    /// Where the last word that agrees ends.
    end: Option<usize>,
}

impl Agreement {
    /// Reads the next word, whose key is `spelt`: returns the adjective as it is
    /// written for everyone if it agrees with what came before.
    pub(crate) fn adjective(
        &mut self,
        text: &str,
        word: Range<usize>,
        spelt: &str,
    ) -> Option<Found> {
        let last = self.end?;
        let gap = &text[last..word.start];
        self.end = None;
        if gap.len() > 3 || !gap.chars().all(|c| " ,)(e".contains(c)) {
            return None;
        }
        if PASSED_OVER.contains(&spelt) {
            self.end = Some(word.end);
            return None;
        }
        let neutral = agreeing(&text[word.clone()])?;
        self.end = Some(word.end);
        Some(Found {
            instead: Some(neutral),
            ..Found::new(Kind::Gender, word)
        })
    }

    /// Notes a word after which an adjective agrees.
    pub(crate) fn note(&mut self, word: &str, spelt: &str, hit: Option<&Found>, end: usize) {
        let is_form = hit.is_some_and(|hit| hit.kind == Kind::Gender && hit.instead.is_some());
        let is_french = word.ends_with(['e', 'E'])
            || word.ends_with("es") && !word.ends_with("sses")
            || hit.is_some_and(|hit| hit.range.len() > word.len());
        if (is_form && is_french && !spelt.ends_with("ess")) || AGREED_WITH.contains(&spelt) {
            self.end = Some(end);
        }
    }
}

/// Returns a woman's adjective as it is written for everyone.
fn agreeing(word: &str) -> Option<String> {
    const SHORTEST: usize = 5;
    let spelt = key(word);
    let one = spelt.strip_suffix('s').unwrap_or(&spelt);
    if word.len() < SHORTEST || NOUNS.contains(&one) {
        return None;
    }
    let lower = word.to_lowercase();
    let of = |word: &str| {
        let ends =
            |(woman, man): &(&str, &str)| Some(format!("{}{man}", word.strip_suffix(woman)?));
        ADJECTIVES.iter().find_map(ends)
    };
    let neutral = of(&lower).or_else(|| {
        let mut one = of(lower.strip_suffix('s')?)?;
        if !one.ends_with('x') {
            one.push('s');
        }
        Some(one)
    })?;
    Some(cased(&neutral, word))
}

fn letters_from(text: &str, at: usize) -> Range<usize> {
    let rest = &text[at..];
    let length = rest.find(|c: char| !c.is_alphabetic());
    at..at + length.unwrap_or(rest.len())
}

/// Writes a word with the capitals of another.
fn cased(word: &str, like: &str) -> String {
    let mut letters = like.chars();
    let big = letters.next().is_some_and(char::is_uppercase);
    if big && like.chars().count() > 1 && letters.all(char::is_uppercase) {
        return word.to_uppercase();
    }
    let mut letters = word.chars();
    let first = letters.next().filter(|_| big);
    match first {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => word.to_owned(),
    }
}
