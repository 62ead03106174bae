//! Layers around services made for the purpose: what is counted, whatever becomes of a call.

mod script;

use std::convert::Infallible;
use std::future::{pending, ready};
use std::time::Duration;

use http::{HeaderValue, Request, Response};
use tower_service::Service as _;

use super::*;
use crate::{Clock, Config, Figures, Outcome, OutcomeKind};
use script::{Script, Step, TWO_MESSAGES, grpc, poll, read, request, trailers};

fn greeter() -> KnownService {
    KnownService::new("greet.GreetService", ["Greet"])
}

struct World {
    metrics: Metrics,
    provider: ProviderLayer,
}

impl World {
    fn new() -> Self {
        let metrics = Metrics::new(Config {
            clock: Clock::tokio(),
            ..Config::default()
        })
        .unwrap();
        Self {
            provider: ProviderLayer::new(&metrics, &[greeter()]),
            metrics,
        }
    }

    fn figures(&self) -> Figures {
        self.metrics.figures(Side::Provider).remove(0)
    }

    /// Asserts that exactly one call ended, so, and none is in flight.
    fn assert_one(&self, kind: OutcomeKind) {
        let figures = self.figures();
        assert_eq!(
            (figures.outcomes.total(), figures.in_flight),
            (1, 0),
            "one call, ended once: {figures:?}"
        );
        assert_eq!(figures.outcomes.of(kind), 1, "{kind:?}: {figures:?}");
    }
}

/// Sends a call that is answered with this response, and reads it as far as it goes.
async fn answered(world: &World, response: Response<Script>) {
    let mut response = Some(response);
    let service = tower::service_fn(move |_: Request<RequestBody<Script>>| {
        ready(Ok::<_, Infallible>(response.take().unwrap()))
    });
    let mut service = world.provider.layer(service);
    let response = service
        .call(request("/greet.GreetService/Greet"))
        .await
        .unwrap();
    let mut body = response.into_body();
    read(&mut body);
}

/// The trace of a call is what one header says; two of them are wrong, and say nothing.
#[tokio::test]
async fn a_call_with_two_traceparents_belongs_to_no_trace() {
    let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-b7ad6b7169203331-01";
    for (headers, traced) in [
        (&[header][..], true),
        (&[header, header], false),
        (&[header, other], false),
        (&[header, other, header], false),
    ] {
        let world = World::new();
        let service = tower::service_fn(|_: Request<RequestBody<Script>>| {
            ready(Ok::<_, Infallible>(grpc([trailers("0")])))
        });
        let mut request = request("/greet.GreetService/Greet");
        for header in headers {
            let value = HeaderValue::from_static(header);
            request.headers_mut().append("traceparent", value);
        }
        let answer = world.provider.layer(service).call(request).await;
        read(&mut answer.unwrap().into_body());
        world.assert_one(OutcomeKind::Success);
        let format = crate::exposition::Format::OpenMetrics;
        let text = world.metrics.written(format, crate::Families::All);
        let text = String::from_utf8(text).unwrap();
        assert_eq!(text.contains("trace_id="), traced, "{headers:?}");
    }
}

#[tokio::test]
async fn a_status_in_the_trailers_is_the_outcome() {
    for (status, kind) in [
        ("0", OutcomeKind::Success),
        ("4", OutcomeKind::Timeout),
        ("8", OutcomeKind::Limit),
        ("14", OutcomeKind::Unavailable),
        ("1", OutcomeKind::Cancelled),
    ] {
        let world = World::new();
        answered(&world, grpc([Step::Data(TWO_MESSAGES), trailers(status)])).await;
        world.assert_one(kind);
    }
}

#[tokio::test]
async fn a_status_in_the_headers_is_the_outcome() {
    let world = World::new();
    let mut response = grpc([]);
    response
        .headers_mut()
        .insert("grpc-status", HeaderValue::from_static("7"));
    answered(&world, response).await;
    world.assert_one(OutcomeKind::Unavailable);
}

