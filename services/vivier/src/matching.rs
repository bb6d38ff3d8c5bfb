//! `vivier match`: a vacancy finds candidates, a candidate finds vacancies.

pub(crate) mod answer;
pub(crate) mod expansion;
pub(crate) mod print;

use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use vivier_proto::v1;
use vivier_types::{Facet, Profile, ProfileKind};

use self::answer::Answer;
use self::expansion::ExpandBy;
use crate::clients::{Gateway, ServerArgs};
use crate::failure::{Outcome, Usage};
use crate::filter;
use crate::ingest::{self, Extra, ReadingArgs};
use crate::kind::Kind;
use crate::output::Output;

/// Largest query read from a file or from standard input, in bytes.
const MAX_QUERY_BYTES: u32 = 4 << 20;

fn help() -> String {
    format!(
        "\
Examples:
  vivier match --vacancy sample-v-0001 -k 5 --explain
  vivier match --candidate sample-c-0007 --filter remote=true
  vivier match --file vacancies.jsonl --line 3 --json
  echo 'pastry chef in Nantes' | vivier match - -k 3
  vivier match --vacancy sample-v-0001 --expand=labels --explain

Expansion (needs ESCO, `vivier up --esco`):
  --expand searches for more than the query says: other labels of the skills and
  occupations that it names, essential skills of the occupations, skills near its
  skills; --expand=labels,neighbours for some of them. They count less than what was
  asked for, are never called required, and change only which profiles are retrieved,
  not how these are reranked: of a pool that --depth retrieves in whole, nothing
  changes. The answer says what was added and what that changed; --explain lists it.
  Expanding can also crowd out better profiles. Compare before you rely on it.

{}",
        filter::HELP
    )
}

/// Arguments of `vivier match`.
#[derive(Args, Clone, Debug)]
#[command(after_help = help())]
pub(crate) struct MatchArgs {
    #[command(flatten)]
    pub(crate) query: QueryArgs,
    #[command(flatten)]
    pub(crate) given: GivenArgs,
    #[command(flatten)]
    pub(crate) options: OptionArgs,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
    /// Prints the whole answer as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is matched.
#[derive(Args, Clone, Debug)]
#[group(required = true, multiple = false)]
pub(crate) struct QueryArgs {
    /// A stored vacancy.
    #[arg(long, value_name = "ID")]
    pub(crate) vacancy: Option<String>,
    /// A stored candidate.
    #[arg(long, value_name = "ID")]
    pub(crate) candidate: Option<String>,
    /// A JSONL file with the query; it needs no id.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// `-`: plain text on standard input.
    #[arg(value_name = "-", value_parser = ["-"])]
    pub(crate) stdin: Option<String>,
}

/// How a query that is not stored is read.
#[derive(Args, Clone, Debug)]
pub(crate) struct GivenArgs {
    /// Line of the file, from 1; by default the first.
    #[arg(long, value_name = "N", conflicts_with_all = ["vacancy", "candidate", "stdin"])]
    pub(crate) line: Option<u64>,
    /// What the file or the text describes.
    #[arg(long, value_name = "KIND", default_value = "vacancies")]
    pub(crate) kind: Kind,
}

/// How it is matched.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OptionArgs {
    /// Results wanted.
    #[arg(short, long, value_name = "N")]
    pub(crate) k: Option<u32>,
    /// Profiles retrieved before reranking.
    #[arg(long, value_name = "N")]
    pub(crate) depth: Option<u32>,
    /// Keeps only profiles for which this holds; repeatable, see below.
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Vec<String>,
    /// Weight of a facet (text, skills, occupation, geography, seniority, languages,
    /// words); repeatable.
    #[arg(long, value_name = "FACET=W", value_parser = parse_weight)]
    pub(crate) weight: Vec<(Facet, f32)>,
    /// Says why each result is there.
    #[arg(long)]
    pub(crate) explain: bool,
    /// Language of the reasons, en or fr; by default that of the query.
    #[arg(long, value_name = "LANG", requires = "explain")]
    pub(crate) lang: Option<String>,
    /// Scans every profile instead of searching the graph.
    #[arg(long)]
    pub(crate) exact: bool,
    /// Joins dense facets and words by reciprocal rank, not by sum.
    #[arg(long)]
    pub(crate) rrf: bool,
    /// Leaves the results in retrieval order.
    #[arg(long)]
    pub(crate) no_rerank: bool,
    /// Longest wait for the answer, such as 500ms or 2s.
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub(crate) deadline: Option<Duration>,
    /// Also searches for what ESCO relates to the query, see below; all three by default.
    #[arg(
        long,
        value_name = "BY",
        value_delimiter = ',',
        num_args = 0..,
        require_equals = true,
        default_missing_value = "labels,essential-skills,neighbours"
    )]
    pub(crate) expand: Vec<ExpandBy>,
    /// Most labels that an expansion adds, the heaviest; 40 by default.
    #[arg(long, value_name = "N", requires = "expand")]
    pub(crate) expand_limit: Option<u32>,
    /// Multiplies the weights of an expansion: above 0, at most 2.
    #[arg(long, value_name = "X", requires = "expand")]
    pub(crate) expand_scale: Option<f32>,
    /// Also finds candidates whose consent has expired.
    #[arg(long)]
    pub(crate) include_expired: bool,
}

