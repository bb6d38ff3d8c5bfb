//! records.bin.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vivier_index::fuzzing::records(bytes));
