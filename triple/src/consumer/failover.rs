//! One logical call: attempts on different providers until one answers, as far as retries, budget and deadline go.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use metrics_core::{Attempts, Methods};
use tokio::time::{Instant, sleep};
use tonic::Code;
use tonic::body::Body;
use tower_service::Service;

use super::ConsumerOptions;
use super::attempt::{self, Attempt, AttemptBody, Failed, Limits};
use super::clock::Clock;
use super::directory::Directory;
use super::endpoint::Endpoint;
use super::method::MethodOptions;
use super::replay::{Replay, RequestBody};
use super::retry::{self, Left};
use super::routes::Routes;
use super::selection::Selection;
use crate::{header, timeout};

mod waiting;

/// What the calls of one consumer share.
#[derive(Debug)]
pub(super) struct ConsumerContext {
    pub(super) service: Arc<str>,
    pub(super) options: ConsumerOptions,
    pub(super) selection: Selection,
    pub(super) directory: Arc<Directory>,
    pub(super) clock: Clock,
    /// Where attempts are counted; nowhere if nothing is measured.
    pub(super) methods: Option<Methods>,
}

/// The service that makes calls; each clone keeps a copy of the directory's list and rules.
#[derive(Clone, Debug)]
pub(super) struct Failover {
    context: Arc<ConsumerContext>,
    routes: Arc<Routes>,
    version: u64,
}

impl Failover {
    pub(super) fn new(context: ConsumerContext) -> Self {
        Self {
            routes: context.directory.routes(),
            version: context.directory.version(),
            context: Arc::new(context),
        }
    }

    /// Takes over the directory's list when it has changed; otherwise this costs one load.
    fn refresh(&mut self) {
        let version = self.context.directory.version();
        if version != self.version {
            self.routes = self.context.directory.routes();
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
        let (context, routes) = (Arc::clone(&self.context), Arc::clone(&self.routes));
        Box::pin(async move { Ok(call(context, &routes, request).await) })
    }
}

/// What a call may do, by its method's options and those of the consumer.
#[derive(Clone, Copy, Debug)]
struct Plan<'o> {
    method: Option<&'o MethodOptions>,
    timeout: Duration,
    retries: usize,
    /// The caller's own deadline.
    overall: Option<Instant>,
}

impl<'o> Plan<'o> {
    /// What is said of the method goes before what is said of the service, and a rule before the program.
    fn new(options: &'o ConsumerOptions, routes: &Routes, head: &Parts, now: Instant) -> Self {
        let method = options.methods.of(head.uri.path());
        let (of_method, of_service) = routes.limits(head);
        let timeout = method.and_then(|method| method.timeout);
        let timeout = of_method.timeout.or(timeout).or(of_service.timeout);
        let retries = method.and_then(|method| method.retries);
        let retries = of_method.retries.or(retries).or(of_service.retries);
        Self {
            method,
            timeout: timeout.unwrap_or(options.timeout),
            retries: retries.unwrap_or(options.retries),
            overall: timeout::read(&head.headers).map(|limit| now + limit),
        }
    }

    /// Returns the limits of an attempt that begins now. The caller's own deadline takes the place of the usual timeout; without one, a
    /// stream is limited up to its head.
    fn limits(&self, now: Instant) -> Limits {
        let streaming = self.method.and_then(|method| method.streaming);
        Limits {
            until: self.overall.or_else(|| now.checked_add(self.timeout)),
            whole: self.overall.is_some() || streaming == Some(false),
            streaming,
        }
    }

    fn is_retryable(&self, failed: &Failed, limits: Limits, begun: Instant) -> bool {
        let now = Instant::now();
        let left = limits.until.filter(|_| failed.said).map(|until| Left {
            left: until.saturating_duration_since(now),
            given: until.saturating_duration_since(begun),
        });
        match self.method {
            Some(method) => method.is_retryable(&failed.status, left),
            None => retry::is_retryable(&failed.status, left),
        }
    }
}

