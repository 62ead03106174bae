//! Ports that no other test takes, in this process or in another.

use std::net::{TcpListener, UdpSocket};

use parking_lot::Mutex;

/// Below Linux's range of ephemeral ports (32768 and up), so that no outgoing connection sits on a port while its server restarts.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A TCP port of 127.0.0.1 that is ours until this value is dropped.
///
/// The claim is the UDP socket with the same number: all tests of this machine ask for it first, and the kernel gives it back
/// however the process ends. The TCP port itself stays free for the server, also while that restarts.
#[derive(Debug)]
pub(crate) struct Port {
    number: u16,
    _claim: UdpSocket,
}

// === impl Port ===

impl Port {
    /// Claims a free port.
    pub(crate) fn claim() -> Self {
        for _ in 0..1000 {
            let number = fastrand::u16(RANGE);
            let Ok(claim) = UdpSocket::bind(("127.0.0.1", number)) else {
                continue;
            };
            // All addresses, since a server may listen on 0.0.0.0.
            if TcpListener::bind(("0.0.0.0", number)).is_ok() {
                return Self {
                    number,
                    _claim: claim,
                };
            }
        }
        panic!("no free port among 1000 tried in {RANGE:?}");
    }

    /// Returns the port's number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

/// Returns a TCP port of 127.0.0.1 on which nothing listens and which no other test is given while this process lives.
///
/// # Panics
/// When no port is free.
pub fn free_port() -> u16 {
    static CLAIMED: Mutex<Vec<Port>> = Mutex::new(Vec::new());
    let port = Port::claim();
    let number = port.number();
    CLAIMED.lock().push(port);
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports: Vec<u16> = (0..200).map(|_| free_port()).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 200, "every port should be given once");
    }

    #[test]
    fn a_claimed_port_can_be_listened_on() {
        let port = Port::claim();
        TcpListener::bind(("127.0.0.1", port.number())).expect("the claim leaves TCP free");
    }
}
