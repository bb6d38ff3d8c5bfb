//! A served index and short ways to speak with it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic::{Code, Status};
use vivier_index::{Config, RunError};
use vivier_proto::v1;
use vivier_proto::v1::index_service_client::IndexServiceClient;
use vivier_runtime::Shutdown;

pub(crate) type Client = IndexServiceClient<Channel>;

pub(crate) struct Served {
    pub(crate) client: Client,
    shutdown: Shutdown,
    task: JoinHandle<Result<(), RunError>>,
}

impl Served {
    pub(crate) async fn start(config: Config) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::new();
        let task = tokio::spawn(vivier_index::run(config, listener, shutdown.clone()));
        let client = connect(&address.to_string()).await;
        Self {
            client,
            shutdown,
            task,
        }
    }

    pub(crate) async fn stop(self) {
        drop(self.client);
        self.shutdown.trigger();
        self.task.await.unwrap().unwrap();
    }
}

/// Connects and waits until the index answers.
pub(crate) async fn connect(address: &str) -> Client {
    let channel = vivier_runtime::connect(address, &vivier_runtime::ClientConfig::default());
    let mut client = IndexServiceClient::new(channel.unwrap()).max_decoding_message_size(64 << 20);
    for _ in 0..300 {
        match client.get_stats(v1::GetStatsRequest {}).await {
            Ok(_) => return client,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    panic!("the index did not start");
}

pub(crate) fn config(folder: &Path) -> Config {
    Config {
        data_dir: folder.to_owned(),
        search_threads: 2,
        ..Config::default()
    }
}

/// A collection "people" of text (2), words and geo (1).
pub(crate) fn people() -> v1::CollectionSpec {
    let dense = |name: &str, dim, default_weight| v1::FacetSpec {
        name: name.to_owned(),
        kind: Some(v1::facet_spec::Kind::Dense(v1::DenseFacet { dim })),
        default_weight,
    };
    let words = v1::FacetSpec {
        name: "words".to_owned(),
        kind: Some(v1::facet_spec::Kind::Words(v1::WordsFacet {})),
        default_weight: 0.5,
    };
    v1::CollectionSpec {
        name: "people".to_owned(),
        facets: vec![dense("text", 2, 1.0), words, dense("geo", 1, 0.25)],
        model_fingerprint: "f1".to_owned(),
    }
}

pub(crate) async fn create(client: &mut Client, spec: v1::CollectionSpec) -> Result<bool, Status> {
    let request = v1::CreateCollectionRequest { spec: Some(spec) };
    Ok(client
        .create_collection(request)
        .await?
        .into_inner()
        .created)
}

pub(crate) fn vector(values: &[f32]) -> v1::Vector {
    v1::Vector {
        values: values.to_vec(),
    }
}

pub(crate) fn words(text: &str, lang: &str) -> v1::WordsValue {
    v1::WordsValue {
        text: text.to_owned(),
        lang: lang.to_owned(),
    }
}

pub(crate) fn strings(values: &[&str]) -> v1::Strings {
    v1::Strings {
        values: values.iter().map(|value| (*value).to_owned()).collect(),
    }
}

pub(crate) fn point(id: &str, text: [f32; 2], said: &str) -> v1::Point {
    let status = v1::payload_value::Kind::Strings(strings(&["Pooled"]));
    v1::Point {
        id: id.to_owned(),
        vectors: [("text".to_owned(), vector(&text))].into(),
        words: [("words".to_owned(), words(said, "en"))].into(),
        payload: [("status".to_owned(), v1::PayloadValue { kind: Some(status) })].into(),
        summary: format!("summary of {id}").into(),
        document: format!("document of {id}: {said}").into(),
        revision: "r1".into(),
    }
}

pub(crate) fn upsert_request(points: Vec<v1::Point>) -> v1::UpsertRequest {
    v1::UpsertRequest {
        collection: "people".to_owned(),
        model_fingerprint: "f1".to_owned(),
        points,
    }
}

/// Sends requests down one stream; returns the answers up to an error.
pub(crate) async fn upsert(
    client: &mut Client,
    requests: Vec<v1::UpsertRequest>,
) -> Result<Vec<v1::UpsertResponse>, Status> {
    let mut answers = client
        .upsert(tokio_stream::iter(requests))
        .await?
        .into_inner();
    let mut all = Vec::new();
    while let Some(answer) = answers.message().await? {
        all.push(answer);
    }
    Ok(all)
}

pub(crate) fn search_request(k: u32) -> v1::SearchRequest {
    let facet = |query| v1::FacetQuery {
        query: Some(query),
        weight: None,
        ..v1::FacetQuery::default()
    };
    v1::SearchRequest {
        collection: "people".to_owned(),
        facets: BTreeMap::from([
            (
                "text".to_owned(),
                facet(v1::facet_query::Query::Vector(vector(&[1.0, 0.0]))),
            ),
            (
                "words".to_owned(),
                facet(v1::facet_query::Query::Words(words("rust search", "en"))),
            ),
        ]),
        k,
        ..v1::SearchRequest::default()
    }
}

pub(crate) async fn search(
    client: &mut Client,
    request: v1::SearchRequest,
) -> Result<v1::SearchResponse, Status> {
    Ok(client.search(request).await?.into_inner())
}

pub(crate) fn ids(response: &v1::SearchResponse) -> Vec<&str> {
    response
        .hits
        .iter()
        .map(|hit| hit.point.as_ref().unwrap().id.as_str())
        .collect()
}

pub(crate) async fn delete(client: &mut Client, ids: &[&str]) -> Result<u64, Status> {
    let request = v1::DeleteRequest {
        collection: "people".to_owned(),
        ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    };
    Ok(client.delete(request).await?.into_inner().deleted)
}

/// Returns every point, by pages of `limit`.
pub(crate) async fn scroll(client: &mut Client, limit: u32) -> Vec<v1::Point> {
    try_scroll(client, limit).await.unwrap()
}

/// Returns every point, by pages of `limit`, or the first error.
pub(crate) async fn try_scroll(client: &mut Client, limit: u32) -> Result<Vec<v1::Point>, Status> {
    let mut all = Vec::new();
    let mut after_id = String::new();
    loop {
        let request = v1::ScrollRequest {
            collection: "people".to_owned(),
            after_id,
            limit,
            filter: None,
            parts: Some(v1::PointParts {
                payload: true,
                summary: true,
                document: true,
                vectors: true,
            }),
        };
        let page = client.scroll(request).await?.into_inner();
        all.extend(page.points);
        after_id = page.next_after_id;
        if after_id.is_empty() {
            return Ok(all);
        }
    }
}

/// Waits until so many points are in segments.
pub(crate) async fn sealed(client: &mut Client, points: u64) {
    for _ in 0..1_000 {
        if stats(client).await.collections[0].sealed_points == points {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{:?}", stats(client).await);
}

pub(crate) async fn stats(client: &mut Client) -> v1::GetStatsResponse {
    let stats = client.get_stats(v1::GetStatsRequest {}).await;
    stats.unwrap().into_inner()
}

/// Describes an error with its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Asserts a refusal: its code, and what its message names.
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, names: &[&str]) {
    let status = result.unwrap_err();
    assert_eq!(status.code(), code, "{status:?}");
    for name in names {
        assert!(
            status.message().contains(name),
            "{name:?} not in {:?}",
            status.message()
        );
    }
}
