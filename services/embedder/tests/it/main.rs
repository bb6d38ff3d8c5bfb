//! The embedder through its wire: a real client over a real socket.

#[path = "../../../../shared/encoders/tests/support/tiny.rs"]
mod tiny;

mod answers;
mod cluster;
mod errors;
mod overload;
