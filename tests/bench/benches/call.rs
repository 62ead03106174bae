//! The cost of one call on the threads that serve it: `cargo bench -p bench --bench call`.

use std::hint::black_box;
use std::time::Duration;

use bench::{
    Echo, TRACEPARENT, layered_call, method, metrics, parallel, request, services, traced_request,
};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use metrics_core::{Clock, Outcome, ProviderLayer};
use tower_layer::Layer;

fn clocks(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("two clock reads");
    let clock = quanta::Clock::new();
    group.bench_function("quanta", |b| {
        b.iter(|| clock.delta_as_nanos(clock.raw(), black_box(clock.raw())))
    });
    group.bench_function("std", |b| b.iter(|| black_box(std_pair())));
    group.finish();
}

#[expect(clippy::disallowed_types, reason = "the clock that is compared with")]
fn std_pair() -> Duration {
    std::time::Instant::now().elapsed()
}

fn recorded_call(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one recorded call");
    let real = metrics(Clock::default());
    let bound = method(&real);
    group.bench_function("with its clock reads", |b| {
        b.iter(|| bound.start().end(black_box(Outcome::SUCCESS)))
    });
    group.bench_function("with its clock reads and a sampled trace", |b| {
        b.iter(|| {
            let mut call = bound.start();
            call.set_traceparent(black_box(TRACEPARENT.as_bytes()));
            call.end(black_box(Outcome::SUCCESS));
        })
    });
    let (clock, _hand) = Clock::manual();
    let still = metrics(clock);
    let bound = method(&still);
    group.bench_function("clock that stands still", |b| {
        b.iter(|| bound.start().end(black_box(Outcome::SUCCESS)))
    });
    group.finish();
}

fn two_threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("calls on one method");
    for threads in [1, 2] {
        let real = metrics(Clock::default());
        let bound = method(&real);
        group.bench_function(format!("{threads} threads"), |b| {
            b.iter_custom(|calls| parallel(&bound, threads, calls));
        });
    }
    group.finish();
}

fn layer(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("one call of a service");
    let real = metrics(Clock::default());
    let layer = ProviderLayer::new(&real, &services());
    let mut measured = layer.layer(Echo);
    let path = "/greet.GreetService/Greet";
    for (kind, is_traced) in [("", false), ("with a sampled trace, ", true)] {
        let new = || match is_traced {
            true => traced_request(path),
            false => request(path),
        };
        group.bench_function(format!("{kind}measured by the layer"), |b| {
            b.iter_batched(
                new,
                |request| layered_call(&mut measured, request),
                BatchSize::SmallInput,
            );
        });
        group.bench_function(format!("{kind}without a layer"), |b| {
            b.iter_batched(
                new,
                |request| layered_call(&mut Echo, request),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, clocks, recorded_call, two_threads, layer);
criterion_main!(benches);
