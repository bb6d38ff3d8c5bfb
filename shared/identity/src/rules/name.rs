//! Names after a label or an honorific.

use crate::kind::Kind::Name;
use crate::rule::{Place, Rule, Then};

pub(super) const RULES: [Rule; 10] = [
    Rule::new(
        Name,
        "father mother husband wife spouse guardian",
        r"(?:father|mother|husband|wife|spouse|guardian)(?:['’]?s)?\s+name\s*(?:&\s*)?SEP",
    )
    .then(Then::Name),
    Rule::new(
        Name,
        "name",
        r"name\s+of\s+(?:father|mother|husband|wife|spouse|guardian)(?:SEP|\s+)",
    )
    .then(Then::Name),
    Rule::new(
        Name,
        "name full first last given family middle maiden candidate surname forename applicant",
        r"(?:(?:full|first|last|given|family|middle|maiden|candidate(?:['’]?s)?|applicant(?:['’]?s)?)\s+)?(?:name|surname|forename)(?:\s*\(s\)|s)?\s*(?:[:=]|\s[-–—]\s)+[ \t\u{a0}]*",
    )
    .at(Place::Label)
    .then(Then::OwnName),
    Rule::new(
        Name,
        "nom prenom noms prenoms identite",
        r"(?:noms?(?:\s+(?:complet|de\s+famille|de\s+naissance|d['’]usage|de\s+jeune\s+fille|marital))?|pr[ée]noms?|identit[ée])(?:\s*(?:et|&|/|,)\s*(?:pr[ée]noms?|noms?))?\s*(?:[:=]|\s[-–—]\s)+[ \t\u{a0}]*",
    )
    .at(Place::Label)
    .then(Then::OwnName),
    Rule::new(
        Name,
        "my je hello",
        r"(?:my\s+name\s+is|je\s+m['’]appelle|je\s+me\s+nomme|mon\s+nom\s+est)\s+",
    )
    .then(Then::OwnName),
    Rule::new(Name, "nee", r"née\s+").then(Then::OwnName),
    // "MS Office" is no lady.
    Rule::new(
        Name,
        "mr mrs ms miss mister messrs mme mlle mmes monsieur madame mademoiselle",
        r"(?:mrs?|(?-i:Ms|MS\.)|miss|mister|messrs|mmes?|mlle|monsieur|madame|mademoiselle)\.?(?:/(?:mrs?|ms)\.?)?[\s\u{a0}]+",
    )
    .then(Then::Name),
    // "James M. Gaffney" has an initial.
    Rule::new(Name, "m", r"(?-i:M)\.[ \u{a0}]")
        .unless(r"(?:eng|tech|sc|com|ed|phil|pharm|arch|des|plan|litt|div|a|s|b|d)\b")
        .at(Place::After(
            r"(?:^|[^\p{L}\d\s.]\s*|\n\s*|(?-i:\b\p{Ll}[\p{L}'’]*)\s+)",
        ))
        .then(Then::Name),
    Rule::new(
        Name,
        "dr prof pr",
        r"(?-i:Dr\.?|DR\.|Prof\.|Pr\.)[\s\u{a0}]+",
    )
    .then(Then::Name),
    Rule::new(Name, "resume curriculum cv", r"(?:resume|curriculum\s+vitae|cv)\s+(?:of|de|:)\s+")
        .at(Place::Label)
        .then(Then::OwnName),
];
