//! `vivier bench encode`: the arguments, and the way from them to a report.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::{Args, ValueEnum};
use vivier_encoders::{
    DeviceChoice, Encoder, EncoderOptions, Engine, LoadError, Precision, peak_ops_per_second,
};
use vivier_runtime::CpuPool;

use super::measure::{Cosines, encode, measure};
use super::report::Report;
use super::work::{Shape, Work};
use crate::failure::{Outcome, Usage};
use crate::output::Output;

/// Arguments of `vivier bench encode`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
What is encoded:
  --batch B --tokens T       B sequences of exactly T tokens, again and again
  --texts FILE               whole texts, long ones in windows, as the embedder does
  --texts FILE --tokens T    the first T tokens of each text
Nothing of these is --batch 32 --tokens 128. Sequences are made of real text: that of
FILE with --texts, else that of `vivier sample`. Tokens count special tokens too.

What is printed:
  tokens_per_second, ms      by the median run: a batch, or a pass over all texts;
                             tokenizing is left out
  cosine_mean, cosine_min    of the vectors to those of the f32 reference
  bound_tokens_per_second    the speed if this processor did nothing but the
                             multiply-adds of the model, in this precision on these
                             threads, at the rate that a loop on registers reaches

Examples:
  vivier bench encode --batch 1 --tokens 16 --threads 2
  vivier bench encode --precision int8 --batch 8 --tokens 512 --json
  vivier bench encode --texts candidates.jsonl --max-texts 300 --compare 300")]
pub(crate) struct EncodeArgs {
    /// Folder of the model; by default that of the embedder.
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// Which code runs it.
    #[arg(long, value_name = "ENGINE", value_enum, default_value = "native")]
    engine: EngineName,
    /// Where: auto, cpu or cuda:N.
    #[arg(long, value_name = "DEVICE", default_value_t = DeviceChoice::Auto)]
    device: DeviceChoice,
    /// What products are computed in: f32, bf16, f16 or int8.
    #[arg(long, value_name = "PRECISION", default_value_t = Precision::F32)]
    precision: Precision,
    /// Sequences of a batch.
    #[arg(long, value_name = "B", requires = "tokens")]
    batch: Option<NonZeroUsize>,
    /// Length of the sequences; with --texts alone, where each text is cut.
    #[arg(long, value_name = "T")]
    tokens: Option<NonZeroUsize>,
    /// Texts, one a line: a JSON object with the field "text", or the text itself.
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// Most texts taken from the file, evenly from all of it.
    #[arg(long, value_name = "N", default_value = "1000")]
    max_texts: NonZeroUsize,
    /// Most tokens of a batch, when texts are encoded.
    #[arg(long, value_name = "N", default_value = "2048")]
    batch_tokens: NonZeroUsize,
    /// Threads; 0 for one on each core.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// How long to measure, at least.
    #[arg(long, value_name = "S", default_value = "3", value_parser = seconds)]
    seconds: Duration,
    /// Texts or sequences whose vectors are compared with the reference, at most; 0
    /// for none.
    #[arg(long, value_name = "N", default_value_t = 64)]
    compare: usize,
    /// Writes the token ids and, where compared, the reference vector of each text,
    /// so that other engines can be given the same.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Prints one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Names of the engines.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum EngineName {
    /// Our own, on packed weights.
    Native,
    /// Our own function on the tensors of candle.
    Candle,
    /// Stock candle.
    Reference,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Native => Self::Native,
            EngineName::Candle => Self::Candle,
            EngineName::Reference => Self::Reference,
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds: &f64| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be a number of seconds above 0".to_owned())
}

impl EncodeArgs {
    /// Returns what is to be encoded.
    fn shape(&self) -> Result<Shape, Usage> {
        match (self.batch, self.tokens, &self.texts) {
            (Some(batch), Some(tokens), _) => Ok(Shape::Fixed {
                batch: batch.get(),
                tokens: tokens.get(),
            }),
            (None, tokens, Some(_)) => Ok(Shape::Texts {
                head: tokens.map(NonZeroUsize::get),
                batch_tokens: self.batch_tokens.get(),
            }),
            (None, None, None) => Ok(Shape::Fixed {
                batch: 32,
                tokens: 128,
            }),
            (None, Some(tokens), None) => Err(Usage(format!(
                "--tokens {tokens} needs --batch (so many sequences of that length) or \
                 --texts (each text cut there)"
            ))),
            // The parser refuses it.
            (Some(_), None, _) => Err(Usage("--batch needs --tokens".to_owned())),
        }
    }

    fn folder(&self) -> PathBuf {
        let default = || vivier_embedder::default_model_dir();
        self.model.clone().unwrap_or_else(default)
    }

    /// Returns how to load the model: its window is the length of the sequences.
    fn options(&self, shape: Shape) -> EncoderOptions {
        EncoderOptions {
            engine: self.engine.into(),
            device: self.device,
            precision: self.precision,
            max_tokens: match shape {
                Shape::Fixed { tokens, .. } => Some(tokens),
                Shape::Texts { head, .. } => head,
            },
            ..EncoderOptions::default()
        }
    }
}

