//! Finds e-mail addresses, telephone numbers and web addresses, each with the
//! label before it.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use crate::finder::{Found, floor_boundary};
use crate::kind::Kind;
use crate::rule::compile;

/// Longest local part of an e-mail address, in characters (RFC 5321).
const MAX_LOCAL_CHARS: usize = 64;

/// Longest domain name, in characters.
const MAX_DOMAIN_CHARS: usize = 255;

/// Ends of host names after which a slash starts a path. `net` and `io` are
/// missing on purpose: "ASP.NET/C#" and "socket.io/redis" are skills.
const HOST_ENDS: [&str; 12] = [
    ".com", ".org", ".fr", ".me", ".eu", ".uk", ".de", ".be", ".ch", ".ca", ".info", ".dev",
];

/// Words that announce a telephone number.
const TELEPHONE_LABELS: [&str; 10] = [
    "tel",
    "tél",
    "phone",
    "telephone",
    "téléphone",
    "mobile",
    "cell",
    "portable",
    "fax",
    "whatsapp",
];

/// A label before a contact.
static LABEL: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)(?:^|[^\p{L}\d])((?:(?:e-?\s?mail|mail|courriel|tele?|tél|t[ée]l[ée]phone|phone|mobile|cell|cellphone|portable|fax|whatsapp|gsm|linked\s?in|github|gitlab|skype|telegram|twitter|facebook|instagram|website|web|site|blog|portfolio)(?:\s+(?:address|number|no|id|mobile|portable|fixe|perso\p{L}*|personnel|profile|web|internet|personal|home))?|adresse\s+(?:e-?mail|mail|[ée]lectronique)|contact\s+(?:no|number))\s*(?:\([^)\n]{0,12}\))?[\s.:#=-]*)$",
    )
});

/// How far before a contact its label is looked for, in bytes.
const LABEL_BYTES: usize = 40;

/// Finds the contacts in a text.
pub(crate) fn contacts(text: &str, found: &mut Vec<Found>) {
    let all = [
        (Kind::Email, emails(text)),
        (Kind::WebAddress, web_addresses(text)),
        (Kind::Telephone, telephones(text)),
    ];
    for (kind, ranges) in all {
        for range in ranges {
            let from = floor_boundary(text, range.start.saturating_sub(LABEL_BYTES));
            let before = &text[from..range.start];
            let label = LABEL.captures(before).and_then(|found| found.get(1));
            let start = label.map_or(range.start, |label| from + label.start());
            found.push(Found::new(kind, start..range.end));
        }
    }
}

fn emails(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('@') {
        let is_local = |c: &char| c.is_alphanumeric() || "._%+-".contains(*c);
        let local: usize = text[..at]
            .chars()
            .rev()
            .take(MAX_LOCAL_CHARS)
            .take_while(is_local)
            .map(char::len_utf8)
            .sum();
        let is_domain = |c: &char| c.is_alphanumeric() || ".-".contains(*c);
        let domain: usize = text[at + 1..]
            .chars()
            .take(MAX_DOMAIN_CHARS)
            .take_while(is_domain)
            .map(char::len_utf8)
            .sum();
        let host = text[at + 1..at + 1 + domain].trim_end_matches(['.', '-']);
        let ends_well = host.rsplit_once('.').is_some_and(|(name, end)| {
            !name.is_empty() && end.len() >= 2 && end.chars().all(char::is_alphabetic)
        });
        if local > 0 && ends_well {
            found.push(at - local..at + 1 + host.len());
        }
    }
    found
}

fn web_addresses(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let bytes = text.as_bytes();
    let mut done = 0;
    while done < bytes.len() {
        let rest = &bytes[done..];
        let start = done + rest.iter().take_while(|b| b.is_ascii_whitespace()).count();
        let rest = &bytes[start..];
        let end = start + rest.iter().take_while(|b| !b.is_ascii_whitespace()).count();
        done = end;
        let word = &text[start..end];
        if let Some(offset) = address_start(word) {
            let end = word[offset..].find(['<', '>', '"', ')', ']', '}', '|', ',', '•']);
            let end = end.map_or(word.len(), |length| offset + length);
            found.push(start + offset..start + end);
        }
    }
    found
}

