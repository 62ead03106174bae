//! The background work of an endpoint: connections that are kept, the provider's health, and probes of a silent one.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dubbo_registry::supervise;
use metrics_core::RegistryMetrics;
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Status, Streaming};
use tonic_health::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::slots::{Layout, Slots};
use super::{Endpoint, OpenConnection};
use crate::consumer::clock::Clock;
use crate::consumer::connection::{
    CONNECT_LIMIT, ConnectError, Connection, Keepalive, Sender, connect,
};
use crate::runtime::Workers;
use crate::tls::ConsumerTls;

/// The first pause before connecting again, doubled up to the longest, each with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// A connection that lived for less is followed by a pause, too.
const SHORT_LIFE: Duration = Duration::from_millis(200);

/// How often a provider that let a call time out is asked for a sign of life, and how long it may take.
const PROBE_INTERVAL: Duration = Duration::from_millis(500);

/// How often the pause before a ping is doubled at most.
const MOST_CALM: u32 = 8;

/// The connection on which the provider tells its health.
const WATCHING: usize = 0;

/// How often within its limit an idle connection is looked at.
const IDLE_LOOKS: u32 = 4;

/// How the life of a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Closed,
    /// There was no call for long.
    Idle,
}

/// A connection that has ended because it was idle: counted for the endpoint and for the consumer until it is dropped.
struct Asleep<'c>([&'c AtomicUsize; 2]);

impl<'c> Asleep<'c> {
    fn new(here: &'c AtomicUsize, everywhere: &'c AtomicUsize) -> Self {
        let counts = [here, everywhere];
        for count in counts {
            count.fetch_add(1, Ordering::Relaxed);
        }
        Self(counts)
    }
}

