//! Marriage and children.

use crate::kind::Kind::{self, CivilStatus};
use crate::rule::{Place, Rule};

/// "Married, 2 children" as a part of a line.
pub(super) const ALONE: (Kind, &str) = (
    CivilStatus,
    r"STATUSCHILDREN?|FEW\s+CHILD(?:\s*\([^)\n]{0,40}\))?|sans\s+enfants?|no\s+(?:children|kids)|(?:m[èe]re|p[èe]re)\s+de\s+famille",
);

pub(super) const RULES: [Rule; 12] = [
    Rule::new(
        CivilStatus,
        "marital civil family matrimonial relationship situation etat statut status",
        r"(?:(?:marital|civil|family|matrimonial|relationship)(?:\s+(?:and|&)\s+(?:marital|civil|family))?\s+status|situation\s+(?:de\s+famille|familiale|matrimoniale|maritale)|[ée]tat[\s-]civil|statut\s+(?:marital|matrimonial|civil|familial)|status)SEPSTATUS(?:\s*/\s*STATUS)*CHILDREN?",
    ),
    Rule::new(
        CivilStatus,
        "marital civil situation etat",
        r"(?:(?:marital|civil)\s+status|situation\s+(?:de\s+famille|familiale|matrimoniale)|[ée]tat[\s-]civil)(?:SEPCHILDREN|NONE)",
    ),
    Rule::new(
        CivilStatus,
        "number no nombre dependents dependants children kids enfants enfant",
        r"(?:(?:number|no\.?|nombre)\s+(?:of\s+|d['’]))?(?:dependents|dependants|children|kids|enfants?(?:\s+à\s+charge)?)\s*[:=]\s*(?:\d{1,2}|none|no|aucun|FEW)\b",
    )
    .at(Place::Label),
    Rule::new(
        CivilStatus,
        "married marie mariee celibataire divorced divorce divorcee single pacse pacsee unmarried widowed",
        r"STATUSCHILDREN",
    ),
    Rule::new(
        CivilStatus,
        "married",
        r"married\s+(?:to\s+(?-i:\p{Lu}\p{L}+(?:\s\p{Lu}\p{L}+)?)(?:\s+my\s+wife|\s+my\s+husband)?|for\s+FEW\s+years|(?:man|woman)\b|(?:mother|father)\s+of\s+FEW(?:\s+CHILD)?)",
    ),
    Rule::new(
        CivilStatus,
        "mother father mom mum dad parent mere pere maman papa",
        r"(?:mother|father|mom|mum|dad|parent|m[èe]re|p[èe]re|maman|papa)\s+(?:of|de|d['’]|to)\s*FEW\b(?:\s+CHILD)?",
    )
    .at(Place::From(r"(?:\b(?:single|proud|an?)\s+){0,3}")),
    Rule::new(CivilStatus, "mere pere", r"(?:m[èe]re|p[èe]re)\s+de\s+famille\b"),
    Rule::new(
        CivilStatus,
        "husband wife spouse",
        r"(?:husband|wife|spouse)['’]s\s+(?:sponsorship|visa|employment|job|career|work|relocation|transfer|deployment|posting)\b",
    )
    .at(Place::From(r"(?:\b(?:for|due\s+to|because\s+of|under)\s+)?")),
    Rule::new(
        CivilStatus,
        "my",
        r"my\s+(?:late\s+|ex-?\s?)?(?:husband|wife|spouse|fianc[ée]e?)\b(?:['’]s\b)?",
    ),
    Rule::new(
        CivilStatus,
        "mon ma",
        r"(?:mon\s+(?:mari|[ée]poux|[ée]pouse|conjoint)|ma\s+(?:femme|compagne|conjointe))\b",
    ),
    // A whole line, where that can mean nothing else.
    Rule::new(
        CivilStatus,
        "married marie mariee celibataire pacse pacsee divorce divorcee unmarried",
        r"(?:mari[ée]e?|c[ée]libataire|pacs[ée]e?|divorc[ée]e?|(?:un)?married)(?:\(e\))?",
    )
    .at(Place::After(r"(?m:^)[ \t•*·-]*"))
    .unless(r"\p{L}|[ \t]*[^\s]"),
    Rule::new(CivilStatus, "children enfants", r"(?:children|enfants?)(?:\s+à\s+charge)?\b")
        .at(Place::From(r"(?m:^)[ \t•*·-]*\d{1,2}\s+"))
        .unless(r"[ \t]*[^\s]"),
];
