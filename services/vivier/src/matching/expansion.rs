//! What was added to a query and what that changed, in a form of our own.

use std::io;

use clap::ValueEnum;
use serde::Serialize;
use vivier_proto::v1;

use crate::output::Output;

/// What a query is expanded by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExpandBy {
    /// Other labels of its skills and occupations.
    Labels,
    /// Essential skills of its occupations.
    EssentialSkills,
    /// Skills near its skills on ESCO's graph.
    Neighbours,
}

/// What was added, and what that changed; see `ExpansionReport` of the protocol.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Expansion {
    pub(crate) additions: Vec<Addition>,
    pub(crate) cut: u32,
    pub(crate) found_by_expansion: Vec<String>,
    pub(crate) beyond_first_k: Vec<String>,
    pub(crate) newly_retrieved: u32,
    pub(crate) no_longer_retrieved: u32,
    pub(crate) rank_biased_overlap: Option<f32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) unknown: String,
}

/// One addition.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Addition {
    pub(crate) label: String,
    pub(crate) uri: String,
    pub(crate) weight: f32,
    pub(crate) reason: Why,
    /// Label of the skill or occupation that it comes from.
    pub(crate) of: String,
    pub(crate) of_uri: String,
    pub(crate) steps: u32,
}

/// Why something was added.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Why {
    Label,
    EssentialSkill,
    Neighbour,
    Unknown,
}

impl From<v1::ExpansionReport> for Expansion {
    fn from(report: v1::ExpansionReport) -> Self {
        Self {
            additions: report.additions.into_iter().map(Addition::from).collect(),
            cut: report.cut,
            found_by_expansion: report.found_by_expansion,
            beyond_first_k: report.beyond_first_k,
            newly_retrieved: report.newly_retrieved,
            no_longer_retrieved: report.no_longer_retrieved,
            rank_biased_overlap: report.rank_biased_overlap,
            unknown: report.unknown,
        }
    }
}

impl From<v1::Addition> for Addition {
    fn from(addition: v1::Addition) -> Self {
        let reason = match addition.reason() {
            v1::AdditionReason::Label => Why::Label,
            v1::AdditionReason::EssentialSkill => Why::EssentialSkill,
            v1::AdditionReason::Neighbour => Why::Neighbour,
            v1::AdditionReason::Unspecified => Why::Unknown,
        };
        let of = addition.of.unwrap_or_default();
        Self {
            label: addition.label,
            uri: addition.uri,
            weight: addition.weight,
            reason,
            of: of.label,
            of_uri: of.uri,
            steps: addition.steps,
        }
    }
}

impl Addition {
    /// Says where it comes from.
    fn origin(&self) -> String {
        let of = &self.of;
        match self.reason {
            Why::Label => format!("label of {of}"),
            Why::EssentialSkill => format!("essential skill of {of}"),
            Why::Neighbour => format!("{} steps from {of}", self.steps),
            Why::Unknown => format!("from {of}"),
        }
    }
}

/// Prints what an expansion changed, and when `explained` each addition.
///
/// # Errors
/// When the output cannot be written.
pub(crate) fn print(expansion: &Expansion, explained: bool, output: &mut Output) -> io::Result<()> {
    let count = expansion.additions.len();
    if count == 0 {
        let text =
            "nothing added: ESCO knows no skill or occupation of the query, or no more of it";
        return output.line(format_args!("{} {text}", output.bold("expansion")));
    }
    let cut = match expansion.cut {
        0 => String::new(),
        cut => format!(" ({cut} more cut off)"),
    };
    let labels = if count == 1 { "label" } else { "labels" };
    let text = format!(
        "{count} {labels} searched besides{cut}; {}",
        changed(expansion)
    );
    output.line(format_args!("{} {text}", output.bold("expansion")))?;
    for addition in expansion.additions.iter().filter(|_| explained) {
        let Addition { label, weight, .. } = addition;
        let text = format!("{weight:.2} {label} ({})", addition.origin());
        output.line(format_args!("      {}", output.dim(&text)))?;
    }
    Ok(())
}

fn changed(expansion: &Expansion) -> String {
    let Some(overlap) = expansion.rank_biased_overlap else {
        return "what they changed is unknown".to_owned();
    };
    let found = match expansion.found_by_expansion.as_slice() {
        [] => "no result is here thanks to them".to_owned(),
        ids => format!("here thanks to them: {}", ids.join(", ")),
    };
    format!(
        "{found}; retrieved with them alone {}, without them alone {}; \
         overlap of both retrievals {overlap:.2}",
        expansion.newly_retrieved, expansion.no_longer_retrieved
    )
}
