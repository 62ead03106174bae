//! One logical call: attempts on different providers until one answers, as far as retries, budget and deadline go.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use metrics_core::Methods;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::{Code, Status};
use tower_service::Service;

use super::ConsumerOptions;
use super::attempt::{self, Attempt, AttemptBody};
use super::balance::Balancer;
use super::directory::Directory;
use super::endpoint::Endpoint;
use super::replay::{Replay, RequestBody};
use super::retry::{Left, is_retryable};
use super::throttle::Throttle;
use crate::timeout;

/// What the calls of one consumer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) service: Arc<str>,
    pub(super) options: ConsumerOptions,
    pub(super) balancer: Balancer,
    pub(super) throttle: Throttle,
    pub(super) directory: Arc<Directory>,
    /// Where attempts are counted; nowhere if nothing is measured.
    pub(super) methods: Option<Methods>,
}

/// The service that makes calls; each clone keeps a copy of the directory's list.
#[derive(Clone, Debug)]
pub(super) struct Failover {
    shared: Arc<Shared>,
    endpoints: Arc<[Arc<Endpoint>]>,
    version: u64,
}

impl Failover {
    pub(super) fn new(shared: Shared) -> Self {
        Self {
            endpoints: shared.directory.endpoints(),
            version: shared.directory.version(),
            shared: Arc::new(shared),
        }
    }

    /// Takes over the directory's list when it has changed; otherwise this costs one load.
    fn refresh(&mut self) {
        let version = self.shared.directory.version();
        if version != self.version {
            self.endpoints = self.shared.directory.endpoints();
            self.version = version;
        }
    }
}

/// A call on its way.
pub(super) type CallFuture =
    Pin<Box<dyn Future<Output = Result<Response<AttemptBody>, Infallible>> + Send>>;

impl<B: RequestBody> Service<Request<B>> for Failover {
    type Response = Response<AttemptBody>;
    type Error = Infallible;
    type Future = CallFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.refresh();
        let (shared, endpoints) = (Arc::clone(&self.shared), Arc::clone(&self.endpoints));
        Box::pin(async move { Ok(call(shared, endpoints, request).await) })
    }
}

/// Makes the call. Whatever goes wrong is a gRPC status in the response, so that layers and callers see one language.
async fn call<B: RequestBody>(
    shared: Arc<Shared>,
    endpoints: Arc<[Arc<Endpoint>]>,
    request: Request<B>,
) -> Response<AttemptBody> {
    let (head, body) = request.into_parts();
    let replay = Replay::new(body);
    let overall = timeout::read(&head.headers).map(|limit| Instant::now() + limit);
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let mut endpoints = endpoints;
    let (mut attempts, mut not_sent) = (0, 0);
    let mut deadline = next_deadline(shared.options.timeout, overall);
    loop {
        let picked = match shared.balancer.pick(&endpoints, &tried) {
            Some(endpoint) => Ok(endpoint),
            None => wait_for_provider(&shared, &tried, deadline).await,
        };
        let (attempt, endpoint) = match picked {
            Ok(endpoint) => {
                let request = repeat(&head, &replay, &endpoint, deadline);
                let attempt = attempt::send(&endpoint, request, &replay, deadline).await;
                (attempt, Some(endpoint))
            }
            Err(status) => (Attempt::Failed(status, None), None),
        };
        let (status, response) = match attempt {
            Attempt::Answered(response) => {
                shared.count(&head, true);
                shared.throttle.succeeded();
                return response;
            }
            Attempt::NotSent(_) if replay.is_resendable() && Instant::now() < deadline => {
                // Neither a retry nor a failure of anything: others are preferred, and this one may have a connection soon.
                tried.extend(endpoint);
                wait_for_change(&shared, not_sent, deadline).await;
                not_sent += 1;
                endpoints = shared.directory.endpoints();
                continue;
            }
            Attempt::NotSent(status) => (status, None),
            Attempt::Failed(status, response) => (status, response),
        };
        let retryable = is_retryable(&status, response.is_some().then(|| left(&shared, deadline)));
        let reached = endpoint.is_some();
        if let Some(endpoint) = endpoint {
            shared.count(&head, !retryable);
            if status.code() == Code::DeadlineExceeded && response.is_none() && endpoint.suspect() {
                shared.probe(&endpoint);
            }
            tried.push(endpoint);
            attempts += 1;
        }
        let again = reached
            && retryable
            && shared.throttle.failed()
            && attempts <= shared.options.retries
            && replay.is_repeatable()
            && overall.is_none_or(|at| Instant::now() < at);
        if !again {
            return response.unwrap_or_else(|| status.into_http());
        }
        endpoints = shared.directory.endpoints();
        deadline = next_deadline(shared.options.timeout, overall);
    }
}