/// Makes the call. Whatever goes wrong is a gRPC status in the response, so that layers and callers see one language.
async fn call<B: RequestBody>(
    context: Arc<ConsumerContext>,
    routes: &Routes,
    request: Request<B>,
) -> Response<AttemptBody> {
    let (head, body) = request.into_parts();
    let replay = Replay::new(body);
    let mut begun = Instant::now();
    let plan = Plan::new(&context.options, routes, &head, begun);
    let mut endpoints = routes.of(&head);
    let mut limits = plan.limits(begun);
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let (mut attempts, mut not_sent) = (0, 0);
    loop {
        let mut picked = context.pick(&endpoints, &tried, begun);
        if tried.is_empty() && picked.as_ref().is_some_and(|e| !e.standing().has_weight()) {
            waiting::for_weight(&context, &head, plan.overall).await;
            begun = Instant::now();
            limits = plan.limits(begun);
            endpoints = context.directory.routes().of(&head);
            picked = context.pick(&endpoints, &tried, begun);
        }
        let picked = match picked {
            Some(endpoint) => Ok(endpoint),
            None => waiting::for_provider(&context, &head, &tried, limits.until).await,
        };
        let endpoint = match picked {
            Ok(endpoint) => endpoint,
            Err(status) => return status.into_http(),
        };
        let request = repeat(&head, &replay, &endpoint, begun, limits);
        let failed = match attempt::send(&endpoint, request, &replay, limits).await {
            Attempt::Answered(response) => {
                let took = begun.elapsed();
                return context.answered(&head, &endpoint, response, begun, took);
            }
            Attempt::NotSent(_) if replay.is_resendable() && is_ahead(limits.until) => {
                // Neither a retry nor a failure of anything: others are preferred, and this one may have a connection soon.
                tried.push(endpoint);
                waiting::for_change(&context, not_sent, limits.until).await;
                not_sent += 1;
                endpoints = context.directory.routes().of(&head);
                continue;
            }
            Attempt::NotSent(status) => Failed {
                status,
                response: None,
                said: false,
            },
            Attempt::Failed(failed) => failed,
        };
        let retryable = plan.is_retryable(&failed, limits, begun);
        // What a provider answered is no failure of it, unless it says that another one may do better.
        let answered = failed.said && !retryable;
        context.count(&head, answered);
        let verdict = match failed.status.code() {
            _ if answered => Verdict::Answered,
            Code::ResourceExhausted if failed.said => Verdict::Refused,
            _ => Verdict::Failed,
        };
        context.judge(&endpoint, begun, verdict);
        if failed.status.code() == Code::DeadlineExceeded
            && failed.response.is_none()
            && endpoint.suspect()
        {
            context.probe(&endpoint);
        }
        tried.push(endpoint);
        attempts += 1;
        let again = retryable
            && attempts <= plan.retries
            && replay.is_repeatable()
            && plan.overall.is_none_or(|at| Instant::now() < at)
            && context.selection.take_retry();
        if !again {
            let Failed {
                status, response, ..
            } = failed;
            return response.unwrap_or_else(|| status.into_http());
        }
        waiting::for_first_connections(&context, &head, &tried, plan.overall).await;
        endpoints = context.directory.routes().of(&head);
        let untried = |endpoint: &Arc<Endpoint>| !tried.iter().any(|t| Arc::ptr_eq(t, endpoint));
        if let Some(pause) = retry::pause(&failed.status, attempts)
            && !endpoints.iter().any(untried)
        {
            let left = plan
                .overall
                .map(|at| at.saturating_duration_since(Instant::now()));
            sleep(left.map_or(pause, |left| left.min(pause))).await;
        }
        begun = Instant::now();
        limits = plan.limits(begun);
    }
}

/// Returns whether this moment is still to come; none never comes.
fn is_ahead(until: Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() < until)
}

