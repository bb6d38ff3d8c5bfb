//! Reads titles and skills from the headings of a free text, in English and
//! French.
//!
//! Real CVs often come as one text. Where such a text has a heading like
//! "Skills" or "Compétences" with a list of short phrases under it, those
//! phrases are taken as the skills; a line that names an occupation near the
//! top is taken as the title. What cannot be read so is left empty: adverts
//! mostly tell their wishes in sentences, and a sentence is no skill.
//!
//! Everything returned is *derived*, not stated by the person.

use std::collections::BTreeSet;

use crate::key::{match_key, words};
use crate::lexicon::{
    BAD_ENDS, BAD_STARTS, Lexicon, NO_SKILLS, OPTIONAL_SKILL_HEADINGS, OTHER_HEADINGS,
    RECORD_LABELS, SENTENCE_WORDS, SKILL_HEADINGS,
};
use crate::title::as_title;

/// Most skills derived from one text.
pub const MAX_DERIVED_SKILLS: usize = 40;

/// Lines at the top in which a title is looked for.
const TITLE_LINES: usize = 12;

/// How far the list under a heading can go.
#[derive(Clone, Copy)]
struct Extent {
    /// Most lines.
    lines: usize,
    /// Whether a blank line ends it.
    until_blank: bool,
}

/// In a CV a list goes on to the next heading.
const CV_EXTENT: Extent = Extent {
    lines: 60,
    until_blank: false,
};

/// In an advert, prose follows a list without a heading.
const ADVERT_EXTENT: Extent = Extent {
    lines: 25,
    until_blank: true,
};

/// A line at least this long was wrapped: its last phrase goes on.
const WRAPPED_CHARS: usize = 90;

/// Bounds on the characters of a phrase, both included.
const PHRASE_CHARS: (usize, usize) = (2, 60);

/// Most words of a skill in a CV and in an advert.
const CV_WORDS: usize = 5;
const ADVERT_WORDS: usize = 4;

/// What was read from a text; lists are empty where nothing could be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// At most one title, as written.
    pub titles: Vec<String>,
    /// Skills under headings for skills, in order, without repetitions; at
    /// most [`MAX_DERIVED_SKILLS`].
    pub skills: Vec<String>,
    /// Skills under headings such as "Nice to have" (adverts only).
    pub optional_skills: Vec<String>,
}

/// Reads a CV.
pub fn read_cv(text: &str) -> Reading {
    let lines = clean_lines(text);
    let skills = collect(sections(&lines, Kind::Skills, CV_EXTENT), |phrases| {
        acceptable(phrases, CV_WORDS).collect()
    });
    Reading {
        titles: read_title(&lines),
        skills,
        optional_skills: Vec::new(),
    }
}

/// Reads an advert; a section counts only when nearly all of it is a list of
/// short phrases.
pub fn read_vacancy(text: &str) -> Reading {
    let lines = clean_lines(text);
    let list_only = |phrases: &[String]| {
        let kept: Vec<String> = acceptable(phrases, ADVERT_WORDS).collect();
        let is_list = kept.len() >= 3 && kept.len() * 4 >= phrases.len() * 3;
        if is_list { kept } else { Vec::new() }
    };
    Reading {
        titles: read_title(&lines),
        skills: collect(sections(&lines, Kind::Skills, ADVERT_EXTENT), list_only),
        optional_skills: collect(
            sections(&lines, Kind::OptionalSkills, ADVERT_EXTENT),
            list_only,
        ),
    }
}

fn read_title(lines: &[String]) -> Vec<String> {
    let top = lines
        .iter()
        .filter(|line| !line.is_empty())
        .take(TITLE_LINES);
    top.filter(|line| heading(line).is_none())
        .find_map(|line| as_title(line))
        .into_iter()
        .collect()
}

/// What a heading announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Skills,
    OptionalSkills,
    Other,
}

/// Returns what a line announces when it is a heading by itself.
fn heading(line: &str) -> Option<Kind> {
    if line.chars().count() > 45 {
        return None;
    }
    let key = match_key(&line.replace(['&', '/'], " and "));
    // "Skills & expertise" and "Skills expertise" are one heading.
    let plain = match_key(line);
    let is_in = |list: &Lexicon| list.contains(key.as_str()) || list.contains(plain.as_str());
    if is_in(&SKILL_HEADINGS) {
        Some(Kind::Skills)
    } else if is_in(&OPTIONAL_SKILL_HEADINGS) {
        Some(Kind::OptionalSkills)
    } else if is_in(&OTHER_HEADINGS) {
        Some(Kind::Other)
    } else {
        None
    }
}

/// Splits "Technical skills: Rust, Go" into its heading and its content.
fn inline_heading(line: &str) -> Option<(Kind, &str)> {
    let (label, content) = line.split_once(':')?;
    let kind = heading(label)?;
    (!content.trim().is_empty() && kind != Kind::Other).then_some((kind, content))
}

/// Gathers the phrases of every section that `accept` keeps, and drops
/// repetitions.
fn collect(sections: Vec<Vec<&str>>, accept: impl Fn(&[String]) -> Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut skills = Vec::new();
    for section in sections {
        for phrase in accept(&phrases(&section)) {
            if skills.len() < MAX_DERIVED_SKILLS && seen.insert(match_key(&phrase)) {
                skills.push(phrase);
            }
        }
    }
    skills
}

