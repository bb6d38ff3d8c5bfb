//! The embedder through its wire: a real client over a real socket.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

#[path = "../../../../shared/encoders/tests/support/tiny.rs"]
mod tiny;

mod answers;
mod bad_texts;
mod cached;
mod cluster;
mod errors;
mod overload;
