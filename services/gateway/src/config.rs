//! What the gateway can be told, with a bound for everything that could grow.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vivier_features::KnowledgeConfig;
use vivier_runtime::{ClientConfig, ServerConfig};
use vivier_types::{Facet, FacetWeights, Limits};

/// Configuration of the gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Time for one match when the caller sets none.
    #[serde(with = "humantime_serde")]
    pub default_deadline: Duration,
    /// Most time for one request of an upsert stream, calls shed by the
    /// embedder and retried included.
    #[serde(with = "humantime_serde")]
    pub upsert_timeout: Duration,
    /// Time between two looks at the other services.
    #[serde(with = "humantime_serde")]
    pub health_interval: Duration,
    /// Failed looks in a row after which a ready gateway is not ready.
    pub unready_after: u32,
    /// Address of the embedder.
    pub embedder: String,
    /// Address of an embedder that runs the model to change to; empty for none.
    pub next_embedder: String,
    /// Addresses of the index shards, in shard order. The order decides where a
    /// profile lives: append, never reorder.
    pub shards: Vec<String>,
    /// Address of the reranker.
    pub reranker: String,
    /// Threads for decoding, validation and merging; 0 for one for each core.
    pub cpu_threads: usize,
    /// Most profiles in one upsert request.
    pub max_batch_profiles: usize,
    /// Largest encoded profile, in bytes.
    pub max_profile_bytes: usize,
    /// Requests of one upsert stream that are worked on at once.
    pub upsert_concurrency: usize,
    /// Texts are embedded in calls of about this many bytes: few enough that one
    /// call cannot fill the embedder's queue, whatever the texts.
    pub embed_call_bytes: usize,
    /// Points are sent to a shard in messages of about this many bytes.
    pub upsert_message_bytes: usize,
    /// Tokens of the text of a query, the first ones, that are embedded; 0 for all.
    /// A stored profile is always embedded whole.
    pub max_query_tokens: u32,
    /// Results when the caller does not say.
    pub default_k: usize,
    /// Most results.
    pub max_k: usize,
    /// Profiles retrieved before reranking when the caller does not say.
    pub default_depth: usize,
    /// Most profiles retrieved before reranking.
    pub max_depth: usize,
    /// Most matched words shown for one result.
    pub max_words: u32,
    /// Deepest nesting of a filter.
    pub max_filter_depth: usize,
    /// Most nodes and set members of a filter.
    pub max_filter_nodes: usize,
    /// Where the gateway listens.
    pub server: ServerConfig,
    /// How it talks to the other services.
    pub client: ClientConfig,
    /// How large a profile may be.
    pub limits: Limits,
    /// Weight of each facet when the caller gives none. Inside a list the words
    /// score spreads by about a fifth of what the text score does, and on
    /// expert-annotated adverts and CVs BM25 alone beats a frozen small encoder:
    /// hence the weight of words.
    pub facet_weights: FacetWeights,
    /// How much of the time left each stage may take.
    pub stage_shares: StageShares,
    /// The ontology and the gazetteer.
    pub knowledge: KnowledgeConfig,
}

/// Share of the remaining time that a stage may take, above 0 and at most 1.
///
/// A stage that overruns its share fails alone; what is left serves the stages
/// after it, so that a degraded answer still arrives in time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StageShares {
    /// Fetching a stored query.
    pub fetch: f64,
    /// Embedding the query.
    pub embed: f64,
    /// Searching the shards.
    pub search: f64,
    /// Reranking.
    pub rerank: f64,
    /// Explaining by words.
    pub explain: f64,
}

impl Default for StageShares {
    fn default() -> Self {
        Self {
            fetch: 0.3,
            embed: 0.5,
            search: 0.6,
            rerank: 0.7,
            explain: 0.8,
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            default_deadline: Duration::from_secs(10),
            upsert_timeout: Duration::from_secs(300),
            health_interval: Duration::from_secs(1),
            unready_after: 3,
            embedder: "127.0.0.1:7401".to_owned(),
            next_embedder: String::new(),
            shards: vec!["127.0.0.1:7402".to_owned()],
            reranker: "127.0.0.1:7403".to_owned(),
            cpu_threads: 0,
            max_batch_profiles: 256,
            max_profile_bytes: 512 << 10,
            upsert_concurrency: 2,
            embed_call_bytes: 512 << 10,
            upsert_message_bytes: 4 << 20,
            max_query_tokens: 256,
            default_k: 10,
            max_k: 1_000,
            default_depth: 1_000,
            max_depth: 10_000,
            max_words: 8,
            max_filter_depth: 16,
            max_filter_nodes: 10_000,
            server: ServerConfig::on_port(7400),
            client: ClientConfig::default(),
            limits: Limits::default(),
            facet_weights: BTreeMap::from([
                (Facet::Text, 1.0),
                (Facet::Skills, 0.5),
                (Facet::Occupation, 0.3),
                (Facet::Geography, 0.25),
                (Facet::Seniority, 0.1),
                (Facet::Languages, 0.1),
                (Facet::Words, 3.0),
            ]),
            stage_shares: StageShares::default(),
            knowledge: KnowledgeConfig::default(),
        }
    }
}

/// A configuration value that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("gateway config {key}: {reason} (got {value})")]
pub struct ConfigViolation {
    /// Name of the key.
    pub key: String,
    /// The value found.
    pub value: String,
    /// The rule.
    pub reason: &'static str,
}

