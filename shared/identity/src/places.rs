//! Finds street lines and postcodes; cities stay.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::finder::{Found, floor_boundary};
use crate::kind::Kind;
use crate::rule::compile;

/// A street line of the English-speaking world: "12 Oak Street, Apt 4".
static STREET: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)\d{1,5}[A-Za-z]?,?[ \t]+(?:[NSEW]\.?[ \t]+|(?:North|South|East|West)[ \t]+)?",
        r"(?:\d{1,3}(?:st|nd|rd|th)|[A-Z][A-Za-z'.-]*)(?:[ \t]+[A-Z][A-Za-z'.-]*){0,2}[ \t]+",
        r"(?:[Ss]treet|STREET|St|ST|[Aa]venue|AVENUE|[Aa]ve|AVE|[Rr]oad|ROAD|Rd|RD|[Bb]oulevard|Blvd|BLVD|Lane|LANE|Ln|LN|Terrace|Crescent|Parkway|Pkwy|Highway|Hwy)(?-u:\b)\.?",
        r"(?:,?[ \t]*(?:Apt|APT|Apartment|Unit|Suite|Ste|Flat|#)\.?[ \t]*#?[ \t]*[A-Z]?\d{0,5}[A-Z]?(?-u:\b))?",
        r"(?:[ \t]+(?:N|S|E|W|NE|NW|SE|SW)(?-u:\b))?"
    ))
});

/// The same with words that have other meanings, where a line ends with it.
static STREET_LINE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?m)^[ \t]*(?:(?:Flat|Apt|Unit)\.?[ \t]*\w{1,5},?[ \t]*)?\d{1,5}[A-Za-z]?,?[ \t]+(?:[A-Z][A-Za-z'.-]*[ \t]+){1,3}",
        r"(?:Drive|Dr|Court|Ct|Way|Place|Pl|Close|Square|Sq|Circle|Cir|Trail|Loop|Row|Gardens|Park|Grove|Hill|View)(?-u:\b)\.?",
        r"(?:,?[ \t]*(?:Apt|Unit|Suite|#)\.?[ \t]*\w{1,5})?(?-u:\b)"
    ))
});

/// A French street line: "12 bis, rue de la République".
static RUE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)\d{1,4}(?:[ \t]?(?:bis|ter|quater|BIS|TER)|[ABCD])?,?[ \t]+",
        r"(?:(?i:rue|avenue|av\.|boulevard|bd\.?|bld|all[ée]es?|impasse|chemin|faubourg))[ \t]+",
        r"(?:(?i:de|du|des|la|le|les|en|sur|sous|aux?|à|saint|sainte)[ \t]+|(?i:[ld]['’])[ \t]*)*",
        r"[\p{L}\d][\p{L}\d'’.-]*",
        r"(?:[ \t-]+(?:(?i:de|du|des|la|le|les|et|sur|en)[ \t]+|(?i:[ld]['’]))*\p{Lu}[\p{L}'’-]*){0,3}",
        r"(?:,?[ \t]+(?i:b[âa]t(?:iment)?|appt?|appartement|esc(?:alier)?|[ée]tage)\.?[ \t]*[A-Z\d]{1,4}(?-u:\b))*"
    ))
});

/// The same with words that have other meanings, where a line starts with it.
static PLACE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?m)^[ \t]*\d{1,4}(?:[ \t]?(?:bis|ter))?,?[ \t]+",
        r"(?i:quai|route|place|cours|square|passage|sentier|r[ée]sidence|lotissement|villa|rond-point|mont[ée]e)[ \t]+",
        r"(?:(?i:de|du|des|la|le|les)[ \t]+|(?i:[ld]['’])[ \t]*)*\p{Lu}[\p{L}'’.-]*(?:[ \t-]+\p{Lu}[\p{L}'’-]*){0,2}"
    ))
});

