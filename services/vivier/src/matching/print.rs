//! Draws an answer for people.

use std::collections::BTreeSet;
use std::io;

use vivier_types::Facet;

use super::answer::{Answer, MatchResult, Polarity, Reason, Report, SkillEvidence, Span};
use super::expansion;
use crate::output::Output;
use crate::table::{Align, Table};

/// Widest title, in columns.
const TITLE_WIDTH: usize = 48;
/// Most places shown of one skill.
const PLACES: usize = 3;

/// Prints the table of results, the reasons, what was added to the query (each addition
/// when `explained`), the stage times and what was degraded.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn print_answer(
    answer: &Answer,
    explained: bool,
    output: &mut Output,
) -> io::Result<()> {
    print_results(answer, output)?;
    if let Some(expansion) = &answer.report.expansion {
        expansion::print(expansion, explained, output)?;
    }
    print_report(&answer.report, output)
}

fn print_results(answer: &Answer, output: &mut Output) -> io::Result<()> {
    if answer.results.is_empty() {
        return output.line(format_args!("no {} found", answer.kind.plural()));
    }
    let facets = facets(answer);
    let mut table = Table::new(&[
        ("#", Align::Right),
        ("score", Align::Right),
        ("id", Align::Left),
    ]);
    table.column("title", Align::Left);
    table.column("place", Align::Left);
    for facet in &facets {
        table.column(facet, Align::Right);
    }
    for result in &answer.results {
        let mut cells = vec![
            result.rank.to_string(),
            format!("{:.4}", result.score),
            result.id.clone(),
            clip(&title(result), TITLE_WIDTH),
            clip(&result.location.place, 24),
        ];
        cells.extend(facets.iter().map(|facet| {
            result
                .facet_scores
                .get(facet)
                .map_or_else(String::new, |part| format!("{part:.3}"))
        }));
        table.row(cells);
    }
    let mut lines = table.lines().into_iter();
    if let Some(header) = lines.next() {
        output.line(format_args!("{}", output.bold(&header)))?;
    }
    for (line, result) in lines.zip(&answer.results) {
        output.line(format_args!("{line}"))?;
        for reason in &result.reasons {
            print_reason(reason, output)?;
        }
    }
    Ok(())
}

/// Facets that any result has a part of, in their usual order.
fn facets(answer: &Answer) -> Vec<String> {
    let found: BTreeSet<&String> = answer
        .results
        .iter()
        .flat_map(|result| result.facet_scores.keys())
        .collect();
    let place = |name: &str| {
        Facet::from_name(name).map_or(usize::MAX, |facet| {
            Facet::ALL
                .iter()
                .position(|known| *known == facet)
                .unwrap_or(usize::MAX)
        })
    };
    let mut facets: Vec<String> = found.into_iter().cloned().collect();
    facets.sort_by_key(|name| place(name));
    facets
}

fn title(result: &MatchResult) -> String {
    match result.titles.first() {
        Some(title) if !title.trim().is_empty() => title.clone(),
        Some(_) | None => "-".to_owned(),
    }
}

fn print_reason(reason: &Reason, output: &mut Output) -> io::Result<()> {
    let mark = match reason.polarity {
        Polarity::For => output.green("+"),
        Polarity::Against => output.red("-"),
        Polarity::Neutral => output.dim("·"),
    };
    output.line(format_args!("      {mark} {}", reason.text))?;
    for skill in &reason.skills {
        if let Some(line) = evidence(skill) {
            output.line(format_args!("        {}", output.dim(&line)))?;
        }
    }
    Ok(())
}

