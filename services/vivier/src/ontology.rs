//! Loads the skills ontology and says what was loaded.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use vivier_ontology::{Kind, Loaded, Origin, Relation, load};

use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier ontology`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Folders are those of the CSV downloads of ESCO, as they are: one for each version and
language. They are merged by URI, and what an earlier folder says holds. Lists of labels
alone (conceptUri, preferredLabel, altLabels) add labels to known concepts.

Example:
  vivier ontology --esco esco_en,esco_fr --cache esco.cache")]
pub(crate) struct OntologyArgs {
    /// Folders of CSV files, several separated by commas.
    #[arg(long, value_name = "DIR,...", value_delimiter = ',', required = true)]
    esco: Vec<PathBuf>,
    /// Keeps what was read in a file, and reads that while the folders are the same.
    #[arg(long, value_name = "FILE")]
    cache: Option<PathBuf>,
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `vivier ontology`.
///
/// # Errors
/// When a folder cannot be used; the file, line, column and value are named.
pub(crate) fn run(args: &OntologyArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let before = resident();
    let loaded = load(&args.esco, args.cache.as_deref()).context("cannot load the ontology")?;
    let resident = resident()
        .zip(before)
        .map(|(after, before)| after.saturating_sub(before));
    if args.json {
        output.line(format_args!("{}", fields(&loaded, resident)))?;
        return Ok(Outcome::Done);
    }
    output.text(&loaded.to_string())?;
    let from = match loaded.origin {
        Origin::Cache => "the cache",
        Origin::Files => "the files",
    };
    let millis = loaded.elapsed.as_secs_f64() * 1e3;
    output.line(format_args!("loaded from {from} in {millis:.0} ms"))?;
    if let Some(kilobytes) = resident {
        output.line(format_args!(
            "resident memory grew by {} MB",
            kilobytes / 1024
        ))?;
    }
    Ok(Outcome::Done)
}

fn fields(loaded: &Loaded, resident: Option<u64>) -> serde_json::Value {
    let ontology = &loaded.ontology;
    let concepts = Kind::ALL.map(|kind| (kind.plural(), ontology.count(kind)));
    let relations =
        Relation::ALL.map(|relation| (relation.name(), ontology.count_related(relation)));
    let labels = ontology.languages().map(|language| {
        let (preferred, others) = ontology.count_labels(language);
        let counts = json!({ "preferred": preferred, "others": others });
        (language.code().to_owned(), counts)
    });
    let files = loaded.files.iter();
    let files = files.map(|(path, rows)| json!({ "path": path, "rows": rows }));
    json!({
        "concepts": ontology.len(),
        "of_kind": object(concepts),
        "relations": object(relations),
        "labels": labels.collect::<serde_json::Map<_, _>>(),
        "files": files.collect::<Vec<_>>(),
        "from_cache": loaded.origin == Origin::Cache,
        "cache_problem": loaded.cache_problem,
        "unknown_relations": loaded.left_out.unknown,
        "circles": loaded.left_out.circles,
        "seconds": loaded.elapsed.as_secs_f64(),
        "resident_kb": resident,
    })
}

fn object<const N: usize>(fields: [(&str, usize); N]) -> serde_json::Value {
    let fields = fields.into_iter();
    let fields = fields.map(|(name, count)| (name.replace(' ', "_"), json!(count)));
    serde_json::Value::Object(fields.collect())
}

/// Returns the resident memory of this process in KiB, where the system tells.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_files_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let args = OntologyArgs {
            esco: vec![folder.path().to_owned()],
            cache: None,
            json: false,
        };
        let error = run(&args, &mut Output::plain(std::io::sink())).unwrap_err();
        let said = format!("{error:#}");
        assert!(said.starts_with("cannot load the ontology: "), "{said}");
        assert!(said.contains("holds no ESCO file"), "{said}");
    }

    #[test]
    fn what_was_loaded_is_json() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "conceptType,conceptUri,preferredLabel,altLabels,status\n\
            KnowledgeSkillCompetence,http://data.europa.eu/esco/skill/a,Rust,,released\n";
        std::fs::write(folder.path().join("skills_en.csv"), rows).unwrap();
        let loaded = load(&[folder.path().to_owned()], None).unwrap();
        let fields = fields(&loaded, None);
        assert_eq!(fields["concepts"], 1);
        assert_eq!(fields["of_kind"]["skill_groups"], 0);
        assert_eq!(fields["labels"]["en"]["preferred"], 1);
        assert_eq!(fields["files"][0]["rows"], 1);
    }
}
