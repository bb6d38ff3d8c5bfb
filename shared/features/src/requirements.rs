//! Education and years of experience, as texts in English and French say them.
//!
//! Levels are those of the European Qualifications Framework: 8 doctorate, 7 master's or
//! French engineering degree, 6 bachelor's degree or licence, 5 two years of higher
//! education (BTS, DUT, HND, associate degree), 4 end of upper secondary school
//! (baccalauréat, A-levels, high school diploma), 3 vocational certificate (CAP, BEP,
//! GCSE), 2 end of lower secondary school. A word counts only where it stands for a degree:
//! "Scrum Master", "MS Excel" and "licence de conduire" say nothing.

use std::sync::LazyLock;

use regex::Regex;

/// Degrees by level, the highest first. A level is known by any of its patterns.
const DEGREES: [(u8, &str); 8] = [
    (
        8,
        r"(?i)\bph\.?\s?d\b|\bdoctorates?\b|\bdoctoral (?:degree|studies)|\bdoctorat\b|\bdoctor of philosophy|\bbac{1,2}\s?\+\s?8",
    ),
    (
        7,
        r"(?i)\bmaster(?:[’']?s|s[’'])\b|\bmaster\s(?:degree|of (?:science|arts|business|engineering|laws|education|public|social)|en|in|ou|or|pro|recherche|préférable|[12])\b|\bmaster spécialisé|\b(?:licence|bachelor|niveau|dipl[oô]me de|titulaire d[’'’]un|\bun)\s?(?:/|ou|et|or|de)?\s?master\b|\bm\.?\s?sc\b|\bm\.[as]\.|\bm\.?eng\b|\bmba\b|\bd(?:ipl[oô]me|e formation) d[’']ing[ée]nieur|[ée]cole d[’']ing[ée]nieur|\bing[ée]nieure? diplômée?|\bformation (?:d[’'])?ing[ée]nieur|\bbac{1,2}\s?\+\s?[4-7]?\s?(?:/|à|ou|-)?\s?(?:bac{1,2})?\s?\+?\s?[567]\b",
    ),
    (
        7,
        r"\b(?:MS|MA)\s(?:degree|in\s)|/\s?M[AS]\b|\bD(?:EA|ESS)\b|^\s*Ing[ée]nieur",
    ),
    (
        6,
        r"(?i)\bbachelor(?:[’']?s|s[’'])?\b|\bundergraduate degree|\bb\.?\s?sc\b|\bb\.[as]\.|\bb\.?eng\b|\bb\.?tech\b|\b(?:college|university|four[- ]year|4[- ]year) degree|\blicence\s(?:pro|professionnelle|universitaire|en|ès|lmd|l?3)\b|\blicence\s?(?:/|ou|et)\s?(?:bachelor|master)|\b(?:en|de) licence\b|\bbac{1,2}\s?\+\s?[34]\b",
    ),
    (6, r"\b(?:BS|BA)\s(?:degree|in\s)|\b(?:BA|BS)\s?/|\bBBA\b"),
    (
        5,
        r"(?i)\bassociate(?:[’']?s|s[’'])?\sdegree|\bassociate of (?:arts|science|applied)|\bfoundation degree|\bbac{1,2}\s?\+\s?2\b|\bhigher national diploma|\bbrevet de technicien supérieur",
    ),
    (5, r"\b(?:BTS|DUT|HND|DEUG|DEUST)\b"),
    (
        4,
        r"(?i)\bhigh[- ]school (?:diploma|degree|graduate|education|or )|\bg\.?e\.?d\.?\b|\ba[- ]levels?\b|\bbaccalaur[ée]at\b|\bsecondary school (?:diploma|certificate|leaving)|\bbac{1,2}\s?\+\s?1\b",
    ),
];

/// The French end of school, where no years are added to it.
const BAC: &str = r"(?i)\bbac\b(\s?\+)?";

/// Degrees below the end of upper secondary school.
const LOWER: [(u8, &str); 2] = [
    (
        3,
        r"\bBEP\b|\bBEP\s?[/,]\s?CAP\b|\b(?:un|le|du|d[’']un|de)\sCAP\b|^\s*CAP\b|\bGCSEs?\b|(?i:\bavant bac\b)|\bCAP\s(?:ou|de|en)\b",
    ),
    (2, r"\bBEPC\b|(?i)\bbrevet des collèges"),
];

