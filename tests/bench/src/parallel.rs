//! Threads that call at the same time.

use std::hint::black_box;
use std::time::Duration;

use metrics_core::{Method, Outcome};

/// Makes so many calls on each of so many threads, and returns the time of the slowest.
#[expect(clippy::disallowed_types, reason = "a benchmark needs real time")]
pub fn parallel(method: &Method, threads: usize, calls: u64) -> Duration {
    let barrier = std::sync::Barrier::new(threads);
    let run = || {
        method.start().end(Outcome::SUCCESS);
        barrier.wait();
        let start = std::time::Instant::now();
        for _ in 0..calls {
            method.start().end(black_box(Outcome::SUCCESS));
        }
        start.elapsed()
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        let times = threads
            .into_iter()
            .map(|thread| thread.join().expect("it only counts"));
        times.max().unwrap_or_default()
    })
}
