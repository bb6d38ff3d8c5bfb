//! Models from a hub: a small server on this machine speaks its paths.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use sha2::{Digest, Sha256};
use vivier_encoders::{Encoder, EncoderOptions, Hub, HubError, HubModel, LoadError, ModelSource};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
const ID: &str = "owner/the-model";

/// How the server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    /// Answers every request with this status.
    Status(u16),
    /// Says that the model is at another commit.
    OtherCommit,
    /// Gives one byte of the weights wrong.
    Damage,
    /// Breaks off in the middle of the weights.
    BreakOff,
    /// Has no weights.
    NoWeights,
}

/// A hub with one model, whose files are those of a folder.
struct Server {
    address: String,
    state: Arc<State>,
}

struct State {
    folder: PathBuf,
    fault: Mutex<Fault>,
    /// Paths asked for.
    asked: Mutex<Vec<String>>,
}

impl Server {
    fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            folder,
            fault: Mutex::new(Fault::None),
            asked: Mutex::default(),
        });
        let (shared, here) = (Arc::clone(&state), address.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up is none of the server's business.
                drop(shared.serve(stream.unwrap(), &here));
            }
        });
        Self { address, state }
    }

    fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap())
    }

    fn hub(&self, cache: &Path, offline: bool) -> Hub {
        Hub {
            endpoint: self.address.clone(),
            cache: cache.into(),
            offline,
            token: None,
        }
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream, address: &str) -> std::io::Result<()> {
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut range = None;
        for line in lines {
            let line = line?.to_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(text) = line.strip_prefix("range: bytes=") {
                let (start, end) = text.split_once('-').unwrap();
                range = Some((start.parse().unwrap(), end.parse().ok()));
            }
        }
        self.asked.lock().unwrap().push(path.clone());
        let fault = *self.fault.lock().unwrap();
        let answer = self.answer(&path, range, fault, address);
        stream.write_all(&answer)
    }

    fn answer(
        &self,
        path: &str,
        range: Option<(usize, Option<usize>)>,
        fault: Fault,
        address: &str,
    ) -> Vec<u8> {
        if let Fault::Status(status) = fault {
            return response(status, &[], b"");
        }
        if path == format!("/api/models/{ID}/revision/{COMMIT}") {
            return response(200, &[], self.list(fault).to_string().as_bytes());
        }
        let resolve = format!("/{ID}/resolve/{COMMIT}/");
        let (name, stored) = match path.strip_prefix("/stored/") {
            Some(name) => (name, true),
            None => (path.strip_prefix(&resolve).unwrap_or("none"), false),
        };
        let Ok(mut content) = std::fs::read(self.folder.join(name)) else {
            return response(404, &[], b"");
        };
        let large = name.ends_with(".safetensors");
        let etag = if large {
            digest(&content)
        } else {
            format!("etag-of-{}", name.replace('/', "-"))
        };
        if large && fault == Fault::Damage {
            *content.last_mut().unwrap() ^= 1;
        }
        let mut headers = vec![
            ("x-repo-commit", COMMIT.to_owned()),
            ("etag", format!("\"{etag}\"")),
        ];
        if large && !stored {
            // As the hub does: what is large lies elsewhere.
            headers.push(("x-linked-etag", format!("\"{etag}\"")));
            headers.push(("location", format!("{address}/stored/{name}")));
            return response(302, &headers, b"");
        }
        let size = content.len();
        let (start, end) = range.unwrap_or((0, None));
        let end = end.unwrap_or(size - 1).min(size - 1);
        if start > end {
            return response(416, &headers, b"");
        }
        headers.push(("content-range", format!("bytes {start}-{end}/{size}")));
        let mut answer = response(206, &headers, &content[start..=end]);
        if large && fault == Fault::BreakOff && end > start {
            answer.truncate(answer.len() - size / 2);
        }
        answer
    }

    fn list(&self, fault: Fault) -> serde_json::Value {
        let mut names = Vec::new();
        for folder in ["", "1_Pooling"] {
            for entry in std::fs::read_dir(self.folder.join(folder)).unwrap() {
                let entry = entry.unwrap();
                let name = entry.file_name().into_string().unwrap();
                let weights = name.ends_with(".safetensors");
                if entry.path().is_file() && !(weights && fault == Fault::NoWeights) {
                    names.push(Path::new(folder).join(name));
                }
            }
        }
        names.push("../../outside/config.json".into());
        let files: Vec<_> = names
            .iter()
            .map(|name| json!({"rfilename": name}))
            .collect();
        let sha = if fault == Fault::OtherCommit {
            &COMMIT[1..]
        } else {
            COMMIT
        };
        json!({"sha": sha, "siblings": files})
    }
}

