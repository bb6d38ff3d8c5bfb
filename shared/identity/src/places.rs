//! Finds street lines and postcodes; cities stay.
//!
//! All start with digits, so only what stands around digits is read.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::finder::{Found, floor_boundary};
use crate::kind::Kind;
use crate::rule::compile;

/// A street line of the English-speaking world: "12 Oak Street, Apt 4".
const STREET: &str = concat!(
    r"^\d{1,5}[A-Za-z]?,?[ \t]+(?:[NSEW]\.?[ \t]+|(?:North|South|East|West)[ \t]+)?",
    r"(?:\d{1,3}(?:st|nd|rd|th)|[A-Z][A-Za-z'.-]*)(?:[ \t]+[A-Z][A-Za-z'.-]*){0,2}?[ \t]+",
    r"(?:[Ss]treet|STREET|St|ST|[Aa]venue|AVENUE|[Aa]ve|AVE|[Rr]oad|ROAD|Rd|RD|[Bb]oulevard|Blvd|BLVD|Lane|LANE|LN|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy)(?-u:\b)\.?",
    r"(?:,?[ \t]*(?:Apt|APT|Apartment|Unit|Suite|Ste|Flat|#)\.?[ \t]*#?[ \t]*[A-Z]?\d{0,5}[A-Z]?(?-u:\b))?",
    r"(?:[ \t]+(?:N|S|E|W|NE|NW|SE|SW)(?-u:\b))?"
);

/// The same with words that have other meanings, where a line starts with it.
const STREET_LINE: &str = concat!(
    r"^\d{1,5}[A-Za-z]?,?[ \t]+(?:[A-Z][A-Za-z'.-]*[ \t]+){1,3}?",
    r"(?:Drive|Dr|Court|Ct|Way|Place|Pl|Close|Square|Sq|Circle|Cir|Trail|Loop|Row|Gardens|Park|Grove|Hill|View)(?-u:\b)\.?",
    r"(?:,?[ \t]*(?:Apt|Unit|Suite|#)\.?[ \t]*\w{1,5})?(?-u:\b)"
);

/// A French street line: "12 bis, rue de la République".
const RUE: &str = concat!(
    r"^\d{1,4}(?:[ \t]?(?:bis|ter|quater|BIS|TER)|[ABCD])?,?[ \t]+",
    r"(?i:rue|avenue|av\.|boulevard|bd\.?|bld|all[ée]es?|impasse|chemin|faubourg)[ \t]+",
    r"(?:(?i:de|du|des|la|le|les|en|sur|sous|aux?|à|saint|sainte)[ \t]+|(?i:[ld]['’])[ \t]*)*",
    r"[\p{L}\d][\p{L}\d'’.-]*",
    r"(?:[ \t-]+(?:(?i:de|du|des|la|le|les|et|sur|en)[ \t]+|(?i:[ld]['’]))*\p{Lu}[\p{L}'’-]*){0,3}",
    r"(?:,?[ \t]+(?i:b[âa]t(?:iment)?|appt?|appartement|esc(?:alier)?|[ée]tage)\.?[ \t]*[A-Z\d]{1,4}(?-u:\b))*"
);

/// The same with words that have other meanings, where a line starts with it.
const PLACE_LINE: &str = concat!(
    r"^\d{1,4}(?:[ \t]?(?:bis|ter))?,?[ \t]+",
    r"(?i:quai|route|place|cours|square|passage|sentier|r[ée]sidence|lotissement|villa|rond-point|mont[ée]e)[ \t]+",
    r"(?:(?i:de|du|des|la|le|les)[ \t]+|(?i:[ld]['’])[ \t]*)*\p{Lu}[\p{L}'’.-]*(?:[ \t-]+\p{Lu}[\p{L}'’-]*){0,2}"
);

static STREETS: LazyLock<[Regex; 2]> = LazyLock::new(|| [STREET, RUE].map(compile));
static STREET_LINES: LazyLock<[Regex; 2]> =
    LazyLock::new(|| [STREET_LINE, PLACE_LINE].map(compile));

