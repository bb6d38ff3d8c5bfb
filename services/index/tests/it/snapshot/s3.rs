//! A bucket in memory that speaks as much of the protocol of S3 as snapshots use. Names
//! are those of the Amazon S3 API Reference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::header::{CONTENT_RANGE, ETAG, LAST_MODIFIED};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

pub(crate) const BUCKET: &str = "backups";
pub(crate) const KEY_ID: &str = "a-key-id";
/// Objects on one page of a list; S3 gives 1,000.
const PAGE: usize = 4;
const TAG: &str = "\"tag\"";
const UPLOAD: &str = "<UploadId>the only one of its key</UploadId>";
const DATE: &str = "Thu, 01 Jan 2026 00:00:00 GMT";

type Asked = BTreeMap<String, String>;

#[derive(Default)]
pub(crate) struct Bucket {
    pub(crate) objects: BTreeMap<String, Bytes>,
    /// Parts by number, of each unfinished upload.
    uploads: BTreeMap<String, BTreeMap<usize, Bytes>>,
    /// What was asked for.
    pub(crate) operations: BTreeSet<&'static str>,
}

/// Serves an empty bucket; returns its endpoint.
pub(crate) async fn serve() -> (String, Arc<Mutex<Bucket>>) {
    let bucket = Arc::<Mutex<Bucket>>::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new()
        .fallback(answer)
        .layer(DefaultBodyLimit::disable());
    let served = routes.with_state(Arc::clone(&bucket));
    tokio::spawn(async move { axum::serve(listener, served).await });
    (endpoint, bucket)
}

async fn answer(
    State(bucket): State<Arc<Mutex<Bucket>>>,
    Query(asked): Query<Asked>,
    (method, uri, headers): (Method, Uri, HeaderMap),
    body: Bytes,
) -> Response {
    let path = uri.path().strip_prefix(&format!("/{BUCKET}"));
    let Some(key) = path.filter(|_| is_signed(&headers, &body)) else {
        return StatusCode::FORBIDDEN.into_response();
    };
    let (key, has) = (key.trim_start_matches('/'), |name| asked.contains_key(name));
    let mut bucket = bucket.lock().unwrap();
    let (operation, answer) = match method.as_str() {
        "GET" if key.is_empty() => ("ListObjectsV2", bucket.list(&asked)),
        "GET" => ("GetObject", bucket.get(key, &headers)),
        "PUT" if has("uploadId") => ("UploadPart", bucket.put_part(key, &asked, body)),
        "PUT" => ("PutObject", bucket.put(key, &headers, body)),
        "POST" if has("delete") => ("DeleteObjects", bucket.delete(&body)),
        "POST" if has("uploads") => (
            "CreateMultipartUpload",
            xml("InitiateMultipartUploadResult", UPLOAD),
        ),
        "POST" => ("CompleteMultipartUpload", bucket.complete(key, &body)),
        _ => ("unknown", StatusCode::NOT_IMPLEMENTED.into_response()),
    };
    bucket.operations.insert(operation);
    answer
}

/// Tells whether a request names its key and the hash of its body. The signature itself
/// is not computed.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name| headers.get(name).map_or(&[][..], |value| value.as_bytes());
    let hash = Sha256::digest(body);
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/").into_bytes();
    header("authorization").starts_with(&key) && header("x-amz-content-sha256") == hash.as_bytes()
}

fn xml(name: &str, content: &str) -> Response {
    ([(ETAG, TAG)], format!("<{name}>{content}</{name}>")).into_response()
}

impl Bucket {
    fn list(&self, asked: &Asked) -> Response {
        let after = asked.get("continuation-token").map_or("", String::as_str);
        let is_asked = |key: &str| key.starts_with(&asked["prefix"]) && key > after;
        let mut found = self.objects.iter().filter(|(key, _)| is_asked(key));
        let (mut content, mut last) = (String::new(), "");
        for (key, object) in found.by_ref().take(PAGE) {
            content += &format!("<Contents><Key>{key}</Key><Size>{}</Size>", object.len());
            content += "<LastModified>2026-01-01T00:00:00Z</LastModified></Contents>";
            last = key;
        }
        let next = format!("<NextContinuationToken>{last}</NextContinuationToken>");
        content += found.next().map_or("", |_| &next);
        xml("ListBucketResult", &content)
    }

    fn get(&self, key: &str, headers: &HeaderMap) -> Response {
        let Some(object) = self.objects.get(key) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let tags = [(ETAG, TAG), (LAST_MODIFIED, DATE)];
        let Some(range) = headers.get("range") else {
            return (tags, object.clone()).into_response();
        };
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (first, last) = range.split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let range = format!("bytes {first}-{last}/{}", object.len());
        let (range, part) = ([(CONTENT_RANGE, range)], object.slice(first..=last));
        (StatusCode::PARTIAL_CONTENT, tags, range, part).into_response()
    }

    fn put(&mut self, key: &str, headers: &HeaderMap, body: Bytes) -> Response {
        if headers.contains_key("if-none-match") && self.objects.contains_key(key) {
            return StatusCode::PRECONDITION_FAILED.into_response();
        }
        self.objects.insert(key.to_owned(), body);
        [(ETAG, TAG)].into_response()
    }

    fn put_part(&mut self, key: &str, asked: &Asked, body: Bytes) -> Response {
        let parts = self.uploads.entry(key.to_owned()).or_default();
        parts.insert(asked["partNumber"].parse().unwrap(), body);
        [(ETAG, TAG)].into_response()
    }

    fn complete(&mut self, key: &str, body: &[u8]) -> Response {
        let parts = self.uploads.remove(key).unwrap();
        let named = String::from_utf8_lossy(body);
        assert_eq!(named.matches("<PartNumber>").count(), parts.len());
        let parts: Vec<Bytes> = parts.into_values().collect();
        self.objects.insert(key.to_owned(), parts.concat().into());
        xml("CompleteMultipartUploadResult", "<ETag>tag</ETag>")
    }

    fn delete(&mut self, body: &[u8]) -> Response {
        let mut deleted = String::new();
        for named in String::from_utf8_lossy(body).split("<Key>").skip(1) {
            let key = named.split('<').next().unwrap();
            self.objects.remove(key);
            deleted += &format!("<Deleted><Key>{key}</Key></Deleted>");
        }
        xml("DeleteResult", &deleted)
    }
}
