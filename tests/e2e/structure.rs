//! The shape of the workspace: who may import whom, and how long a file may be.
//!
//! The rules are those of `docs/structure.md`; a change there changes the
//! tables here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest production file, in lines; tests at its end do not count.
const MAX_LINES: usize = 500;

/// Our crates that each of our crates may import.
const INTERNAL: [(&str, &[&str]); 15] = [
    ("vivier-types", &[]),
    ("vivier-ann", &[]),
    ("vivier-ontology", &[]),
    ("vivier-identity", &["vivier-types"]),
    ("vivier-places", &["vivier-types"]),
    (
        "vivier-linking",
        &["vivier-types", "vivier-ann", "vivier-ontology"],
    ),
    ("vivier-proto", &["vivier-types"]),
    ("vivier-runtime", &["vivier-types"]),
    (
        "vivier-features",
        &[
            "vivier-types",
            "vivier-identity",
            "vivier-ontology",
            "vivier-linking",
            "vivier-places",
        ],
    ),
    ("vivier-encoders", &["vivier-types"]),
    (
        "vivier-heads",
        &["vivier-types", "vivier-features", "vivier-encoders"],
    ),
    ("vivier-embedder", SHARED),
    ("vivier-index", SHARED),
    ("vivier-reranker", SHARED),
    ("vivier-gateway", SHARED),
];

/// What a service may import: the shared crates, never another service.
const SHARED: &[&str] = &[
    "vivier-types",
    "vivier-ann",
    "vivier-ontology",
    "vivier-identity",
    "vivier-places",
    "vivier-linking",
    "vivier-proto",
    "vivier-runtime",
    "vivier-features",
    "vivier-encoders",
    "vivier-heads",
];

/// Foreign crates and the only crates of ours that may name them.
const WRAPPED: [(&str, &[&str]); 8] = [
    ("candle-core", &["vivier-encoders", "vivier-heads"]),
    ("candle-nn", &["vivier-encoders", "vivier-heads"]),
    ("candle-transformers", &["vivier-encoders", "vivier-heads"]),
    ("hnsw_rs", &["vivier-ann"]),
    ("tantivy", &["vivier-index"]),
    ("object_store", &["vivier-index"]),
    ("sled", &["vivier-embedder"]),
    ("config", &["vivier-runtime"]),
];

/// Foreign crates that only certain files of a service may name.
const CONFINED: [(&str, &str, &[&str]); 8] = [
    ("shared/ann", "hnsw_rs", &["reference.rs"]),
    ("services/index", "tantivy", &["words/", "analysis.rs"]),
    ("services/index", "object_store", &["snapshot/"]),
    ("services/index", "tonic", &["grpc.rs", "lib.rs"]),
    ("services/embedder", "sled", &["cache/store.rs"]),
    ("services/embedder", "tonic", &["grpc.rs", "lib.rs"]),
    ("services/reranker", "tonic", &["grpc.rs", "lib.rs"]),
    (
        "services/gateway",
        "tonic",
        &["grpc.rs", "grpc/", "clients.rs", "clients/", "lib.rs"],
    ),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Dependencies by package, build and dev dependencies left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo metadata runs");
    let metadata: serde_json::Value =
        serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let mut found = BTreeMap::new();
    for package in packages {
        let name = package["name"].as_str().expect("name").to_owned();
        let normal = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter();
        let normal = normal.filter(|dependency| dependency["kind"].is_null());
        found.insert(
            name,
            normal
                .map(|d| d["name"].as_str().expect("name").to_owned())
                .collect(),
        );
    }
    found
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder)
        .expect("a readable folder")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Production source files of a package folder: `src`, without test modules.
fn production_files(package: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    rust_files(&package.join("src"), &mut found);
    found.retain(|path| {
        !path.ends_with("tests.rs") && !path.components().any(|c| c.as_os_str() == "tests")
    });
    found
}

/// The part of a file before its test module.
fn production_text(path: &Path) -> String {
    let text = std::fs::read_to_string(path).expect("a readable file");
    match text.split_once("\n#[cfg(test)]") {
        Some((production, _)) => production.to_owned(),
        None => text,
    }
}

#[test]
fn crates_import_only_what_they_may() {
    let dependencies = dependencies();
    for (package, allowed) in INTERNAL {
        let found = dependencies
            .get(package)
            .unwrap_or_else(|| panic!("no package {package}"));
        for name in found.iter().filter(|name| name.starts_with("vivier")) {
            assert!(
                allowed.contains(&name.as_str()),
                "{package} may not import {name}"
            );
        }
    }
    for (foreign, wrappers) in WRAPPED {
        for (package, found) in &dependencies {
            let may = wrappers.contains(&package.as_str());
            assert!(
                may || !found.contains(foreign),
                "{package} may not import {foreign}"
            );
        }
    }
}

#[test]
fn engines_stay_in_their_modules() {
    for (package, foreign, files) in CONFINED {
        let source = root().join(package).join("src");
        for path in production_files(&root().join(package)) {
            let relative = path
                .strip_prefix(&source)
                .expect("below src")
                .display()
                .to_string();
            let may = files
                .iter()
                .any(|file| relative == *file || relative.starts_with(file));
            let names = production_text(&path)
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"))
                .any(|line| line.contains(&format!("{foreign}::")));
            assert!(
                may || !names,
                "{package}/src/{relative} may not name {foreign}"
            );
        }
    }
}

#[test]
fn production_files_are_short() {
    let mut packages = Vec::new();
    for group in ["shared", "services"] {
        let entries = std::fs::read_dir(root().join(group)).expect("a readable folder");
        packages.extend(entries.flatten().map(|entry| entry.path()));
    }
    for path in packages
        .iter()
        .flat_map(|package| production_files(package))
    {
        let lines = production_text(&path).lines().count();
        assert!(
            lines <= MAX_LINES,
            "{} has {lines} lines, limit {MAX_LINES}",
            path.display()
        );
    }
}
