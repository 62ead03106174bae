//! One provider as a consumer sees it: its connections, what is in flight there, and whether it is fit to be called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use http::Uri;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::connection::Sender;
use super::standing::Standing;
use crate::runtime::Workers;

mod life;

pub(crate) use life::Surroundings;

/// A provider in a consumer's directory.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: String,
    origin: Uri,
    standing: Standing,
    /// For each worker its own connections, so that a call stays on its core where it can.
    connections: Box<[RwLock<Option<Sender>>]>,
    per_worker: usize,
    turn: AtomicUsize,
    open: AtomicUsize,
    /// A connection was tried and failed since the last one that was open.
    failed: AtomicBool,
    /// The provider said NOT_SERVING: it is about to stop.
    closing: AtomicBool,
    /// A call timed out here and no sign of life came since.
    suspect: AtomicBool,
    /// How often the provider has complained of too many pings.
    calm: AtomicU32,
    /// False while the registry lists nobody and this is a last resort: connections are kept, but not made again.
    listed: watch::Sender<bool>,
    /// Ends the background work; calls in flight keep their connection to their end.
    removed: CancellationToken,
}

impl Endpoint {
    /// Makes an endpoint, with no connection yet, for the provider at `host:port`.
    ///
    /// # Errors
    ///
    /// When the address is not one that a URI can carry.
    pub(crate) fn new(
        address: &str,
        weight: u32,
        surroundings: &Surroundings,
        per_worker: usize,
    ) -> Result<Self, http::Error> {
        let slots = surroundings.workers.len() * per_worker;
        Self::with_slots(
            address,
            weight,
            slots,
            per_worker,
            surroundings.tls.is_some(),
        )
    }

    fn with_slots(
        address: &str,
        weight: u32,
        slots: usize,
        per_worker: usize,
        tls: bool,
    ) -> Result<Self, http::Error> {
        Ok(Self {
            address: address.to_owned(),
            origin: super::connection::origin(address, tls)?,
            standing: Standing::new(weight),
            connections: (0..slots).map(|_| RwLock::new(None)).collect(),
            per_worker,
            turn: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            calm: AtomicU32::new(0),
            listed: watch::Sender::new(true),
            removed: CancellationToken::new(),
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn origin(&self) -> &Uri {
        &self.origin
    }

    /// Returns what is remembered of it between calls: load, failures, response times, weight.
    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }

    /// Takes over whether the registry lists it now.
    pub(crate) fn update(&self, listed: bool) {
        self.listed.send_replace(listed);
    }

    /// Returns whether a call can be sent at all.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire) > 0
    }

    /// Returns whether the first connection is still being made, so that a call does well to wait.
    pub(crate) fn is_connecting(&self) -> bool {
        !self.is_open() && !self.failed.load(Ordering::Relaxed)
    }

    /// Returns whether nothing speaks against sending a call here.
    pub(crate) fn is_fit(&self) -> bool {
        self.is_open()
            && !self.closing.load(Ordering::Relaxed)
            && !self.suspect.load(Ordering::Relaxed)
    }

    /// Returns an open connection: one of this worker's own in turn, else any.
    pub(crate) fn sender(&self) -> Option<Sender> {
        let count = self.connections.len();
        let mine = Workers::current() * self.per_worker % count;
        let turn = if self.per_worker == 1 {
            0
        } else {
            self.turn.fetch_add(1, Ordering::Relaxed) % self.per_worker
        };
        (0..count)
            .map(|step| &self.connections[(mine + (turn + step) % count) % count])
            .find_map(|slot| slot.read().clone().filter(Sender::is_open))
    }

    /// Counts a call as in flight until what is returned is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> InFlight {
        self.standing.enter();
        InFlight(Arc::clone(self))
    }

    /// Notes a call that timed out here. True for the first since the last sign of life: somebody should look.
    pub(crate) fn suspect(&self) -> bool {
        !self.suspect.swap(true, Ordering::Relaxed)
    }

    /// Returns whether a call timed out here and no sign of life came since.
    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }

    /// Ends the background work of an endpoint that has left the directory.
    pub(crate) fn remove(&self) {
        self.removed.cancel();
    }
}

#[cfg(test)]
impl Endpoint {
    /// Makes an endpoint that counts as open, with no connection behind it.
    pub(super) fn open_for_test(address: &str, weight: u32) -> Self {
        let mut endpoint = Self::with_slots(address, weight, 1, 1, false).unwrap();
        *endpoint.open.get_mut() = 1;
        endpoint
    }

    /// Makes an endpoint whose connection is still being made.
    pub(super) fn closed_for_test(address: &str) -> Self {
        Self::with_slots(address, 100, 1, 1, false).unwrap()
    }
}

/// A call in flight on one endpoint.
#[derive(Debug)]
pub(crate) struct InFlight(Arc<Endpoint>);

impl InFlight {
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.standing.leave();
    }
}
