//! The cost of reading, off the threads that serve calls: `cargo bench -p bench --bench scrape`.

use bench::{metrics, populate};
use criterion::{Criterion, criterion_group, criterion_main};
use metrics_core::{Clock, Side};

fn thousand_series(criterion: &mut Criterion) {
    let (clock, hand) = Clock::manual();
    let metrics = metrics(clock);
    populate(&metrics, &hand, 1000);
    let mut group = criterion.benchmark_group("1000 series in use");
    group.sample_size(20);
    group.bench_function("figures", |b| b.iter(|| metrics.figures(Side::Provider)));
    group.bench_function("scrape", |b| b.iter(|| metrics.text()));
    group.finish();
}

criterion_group!(benches, thousand_series);
criterion_main!(benches);
