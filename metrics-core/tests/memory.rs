//! What series and calls cost in memory, by an allocator that counts what this thread allocates.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::Full;
use metrics_core::{
    Clock, Config, KnownService, ManualClock, Method, MethodKey, Metrics, Outcome, PANES,
    ProviderLayer, Side,
};
use tower_layer::Layer;

const KIB: i64 = 1024;
const SERIES: usize = 4;

fn world() -> (Metrics, ManualClock) {
    let (clock, manual) = Clock::manual();
    // An hour, so that a pane has room for the longest times.
    let config = Config::default()
        .clock(clock)
        .window(Duration::from_secs(3600));
    (Metrics::new(config).expect("legal"), manual)
}

fn methods(metrics: &Metrics, range: std::ops::Range<usize>) -> Vec<Method> {
    let key = |n| {
        MethodKey::new(
            &format!("org.example.shop.OrderService{n}"),
            "placeOrderWithDiscount",
        )
    };
    range
        .map(|n| metrics.method(Side::Provider, &key(n)))
        .collect()
}

/// Ends a call on every method in nearly every bucket that there is: no distribution of times takes more memory. Returns the time it took.
fn call_in_every_bucket(manual: &ManualClock, methods: &[Method]) -> Duration {
    let times =
        (0..38).flat_map(|power| (0..64u64).map(move |step| (1 << power) + ((step << power) >> 6)));
    let mut now = 0;
    let mut calls: Vec<Vec<_>> = times
        .clone()
        .map(|_| methods.iter().map(Method::start).collect())
        .collect();
    for (time, calls) in times.zip(calls.drain(..)) {
        manual.advance(Duration::from_nanos(time - now));
        now = time;
        calls
            .into_iter()
            .for_each(|call| call.end(Outcome::SUCCESS));
    }
    Duration::from_nanos(now)
}

/// Returns what one shard takes: the second one of two cores.
fn shard_bytes(metrics: &Metrics) -> i64 {
    let method = methods(metrics, 100..101).remove(0);
    measure(|| drop(method.start())).bytes_current
}

#[test]
fn a_method_never_called_takes_at_most_one_kib() {
    let (metrics, _hand) = world();
    let mut handles = Vec::with_capacity(1000);
    let bytes = measure(|| handles.extend(methods(&metrics, 0..1000))).bytes_current / 1000;
    assert!((1..=KIB).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_series_in_use_takes_at_most_128_kib_and_an_idle_one_27() {
    let (metrics, manual) = world();
    let methods = methods(&metrics, 0..SERIES);
    let pane = metrics.config().window / PANES;
    let second_shard = shard_bytes(&metrics);
    assert!(
        second_shard > 4 * KIB,
        "a shard holds a histogram: {second_shard} bytes"
    );
    let turn = |methods: &[Method]| {
        let took = call_in_every_bucket(&manual, methods);
        manual.advance(pane - took);
        black_box(metrics.figures(Side::Provider));
    };
    let busy = measure(|| (0..2 * PANES).for_each(|_| turn(&methods))).bytes_current
        / SERIES as i64
        + second_shard;
    assert!(
        (64 * KIB..=128 * KIB).contains(&busy),
        "in use: {busy} bytes"
    );
    let freed = measure(|| (0..2 * PANES).for_each(|_| turn(&[]))).bytes_current / SERIES as i64;
    let idle = busy + freed;
    assert!(idle <= 27 * KIB, "idle: {idle} bytes");
}

#[test]
fn a_call_allocates_nothing_after_the_first() {
    let (metrics, _hand) = world();
    let method = methods(&metrics, 0..1).remove(0);
    method.start().end(Outcome::SUCCESS);
    let counted = measure(|| {
        for code in 0..1000 {
            method.start().end(Outcome::from_code(black_box(code % 20)));
        }
        drop(method.start());
        method.attempted(true);
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
}

/// Answers with one message at once, and allocates nothing.
#[derive(Clone)]
struct Answer;

impl<B> tower_service::Service<Request<B>> for Answer {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        ready(Ok(Response::new(Full::from(&b"\0\0\0\0\x01x"[..]))))
    }
}

/// Calls to the end of the response; everything is there at the first poll.
fn call<S, B>(service: &mut S, request: Request<Full<Bytes>>)
where
    S: tower_service::Service<Request<Full<Bytes>>, Response = Response<B>>,
    B: Body,
{
    let context = &mut Context::from_waker(Waker::noop());
    let mut answer = std::pin::pin!(service.call(request));
    let Poll::Ready(Ok(response)) = answer.as_mut().poll(context) else {
        panic!("the answer is not there");
    };
    let mut body = std::pin::pin!(response.into_body());
    while let Poll::Ready(Some(_)) = body.as_mut().poll_frame(context) {}
}

#[test]
fn a_call_through_the_layer_allocates_nothing_after_the_first() {
    let (metrics, _hand) = world();
    let greet = KnownService::new("greet.GreetService", ["Greet"]);
    let mut service = ProviderLayer::new(&metrics, &[greet]).layer(Answer);
    let request = || {
        Request::builder()
            .uri("/greet.GreetService/Greet")
            .header("grpc-timeout", "3S")
            .body(Full::default())
            .unwrap()
    };
    call(&mut service, request());
    let requests: Vec<_> = (0..100).map(|_| request()).collect();
    let counted = measure(|| {
        for request in requests {
            call(&mut service, request);
        }
    });
    assert_eq!(counted.count_total, 0, "{counted:?}");
    let figures = metrics.figures(Side::Provider).remove(0);
    assert_eq!(figures.outcomes.total(), 101, "every call was recorded");
}
