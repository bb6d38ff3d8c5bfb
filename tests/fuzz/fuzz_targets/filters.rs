//! A filter and points as messages: what columns and the tail select.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vivier_index::fuzzing::filters(bytes));