/// A query ready to send.
#[derive(Clone, Debug)]
pub(crate) enum Query {
    /// A stored profile.
    Stored(ProfileKind, String),
    /// A profile that is not stored.
    Given(Box<Profile>),
    /// Plain text.
    Text(ProfileKind, String),
}

impl Query {
    fn kind(&self) -> ProfileKind {
        match self {
            Self::Stored(kind, _) | Self::Text(kind, _) => *kind,
            Self::Given(profile) => profile.kind(),
        }
    }
}

/// Runs `vivier match`.
///
/// # Errors
/// When the arguments make no sense or the cluster refuses.
pub(crate) async fn run(args: &MatchArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let query = read_query(&args.query, &args.given)?;
    let answer = search(&gateway, query, &args.options).await?;
    if args.json {
        output.line(format_args!("{}", serde_json::to_string_pretty(&answer)?))?;
    } else {
        print::print_answer(&answer, args.options.explain, output)?;
    }
    Ok(Outcome::Done)
}

fn read_query(args: &QueryArgs, given: &GivenArgs) -> anyhow::Result<Query> {
    if let Some(id) = &args.vacancy {
        return Ok(Query::Stored(ProfileKind::Vacancy, id.clone()));
    }
    if let Some(id) = &args.candidate {
        return Ok(Query::Stored(ProfileKind::Candidate, id.clone()));
    }
    let kind = ProfileKind::from(given.kind);
    if let Some(path) = &args.file {
        let reading = ReadingArgs {
            map: Vec::new(),
            extra: Extra::Keep,
            max_line_bytes: MAX_QUERY_BYTES,
        };
        let max_bytes = usize::try_from(MAX_QUERY_BYTES).unwrap_or(usize::MAX);
        let line = ingest::read_line(path, given.line, max_bytes)?;
        let profile = ingest::decode_query(kind, &reading, &line)
            .with_context(|| format!("the query in {} is refused", path.display()))?;
        return Ok(Query::Given(Box::new(profile)));
    }
    Ok(Query::Text(kind, read_stdin()?))
}

fn read_stdin() -> anyhow::Result<String> {
    let mut text = String::new();
    let limit = u64::from(MAX_QUERY_BYTES);
    std::io::stdin()
        .take(limit + 1)
        .read_to_string(&mut text)
        .context("cannot read the query from standard input")?;
    if text.len() as u64 > limit {
        bail!("the query on standard input is too long: limit {limit} bytes");
    }
    if text.trim().is_empty() {
        bail!("the query on standard input is empty");
    }
    Ok(text)
}