/// Runs `vivier bench encode`.
///
/// # Errors
/// When the arguments make no sense, a file or the model cannot be used, or a batch
/// cannot be encoded.
pub(crate) fn run(args: &EncodeArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let shape = args.shape()?;
    let options = args.options(shape);
    let encoder = load(&args.folder(), &options)?;
    let texts = args.texts.as_deref();
    let work = Work::prepare(&encoder, shape, texts, args.max_texts.get(), args.compare)?;
    let pool = CpuPool::new("bench", args.threads)?;
    let times = pool.install(|| measure(&encoder, &work, args.seconds))?;
    let vectors = pool.install(|| encode(&encoder, work.compared(), work.batch_tokens()))?;
    let spec = encoder.spec().clone();
    drop(encoder);
    // The rate of a graphics card is not measured.
    let on_cpu = spec.device.starts_with("cpu");
    let peak = on_cpu.then(|| peak_ops_per_second(args.precision, pool.threads()));
    let reference = match work.compared() {
        [] => None,
        compared => {
            let (name, encoder) = reference(&args.folder(), &options)?;
            let expected = pool.install(|| encode(&encoder, compared, work.batch_tokens()))?;
            Some((name, expected))
        }
    };
    if let Some(path) = &args.save {
        let expected = reference.as_ref().map(|(_, expected)| &expected[..]);
        work.save(path, expected.unwrap_or_default())?;
    }
    let report = Report {
        spec,
        engine: engine_name(args.engine),
        precision: args.precision,
        threads: pool.threads(),
        peak: peak.flatten(),
        times,
        cosines: reference.map(|(name, expected)| (name, Cosines::of(&vectors, &expected))),
        work: work.summary(),
    };
    if args.json {
        output.line(format_args!("{}", serde_json::to_string(&report.fields())?))?;
    } else {
        report.print(output)?;
    }
    Ok(Outcome::Done)
}

fn engine_name(engine: EngineName) -> &'static str {
    match engine {
        EngineName::Native => "native",
        EngineName::Candle => "candle",
        EngineName::Reference => "reference",
    }
}

fn load(folder: &Path, options: &EncoderOptions) -> anyhow::Result<Encoder> {
    Encoder::load(folder, options).map_err(|error| {
        if let LoadError::BadOption {
            option: "max_tokens",
            value,
            reason,
        } = &error
        {
            return Usage(format!("--tokens {value}: {reason}")).into();
        }
        let context = format!("cannot load the model {}", folder.display());
        anyhow::Error::from(error).context(context)
    })
}

/// Loads what vectors are compared with, and its name: stock candle, or for what that
/// cannot run, our own function on candle's tensors; both in f32 on the CPU.
fn reference(folder: &Path, options: &EncoderOptions) -> anyhow::Result<(&'static str, Encoder)> {
    let exact = |engine| EncoderOptions {
        engine,
        device: DeviceChoice::Cpu,
        precision: Precision::F32,
        ..options.clone()
    };
    match Encoder::load(folder, &exact(Engine::Reference)) {
        Err(LoadError::NotBert) => {
            let encoder = load(folder, &exact(Engine::Candle));
            Ok(("candle", encoder.context("as the f32 reference")?))
        }
        loaded => Ok((
            "reference",
            loaded.context("cannot load the f32 reference")?,
        )),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: EncodeArgs,
    }

    fn shape(arguments: &[&str]) -> Result<Shape, String> {
        let cli = Cli::try_parse_from([&["bench"], arguments].concat());
        let args = cli.map_err(|error| error.to_string())?.args;
        args.shape().map_err(|usage| usage.0)
    }

    #[test]
    fn what_is_encoded_follows_from_the_arguments() {
        let fixed = |batch, tokens| Ok(Shape::Fixed { batch, tokens });
        assert_eq!(shape(&[]), fixed(32, 128));
        assert_eq!(shape(&["--batch", "8", "--tokens", "512"]), fixed(8, 512));
        let both = ["--batch", "8", "--tokens", "9", "--texts", "f"];
        assert_eq!(shape(&both), fixed(8, 9));
        let texts = |head| {
            Ok(Shape::Texts {
                head,
                batch_tokens: 2048,
            })
        };
        assert_eq!(shape(&["--texts", "f"]), texts(None));
        assert_eq!(shape(&["--texts", "f", "--tokens", "7"]), texts(Some(7)));
    }

    #[test]
    fn arguments_that_make_no_sense_are_named() {
        let cases: [(&[&str], &str); 9] = [
            (&["--batch", "0", "--tokens", "1"], "--batch"),
            (&["--batch", "1", "--tokens", "0"], "--tokens"),
            (&["--batch", "1"], "--tokens"),
            (&["--tokens", "128"], "--batch"),
            (&["--precision", "fp8"], "fp8"),
            (&["--device", "gpu"], "gpu"),
            (&["--engine", "onnx"], "onnx"),
            (&["--seconds", "0"], "--seconds"),
            (&["--max-texts", "0"], "--max-texts"),
        ];
        for (arguments, named) in cases {
            let error = shape(arguments).unwrap_err();
            assert!(error.contains(named), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_time_is_above_zero_and_finite() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for bad in ["0", "-1", "NaN", "inf", "1e300", "a"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
