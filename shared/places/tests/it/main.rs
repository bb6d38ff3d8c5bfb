//! The gazetteer from files as they are downloaded, and what is found with it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bad_files;
mod fields;
mod properties;
mod published;
mod support;
mod texts;
