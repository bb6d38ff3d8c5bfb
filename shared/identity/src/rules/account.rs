//! Names of accounts after the name of a service.

use crate::kind::Kind::WebAddress;
use crate::rule::Rule;

pub(super) const RULES: [Rule; 1] = [Rule::new(
    WebAddress,
    "linkedin github gitlab skype telegram twitter instagram facebook",
    r"(?:linkedin|github|gitlab|skype|telegram|twitter|instagram|facebook)(?:\s+id)?\s*:[ \t]*(?:@[\w.-]+|[a-z]+[._-][\w./-]*\w|/[\w./-]+|[a-z]+\d+\w*)",
)];
