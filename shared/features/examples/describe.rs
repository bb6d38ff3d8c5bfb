//! Times the description of profiles, and says whether two builds describe alike.
//!
//! ```text
//! cargo run --release -p vivier-features --example describe -- FILE.jsonl [vacancy]
//! ```
//!
//! The file has one profile a line in the form of `vivier ingest`. Prints the processor time
//! of one profile and a digest of all descriptions: equal digests, equal descriptions.

#![expect(clippy::print_stdout, reason = "a measuring tool")]

use jiff::civil::Date;
use sha2::{Digest as _, Sha256};
use vivier_features::{Knowledge, describe_profile};
use vivier_types::Profile;

const TODAY: Date = Date::constant(2026, 7, 1);
const ROUNDS: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file")?;
    let is_vacancy = arguments.next().is_some_and(|kind| kind == "vacancy");
    let read = |line: &str| -> Result<Profile, serde_json::Error> {
        Ok(if is_vacancy {
            Profile::Vacancy(serde_json::from_str(line)?)
        } else {
            Profile::Candidate(serde_json::from_str(line)?)
        })
    };
    let file = std::fs::read_to_string(path)?;
    let profiles: Vec<Profile> = file.lines().map(read).collect::<Result<_, _>>()?;
    let knowledge = Knowledge::default();
    let mut digest = Sha256::new();
    for profile in &profiles {
        let described = describe_profile(profile, TODAY, &knowledge);
        digest.update(format!("{described:?}"));
    }
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = processor_seconds()?;
        for profile in &profiles {
            drop(describe_profile(profile, TODAY, &knowledge));
        }
        best = best.min(processor_seconds()? - start);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a report needs no more precision"
    )]
    let each = 1e3 * best / profiles.len() as f64;
    let digest: String = digest
        .finalize()
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    println!(
        "{} profiles, {each:.3} ms of processor time each, descriptions {digest}",
        profiles.len()
    );
    Ok(())
}

/// Returns the seconds that this thread has run on a processor, which other load on the
/// machine does not change.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = said.split(' ').next().ok_or("no times")?.parse()?;
    Ok(nanoseconds / 1e9)
}
