//! What can be set.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use vivier_encoders::{
    Adapter, ByKind, DeviceChoice, EncoderOptions, Engine, Hub, LoadError, ModelSource, Pooling,
    Precision, suited_precision,
};
use vivier_runtime::{ServerConfig, default_cache_dir};
use vivier_types::Violation;

/// Smallest cache: the files that it begins with take some of it.
const MIN_CACHE_BYTES: u64 = 16 << 20;

/// Settings of the embedder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The model: a folder in the sentence-transformers layout, or
    /// `hub:owner/name@commit`.
    pub model: ModelSource,
    /// Folder of a LoRA adapter for the model, as PEFT saves it; it is merged into the
    /// weights when the model is loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapter: Option<PathBuf>,
    /// How token vectors become one, "mean", "cls" or "last"; unset for what the
    /// model folder says, as in the next two.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// Length that vectors are cut to, for models trained for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dim: Option<usize>,
    /// Window of the model in tokens, special tokens included; unset for what the
    /// model folder says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<usize>,
    /// Whether vectors are brought to length 1, whatever the folder says: facets are
    /// summed, so a long vector would count more than the others.
    pub normalize: bool,
    /// Where the model runs: "auto", "cpu" or "cuda:N".
    pub device: DeviceChoice,
    /// What its products are computed in: "f32", "bf16", "f16" or "int8"; unset for
    /// the fastest that suits the device ([`vivier_encoders::suited_precision`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// Threads that run the model, 0 for one on each core; on the processor each
    /// priority has as many.
    pub threads: usize,
    /// Most tokens that two neighbouring windows of a long text share.
    pub window_overlap_tokens: usize,
    /// Most tokens of one batch of the model.
    pub max_batch_tokens: usize,
    /// How long a batch should take, by the rate that is measured all the time: a
    /// batch holds as many tokens, at least one window. On a graphics card a person
    /// waits for one batch of a job at most; on the processor, for none.
    #[serde(with = "humantime_serde")]
    pub batch_time: Duration,
    /// Most tokens queued or in inference, over all callers; also the most that
    /// one request may ask for.
    pub max_queue_tokens: u32,
    /// Most bytes of texts that wait for the tokenizer, over all callers; also the most
    /// of one request.
    pub max_queue_bytes: u32,
    /// Most requests admitted at a time.
    pub max_queue_requests: u32,
    /// Most texts in one request.
    pub max_batch_inputs: usize,
    /// Longest text, in bytes.
    pub max_text_bytes: usize,
    /// Requests of one stream that are worked on at a time.
    pub max_stream_requests: usize,
    /// Whether vectors are kept on disk for texts that come again.
    pub cache: bool,
    /// Folder of that cache; one process at a time.
    pub cache_dir: PathBuf,
    /// Most bytes of the cache on disk.
    pub cache_max_bytes: u64,
    /// The text put before a text of each kind; unset for what the model folder says.
    #[serde(skip_serializing_if = "is_unset")]
    pub prompts: ByKind<Option<String>>,
    /// The task whose adapters a text of each kind uses, in models that have them;
    /// unset for the usual one.
    #[serde(skip_serializing_if = "is_unset")]
    pub tasks: ByKind<Option<String>>,
    /// Where models of the hub come from.
    pub hub: HubConfig,
    /// Where and how to listen.
    pub server: ServerConfig,
}

/// Where models of the hub come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HubConfig {
    /// Address of the hub.
    pub endpoint: String,
    /// Folder in which fetched models are kept.
    pub cache_dir: PathBuf,
    /// Never asks the hub: only models that were fetched before can be had.
    pub offline: bool,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            endpoint: Hub::ENDPOINT.to_owned(),
            cache_dir: default_cache_dir().join("hub"),
            offline: false,
        }
    }
}

impl From<&HubConfig> for Hub {
    fn from(config: &HubConfig) -> Self {
        Self {
            endpoint: config.endpoint.clone(),
            cache: config.cache_dir.clone(),
            offline: config.offline,
            token: None,
        }
    }
}

/// Returns the folder of the default model.
pub fn default_model_dir() -> PathBuf {
    default_cache_dir().join("models/all-MiniLM-L6-v2")
}

fn is_unset(texts: &ByKind<Option<String>>) -> bool {
    *texts == ByKind::default()
}

impl Default for Config {
    fn default() -> Self {
        Self {
            model: ModelSource::Folder(default_model_dir()),
            adapter: None,
            pooling: None,
            dim: None,
            max_tokens: None,
            normalize: true,
            device: DeviceChoice::default(),
            precision: None,
            threads: 0,
            window_overlap_tokens: 32,
            max_batch_tokens: 16_384,
            batch_time: Duration::from_millis(40),
            max_queue_tokens: 1 << 20,
            max_queue_bytes: 256 << 20,
            max_queue_requests: 1024,
            max_batch_inputs: 256,
            max_text_bytes: 1 << 20,
            max_stream_requests: 4,
            cache: true,
            cache_dir: PathBuf::from("vivier-data/embeddings"),
            cache_max_bytes: 1 << 30,
            prompts: ByKind::default(),
            tasks: ByKind::default(),
            hub: HubConfig::default(),
            server: ServerConfig::on_port(7401),
        }
    }
}

