//! Segments, from vectors to answers.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod damage;
mod random;
mod recall;
