//! How long a call may still take, handed from hop to hop.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tonic::Status;
use tonic::codegen::http;
use tower::{Layer, Service};

/// The moment by which a call must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

impl Deadline {
    /// Makes a deadline that lies `duration` from now.
    pub fn within(duration: Duration) -> Self {
        let now = Instant::now();
        // A duration beyond the clock means no practical limit: a day.
        Self(
            now.checked_add(duration)
                .unwrap_or(now + Duration::from_secs(86_400)),
        )
    }

    /// Returns the deadline of an incoming call, when its client set one.
    pub fn of<T>(request: &tonic::Request<T>) -> Option<Self> {
        request.extensions().get::<Self>().copied()
    }

    /// Returns the time left; zero when it has passed.
    pub fn remaining(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Tells whether it has passed.
    pub fn has_passed(self) -> bool {
        self.remaining().is_zero()
    }

    /// Returns the earlier of two deadlines.
    pub fn earliest(a: Option<Self>, b: Option<Self>) -> Option<Self> {
        match (a, b) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    /// Sets the `grpc-timeout` of an outgoing call to the time left.
    pub fn attach<T>(self, request: &mut tonic::Request<T>) {
        request.set_timeout(self.remaining());
    }
}

/// Reads `grpc-timeout`, makes it known to handlers as a [`Deadline`], and
/// answers DEADLINE_EXCEEDED when it passes.
///
/// tonic itself drops the handler at the timeout but answers CANCELLED; this
/// layer fires a little earlier, so the answer has the right code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadlineLayer;

impl<S> Layer<S> for DeadlineLayer {
    type Service = DeadlineService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct DeadlineService<S> {
    inner: S,
}

impl<S, B, R> Service<http::Request<B>> for DeadlineService<S>
where
    S: Service<http::Request<B>, Response = http::Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: Default + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<B>) -> Self::Future {
        let timeout = request
            .headers()
            .get("grpc-timeout")
            .and_then(|value| parse_timeout(value.to_str().ok()?));
        let Some(timeout) = timeout else {
            return Box::pin(self.inner.call(request));
        };
        // Answer before tonic's own timer, which started a moment ago.
        let allowed = timeout.saturating_sub(Duration::from_millis(2).max(timeout / 50));
        request.extensions_mut().insert(Deadline::within(allowed));
        let answer = self.inner.call(request);
        Box::pin(async move {
            if allowed.is_zero() {
                return Ok(exceeded(timeout).into_http());
            }
            match tokio::time::timeout(allowed, answer).await {
                Ok(answer) => answer,
                Err(_) => Ok(exceeded(timeout).into_http()),
            }
        })
    }
}

fn exceeded(timeout: Duration) -> Status {
    Status::deadline_exceeded(format!("deadline of {timeout:?} exceeded"))
}

/// Parses a `grpc-timeout` header: 1 to 8 digits and a unit.
fn parse_timeout(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_parse_as_the_grpc_specification_says() {
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        assert_eq!(parse_timeout("3S"), Some(Duration::from_secs(3)));
        assert_eq!(parse_timeout("0n"), Some(Duration::ZERO));
        for bad in ["", "m", "123456789m", "12x", "-1S", "é"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_deadline_holds_and_time_runs_out() {
        let near = Deadline::within(Duration::from_millis(10));
        let far = Deadline::within(Duration::from_secs(10));
        assert_eq!(Deadline::earliest(Some(far), Some(near)), Some(near));
        assert_eq!(Deadline::earliest(None, Some(far)), Some(far));
        tokio::time::advance(Duration::from_millis(11)).await;
        assert!(near.has_passed() && !far.has_passed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_answer_becomes_deadline_exceeded() {
        for timeout in ["0n", "1n", "500m"] {
            let silent = tower::service_fn(|_: http::Request<()>| {
                std::future::pending::<Result<http::Response<()>, std::convert::Infallible>>()
            });
            let request = http::Request::builder().header("grpc-timeout", timeout);
            let mut service = DeadlineLayer.layer(silent);
            let answer = service.call(request.body(()).unwrap()).await.unwrap();
            let status = Status::from_header_map(answer.headers()).unwrap();
            assert_eq!(status.code(), tonic::Code::DeadlineExceeded, "{timeout}");
            assert!(status.message().contains("deadline"), "{status:?}");
        }
    }
}
