//! Finds out that a provider has fallen silent while calls wait for it, with as few pings as any gRPC server takes.
//!
//! gRPC's servers end a connection ("too_many_pings") after the third ping within [`LEAST_PAUSE`] of the one before it, unless they
//! have sent a head or a message in between. So there is no ping while no call waits, and while calls wait for long, pings become
//! rarer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{Instant, sleep, timeout};

use super::signs::Signs;

/// The pause between pings that gRPC's servers ask for by default, and some time for the network.
const LEAST_PAUSE: Duration = Duration::from_secs(5 * 60 + 10);

/// The pings that come sooner and are forgiven.
const FORGIVEN: u32 = 2;

/// How much longer each further ping waits while nothing but pings is answered.
const GROWTH: u32 = 4;

/// Looks at the connection in each interval.
const LOOKS: u32 = 4;

/// When a silent provider is asked for a sign of life, and when it is given up.
#[derive(Clone)]
pub(crate) struct Keepalive {
    /// How long a provider may be silent while calls wait before it is asked; zero for never.
    pub(crate) interval: Duration,
    /// How long it may take to answer.
    pub(crate) timeout: Duration,
    /// Tells whether calls wait for an answer.
    pub(crate) is_awaited: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl fmt::Debug for Keepalive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keepalive")
            .field("interval", &self.interval)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Keepalive {
    /// Asks nothing: for connections that are used once, within a limit of time.
    pub(crate) fn never() -> Self {
        Self {
            interval: Duration::ZERO,
            timeout: Duration::ZERO,
            is_awaited: Arc::new(|| false),
        }
    }

    /// Completes when the provider was asked and gave no sign of life in time.
    pub(super) async fn watch(&self, mut pings: PingPong, signs: &Signs) {
        if self.interval.is_zero() {
            return std::future::pending().await;
        }
        let mut questions = Questions::new(self.interval);
        loop {
            sleep(self.interval / LOOKS).await;
            let (heard, answered) = (signs.take_heard(), signs.take_answered());
            let now = Instant::now();
            if !questions.look(now, heard, answered, (self.is_awaited)()) {
                continue;
            }
            // An error means that the ping before was not answered, though other frames came, or that the connection is over.
            if pings.send_ping(Ping::opaque()).is_ok() {
                let pong = std::future::poll_fn(|cx| pings.poll_pong(cx));
                if timeout(self.timeout, pong).await.is_err() && !signs.take_heard() {
                    return;
                }
            }
        }
    }
}

/// Decides when to ask.
#[derive(Debug)]
struct Questions {
    interval: Duration,
    silent_since: Option<Instant>,
    /// How long the silence has to be.
    patience: Duration,
    last: Option<Instant>,
    /// The provider has answered a call since the last question, which makes the next one free.
    answered: bool,
    forgiven: u32,
}

impl Questions {
    fn new(interval: Duration) -> Self {
        Self {
            interval,
            silent_since: None,
            patience: interval,
            last: None,
            answered: false,
            forgiven: 0,
        }
    }

    /// Takes what was heard since the last look. True when the provider is to be asked now.
    fn look(&mut self, now: Instant, heard: bool, answered: bool, is_awaited: bool) -> bool {
        if answered {
            self.answered = true;
            self.patience = self.interval;
        }
        if heard || !is_awaited {
            self.silent_since = is_awaited.then_some(now);
            return false;
        }
        let since = *self.silent_since.get_or_insert(now);
        if now.duration_since(since) < self.patience || !self.may_ask(now) {
            return false;
        }
        self.silent_since = None;
        self.patience = self.patience.saturating_mul(GROWTH).min(LEAST_PAUSE);
        true
    }

    fn may_ask(&mut self, now: Instant) -> bool {
        let is_soon = self.last.is_some_and(|last| now < last + LEAST_PAUSE);
        if self.answered {
            self.forgiven = 0;
        } else if is_soon {
            if self.forgiven == FORGIVEN {
                return false;
            }
            self.forgiven += 1;
        }
        self.answered = false;
        self.last = Some(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(5);

    /// grpc-go's server, as `internal/transport/http2_server.go` counts.
    #[derive(Default)]
    struct Server {
        last: Option<Instant>,
        has_sent: bool,
        strikes: u32,
    }

    impl Server {
        fn pinged(&mut self, now: Instant) {
            if std::mem::take(&mut self.has_sent) {
                self.strikes = 0;
            } else if self
                .last
                .is_some_and(|last| now < last + Duration::from_secs(300))
            {
                self.strikes += 1;
            }
            self.last = Some(now);
            assert!(self.strikes <= 2, "too_many_pings");
        }
    }

    /// Looks once a second for this long, with a server that answers pings at once and calls every so many seconds.
    fn pings(
        seconds: u64,
        answers_every: Option<u64>,
        is_awaited: impl Fn(u64) -> bool,
    ) -> Vec<u64> {
        let start = Instant::now();
        let (mut server, mut questions) = (Server::default(), Questions::new(INTERVAL));
        let (mut asked, mut pong) = (Vec::new(), false);
        for second in 0..seconds {
            let now = start + Duration::from_secs(second);
            let answered = answers_every.is_some_and(|every| second % every == every - 1);
            server.has_sent |= answered;
            if questions.look(now, answered || pong, answered, is_awaited(second)) {
                server.pinged(now);
                asked.push(second);
                pong = true;
            } else {
                pong = false;
            }
        }
        asked
    }

    #[test]
    fn no_default_policy_is_violated_idle_or_busy() {
        let hours = 4 * 3600;
        assert_eq!(pings(hours, None, |_| false), [0; 0], "idle");
        assert!(
            !pings(hours, None, |_| true).is_empty(),
            "a call that waits for hours"
        );
        for every in [1, 4, 6, 7, 11, 30, 100, 299, 301, 1000] {
            pings(hours, Some(every), |_| true);
            pings(hours, Some(every), |second| second % 20 > 3);
            pings(hours, Some(every), |second| second % 1000 > 500);
        }
    }

    #[test]
    fn a_call_that_waits_leads_to_a_ping_after_the_interval() {
        assert_eq!(pings(6, None, |_| true), [5]);
        let later = pings(2000, None, |_| true);
        assert!(later.len() >= 6, "it is asked again and again: {later:?}");
    }
}