/// Returns where the record names a skill, and how it leads to the one asked for.
fn evidence(skill: &SkillEvidence) -> Option<String> {
    let mut places: Vec<String> = Vec::new();
    for span in skill.spans.iter().take(PLACES) {
        let Span {
            field, start, end, ..
        } = span;
        places.push(format!(
            "\"{}\" ({field} {start}-{end})",
            clip(&span.text, TITLE_WIDTH)
        ));
    }
    if let Some(more) = skill
        .spans
        .len()
        .checked_sub(PLACES)
        .filter(|more| *more > 0)
    {
        places.push(format!("+{more}"));
    }
    let way = skill.path.join(" > ");
    let parts = [way, places.join(", ")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    (!parts.is_empty()).then(|| format!("{}: {}", skill.asked, parts.join("; ")))
}

fn print_report(report: &Report, output: &mut Output) -> io::Result<()> {
    let total: f64 = report.stages.iter().map(|stage| stage.seconds).sum();
    let stages: Vec<String> = report
        .stages
        .iter()
        .map(|stage| format!("{} {:.1} ms", stage.name, stage.seconds * 1e3))
        .collect();
    let stages = format!("{}; together {:.1} ms", stages.join(", "), total * 1e3);
    output.line(format_args!("{} {stages}", output.bold("time")))?;
    let models: Vec<&str> = report
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    let reach = format!(
        "searched {} profiles on {} of {} shards ({}), retrieved {}; models {}",
        report.searched,
        report.shards_answered,
        report.shards_asked,
        report.plans.join(", "),
        report.retrieved,
        models.join(", "),
    );
    output.line(format_args!("{}", output.dim(&reach)))?;
    if report.query_tokens_used < report.query_tokens {
        output.line(format_args!(
            "{} {} of {} tokens of the query were used",
            output.yellow("cut"),
            report.query_tokens_used,
            report.query_tokens
        ))?;
    }
    for degradation in &report.degradations {
        let label = format!("degraded ({})", degradation.stage);
        output.line(format_args!(
            "{} {}",
            output.yellow(&label),
            degradation.text
        ))?;
    }
    Ok(())
}

/// Cuts a text to a width, on one line.
pub(crate) fn clip(text: &str, width: usize) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(width) {
        None => flat,
        Some(_) => {
            let kept: String = flat.chars().take(width.saturating_sub(1)).collect();
            format!("{}…", kept.trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use vivier_proto::v1;
    use vivier_types::ProfileKind;

    use super::*;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printed(answer: &Answer) -> String {
        let sink = Sink::default();
        print_answer(answer, true, &mut Output::plain(sink.clone())).unwrap();
        let bytes = sink.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_table_shows_results_reasons_times_and_what_is_missing() {
        let reason = v1::Reason {
            topic: "skills".to_owned(),
            text: "has 1 of 2 skills: Rust".to_owned(),
            polarity: v1::Polarity::For.into(),
            evidence: vec!["Rust".to_owned(), "C".to_owned()],
            skills: vec![v1::SkillEvidence {
                asked: Some(v1::Skill {
                    name: "Rust".to_owned(),
                    ..v1::Skill::default()
                }),
                spans: vec![v1::TextSpan {
                    field: "text".to_owned(),
                    start: 7,
                    end: 11,
                    text: "rust".to_owned(),
                }],
                ..v1::SkillEvidence::default()
            }],
        };
        let result = v1::MatchResult {
            id: "c1".to_owned(),
            rank: 1,
            score: 1.25,
            facet_scores: [("words".to_owned(), 0.25), ("text".to_owned(), 1.0)].into(),
            summary: Some(v1::Summary {
                titles: vec!["Ingénieure\nlogicielle".to_owned()],
                ..v1::Summary::default()
            }),
            reasons: vec![reason],
            ..v1::MatchResult::default()
        };
        let report = v1::MatchReport {
            stages: vec![v1::Stage {
                name: "embed".to_owned(),
                seconds: 0.0125,
            }],
            degradations: vec![v1::Degradation {
                stage: "rerank".to_owned(),
                text: "in retrieval order".to_owned(),
            }],
            query_tokens: 10,
            query_tokens_used: 8,
            ..v1::MatchReport::default()
        };
        let text = printed(&Answer::new(
            ProfileKind::Candidate,
            vec![result],
            Some(report),
        ));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].trim_end().ends_with(" text  words"), "{text}");
        assert!(
            lines[1].contains("1.2500") && lines[1].contains("Ingénieure logicielle"),
            "{text}"
        );
        assert_eq!(lines[2], "      + has 1 of 2 skills: Rust");
        assert_eq!(lines[3], "        Rust: \"rust\" (text 7-11)");
        assert_eq!(lines[4], "time embed 12.5 ms; together 12.5 ms");
        assert!(
            text.contains("degraded (rerank) in retrieval order"),
            "{text}"
        );
        assert!(text.contains("cut 8 of 10 tokens"), "{text}");
        assert!(!text.contains('\x1b'), "colour without a terminal");
    }

    #[test]
    fn an_expansion_shows_what_it_added_and_changed() {
        let addition = v1::Addition {
            label: "confectioner".to_owned(),
            weight: 0.5,
            reason: v1::AdditionReason::Label.into(),
            of: Some(v1::EscoConcept {
                label: "pastry maker".to_owned(),
                uri: String::new(),
            }),
            ..v1::Addition::default()
        };
        let expansion = v1::ExpansionReport {
            additions: vec![addition],
            found_by_expansion: vec!["c1".to_owned()],
            newly_retrieved: 3,
            no_longer_retrieved: 2,
            rank_biased_overlap: Some(0.875),
            ..v1::ExpansionReport::default()
        };
        let told = |expansion| {
            let report = v1::MatchReport {
                expansion: Some(expansion),
                ..v1::MatchReport::default()
            };
            printed(&Answer::new(
                ProfileKind::Candidate,
                Vec::new(),
                Some(report),
            ))
        };
        let text = told(expansion.clone());
        assert!(
            text.contains("1 label searched besides; here thanks to them: c1; "),
            "{text}"
        );
        assert!(
            text.contains("      0.50 confectioner (label of pastry maker)\n"),
            "{text}"
        );
        let unknown = v1::ExpansionReport {
            rank_biased_overlap: None,
            unknown: "no shard".to_owned(),
            ..expansion
        };
        assert!(told(unknown).contains("what they changed is unknown"));
        assert!(told(v1::ExpansionReport::default()).contains("expansion nothing added"));
    }

    #[test]
    fn an_empty_answer_says_so() {
        let text = printed(&Answer::new(ProfileKind::Vacancy, Vec::new(), None));
        assert!(text.starts_with("no vacancies found\n"), "{text}");
    }

    #[test]
    fn long_texts_are_clipped_by_characters() {
        assert_eq!(clip("été à\n la  mer", 40), "été à la mer");
        assert_eq!(clip("éééééé", 4), "ééé…");
    }
}
