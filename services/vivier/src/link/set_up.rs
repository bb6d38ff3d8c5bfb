//! What linking needs: the ontology, an encoder, and the vectors of labels.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use indicatif::ProgressBar;
use sha2::{Digest as _, Sha256};
use vivier_encoders::{
    Adapter, Batch, DeviceChoice, Encoder, EncoderOptions, InputKind, Truncation, suited_precision,
};
use vivier_linking::{LabelVectors, Link, Linker, Mention, Scorer, Weights};
use vivier_ontology::{Kind, Language, Ontology, load};
use vivier_runtime::CpuPool;

/// Tokens of a batch.
const BATCH_TOKENS: usize = 4_096;

/// Where the knowledge is.
#[derive(Args, Clone, Debug)]
pub(crate) struct Source {
    /// Folders of ESCO's CSV files, several separated by commas.
    #[arg(long, value_name = "DIR,...", value_delimiter = ',', required = true)]
    esco: Vec<PathBuf>,
    /// Language of the texts, such as en or fr.
    #[arg(long, value_name = "LANG", default_value = "en", value_parser = language)]
    lang: Language,
    /// Folder of the encoder; by default that of the embedder.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Folder of a LoRA adapter for the encoder as PEFT saves it; by default the one that
    /// comes with Vivier, where the encoder is the default one.
    #[arg(long, value_name = "DIR")]
    adapter: Option<PathBuf>,
    /// Compares by letters and words alone, without an encoder.
    #[arg(long, conflicts_with_all = ["model", "adapter"])]
    lexical: bool,
    /// Weights by `vivier train link`; by default those that come with Vivier.
    #[arg(long, value_name = "FILE")]
    scorer: Option<PathBuf>,
    /// Folder in which the ontology and the vectors of its labels are kept.
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,
}

impl Source {
    fn cache(&self) -> PathBuf {
        let default = || vivier_runtime::default_cache_dir().join("link");
        self.cache.clone().unwrap_or_else(default)
    }

    fn scorer(&self) -> anyhow::Result<Option<Scorer>> {
        let Some(path) = &self.scorer else {
            return Ok(None);
        };
        let text = std::fs::read_to_string(path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        let scorer = toml::from_str(&text);
        let scorer = scorer.with_context(|| format!("{} is no scorer", path.display()))?;
        Ok(Some(scorer))
    }

    fn encoder(&self) -> anyhow::Result<Option<Encoder>> {
        if self.lexical {
            return Ok(None);
        }
        let folder = self
            .model
            .clone()
            .unwrap_or_else(vivier_embedder::default_model_dir);
        let options = EncoderOptions {
            device: DeviceChoice::Cpu,
            precision: suited_precision(DeviceChoice::Cpu)?,
            adapter: self.lora()?.map(Arc::new),
            ..EncoderOptions::default()
        };
        let encoder = Encoder::load(&folder, &options);
        let encoder =
            encoder.with_context(|| format!("cannot load the model {}", folder.display()));
        encoder.map(Some)
    }

    fn lora(&self) -> anyhow::Result<Option<Adapter>> {
        let adapter = match (&self.adapter, &self.model) {
            (Some(folder), _) => Adapter::open(folder),
            (None, None) => {
                let [config, weights] = vivier_linking::ADAPTER;
                Adapter::parse(Path::new("built in"), config, weights.to_vec())
            }
            (None, Some(_)) => return Ok(None),
        };
        adapter.context("cannot load the adapter").map(Some)
    }
}

fn language(text: &str) -> Result<Language, String> {
    Language::parse(text).map_err(|error| error.to_string())
}

/// The ontology and the encoder.
pub(crate) struct Knowledge {
    pub(crate) ontology: Ontology,
    /// Language of the texts.
    pub(crate) language: Language,
    encoder: Option<Encoder>,
    scorer: Option<Scorer>,
    cache: PathBuf,
    pool: CpuPool,
}

impl Knowledge {
    /// Loads both.
    ///
    /// # Errors
    /// When a folder cannot be used.
    pub(crate) fn load(source: &Source) -> anyhow::Result<Self> {
        let cache = source.cache();
        let made = std::fs::create_dir_all(&cache);
        made.with_context(|| format!("cannot make the folder {}", cache.display()))?;
        let loaded = load(&source.esco, Some(&cache.join("esco.cache")));
        let loaded = loaded.context("cannot load the ontology")?;
        if let Some(problem) = &loaded.cache_problem {
            crate::report_line(&format!(
                "the cache of the ontology was not used: {problem}"
            ));
        }
        if !loaded.ontology.languages().any(|one| one == source.lang) {
            crate::report_line(&format!(
                "the ontology has no labels in {}: English ones are compared",
                source.lang.code()
            ));
        }
        Ok(Self {
            ontology: loaded.ontology,
            language: source.lang,
            encoder: source.encoder()?,
            scorer: source.scorer()?,
            cache,
            pool: CpuPool::new("link", 0)?,
        })
    }