/// Returns where in a word a web address starts.
fn address_start(word: &str) -> Option<usize> {
    let has_www = |word: &str| {
        word.len() > 4
            && word
                .as_bytes()
                .windows(4)
                .any(|four| four.eq_ignore_ascii_case(b"www."))
    };
    if !word.contains('/') && !has_www(word) {
        return None;
    }
    let lower = word.to_ascii_lowercase();
    if let Some(colon) = lower.find("://") {
        let scheme = lower[..colon]
            .bytes()
            .rev()
            .take_while(u8::is_ascii_alphabetic)
            .count();
        return (scheme > 0).then_some(colon - scheme);
    }
    if let Some(www) = lower.find("www.") {
        let alone = !lower[..www].ends_with(|c: char| c.is_alphanumeric());
        return alone.then_some(www);
    }
    let slash = lower
        .match_indices('/')
        .map(|(at, _)| at)
        .find(|at| HOST_ENDS.iter().any(|end| lower[..*at].ends_with(end)))?;
    let host = lower[..slash]
        .bytes()
        .rev()
        .take_while(|b| b.is_ascii_alphanumeric() || b".-".contains(b))
        .count();
    Some(slash - host)
}

/// A run of digits in a text.
#[derive(Debug)]
struct Digits {
    span: Range<usize>,
    /// Whether the gap before it can lie inside a telephone number.
    joined: bool,
}

/// Most groups of digits in one telephone number.
const MAX_GROUPS: usize = 8;

fn telephones(text: &str) -> Vec<Range<usize>> {
    let groups = digit_groups(text);
    let mut found = Vec::new();
    let mut first = 0;
    while first < groups.len() {
        let joined = groups[first + 1..]
            .iter()
            .take(MAX_GROUPS - 1)
            .take_while(|group| group.joined)
            .count();
        let longest = (1..=joined + 1)
            .rev()
            .find(|count| is_telephone(text, &groups[first..first + count]));
        let Some(count) = longest else {
            first += 1;
            continue;
        };
        let last = &groups[first + count - 1];
        let prefix = text[..groups[first].span.start]
            .bytes()
            .rev()
            .take_while(|byte| b"+(".contains(byte))
            .count();
        found.push(groups[first].span.start - prefix..last.span.end);
        first += count;
    }
    found
}

fn digit_groups(text: &str) -> Vec<Digits> {
    let mut groups: Vec<Digits> = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let end = at
            + bytes[at..]
                .iter()
                .take_while(|byte| byte.is_ascii_digit())
                .count();
        let joined = groups.last().is_some_and(|last| {
            let gap = &bytes[last.span.end..at];
            (1..=3).contains(&gap.len()) && gap.iter().all(|byte| b" .-()+".contains(byte))
        });
        groups.push(Digits {
            span: at..end,
            joined,
        });
        at = end;
    }
    groups
}

fn is_telephone(text: &str, groups: &[Digits]) -> bool {
    let (Some(first), Some(last)) = (groups.first(), groups.last()) else {
        return false;
    };
    let before = text[..first.span.start].chars().next_back();
    let after = text[last.span.end..].chars().next();
    let inside_word =
        |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "$€£%/_".contains(c));
    if inside_word(before) || inside_word(after) {
        return false;
    }
    let lengths: Vec<usize> = groups.iter().map(|group| group.span.len()).collect();
    let digits: usize = lengths.iter().sum();
    if !(7..=15).contains(&digits) {
        return false;
    }
    let opening = &text[first.span.clone()];
    let names_year = |group: &Digits| {
        let digits = &text[group.span.clone()];
        digits.len() == 4 && (digits.starts_with("19") || digits.starts_with("20"))
    };
    let international = before == Some('+') || (opening.starts_with("00") && digits >= 10);
    let bracket = groups
        .last()
        .is_some_and(|last| text[..last.span.start].ends_with('('));
    let american = (matches!(lengths[..], [3, 3, 4]) && !bracket)
        || (opening == "1" && matches!(lengths[..], [1, 3, 3, 4]));
    let has_year = groups.iter().any(names_year);
    let national =
        digits == 10 && opening.starts_with('0') && !opening.starts_with("00") && !has_year;
    let unbroken = lengths.len() == 1 && digits >= 10;
    international
        || american
        || national
        || unbroken
        || (!has_year && follows_label(text, first.span.start))
}

/// Tells whether the text just before `at` announces a telephone number.
fn follows_label(text: &str, at: usize) -> bool {
    let before = text[..at].trim_end_matches([' ', ':', '.', '(', '-', '\u{a0}', '+', '#']);
    let word: String = before
        .chars()
        .rev()
        .take_while(|c| c.is_alphabetic())
        .take(12)
        .collect();
    let word: String = word.chars().rev().flat_map(char::to_lowercase).collect();
    TELEPHONE_LABELS.contains(&word.as_str())
}