impl Drop for Asleep<'_> {
    fn drop(&mut self) {
        for count in self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// What the background work of all endpoints of one consumer shares.
#[derive(Clone, Debug)]
pub(crate) struct EndpointContext {
    pub(crate) workers: Workers,
    /// Where the timers of connections run.
    pub(crate) timers: Handle,
    /// How connections are dealt to the workers.
    pub(crate) layout: Layout,
    /// How long a provider has no call before its connections end; zero for never.
    pub(crate) idle_timeout: Duration,
    /// How many connections have ended so: calls look whether there are any.
    pub(crate) asleep: Arc<AtomicUsize>,
    /// How long a provider may be silent while calls wait before it is pinged, and how long it may take to answer.
    pub(crate) keepalive_interval: Duration,
    pub(crate) keepalive_timeout: Duration,
    /// What connections are encrypted with; nothing if none.
    pub(crate) tls: Option<ConsumerTls>,
    /// The service whose health is watched: Dubbo's service key.
    pub(crate) service: Arc<str>,
    /// Told whenever an endpoint becomes fit or unfit.
    pub(crate) changed: Arc<Notify>,
    /// The time of the consumer, in which it remembers what happened.
    pub(crate) clock: Clock,
    /// Where tasks that panic are counted; nowhere if nothing is measured.
    pub(crate) metrics: Option<RegistryMetrics>,
}

#[cfg(test)]
impl EndpointContext {
    /// Returns those of a consumer that is not measured, on this runtime.
    pub(crate) fn for_test() -> Self {
        Self {
            workers: Workers::here(),
            timers: Handle::current(),
            layout: Layout::new(1, 1, 1),
            idle_timeout: Duration::ZERO,
            asleep: Arc::default(),
            keepalive_interval: Duration::ZERO,
            keepalive_timeout: Duration::ZERO,
            tls: None,
            service: "greet.GreetService".into(),
            changed: Arc::default(),
            clock: Clock::start(),
            metrics: None,
        }
    }
}

impl EndpointContext {
    /// Returns which connections the next endpoint has.
    pub(super) fn slots(&self) -> Slots {
        self.layout.slots(self.workers.len())
    }

    /// Counts a task that has panicked.
    pub(crate) fn panicked(&self) {
        if let Some(metrics) = &self.metrics {
            metrics.panicked();
        }
    }
}

impl Endpoint {
    /// Starts to keep every connection, each on the worker whose calls use it.
    pub(crate) fn start(self: &Arc<Self>, context: &EndpointContext) {
        let workers: Vec<_> = context.workers.handles().collect();
        for slot in 0..self.connections.len() {
            let (endpoint, context) = (Arc::clone(self), context.clone());
            workers[self.slots.worker(slot)].spawn(async move {
                let mut keeper = (endpoint, context.clone());
                supervise(
                    "endpoint",
                    || context.panicked(),
                    &mut keeper,
                    |(endpoint, context)| Box::pin(endpoint.keep(slot, context)),
                )
                .await;
            });
        }
    }

    /// Keeps one connection until the endpoint is removed.
    async fn keep(self: &Arc<Self>, slot: usize, context: &EndpointContext) {
        // Of a keeper that has panicked, a connection may be left.
        self.close(slot);
        let removed = self.removed.clone();
        let mut listed = self.listed.subscribe();
        let mut pause = FIRST_PAUSE;
        loop {
            let began = Instant::now();
            if !*listed.borrow() {
                self.failed.store(true, Ordering::Relaxed);
                context.changed.notify_waiters();
            }
            let live = async {
                // The sender is this endpoint's own, so the wait cannot fail.
                let _ = listed.wait_for(|listed| *listed).await;
                self.live(slot, context).await
            };
            let lived = tokio::select! {
                lived = live => lived,
                () = removed.cancelled() => break,
            };
            match lived {
                // Calls wait for the next connection of a provider that ends them now and then.
                Ok(End::Idle) => {
                    pause = FIRST_PAUSE;
                    tokio::select! {
                        () = self.sleep(context) => continue,
                        () = removed.cancelled() => break,
                    }
                }
                Ok(End::Closed) if began.elapsed() > SHORT_LIFE => {
                    pause = FIRST_PAUSE;
                    continue;
                }
                Ok(End::Closed) => pause = (pause * 2).min(LONGEST_PAUSE),
                Err(error) => {
                    if !self.failed.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            provider = self.address,
                            error = &error as &dyn Error,
                            "no connection to a provider, trying on"
                        );
                    }
                    context.changed.notify_waiters();
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            let jittered = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            tokio::select! {
                () = sleep(jittered) => {}
                () = removed.cancelled() => break,
            }
        }
        self.close(slot);
    }

    /// Makes one connection, proves it alive, and follows the provider's health on it to its end.
    async fn live(
        self: &Arc<Self>,
        slot: usize,
        context: &EndpointContext,
    ) -> Result<End, ConnectError> {
        let Connection { sender, mut driver } = connect(
            &self.address,
            self.authority(),
            context.tls.as_ref(),
            self.keepalive(context),
        )
        .await?;
        // A stopped process still accepts connections: only an answer shows that the process works.
        let mut health = HealthClient::with_origin(sender.clone(), self.origin.clone());
        let request = HealthCheckRequest {
            service: context.service.to_string(),
        };
        // One connection tells how the provider fares: the others are proved alive and then left to the calls.
        let asked = async {
            if slot == WATCHING {
                let answer = health.watch(request).await;
                is_answer(&answer).then(|| answer.ok())
            } else {
                let answer = health.check(request).await;
                is_answer(&answer).then_some(None)
            }
        };
        let watch = tokio::select! {
            answer = timeout(CONNECT_LIMIT, asked) => match answer {
                Ok(Some(watch)) => watch,
                _ => return Err(sender.silence()),
            },
            _ = &mut driver => return Err(sender.silence()),
        };
        drop(health);
        self.open(slot, sender.clone(), &context.timers);
        context.changed.notify_waiters();
        let follow = async {
            if let Some(watch) = watch {
                self.watch_health(watch.into_inner(), context).await;
            }
            // A provider without a health service, or one that ended the watch, is known by its connection alone.
            std::future::pending().await
        };
        let end = tokio::select! {
            () = follow => End::Closed,
            () = sender.closing() => End::Closed,
            () = self.idle(context.idle_timeout) => End::Idle,
        };
        // Calls that the connection has go on, and end it with them; the next one is made meanwhile.
        self.close(slot);
        if sender.has_pinged_too_much() {
            self.calm.fetch_add(1, Ordering::Relaxed);
        }
        Ok(end)
    }

    /// Completes when no call has come for so long; never when the time is zero.
    async fn idle(&self, limit: Duration) {
        if limit.is_zero() {
            return std::future::pending().await;
        }
        let (mut begun, mut quiet) = (self.standing.begun(), 0);
        while quiet < IDLE_LOOKS {
            sleep(limit / IDLE_LOOKS).await;
            let now = self.standing.begun();
            let is_quiet = now == begun && self.standing.in_flight() == 0 && !self.is_suspect();
            quiet = if is_quiet { quiet + 1 } else { 0 };
            begun = now;
        }
    }

    /// Waits until there is a call again, here or on another connection to this provider.
    async fn sleep(&self, context: &EndpointContext) {
        let woken = self.wake.notified();
        let mut woken = std::pin::pin!(woken);
        woken.as_mut().enable();
        let _asleep = Asleep::new(&self.asleep, &context.asleep);
        let begun = self.standing.begun();
        context.changed.notify_waiters();
        let used = async {
            while self.standing.begun() == begun {
                sleep(context.idle_timeout / IDLE_LOOKS).await;
            }
        };
        tokio::select! {
            () = woken => {}
            () = used => {}
        }
    }

    /// Returns when to ask this provider for a sign of life: half as often each time it has complained.
    fn keepalive(self: &Arc<Self>, context: &EndpointContext) -> Keepalive {
        let endpoint = Arc::downgrade(self);
        let calm = self.calm.load(Ordering::Relaxed).min(MOST_CALM);
        Keepalive {
            interval: context.keepalive_interval.saturating_mul(1 << calm),
            timeout: context.keepalive_timeout,
            is_awaited: Arc::new(move || {
                endpoint.upgrade().is_some_and(|endpoint| {
                    endpoint.standing().in_flight() > 0 || endpoint.is_suspect()
                })
            }),
        }
    }

    async fn watch_health(
        &self,
        mut watch: Streaming<HealthCheckResponse>,
        context: &EndpointContext,
    ) {
        while let Ok(Some(health)) = watch.message().await {
            let closing = health.status == ServingStatus::NotServing as i32;
            if self.closing.swap(closing, Ordering::Relaxed) != closing {
                tracing::info!(
                    provider = self.address,
                    serving = !closing,
                    "a provider's health changed"
                );
                context.changed.notify_waiters();
            }
        }
    }

    fn open(self: &Arc<Self>, slot: usize, sender: Sender, timers: &Handle) {
        let connection = OpenConnection::new(Arc::clone(self), sender, timers);
        *self.connections[slot].0.write() = Some(connection);
        if slot == WATCHING {
            self.closing.store(false, Ordering::Relaxed);
        }
        self.suspect.store(false, Ordering::Relaxed);
        self.failed.store(false, Ordering::Relaxed);
        self.open.fetch_add(1, Ordering::Release);
    }

    pub(super) fn close(&self, slot: usize) {
        let connection = self.connections[slot].0.write().take();
        if connection.is_some() {
            self.open.fetch_sub(1, Ordering::Release);
        }
    }

    /// Asks a silent provider for a sign of life until there is one, so that calls come back to it.
    ///
    /// A slow handler is no silence: such a provider answers the first probe at once.
    pub(crate) async fn probe(self: Arc<Self>, context: EndpointContext) {
        let removed = self.removed.clone();
        while self.suspect.load(Ordering::Relaxed) {
            if self.answers().await {
                self.suspect.store(false, Ordering::Relaxed);
                context.changed.notify_waiters();
                return;
            }
            tokio::select! {
                () = sleep(PROBE_INTERVAL) => {}
                () = removed.cancelled() => return,
            }
        }
    }

    async fn answers(&self) -> bool {
        let Some(connection) = self.open_connection() else {
            return false;
        };
        let mut health =
            HealthClient::with_origin(connection.sender().clone(), self.origin.clone());
        let check = health.check(HealthCheckRequest::default());
        matches!(timeout(PROBE_INTERVAL, check).await, Ok(answer) if is_answer(&answer))
    }
}

/// Returns whether an answer came: with a message, or with a status that came over the wire.
///
/// A status that a transport error was turned into has that error as its source.
fn is_answer<T>(answer: &Result<T, Status>) -> bool {
    answer
        .as_ref()
        .map_or_else(|status| status.source().is_none(), |_| true)
}
