//! Reflection: tools need no files, and see only what a port serves.

use std::process::{Command, Stdio};

use tonic::transport::Channel;

/// Lists the services of a server with the client of one reflection version.
macro_rules! list_services {
    ($version:ident, $channel:expr) => {{
        use tonic_reflection::pb::$version as reflection;
        let request = reflection::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(
                reflection::server_reflection_request::MessageRequest::ListServices(String::new()),
            ),
        };
        let mut client =
            reflection::server_reflection_client::ServerReflectionClient::new($channel);
        let requests = futures::stream::iter([request]);
        let answers = client.server_reflection_info(requests).await.unwrap();
        let answer = answers.into_inner().message().await.unwrap().unwrap();
        let Some(reflection::server_reflection_response::MessageResponse::ListServicesResponse(
            list,
        )) = answer.message_response
        else {
            panic!("no list of services: {answer:?}");
        };
        list.service
            .into_iter()
            .map(|service| service.name)
            .collect::<Vec<_>>()
    }};
}

#[tokio::test]
async fn both_versions_list_the_services_of_the_port() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("reranker.toml");
    let address = crate::cluster::free_address();
    std::fs::write(
        &config,
        format!("[reranker.server]\nlisten = {address:?}\n"),
    )
    .unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_vivier"))
        .args(["reranker", "--config", config.to_str().unwrap()])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let channel = connected(&address).await;
    let v1 = list_services!(v1, channel.clone());
    let v1alpha = list_services!(v1alpha, channel);
    child.kill().unwrap();
    child.wait().unwrap();
    for names in [v1, v1alpha] {
        assert!(
            names.contains(&"vivier.v1.RerankerService".to_owned()),
            "{names:?}"
        );
        assert!(
            names.contains(&"grpc.health.v1.Health".to_owned()),
            "{names:?}"
        );
        assert!(
            !names.contains(&"vivier.v1.MatchService".to_owned()),
            "{names:?}"
        );
    }
}

/// Connects as soon as the server listens.
async fn connected(address: &str) -> Channel {
    let start = std::time::Instant::now();
    loop {
        let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
        match endpoint.connect().await {
            Ok(channel) => return channel,
            Err(error) => assert!(start.elapsed().as_secs() < 30, "{error}"),
        }
        tokio::task::yield_now().await;
    }
}
