//! The cost of reading, off the threads that serve calls: `cargo bench -p bench --bench scrape`.

use bench::{SCRAPES, metrics, populate};
use criterion::{Criterion, criterion_group, criterion_main};
use metrics_core::{Clock, Side};

fn figures(criterion: &mut Criterion) {
    let (clock, manual) = Clock::manual();
    let metrics = metrics(clock);
    populate(&metrics, &manual, 1000, false);
    let mut group = criterion.benchmark_group("1000 series in use");
    group.sample_size(20);
    group.bench_function("figures", |b| b.iter(|| metrics.figures(Side::Provider)));
    group.finish();
}

fn scrapes(criterion: &mut Criterion) {
    for (traced, name) in [(false, "without exemplars"), (true, "with exemplars")] {
        let mut group = criterion.benchmark_group(format!("a scrape of 1000 series, {name}"));
        group.sample_size(20);
        for kind in SCRAPES {
            let (metrics, _manual) = kind.metrics(1000, traced);
            let headers = kind.headers();
            let bytes = metrics.scrape(&headers).body.len();
            group.bench_function(format!("{}, {bytes} bytes", kind.name), |b| {
                b.iter(|| metrics.scrape(&headers))
            });
        }
        group.finish();
    }
}

criterion_group!(benches, figures, scrapes);
criterion_main!(benches);