    /// Makes a linker for texts of the language; the vectors of labels are made unless they
    /// are kept.
    ///
    /// # Errors
    /// When there is nothing to link to, or the vectors cannot be made.
    pub(crate) fn linker(&self, kinds: &[Kind]) -> anyhow::Result<TextLinker<'_>> {
        let mut linker = self
            .pool
            .install(|| Linker::new(&self.ontology, kinds, self.language))?;
        if let Some(scorer) = self.scorer {
            linker = linker.with_scorer(scorer);
        }
        let Some(encoder) = &self.encoder else {
            return Ok(TextLinker {
                linker,
                knowledge: self,
            });
        };
        let mut sum = Sha256::new();
        sum.update(&encoder.spec().fingerprint);
        for label in linker.labels() {
            sum.update([0]);
            sum.update(label);
        }
        let sum: String = sum
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Languages and kinds stand beside each other.
        let folder = self.cache.join(sum.get(..16).unwrap_or_default());
        let vectors = self.vectors(&linker, encoder, &folder, &sum)?;
        Ok(TextLinker {
            linker: self.pool.install(|| linker.with_vectors(vectors)),
            knowledge: self,
        })
    }

    fn vectors(
        &self,
        linker: &Linker,
        encoder: &Encoder,
        folder: &Path,
        sum: &str,
    ) -> anyhow::Result<LabelVectors> {
        match LabelVectors::open(folder, sum) {
            Ok(Some(vectors)) => return Ok(vectors),
            Ok(None) => {}
            Err(error) => crate::report_line(&format!(
                "the vectors of labels are made again: {:#}",
                anyhow::Error::from(error)
            )),
        }
        let labels: Vec<&str> = linker.labels().collect();
        crate::report_line(&format!(
            "making the vectors of {} labels, once, for {}",
            labels.len(),
            folder.display()
        ));
        let bar = ProgressBar::new(u64::try_from(labels.len()).unwrap_or(u64::MAX));
        let vectors = self.pool.install(|| {
            let vectors = encode(encoder, &labels, &bar)?;
            bar.finish_and_clear();
            let dim = encoder.spec().dim;
            anyhow::Ok(LabelVectors::build(folder, sum, &vectors, dim)?)
        });
        vectors.context("cannot make the vectors of labels")
    }
}

/// Links texts, encoding them first.
pub(crate) struct TextLinker<'k> {
    linker: Linker,
    knowledge: &'k Knowledge,
}