#[tokio::test]
async fn a_status_in_the_last_message_of_grpc_web_is_the_outcome() {
    for (kind, body) in [
        (
            "application/grpc-web+proto",
            &b"\0\0\0\0\x01x\x80\0\0\0\x0fgrpc-status:14\n"[..],
        ),
        (
            "application/grpc-web-text",
            b"AAAAAAF4gAAAAA9ncnBjLXN0YXR1czoxNAo=",
        ),
    ] {
        let world = World::new();
        let mut response = grpc([Step::Data(body)]);
        let kind_header = HeaderValue::from_static(kind);
        response.headers_mut().insert("content-type", kind_header);
        answered(&world, response).await;
        world.assert_one(OutcomeKind::Unavailable);
        assert_eq!(world.figures().messages_sent, 1, "{kind}");
    }
}

#[tokio::test]
async fn a_stream_that_ends_without_a_status_is_unknown() {
    let world = World::new();
    answered(&world, grpc([Step::Data(TWO_MESSAGES)])).await;
    world.assert_one(OutcomeKind::Unknown);
}

#[tokio::test]
async fn a_stream_that_breaks_is_unknown() {
    let world = World::new();
    answered(&world, grpc([Step::Data(TWO_MESSAGES), Step::Fail])).await;
    world.assert_one(OutcomeKind::Unknown);
}

#[tokio::test]
async fn a_stream_that_is_not_read_to_its_end_is_cancelled() {
    let world = World::new();
    answered(&world, grpc([Step::Data(TWO_MESSAGES), Step::Silence])).await;
    world.assert_one(OutcomeKind::Cancelled);
}

#[tokio::test]
async fn an_outcome_told_by_a_layer_below_counts() {
    let world = World::new();
    let mut response = Response::new(Script::new([Step::Data(b"{}")]));
    response.extensions_mut().insert(Outcome::BUSINESS);
    answered(&world, response).await;
    world.assert_one(OutcomeKind::Business);
    assert_eq!(
        world.figures().messages_sent,
        0,
        "JSON is no message of gRPC"
    );
}

