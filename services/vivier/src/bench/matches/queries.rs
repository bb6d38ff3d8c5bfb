//! Real adverts as queries.

use std::io::BufRead;
use std::path::Path;

use anyhow::{Context, bail};
use vivier_proto::v1;
use vivier_types::ProfileKind;

use crate::ingest::{self, ReadingArgs};
use crate::sample;
use crate::sample::random::Random;

/// Seed of the places that adverts are given.
const SEED: u64 = 71;

/// Adverts that have not been sent yet.
pub(crate) struct Queries {
    vacancies: std::vec::IntoIter<v1::Vacancy>,
}

impl Queries {
    /// Reads so many different adverts from all of a file, in an order that is drawn
    /// once for ever.
    ///
    /// # Errors
    /// When the file cannot be read, or has too few adverts that can be used.
    pub(crate) fn read(path: &Path, wanted: usize) -> anyhow::Result<Self> {
        // One more, whose answer is compared before and after a restart.
        let wanted = wanted + 1;
        let mut lines = read_lines(path)?;
        lines.sort();
        lines.dedup();
        let usable = lines.iter().filter_map(|line| decode(line));
        let all: Vec<v1::Vacancy> = usable.collect();
        if all.len() < wanted {
            let found = all.len();
            let path = path.display();
            bail!("{path}: {found} different vacancies, {wanted} are needed");
        }
        let places = sample::draw_candidates(wanted, SEED)?;
        let order = Random::new(SEED).places(all.len(), wanted);
        let chosen = order.into_iter().zip(places).filter_map(|(number, place)| {
            let location = v1::Location::from(place.location);
            let vacancy = all.get(number)?.clone();
            Some(v1::Vacancy {
                location: Some(location),
                ..vacancy
            })
        });
        Ok(Self {
            vacancies: chosen.collect::<Vec<_>>().into_iter(),
        })
    }

    /// Takes the next ones.
    pub(crate) fn take(&mut self, count: usize) -> Vec<v1::Vacancy> {
        self.vacancies.by_ref().take(count).collect()
    }
}

/// Returns the lines of a file that are not empty.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_lines(path: &Path) -> anyhow::Result<Vec<String>> {
    let unreadable = || format!("cannot read {}", path.display());
    let file = std::fs::File::open(path).with_context(unreadable)?;
    let lines = std::io::BufReader::new(file).lines();
    let lines = lines.filter(|line| !matches!(line, Ok(line) if line.trim().is_empty()));
    lines.collect::<Result<_, _>>().with_context(unreadable)
}

fn decode(line: &str) -> Option<v1::Vacancy> {
    let reading = ReadingArgs::keeping();
    let profile = ingest::decode_query(ProfileKind::Vacancy, &reading, line.as_bytes()).ok()?;
    match v1::Profile::from(profile).kind {
        Some(v1::profile::Kind::Vacancy(vacancy)) => Some(vacancy),
        Some(v1::profile::Kind::Candidate(_)) | None => None,
    }
}