impl ConsumerContext {
    fn pick(
        &self,
        endpoints: &[Arc<Endpoint>],
        tried: &[Arc<Endpoint>],
        now: Instant,
    ) -> Option<Arc<Endpoint>> {
        if self.directory.is_anyone_asleep() {
            self.directory.wake_one(endpoints);
        }
        self.selection.pick(endpoints, tried, self.clock.at(now))
    }

    /// Counts an attempt: failed when it ended in a way that another one might not.
    fn count(&self, head: &Parts, ok: bool) {
        if let Some(attempts) = self.attempts(head) {
            attempts.count(ok);
        }
    }

    fn attempts(&self, head: &Parts) -> Option<Attempts> {
        let method = self
            .methods
            .as_ref()?
            .find(head.uri.path(), &head.headers)?;
        Some(method.attempts())
    }

    /// Hands a response over whose end is still to come, as a rule: the attempt is counted then.
    fn answered(
        self: Arc<Self>,
        head: &Parts,
        endpoint: &Endpoint,
        mut response: Response<AttemptBody>,
        begun: Instant,
        took: Duration,
    ) -> Response<AttemptBody> {
        self.judged(
            self.selection
                .answered(endpoint, self.clock.at(begun + took), took),
        );
        let ending = Ending {
            attempts: self.attempts(head),
            context: self,
        };
        if let Some(ending) = response.body_mut().tell(ending) {
            ending.conclude(endpoint, true);
        }
        response
    }

    /// Tells the selection how an attempt ended.
    fn judge(&self, endpoint: &Endpoint, begun: Instant, verdict: Verdict) {
        let (took, now) = (begun.elapsed(), self.clock.now());
        let endpoints = || self.directory.endpoints();
        let selection = &self.selection;
        self.judged(match verdict {
            Verdict::Answered => selection.answered(endpoint, now, took),
            Verdict::Refused => selection.refused(&endpoints(), endpoint, now, took),
            Verdict::Failed => selection.failed(&endpoints(), endpoint, now, took),
        });
    }

    fn judged(&self, changed: bool) {
        if changed {
            self.directory.context().changed.notify_waiters();
        }
    }

    /// Looks after an endpoint that let a call time out.
    fn probe(&self, endpoint: &Arc<Endpoint>) {
        let context = self.directory.context().clone();
        tokio::spawn(Arc::clone(endpoint).probe(context));
    }
}

/// What an attempt says of its provider.
#[derive(Clone, Copy, Debug)]
enum Verdict {
    Answered,
    /// It was refused because of a limit of the provider's own.
    Refused,
    Failed,
}

/// What is told when a response has ended: the attempt is counted, and a response that broke is a failure of its provider.
#[derive(Debug)]
pub(super) struct Ending {
    context: Arc<ConsumerContext>,
    attempts: Option<Attempts>,
}

impl Ending {
    pub(super) fn conclude(self, endpoint: &Endpoint, ok: bool) {
        if let Some(attempts) = self.attempts {
            attempts.count(ok);
        }
        if !ok {
            self.context
                .judge(endpoint, Instant::now(), Verdict::Failed);
        }
    }
}

/// Makes the request of one attempt: the caller's, sent to this endpoint, with the time that is left.
fn repeat<B: RequestBody>(
    head: &Parts,
    replay: &Replay<B>,
    endpoint: &Endpoint,
    now: Instant,
    limits: Limits,
) -> Request<Body> {
    let mut request = Request::new(replay.attempt());
    *request.method_mut() = head.method.clone();
    *request.version_mut() = http::Version::HTTP_2;
    *request.uri_mut() = attempt::target(endpoint.origin(), &head.uri);
    *request.headers_mut() = head.headers.clone();
    if let Some(until) = limits.until {
        let left = until.saturating_duration_since(now);
        // What limits the head alone is no deadline of the call: the provider is told for its figures.
        let (name, value) = if limits.whole {
            (timeout::HEADER, timeout::write(left))
        } else {
            (header::TIMEOUT, timeout::write_attempt(left))
        };
        request.headers_mut().insert(name, value);
    }
    request
}