fn response(status: u16, headers: &[(&str, String)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    [head.as_bytes(), body].concat()
}

fn digest(content: &[u8]) -> String {
    let bytes = Sha256::digest(content);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn golden(name: &str) -> PathBuf {
    let all = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/architectures");
    Path::new(all).join(name)
}

fn model() -> HubModel {
    HubModel::new(ID, COMMIT).unwrap()
}

#[test]
fn a_model_is_fetched_once_and_then_never_asked_for() {
    for name in ["bert", "qwen3"] {
        let server = Server::start(golden(name));
        let cache = tempfile::tempdir().unwrap();
        let source: ModelSource = format!("hub:{ID}@{COMMIT}").parse().unwrap();
        let load = |offline| {
            let hub = server.hub(cache.path(), offline);
            Encoder::load_source(&source, &hub, &EncoderOptions::default())
        };
        let first = load(false).unwrap();
        let asked = server.requests();
        assert!(
            asked
                .iter()
                .any(|path| path.ends_with("1_Pooling/config.json"))
        );
        assert!(
            !asked.iter().any(|path| path.ends_with("golden.json")),
            "{asked:?}"
        );
        assert!(
            !asked.iter().any(|path| path.contains("outside")),
            "{asked:?}"
        );
        assert_eq!(first.spec().name, ID);
        let local = Encoder::load(&golden(name), &EncoderOptions::default()).unwrap();
        assert_eq!(first.spec().fingerprint, local.spec().fingerprint, "{name}");
        server.set(Fault::Status(500));
        for offline in [false, true] {
            let again = load(offline).unwrap();
            assert_eq!(again.spec().fingerprint, local.spec().fingerprint);
        }
        assert_eq!(server.requests(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn what_goes_wrong_is_told_apart_and_can_be_tried_again() {
    let server = Server::start(golden("bert"));
    let cache = tempfile::tempdir().unwrap();
    let fetch = |fault| {
        server.set(fault);
        server.hub(cache.path(), false).folder(&model())
    };
    type Expected = fn(&HubError) -> bool;
    let cases: [(Fault, Expected, &str); 8] = [
        (
            Fault::Status(404),
            |e| matches!(e, HubError::NotFound { .. }),
            "no such commit",
        ),
        (
            Fault::Status(401),
            |e| matches!(e, HubError::Refused { .. }),
            "status 401",
        ),
        (
            Fault::Status(403),
            |e| matches!(e, HubError::Refused { .. }),
            "token",
        ),
        (
            Fault::Status(503),
            |e| matches!(e, HubError::Unreachable { .. }),
            "the list of files",
        ),
        (
            Fault::OtherCommit,
            |e| matches!(e, HubError::OtherCommit { .. }),
            &COMMIT[1..],
        ),
        (
            Fault::NoWeights,
            |e| matches!(e, HubError::NoWeights { .. }),
            "model.safetensors",
        ),
        (
            Fault::BreakOff,
            |e| matches!(e, HubError::Unreachable { .. }),
            "model.safetensors",
        ),
        (
            Fault::Damage,
            |e| matches!(e, HubError::Damaged { .. }),
            "SHA-256",
        ),
    ];
    for (fault, expected, text) in cases {
        let error = fetch(fault).unwrap_err();
        let message = error.to_string();
        assert!(expected(&error), "{fault:?}: {error:?}");
        assert!(message.contains(text) && message.contains(ID), "{message}");
        let offline = server.hub(cache.path(), true).folder(&model());
        assert!(
            matches!(offline, Err(HubError::Offline { .. })),
            "{fault:?}"
        );
    }
    let folder = fetch(Fault::None).unwrap();
    assert!(Encoder::load(&folder, &EncoderOptions::default()).is_ok());
}

#[test]
fn a_download_that_ended_before_it_was_named_is_fetched_again() {
    let server = Server::start(golden("bert"));
    let cache = tempfile::tempdir().unwrap();
    let blobs = cache.path().join("models--owner--the-model/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    let content = std::fs::read(golden("bert").join("config.json")).unwrap();
    std::fs::write(blobs.join("etag-of-config.part"), content).unwrap();
    let folder = server.hub(cache.path(), false).folder(&model()).unwrap();
    assert!(Encoder::load(&folder, &EncoderOptions::default()).is_ok());
}

#[test]
fn offline_without_the_model_nothing_is_asked() {
    let server = Server::start(golden("bert"));
    let cache = tempfile::tempdir().unwrap();
    let hub = server.hub(cache.path(), true);
    let source = ModelSource::Hub(model());
    let error = Encoder::load_source(&source, &hub, &EncoderOptions::default());
    let error = error.err().unwrap();
    assert!(
        matches!(
            error,
            LoadError::Hub {
                source: HubError::Offline { .. }
            }
        ),
        "{error}"
    );
    assert!(error.to_string().contains("offline = true"), "{error}");
    assert_eq!(server.requests(), Vec::<String>::new());
}

#[test]
fn a_hub_that_is_not_there_or_a_cache_that_cannot_be_written_is_named() {
    let cache = tempfile::tempdir().unwrap();
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hub = Hub {
        endpoint: format!("http://{closed}"),
        cache: cache.path().into(),
        offline: false,
        token: None,
    };
    let error = hub.folder(&model()).unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
    let server = Server::start(golden("bert"));
    let file = cache.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = server.hub(&file, false).folder(&model()).unwrap_err();
    assert!(matches!(error, HubError::Cache { .. }), "{error:?}");
}
