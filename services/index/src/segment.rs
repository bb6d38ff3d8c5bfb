//! Sealed segments: immutable files in a folder of their own.
pub(crate) mod files;
pub(crate) mod ids;
pub(crate) mod manifest;
pub(crate) mod map;
pub(crate) mod records;
