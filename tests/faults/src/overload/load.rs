//! Calls at a pace that nothing slows down, whatever comes of them.

use std::time::Duration;

use greet::GreetRequest;
use greet::greet_service_client::GreetServiceClient;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tonic::transport::Channel;
use tonic::{Code, Request};

/// How long a caller waits.
const DEADLINE: Duration = Duration::from_secs(2);

/// What came of calls at one pace.
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// How long it was measured.
    pub length: Duration,
    /// The calls that were answered in time.
    pub answered: usize,
    /// The calls that were refused with RESOURCE_EXHAUSTED.
    pub refused: usize,
    /// The calls that failed otherwise, or were answered with nothing.
    pub failed: usize,
    /// The calls that were given up after two seconds.
    pub late: usize,
    /// How long the answers took, all but a hundredth of them.
    pub p99: Duration,
}

impl Load {
    /// The time between two calls when there are nearly as many as a provider can do that answers one each 5 ms.
    pub const CAPACITY: Duration = Duration::from_micros(5_500);

    /// The same at four times as many.
    pub const OVERLOAD: Duration = Duration::from_micros(5_500 / 4);

    /// Returns the answers in each second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.length.as_secs_f64()
    }

    /// Returns what is left of the answers of another load, and how many times as long they take.
    #[must_use]
    pub fn beside(&self, other: &Self) -> (f64, f64) {
        (
            self.rate() / other.rate().max(1.0),
            self.p99.as_secs_f64() / other.p99.as_secs_f64(),
        )
    }
}

/// Makes greeting calls at random, as from many callers, at this pace on average, and counts those that begin after `warm_up`.
///
/// Each call says that it may be refused as dubbo-go's own consumers do (`adaptive-service.enabled`), which others do not look at.
///
/// # Panics
/// When the provider cannot be connected to.
pub async fn load(address: &str, pace: Duration, warm_up: Duration, length: Duration) -> Load {
    let channel = Channel::from_shared(format!("http://{address}")).expect("it is an address");
    let channel = channel.connect().await.expect("the provider accepts");
    let (mut calls, start) = (JoinSet::new(), Instant::now());
    let mut next = start;
    while start.elapsed() < warm_up + length {
        // The pauses of calls that know nothing of each other are spread exponentially.
        next += pace.mul_f64(-(1.0 - fastrand::f64()).ln());
        sleep_until(next).await;
        let counts = start.elapsed() >= warm_up;
        let mut client = GreetServiceClient::new(channel.clone());
        calls.spawn(async move {
            let name = "world".to_owned();
            let mut request = Request::new(GreetRequest { name });
            let limited = "1".parse().expect("it is ASCII");
            request
                .metadata_mut()
                .insert("adaptive-service.enabled", limited);
            let begun = Instant::now();
            let called = timeout(DEADLINE, client.greet(request)).await;
            counts.then(|| {
                called.map(|answer| answer.map(|answer| (answer.into_inner(), begun.elapsed())))
            })
        });
    }
    let mut took = Vec::new();
    let mut load = Load {
        length,
        ..Load::default()
    };
    for called in calls.join_all().await.into_iter().flatten() {
        match called {
            Ok(Ok((answer, time))) if answer.greeting.ends_with("world") => took.push(time),
            Ok(Err(status)) if status.code() == Code::ResourceExhausted => load.refused += 1,
            Ok(_) => load.failed += 1,
            Err(_) => load.late += 1,
        }
    }
    took.sort_unstable();
    load.answered = took.len();
    load.p99 = took.get(took.len() * 99 / 100).copied().unwrap_or(DEADLINE);
    load
}