impl Config {
    /// Checks every value, before any socket opens.
    ///
    /// # Errors
    /// Names the first key whose value breaks a rule.
    pub fn validate(&self) -> Result<(), ConfigViolation> {
        for (key, value) in [
            ("max_batch_profiles", self.max_batch_profiles),
            ("max_profile_bytes", self.max_profile_bytes),
            ("upsert_concurrency", self.upsert_concurrency),
            ("embed_call_bytes", self.embed_call_bytes),
            ("upsert_message_bytes", self.upsert_message_bytes),
            ("default_k", self.default_k),
            ("max_filter_depth", self.max_filter_depth),
            ("max_filter_nodes", self.max_filter_nodes),
        ] {
            check(key, value, value >= 1, "must be at least 1")?;
        }
        for (key, value) in [
            ("default_deadline", self.default_deadline),
            ("upsert_timeout", self.upsert_timeout),
            ("health_interval", self.health_interval),
        ] {
            check(
                key,
                format_args!("{value:?}"),
                !value.is_zero(),
                "must be more than 0",
            )?;
        }
        check(
            "shards",
            "[]",
            !self.shards.is_empty(),
            "must name at least one shard",
        )?;
        check(
            "max_k",
            self.max_k,
            self.max_k >= self.default_k,
            "must be at least default_k",
        )?;
        check(
            "default_depth",
            self.default_depth,
            self.default_depth >= self.default_k,
            "must be at least default_k",
        )?;
        let deepest = self.default_depth.max(self.max_k);
        check(
            "max_depth",
            self.max_depth,
            self.max_depth >= deepest && u32::try_from(self.max_depth).is_ok(),
            "must be at least default_depth and max_k, and below 2^32",
        )?;
        self.validate_weights()?;
        self.stage_shares.validate()
    }

    fn validate_weights(&self) -> Result<(), ConfigViolation> {
        for (facet, weight) in &self.facet_weights {
            check(
                &format!("facet_weights.{facet}"),
                weight,
                weight.is_finite() && *weight >= 0.0,
                "must be finite and not negative",
            )?;
        }
        let some = self.facet_weights.values().any(|weight| *weight > 0.0);
        check("facet_weights", "all 0", some, "must have one above 0")
    }

    /// Returns how many tokens of a query's text are embedded; `None` for all.
    pub fn query_tokens(&self) -> Option<u32> {
        (self.max_query_tokens > 0).then_some(self.max_query_tokens)
    }

    /// Returns the configured weight of a facet; 0 when none is given.
    pub fn weight(&self, facet: Facet) -> f32 {
        self.facet_weights.get(&facet).copied().unwrap_or(0.0)
    }
}

impl StageShares {
    fn validate(self) -> Result<(), ConfigViolation> {
        for (key, share) in [
            ("stage_shares.fetch", self.fetch),
            ("stage_shares.embed", self.embed),
            ("stage_shares.search", self.search),
            ("stage_shares.rerank", self.rerank),
            ("stage_shares.explain", self.explain),
        ] {
            check(
                key,
                share,
                share > 0.0 && share <= 1.0,
                "must be above 0 and at most 1",
            )?;
        }
        Ok(())
    }
}

fn check(
    key: &str,
    value: impl std::fmt::Display + Copy,
    holds: bool,
    reason: &'static str,
) -> Result<(), ConfigViolation> {
    if holds {
        return Ok(());
    }
    Err(ConfigViolation {
        key: key.to_owned(),
        value: value.to_string(),
        reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().key
    }

    #[test]
    fn the_defaults_are_valid() {
        Config::default().validate().unwrap();
    }

    #[test]
    fn the_file_form_reads_back_and_refuses_unknown_keys() {
        let text = toml::to_string(&Config::default()).unwrap();
        assert!(text.contains("[facet_weights]"), "{text}");
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
        let error = toml::from_str::<Config>("max_kk = 3").unwrap_err();
        assert!(error.to_string().contains("max_kk"), "{error}");
        let error = toml::from_str::<Config>("[facet_weights]\nlooks = 1.0").unwrap_err();
        assert!(error.to_string().contains("looks"), "{error}");
    }

    #[test]
    fn each_bad_value_is_refused_by_name() {
        assert_eq!(refused(|c| c.max_batch_profiles = 0), "max_batch_profiles");
        assert_eq!(refused(|c| c.upsert_concurrency = 0), "upsert_concurrency");
        assert_eq!(
            refused(|c| c.default_deadline = Duration::ZERO),
            "default_deadline"
        );
        assert_eq!(refused(|c| c.shards.clear()), "shards");
        assert_eq!(refused(|c| c.max_k = 5), "max_k");
        assert_eq!(refused(|c| c.default_depth = 5), "default_depth");
        assert_eq!(refused(|c| c.max_depth = 999), "max_depth");
        assert_eq!(
            refused(|c| c.stage_shares.search = f64::NAN),
            "stage_shares.search"
        );
        let weigh = |facet, weight| {
            move |c: &mut Config| {
                c.facet_weights.insert(facet, weight);
            }
        };
        assert_eq!(refused(weigh(Facet::Text, f32::NAN)), "facet_weights.text");
        assert_eq!(refused(weigh(Facet::Words, -1.0)), "facet_weights.words");
        assert_eq!(refused(|c| c.facet_weights.clear()), "facet_weights");
    }
}
