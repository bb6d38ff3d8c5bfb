//! How large a profile may be.

use serde::{Deserialize, Serialize};

/// Bounds on one profile; every one is a config value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest free text (candidate text, description, wanted profile, text of
    /// an experience), in bytes.
    pub max_text_bytes: usize,
    /// Longest short field (title, skill, employer, place...), in bytes.
    pub max_field_bytes: usize,
    /// Most entries in a list (titles, skills, experiences, languages...).
    pub max_list_items: usize,
    /// Most string attributes on one profile.
    pub max_attributes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_text_bytes: 200_000,
            max_field_bytes: 1_000,
            max_list_items: 200,
            max_attributes: 64,
        }
    }
}
