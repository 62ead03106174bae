//! Pushes the text to a Pushgateway, for as long as the process lives.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use pushgateway::{Gateway, GroupingKey, with_causes};
use tokio::time::Instant;

use crate::metrics::{Metrics, ticking};

/// The time from one push to the next when nothing else is said. A longer one spares the gateway and shows older figures.
pub const DEFAULT_PUSH_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest time from one push to the next; anything below counts as this.
pub const MIN_PUSH_INTERVAL: Duration = Duration::from_millis(100);
/// As good as never; times that are longer cannot be added up.
const MAX_PUSH_INTERVAL: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// The waits before the last push is tried again that leaves the figures of a process which is done, to a gateway that took pushes before.
const LAST_RETRIES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
/// The first wait after a push that failed; it doubles with each failure, up to the interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// What becomes of the group when its process stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtStop {
    /// It is deleted: the process is gone, and so are its figures.
    Delete,
    /// It stays with its last figures, marked by `dubbo_push_final`: a job that is done and was too short for a scrape. The gateway
    /// keeps it until something deletes it, such as `pgw-cleaner`.
    Keep,
}

/// How long the last look waits for a push whose answer never came: a gateway that answers again takes what it was sent meanwhile within
/// milliseconds.
const LATE_PUSH: Duration = Duration::from_secs(1);

/// Replaces its group on the gateway: at the start, each interval, and at the stop.
///
/// A push that fails is tried again after a wait that grows up to the interval, with jitter; the log has one line when pushing
/// begins to fail and one when it works again.
#[derive(Debug)]
pub struct Pusher {
    metrics: Metrics,
    gateway: Gateway,
    key: GroupingKey,
    interval: Duration,
}

impl Pusher {
    /// Makes a pusher of these metrics to one group.
    pub fn new(metrics: &Metrics, gateway: Gateway, key: GroupingKey, interval: Duration) -> Self {
        metrics.pushes().begin();
        let interval = interval.clamp(MIN_PUSH_INTERVAL, MAX_PUSH_INTERVAL);
        Self {
            metrics: metrics.clone(),
            gateway,
            key,
            interval,
        }
    }

    /// Pushes until `shutdown`, which says what becomes of the group; then pushes once more, and deletes the group or leaves it. The last push
    /// of a group that is left is repeated for some seconds, if the gateway took one before. A
    /// request that is under way is waited for, so that none can arrive after the deletion; each has the gateway's deadline.
    ///
    /// Moves the window all the while.
    pub async fn run(self, shutdown: impl Future<Output = AtStop>) {
        let ticker = self.metrics.ticker();
        tokio::select! {
            () = self.push_until(shutdown) => {}
            () = ticking(ticker) => {}
        }
    }

    async fn push_until(&self, shutdown: impl Future<Output = AtStop>) {
        let mut shutdown = pin!(shutdown);
        let mut backoff = None;
        let mut state = State::default();
        let at_stop = loop {
            let next = Instant::now() + self.interval;
            let wake = if self.push(&mut state, None).await {
                backoff = None;
                next
            } else {
                let waits = backoff.get_or_insert_with(|| waits(self.interval));
                Instant::now() + waits.next().unwrap_or(self.interval)
            };
            tokio::select! {
                biased;
                at_stop = &mut shutdown => break at_stop,
                () = tokio::time::sleep_until(wake) => {}
            }
        };
        let mut is_told = self.push(&mut state, Some(at_stop)).await;
        match at_stop {
            AtStop::Keep => {
                let retries = if state.succeeded {
                    &LAST_RETRIES[..]
                } else {
                    &[]
                };
                for wait in retries {
                    if is_told {
                        break;
                    }
                    tokio::time::sleep(*wait).await;
                    is_told = self.push(&mut state, Some(at_stop)).await;
                }
                if is_told {
                    tracing::info!(group = %self.key, "the last figures stay on the Pushgateway");
                } else {
                    tracing::warn!(group = %self.key, "the last figures did not reach the Pushgateway");
                }
            }
            AtStop::Delete => self.delete(state.unanswered).await,
        }
    }

    /// Deletes the group; once more a little later, if there was a push that the gateway never answered: it may have taken it in only after
    /// the deletion. What comes later still stays there until a cleaner removes it.
    async fn delete(&self, unanswered: bool) {
        let mut result = self.gateway.delete(&self.key).await;
        if unanswered && result.is_ok() {
            tokio::time::sleep(LATE_PUSH).await;
            result = self.gateway.delete(&self.key).await;
        }
        match result {
            Ok(()) => tracing::info!(group = %self.key, "deleted the group on the Pushgateway"),
            Err(error) => {
                let error = with_causes(&error);
                tracing::warn!(group = %self.key, %error, "the group stays on the Pushgateway");
            }
        }
    }

    /// Pushes once and counts the result; the last push knows what comes after it.
    async fn push(&self, state: &mut State, last: Option<AtStop>) -> bool {
        let metrics = self.metrics.clone();
        let is_final = last == Some(AtStop::Keep);
        // Thousands of series take milliseconds: not on a thread that may serve calls.
        let text = tokio::task::spawn_blocking(move || metrics.pushed(is_final)).await;
        let result = match text {
            Ok(text) => match AssertUnwindSafe(self.gateway.put(&self.key, text))
                .catch_unwind()
                .await
            {
                Ok(result) => result.map_err(|error| {
                    state.unanswered |= error.may_have_arrived();
                    with_causes(&error)
                }),
                // Whatever a gateway answers, the pusher goes on; the gateway may have the push.
                Err(_) => {
                    state.unanswered = true;
                    Err("the request panicked".to_owned())
                }
            },
            Err(error) => Err(error.to_string()),
        };
        self.metrics.pushes().count(result.is_ok());
        match &result {
            Err(error) if !state.failing => {
                tracing::warn!(group = %self.key, %error, "pushes fail");
            }
            Ok(()) if state.failing => tracing::info!(group = %self.key, "pushes work again"),
            _ => {}
        }
        state.failing = result.is_err();
        state.succeeded |= result.is_ok();
        result.is_ok()
    }
}

/// Returns the waits after pushes that fail: they double, with jitter, up to the interval.
fn waits(interval: Duration) -> impl Iterator<Item = Duration> {
    ExponentialBuilder::new()
        .with_min_delay(FIRST_RETRY.min(interval))
        .with_max_delay(interval)
        .with_jitter()
        .without_max_times()
        .build()
        // Jitter is added to the longest delay, too.
        .map(move |wait| wait.min(interval))
}

/// What became of the pushes so far.
#[derive(Debug, Default)]
struct State {
    /// The last one failed.
    failing: bool,
    /// The gateway has taken one.
    succeeded: bool,
    /// One was sent, or may have been, and never answered.
    unanswered: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_is_longer_than_the_interval() {
        for interval in [
            MIN_PUSH_INTERVAL,
            Duration::from_secs(1),
            DEFAULT_PUSH_INTERVAL,
        ] {
            let waits: Vec<_> = waits(interval).take(200).collect();
            assert_eq!(waits.len(), 200, "they never end");
            assert!(waits.iter().all(|wait| *wait <= interval), "{waits:?}");
            assert!(waits.contains(&interval), "they reach it");
        }
    }
}