/// A state before its postcode; those that are words need a comma before them.
static STATE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?:(?-u:\b)(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|I[ADL]|K[SY]|LA|M[ADINOST]|N[CDEHJMVY]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])",
        r"|,[ \t]*(?:HI|IN|ME|O[HKR]))[.,]?[ \t]+$|(?:CEDEX|Cedex)[ \t]+$"
    ))
});

/// A French, Belgian or Swiss postcode before a city: behind a street, and where
/// the city is all that follows.
static POSTCODE: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        r"^(?:\d{5}|\d{2} \d{3}|\d{4})[ \t]+\p{Lu}[\p{L}'’]",
        r"^(?:\d{5}|\d{2} \d{3}|\d{4})[ \t]+\p{Lu}[\p{L}'’-]+(?:[ -][\p{L}'’]+){0,4}[ \t]*(?:$|[\n\r,|•·(–-])",
    ]
    .map(compile)
});

/// A British postcode around its first digit.
static BRITISH: LazyLock<[Regex; 2]> = LazyLock::new(|| {
    [
        compile(r"(?-u:\b)[A-Z]{1,2}$"),
        compile(r"^\d[A-Z\d]? \d[A-Z]{2}(?-u:\b)"),
    ]
});

/// A label of an address; an address of another kind is none.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?i)(?:^|[\n\r|•·;,.*)\t]|[ ]{2})[ \t]*((?:(?:permanent|current|present|home|postal|mailing|residential|street|local|full|contact)[ \t]+)?address",
        r"|adresse(?:[ \t]+(?:postale|personnelle|actuelle|permanente))?|domicile)[ \t]*(?::|-(?:[ \t]|$))[-: \t]*"
    ))
});

/// How far behind a street its postcode is looked for, how long a street line
/// and how long an address can be, in bytes.
const POSTCODE_BYTES: usize = 24;
const STREET_BYTES: usize = 120;
const ADDRESS_BYTES: usize = 160;

/// Numbers that are years rather than houses.
const YEARS: Range<usize> = 1900..2040;

/// Finds addresses; before `top_end` a postcode needs no street.
pub(crate) fn addresses(text: &str, top_end: usize, found: &mut Vec<Found>) {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut behind_street = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let digits = bytes[at..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let number = at..at + digits;
        at = number.end;
        if digits > 5 {
            continue;
        }
        let near = number.start < behind_street;
        if let Some(code) = postcode(text, &number, near, number.start < top_end) {
            at = at.max(code.end);
            ranges.push(code);
        } else if let Some(end) = street_end(text, &number) {
            ranges.push(number.start..end);
            at = end;
            behind_street = end + POSTCODE_BYTES;
        }
    }
    let can_have_label = ["ddress", "DDRESS", "dresse", "omicile", "OMICILE"];
    if can_have_label.iter().any(|part| text.contains(part)) {
        for hit in LABEL.captures_iter(text) {
            if let (Some(label), Some(whole)) = (hit.get(1), hit.get(0)) {
                labelled(text, whole.end(), &mut ranges);
                ranges.push(label.start()..whole.end());
            }
        }
    }
    let new = ranges.into_iter();
    found.extend(new.map(|range| Found::new(Kind::Address, range)));
}

/// Returns where the street line ends that starts with a number.
fn street_end(text: &str, number: &Range<usize>) -> Option<usize> {
    let before = text[..number.start].chars().next_back();
    let inside = |c: char| c.is_alphanumeric() || "$€£.,'’+#%:".contains(c);
    let is_year = text[number.clone()]
        .parse()
        .is_ok_and(|number| YEARS.contains(&number));
    if before.is_some_and(inside) || is_year {
        return None;
    }
    let next = text[number.end..].chars().next()?;
    if !(next.is_ascii_alphabetic() || " \t,".contains(next)) {
        return None;
    }
    let ahead = &text[number.start..floor_boundary(text, number.start + STREET_BYTES)];
    let line = text[..number.start].trim_end_matches([' ', '\u{a0}']);
    let starts_line = line.is_empty() || line.ends_with(['\n', '\r', '|', '•', '\t', ':', ',']);
    let lines = if starts_line {
        STREET_LINES.as_slice()
    } else {
        &[]
    };
    let end = STREETS
        .iter()
        .chain(lines)
        .find_map(|street| street.find(ahead))?
        .end();
    // "7 High School Graduate St. Hubert" is a saint.
    let saint = ahead[..end].to_ascii_lowercase().ends_with("st.")
        && ahead[end..].trim_start().starts_with(char::is_uppercase);
    (!saint).then_some(number.start + end)
}

