//! Calls at a steady rate, whatever the answers take.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use triple::Workers;

/// Calls that may run at once: a provider that hangs must not cost all memory.
const IN_FLIGHT: usize = 10_000;
/// How often calls are released: each time, as many as are due.
const TICK: Duration = Duration::from_millis(1);
/// How long calls may go on after the stop.
const FINISH_LIMIT: Duration = Duration::from_secs(3);

/// Makes `rate` calls per second on the workers until `stop` is cancelled, and lets the last ones finish. Calls that are due
/// while [`IN_FLIGHT`] others run are left out.
pub(crate) async fn run<C, F>(rate: f64, workers: &Workers, stop: &CancellationToken, mut call: C)
where
    C: FnMut() -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let tasks = TaskTracker::new();
    let start = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut released = 0;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            _ = ticks.tick() => {}
        }
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        for _ in released..due {
            if tasks.len() < IN_FLIGHT {
                tasks.spawn_on(call(), workers.assign());
            }
        }
        released = due;
    }
    tasks.close();
    // What still runs then is dropped with the runtime.
    let _ = timeout(FINISH_LIMIT, tasks.wait()).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };
    use tokio::time::sleep;

    #[tokio::test(start_paused = true)]
    async fn calls_are_made_at_the_rate_however_long_they_take() {
        let made = Arc::new(AtomicU64::new(0));
        let stop = CancellationToken::new();
        tokio::spawn({
            let stop = stop.clone();
            async move {
                sleep(Duration::from_secs(10)).await;
                stop.cancel();
            }
        });
        run(50.0, &Workers::here(), &stop, || {
            made.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_secs(2))
        })
        .await;
        let made = made.load(Ordering::Relaxed);
        assert!((499..=500).contains(&made), "{made} calls in 10 s");
    }

    #[tokio::test(start_paused = true)]
    async fn calls_beyond_the_bound_are_left_out() {
        let stop = CancellationToken::new();
        tokio::spawn({
            let stop = stop.clone();
            async move {
                sleep(Duration::from_secs(2)).await;
                stop.cancel();
            }
        });
        let made = AtomicU64::new(0);
        run(20_000.0, &Workers::here(), &stop, || {
            made.fetch_add(1, Ordering::Relaxed);
            std::future::pending()
        })
        .await;
        assert_eq!(made.load(Ordering::Relaxed), IN_FLIGHT as u64);
    }
}
