//! `vivier eval link`: how well texts are linked, on questions with known answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde_json::json;
use vivier_linking::evaluate::{Agreement, Measures, Melo, Questions, sentences, skills, titles};
use vivier_linking::{Link, Mention};
use vivier_ontology::{ConceptId, Kind};

use super::set_up::{Knowledge, Source};
use crate::failure::Outcome;
use crate::output::Output;

/// Concepts that are looked at for each question; one that ranks behind counts as not
/// found.
const DEPTH: usize = 500;

/// Arguments of `vivier eval link`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
What can be read:
  --skills FILE   a CSV of sentence,span,sub_span,label (the label being ESCO's preferred
                  one) or of text,skill_uri
  --titles FILE   a CSV of title,occupation_uri
  --mentions FILE the CSV of --skills with sentences: what the command finds in them by
                  itself, compared with what people marked
  --melo DIR      a folder of MELO: queries.tsv, corpus_elements.tsv, annotations.tsv,
                  concept_mapping.tsv

Each distinct text is one question; its best right answer counts. Texts without an answer
are left out. In MELO labels are ranked: the best label of each concept first, the others
after them.

With --mentions: right (mentions that share a byte with a span of the same skill), other (of
the rest, those on a span of another skill), unlabelled (on a span that no skill fits), outside
(on no span), precision (right of all mentions), spans (of a skill), found and recall.

Of all others is printed: questions, mrr, hit_1, hit_5, hit_10, and rp_10 (right answers among the
first 10, over all right ones or 10, whichever is less).

Examples:
  vivier eval link --esco esco_en --titles titles.csv --json
  vivier eval link --esco esco_en --mentions spans.csv --lexical")]
pub(crate) struct EvalLinkArgs {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    asked: Asked,
    /// Asks the first N distinct texts only.
    #[arg(long, value_name = "N")]
    first: Option<usize>,
    /// Prints a line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
struct Asked {
    /// Spans labelled with skills.
    #[arg(long, value_name = "FILE")]
    skills: Option<PathBuf>,
    /// Sentences in which spans are labelled with skills.
    #[arg(long, value_name = "FILE")]
    mentions: Option<PathBuf>,
    /// Titles labelled with occupations.
    #[arg(long, value_name = "FILE")]
    titles: Option<PathBuf>,
    /// National job titles labelled with labels of ESCO.
    #[arg(long, value_name = "DIR")]
    melo: Option<PathBuf>,
}

/// Runs `vivier eval link`.
///
/// # Errors
/// When the questions, the ontology or the model cannot be used.
pub(crate) fn run(args: &EvalLinkArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let knowledge = Knowledge::load(&args.source)?;
    if let Some(path) = &args.asked.mentions {
        return args.mentions(&knowledge, path, output);
    }
    let started = Instant::now();
    let (answers, without) = match &args.asked {
        Asked {
            skills: Some(path), ..
        } => args.ask(
            &knowledge,
            &[Kind::Skill],
            skills(path, &knowledge.ontology)?,
        )?,
        Asked {
            titles: Some(path), ..
        } => {
            let questions = titles(path, &knowledge.ontology)?;
            args.ask(&knowledge, &[Kind::Occupation], questions)?
        }
        Asked {
            melo: Some(path), ..
        } => (args.rank(&knowledge, &Melo::read(path)?)?, 0),
        _ => (Vec::new(), 0),
    };
    let measures = Measures::of(&answers);
    let seconds = started.elapsed().as_secs_f64();
    if args.json {
        let [hit_1, hit_5, hit_10] = measures.hit;
        let fields = json!({
            "questions": measures.questions,
            "without_answer": without,
            "mrr": measures.mrr,
            "hit_1": hit_1,
            "hit_5": hit_5,
            "hit_10": hit_10,
            "rp_10": measures.rp_10,
            "seconds": seconds,
        });
        output.line(format_args!("{fields}"))?;
    } else {
        let [hit_1, hit_5, hit_10] = measures.hit;
        output.line(format_args!(
            "mrr {:.3}  hit@1 {hit_1:.3}  hit@5 {hit_5:.3}  hit@10 {hit_10:.3}  rp@10 {:.3}  \
             {} questions ({without} without an answer) in {seconds:.1} s",
            measures.mrr, measures.rp_10, measures.questions,
        ))?;
    }
    Ok(Outcome::Done)
}

type Answers = Vec<(Vec<bool>, usize)>;

impl EvalLinkArgs {
    /// Finds mentions in sentences, and prints how they agree with what people marked.
    fn mentions(
        &self,
        knowledge: &Knowledge,
        path: &Path,
        output: &mut Output,
    ) -> anyhow::Result<Outcome> {
        let mut sentences = sentences(path, &knowledge.ontology)?;
        sentences.items.truncate(self.first.unwrap_or(usize::MAX));
        let linker = knowledge.linker(&[Kind::Skill])?;
        let started = Instant::now();
        let found = sentences.items.iter();
        let found = found.map(|sentence| linker.mentions(&sentence.text));
        let found: Vec<Vec<Mention>> = found.collect::<Result<_, _>>().context("cannot link")?;
        let seconds = started.elapsed().as_secs_f64();
        let mentions = found.iter().map(Vec::as_slice);
        let agreement = Agreement::of(sentences.items.iter().zip(mentions));
        let Agreement {
            right,
            other,
            unlabelled,
            outside,
            spans,
            found,
        } = agreement;
        let (precision, recall) = (agreement.precision(), agreement.recall());
        let (sentences, unplaced) = (sentences.items.len(), sentences.unplaced);
        if self.json {
            let fields = json!({
                "sentences": sentences,
                "unplaced": unplaced,
                "mentions": agreement.mentions(),
                "right": right,
                "other": other,
                "unlabelled": unlabelled,
                "outside": outside,
                "precision": precision,
                "spans": spans,
                "found": found,
                "recall": recall,
                "seconds": seconds,
            });
            output.line(format_args!("{fields}"))?;
        } else {
            output.line(format_args!(
                "precision {precision:.3} ({right} right of {} mentions; {other} another skill, \
                 {unlabelled} on a span that no skill fits, {outside} on none)  recall \
                 {recall:.3} ({found} of {spans} spans)  {sentences} sentences ({unplaced} spans \
                 not in theirs) in {seconds:.1} s",
                agreement.mentions(),
            ))?;
        }
        Ok(Outcome::Done)
    }