impl TextLinker<'_> {
    /// Links each text to at most so many concepts.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub(crate) fn link_all(
        &self,
        texts: &[String],
        count: usize,
    ) -> anyhow::Result<Vec<Vec<Link>>> {
        use rayon::prelude::*;
        self.knowledge.pool.install(|| {
            let vectors = match &self.knowledge.encoder {
                None => Vec::new(),
                Some(encoder) => {
                    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                    encode(encoder, &texts, &ProgressBar::hidden())?
                }
            };
            let dim = (vectors.len() / texts.len().max(1)).max(1);
            let linked = texts.par_iter().enumerate().map(|(at, text)| {
                // A text without a token has no vector; letters may still find it.
                let vector = vectors.chunks_exact(dim).nth(at);
                let vector = vector.filter(|vector| vector.iter().any(|value| *value != 0.0));
                Ok(self.linker.link(text, vector, count)?)
            });
            linked.collect()
        })
    }

    /// Returns where a running text names concepts.
    ///
    /// # Errors
    /// When a phrase of it cannot be encoded.
    pub(crate) fn mentions(&self, text: &str) -> anyhow::Result<Vec<Mention>> {
        self.knowledge.pool.install(|| {
            let Some(encoder) = &self.knowledge.encoder else {
                return Ok(self.linker.mentions(text, &[])?);
            };
            let ranges = self.linker.phrases(text);
            let phrases: Vec<&str> = ranges
                .iter()
                .filter_map(|range| text.get(range.clone()))
                .collect();
            let vectors = encode(encoder, &phrases, &ProgressBar::hidden())?;
            let vectors = vectors.chunks_exact(encoder.spec().dim.max(1));
            let phrases: Vec<_> = ranges.into_iter().zip(vectors).collect();
            Ok(self.linker.mentions(text, &phrases)?)
        })
    }

    /// Learns weights from labels, evenly from all of them; of weights that were given
    /// only the scale and the bias.
    ///
    /// # Errors
    /// When a label cannot be encoded.
    pub(crate) fn learn(&self, count: usize) -> anyhow::Result<Scorer> {
        self.knowledge.pool.install(|| {
            let labels: Vec<&str> = self.linker.labels().collect();
            let step = labels.len().div_ceil(count).max(1);
            let places: Vec<usize> = (0..labels.len()).step_by(step).collect();
            let without: Vec<(usize, Option<&[f32]>)> =
                places.iter().map(|place| (*place, None)).collect();
            let given = self.knowledge.scorer;
            let letters = match &given {
                Some(scorer) => self.linker.calibrate(&scorer.letters, &without)?,
                None => self.linker.learn(&without)?,
            };
            let Some(encoder) = &self.knowledge.encoder else {
                let vectors = Weights::default();
                return Ok(Scorer { vectors, letters });
            };
            let asked: Vec<&str> = places
                .iter()
                .filter_map(|place| labels.get(*place).copied())
                .collect();
            let vectors = encode(encoder, &asked, &ProgressBar::hidden())?;
            let dim = encoder.spec().dim.max(1);
            let with = places.iter().copied();
            let with = with
                .zip(vectors.chunks_exact(dim).map(Some))
                .collect::<Vec<_>>();
            let vectors = match &given {
                Some(scorer) => self.linker.calibrate(&scorer.vectors, &with)?,
                None => self.linker.learn(&with)?,
            };
            Ok(Scorer { vectors, letters })
        })
    }
}

/// Returns the vectors of texts, `[texts, dim]`; zeros for a text without a token.
fn encode(encoder: &Encoder, texts: &[&str], bar: &ProgressBar) -> anyhow::Result<Vec<f32>> {
    let dim = encoder.spec().dim;
    let mut vectors = vec![0.0; texts.len() * dim];
    let mut batch = Batch::default();
    let mut waiting: Vec<usize> = Vec::new();
    for (at, text) in texts.iter().enumerate() {
        if let Ok(prepared) = encoder.prepare(text, InputKind::Skill, Truncation::Head) {
            prepared.push_to(&mut batch);
            waiting.push(at);
        }
        if batch.tokens() >= BATCH_TOKENS || at + 1 == texts.len() {
            let encoded = encoder.encode(&batch).context("cannot encode texts")?;
            for (at, vector) in waiting.iter().zip(encoded) {
                if let Some(place) = vectors.chunks_exact_mut(dim).nth(*at) {
                    place.copy_from_slice(&vector);
                }
            }
            bar.inc(u64::try_from(waiting.len()).unwrap_or_default());
            batch = Batch::default();
            waiting.clear();
        }
    }
    Ok(vectors)
}
