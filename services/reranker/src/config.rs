//! Settings of the reranker.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vivier_features::EscoConfig;
use vivier_heads::LinearConfig;
use vivier_runtime::ServerConfig;
use vivier_types::Violation;

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where and how to listen.
    pub server: ServerConfig,
    /// Most candidates in one request.
    pub max_candidates: usize,
    /// Most requests worked on or waiting; the next one is shed.
    pub max_concurrent_requests: usize,
    /// What a shed caller is told to wait.
    #[serde(with = "humantime_serde")]
    pub retry_after: Duration,
    /// Threads that score; 0 for one on each core.
    pub threads: usize,
    /// Terms of the scorer `linear-v0`.
    pub linear: LinearConfig,
    /// The ontology; without folders what rests on it is unknown.
    pub esco: EscoConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            server: ServerConfig::on_port(7403),
            max_candidates: 5_000,
            max_concurrent_requests: 64,
            retry_after: Duration::from_millis(100),
            threads: 0,
            linear: LinearConfig::default(),
            esco: EscoConfig::default(),
        }
    }
}

impl Config {
    /// Checks what the types do not. The linear terms are checked when the
    /// scorer is built.
    ///
    /// # Errors
    /// When a limit is 0 or too large for the protocol.
    pub fn validate(&self) -> Result<(), Violation> {
        let limits = [
            ("max_candidates", self.max_candidates, u32::MAX as usize),
            (
                "max_concurrent_requests",
                self.max_concurrent_requests,
                tokio::sync::Semaphore::MAX_PERMITS,
            ),
            ("threads + 1", self.threads.saturating_add(1), 1_025),
        ];
        for (field, value, most) in limits {
            if value == 0 || value > most {
                return Err(Violation::new(field, value, format!("must be 1 to {most}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_bad_limits_are_named() {
        assert_eq!(Config::default().validate(), Ok(()));
        let none = Config {
            max_candidates: 0,
            ..Config::default()
        };
        assert_eq!(none.validate().unwrap_err().field, "max_candidates");
        let none = Config {
            max_concurrent_requests: 0,
            ..Config::default()
        };
        assert_eq!(
            none.validate().unwrap_err().field,
            "max_concurrent_requests"
        );
    }

    #[test]
    fn files_are_read_and_misspelt_keys_refused() {
        let config: Config = toml::from_str(
            "max_candidates = 10\nretry_after = \"1s\"\n[linear.terms.facet_text]\nweight = 2.0",
        )
        .unwrap();
        assert_eq!(config.max_candidates, 10);
        assert_eq!(config.linear.terms["facet_text"].weight, 2.0);
        let error = toml::from_str::<Config>("max_candidate = 10").unwrap_err();
        assert!(error.to_string().contains("max_candidate"), "{error}");
    }
}
