//! Operations, as the log holds them. With VIVIER_FUZZ_SEEDS set to a folder it
//! first writes sound files for every target there.
#![no_main]

libfuzzer_sys::fuzz_target!(
    init: {
        if let Some(folder) = std::env::var_os("VIVIER_FUZZ_SEEDS") {
            vivier_index::fuzzing::write_seeds(folder.as_ref()).unwrap();
        }
    },
    |bytes: &[u8]| vivier_index::fuzzing::operation(bytes)
);
