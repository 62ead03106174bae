//! Guesses of a password: after a few wrong ones an address has to wait, longer each time.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Wrong passwords in a row that cost nothing: a typing mistake.
const FREE: u32 = 5;

/// How long an address waits after the first that is not free, twice as long after each further one, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Addresses that are remembered. With more of them, all are forgotten that need not wait, or else the one that waits for the shortest time.
const MOST: usize = 4096;

/// The wrong passwords of each address since its last right one.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<IpAddr, Wrong>>);

#[derive(Debug)]
struct Wrong {
    count: u32,
    until: Instant,
}

impl Guesses {
    /// Returns how long this address still has to wait.
    pub(crate) fn pause(&self, address: IpAddr) -> Option<Duration> {
        let guesses = self.0.lock();
        let wrong = guesses.get(&network(address))?;
        let left = wrong.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Notes a right password.
    pub(crate) fn right(&self, address: IpAddr) {
        self.0.lock().remove(&network(address));
    }

    /// Notes a wrong password.
    pub(crate) fn wrong(&self, address: IpAddr) {
        let now = Instant::now();
        let mut guesses = self.0.lock();
        let network = network(address);
        if guesses.len() >= MOST && !guesses.contains_key(&network) {
            guesses.retain(|_, wrong| wrong.until > now);
        }
        if guesses.len() >= MOST && !guesses.contains_key(&network) {
            let soonest = guesses.iter().min_by_key(|(_, wrong)| wrong.until);
            let soonest = soonest.map(|(address, _)| *address);
            soonest.map(|address| guesses.remove(&address));
        }
        let wrong = guesses.entry(network).or_insert(Wrong {
            count: 0,
            until: now,
        });
        wrong.count = wrong.count.saturating_add(1);
        if let Some(beyond) = wrong.count.checked_sub(FREE) {
            let factor = 1_u32.checked_shl(beyond).unwrap_or(u32::MAX);
            wrong.until = now + FIRST_PAUSE.saturating_mul(factor).min(LONGEST_PAUSE);
        }
    }
}

/// Returns the address that stands for all that one peer may have: of IPv6 the first half.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_waits_longer_after_each_wrong_password() {
        let (guesses, guessing) = (Guesses::default(), address("10.0.0.1"));
        let mut waited = Vec::new();
        for _ in 0..14 {
            guesses.wrong(guessing);
            let pause = guesses.pause(guessing);
            waited.push(pause.map_or(0, |pause| pause.as_secs()));
            tokio::time::sleep(pause.unwrap_or_default()).await;
            assert_eq!(guesses.pause(guessing), None);
        }
        assert_eq!(waited, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        guesses.right(guessing);
        guesses.wrong(guessing);
        assert_eq!(guesses.pause(guessing), None, "a right one ends it");
    }

    #[tokio::test(start_paused = true)]
    async fn other_addresses_do_not_wait_and_a_network_of_ipv6_is_one() {
        let guesses = Guesses::default();
        for last in 0..9 {
            guesses.wrong(address(&format!("2001:db8::{last}")));
        }
        assert!(guesses.pause(address("2001:db8::ffff")).is_some());
        assert_eq!(guesses.pause(address("2001:db8:0:1::1")), None);
        assert_eq!(guesses.pause(address("10.0.0.1")), None);
        for _ in 0..9 {
            guesses.wrong(address("::ffff:10.0.0.2"));
        }
        assert!(guesses.pause(address("10.0.0.2")).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let guesses = Guesses::default();
        for number in 0..3 * MOST as u32 {
            guesses.wrong(IpAddr::from(number.to_be_bytes()));
        }
        assert!(guesses.0.lock().len() <= MOST);
        // Those that have to wait as well: the one whose wait ends first gives way.
        let first = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..9 {
            guesses.wrong(first);
        }
        for number in 0..MOST as u32 + 100 {
            for _ in 0..5 {
                guesses.wrong(IpAddr::from(number.to_be_bytes()));
            }
        }
        assert!(guesses.0.lock().len() <= MOST);
        assert!(guesses.pause(first).is_some(), "it waits for longest");
    }
}
