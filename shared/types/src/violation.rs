//! One field of a request or a record that breaks a rule.

use std::fmt;

/// Names a field, the value found there and the rule that it breaks.
///
/// `field` is a path such as `skills[3].name`. `value` is shortened for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Path of the field.
    pub field: String,
    /// The value found, shortened to at most 80 characters.
    pub value: String,
    /// The rule that it breaks, lower case, without a full stop.
    pub reason: String,
}

impl Violation {
    /// Describes a violation; a long value is shortened.
    pub fn new(
        field: impl Into<String>,
        value: impl fmt::Display,
        reason: impl Into<String>,
    ) -> Self {
        let mut value = value.to_string();
        if let Some((cut, _)) = value.char_indices().nth(80) {
            value.truncate(cut);
            value.push('…');
        }
        Self {
            field: field.into(),
            value,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (got {:?})", self.field, self.reason, self.value)
    }
}

impl std::error::Error for Violation {}