/// Returns the postcode that starts with a number or around it.
fn postcode(text: &str, number: &Range<usize>, near: bool, top: bool) -> Option<Range<usize>> {
    let from = floor_boundary(text, number.start.saturating_sub(8));
    let before = &text[from..number.start];
    let after = &text[number.end..floor_boundary(text, number.end + 8)];
    if number.len() == 5 && STATE.is_match(before) {
        let more = after.strip_prefix('-').map_or(0, |rest| {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 4 { 5 } else { 0 }
        });
        return Some(number.start..number.end + more);
    }
    if number.len() <= 2 && before.to_ascii_lowercase().trim_end().ends_with("cedex") {
        return Some(number.clone());
    }
    if !near && !top {
        return None;
    }
    let ahead = &text[number.start..floor_boundary(text, number.start + STREET_BYTES)];
    let [area, rest] = &*BRITISH;
    if number.len() <= 2
        && let (Some(area), Some(rest)) = (area.find(before), rest.find(ahead))
    {
        return Some(from + area.start()..number.start + rest.end());
    }
    let country = ["F-", "B-", "CH-", "L-", "FR-"];
    let country = country
        .iter()
        .filter(|country| before.ends_with(**country))
        .map(|country| country.len())
        .max()
        .unwrap_or_default();
    let start = number.start - country;
    let apart = text[..start].trim_end_matches([' ', '\t']);
    let apart =
        apart.is_empty() || apart.ends_with(['\n', ',', '|', '•', '·', ';', '-', '–', ':', '(']);
    if (number.len() == 4 && country == 0) || !(near || apart) || number.len() == 3 {
        return None;
    }
    POSTCODE[usize::from(!near)].find(ahead)?;
    let digits = ahead
        .bytes()
        .enumerate()
        .take_while(|(_, byte)| byte.is_ascii_digit() || *byte == b' ')
        .filter(|(_, byte)| byte.is_ascii_digit())
        .last()?;
    Some(start..number.start + digits.0 + 1)
}

/// Takes the parts with digits of an address behind its label; of "69003 Lyon"
/// and "Pune - 411028" the digits only. Digits that were found before do not
/// count.
fn labelled(text: &str, at: usize, ranges: &mut Vec<Range<usize>>) {
    let known = ranges.len();
    let rest = &text[at..floor_boundary(text, at + ADDRESS_BYTES)];
    let end = rest.find(['\n', '\r', '|', '•', '\t', ';']);
    let address = &rest[..end.unwrap_or(rest.len())];
    let mut start = 0;
    for part in address.split(',') {
        let sentence = part
            .match_indices(". ")
            .map(|(at, _)| at)
            .find(|at| !part[..*at].to_ascii_lowercase().ends_with("no"))
            .unwrap_or(part.len());
        let taken = &part[..sentence];
        if taken.split_whitespace().count() > 6 {
            break;
        }
        let from = at + start;
        let is_digit = |c: char| c.is_ascii_digit();
        let is_new = |at: &usize| {
            !ranges[..known]
                .iter()
                .any(|range| range.contains(&(from + at)))
        };
        let mut digits = taken
            .match_indices(is_digit)
            .map(|(at, _)| at)
            .filter(is_new);
        let first = digits.next();
        if let Some(first) = first {
            let last = digits.next_back().unwrap_or(first);
            let code = &taken[first..=last];
            if (5..=6).contains(&code.len()) && code.chars().all(is_digit) {
                ranges.push(from + first..from + last + 1);
            } else {
                let words = taken.trim_start();
                ranges.push(from + taken.len() - words.len()..from + taken.trim_end().len());
            }
        }
        if sentence < part.len() {
            break;
        }
        start += part.len() + 1;
    }
}
