//! A cluster of `vivier` processes on free ports, with a folder of its own.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tonic::transport::Channel;
use vivier_proto::v1;
use vivier_proto::v1::embedder_service_client::EmbedderServiceClient;

/// Longest wait for a cluster to be ready or to end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Returns the folder of the default weights, or says why a test skips.
pub(crate) fn weights() -> Option<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache")))?;
    let folder = base.join("vivier/models/all-MiniLM-L6-v2");
    if folder.join("model.safetensors").is_file() {
        return Some(folder);
    }
    eprintln!(
        "skipped: no weights in {} (run `make model`)",
        folder.display()
    );
    None
}

/// Runs `vivier` to its end.
pub(crate) fn vivier(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vivier"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("vivier runs")
}

/// Both output streams as text.
pub(crate) fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Writes the synthetic sample and returns its two files.
pub(crate) fn sample(folder: &Path, candidates: usize, vacancies: usize) -> (PathBuf, PathBuf) {
    let output = vivier(&[
        "sample",
        "--out",
        folder.to_str().unwrap(),
        "--candidates",
        &candidates.to_string(),
        "--vacancies",
        &vacancies.to_string(),
    ]);
    assert!(output.status.success(), "{}", text(&output));
    (
        folder.join("candidates.jsonl"),
        folder.join("vacancies.jsonl"),
    )
}

/// Writes a file of JSON lines.
pub(crate) fn write(folder: &Path, name: &str, lines: &[Value]) -> PathBuf {
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    let path = folder.join(name);
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

/// How a cluster runs.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    /// Four processes instead of one.
    pub(crate) processes: bool,
    /// Index shards; 0 for the default.
    pub(crate) shards: usize,
}

/// A running cluster; killed when dropped.
pub(crate) struct Cluster {
    child: Child,
    config: PathBuf,
    log: PathBuf,
    shape: Shape,
    address: String,
}

impl Cluster {
    /// Starts a cluster that keeps its data in `folder`, and waits until it is ready.
    pub(crate) fn start(folder: &Path, shape: Shape) -> Self {
        Self::start_with(folder, shape, "")
    }

    /// Starts a cluster with more sections in its configuration.
    pub(crate) fn start_with(folder: &Path, shape: Shape, sections: &str) -> Self {
        let mut cluster = Self::launch(folder, shape, sections);
        cluster.wait_until_ready();
        cluster
    }

    fn launch(folder: &Path, shape: Shape, sections: &str) -> Self {
        let shards = shape.shards.max(1);
        let mut ports = free_ports(3 + shards).into_iter();
        let mut next = || format!("127.0.0.1:{}", ports.next().unwrap());
        let (gateway, embedder, reranker) = (next(), next(), next());
        let index: Vec<String> = (0..shards).map(|_| next()).collect();
        let config = folder.join("cluster.toml");
        let (data, cache) = (folder.join("data"), folder.join("embeddings"));
        std::fs::write(
            &config,
            format!(
                "[gateway]\nembedder = {embedder:?}\nreranker = {reranker:?}\nshards = {index:?}\n\
                 [gateway.server]\nlisten = {gateway:?}\n[embedder]\ncache_dir = {cache:?}\n\
                 [embedder.server]\nlisten = {embedder:?}\n\
                 [reranker.server]\nlisten = {reranker:?}\n[index]\ndata_dir = {data:?}\n\
                 [index.server]\nlisten = {first:?}\n{sections}",
                first = index[0],
            ),
        )
        .unwrap();
        let log = folder.join("cluster.log");
        let child = spawn(&config, &log, shape);
        Self {
            child,
            config,
            log,
            shape,
            address: gateway,
        }
    }

    /// Starts the same cluster again after it ended.
    pub(crate) fn restart(&mut self) {
        self.child = spawn(&self.config, &self.log, self.shape);
        self.wait_until_ready();
    }

