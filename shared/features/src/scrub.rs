//! Removes what identifies or contacts a person from a text: e-mail
//! addresses, telephone numbers and web addresses.

use std::borrow::Cow;
use std::ops::Range;

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

/// Removes e-mail addresses, telephone numbers and web addresses.
///
/// Each is replaced by one space; all else stays as it is. Years, periods,
/// amounts and version numbers are no telephone numbers.
pub fn scrub(text: &str) -> Cow<'_, str> {
    let mut found = emails(text);
    found.extend(web_addresses(text));
    found.extend(telephones(text));
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_unstable_by_key(|span| span.start);
    let mut clean = String::with_capacity(text.len());
    let mut done = 0;
    for span in found {
        if span.start > done {
            clean.push_str(&text[done..span.start]);
        }
        if span.end > done {
            clean.push(' ');
            done = span.end;
        }
    }
    clean.push_str(&text[done..]);
    Cow::Owned(clean)
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
    let mut done = 0;
    for word in text.split_ascii_whitespace() {
        let start = done + text[done..].find(word).unwrap_or_default();
        done = start + word.len();
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
    let slash = HOST_ENDS
        .iter()
        .filter_map(|end| lower.find(&format!("{end}/")).map(|at| at + end.len()))
        .min()?;
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
    let american =
        matches!(lengths[..], [3, 3, 4]) || (opening == "1" && matches!(lengths[..], [1, 3, 3, 4]));
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses_and_numbers_go() {
        for (text, wanted) in [
            ("Mail jean.dupont+cv@exemple.fr, thanks", "Mail  , thanks"),
            ("E-mail:a.b@c.org.", "E-mail: ."),
            ("élodie@exemple.fr", " "),
            ("see https://x.y/z?a=b (here)", "see   (here)"),
            ("(www.site.com) ok", "( ) ok"),
            ("LinkedIn: linkedin.com/in/someone now", "LinkedIn:   now"),
            ("Call +33 6 12 34 56 78 today", "Call   today"),
            ("06 12 34 56 78", " "),
            ("06.12.34.56.78", " "),
            ("0612345678 CDI", "  CDI"),
            ("(555) 123-4567 2010-2012", "  2010-2012"),
            ("1-555-123-4567", " "),
            ("Tel: 123 45 67 end", "Tel:   end"),
            ("2012 555-123-4567", "2012  "),
            ("+237 6 99 99 99 99", " "),
        ] {
            assert_eq!(scrub(text), wanted, "{text}");
        }
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "July 2011 to November 2012",
            "2012-2014 2015-2016",
            "01/2010 - 05/2012",
            "01.2010 - 05.2012",
            "05.2010 2012",
            "$360,000,000 and 150 000 FCFA",
            "ASP.NET/C#, socket.io/redis, CI/CD",
            "C++ 11/14/17, Python 3.11.2",
            "ISO 9001 27001",
            "@home, foo@bar, R&D",
            "24/7 support of 1 000 000 users",
            "Windows 95 98 2000 2003",
            "10 12 2010",
        ] {
            assert_eq!(scrub(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_survived_and_nothing_new_appears(text in "[\\PC\\n]{0,200}") {
            let clean = scrub(&text);
            prop_assert!(clean.len() <= text.len());
            prop_assert!(clean.chars().all(|c| c == ' ' || text.contains(c)));
        }

        #[test]
        fn planted_contacts_never_survive(
            before in "[a-z ]{0,20}", after in "[a-z ]{0,20}", number in 10_000_000_u32..99_999_999,
        ) {
            let text = format!("{before} x{number}@mail.example.com or +336{number} or http://h.fr/{number} {after}");
            prop_assert!(!scrub(&text).contains(&number.to_string()));
        }
    }
}
