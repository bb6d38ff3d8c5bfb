//! The gateway over real gRPC, with fakes of the three services behind it that
//! can be told to fail.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "test code: a failure here is a failed test, and the numbers are small"
)]

mod expansion;
mod fakes;
mod matching;
mod profiles;
mod reindex;
mod world;
