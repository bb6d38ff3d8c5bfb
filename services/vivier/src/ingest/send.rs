//! Sends batches over one stream, a bounded number unanswered.
//!
//! A batch is kept until it is answered. When the stream breaks for a reason
//! that passes (the cluster sheds load, restarts or has no time), it is opened again and the
//! unanswered batches are sent once more: storing a profile twice changes
//! nothing.

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use vivier_proto::v1;

use super::feed::Batch;
use super::progress::Progress;
use super::report::Report;
use crate::clients::{Gateway, refusal};

/// Failures in a row, without an answer in between, that end the run.
const MAX_FAILURES: u32 = 6;

/// Sends every batch and counts the answers.
pub(crate) struct Sender<'a> {
    pub(crate) gateway: &'a Gateway,
    pub(crate) in_flight: usize,
    pub(crate) report: &'a mut Report,
    pub(crate) progress: &'a Progress,
}

/// Why a stream ended.
enum Ended {
    /// Everything was answered.
    Done,
    /// It broke; `answers` came before.
    Broken { status: Status, answers: u64 },
}

impl Sender<'_> {
    /// Sends until the batches end.
    ///
    /// # Errors
    /// When the files cannot be read, or the gateway fails for good.
    pub(crate) async fn send_all(
        &mut self,
        mut batches_rx: mpsc::Receiver<anyhow::Result<Batch>>,
    ) -> anyhow::Result<()> {
        let mut pending = VecDeque::new();
        let mut failures = 0;
        loop {
            let (status, answers) = match self.stream(&mut batches_rx, &mut pending).await? {
                Ended::Done => return Ok(()),
                Ended::Broken { status, answers } => (status, answers),
            };
            failures = if answers > 0 { 1 } else { failures + 1 };
            if !passes(&status) || failures >= MAX_FAILURES {
                let done = self.report.done();
                return Err(refusal(&status, self.gateway.address())).with_context(|| {
                    format!("ingest stopped after {done} records; run it again to go on")
                });
            }
            let backoff = Duration::from_millis(200) * 2_u32.pow(failures);
            let delay = vivier_runtime::retry_delay(&status)
                .unwrap_or_default()
                .max(backoff);
            self.progress.note(&format!(
                "the gateway cannot go on now ({}), trying again in {delay:.1?}",
                status.message()
            ));
            tokio::time::sleep(delay).await;
        }
    }

    /// Runs one stream; unanswered batches stay in `pending`.
    async fn stream(
        &mut self,
        batches_rx: &mut mpsc::Receiver<anyhow::Result<Batch>>,
        pending: &mut VecDeque<Batch>,
    ) -> anyhow::Result<Ended> {
        let (requests_tx, requests_rx) = mpsc::channel(self.in_flight);
        for batch in pending.iter() {
            let request = v1::UpsertProfilesRequest {
                profiles: batch.profiles.clone(),
            };
            requests_tx
                .try_send(request)
                .context("more batches in flight than allowed")?;
        }
        let mut profiles = self.gateway.profiles();
        let stream = profiles
            .upsert_profiles(ReceiverStream::new(requests_rx))
            .await;
        let mut responses = match stream {
            Ok(response) => response.into_inner(),
            Err(status) => return Ok(Ended::Broken { status, answers: 0 }),
        };
        let mut requests_tx = Some(requests_tx);
        let mut answers = 0;
        while requests_tx.is_some() || !pending.is_empty() {
            tokio::select! {
                biased;
                answer = answer(&mut responses), if !pending.is_empty() => {
                    match answer {
                        Ok(results) => self.account(pending.pop_front(), results)?,
                        Err(status) => return Ok(Ended::Broken { status, answers }),
                    }
                    answers += 1;
                }
                next = batches_rx.recv(), if requests_tx.is_some() && pending.len() < self.in_flight => {
                    match next {
                        None => requests_tx = None,
                        Some(batch) => self.queue(batch?, pending, requests_tx.as_ref())?,
                    }
                }
            }
        }
        Ok(Ended::Done)
    }

    fn queue(
        &mut self,
        mut batch: Batch,
        pending: &mut VecDeque<Batch>,
        requests_tx: Option<&mpsc::Sender<v1::UpsertProfilesRequest>>,
    ) -> anyhow::Result<()> {
        for rejection in batch.rejected.drain(..) {
            self.report.reject(rejection)?;
        }
        if batch.profiles.is_empty() {
            self.show(batch.offset);
            return Ok(());
        }
        if let Some(requests_tx) = requests_tx {
            let request = v1::UpsertProfilesRequest {
                profiles: batch.profiles.clone(),
            };
            // A closed stream shows as a broken answer; the batch stays pending.
            requests_tx.try_send(request).ok();
        }
        pending.push_back(batch);
        Ok(())
    }

    fn account(
        &mut self,
        batch: Option<Batch>,
        results: Vec<v1::UpsertResult>,
    ) -> anyhow::Result<()> {
        let Some(batch) = batch else {
            bail!("the gateway answered a request that was not sent")
        };
        if results.len() != batch.origins.len() {
            bail!(
                "the gateway answered {} results for {} profiles",
                results.len(),
                batch.origins.len()
            );
        }
        for (origin, result) in batch.origins.iter().zip(results) {
            self.report.answered(origin, result)?;
        }
        self.show(batch.offset);
        Ok(())
    }

    fn show(&self, offset: u64) {
        self.progress
            .advance(offset, self.report.done(), self.report.elapsed());
    }
}

async fn answer(
    responses: &mut Streaming<v1::UpsertProfilesResponse>,
) -> Result<Vec<v1::UpsertResult>, Status> {
    match responses.message().await? {
        Some(response) => Ok(response.results),
        None => Err(Status::unavailable(
            "the stream ended before every request was answered",
        )),
    }
}

/// Tells whether the same request can succeed later: a batch that ran out of time, too, as
/// when other work has the processor, and the vectors made for it by then are kept.
fn passes(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded
    )
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
