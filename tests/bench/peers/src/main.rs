//! What a call costs with this library and with others, side by side in one process: `cargo run --release` in this folder.
//!
//! The candidates take turns, many times, and the fastest of each one's turns counts: what else the machine does slows some turns of all,
//! and rarely all turns of one. Each records the nearest thing to Dubbo's families that it can.

mod candidates;

use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use bench::{Echo, layered_call, method, metrics, parallel, populate, request, services};
use metrics_core::{Clock, Outcome, ProviderLayer, Side};
use tower_layer::Layer;

const TURNS: usize = 200;
const CALLS: u64 = 5_000;
const PATH: &str = "/greet.GreetService/Greet";

struct Candidate<'a> {
    name: &'static str,
    call: Box<dyn FnMut() + 'a>,
    best: Duration,
}

fn main() -> std::io::Result<()> {
    let out = &mut std::io::stdout().lock();
    let ours = metrics(Clock::default());
    let bound = method(&ours);
    let (still, _hand) = Clock::manual();
    let still = metrics(still);
    let still = method(&still);
    let mut layered = ProviderLayer::new(&ours, &services()).layer(Echo);
    let mut theirs = tonic_prometheus_layer::MetricsLayer::new().layer(Echo);
    let quanta = quanta::Clock::new();
    let candidates: Vec<(&'static str, Box<dyn FnMut() + '_>)> = vec![
        ("two clock reads, std", Box::new(|| { black_box(Instant::now().elapsed()); })),
        ("two clock reads, quanta", Box::new(|| { black_box(quanta.delta_as_nanos(quanta.raw(), black_box(quanta.raw()))); })),
        ("metrics-core, recorded call", Box::new(|| bound.start().end(black_box(Outcome::SUCCESS)))),
        ("metrics-core, recorded call, clock that stands still", Box::new(|| still.start().end(black_box(Outcome::SUCCESS)))),
        ("prometheus, vectors of 8 labels", candidates::prometheus_vectors()),
        ("metrics + metrics-exporter-prometheus, 8 labels", candidates::metrics_facade()),
        ("prometheus-client, families of 8 labels", candidates::prometheus_client()),
        ("service alone", Box::new(|| layered_call(&mut Echo, request(PATH)))),
        ("service in metrics-core's layer", Box::new(|| layered_call(&mut layered, request(PATH)))),
        ("service in tonic_prometheus_layer", Box::new(|| layered_call(&mut theirs, request(PATH)))),
    ];
    let mut candidates: Vec<_> = candidates.into_iter().map(|(name, call)| Candidate { name, call, best: Duration::MAX }).collect();
    for _ in 0..TURNS {
        for candidate in &mut candidates {
            let start = Instant::now();
            for _ in 0..CALLS {
                (candidate.call)();
            }
            candidate.best = candidate.best.min(start.elapsed());
        }
    }
    writeln!(out, "| what | ns per call |\n|---|---|")?;
    for Candidate { name, best, .. } in &candidates {
        writeln!(out, "| {name} | {:.1} |", nanos(*best, CALLS))?;
    }
    two_threads(out)?;
    scrape(out)
}

fn nanos(time: Duration, calls: u64) -> f64 {
    time.as_nanos() as f64 / calls as f64
}

/// One thread and two on one method, in turns.
fn two_threads(out: &mut impl Write) -> std::io::Result<()> {
    let ours = metrics(Clock::default());
    let bound = method(&ours);
    let mut best = [Duration::MAX; 2];
    for _ in 0..TURNS {
        for (threads, best) in [1, 2].into_iter().zip(&mut best) {
            *best = (*best).min(parallel(&bound, threads, CALLS * 10));
        }
    }
    let [one, two] = best.map(|time| nanos(time, CALLS * 10));
    writeln!(out, "| metrics-core, one thread / two threads on one method | {one:.1} / {two:.1} = {:.2} times |", two / one)
}

fn scrape(out: &mut impl Write) -> std::io::Result<()> {
    let (clock, manual) = Clock::manual();
    let metrics = metrics(clock);
    populate(&metrics, &manual, 1000, false);
    let best = |mut read: Box<dyn FnMut() -> usize>| {
        let times = (0..15).map(|_| {
            let start = Instant::now();
            black_box(read());
            start.elapsed()
        });
        times.min().unwrap_or_default()
    };
    let figures = best(Box::new({
        let metrics = metrics.clone();
        move || metrics.figures(Side::Provider).len()
    }));
    let text = best(Box::new({
        let metrics = metrics.clone();
        move || metrics.text().len()
    }));
    let again = candidates::through_prometheus(&metrics.text());
    let library = best(again);
    writeln!(out, "| figures of 1000 series in use | {:.1} ms |", figures.as_secs_f64() * 1e3)?;
    writeln!(out, "| whole scrape of 1000 series in use, {} MB | {:.1} ms |", metrics.text().len() / 1_000_000, text.as_secs_f64() * 1e3)?;
    writeln!(out, "| the same samples through prometheus's protos and TextEncoder | {:.1} ms |", library.as_secs_f64() * 1e3)
}
