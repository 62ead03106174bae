//! Makes a number of calls and nothing else, for callgrind to count instructions: `instructions call|traced|layer|bare|layer-traced|bare-traced CALLS`,
//! or scrapes of ten methods with exemplars: `instructions all-text|all-openmetrics|all-protobuf|lean-text|lean-openmetrics|lean-native SCRAPES`.
//!
//! The clock stands still, so that the count is the same on every machine that has the same instructions.

use std::hint::black_box;
use std::process::ExitCode;

use bench::{
    Echo, SCRAPES, TRACEPARENT, layered_call, method, metrics, request, services, traced_request,
};
use metrics_core::{Clock, Outcome, ProviderLayer};
use tower_layer::Layer;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(case), Some(Ok(calls))) =
        (arguments.next(), arguments.next().map(|n| n.parse::<u64>()))
    else {
        return ExitCode::from(2);
    };
    let (clock, _hand) = Clock::manual();
    let metrics = metrics(clock);
    match &*case {
        "call" => {
            let method = method(&metrics);
            measured(calls, || method.start().end(black_box(Outcome::SUCCESS)));
        }
        "traced" => {
            let (method, header) = (method(&metrics), black_box(TRACEPARENT.as_bytes()));
            measured(calls, || {
                let mut call = method.start();
                call.set_traceparent(header);
                call.end(black_box(Outcome::SUCCESS));
            });
        }
        "layer" => {
            let mut service = ProviderLayer::new(&metrics, &services()).layer(Echo);
            measured(calls, || {
                layered_call(&mut service, request("/greet.GreetService/Greet"))
            });
        }
        "bare" => measured(calls, || {
            layered_call(&mut Echo, request("/greet.GreetService/Greet"))
        }),
        "layer-traced" => {
            let mut service = ProviderLayer::new(&metrics, &services()).layer(Echo);
            measured(calls, || {
                layered_call(&mut service, traced_request("/greet.GreetService/Greet"))
            });
        }
        "bare-traced" => measured(calls, || {
            layered_call(&mut Echo, traced_request("/greet.GreetService/Greet"))
        }),
        name => {
            let Some(kind) = SCRAPES.into_iter().find(|kind| kind.name == name) else {
                return ExitCode::from(2);
            };
            let (metrics, _hand) = kind.metrics(10, true);
            let headers = kind.headers();
            measured(calls, || {
                black_box(metrics.scrape(&headers));
            });
        }
    }
    ExitCode::SUCCESS
}

/// Callgrind counts inside of this function (`--toggle-collect=instructions::measured*`).
#[inline(never)]
fn measured(calls: u64, mut call: impl FnMut()) {
    for _ in 0..calls {
        call();
    }
}
