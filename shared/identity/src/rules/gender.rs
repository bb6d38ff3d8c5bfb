//! Statements of gender and gendered pronouns.

use crate::kind::Kind::{self, Gender};
use crate::rule::{Place, Rule};

/// "Male" as a part of a line.
pub(super) const ALONE: (Kind, &str) = (
    Gender,
    r"(?:female|male|woman|homme|femme|masculin|f[ée]minin|non[- ]binary|non[- ]binaire|(?-i:[MFH]))",
);

pub(super) const RULES: [Rule; 11] = [
    Rule::new(
        Gender,
        "gender sex sexe genre",
        r"(?:gender|sexe?|genre)(?:\s*/\s*(?:gender|sexe?|genre))?(?:SEP(?:non[- ]?bin\p{L}+|females?|males?|woman|man|femme|homme|f[ée]minine?|masculine?|fille|gar[çc]on|other|autre|(?:[mfhx]/)*[mfhx])\b|NONE)",
    ),
    Rule::new(Gender, "sexe sex", r"sexe?\s+(?:masculin|f[ée]minin)\b"),
    Rule::new(
        Gender,
        "pronouns pronoms",
        r"pronou?ms?\s*:?\s*\p{L}+(?:\s*/\s*\p{L}+){1,2}\b|pronouns\s*:?\s*\p{L}+(?:\s*/\s*\p{L}+){1,2}\b",
    ),
    // "HIS", "HIM" and "SHE" in capitals are a system, a trade and a subject.
    Rule::new(
        Gender,
        "he she him her his hers himself herself",
        r"(?-i:[Hh]e|[Ss]he|[Hh]im|[Hh]ers|[Hh]er|[Hh]is|[Hh]imself|[Hh]erself)\b(?:\s*/\s*(?:PRONOUN|they|them|theirs|iel)\b)*(?:\s+or\s+PRONOUN\b)*",
    )
    .at(Place::After(r"(?:^|[^-\d])")),
    Rule::new(
        Gender,
        "he she",
        r"s?he(?:\s*/\s*(?:PRONOUN|they|them|theirs)\b)+",
    ),
    Rule::new(Gender, "s", r"s\s?/\s?he\b"),
    Rule::new(Gender, "il elle", r"(?:il\s*/\s*elle|elle\s*/\s*il)\b"),
    Rule::new(
        Gender,
        "man woman lady gentleman girl guy male female mom mum dad mother father",
        r"(?:man|woman|lady|gentleman|girl|guy|male|female|mom|mum|dad|mother|father)\b",
    )
    .at(Place::After(
        r"\b(?:i am|i['’]m|im)\s+an?(?:\s+[\p{L}-]+,?){0,4}?\s+",
    )),
    // Of a student society, whose name stays.
    Rule::new(
        Gender,
        "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau upsilon phi chi psi omega",
        "",
    )
    .at(Place::From(r"\b(?:brother|sister)\s+(?:of|in)\s+")),
    Rule::new(Gender, "young", r"young\s+(?:man|woman|lady|gentleman|girl|boy|guy)\b"),
    Rule::new(
        Gender,
        "jeune femme homme dame",
        r"(?:jeune\s+)?(?:femme|homme|dame|fille|gar[çc]on)\b",
    )
    .at(Place::After(
        r"\b(?:je\s+suis|en\s+tant\s+qu['’])\s*une?\s+",
    )),
];