/// What follows a degree that is only wished for.
const WISHED: &str = r"(?i)^[^.;\n•]{0,40}?\b(?:preferred|preferable|desired|desirable|a plus|an asset|advantage|préférable|souhaitée?s?|apprécié|un plus|un atout)";

/// A word for years or months.
const UNIT: &str = r"(?i)(?:years?|yrs?|ans?|années?|months?|mois)\b";

/// Bytes before a unit in which its number stands.
const SPAN_BYTES: usize = 48;

/// Years or months, from and to, with what stands directly before and after.
const SPAN: &str = r"(?i)(?P<limit>[<>]|\b(?:less than|under|up to|moins de|jusqu[’']à|maximum(?: of)?|max\.?))?\s*(?P<least>\b(?:at least|minimum(?: of| de)?|au moins|au minimum|min\.?)\s*(?:de\s)?)?(?:\b(?P<word>one|two|three|four|five|six|seven|eight|nine|ten|une?|deux|trois|quatre|cinq|sept|huit|neuf|dix)\b\s*)?\(?0?(?P<from>\b\d{1,2}(?:[.,]\d)?)?\)?\s?(?P<plus>\+|plus\b|or more\b|ou plus\b)?\s*(?:(?:-|–|—|to|à|and|et|ou|or)\s*\d{1,2}\s?\+?\s*)?(?P<unit>years?|yrs?|ans|an|années?|months?|mois)\b[’']?(?P<after>\s*(?:minimum|or more|ou plus|et plus|au moins|\(ou plus\)))?";

/// What tells of experience in the same clause.
const EXPERIENCE: &str = r"(?i)exp[ée]rience|\bancienneté|\bposte similaire|\btrack record";

/// What tells that a span is of something else: ages, studies, contracts, the employer.
const OTHERWISE: &str = r"(?i)\bof age\b|\bold\b|\bage\b|âge|âgé|\baged\b|\b(?:our|we have|we[’']ve|founded|history)\b|\bnotre\b|\bnous avons\b|\bcontract\b|\bcontrat\b|\bcdd\b|\bd[’']études|études supérieures|\bwarranty|\bgarantie|\bper year\b|\bpar an\b";

/// Greatest number of years that is believed.
const MOST_YEARS: f32 = 30.0;
/// Months of a year.
const MONTHS_PER_YEAR: f32 = 12.0;
/// Letters of a clause that are looked at on either side of a span.
const CLAUSE_BEFORE: usize = 60;
const CLAUSE_AFTER: usize = 70;

static PATTERNS: LazyLock<Patterns> = LazyLock::new(Patterns::new);

struct Patterns {
    degrees: Vec<(u8, Regex)>,
    bac: Regex,
    wished: Regex,
    unit: Regex,
    span: Regex,
    experience: Regex,
    otherwise: Regex,
}

impl Patterns {
    fn new() -> Self {
        let degrees = DEGREES.into_iter().chain(LOWER);
        Self {
            degrees: degrees
                .map(|(level, pattern)| (level, compiled(pattern)))
                .collect(),
            bac: compiled(BAC),
            wished: compiled(WISHED),
            unit: compiled(UNIT),
            span: compiled(SPAN),
            experience: compiled(EXPERIENCE),
            otherwise: compiled(OTHERWISE),
        }
    }
}

#[expect(
    clippy::expect_used,
    reason = "the patterns are constants, and every one is compiled by the tests"
)]
fn compiled(pattern: &str) -> Regex {
    // Edges of words in ASCII: many times faster, and all these words have such edges.
    Regex::new(&pattern.replace(r"\b", r"(?-u:\b)")).expect("a pattern of this crate is valid")
}

/// Returns the highest level of education that a text names, 2 to 8, such as the name of a
/// degree or a CV; `None` when it names none. Studies under way count.
pub fn education_level(text: &str) -> Option<u8> {
    levels(text).map(|(level, _)| level).max()
}

/// Returns the least level of education that an advert asks for, 2 to 8; `None` when it
/// names none. Where it names several, one or the other will do; one that is only wished
/// for does not count.
pub fn asked_education(text: &str) -> Option<u8> {
    let is_asked = |end: usize| {
        let rest = text.get(end..).unwrap_or_default();
        !PATTERNS.wished.is_match(rest)
    };
    levels(text)
        .filter(|(_, end)| is_asked(*end))
        .map(|(level, _)| level)
        .min()
}

