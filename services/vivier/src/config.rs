//! The configuration of every service in one file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::{Deserialize, Serialize};
use vivier_runtime::TelemetryConfig;

use crate::failure::Outcome;
use crate::output::Output;

/// One section for each service; every key has a default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Logs.
    pub(crate) telemetry: TelemetryConfig,
    /// Texts into vectors.
    pub(crate) embedder: vivier_embedder::Config,
    /// One shard of the index.
    pub(crate) index: vivier_index::Config,
    /// Orders short lists.
    pub(crate) reranker: vivier_reranker::Config,
    /// The public services.
    pub(crate) gateway: vivier_gateway::Config,
}

impl Config {
    /// Loads the defaults, then the file, then `VIVIER__SECTION__KEY`, and
    /// checks every value.
    ///
    /// # Errors
    /// Names the key that is misspelt or whose value breaks a rule.
    pub(crate) fn load(file: Option<&Path>) -> anyhow::Result<Self> {
        let config: Self = vivier_runtime::load_config(file)?;
        config.validate()?;
        Ok(config)
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.embedder
            .validate(None)
            .context("invalid configuration of [embedder]")?;
        self.index
            .validate()
            .context("invalid configuration of [index]")?;
        self.reranker
            .validate()
            .context("invalid configuration of [reranker]")?;
        self.gateway
            .validate()
            .context("invalid configuration of [gateway]")
    }

    /// Returns the configuration as TOML.
    ///
    /// # Errors
    /// Never for a loaded configuration: all of it came from TOML.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        toml::to_string_pretty(self).context("cannot write the configuration as TOML")
    }
}

/// Arguments of `vivier config`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier config > vivier.toml
  vivier config --config vivier.toml --check
  VIVIER__INDEX__DATA_DIR=/var/lib/vivier/index vivier config")]
pub(crate) struct ConfigArgs {
    /// Configuration file (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Only says whether it is valid.
    #[arg(long)]
    pub(crate) check: bool,
}

/// Prints the effective configuration.
///
/// # Errors
/// When the configuration is invalid.
pub(crate) fn run(args: &ConfigArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let config = Config::load(args.config.as_deref())?;
    if args.check {
        output.line(format_args!("the configuration is valid"))?;
    } else {
        output.text(&config.to_toml()?)?;
    }
    Ok(Outcome::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> anyhow::Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vivier.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path))
    }

    #[test]
    fn what_is_printed_reads_back() {
        let printed = Config::default().to_toml().unwrap();
        assert_eq!(load(&printed).unwrap(), Config::default());
    }

    #[test]
    fn the_documented_example_holds_every_default() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../deploy/config/vivier.toml"
        );
        let example = std::fs::read_to_string(path).unwrap();
        let (loaded, default) = (load(&example).unwrap(), Config::default());
        let (loaded, default) = (loaded.to_toml().unwrap(), default.to_toml().unwrap());
        let differing: Vec<_> = loaded
            .lines()
            .zip(default.lines())
            .filter(|(loaded, default)| loaded != default)
            .collect();
        assert!(
            differing.is_empty(),
            "example against default: {differing:?}"
        );
        let printed: toml::Table = Config::default().to_toml().unwrap().parse().unwrap();
        let written: toml::Table = example.parse().unwrap();
        let mut missing = Vec::new();
        find_missing(&printed, &written, "", &mut missing);
        assert_eq!(
            missing,
            [] as [String; 0],
            "keys that the example does not show"
        );
    }

    fn find_missing(
        wanted: &toml::Table,
        found: &toml::Table,
        path: &str,
        missing: &mut Vec<String>,
    ) {
        for (key, value) in wanted {
            let path = format!("{path}.{key}");
            match (value, found.get(key)) {
                // Their defaults depend on the machine.
                (_, None) if path == ".embedder.model" || path == ".embedder.hub.cache_dir" => {}
                (_, None) => missing.push(path),
                (toml::Value::Table(wanted), Some(toml::Value::Table(found))) => {
                    find_missing(wanted, found, &path, missing);
                }
                (_, Some(_)) => {}
            }
        }
    }

    #[test]
    fn a_misspelt_key_is_named_in_every_section() {
        for section in [
            "telemetry",
            "embedder",
            "index",
            "reranker",
            "gateway",
            "gatewya",
        ] {
            let error = load(&format!("[{section}]\nthreds = 1\n")).unwrap_err();
            let text = crate::failure::chain(&error);
            let named = if section == "gatewya" {
                "gatewya"
            } else {
                "threds"
            };
            assert!(text.contains(named), "{section}: {text}");
        }
    }

    #[test]
    fn a_bad_value_is_refused_with_its_section() {
        let error = load("[gateway]\nmax_batch_profiles = 0\n").unwrap_err();
        let text = crate::failure::chain(&error);
        assert!(
            text.contains("[gateway]") && text.contains("max_batch_profiles"),
            "{text}"
        );
    }
}
