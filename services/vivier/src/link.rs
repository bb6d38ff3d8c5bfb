//! `vivier link`, `vivier eval link` and `vivier train link`: texts to the concepts that they name.

mod evaluation;
mod learning;
mod set_up;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::json;
use vivier_linking::{Link, MAPPED, Mention};
use vivier_ontology::{Kind, Language, Ontology};

use crate::failure::Outcome;
use crate::output::Output;
pub(crate) use evaluation::{EvalLinkArgs, run as evaluate};
pub(crate) use learning::{TrainLinkArgs, run as train};
use set_up::{Knowledge, Source, TextLinker};

/// Arguments of `vivier link`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Each text is compared with the labels of ESCO: by letters, by stems, and by the vectors of
the encoder. The vectors of the labels are made once, in a minute or two, and kept in the
folder --cache.

With --out the answers are a file of columns separated by tabs, without a header: the
number of the text from 1, the rank from 1, the URI, the label, the score. A score is how
probable it is that the text names the concept; below 0.5 it counts as naming nothing, and
the printed answer then says \"unmapped\".

Examples:
  vivier link --kind skill --esco esco_en --text 'build REST services in Java'
  vivier link --kind skill --esco esco_en --in adverts.txt --mentions --json
  vivier link --kind occupation --esco esco_en,esco_fr --lang fr --in titles.txt \\
    -k 10 --out titles.tsv")]
pub(crate) struct LinkArgs {
    /// What is looked for.
    #[arg(long, value_enum)]
    kind: LinkKind,
    #[command(flatten)]
    source: Source,
    /// One text.
    #[arg(
        long,
        value_name = "TEXT",
        conflicts_with = "input",
        required_unless_present = "input"
    )]
    text: Option<String>,
    /// Texts, one a line.
    #[arg(long = "in", value_name = "FILE")]
    input: Option<PathBuf>,
    /// Most concepts for each text.
    #[arg(short, value_name = "K", default_value = "10")]
    k: std::num::NonZeroUsize,
    /// Writes the answers to a file instead of printing them.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Reads running text, such as adverts: prints where each names what, with the bytes.
    #[arg(long, conflicts_with = "out")]
    mentions: bool,
    /// Prints a line of JSON for each text.
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

/// What texts are linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LinkKind {
    /// Skills.
    Skill,
    /// Occupations.
    Occupation,
}

impl LinkKind {
    fn kind(self) -> Kind {
        match self {
            Self::Skill => Kind::Skill,
            Self::Occupation => Kind::Occupation,
        }
    }
}

/// Runs `vivier link`.
///
/// # Errors
/// When a file, the ontology or the model cannot be used.
pub(crate) fn run(args: &LinkArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let texts = args.texts()?;
    let knowledge = Knowledge::load(&args.source)?;
    let linker = knowledge.linker(&[args.kind.kind()])?;
    let ontology = &knowledge.ontology;
    if args.mentions {
        return mentions(&linker, &texts, ontology, args.json, output);
    }
    let answers = linker.link_all(&texts, args.k.get())?;
    if let Some(path) = &args.out {
        let table = table(&answers, ontology);
        let written =
            std::fs::File::create(path).and_then(|mut file| file.write_all(table.as_bytes()));
        written.with_context(|| format!("cannot write {}", path.display()))?;
        return Ok(Outcome::Done);
    }
    for (text, links) in texts.iter().zip(&answers) {
        if args.json {
            output.line(format_args!("{}", fields(text, links, ontology)))?;
        } else {
            print(text, links, ontology, knowledge.language, output)?;
        }
    }
    Ok(Outcome::Done)
}

impl LinkArgs {
    fn texts(&self) -> anyhow::Result<Vec<String>> {
        let Some(path) = &self.input else {
            return Ok(self.text.iter().cloned().collect());
        };
        let content = std::fs::read(path);
        let content = content.with_context(|| format!("cannot read {}", path.display()))?;
        let content = String::from_utf8(content);
        let content = content.with_context(|| format!("{} is not UTF-8", path.display()))?;
        let content = content.trim_start_matches('\u{feff}');
        Ok(content.lines().map(str::to_owned).collect())
    }
}

/// Prints where texts name concepts.
fn mentions(
    linker: &TextLinker<'_>,
    texts: &[String],
    ontology: &Ontology,
    json: bool,
    output: &mut Output,
) -> anyhow::Result<Outcome> {
    for text in texts {
        let found = linker.mentions(text)?;
        if json {
            let found = found.iter().map(|mention| {
                json!({
                    "start": mention.range.start,
                    "end": mention.range.end,
                    "text": text.get(mention.range.clone()),
                    "uri": ontology.uri(mention.link.concept),
                    "label": mention.link.label,
                    "score": mention.link.score,
                    "exact": mention.exact,
                })
            });
            let fields = json!({ "text": text, "mentions": found.collect::<Vec<_>>() });
            output.line(format_args!("{fields}"))?;
            continue;
        }
        output.line(format_args!("{}", output.bold(text)))?;
        for Mention { range, link, exact } in &found {
            let words = text.get(range.clone()).unwrap_or_default();
            let how = if *exact { "" } else { " (in other words)" };
            output.line(format_args!(
                "  {}..{}  \"{words}\"  {:.2}  {}{how}  {}",
                range.start,
                range.end,
                link.score,
                link.label,
                ontology.uri(link.concept)
            ))?;
        }
    }
    Ok(Outcome::Done)
}

fn table(answers: &[Vec<Link>], ontology: &Ontology) -> String {
    let mut table = String::new();
    for (number, links) in (1..).zip(answers) {
        for (rank, link) in (1..).zip(links) {
            let label = link.label.replace(['\t', '\n', '\r'], " ");
            let uri = ontology.uri(link.concept);
            table.push_str(&format!(
                "{number}\t{rank}\t{uri}\t{label}\t{:.6}\n",
                link.score
            ));
        }
    }
    table
}

fn fields(text: &str, links: &[Link], ontology: &Ontology) -> serde_json::Value {
    let mapped = links.first().is_some_and(|link| link.score >= MAPPED);
    let links = links.iter().map(|link| {
        json!({
            "uri": ontology.uri(link.concept),
            "label": link.label,
            "score": link.score,
        })
    });
    json!({ "text": text, "mapped": mapped, "links": links.collect::<Vec<_>>() })
}

fn print(
    text: &str,
    links: &[Link],
    ontology: &Ontology,
    language: Language,
    output: &mut Output,
) -> anyhow::Result<()> {
    let mapped = links.first().is_some_and(|link| link.score >= MAPPED);
    let outcome = if mapped { "" } else { "  (unmapped)" };
    output.line(format_args!("{}{outcome}", output.bold(text)))?;
    for link in links {
        let preferred = ontology.label(link.concept, language);
        let preferred = preferred.or_else(|| ontology.label(link.concept, Language::ENGLISH));
        let preferred = preferred.unwrap_or(&link.label);
        let by = if preferred == link.label {
            String::new()
        } else {
            format!(" (by \"{}\")", link.label)
        };
        output.line(format_args!(
            "  {:.2}  {preferred}{by}  {}",
            link.score,
            ontology.uri(link.concept)
        ))?;
    }
    Ok(())
}
