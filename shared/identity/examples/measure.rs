//! Measures the strip on texts: how much goes, of which kind, and how fast.
//!
//! ```text
//! cargo run --release -p vivier-identity --example measure -- FILE.jsonl [advert] [show KIND|all]
//! ```
//!
//! The file has one JSON object a line with a field `text`. With `show`, what
//! went is printed with what stood around it: for eyes that may see it.

#![expect(clippy::print_stdout, reason = "an example reports on standard output")]

use vivier_identity::{Counts, Stripped, strip, strip_advert};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("name a file")?;
    let options: Vec<String> = arguments.collect();
    let strip = if options.iter().any(|one| one == "advert") {
        strip_advert
    } else {
        strip
    };
    let shows = options.iter().any(|one| one == "show");
    let file = std::fs::read_to_string(path)?;
    let texts: Vec<String> = file
        .lines()
        .map(|line| {
            let row: serde_json::Value = serde_json::from_str(line)?;
            Ok(row["text"].as_str().unwrap_or_default().to_owned())
        })
        .collect::<Result<_, serde_json::Error>>()?;
    drop(strip(""));
    drop(strip(&texts[0]));
    let start = processor_seconds()?;
    let stripped: Vec<Stripped<'_>> = texts.iter().map(|text| strip(text)).collect();
    let seconds = processor_seconds()? - start;
    let mut counts = Counts::default();
    let (mut before, mut after, mut touched, mut unstable) = (0, 0, 0, 0);
    for (text, stripped) in texts.iter().zip(&stripped) {
        counts.add(&stripped.removed());
        before += text.chars().count();
        after += stripped.text().chars().count();
        touched += usize::from(!stripped.removed().is_empty());
        let again = strip(stripped.text());
        unstable += usize::from(again.text() != stripped.text());
        if shows {
            show(text, stripped);
        }
    }
    let bytes: usize = texts.iter().map(String::len).sum();
    #[expect(
        clippy::cast_precision_loss,
        reason = "a report needs no more precision"
    )]
    let (share, speed) = (
        100.0 * (before - after) as f64 / before as f64,
        bytes as f64 / seconds / 1e6,
    );
    println!(
        "{} texts, {touched} with removals, {unstable} unstable",
        texts.len()
    );
    println!("{share:.3} % of {before} characters went: {counts:?}");
    println!("{speed:.1} MB a second of processor time");
    Ok(())
}

/// Returns the seconds that this thread has run on a processor, which other
/// load on the machine does not change.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let said = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds: f64 = said.split(' ').next().ok_or("no times")?.parse()?;
    Ok(nanoseconds / 1e9)
}

/// Prints every removal between the text around it.
fn show(text: &str, stripped: &Stripped<'_>) {
    let clean = stripped.text();
    let mut expected = 0;
    for (at, letter) in clean.char_indices() {
        let original = stripped.original_offset(at);
        if original > expected {
            print_removal(text, expected, original);
        }
        expected = expected.max(original + letter.len_utf8());
    }
    if expected < text.len() {
        print_removal(text, expected, text.len());
    }
}

fn print_removal(text: &str, start: usize, end: usize) {
    let clip = |at: usize| (0..=at).rev().find(|at| text.is_char_boundary(*at));
    let (Some(start), Some(end)) = (clip(start), clip(end)) else {
        return;
    };
    let before: String = text[..start].chars().rev().take(45).collect();
    let before: String = before.chars().rev().collect();
    let after: String = text[end..].chars().take(35).collect();
    let line = format!("{before}⟦{}⟧{after}", &text[start..end]);
    println!("{}", line.replace('\n', "⏎"));
}
