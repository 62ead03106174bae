//! Makes a number of calls and nothing else, for callgrind to count instructions: `instructions call|traced|layer|bare|layer-traced|bare-traced CALLS`.
//!
//! The clock stands still, so that the count is the same on every machine that has the same instructions.

use std::hint::black_box;
use std::process::ExitCode;

use bench::{Echo, TRACEPARENT, layered_call, method, metrics, request, services, traced_request};
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
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// Callgrind counts inside of this function (`--toggle-collect=*measured*`).
#[inline(never)]
fn measured(calls: u64, mut call: impl FnMut()) {
    for _ in 0..calls {
        call();
    }
}
