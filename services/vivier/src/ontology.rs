//! Loads the skills ontology and says what was loaded.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde_json::json;
use vivier_ontology::{
    Defect, Defects, Kind, Loaded, Origin, Relation, ReuseLevel, SkillType, load,
};

use crate::failure::Outcome;
use crate::output::Output;

/// Arguments of `vivier ontology`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Folders are those of the CSV downloads of ESCO, as they are: one for each version and
language. They are merged by URI, and what an earlier folder says holds. Lists of labels
alone (conceptUri, preferredLabel, altLabels) add labels to known concepts. The name of a file
of labels says their language: skills_en.csv. Rows that cannot be used are left out; what is
wrong with the files is counted by kind, with file, line, column and value of the first.

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
        let hidden = ontology.count_hidden(language);
        let counts = json!({ "preferred": preferred, "others": others, "hidden": hidden });
        (language.code().to_owned(), counts)
    });
    let files = loaded.files.iter();
    let files = files.map(|(path, rows)| json!({ "path": shown(path), "rows": rows }));
    let types = SkillType::ALL.map(|one| (one.name(), ontology.count_skill_type(Some(one))));
    let untyped = [("not_given", ontology.count_skill_type(None))];
    let levels = ReuseLevel::ALL.map(|one| (one.name(), ontology.count_reuse_level(Some(one))));
    let unlevelled = [("not_given", ontology.count_reuse_level(None))];
    let collections = ontology.collections();
    let collections = collections.map(|(name, members)| (name.to_owned(), json!(members)));
    json!({
        "concepts": ontology.len(),
        "of_kind": object(concepts),
        "relations": object(relations),
        "labels": labels.collect::<serde_json::Map<_, _>>(),
        "skill_types": object(types.into_iter().chain(untyped)),
        "reuse_levels": object(levels.into_iter().chain(unlevelled)),
        "collections": collections.collect::<serde_json::Map<_, _>>(),
        "files": files.collect::<Vec<_>>(),
        "from_cache": loaded.origin == Origin::Cache,
        "cache_problem": loaded.cache_problem,
        "unused_files": paths(&loaded.unused_files),
        "unknown_files": paths(&loaded.unknown_files),
        "defects": defects(&loaded.defects),
        "seconds": loaded.elapsed.as_secs_f64(),
        "resident_kb": resident,
    })
}

/// Returns each kind with its count and the first of it.
fn defects(defects: &Defects) -> serde_json::Value {
    let example = |defect: &Defect| {
        json!({
            "path": shown(&defect.path),
            "line": defect.line,
            "column": defect.column,
            "value": defect.value,
            "problem": defect.problem,
        })
    };
    let kinds = defects.iter().map(|(kind, count, examples)| {
        let examples: Vec<_> = examples.iter().map(example).collect();
        json!({ "kind": kind.name(), "count": count, "examples": examples })
    });
    kinds.collect()
}

fn paths(paths: &[PathBuf]) -> Vec<String> {
    paths.iter().map(|path| shown(path)).collect()
}

/// Returns a path for JSON, which has no other bytes than UTF-8.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn object<'a>(fields: impl IntoIterator<Item = (&'a str, usize)>) -> serde_json::Value {
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
        let rows = "conceptType,conceptUri,skillType,preferredLabel,altLabels,status\n\
            KnowledgeSkillCompetence,http://data.europa.eu/esco/skill/a,knowledge,Rust,,released\n";
        std::fs::write(folder.path().join("skills_en.csv"), rows).unwrap();
        let loaded = load(&[folder.path().to_owned()], None).unwrap();
        let fields = fields(&loaded, None);
        assert_eq!(fields["concepts"], 1);
        assert_eq!(fields["of_kind"]["skill_groups"], 0);
        assert_eq!(fields["labels"]["en"]["preferred"], 1);
        assert_eq!(fields["skill_types"]["knowledge"], 1);
        assert_eq!(fields["reuse_levels"]["not_given"], 1);
        assert_eq!(fields["files"][0]["rows"], 1);
        assert_eq!(fields["defects"], json!([]));
    }

    #[test]
    fn defects_are_shown_from_the_files_and_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let rows = "conceptType,conceptUri,broaderType,broaderUri\n\
            SkillGroup,http://data.europa.eu/esco/skill/a,SkillGroup,\
            http://data.europa.eu/esco/skill/a\n";
        let file = folder.path().join("broaderRelationsSkillPillar_en.csv");
        std::fs::write(&file, rows).unwrap();
        let mut args = OntologyArgs {
            esco: vec![folder.path().to_owned()],
            cache: Some(folder.path().join("esco.cache")),
            json: false,
        };
        let out = folder.path().join("out");
        let mut printed = |json| {
            args.json = json;
            let file = std::fs::File::create(&out).unwrap();
            run(&args, &mut Output::plain(file)).unwrap();
            std::fs::read_to_string(&out).unwrap()
        };
        let text = [printed(false), printed(false)];
        for (text, from) in text.iter().zip(["files", "cache"]) {
            let wanted = "defects: 1 broader relations that close a circle, left out";
            assert!(text.contains(wanted), "{text}");
            let wanted = format!("loaded from the {from} in ");
            assert!(text.contains(&wanted), "{text}");
        }
        let fields: serde_json::Value = serde_json::from_str(&printed(true)).unwrap();
        let circle = &fields["defects"][0];
        assert_eq!(circle["kind"], "circle");
        assert_eq!(circle["count"], 1);
        let example = &circle["examples"][0];
        assert_eq!(example["path"], shown(&file));
        assert_eq!(example["line"], 2);
        assert_eq!(example["column"], "broaderUri");
        assert_eq!(example["value"], "http://data.europa.eu/esco/skill/a");
    }
}
