//! Which of many providers a consumer keeps connections to: the same ones each time, as many consumers for each provider, and others
//! where some of them fail.
//!
//! Every provider has a place on a ring, by a hash of its address, and every consumer a point to start from. A consumer's subset is the
//! next providers from there on. So a provider that comes or goes changes only the subsets that it belongs to, each by one member, and
//! what a failed provider carried goes to as many different ones as it had consumers. Consumers that have a number, which the registry
//! gives, start at steps of the golden ratio: however many there are, the ring is divided nearly evenly. Without a number a consumer
//! starts at random.

/// The share of a whole turn that one consumer starts after another: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// How many providers are looked at for each that is wanted, so that a registry full of dead ones does not mean connections to all.
const MOST_LOOKS: usize = 4;

/// Returns where the consumer with this number starts; one without a number starts at random.
pub(super) fn start(number: Option<u32>) -> u64 {
    number.map_or_else(
        || fastrand::u64(..),
        |number| u64::from(number).wrapping_mul(STEP),
    )
}

/// Returns the place of a provider on the ring: the same in every process.
fn place(address: &str) -> u64 {
    // FNV-1a, and splitmix64's last steps, since addresses differ in few bits.
    let hash = address.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

/// The providers of a list in the order of their places.
#[derive(Debug, Default)]
pub(super) struct Ring {
    /// Place and index in the list.
    places: Vec<(u64, u32)>,
}

impl Ring {
    pub(super) fn new<'a>(addresses: impl Iterator<Item = &'a str>) -> Self {
        let mut places: Vec<_> = (0..)
            .zip(addresses)
            .map(|(index, address)| (place(address), index))
            .collect();
        places.sort_unstable();
        Self { places }
    }

    /// Returns the indexes of the providers from `start` on, until `size` of them are `usable`. Those that are not stay in, to be
    /// used when they are again.
    pub(super) fn choose(
        &self,
        start: u64,
        size: usize,
        usable: impl Fn(usize) -> bool,
    ) -> Vec<usize> {
        let first = self.places.partition_point(|(place, _)| *place < start);
        let turn = self.places[first..].iter().chain(&self.places[..first]);
        let mut found = 0;
        let mut chosen = Vec::with_capacity(size);
        for (_, index) in turn.take(size.saturating_mul(MOST_LOOKS)) {
            if found == size {
                break;
            }
            let index = *index as usize;
            found += usize::from(usable(index));
            chosen.push(index);
        }
        chosen
    }
}

#[cfg(test)]
mod tests;
