//! One provider as a consumer sees it: its connections, what is in flight there, and whether it is fit to be called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use http::Uri;
use http::uri::Scheme;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::standing::Standing;
use crate::runtime::Workers;

mod deadlines;
mod keeper;
mod open_connection;
mod slots;

pub(crate) use keeper::EndpointContext;
pub(crate) use open_connection::{InFlight, OpenConnection};
pub(crate) use slots::Layout;

use slots::Slots;

/// Where a connection is while it takes calls, apart from what calls on other connections write to.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot(RwLock<Option<Arc<OpenConnection>>>);

/// A provider in a consumer's directory.
#[derive(Debug)]
pub(crate) struct Endpoint {
    address: String,
    origin: Uri,
    standing: Standing,
    /// For each worker its own connections, so that a call stays on its core where it can; shared where the bound is lower.
    connections: Box<[Slot]>,
    slots: Slots,
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
    /// False while the registry's list is empty and this is a last resort: connections are kept, but not made again.
    listed: watch::Sender<bool>,
    /// The connections that were idle and have ended, until there is a call again.
    asleep: AtomicUsize,
    wake: Notify,
    /// Ends the background work; calls in flight keep their connection to their end.
    removed: CancellationToken,
}

impl Endpoint {
    /// Makes an endpoint, with no connection yet, for the provider at `host:port`; requests name the authority where it is another.
    ///
    /// # Errors
    ///
    /// When the address is not one that a URI can carry.
    pub(crate) fn new(
        address: &str,
        authority: Option<&str>,
        weight: u32,
        context: &EndpointContext,
    ) -> Result<Self, http::Error> {
        let slots = context.slots();
        Self::with_slots(address, authority, weight, slots, context.tls.is_some())
    }

    fn with_slots(
        address: &str,
        authority: Option<&str>,
        weight: u32,
        slots: Slots,
        tls: bool,
    ) -> Result<Self, http::Error> {
        Ok(Self {
            address: address.to_owned(),
            origin: super::connection::origin(authority.unwrap_or(address), tls)?,
            standing: Standing::new(weight),
            connections: (0..slots.count()).map(|_| Slot::default()).collect(),
            slots,
            turn: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            suspect: AtomicBool::new(false),
            calm: AtomicU32::new(0),
            listed: watch::Sender::new(true),
            asleep: AtomicUsize::new(0),
            wake: Notify::new(),
            removed: CancellationToken::new(),
        })
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Returns a copy of the origin in memory of its own.
    fn own_origin(&self) -> Uri {
        let is_tls = self.origin.scheme() == Some(&Scheme::HTTPS);
        super::connection::origin(self.authority(), is_tls).unwrap_or_else(|_| self.origin.clone())
    }

    /// Returns the name and port that requests name, and that a certificate has to carry.
    fn authority(&self) -> &str {
        let authority = self.origin.authority();
        authority.map_or(self.address.as_str(), |authority| authority.as_str())
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

    /// Returns whether there is no connection where one was tried.
    pub(crate) fn is_lost(&self) -> bool {
        self.failed.load(Ordering::Relaxed) && !self.is_open()
    }

    /// Returns whether its connections have ended because they were idle: the next call makes them anew.
    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Relaxed) > 0 && !self.is_open()
    }

    /// Has connections that were idle made again.
    pub(crate) fn wake(&self) {
        self.wake.notify_waiters();
    }

    /// Returns whether it is one of these, such as those that a call has tried.
    pub(crate) fn is_among(&self, endpoints: &[Arc<Self>]) -> bool {
        endpoints
            .iter()
            .any(|endpoint| std::ptr::eq(&**endpoint, self))
    }

    /// Returns whether calls can be sent here now or, as far as is known, soon.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_lost()
            && !self.closing.load(Ordering::Relaxed)
            && !self.is_suspect()
            && !self.standing.ejection().is_ejected()
    }

    /// Returns an open connection: one of this worker's own in turn, else any.
    pub(crate) fn open_connection(&self) -> Option<Arc<OpenConnection>> {
        let count = self.connections.len();
        let (mine, own) = self.slots.of(Workers::current());
        let turn = if own == 1 {
            0
        } else {
            self.turn.fetch_add(1, Ordering::Relaxed) % own
        };
        (0..count)
            .map(|step| &self.connections[(mine + (turn + step) % count) % count])
            .find_map(|slot| {
                let connection = slot.0.read();
                connection
                    .as_ref()
                    .filter(|connection| connection.sender().is_open())
                    .cloned()
            })
    }

    /// Notes a call that timed out here. True for the first since the last sign of life: the keeper should look.
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
        // Connections hold their endpoint, and the tasks that let go of them may be gone with their runtime.
        for slot in 0..self.connections.len() {
            self.close(slot);
        }
    }
}

#[cfg(test)]
impl Endpoint {
    /// Makes an endpoint that counts as open, with no connection behind it.
    pub(super) fn open_for_test(address: &str, weight: u32) -> Self {
        let mut endpoint =
            Self::with_slots(address, None, weight, Slots::default(), false).unwrap();
        *endpoint.open.get_mut() = 1;
        endpoint
    }

    /// Makes an endpoint whose connection is still being made.
    pub(super) fn closed_for_test(address: &str) -> Self {
        Self::with_slots(address, None, 100, Slots::default(), false).unwrap()
    }
}
