//! Real texts, and where they are.

use serde_json::Value;

/// Real CVs and adverts that a test takes.
pub(crate) const CVS: usize = 400;
pub(crate) const ADVERTS: usize = 50;

/// Which rows of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sample {
    /// Those that were looked at when rules were chosen.
    Seen,
    /// Others, from between them.
    HeldOut,
}

/// Returns up to `most` rows of a pool, spread over all of it; `None`, with a
/// line, where it is not.
pub(crate) fn pool(name: &str, most: usize, sample: Sample) -> Option<Vec<Value>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/pools");
    let path = format!("{folder}/{name}");
    if !std::fs::exists(&path).unwrap_or(false) {
        eprintln!("skipped: {path} is not there");
        return None;
    }
    let file = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = file.lines().collect();
    let step = (lines.len() / most).max(1);
    let first = match sample {
        Sample::Seen => 0,
        Sample::HeldOut => step / 2,
    };
    let rows = lines.iter().skip(first).step_by(step).take(most);
    Some(
        rows.map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// Returns the texts of rows.
pub(crate) fn texts(rows: &[Value]) -> Vec<String> {
    rows.iter()
        .map(|row| row["text"].as_str().unwrap().to_owned())
        .collect()
}