/// Returns the lines under each heading of a kind.
fn sections(lines: &[String], wanted: Kind, extent: Extent) -> Vec<Vec<&str>> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    let mut inside = false;
    for line in lines.iter().map(String::as_str) {
        if let Some(kind) = heading(line) {
            inside = kind == wanted;
            if inside {
                sections.push(Vec::new());
            }
            continue;
        }
        if let Some((kind, content)) =
            inline_heading(line).filter(|(kind, _)| !inside || *kind != wanted)
        {
            inside = false;
            if kind == wanted {
                sections.push(vec![content]);
            }
            continue;
        }
        let Some(section) = sections.last_mut().filter(|_| inside) else {
            continue;
        };
        let ends = section.len() >= extent.lines
            || (extent.until_blank && line.is_empty() && !section.is_empty())
            || starts_a_record(line);
        if ends {
            inside = false;
        } else if !line.is_empty() {
            section.push(line);
        }
    }
    sections
}

/// Tells whether a line such as "company - X" or "Métier : X" starts a record.
fn starts_a_record(line: &str) -> bool {
    let label = line.split([':', '-', '–']).next().unwrap_or_default();
    label.len() < line.len()
        && label.chars().count() <= 45
        && RECORD_LABELS.contains(match_key(label).as_str())
}

/// Splits the lines of a section into phrases.
fn phrases(section: &[&str]) -> Vec<String> {
    let mut joined = String::new();
    for line in section {
        joined.push_str(line);
        let goes_on =
            line.chars().count() >= WRAPPED_CHARS && !line.ends_with(['.', ',', ';', ':']);
        joined.push(if goes_on { ' ' } else { '\n' });
    }
    joined
        .replace("- ", "\n")
        .replace(" – ", "\n")
        .split(|c: char| c == '\n' || ",;|•·▪●■◦*\t()[]".contains(c))
        .map(|phrase| {
            without_label(phrase).trim_matches(|c: char| !(c.is_alphanumeric() || "+#".contains(c)))
        })
        .map(|phrase| phrase.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|phrase| !phrase.is_empty())
        .collect()
}

/// Takes "Python" from "Programming languages: Python", and "Java" from "and
/// Java".
fn without_label(phrase: &str) -> &str {
    let phrase = phrase
        .rsplit_once(':')
        .map_or(phrase, |(_, content)| content)
        .trim();
    let leading = ["and ", "or ", "et ", "ou ", "And ", "Et "];
    leading
        .iter()
        .find_map(|word| phrase.strip_prefix(word))
        .unwrap_or(phrase)
}

/// Keeps the phrases that can be skills.
fn acceptable(phrases: &[String], max_words: usize) -> impl Iterator<Item = String> {
    phrases
        .iter()
        .filter(move |phrase| is_skill(phrase, max_words))
        .cloned()
}

fn is_skill(phrase: &str, max_words: usize) -> bool {
    let chars = phrase.chars().count();
    let words = words(phrase);
    let (Some(first), Some(last)) = (words.first(), words.last()) else {
        return false;
    };
    let letters = phrase.chars().filter(|c| c.is_alphabetic()).count();
    let is_duration = phrase.contains(|c: char| c.is_ascii_digit())
        && words.iter().any(|word| {
            ["month", "months", "year", "years", "yrs", "ans", "mois"].contains(&word.as_str())
        });
    let has_year = words.iter().any(|word| {
        word.len() == 4
            && (word.starts_with("19") || word.starts_with("20"))
            && word.parse::<u16>().is_ok()
    });
    (PHRASE_CHARS.0..=PHRASE_CHARS.1).contains(&chars)
        && words.len() <= max_words
        && letters * 2 >= chars
        && !phrase.contains(". ")
        && !phrase.contains(['?', '!', '@', '='])
        && !is_duration
        && !(has_year && words.len() > 2)
        && !BAD_STARTS.contains(first.as_str())
        && !BAD_ENDS.contains(last.as_str())
        && !words
            .iter()
            .any(|word| SENTENCE_WORDS.contains(word.as_str()))
        && !NO_SKILLS.contains(match_key(phrase).as_str())
        && heading(phrase).is_none()
}

/// Splits a text into trimmed lines, with bullets made one sign and the debris
/// of a wrong character set removed.
fn clean_lines(text: &str) -> Vec<String> {
    text.split(['\n', '\r']).map(clean_line).collect()
}

fn clean_line(line: &str) -> String {
    let mut clean = String::with_capacity(line.len());
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            // UTF-8 read as Latin-1 or Windows-1252: "â€¢", "Â ", "ï¼".
            'â' | 'Â' | 'ï' if letters.peek().is_none_or(|next| !next.is_alphanumeric()) => {
                let mut debris = String::new();
                while debris.len() < 6
                    && let Some(sign) = letters.next_if(|c| !c.is_ascii() && !c.is_alphabetic())
                {
                    debris.push(sign);
                }
                let bullet = debris.contains('¢') || debris.starts_with(['\u{9c}', '\u{9d}']);
                clean.push(if bullet { '•' } else { ' ' });
            }
            '❖' | '✓' | '➢' | '►' | '➔' | '\u{e000}'..='\u{f8ff}' => clean.push('•'),
            '\t' => clean.push('\t'),
            '\u{a0}' | '\u{200b}'..='\u{200f}' | '\u{feff}' => clean.push(' '),
            _ if letter.is_control() => clean.push(' '),
            _ => clean.push(letter),
        }
    }
    let is_edge = |c: char| c.is_whitespace() || "•*#>:_=-".contains(c);
    clean
        .trim_start_matches(is_edge)
        .trim_end_matches(|c: char| c.is_whitespace() || "•*:_=".contains(c))
        .to_owned()
}

#[cfg(test)]
#[path = "reading/tests.rs"]
mod tests;
