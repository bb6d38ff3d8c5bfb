//! What was measured, as one line of JSON or for people.

use serde::Serialize;
use vivier_encoders::{ModelSpec, Precision};

use super::measure::{Cosines, Times};
use super::work::{Shape, Summary};
use crate::output::Output;

/// A measurement.
pub(crate) struct Report {
    pub(crate) spec: ModelSpec,
    pub(crate) engine: &'static str,
    pub(crate) precision: Precision,
    pub(crate) threads: usize,
    /// Operations in a second that the processor can do; `None` where unknown.
    pub(crate) peak: Option<f64>,
    pub(crate) times: Times,
    /// To the vectors of the named reference.
    pub(crate) cosines: Option<(&'static str, Cosines)>,
    pub(crate) work: Summary,
}

/// The line of JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Fields {
    model: String,
    fingerprint: String,
    engine: &'static str,
    device: String,
    precision: String,
    threads: usize,
    /// With a fixed shape: sequences of a batch, and their tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    /// With texts: how many, the sequences that they gave, and where they were cut.
    #[serde(skip_serializing_if = "Option::is_none")]
    texts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    head_tokens: Option<usize>,
    sequences: usize,
    /// Tokens of one run.
    run_tokens: usize,
    tokens_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    docs_per_second: Option<f64>,
    ms: f64,
    ms_min: f64,
    ms_p90: f64,
    runs: usize,
    cosine_mean: Option<f64>,
    cosine_min: Option<f64>,
    compared: usize,
    reference: Option<&'static str>,
    operations_per_token: f64,
    peak_ops_per_second: Option<f64>,
    bound_tokens_per_second: Option<f64>,
    share_of_bound: Option<f64>,
}

impl Report {
    /// Returns everything that is known.
    pub(crate) fn fields(&self) -> Fields {
        let lengths = &self.work.lengths;
        let run_tokens: usize = lengths.iter().sum();
        let seconds = self.times.percentile(50).as_secs_f64();
        let ms = |hundredths| self.times.percentile(hundredths).as_secs_f64() * 1e3;
        let operations = lengths
            .iter()
            .map(|&length| float(length) * self.spec.operations_per_token(length))
            .sum::<f64>()
            / float(run_tokens);
        let tokens_per_second = float(run_tokens) / seconds;
        let bound = self.peak.map(|peak| peak / operations);
        let (batch, tokens, texts, head_tokens) = match self.work.shape {
            Shape::Fixed { batch, tokens } => (Some(batch), Some(tokens), None, None),
            Shape::Texts { head, .. } => (None, None, Some(self.work.texts), head),
        };
        Fields {
            model: self.spec.name.clone(),
            fingerprint: self.spec.fingerprint.clone(),
            engine: self.engine,
            device: self.spec.device.clone(),
            precision: self.precision.to_string(),
            threads: self.threads,
            batch,
            tokens,
            texts,
            head_tokens,
            sequences: lengths.len(),
            run_tokens,
            tokens_per_second,
            docs_per_second: texts.map(|texts| float(texts) / seconds),
            ms: ms(50),
            ms_min: ms(0),
            ms_p90: ms(90),
            runs: self.times.runs(),
            cosine_mean: self.cosines.map(|(_, cosines)| cosines.mean),
            cosine_min: self.cosines.map(|(_, cosines)| cosines.min),
            compared: self.work.compared,
            reference: self.cosines.map(|(name, _)| name),
            operations_per_token: operations,
            peak_ops_per_second: self.peak,
            bound_tokens_per_second: bound,
            share_of_bound: bound.map(|bound| tokens_per_second / bound),
        }
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// When standard output cannot be written.
    pub(crate) fn print(&self, output: &mut Output) -> std::io::Result<()> {
        let fields = self.fields();
        output.line(format_args!(
            "{}, {} engine in {} on {}, {}",
            output.bold(&fields.model),
            fields.engine,
            fields.precision,
            fields.device,
            counted(fields.threads, "thread"),
        ))?;
        output.line(format_args!("{}", what(&fields)))?;
        let docs = fields.docs_per_second;
        let docs = docs.map_or_else(String::new, |docs| format!(", {docs:.1} texts/s"));
        output.line(format_args!(
            "speed   {:.0} tokens/s{docs}; median {:.2} ms, lowest {:.2}, 90th percentile {:.2} ({})",
            fields.tokens_per_second,
            fields.ms,
            fields.ms_min,
            fields.ms_p90,
            counted(fields.runs, "run"),
        ))?;
        if let (Some(bound), Some(peak)) = (fields.bound_tokens_per_second, self.peak) {
            output.line(format_args!(
                "bound   {bound:.0} tokens/s: {:.0} G operations/s, {:.1} M operations a token; {:.0} % reached",
                peak / 1e9,
                fields.operations_per_token / 1e6,
                fields.tokens_per_second / bound * 100.0,
            ))?;
        }
        if let Some((name, cosines)) = self.cosines {
            output.line(format_args!(
                "vectors cosine to the f32 {name} engine: mean {:.6}, lowest {:.6} ({} compared)",
                cosines.mean, cosines.min, fields.compared,
            ))?;
        }
        Ok(())
    }
}

/// Says what was encoded.
fn what(fields: &Fields) -> String {
    match (fields.batch, fields.tokens, fields.head_tokens) {
        (Some(batch), Some(tokens), _) => format!("batch   {batch} x {tokens} tokens"),
        (_, _, head) => {
            let texts = counted(fields.texts.unwrap_or_default(), "text");
            let sequences = counted(fields.sequences, "sequence");
            let cut = head.map_or_else(
                || "whole, in windows".to_owned(),
                |head| format!("cut at {head} tokens"),
            );
            let tokens = fields.run_tokens;
            format!("texts   {texts}, {cut}: {sequences}, {tokens} tokens")
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a rate needs no more than 53 bits"
)]
fn float(number: usize) -> f64 {
    number as f64
}
