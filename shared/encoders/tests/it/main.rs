//! Tests of the encoder through its public interface.

#[path = "../support/tiny.rs"]
mod tiny;

mod encode;
mod load;
mod parity;
mod prepare;