impl Shared {
    /// Counts an attempt: failed when it ended in a way that another one might not.
    fn count(&self, head: &Parts, ok: bool) {
        let methods = self.methods.as_ref();
        if let Some(method) = methods.and_then(|m| m.find(head.uri.path(), &head.headers)) {
            method.attempted(ok);
        }
    }

    /// Looks after an endpoint that let a call time out.
    fn probe(&self, endpoint: &Arc<Endpoint>) {
        let surroundings = self.directory.surroundings().clone();
        tokio::spawn(Arc::clone(endpoint).probe(surroundings));
    }
}

/// Returns what is left of an attempt's time.
fn left(shared: &Shared, deadline: Instant) -> Left {
    Left {
        left: deadline.saturating_duration_since(Instant::now()),
        given: shared.options.timeout,
    }
}

fn next_deadline(attempt: Duration, overall: Option<Instant>) -> Instant {
    let at = Instant::now() + attempt;
    overall.map_or(at, |overall| at.min(overall))
}

/// The longest pause of a request that could not be sent.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// Waits after a request could not be sent so many times before: not at all at first, then until an endpoint becomes fit or unfit, for
/// at most a growing pause.
async fn wait_for_change(shared: &Shared, times: u32, deadline: Instant) {
    if times == 0 {
        // The endpoint's own task may have to notice first that the connection is gone.
        tokio::task::yield_now().await;
        return;
    }
    let pause = Duration::from_millis(1 << times.min(10)).min(LONGEST_PAUSE);
    let until = deadline.min(Instant::now() + pause);
    // Over either way: the next attempt looks again.
    let _ = timeout_at(until, shared.directory.changed()).await;
}

/// Waits until a provider can be called, while one is known whose connection is still being made.
async fn wait_for_provider(
    shared: &Shared,
    tried: &[Arc<Endpoint>],
    deadline: Instant,
) -> Result<Arc<Endpoint>, Status> {
    loop {
        let changed = shared.directory.changed();
        let mut changed = std::pin::pin!(changed);
        // Listening starts before looking, so that a change in between is not missed.
        changed.as_mut().enable();
        let endpoints = shared.directory.endpoints();
        if let Some(endpoint) = shared.balancer.pick(&endpoints, tried) {
            return Ok(endpoint);
        }
        if shared.directory.is_known() && !endpoints.iter().any(|e| e.is_connecting()) {
            return Err(nobody(&shared.service, &endpoints));
        }
        if timeout_at(deadline, changed).await.is_err() {
            return Err(nobody(&shared.service, &endpoints));
        }
    }
}

fn nobody(service: &str, endpoints: &[Arc<Endpoint>]) -> Status {
    if endpoints.is_empty() {
        return Status::unavailable(format!(
            "no provider of {service} is registered: is one running, on the same registry?"
        ));
    }
    let addresses: Vec<&str> = endpoints.iter().map(|e| e.address()).take(5).collect();
    Status::unavailable(format!(
        "none of the {} providers of {service} can be reached ({})",
        endpoints.len(),
        addresses.join(", ")
    ))
}

/// Makes the request of one attempt: the caller's, sent to this endpoint, with the time that is left.
fn repeat<B: RequestBody>(
    head: &Parts,
    replay: &Replay<B>,
    endpoint: &Endpoint,
    deadline: Instant,
) -> Request<Body> {
    let mut request = Request::new(replay.attempt());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = attempt::target(endpoint.origin(), &head.uri);
    *request.headers_mut() = head.headers.clone();
    let left = deadline.saturating_duration_since(Instant::now());
    request
        .headers_mut()
        .insert(timeout::HEADER, timeout::write(left));
    request
}