#[tokio::test]
async fn a_call_dropped_before_its_headers_is_cancelled() {
    let world = World::new();
    let mut service = world.provider.layer(tower::service_fn(|_| {
        pending::<Result<Response<Script>, Infallible>>()
    }));
    let mut call = service.call(request("/greet.GreetService/Greet"));
    assert!(poll(&mut call).is_pending());
    assert_eq!(world.figures().in_flight, 1);
    drop(call);
    world.assert_one(OutcomeKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_after_its_deadline_is_a_timeout() {
    let world = World::new();
    let mut service = world.provider.layer(tower::service_fn(|_| {
        pending::<Result<Response<Script>, Infallible>>()
    }));
    let mut request = request("/greet.GreetService/Greet");
    request
        .headers_mut()
        .insert("grpc-timeout", HeaderValue::from_static("50m"));
    let mut call = service.call(request);
    assert!(poll(&mut call).is_pending());
    tokio::time::advance(Duration::from_millis(50)).await;
    drop(call);
    world.assert_one(OutcomeKind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_waits_no_longer_for_a_head_is_a_timeout_and_one_that_ends_a_stream_is_none()
 {
    for (value, wait, kind) in [
        ("50ms", 50, OutcomeKind::Timeout),
        ("50ms", 40, OutcomeKind::Cancelled),
        ("1s", 1000, OutcomeKind::Timeout),
        ("soon", 1000, OutcomeKind::Cancelled),
    ] {
        let world = World::new();
        let mut service = world.provider.layer(tower::service_fn(|_| {
            pending::<Result<Response<Script>, Infallible>>()
        }));
        let mut request = request("/greet.GreetService/Greet");
        let headers = request.headers_mut();
        headers.insert("timeout", HeaderValue::from_static(value));
        let mut call = service.call(request);
        assert!(poll(&mut call).is_pending());
        tokio::time::advance(Duration::from_millis(wait)).await;
        drop(call);
        world.assert_one(kind);
    }
    let world = World::new();
    let mut stream = Some(grpc([Step::Data(TWO_MESSAGES), Step::Silence]));
    let mut service = world.provider.layer(tower::service_fn(move |_| {
        ready(Ok::<_, Infallible>(stream.take().unwrap()))
    }));
    let mut request = request("/greet.GreetService/Greet");
    let headers = request.headers_mut();
    headers.insert("timeout", HeaderValue::from_static("50ms"));
    let response = service.call(request).await.unwrap();
    tokio::time::advance(Duration::from_secs(1)).await;
    read(&mut response.into_body());
    world.assert_one(OutcomeKind::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn an_error_after_the_deadline_is_a_timeout_and_an_earlier_one_what_its_classifier_says() {
    for (wait, kind) in [
        (Duration::from_millis(50), OutcomeKind::Timeout),
        (Duration::from_millis(1), OutcomeKind::Limit),
    ] {
        let world = World::new();
        let failing = tower::service_fn(move |_: Request<RequestBody<Script>>| async move {
            tokio::time::sleep(wait).await;
            Err::<Response<Script>, _>("refused")
        });
        let mut service = world
            .provider
            .clone()
            .classify(|_: &&str| Outcome::LIMIT)
            .layer(failing);
        let mut request = request("/greet.GreetService/Greet");
        request
            .headers_mut()
            .insert("grpc-timeout", HeaderValue::from_static("50m"));
        service.call(request).await.unwrap_err();
        world.assert_one(kind);
    }
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_once() {
    let world = World::new();
    let panicking = tower::service_fn(|_: Request<RequestBody<Script>>| async {
        if true {
            panic!("the handler is broken");
        }
        Ok::<Response<Script>, Infallible>(grpc([]))
    });
    let mut service = world.provider.layer(panicking);
    let call = service.call(request("/greet.GreetService/Greet"));
    assert!(tokio::spawn(call).await.unwrap_err().is_panic());
    world.assert_one(OutcomeKind::Unknown);
}

#[tokio::test]
async fn messages_are_counted_in_both_directions_as_each_side_sees_them() {
    let world = World::new();
    let consumer = ConsumerLayer::new(&world.metrics, &[greeter()]);
    let answer = async |request: Request<RequestBody<RequestBody<Script>>>| {
        read(&mut request.into_body());
        Ok::<_, Infallible>(grpc([
            Step::Data(TWO_MESSAGES),
            Step::Data(TWO_MESSAGES),
            trailers("0"),
        ]))
    };
    let provider = world.provider.layer(tower::service_fn(answer));
    let mut service = consumer.layer(provider);
    let response = service.call(request("/greet.GreetService/Greet")).await;
    read(&mut response.unwrap().into_body());
    let messages = |side| {
        let figures = world.metrics.figures(side).remove(0);
        (figures.messages_received, figures.messages_sent)
    };
    assert_eq!(messages(Side::Provider), (2, 4));
    assert_eq!(messages(Side::Consumer), (4, 2));
}

#[tokio::test]
async fn unknown_methods_share_one_series_and_other_interfaces_none() {
    let world = World::new();
    let mut service = world
        .provider
        .layer(tower::service_fn(|_| ready(Ok::<_, Infallible>(grpc([])))));
    for path in [
        "/greet.GreetService/a",
        "/greet.GreetService/b",
        "/grpc.health.v1.Health/Watch",
        "/",
        "/x",
        "//",
    ] {
        service.call(request(path)).await.unwrap();
    }
    let figures = world.metrics.figures(Side::Provider);
    let seen: Vec<_> = figures
        .iter()
        .map(|f| (&*f.key.interface, &*f.key.method, f.outcomes.total()))
        .collect();
    assert_eq!(
        seen,
        [
            ("greet.GreetService", "Greet", 0),
            ("greet.GreetService", "unknown", 2)
        ]
    );
}

#[tokio::test]
async fn group_and_version_in_the_headers_choose_among_several() {
    let metrics = Metrics::new(Config::default()).unwrap();
    let service = |group, version| {
        KnownService::new("x.Y", ["Z"])
            .group(group)
            .version(version)
    };
    let layer = ProviderLayer::new(&metrics, &[service("", "1.0.0"), service("1.0.0", "")]);
    let mut measured = layer.layer(tower::service_fn(|_| ready(Ok::<_, Infallible>(grpc([])))));
    for (group, version) in [("", "1.0.0"), ("1.0.0", ""), ("1.0.0", "")] {
        let mut request = request("/x.Y/Z");
        request
            .headers_mut()
            .insert("tri-service-group", HeaderValue::from_static(group));
        request
            .headers_mut()
            .insert("tri-service-version", HeaderValue::from_static(version));
        measured.call(request).await.unwrap();
    }
    let calls: Vec<_> = metrics
        .figures(Side::Provider)
        .iter()
        .map(|figures| figures.outcomes.total())
        .collect();
    assert_eq!(calls, [1, 2]);
}