/// Returns the levels that a text names, with the bytes at which their names end.
fn levels(text: &str) -> impl Iterator<Item = (u8, usize)> {
    let degrees = PATTERNS.degrees.iter().flat_map(move |(level, pattern)| {
        let found = pattern.find_iter(text);
        found.map(|found| (*level, found.end()))
    });
    let bac = PATTERNS.bac.captures_iter(text).filter_map(|found| {
        let alone = found.get(1).is_none();
        alone.then(|| found.get(0).map(|found| (4, found.end())))?
    });
    degrees.chain(bac)
}

/// Returns the years of experience that an advert asks for, 0 to 30: the lower end of the
/// first span that it gives; `None` when it gives none. Months count as parts of a year,
/// and "less than two years" as none.
///
/// A span counts when its clause speaks of experience, or says "at least" or "+", and not
/// when it speaks of ages, studies, contracts or the employer's own history.
pub fn asked_years(text: &str) -> Option<f32> {
    PATTERNS.unit.find_iter(text).find_map(|unit| {
        // The number stands before its unit, and nothing else needs a search.
        let mut start = unit.start().saturating_sub(SPAN_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let rest = clause_after(text.get(unit.end()..)?);
        let near = text.get(start..unit.end() + rest.len())?;
        let span = PATTERNS.span.captures_iter(near).find(|span| {
            let found = span.name("unit");
            found.is_some_and(|found| start + found.start() == unit.start())
        })?;
        let whole = span.get(0)?;
        let before = clause_before(text.get(..start + whole.start())?);
        let after = clause_after(text.get(start + whole.end()..)?);
        let told = |pattern: &Regex| pattern.is_match(before) || pattern.is_match(after);
        let has = |name| span.name(name).is_some();
        let is_least = has("least") || has("plus") || has("after");
        if told(&PATTERNS.otherwise) || !(is_least || told(&PATTERNS.experience)) {
            return None;
        }
        if span
            .name("limit")
            .is_some_and(|limit| limit.as_str() != ">")
        {
            return Some(0.0);
        }
        let figure = span
            .name("from")
            .map(|from| from.as_str().replace(',', "."));
        let figure = figure.and_then(|figure| figure.parse::<f32>().ok());
        let number = figure.or_else(|| number_of(span.name("word")?.as_str()))?;
        let unit = span.name("unit")?.as_str().to_lowercase();
        let years = if unit.starts_with("mo") {
            number / MONTHS_PER_YEAR
        } else {
            number
        };
        (years <= MOST_YEARS).then_some(years)
    })
}

/// Returns what stands before in the same clause, at most some letters of it.
fn clause_before(text: &str) -> &str {
    let start = text
        .char_indices()
        .rev()
        .take(CLAUSE_BEFORE)
        .take_while(|(_, letter)| !ends_clause(*letter))
        .last();
    start
        .and_then(|(start, _)| text.get(start..))
        .unwrap_or_default()
}

/// Returns what stands after in the same clause, at most some letters of it.
fn clause_after(text: &str) -> &str {
    let end = text
        .char_indices()
        .take(CLAUSE_AFTER)
        .take_while(|(_, letter)| !ends_clause(*letter))
        .last();
    end.and_then(|(end, letter)| text.get(..end + letter.len_utf8()))
        .unwrap_or_default()
}

fn ends_clause(letter: char) -> bool {
    ['.', ';', '\n', '!', '?', '•', '·'].contains(&letter)
}

/// Returns the number that a word says.
fn number_of(word: &str) -> Option<f32> {
    let number = match word.to_lowercase().as_str() {
        "one" | "un" | "une" => 1.0,
        "two" | "deux" => 2.0,
        "three" | "trois" => 3.0,
        "four" | "quatre" => 4.0,
        "five" | "cinq" => 5.0,
        "six" => 6.0,
        "seven" | "sept" => 7.0,
        "eight" | "huit" => 8.0,
        "nine" | "neuf" => 9.0,
        "ten" | "dix" => 10.0,
        _ => return None,
    };
    Some(number)
}

#[cfg(test)]
#[path = "requirements/tests.rs"]
mod tests;
