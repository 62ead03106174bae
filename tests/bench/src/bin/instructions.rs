//! Makes a number of calls and nothing else, for callgrind to count instructions: `instructions call|layer|bare CALLS`.
//!
//! The clock stands still, so that the count is the same on every machine that has the same instructions.

use std::hint::black_box;
use std::process::ExitCode;

use bench::{Echo, layered_call, method, metrics, request, services};
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
        "layer" => {
            let mut service = ProviderLayer::new(&metrics, &services()).layer(Echo);
            measured(calls, || {
                layered_call(&mut service, request("/greet.GreetService/Greet"))
            });
        }
        "bare" => measured(calls, || {
            layered_call(&mut Echo, request("/greet.GreetService/Greet"))
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
