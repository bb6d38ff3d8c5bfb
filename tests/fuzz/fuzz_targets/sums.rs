//! The list of the files of words.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vivier_index::fuzzing::sums(bytes));