/// Asks the gateway.
///
/// # Errors
/// When an option makes no sense or the gateway refuses.
pub(crate) async fn search(
    gateway: &Gateway,
    query: Query,
    options: &OptionArgs,
) -> anyhow::Result<Answer> {
    let kind = query.kind();
    let options = wire_options(options)?;
    let deadline = options
        .deadline_ms
        .map(|ms| Duration::from_millis(ms.into()));
    match kind {
        ProfileKind::Vacancy => {
            use v1::search_candidates_request::Query as Wire;
            let query = match query {
                Query::Stored(_, id) => Wire::VacancyId(id),
                Query::Text(_, text) => Wire::Text(text),
                Query::Given(profile) => match v1::Profile::from(*profile).kind {
                    Some(v1::profile::Kind::Vacancy(vacancy)) => Wire::Vacancy(vacancy),
                    Some(v1::profile::Kind::Candidate(_)) | None => {
                        bail!("the query is no vacancy")
                    }
                },
            };
            let request = v1::SearchCandidatesRequest {
                query: Some(query),
                options: Some(options),
            };
            let response = gateway
                .matches()
                .search_candidates(timed(request, deadline))
                .await;
            let response = response
                .map_err(|status| gateway.refusal(&status))?
                .into_inner();
            Ok(Answer::new(
                ProfileKind::Candidate,
                response.results,
                response.report,
            ))
        }
        ProfileKind::Candidate => {
            use v1::search_vacancies_request::Query as Wire;
            let query = match query {
                Query::Stored(_, id) => Wire::CandidateId(id),
                Query::Text(_, text) => Wire::Text(text),
                Query::Given(profile) => match v1::Profile::from(*profile).kind {
                    Some(v1::profile::Kind::Candidate(candidate)) => Wire::Candidate(candidate),
                    Some(v1::profile::Kind::Vacancy(_)) | None => {
                        bail!("the query is no candidate")
                    }
                },
            };
            let request = v1::SearchVacanciesRequest {
                query: Some(query),
                options: Some(options),
            };
            let response = gateway
                .matches()
                .search_vacancies(timed(request, deadline))
                .await;
            let response = response
                .map_err(|status| gateway.refusal(&status))?
                .into_inner();
            Ok(Answer::new(
                ProfileKind::Vacancy,
                response.results,
                response.report,
            ))
        }
    }
}

/// The gateway keeps the deadline and can answer in part; the call itself may
/// take a little longer, for the way there and back.
fn timed<T>(message: T, deadline: Option<Duration>) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    if let Some(deadline) = deadline {
        request.set_timeout(deadline + Duration::from_secs(1));
    }
    request
}

fn wire_options(options: &OptionArgs) -> anyhow::Result<v1::MatchOptions> {
    let deadline_ms = options.deadline.map(|deadline| {
        let milliseconds = u32::try_from(deadline.as_millis())
            .ok()
            .filter(|ms| *ms > 0);
        milliseconds.ok_or_else(|| {
            Usage(format!(
                "--deadline {deadline:?} is not between 1 ms and 49 days"
            ))
        })
    });
    let facet_weights: BTreeMap<String, f32> = options
        .weight
        .iter()
        .map(|(facet, weight)| (facet.name().to_owned(), *weight))
        .collect();
    let fusion = if options.rrf {
        v1::MatchFusion::Rrf
    } else {
        v1::MatchFusion::Unspecified
    };
    Ok(v1::MatchOptions {
        k: options.k,
        depth: options.depth,
        filter: filter::parse_all(&options.filter).map_err(Usage)?,
        facet_weights,
        explain: options.explain,
        include_expired_consent: options.include_expired,
        deadline_ms: deadline_ms.transpose()?,
        exact: options.exact,
        fusion: fusion.into(),
        skip_rerank: options.no_rerank,
        lang: options.lang.clone().unwrap_or_default(),
        expansion: wire_expansion(options),
    })
}

