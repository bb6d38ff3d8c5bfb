//! The ontology from files as they are downloaded, and what is computed on it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

mod bad_files;
mod defects;
mod mathematics;
mod release;
mod skills;
mod support;
