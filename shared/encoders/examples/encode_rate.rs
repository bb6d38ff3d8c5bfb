//! Prints how many tokens per second a model encodes, on fixed shapes and on texts.
//!
//! ```text
//! cargo run --release -p vivier-encoders --example encode_rate -- MODEL_FOLDER [JSONL] [native|reference]
//! ```
//!
//! Texts are the field `text` of the lines of the file, split into windows.

#![expect(
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measuring tool"
)]

use std::path::Path;
use std::time::Instant;

use vivier_encoders::{Batch, Encoder, EncoderOptions, Engine, InputKind, Truncation};

/// Most texts read from the file.
const TEXTS: usize = 400;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments.next().ok_or("name the model folder")?;
    let texts = arguments.next();
    let engine = match arguments.next().as_deref() {
        None | Some("native") => Engine::Native,
        Some("reference") => Engine::Reference,
        Some(other) => return Err(format!("unknown engine {other}").into()),
    };
    let options = EncoderOptions {
        engine,
        ..EncoderOptions::default()
    };
    let started = Instant::now();
    let encoder = Encoder::load(Path::new(&model), &options)?;
    println!(
        "{engine:?}: loaded in {:.2} s, {} threads",
        started.elapsed().as_secs_f64(),
        rayon::current_num_threads()
    );
    for (count, length) in [(1, 16), (1, 128), (8, 128), (32, 128), (16, 256), (256, 5)] {
        let sequence: Vec<u32> = (0..length).map(|token| 1000 + token * 7).collect();
        let batch: Batch =
            std::iter::repeat_n((sequence.as_slice(), InputKind::Candidate), count).collect();
        let mut seconds: Vec<f64> = Vec::new();
        let begun = Instant::now();
        while seconds.len() < 5 || begun.elapsed().as_secs_f64() < 2.0 {
            let started = Instant::now();
            encoder.encode(&batch)?;
            seconds.push(started.elapsed().as_secs_f64());
        }
        seconds.sort_by(f64::total_cmp);
        let (median, best) = (seconds[seconds.len() / 2], seconds[0]);
        let tokens = batch.tokens() as f64;
        println!(
            "{count:4} x {length:4}: median {:8.2} ms, {:8.0} tokens/s (best {:.0})",
            median * 1e3,
            tokens / median,
            tokens / best
        );
    }
    match texts {
        Some(file) => encode_texts(&encoder, &std::fs::read_to_string(file)?),
        None => Ok(()),
    }
}

fn encode_texts(encoder: &Encoder, lines: &str) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let mut sequences: Vec<Vec<u32>> = Vec::new();
    let (mut texts, mut tokens) = (0, 0);
    for line in lines.lines().take(TEXTS) {
        let record: serde_json::Value = serde_json::from_str(line)?;
        let text = record["text"].as_str().ok_or("a line has no text")?;
        let prepared = encoder.prepare(
            text,
            InputKind::Candidate,
            Truncation::Windows { overlap: 32 },
        )?;
        texts += 1;
        tokens += prepared.input_tokens;
        sequences.extend(prepared.sequences);
    }
    println!(
        "{texts} texts, {tokens} tokens, {} windows, tokenized in {:.2} s",
        sequences.len(),
        started.elapsed().as_secs_f64()
    );
    let computed: usize = sequences.iter().map(Vec::len).sum();
    for budget in [1024, 2048, 4096, 8192, 16384] {
        let started = Instant::now();
        for chunk in sequences.chunks(budget / 256) {
            encoder.encode(&chunk.iter().map(Vec::as_slice).collect())?;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!(
            "budget {budget:6}: {seconds:6.2} s, {:.0} computed tokens/s, {:.0} text tokens/s",
            computed as f64 / seconds,
            tokens as f64 / seconds
        );
    }
    Ok(())
}
