//! Tests of the encoder through its public interface.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../support/tiny.rs"]
mod tiny;

mod architectures;
mod encode;
mod hub;
mod load;
mod parity;
mod prepare;
mod rules;
