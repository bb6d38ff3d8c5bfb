//! Candidates and vacancies as JSON: what a message of them is read as is written and read
//! again as the same (the first reading settles codes, "EN" being "en"), and is described.
#![no_main]

use vivier_features::{Knowledge, describe_candidate, describe_vacancy};
use vivier_proto::v1;
use vivier_types::{Candidate, Vacancy};

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(candidate) = serde_json::from_slice::<Candidate>(bytes) {
        let message = v1::Candidate::from(candidate.clone());
        if let Ok(read) = Candidate::try_from(message) {
            let again = Candidate::try_from(v1::Candidate::from(read.clone()));
            assert_eq!(again.expect("what was read can be read again"), read);
        }
        describe_candidate(&candidate, TODAY, &Knowledge::default());
    }
    if let Ok(vacancy) = serde_json::from_slice::<Vacancy>(bytes) {
        let message = v1::Vacancy::from(vacancy.clone());
        if let Ok(read) = Vacancy::try_from(message) {
            let again = Vacancy::try_from(v1::Vacancy::from(read.clone()));
            assert_eq!(again.expect("what was read can be read again"), read);
        }
        describe_vacancy(&vacancy, &Knowledge::default());
    }
});
