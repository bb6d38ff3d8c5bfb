//! `vivier show`, `delete`, `list` and `status`.

use std::time::Duration;

use clap::Args;
use futures::StreamExt as _;
use serde::Serialize;
use serde_json::Value;
use vivier_proto::v1;
use vivier_types::{Profile, ProfileKind};

use crate::clients::{Gateway, ServerArgs};
use crate::failure::{Outcome, Usage};
use crate::filter;
use crate::kind::Kind;
use crate::output::Output;
use crate::table::{Align, Table};

/// Arguments of `vivier show`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  vivier show --kind candidates sample-c-0001")]
pub(crate) struct ShowArgs {
    /// Identifier of the profile.
    pub(crate) id: String,
    /// Kind of the profile.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Kind,
    /// Prints one line of JSON, as `ingest` reads it.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Prints one profile, without its sensitive attributes.
///
/// # Errors
/// When there is none or the cluster fails.
pub(crate) async fn show(args: &ShowArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let request = v1::GetProfileRequest {
        kind: v1::ProfileKind::from(args.kind).into(),
        id: args.id.clone(),
    };
    let response = gateway.profiles().get_profile(request).await;
    let response = response
        .map_err(|status| gateway.refusal(&status))?
        .into_inner();
    let kind = ProfileKind::from(args.kind);
    let record = record(response.profile.unwrap_or_default())?;
    if args.json {
        output.line(format_args!("{record}"))?;
    } else {
        let value: Value = serde_json::from_str(&record)?;
        let mut text = String::new();
        for (name, _) in crate::ingest::fields(kind) {
            if let Some(value) = value.get(name) {
                entry(&format!("{name}:"), value, 0, &mut text);
            }
        }
        output.text(&text)?;
    }
    Ok(Outcome::Done)
}

/// Turns a profile into the JSON that `ingest` reads.
fn record(profile: v1::Profile) -> anyhow::Result<String> {
    Ok(match Profile::try_from(profile)? {
        Profile::Candidate(candidate) => serde_json::to_string(&*candidate)?,
        Profile::Vacancy(vacancy) => serde_json::to_string(&*vacancy)?,
    })
}

/// Draws a value as an indented outline.
fn outline(value: &Value, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                entry(&format!("{indent}{name}:"), value, depth, text);
            }
        }
        Value::Array(values) => {
            for value in values {
                entry(&format!("{indent}-"), value, depth, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            entry(&indent, value, depth, text);
        }
    }
}

fn entry(label: &str, value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(_) | Value::Array(_) => {
            text.push_str(&format!("{label}\n"));
            outline(value, depth + 1, text);
        }
        Value::String(content) if content.contains('\n') => {
            text.push_str(&format!("{label}\n"));
            let indent = "  ".repeat(depth + 1);
            for line in content.lines() {
                text.push_str(&format!("{indent}{line}\n"));
            }
        }
        Value::String(content) => text.push_str(&format!("{label} {content}\n")),
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            text.push_str(&format!("{label} {value}\n"));
        }
    }
}

/// Deletes under way at a time: erasures share their work.
const CALLS_AT_ONCE: usize = 32;
/// Writing the largest segments anew takes minutes.
const ERASE_TIMEOUT: Duration = Duration::from_secs(3_600);

/// Arguments of `vivier delete`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier delete --kind candidates sample-c-0001 sample-c-0002
  vivier delete --kind candidates --erase sample-c-0001

