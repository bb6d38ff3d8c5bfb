//! The sender against a gateway that breaks off.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use vivier_proto::v1;
use vivier_proto::v1::profile_service_server::{ProfileService, ProfileServiceServer};
use vivier_runtime::{GrpcServer, ServerConfig, Shutdown, bind};

use super::*;
use crate::ingest::report::Origin;

type Answers = ReceiverStream<Result<v1::UpsertProfilesResponse, Status>>;

/// Stores ids; breaks each of the first `breaks` streams after one answer.
#[derive(Clone, Default)]
struct Fake {
    stored: Arc<Mutex<BTreeSet<String>>>,
    breaks: Arc<Mutex<u32>>,
    breaks_by: Option<Code>,
    refusal: Option<Code>,
}

impl Fake {
    fn store(&self, profiles: Vec<v1::Profile>) -> v1::UpsertProfilesResponse {
        let mut stored = self.stored.lock().unwrap();
        let results = profiles.into_iter().map(|profile| {
            let Some(v1::profile::Kind::Vacancy(vacancy)) = profile.kind else {
                panic!("a vacancy")
            };
            let new = stored.insert(vacancy.id.clone());
            let outcome = if new {
                v1::UpsertOutcome::Inserted
            } else {
                v1::UpsertOutcome::Unchanged
            };
            v1::UpsertResult {
                id: vacancy.id,
                outcome: outcome.into(),
                ..v1::UpsertResult::default()
            }
        });
        v1::UpsertProfilesResponse {
            results: results.collect(),
        }
    }
}

#[tonic::async_trait]
impl ProfileService for Fake {
    type UpsertProfilesStream = Answers;
    type ReindexStream = ReceiverStream<Result<v1::ReindexResponse, Status>>;

    async fn upsert_profiles(
        &self,
        request: Request<Streaming<v1::UpsertProfilesRequest>>,
    ) -> Result<Response<Answers>, Status> {
        if let Some(code) = self.refusal {
            return Err(Status::new(code, "no"));
        }
        let breaks = {
            let mut breaks = self.breaks.lock().unwrap();
            let now = *breaks > 0;
            *breaks = breaks.saturating_sub(1);
            now
        };
        let (answers_tx, answers_rx) = mpsc::channel(1);
        let fake = self.clone();
        let mut requests = request.into_inner();
        tokio::spawn(async move {
            let mut answered = 0;
            while let Ok(Some(request)) = requests.message().await {
                let response = fake.store(request.profiles);
                // The second request is stored, but never acknowledged.
                if breaks && answered == 1 {
                    let code = fake.breaks_by.unwrap_or(Code::Unavailable);
                    let status = Status::new(code, "not now");
                    answers_tx.send(Err(status)).await.ok();
                    return;
                }
                answers_tx.send(Ok(response)).await.ok();
                answered += 1;
            }
        });
        Ok(Response::new(ReceiverStream::new(answers_rx)))
    }

    async fn get_profile(
        &self,
        _: Request<v1::GetProfileRequest>,
    ) -> Result<Response<v1::GetProfileResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn delete_profile(
        &self,
        _: Request<v1::DeleteProfileRequest>,
    ) -> Result<Response<v1::DeleteProfileResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn reindex(
        &self,
        _: Request<v1::ReindexRequest>,
    ) -> Result<Response<Self::ReindexStream>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn list_profiles(
        &self,
        _: Request<v1::ListProfilesRequest>,
    ) -> Result<Response<v1::ListProfilesResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }

    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        Err(Status::unimplemented("not needed"))
    }
}

fn batch(number: u64) -> Batch {
    let vacancy = v1::Vacancy {
        id: format!("v{number}"),
        ..v1::Vacancy::default()
    };
    let kind = Some(v1::profile::Kind::Vacancy(vacancy));
    let origin = Origin {
        file: "a.jsonl".into(),
        line: number,
    };
    Batch {
        profiles: vec![v1::Profile { kind }],
        origins: vec![origin],
        ..Batch::default()
    }
}

async fn send(fake: Fake, count: u64) -> (anyhow::Result<()>, Report) {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let gateway = Gateway::new(&listener.local_addr().unwrap().to_string()).unwrap();
    let mut server = GrpcServer::new(&ServerConfig::default(), vivier_proto::DESCRIPTOR_SET);
    server.add(ProfileServiceServer::new(fake));
    let shutdown = Shutdown::new();
    let serving = tokio::spawn(server.serve(listener, shutdown.clone()));
    let (batches_tx, batches_rx) = mpsc::channel(2);
    tokio::spawn(async move {
        for number in 1..=count {
            if batches_tx.send(Ok(batch(number))).await.is_err() {
                return;
            }
        }
    });
    let mut report = Report::start(None).unwrap();
    let progress = Progress::start(1);
    let mut sender = Sender {
        gateway: &gateway,
        in_flight: 3,
        report: &mut report,
        progress: &progress,
    };
    let sent = sender.send_all(batches_rx).await;
    drop(gateway);
    shutdown.trigger();
    serving.await.unwrap().unwrap();
    (sent, report)
}

#[tokio::test]
async fn broken_streams_lose_nothing_and_count_everything_once() {
    for code in [
        Code::Unavailable,
        Code::ResourceExhausted,
        Code::DeadlineExceeded,
    ] {
        let fake = Fake {
            breaks: Arc::new(Mutex::new(2)),
            breaks_by: Some(code),
            ..Fake::default()
        };
        let stored = Arc::clone(&fake.stored);
        let (sent, report) = send(fake, 20).await;
        sent.unwrap();
        assert_eq!(stored.lock().unwrap().len(), 20, "{code}");
        assert_eq!((report.done(), report.rejected()), (20, 0), "{code}");
    }
}

#[tokio::test]
async fn a_refusal_for_good_ends_the_run() {
    let fake = Fake {
        refusal: Some(Code::FailedPrecondition),
        ..Fake::default()
    };
    let (sent, report) = send(fake, 5).await;
    let error = format!("{:#}", sent.unwrap_err());
    assert!(error.contains("stopped after 0 records"), "{error}");
    assert!(error.contains("not possible in this state: no"), "{error}");
    assert_eq!(report.done(), 0);
}
