//! Configuration in layers: compiled-in defaults, then a TOML file, then the
//! environment (`VIVIER__SECTION__KEY`).

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Why a configuration was refused; names the key and the source.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the config file {}", path.display())]
    Read {
        /// Path asked for.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A key is misspelt or a value has the wrong form.
    #[error("invalid configuration{}", origin(.file))]
    Invalid {
        /// The file in play, if any.
        file: Option<PathBuf>,
        /// Which key, and why.
        #[source]
        source: config::ConfigError,
    },
    /// The compiled-in defaults cannot be written as TOML: a bug.
    #[error("the default configuration cannot be serialised")]
    Defaults(#[source] toml::ser::Error),
}

fn origin(file: &Option<PathBuf>) -> String {
    file.as_ref().map_or_else(
        || " in the environment (VIVIER__*)".to_owned(),
        |file| format!(" in {} or the environment (VIVIER__*)", file.display()),
    )
}

/// Loads `T` from its defaults, then `file`, then the environment.
///
/// Unknown keys are refused as far as `T` denies unknown fields.
///
/// # Errors
/// When the file cannot be read, or a key or a value is wrong.
pub fn load_config<T>(file: Option<&Path>) -> Result<T, ConfigError>
where
    T: Default + Serialize + DeserializeOwned,
{
    let defaults = toml::to_string(&T::default()).map_err(ConfigError::Defaults)?;
    let mut builder = config::Config::builder()
        .add_source(config::File::from_str(&defaults, config::FileFormat::Toml));
    if let Some(path) = file {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        builder = builder.add_source(config::File::from_str(&text, config::FileFormat::Toml));
    }
    let environment = config::Environment::with_prefix("VIVIER")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true);
    let invalid = |source| ConfigError::Invalid {
        file: file.map(Path::to_owned),
        source,
    };
    builder
        .add_source(environment)
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(invalid)
}

/// Returns the folder for downloaded models:
/// `$XDG_CACHE_HOME/vivier`, else `$HOME/.cache/vivier`.
pub fn default_cache_dir() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")));
    base.unwrap_or_else(|| PathBuf::from(".cache"))
        .join("vivier")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Sample {
        threads: usize,
        nested: Nested,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Nested {
        name: String,
    }

    impl Default for Sample {
        fn default() -> Self {
            Self {
                threads: 2,
                nested: Nested::default(),
            }
        }
    }

    impl Default for Nested {
        fn default() -> Self {
            Self {
                name: "a".to_owned(),
            }
        }
    }

    fn load(text: &str) -> Result<Sample, ConfigError> {
        let folder = std::env::temp_dir().join(format!(
            "vivier-config-{}-{}",
            std::process::id(),
            text.len()
        ));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("test.toml");
        std::fs::write(&path, text).unwrap();
        let loaded = load_config(Some(&path));
        std::fs::remove_dir_all(&folder).unwrap();
        loaded
    }

    #[test]
    fn the_file_wins_over_the_defaults_key_by_key() {
        let sample = load("[nested]\nname = \"b\"\n").unwrap();
        assert_eq!(
            sample,
            Sample {
                threads: 2,
                nested: Nested {
                    name: "b".to_owned()
                }
            }
        );
    }

    #[test]
    fn a_misspelt_key_is_named() {
        let error = load("[nested]\nnmae = \"bb\"\n").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("nmae"), "{cause}");
        assert!(error.to_string().contains("test.toml"), "{error}");
    }

    #[test]
    fn a_wrong_type_names_its_key() {
        let error = load("threads = \"many\"\n").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("threads"), "{cause}");
    }
}
