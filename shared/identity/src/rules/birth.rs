//! Birth dates, ages, birthplaces, nationality and religion.

use crate::kind::Kind::{self, Birth};
use crate::rule::{Place, Rule};

/// "34 years old" or a full date as a part of a line.
pub(super) const ALONE: (Kind, &str) = (
    Birth,
    r"(?:aged?\s+)?(?:1[89]|[2-6]\d)\s*-?\s*(?:years?[ -]+old|y\.\s?o\b\.?|ans|y/o|yo)|aged?\s+\d{2}|\d{1,2}[./-]\d{1,2}[./-](?:19[4-9]|200)\d",
);

pub(super) const RULES: [Rule; 12] = [
    Rule::new(
        Birth,
        "date year age place d dob birth birthdate birthday naissance annee lieu",
        r"(?:age\s*(?:&|and|,|/)\s*)?(?:(?:date|year|place)(?:\s*(?:&|and|/|,)\s*(?:date|year|place))?\s+of\s+birth|birth\s*-?\s*(?:date|day|year)|d\.?\s?o\.?\s?b\b\.?|(?:date|lieu|ann[ée]e)(?:\s*(?:et|&|/)\s*(?:date|lieu|ann[ée]e))?\s+de\s+naissance|naissance|birth)GAP(?:AGE\s*[,–-]\s*|\d\d\s*,\s*)?(?:le\s+)?DATE(?:\s*\(?(?:AGE)\)?)?(?:\s*(?:,|à|a|in|at|en)\s*SPOT)?",
    ),
    Rule::new(
        Birth,
        "date year place dob birthdate birthday",
        r"(?:(?:date|place|year)\s+of\s+birth|birth\s*(?:date|day|place)|dob)NONE",
    ),
    Rule::new(
        Birth,
        "date lieu",
        r"(?:date|lieu)(?:\s+et\s+lieu)?\s+de\s+naissanceNONE",
    ),
    Rule::new(
        Birth,
        "place country city birthplace birth lieu pays ville",
        r"(?:(?:place|country|city)\s+of\s+birth|birth\s*-?\s*place|(?:lieu|pays|ville)\s+de\s+naissance)SEPSPOT",
    ),
    Rule::new(
        Birth,
        "born",
        r"born(?:\s+and\s+ra\p{L}{2,4}d)?(?:\s*:|\s+(?:on|in|at))\s*(?:the\s+)?(?:DATE|SPOT)(?:\s*(?:,|in|at|-)\s*SPOT)?",
    ),
    Rule::new(
        Birth,
        "ne nee",
        r"n(?:é|ée|e|ee|É|ÉE)(?:\(e\)|\.e|·e)?\s+(?:(?:le|en)\s+DATE|(?:à|a)\s+SPOT)(?:\s*,?\s*(?:à|a|en|,)\s*SPOT)?(?:\s*\(AGE\))?",
    ),
    Rule::new(
        Birth,
        "age",
        r"[âa]ge\s*[:=]\s*\d{1,2}\b(?:\s*(?:years?(?:\s+old)?|yrs?|ans)\b)?",
    ),
    Rule::new(
        Birth,
        "age agee",
        r"[âa]g[ée]e?(?:\(e\))?\s+de\s+\d{2}\s+ans\b",
    ),
    Rule::new(
        Birth,
        "years year yrs y",
        r"(?:years?[ -]+old|yrs?[ -]+old|y\.\s?o\b\.?)",
    )
    .at(Place::From(r"(?:\b(?:i\s+am|i['’]m|aged)\s+)\d\d[\s-]*")),
    Rule::new(Birth, "ans", r"ans\b")
        .at(Place::From(r"\bj['’]ai\s+\d\d\s*"))
        .unless(r"\s*(?:d['’]|de\b|dans\b|en\b)"),
    Rule::new(
        Birth,
        "nationality nationalite citizenship",
        r"(?:nationalit(?:y|é|e|ies)|citizenship)(?:SEP(?:dual\s+)?\p{L}[\p{L}-]{2,19}(?:\s*(?:/|,|&|and|et|-)\s*(?-i:\p{Lu}?[\p{L}]*(?:an|ish|ese|ch|aine?|ienn?e?|aise?|oise?))\b)*(?:\s+(?:national|citizen|states|kingdom|african|zealand\p{L}*|arabian?|korean?|lankan?|rican?|emirates|republic)\b)*|NONE|\s+(?-i:\p{Ll}+(?:aise?|oise?|ienn?e?|aine?|ane?|ande?|ole?|que|co-\p{Ll}+))\b)",
    ),
    Rule::new(
        Birth,
        "religion caste",
        r"(?:religion|caste)(?:\s*/\s*caste)?\s*:\s*\p{L}{3,20}",
    )
    .at(Place::Label),
];