    /// Starts the same cluster again with another line in a section of its
    /// configuration, and does not wait: it may never be ready.
    pub(crate) fn restart_with(&mut self, section: &str, line: &str) {
        let config = std::fs::read_to_string(&self.config).unwrap();
        let header = format!("[{section}]\n");
        let changed = config.replace(&header, &format!("{header}{line}\n"));
        assert_ne!(config, changed, "no section {section}");
        std::fs::write(&self.config, changed).unwrap();
        self.child = spawn(&self.config, &self.log, self.shape);
    }

    fn wait_until_ready(&mut self) {
        let start = Instant::now();
        while !self.run(&["status"]).status.success() {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "the cluster ended: {}", self.log());
            assert!(
                start.elapsed() < PATIENCE,
                "the cluster is not ready: {}",
                self.log()
            );
            std::thread::yield_now();
        }
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Runs a `vivier` command against this cluster.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let mut all = arguments.to_vec();
        all.extend(["--server", &self.address]);
        vivier(&all)
    }

    /// Runs a command that must succeed and returns its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output));
        serde_json::from_slice(&output.stdout).expect("JSON on standard output")
    }

    /// Ingests both files; they must be without fault.
    pub(crate) fn ingest(&self, candidates: &Path, vacancies: &Path) {
        for (file, kind) in [(candidates, "candidates"), (vacancies, "vacancies")] {
            let output = self.run(&["ingest", file.to_str().unwrap(), "--kind", kind]);
            assert!(output.status.success(), "{}", text(&output));
        }
    }

    /// Ids and scores of the shortlist of a vacancy, as printed.
    pub(crate) fn shortlist(&self, vacancy: &str) -> Vec<(String, String)> {
        let answer = self.json(&["match", "--vacancy", vacancy, "-k", "20", "--json"]);
        let results = answer["results"].as_array().expect("results").iter();
        results
            .map(|r| (r["id"].as_str().unwrap().to_owned(), r["score"].to_string()))
            .collect()
    }

    /// Asks the embedder for its counters.
    pub(crate) fn embedder_stats(&self) -> v1::EmbedderServiceGetStatsResponse {
        let config = std::fs::read_to_string(&self.config).unwrap();
        let config: toml::Table = config.parse().unwrap();
        let address = config["embedder"]["server"]["listen"].as_str().unwrap();
        let address = format!("http://{address}");
        let ask = async move {
            let channel = Channel::from_shared(address).unwrap().connect().await;
            let mut client = EmbedderServiceClient::new(channel.unwrap());
            let request = v1::EmbedderServiceGetStatsRequest {};
            client.get_stats(request).await.unwrap().into_inner()
        };
        tokio::runtime::Runtime::new().unwrap().block_on(ask)
    }

    /// Kills the process without warning (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Stops the process with SIGTERM and waits; it must end well.
    pub(crate) fn stop(&mut self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "{status}: {}", self.log());
                return;
            }
            assert!(
                start.elapsed() < PATIENCE,
                "the cluster does not end: {}",
                self.log()
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            if self.shape.processes {
                // The children are the parent's to stop.
                drop(
                    Command::new("kill")
                        .args(["-TERM", &self.child.id().to_string()])
                        .status(),
                );
                drop(self.child.wait());
            } else {
                drop(self.child.kill());
                drop(self.child.wait());
            }
        }
    }
}

fn spawn(config: &Path, log: &Path, shape: Shape) -> Child {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(log)
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vivier"));
    command.args(["up", "--config", config.to_str().unwrap()]);
    if shape.shards > 0 {
        command.args(["--shards", &shape.shards.to_string()]);
    }
    if shape.processes {
        command.arg("--processes");
    }
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log);
    command.spawn().expect("vivier starts")
}

/// Finds an address that nobody listens on right now.
pub(crate) fn free_address() -> String {
    format!("127.0.0.1:{}", free_ports(1)[0])
}

/// Finds ports that nobody listens on right now.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    listeners
        .iter()
        .map(|listener| listener.local_addr().unwrap().port())
        .collect()
}
