//! What a call waits for between its attempts.

use std::sync::Arc;
use std::time::Duration;

use http::request::Parts;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::Status;

use crate::consumer::context::ConsumerContext;
use crate::consumer::endpoint::Endpoint;
use crate::consumer::routes::Routes;

/// The longest pause of a request that could not be sent.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// How long an attempt waits for the first connection or answer of another provider.
const FIRST_CONNECTION_LIMIT: Duration = Duration::from_secs(1);

/// Waits after a request could not be sent so many times before: not at all at first, then until an endpoint becomes fit or unfit, for
/// at most a growing pause.
pub(super) async fn for_change(context: &ConsumerContext, times: u32, until: Option<Instant>) {
    if times == 0 {
        // The endpoint's own task may have to notice first that the connection is gone.
        tokio::task::yield_now().await;
        return;
    }
    let pause = Duration::from_millis(1 << times.min(10)).min(LONGEST_PAUSE);
    let pause_ends = Instant::now() + pause;
    let until = until.map_or(pause_ends, |until| until.min(pause_ends));
    // Over either way: the next attempt looks again.
    let _ = timeout_at(until, context.directory.changed()).await;
}

/// Waits before a call is made again while all providers that can be called have failed it and the first connection of another one is
/// being made: at the start of a consumer, a provider that fails must not use up the attempts of its first calls.
pub(super) async fn for_first_connections(
    context: &ConsumerContext,
    head: &Parts,
    tried: &[Arc<Endpoint>],
    overall: Option<Instant>,
) {
    let limit = Instant::now() + FIRST_CONNECTION_LIMIT;
    let until = overall.map_or(limit, |overall| overall.min(limit));
    let untried = |e: &&Arc<Endpoint>| !e.is_among(tried);
    for_one_of(context, head, untried, until).await;
}

/// The longest pause between two looks whether a provider has answered.
const LONGEST_LOOK_MILLIS: u64 = 10;

/// Waits before the last attempt of a call while no provider has answered yet that it can go to, and the first answer of one may be on its
/// way. Calls look at random moments, so that one of those that wait goes first, and the others wait for its answer.
pub(super) async fn for_first_answer(
    context: &ConsumerContext,
    head: &Parts,
    tried: &[Arc<Endpoint>],
    overall: Option<Instant>,
) {
    let until = soon(overall);
    let awaits = || {
        let routes = context.directory.routes();
        let endpoints = routes.of(head);
        context.selection.awaits_answer(&endpoints, tried)
    };
    while Instant::now() < until && awaits() {
        sleep(Duration::from_millis(fastrand::u64(
            1..=LONGEST_LOOK_MILLIS,
        )))
        .await;
    }
}

/// Returns when a pause ends that takes [`FIRST_CONNECTION_LIMIT`] and half of the time that the call has, at most.
fn soon(overall: Option<Instant>) -> Instant {
    let now = Instant::now();
    let half = overall.map(|at| at.saturating_duration_since(now) / 2);
    now + half.map_or(FIRST_CONNECTION_LIMIT, |half| {
        half.min(FIRST_CONNECTION_LIMIT)
    })
}

/// Waits before a call goes to a provider of weight 0 while the first connection of one that has a weight is being made: Dubbo's
/// consumers connect to all providers before the first call, and one of weight 0 is for when no other can be called. It takes at most half
/// of the time that the call has.
pub(super) async fn for_weight(context: &ConsumerContext, head: &Parts, overall: Option<Instant>) {
    let has_weight = |e: &&Arc<Endpoint>| e.standing().has_weight();
    for_one_of(context, head, has_weight, soon(overall)).await;
}

/// Waits until one of these providers is connected, or none of them is being connected to.
async fn for_one_of(
    context: &ConsumerContext,
    head: &Parts,
    these: impl Fn(&&Arc<Endpoint>) -> bool,
    until: Instant,
) {
    let settled = context.directory.find(|| {
        let routes = context.directory.routes();
        let endpoints = routes.of(head);
        let mut others = endpoints.iter().filter(&these);
        let is_waiting = others.clone().any(|e| e.is_connecting() && !e.is_asleep());
        (!is_waiting || others.any(|e| e.is_open())).then_some(())
    });
    // Over either way: the next attempt looks again.
    let _ = timeout_at(until, settled).await;
}

/// Waits until a provider can be called, while one is known whose connection is still being made.
pub(super) async fn for_provider(
    context: &ConsumerContext,
    head: &Parts,
    tried: &[Arc<Endpoint>],
    until: Option<Instant>,
) -> Result<Arc<Endpoint>, Status> {
    let found = context.directory.find(|| {
        let routes = context.directory.routes();
        let endpoints = routes.of(head);
        if let Some(endpoint) = context.pick(&endpoints, tried, Instant::now()) {
            return Some(Ok(Arc::clone(endpoint)));
        }
        let is_lost = context.directory.is_known() && !endpoints.iter().any(|e| e.is_connecting());
        is_lost.then(|| Err(unreachable(&context.service, &routes, &endpoints)))
    });
    let Some(until) = until else {
        return found.await;
    };
    timeout_at(until, found).await.unwrap_or_else(|_| {
        let routes = context.directory.routes();
        Err(unreachable(&context.service, &routes, &routes.of(head)))
    })
}

fn unreachable(service: &str, routes: &Routes, endpoints: &[Arc<Endpoint>]) -> Status {
    let all = routes.endpoints().len();
    if endpoints.is_empty() && all > 0 {
        return Status::unavailable(format!(
            "tags and routing rules leave none of the {all} providers of {service} for this call"
        ));
    }
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
