//! Two persons with one career must be one text.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod overlap;
mod ranking;
mod support;
mod swap;
