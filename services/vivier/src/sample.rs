//! `vivier sample`: a synthetic talent pool to try things on.
//!
//! The same seed gives the same bytes. No record describes a person: there are
//! no names, every id begins with `sample-`, and every record has the attribute
//! `source=synthetic`.

mod jobs;
mod people;
pub(crate) mod random;
mod tables;

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;
use vivier_types::Candidate;

use self::tables::Tables;
use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier sample`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  vivier sample --out sample --candidates 400 --vacancies 12
  vivier ingest sample/candidates.jsonl --kind candidates")]
pub(crate) struct SampleArgs {
    /// Folder for candidates.jsonl and vacancies.jsonl; made when missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Candidates to draw.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) candidates: usize,
    /// Vacancies to draw.
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) vacancies: usize,
    /// Decides every record.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Runs `vivier sample`.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn run(args: &SampleArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let (candidates, vacancies) = write_sample(args)?;
    for (path, count, what) in [
        (&candidates, args.candidates, "candidates"),
        (&vacancies, args.vacancies, "vacancies"),
    ] {
        output.line(format_args!("{}: {count} synthetic {what}", path.display()))?;
    }
    Ok(Outcome::Done)
}

/// Writes both files and returns their paths.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn write_sample(args: &SampleArgs) -> anyhow::Result<(PathBuf, PathBuf)> {
    let tables = Tables::bundled()?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let candidates = args.out.join("candidates.jsonl");
    write_lines(&candidates, args.candidates, |number| {
        people::candidate(&tables, args.seed, number)
    })?;
    let vacancies = args.out.join("vacancies.jsonl");
    write_lines(&vacancies, args.vacancies, |number| {
        jobs::vacancy(&tables, args.seed, number)
    })?;
    Ok((candidates, vacancies))
}

/// Returns at most so many texts of synthetic candidates who write English: the
/// titles, the profile and the experiences of each.
///
/// # Errors
/// When the tables are unusable.
pub(crate) fn english_texts(most: usize) -> anyhow::Result<Vec<String>> {
    let tables = Tables::bundled()?;
    let mut texts = Vec::new();
    // About a third of the candidates write English.
    for number in 1..=most.saturating_mul(4) {
        let candidate = people::candidate(&tables, 1, number)?;
        if candidate.lang.as_deref() == Some("en") {
            let mut parts = candidate.titles;
            parts.push(candidate.text);
            parts.extend(candidate.experiences.into_iter().map(|one| one.text));
            texts.push(parts.join("\n"));
        }
        if texts.len() == most {
            break;
        }
    }
    Ok(texts)
}

/// Draws synthetic candidates.
///
/// # Errors
/// When the tables are unusable.
pub(crate) fn draw_candidates(count: usize, seed: u64) -> anyhow::Result<Vec<Candidate>> {
    let tables = Tables::bundled()?;
    let numbers = 1..=count;
    numbers
        .map(|number| people::candidate(&tables, seed, number))
        .collect()
}

fn write_lines<T: Serialize>(
    path: &Path,
    count: usize,
    draw: impl Fn(usize) -> anyhow::Result<T>,
) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(unwritable)?);
    for number in 1..=count {
        serde_json::to_writer(&mut file, &draw(number)?).with_context(unwritable)?;
        file.write_all(b"\n").with_context(unwritable)?;
    }
    file.flush().with_context(unwritable)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vivier_types::Vacancy;

    use super::*;

    fn draw(seed: u64) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let args = SampleArgs {
            out: folder.path().join("new"),
            candidates: 300,
            vacancies: 12,
            seed,
        };
        let (candidates, vacancies) = write_sample(&args).unwrap();
        (
            std::fs::read_to_string(candidates).unwrap(),
            std::fs::read_to_string(vacancies).unwrap(),
        )
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn every_record_reads_back_and_says_that_it_is_synthetic() {
        let (candidates, vacancies) = draw(1);
        let mut ids = BTreeSet::new();
        for line in candidates.lines() {
            let candidate: Candidate = serde_json::from_str(line).unwrap();
            assert!(candidate.id.as_str().starts_with("sample-c-"));
            assert!(ids.insert(candidate.id.to_string()));
            assert_eq!(candidate.attributes["source"], "synthetic");
            assert!(
                !candidate.titles.is_empty() && candidate.skills.len() >= 4,
                "{line}"
            );
            assert!(candidate.sensitive.contains_key("gender"));
            for experience in &candidate.experiences {
                let start = experience.start.unwrap();
                assert!(experience.end.is_none_or(|end| start < end), "{line}");
                assert!(!experience.text.is_empty());
            }
        }
        let jobs: BTreeSet<String> = vacancies
            .lines()
            .map(|line| serde_json::from_str::<Vacancy>(line).unwrap())
            .inspect(|vacancy| assert!(vacancy.required_skills.len() >= 4))
            .map(|vacancy| vacancy.attributes["occupation"].clone())
            .collect();
        assert_eq!(
            jobs.len(),
            12,
            "a dozen vacancies are a dozen different jobs"
        );
    }

    #[test]
    fn the_pool_is_varied() {
        let (candidates, _) = draw(1);
        let all: Vec<Candidate> = candidates
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let share = |holds: &dyn Fn(&Candidate) -> bool| {
            all.iter().filter(|candidate| holds(candidate)).count() as f64 / all.len() as f64
        };
        let french = share(&|candidate| candidate.lang.as_deref() == Some("fr"));
        assert!((0.5..0.9).contains(&french), "{french} French");
        let now = jiff::civil::date(2026, 10, 15);
        let expired = share(&|candidate| candidate.consent_until.is_some_and(|until| until < now));
        assert!((0.02..0.25).contains(&expired), "{expired} expired");
        let texts: BTreeSet<&str> = all
            .iter()
            .map(|candidate| candidate.text.as_str())
            .collect();
        assert!(texts.len() > 280, "{} different texts", texts.len());
        let occupations: BTreeSet<&str> = all
            .iter()
            .map(|candidate| candidate.attributes["occupation"].as_str())
            .collect();
        assert_eq!(occupations.len(), 15);
    }
}