impl Config {
    /// Checks every value, also against the window of the model once it is known.
    ///
    /// # Errors
    ///
    /// Names the first key that breaks a rule.
    pub fn validate(&self, model_tokens: Option<usize>) -> Result<(), Violation> {
        let sizes = [
            ("max_batch_tokens", self.max_batch_tokens),
            ("max_queue_tokens", as_usize(self.max_queue_tokens)),
            ("max_queue_bytes", as_usize(self.max_queue_bytes)),
            ("max_queue_requests", as_usize(self.max_queue_requests)),
            ("max_batch_inputs", self.max_batch_inputs),
            ("max_text_bytes", self.max_text_bytes),
            ("max_stream_requests", self.max_stream_requests),
        ];
        if let Some((name, size)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(Violation::new(*name, size, "must be at least 1"));
        }
        if self.max_text_bytes > self.server.max_message_bytes {
            let limit = self.server.max_message_bytes;
            let reason = format!("must fit server.max_message_bytes = {limit}");
            return Err(Violation::new(
                "max_text_bytes",
                self.max_text_bytes,
                reason,
            ));
        }
        self.validate_bounds()?;
        let Some(window) = model_tokens else {
            return Ok(());
        };
        let holding = [
            ("max_batch_tokens", self.max_batch_tokens),
            ("max_queue_tokens", as_usize(self.max_queue_tokens)),
        ];
        if let Some((name, size)) = holding.iter().find(|(_, size)| *size < window) {
            let reason = format!("must hold one window of the model, {window} tokens");
            return Err(Violation::new(*name, size, reason));
        }
        if self.window_overlap_tokens > window / 2 {
            let reason = format!("must be at most half the window of the model, {window} tokens");
            return Err(Violation::new(
                "window_overlap_tokens",
                self.window_overlap_tokens,
                reason,
            ));
        }
        Ok(())
    }
}

impl Config {
    /// Returns how the model is to be loaded.
    ///
    /// # Errors
    ///
    /// When a card is asked for that is not there, or that this binary cannot use, or the
    /// adapter cannot be read.
    pub(crate) fn encoder_options(&self) -> Result<EncoderOptions, LoadError> {
        let precision = match self.precision {
            Some(precision) => precision,
            None => suited_precision(self.device)?,
        };
        Ok(EncoderOptions {
            engine: Engine::Native,
            device: self.device,
            precision,
            max_tokens: self.max_tokens,
            pooling: self.pooling,
            prompts: self.prompts.clone(),
            tasks: self.tasks.clone(),
            normalize: Some(self.normalize),
            dim: self.dim,
            adapter: self.adapter()?,
        })
    }

    fn adapter(&self) -> Result<Option<Arc<Adapter>>, LoadError> {
        let adapter = self.adapter.as_deref().map(Adapter::open).transpose()?;
        Ok(adapter.map(Arc::new))
    }

    fn validate_bounds(&self) -> Result<(), Violation> {
        if as_usize(self.max_queue_bytes) < self.max_text_bytes {
            let reason = format!("must hold max_text_bytes = {}", self.max_text_bytes);
            return Err(Violation::new(
                "max_queue_bytes",
                self.max_queue_bytes,
                reason,
            ));
        }
        if self.batch_time.is_zero() {
            return Err(Violation::new("batch_time", "0s", "must be above 0"));
        }
        if self.cache && self.cache_max_bytes < MIN_CACHE_BYTES {
            let reason = format!("must be at least {MIN_CACHE_BYTES}");
            return Err(Violation::new(
                "cache_max_bytes",
                self.cache_max_bytes,
                reason,
            ));
        }
        Ok(())
    }
}

/// Widens; a number too large for this machine counts as its largest.
pub(crate) fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.validate(Some(256)).unwrap_err().field
    }

    #[test]
    fn defaults_hold_and_broken_values_are_named() {
        assert_eq!(Config::default().validate(Some(256)), Ok(()));
        assert_eq!(
            broken(|config| config.max_queue_requests = 0),
            "max_queue_requests"
        );
        assert_eq!(
            broken(|config| config.max_batch_tokens = 255),
            "max_batch_tokens"
        );
        assert_eq!(
            broken(|config| config.max_queue_tokens = 255),
            "max_queue_tokens"
        );
        assert_eq!(
            broken(|config| config.window_overlap_tokens = 129),
            "window_overlap_tokens"
        );
        assert_eq!(
            broken(|config| config.server.max_message_bytes = 9),
            "max_text_bytes"
        );
        assert_eq!(
            broken(|config| config.max_queue_bytes = 1 << 19),
            "max_queue_bytes"
        );
        assert_eq!(
            broken(|config| config.batch_time = Duration::ZERO),
            "batch_time"
        );
        assert_eq!(
            broken(|config| config.cache_max_bytes = 1 << 20),
            "cache_max_bytes"
        );
    }

    #[test]
    fn a_text_of_200_kb_is_allowed() {
        assert!(Config::default().max_text_bytes >= 200_000);
    }
}
