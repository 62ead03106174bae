//! One logical call: attempts on different providers until one answers, as far as retries, budget and deadline go.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::request::Parts;
use http::{Request, Response};
use tokio::time::{Instant, sleep};
use tonic::{Code, Status};
use tower_service::Service;

use super::ConsumerOptions;
use super::attempt::{self, Attempt, AttemptBody, Failed, Limits};
use super::context::{CloneContext, ConsumerContext, Ending, Verdict};
use super::endpoint::Endpoint;
use super::method::MethodOptions;
use super::replay::{Replay, RequestBody};
use super::retry::{self, Left};
use super::routes::Routes;
use crate::timeout;

mod waiting;

/// The service that makes calls.
#[derive(Debug)]
pub(super) struct Failover {
    own: Arc<CloneContext>,
}

impl Clone for Failover {
    fn clone(&self) -> Self {
        let own = CloneContext::clone(&self.own);
        Self { own: Arc::new(own) }
    }
}

impl Failover {
    pub(super) fn new(context: ConsumerContext) -> Self {
        let own = CloneContext::new(Arc::new(context));
        Self { own: Arc::new(own) }
    }

    /// Takes over the directory's list when it has changed; otherwise this costs one load.
    fn refresh(&mut self) {
        if self.own.context.directory.version() != self.own.version {
            self.own = Arc::new(CloneContext::new(Arc::clone(&self.own.context)));
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
        Box::pin(call(Arc::clone(&self.own), request))
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
    own: Arc<CloneContext>,
    request: Request<B>,
) -> Result<Response<AttemptBody>, Infallible> {
    let context = &*own.context;
    let (head, body) = request.into_parts();
    let replay = Replay::new(body);
    let mut begun = Instant::now();
    let plan = Plan::new(&context.options, &own.routes, &head, begun);
    if plan.overall.is_some_and(|at| at <= begun) {
        // No provider can be blamed for that, and none is called.
        let over =
            Status::deadline_exceeded("the caller's deadline was over before the call began");
        return Ok(over.into_http());
    }
    let mut limits = plan.limits(begun);
    // The newest list and rules, where the call has lasted longer than one attempt.
    let mut newest: Option<Arc<Routes>> = None;
    let mut tried: Vec<Arc<Endpoint>> = Vec::new();
    let (mut attempts, mut not_sent) = (0, 0);
    let mut may_wait_for_weight = true;
    loop {
        let endpoints = newest.as_ref().unwrap_or(&own.routes).of(&head);
        let picked = context.pick(&endpoints, &tried, begun);
        if may_wait_for_weight && picked.is_some_and(|e| !e.standing().has_weight()) {
            may_wait_for_weight = false;
            waiting::for_weight(context, &head, plan.overall).await;
            begun = Instant::now();
            limits = plan.limits(begun);
            newest = Some(context.directory.routes());
            continue;
        }
        may_wait_for_weight = false;
        let found;
        let endpoint = match picked {
            Some(endpoint) => endpoint,
            None => match waiting::for_provider(context, &head, &tried, limits.until).await {
                Ok(endpoint) => {
                    found = endpoint;
                    &found
                }
                Err(status) => return Ok(status.into_http()),
            },
        };
        let failed = match attempt::send(endpoint, &head, &replay, limits, begun).await {
            Attempt::Answered(mut response) => {
                context.answered(endpoint, begun, begun.elapsed());
                let attempts = context.attempts(&head);
                response.body_mut().tell(Ending::new(own, attempts));
                return Ok(response);
            }
            Attempt::NotSent(_) if replay.is_resendable() && is_ahead(limits.until) => {
                // Neither a retry nor a failure of anything: others are preferred, and this one may have a connection soon.
                tried.push(Arc::clone(endpoint));
                waiting::for_change(context, not_sent, limits.until).await;
                not_sent += 1;
                newest = Some(context.directory.routes());
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
        context.judge(endpoint, begun, verdict);
        if failed.status.code() == Code::DeadlineExceeded
            && failed.response.is_none()
            && endpoint.suspect()
        {
            context.probe(endpoint);
        }
        tried.push(Arc::clone(endpoint));
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
            return Ok(response.unwrap_or_else(|| status.into_http()));
        }
        waiting::for_first_connections(context, &head, &tried, plan.overall).await;
        if attempts == plan.retries {
            waiting::for_first_answer(context, &head, &tried, plan.overall).await;
        }
        let routes = context.directory.routes();
        if let Some(pause) = retry::pause(&failed.status, attempts)
            && routes.of(&head).iter().all(|e| e.is_among(&tried))
        {
            let left = plan
                .overall
                .map(|at| at.saturating_duration_since(Instant::now()));
            sleep(left.map_or(pause, |left| left.min(pause))).await;
        }
        newest = Some(routes);
        begun = Instant::now();
        limits = plan.limits(begun);
    }
}

/// Returns whether this moment is still to come; none never comes.
fn is_ahead(until: Option<Instant>) -> bool {
    until.is_none_or(|until| Instant::now() < until)
}