    fn ask(
        &self,
        knowledge: &Knowledge,
        kinds: &[Kind],
        mut questions: Questions,
    ) -> anyhow::Result<(Answers, usize)> {
        questions.items.truncate(self.first.unwrap_or(usize::MAX));
        let texts: Vec<String> = questions
            .items
            .iter()
            .map(|(text, _)| text.clone())
            .collect();
        let linker = knowledge.linker(kinds)?;
        let answers = linker.link_all(&texts, DEPTH).context("cannot link")?;
        let judged = questions.items.iter().zip(&answers);
        let judged = judged.map(|((_, right), links)| judge(right, links));
        Ok((judged.collect(), questions.without))
    }

    /// Ranks the labels of a folder of MELO.
    fn rank(&self, knowledge: &Knowledge, melo: &Melo) -> anyhow::Result<Answers> {
        let first = self.first.unwrap_or(usize::MAX);
        let questions = melo.questions.get(..first.min(melo.questions.len()));
        let questions = questions.unwrap_or_default();
        let texts: Vec<String> = questions.iter().map(|asked| asked.text.clone()).collect();
        let linker = knowledge.linker(&[Kind::Occupation, Kind::IscoGroup])?;
        let answers = linker.link_all(&texts, DEPTH).context("cannot link")?;
        let ranked = questions.iter().zip(&answers).map(|(asked, links)| {
            let places: BTreeMap<&str, usize> = (0..)
                .zip(links)
                .map(|(place, link)| (knowledge.ontology.uri(link.concept), place))
                .collect();
            let mut nth = vec![0_usize; links.len()];
            let mut ranked: Vec<(usize, usize, usize)> = Vec::new();
            for (element, (_, uri)) in melo.elements.iter().enumerate() {
                if let Some(&place) = places.get(uri.as_str())
                    && let Some(nth) = nth.get_mut(place)
                {
                    ranked.push((*nth, place, element));
                    *nth += 1;
                }
            }
            ranked.sort_unstable();
            let right = ranked
                .iter()
                .map(|(_, _, element)| asked.right.contains(element));
            (right.collect(), asked.right.len())
        });
        Ok(ranked.collect())
    }
}

fn judge(right: &BTreeSet<ConceptId>, links: &[Link]) -> (Vec<bool>, usize) {
    let judged = links.iter().map(|link| right.contains(&link.concept));
    (judged.collect(), right.len())
}
