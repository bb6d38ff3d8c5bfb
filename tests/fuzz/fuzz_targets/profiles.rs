//! Candidates and vacancies as JSON: what reads becomes a message and back, and is
//! described.
#![no_main]

use vivier_features::{Knowledge, describe_candidate, describe_vacancy};
use vivier_proto::v1;
use vivier_types::{Candidate, Vacancy};

const TODAY: jiff::civil::Date = jiff::civil::date(2026, 1, 1);

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    if let Ok(candidate) = serde_json::from_slice::<Candidate>(bytes) {
        let message = v1::Candidate::from(candidate.clone());
        if let Ok(again) = Candidate::try_from(message.clone()) {
            assert_eq!(v1::Candidate::from(again), message);
        }
        describe_candidate(&candidate, TODAY, &Knowledge::default());
    }
    if let Ok(vacancy) = serde_json::from_slice::<Vacancy>(bytes) {
        let message = v1::Vacancy::from(vacancy.clone());
        if let Ok(again) = Vacancy::try_from(message.clone()) {
            assert_eq!(v1::Vacancy::from(again), message);
        }
        describe_vacancy(&vacancy, &Knowledge::default());
    }
});