A deleted profile is found no more, but its bytes stay on disk until the index
rewrites the files that hold them. A person's right to be forgotten needs --erase:
it returns when no byte of the profile and of its earlier versions is in the data
folder of any shard. Erase many at once: they share the work. When it takes longer
than the call may, the work goes on; the same command again tells when it is done.
Snapshots and other copies of the data folder keep what they hold: delete them too.")]
pub(crate) struct DeleteArgs {
    /// Identifiers of the profiles.
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Kind of the profiles.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Kind,
    /// Also remove every byte of the profiles from the disks of all shards.
    #[arg(long)]
    pub(crate) erase: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Deletes profiles; those that are not there are named and make the exit
/// status 1.
///
/// # Errors
/// When the cluster fails.
pub(crate) async fn delete(args: &DeleteArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let mut outcome = Outcome::Done;
    let done = if args.erase { "erased" } else { "deleted" };
    let calls = args.ids.iter().map(|id| {
        let mut request = tonic::Request::new(v1::DeleteProfileRequest {
            kind: v1::ProfileKind::from(args.kind).into(),
            id: id.clone(),
            erase: args.erase,
        });
        if args.erase {
            request.set_timeout(ERASE_TIMEOUT);
        }
        let mut profiles = gateway.profiles();
        async move { (id, profiles.delete_profile(request).await) }
    });
    let mut answers = futures::stream::iter(calls).buffered(CALLS_AT_ONCE);
    while let Some((id, answer)) = answers.next().await {
        match answer {
            Ok(_) => output.line(format_args!("{done} {id}"))?,
            Err(status) if status.code() == tonic::Code::NotFound => {
                output.line(format_args!("{} {id}", output.red("not found")))?;
                outcome = Outcome::Rejected;
            }
            Err(status) => return Err(gateway.refusal(&status)),
        }
    }
    Ok(outcome)
}

/// Arguments of `vivier list`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  vivier list --kind vacancies
  vivier list --kind candidates --filter status=pooled --json > pooled.jsonl")]
pub(crate) struct ListArgs {
    /// Kind of the profiles.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Kind,
    /// Keeps only profiles for which this holds; as for `vivier match`.
    #[arg(long, value_name = "EXPR")]
    pub(crate) filter: Vec<String>,
    /// Stops after this many; 0 for all.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) limit: usize,
    /// Prints whole profiles, one JSON object a line, as `ingest` reads them.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Lists profiles in id order, page by page.
///
/// # Errors
/// When a filter makes no sense or the cluster fails.
pub(crate) async fn list(args: &ListArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let mut request = v1::ListProfilesRequest {
        kind: v1::ProfileKind::from(args.kind).into(),
        page_size: 100,
        page_token: String::new(),
        filter: filter::parse_all(&args.filter).map_err(Usage)?,
    };
    let mut left = if args.limit == 0 {
        usize::MAX
    } else {
        args.limit
    };
    loop {
        let response = gateway.profiles().list_profiles(request.clone()).await;
        let response = response
            .map_err(|status| gateway.refusal(&status))?
            .into_inner();
        for profile in response.profiles.into_iter().take(left) {
            left -= 1;
            let record = record(profile)?;
            if args.json {
                output.line(format_args!("{record}"))?;
            } else {
                output.line(format_args!("{}", list_line(&record)?))?;
            }
        }
        if left == 0 || response.next_page_token.is_empty() {
            return Ok(Outcome::Done);
        }
        request.page_token = response.next_page_token;
    }
}

fn list_line(record: &str) -> anyhow::Result<String> {
    let record: Value = serde_json::from_str(record)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let title = if record["title"].is_string() {
        &record["title"]
    } else {
        &record["titles"][0]
    };
    let place = text(&record["location"]["place"]);
    Ok(format!("{}\t{}\t{place}", text(&record["id"]), text(title)))
}

/// Arguments of `vivier status`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Example:
  vivier status --json")]
pub(crate) struct StatusArgs {
    /// Prints JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Serialize)]
struct StatusView {
    candidates: u64,
    vacancies: u64,
    services: Vec<ServiceView>,
    models: Vec<ModelView>,
    knowledge: KnowledgeView,
}

#[derive(Default, Serialize)]
struct KnowledgeView {
    #[serde(skip_serializing_if = "Option::is_none")]
    esco: Option<EscoView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    esco_off: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    places: Option<PlacesView>,
    #[serde(skip_serializing_if = "String::is_empty")]
    places_off: String,
}

#[derive(Serialize)]
struct EscoView {
    skills: u64,
    occupations: u64,
    languages: Vec<String>,
    fingerprint: String,
}

#[derive(Serialize)]
struct PlacesView {
    places: u64,
    names: u64,
}

impl From<v1::Knowledge> for KnowledgeView {
    fn from(knowledge: v1::Knowledge) -> Self {
        let esco = |esco: v1::EscoKnowledge| EscoView {
            skills: esco.skills,
            occupations: esco.occupations,
            languages: esco.languages,
            fingerprint: esco.fingerprint,
        };
        let places = |places: v1::PlacesKnowledge| PlacesView {
            places: places.places,
            names: places.names,
        };
        Self {
            esco: knowledge.esco.map(esco),
            esco_off: knowledge.esco_off,
            places: knowledge.places.map(places),
            places_off: knowledge.places_off,
        }
    }
}

#[derive(Serialize)]
struct ServiceView {
    name: String,
    address: String,
    ready: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    error: String,
}

#[derive(Serialize)]
struct ModelView {
    name: String,
    fingerprint: String,
}

impl From<v1::GetStatusResponse> for StatusView {
    fn from(status: v1::GetStatusResponse) -> Self {
        let service = |service: v1::ServiceStatus| ServiceView {
            name: service.name,
            address: service.address,
            ready: service.ready,
            error: service.error,
        };
        let model = |model: v1::ModelVersion| ModelView {
            name: model.name,
            fingerprint: model.fingerprint,
        };
        Self {
            candidates: status.candidates,
            vacancies: status.vacancies,
            services: status.services.into_iter().map(service).collect(),
            models: status.models.into_iter().map(model).collect(),
            knowledge: status
                .knowledge
                .map(KnowledgeView::from)
                .unwrap_or_default(),
        }
    }
}

/// Prints counts, services and models; the exit status is 1 when a service is
/// not ready.
///
/// # Errors
/// When the gateway cannot be reached.
pub(crate) async fn status(args: &StatusArgs, output: &mut Output) -> anyhow::Result<Outcome> {
    let gateway = Gateway::new(&args.server.server)?;
    let status = gateway
        .status()
        .await
        .map_err(|status| gateway.refusal(&status))?;
    let status = StatusView::from(status);
    let ready = status.services.iter().all(|service| service.ready);
    if args.json {
        output.line(format_args!("{}", serde_json::to_string_pretty(&status)?))?;
    } else {
        print_status(&status, output)?;
    }
    Ok(if ready {
        Outcome::Done
    } else {
        Outcome::Rejected
    })
}

fn print_status(status: &StatusView, output: &mut Output) -> std::io::Result<()> {
    output.line(format_args!(
        "{} candidates, {} vacancies",
        status.candidates, status.vacancies
    ))?;
    let mut table = Table::new(&[("service", Align::Left), ("address", Align::Left)]);
    table.column("state", Align::Left);
    for service in &status.services {
        let state = if service.ready {
            "ready".to_owned()
        } else {
            format!("down: {}", service.error)
        };
        table.row(vec![service.name.clone(), service.address.clone(), state]);
    }
    for line in table.lines() {
        output.line(format_args!("{line}"))?;
    }
    for model in &status.models {
        let short: String = model.fingerprint.chars().take(12).collect();
        output.line(format_args!("model {} {}", model.name, output.dim(&short)))?;
    }
    print_knowledge(&status.knowledge, output)
}

fn print_knowledge(knowledge: &KnowledgeView, output: &mut Output) -> std::io::Result<()> {
    match &knowledge.esco {
        Some(esco) => output.line(format_args!(
            "ESCO: {} skills and {} occupations, read in {}",
            esco.skills,
            esco.occupations,
            esco.languages.join(", ")
        ))?,
        None => output.line(format_args!("ESCO is off: {}", knowledge.esco_off))?,
    }
    match &knowledge.places {
        Some(places) => output.line(format_args!(
            "gazetteer: {} places by {} names",
            places.places, places.names
        )),
        None => output.line(format_args!("no gazetteer: {}", knowledge.places_off)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_profile_is_outlined() {
        let mut text = String::new();
        let value = json!({"id": "a", "skills": [{"name": "Rust"}], "text": "one\ntwo"});
        outline(&value, 0, &mut text);
        assert_eq!(
            text,
            "id: a\nskills:\n  -\n    name: Rust\ntext:\n  one\n  two\n"
        );
    }
}
