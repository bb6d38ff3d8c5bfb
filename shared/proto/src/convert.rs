//! Conversions between wire messages and the values of `vivier-types`.
//!
//! Decoding checks form (enums known, dates readable, ids well-formed) and names
//! the field that is wrong; how large a profile may be is the gateway's business.

mod enums;
mod parts;
mod profile;

use vivier_types::Violation;

/// Puts `prefix.` before the field of a violation found further inside.
fn within(prefix: impl std::fmt::Display) -> impl FnOnce(Violation) -> Violation {
    move |violation| Violation {
        field: format!("{prefix}.{}", violation.field),
        ..violation
    }
}

/// Decodes every item of a list; a violation carries the item's index.
fn decode_all<W, T>(field: &str, items: Vec<W>) -> Result<Vec<T>, Violation>
where
    T: TryFrom<W, Error = Violation>,
{
    items
        .into_iter()
        .enumerate()
        .map(|(index, item)| {
            // The path is written for a violation only: lists are long and decoded often.
            T::try_from(item).map_err(|violation| within(format!("{field}[{index}]"))(violation))
        })
        .collect()
}

/// Encodes every item of a list.
fn encode_all<T, W: From<T>>(items: Vec<T>) -> Vec<W> {
    items.into_iter().map(W::from).collect()
}

/// Reads an optional text: the empty text means absent.
fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}