/// A postcode with its city or state, of which the digits go.
static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)(?:A[KLRZ]|C[AOT]|D[CE]|FL|GA|HI|I[ADLN]|K[SY]|LA|M[ADEINOST]|N[CDEHJMVY]|O[HKR]|PA|RI|S[CD]|T[NX]|UT|V[AT]|W[AIVY])[.,]?[ \t]+(\d{5}(?:-\d{4})?)(?-u:\b)",
        r"|(?-u:\b)(?:CEDEX|Cedex)([ \t]+\d{1,2})(?-u:\b)"
    ))
});

/// A French postcode before a city, or a British one, near the top or behind a
/// street.
static NEAR_POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?-u:\b)((?:F-?)?\d{5}|\d{2}[ ]\d{3}|CH-\d{4}|B-\d{4})[ \t]+\p{Lu}\p{L}",
        r"|(?-u:\b)([A-Z]{1,2}\d[A-Z\d]?[ ]\d[A-Z]{2})(?-u:\b)"
    ))
});

/// A label of an address; an address of another kind is none.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    compile(concat!(
        r"(?i)(?:^|[\n\r|•·;,.*)\t]|[ ]{2})[ \t]*((?:(?:permanent|current|present|home|postal|mailing|residential|street|local|full|contact)[ \t]+)?address",
        r"|adresse(?:[ \t]+(?:postale|personnelle|actuelle|permanente))?|domicile)[ \t]*(?::|-(?:[ \t]|$))[-: \t]*"
    ))
});

/// How far behind a street its postcode is looked for, and how long an address
/// can be, in bytes.
const POSTCODE_BYTES: usize = 24;
const ADDRESS_BYTES: usize = 160;

/// Finds addresses; `top` is the part in which a postcode needs no street.
pub(crate) fn addresses(text: &str, top: Range<usize>, found: &mut Vec<Found>) {
    let mut push = |range: Range<usize>| found.push(Found::new(Kind::Address, range));
    if has_digit(text) {
        for street in [&STREET, &RUE, &STREET_LINE, &PLACE] {
            for hit in street.find_iter(text) {
                push(hit.range());
                postcode(text, hit.end()..hit.end() + POSTCODE_BYTES, &mut push);
            }
        }
        for hit in POSTCODE.captures_iter(text) {
            hit.iter().skip(1).flatten().for_each(|code| push(code.range()));
        }
        postcode(text, top, &mut push);
    }
    if has_label(text) {
        for hit in LABEL.captures_iter(text) {
            let (Some(label), Some(whole)) = (hit.get(1), hit.get(0)) else {
                continue;
            };
            push(label.start()..whole.end());
            labelled(text, whole.end(), &mut push);
        }
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// Tells whether a label of an address can be in the text.
fn has_label(text: &str) -> bool {
    ["ddress", "DDRESS", "omicile", "OMICILE"].iter().any(|part| text.contains(part))
}

fn postcode(text: &str, range: Range<usize>, push: &mut impl FnMut(Range<usize>)) {
    let start = floor_boundary(text, range.start);
    let part = &text[start..floor_boundary(text, range.end)];
    for hit in NEAR_POSTCODE.captures_iter(part) {
        for code in hit.iter().skip(1).flatten() {
            push(start + code.start()..start + code.end());
        }
    }
}

/// Takes the parts with digits of an address behind its label; of "69003 Lyon"
/// the digits only.
fn labelled(text: &str, at: usize, push: &mut impl FnMut(Range<usize>)) {
    let rest = &text[at..floor_boundary(text, at + ADDRESS_BYTES)];
    let end = rest.find(['\n', '\r', '|', '•', '\t', ';']);
    let address = &rest[..end.unwrap_or(rest.len())];
    let mut start = 0;
    for part in address.split(',') {
        let length = part.len();
        if part.split_whitespace().count() > 6 {
            break;
        }
        if part.contains(|c: char| c.is_ascii_digit()) {
            let words = part.trim();
            let from = at + start + (length - part.trim_start().len());
            let code = words.split(' ').next().unwrap_or_default();
            let is_code = code.len() == 5 && code.bytes().all(|byte| byte.is_ascii_digit());
            let taken = if is_code { code.len() } else { words.len() };
            push(from..from + taken);
        }
        start += length + 1;
    }
}