fn wire_expansion(options: &OptionArgs) -> Option<v1::Expansion> {
    let by = |by| options.expand.contains(&by);
    (!options.expand.is_empty()).then(|| v1::Expansion {
        labels: by(ExpandBy::Labels),
        essential_skills: by(ExpandBy::EssentialSkills),
        neighbours: by(ExpandBy::Neighbours),
        limit: options.expand_limit,
        weight_scale: options.expand_scale,
    })
}

fn parse_weight(text: &str) -> Result<(Facet, f32), String> {
    let form = || format!("{text:?} is not of the form FACET=WEIGHT, such as skills=2");
    let (name, weight) = text.split_once('=').ok_or_else(form)?;
    let facet = Facet::from_name(name).ok_or_else(|| {
        let names = Facet::ALL.map(Facet::name).join(", ");
        format!("unknown facet {name:?}; there are {names}")
    })?;
    let weight = weight
        .parse::<f32>()
        .ok()
        .filter(|w| w.is_finite() && *w >= 0.0);
    Ok((
        facet,
        weight.ok_or_else(|| format!("{text:?}: the weight must be finite and not negative"))?,
    ))
}

/// Parses `500ms`, `2s`, `1m 30s`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let refuse = || format!("{text:?} is not a time such as 500ms or 2s");
    let parsed: jiff::SignedDuration = text.parse().map_err(|_| refuse())?;
    Duration::try_from(parsed).map_err(|_| refuse())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_read_and_refused_by_name() {
        assert_eq!(parse_weight("skills=2.5"), Ok((Facet::Skills, 2.5)));
        assert!(
            parse_weight("skill=2")
                .unwrap_err()
                .contains("unknown facet \"skill\"")
        );
        for text in [
            "skills",
            "skills=x",
            "skills=-1",
            "skills=nan",
            "skills=inf",
        ] {
            assert!(parse_weight(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        for text in ["", "500", "-1s", "soon"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expansion_is_of_all_three_or_of_those_named() {
        use clap::Parser;
        #[derive(Parser)]
        struct Command {
            #[command(flatten)]
            options: OptionArgs,
            rest: Option<String>,
        }
        let parse = |arguments: &[&str]| {
            let all = ["match"].iter().chain(arguments);
            let command = Command::try_parse_from(all).unwrap();
            (wire_expansion(&command.options), command.rest)
        };
        let (all, rest) = parse(&["--expand", "-"]);
        let all = all.unwrap();
        assert!(all.labels && all.essential_skills && all.neighbours);
        assert_eq!(rest.as_deref(), Some("-"));
        let (some, _) = parse(&["--expand=labels,neighbours", "--expand-limit", "7"]);
        let some = some.unwrap();
        assert!(some.labels && some.neighbours && !some.essential_skills);
        assert_eq!((some.limit, some.weight_scale), (Some(7), None));
        assert_eq!(parse(&[]).0, None);
        assert!(Command::try_parse_from(["match", "--expand-limit", "7"]).is_err());
        assert!(Command::try_parse_from(["match", "--expand=words"]).is_err());
    }

    #[test]
    fn options_reach_the_wire() {
        let options = OptionArgs {
            k: Some(0),
            weight: vec![(Facet::Words, 2.0)],
            filter: vec!["status=pooled".to_owned()],
            deadline: Some(Duration::from_millis(250)),
            rrf: true,
            ..OptionArgs::default()
        };
        let wire = wire_options(&options).unwrap();
        assert_eq!((wire.k, wire.deadline_ms), (Some(0), Some(250)));
        assert_eq!(wire.facet_weights["words"].to_bits(), 2.0_f32.to_bits());
        assert_eq!(wire.fusion(), v1::MatchFusion::Rrf);
        assert!(wire.filter.is_some());
        assert_eq!(wire.expansion, None);
        let bad = OptionArgs {
            filter: vec!["nope".to_owned()],
            ..OptionArgs::default()
        };
        assert!(wire_options(&bad).unwrap_err().is::<Usage>());
    }
}
