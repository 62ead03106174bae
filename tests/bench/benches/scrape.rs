//! The cost of reading, off the threads that serve calls: `cargo bench -p bench --bench scrape`.

use bench::{metrics, populate};
use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, header};
use metrics_core::{Clock, Config, Families, Metrics, Side};

const PROTOBUF: HeaderValue = HeaderValue::from_static(
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
);

fn thousand_series(criterion: &mut Criterion) {
    let (clock, manual) = Clock::manual();
    let metrics = metrics(clock);
    populate(&metrics, &manual, 1000);
    let mut group = criterion.benchmark_group("1000 series in use");
    group.sample_size(20);
    group.bench_function("figures", |b| b.iter(|| metrics.figures(Side::Provider)));
    group.bench_function("scrape", |b| b.iter(|| metrics.text()));
    group.finish();
}

/// What a process with `--metrics-families=lean --metrics-buckets=none` makes for a Prometheus that reads native histograms.
fn thousand_lean_series(criterion: &mut Criterion) {
    let (clock, manual) = Clock::manual();
    let metrics = Metrics::new(
        Config::default()
            .clock(clock)
            .families(Families::Lean)
            .buckets(Vec::new()),
    )
    .expect("legal");
    populate(&metrics, &manual, 1000);
    let headers = HeaderMap::from_iter([(header::ACCEPT, PROTOBUF)]);
    let mut group = criterion.benchmark_group("1000 series in use, lean");
    group.sample_size(20);
    group.bench_function("scrape with native histograms", |b| {
        b.iter(|| metrics.scrape(&headers))
    });
    group.finish();
}

criterion_group!(benches, thousand_series, thousand_lean_series);
criterion_main!(benches);
