//! The tables of rules, by what they remove.

mod account;
mod birth;
mod civil_status;
mod gender;
mod name;
mod photo;

use crate::rule::Rule;

/// Returns every rule; of those that one word calls, the first that matches
/// counts.
pub(crate) fn all() -> impl Iterator<Item = Rule> {
    [
        name::RULES.as_slice(),
        birth::RULES.as_slice(),
        gender::RULES.as_slice(),
        civil_status::RULES.as_slice(),
        photo::RULES.as_slice(),
        account::RULES.as_slice(),
    ]
    .into_iter()
    .flatten()
    .copied()
}

/// Patterns of parts of a line that say by themselves, near the top of a CV,
/// what elsewhere needs a label.
pub(crate) const ALONE: [(crate::Kind, &str); 4] = [
    civil_status::ALONE,
    gender::ALONE,
    birth::ALONE,
    photo::ALONE,
];
