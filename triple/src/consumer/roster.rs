//! The registry's list as a consumer uses it: all of it, or where it is long, a subset.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::endpoint::Endpoint;
use super::listing::Listing;
use super::subset::{self, Ring};

/// How long a provider that stood in for a failed one is kept after that one is back: connections are not made anew for each
/// failure that passes.
const SURPLUS: Duration = Duration::from_secs(60);

/// A list, and which of its providers are to be used.
#[derive(Debug)]
pub(super) struct Roster {
    listings: Vec<Listing>,
    /// Empty while all providers are used.
    ring: Ring,
    /// How many providers are used of more than twice as many; 0 for all, always.
    size: usize,
    /// Rules tell providers apart: a subset could lack those that a call may go to.
    all: bool,
    /// Where on the ring the subset begins; none until it is known.
    start: Option<u64>,
    /// Providers that are not needed any more, since then.
    surplus: HashMap<String, Instant>,
}

impl Roster {
    pub(super) fn new(size: usize) -> Self {
        Self {
            listings: Vec::new(),
            ring: Ring::default(),
            size,
            all: false,
            start: None,
            surplus: HashMap::new(),
        }
    }

    /// Returns whether a list of this length is used in part only.
    pub(super) fn is_long(&self, length: usize) -> bool {
        !self.all && self.size > 0 && length > self.size.saturating_mul(2)
    }

    /// Returns whether only a part of the list is used now.
    pub(super) fn is_partial(&self) -> bool {
        self.is_long(self.listings.len())
    }

    /// Returns whether the point where the subset starts is known.
    pub(super) fn is_placed(&self) -> bool {
        self.start.is_some()
    }

    /// Takes over the consumer's number among all, or that it has none.
    pub(super) fn set_number(&mut self, number: Option<u32>) {
        self.start = Some(subset::start(number));
    }

    /// Says whether all providers are to be used, however many there are.
    pub(super) fn use_all(&mut self, all: bool) {
        self.all = all;
    }

    pub(super) fn set_listings(&mut self, listings: Vec<Listing>) {
        self.ring = if self.is_long(listings.len()) {
            if !self.is_partial() {
                tracing::info!(
                    providers = listings.len(),
                    subset = self.size,
                    "this consumer calls a part of the providers: where there are few consumers, some providers get no calls unless \
                     the subset is larger, or 0 for all of them"
                );
            }
            Ring::new(listings.iter().map(|listing| listing.address.as_str()))
        } else {
            Ring::default()
        };
        self.listings = listings;
    }

    /// Returns the providers to use, given the endpoints of those that are in use.
    pub(super) fn chosen(
        &mut self,
        now: Instant,
        in_use: &HashMap<&str, &Arc<Endpoint>>,
    ) -> Vec<&Listing> {
        if !self.is_partial() {
            self.surplus.clear();
            return self.listings.iter().collect();
        }
        let start = *self.start.get_or_insert_with(|| subset::start(None));
        let listings = &self.listings;
        let chosen = self.ring.choose(start, self.size, |index| {
            let listing = &listings[index];
            let known = in_use.get(listing.address.as_str());
            listing.weight > 0 && known.map_or(listing.listed, |endpoint| endpoint.is_usable())
        });
        let wanted: HashSet<&str> = chosen
            .iter()
            .map(|index| listings[*index].address.as_str())
            .collect();
        self.surplus
            .retain(|address, _| !wanted.contains(address.as_str()));
        let surplus = &mut self.surplus;
        let kept: Vec<&Listing> = listings
            .iter()
            .filter(|listing| {
                let address = listing.address.as_str();
                let is_surplus = in_use.contains_key(address) && !wanted.contains(address);
                is_surplus && *surplus.entry(address.to_owned()).or_insert(now) + SURPLUS > now
            })
            .collect();
        let in_order = chosen.into_iter().map(|index| &listings[index]);
        in_order.chain(kept).collect()
    }
}
