//! What is written about peers that are refused.

use std::net::SocketAddr;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tracing::warn;

/// The time in which one line is written about peers that are refused.
const QUIET: Duration = Duration::from_secs(60);

/// Writes about peers that are refused, one line a minute, however many there are.
#[derive(Debug, Default)]
pub struct Complaints(Mutex<Option<Since>>);

#[derive(Debug)]
struct Since {
    at: Instant,
    /// Those that no line was written about since then.
    silent: u64,
}

/// The two ends of a connection, as far as they are known.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    peer: Option<SocketAddr>,
    here: Option<SocketAddr>,
}

impl Ends {
    /// Returns those of this connection.
    #[must_use]
    pub fn of(stream: &TcpStream) -> Self {
        Self {
            peer: stream.peer_addr().ok(),
            here: stream.local_addr().ok(),
        }
    }
}

impl Complaints {
    /// Writes that a connection was refused, unless a line was written less than a minute ago.
    pub fn add(&self, Ends { peer, here }: Ends, reason: &str) {
        let Some(others) = self.others() else {
            return;
        };
        let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
        let peer = text(peer).unwrap_or_else(|| "a peer".to_owned());
        let here = text(here).unwrap_or_else(|| "this port".to_owned());
        warn!(
            others,
            "a connection from {peer} to {here} was refused: {reason}"
        );
    }

    /// Returns how many nothing was written about before; nothing when it is too early for a line.
    fn others(&self) -> Option<u64> {
        let mut since = self.0.lock();
        let now = Instant::now();
        let others = match &mut *since {
            Some(since) if now < since.at + QUIET => {
                since.silent += 1;
                return None;
            }
            Some(since) => since.silent,
            None => 0,
        };
        *since = Some(Since { at: now, silent: 0 });
        Some(others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_line_a_minute_tells_of_all_before() {
        let complaints = Complaints::default();
        assert_eq!(complaints.others(), Some(0));
        for _ in 0..3 {
            assert_eq!(complaints.others(), None);
        }
        tokio::time::sleep(QUIET).await;
        assert_eq!(complaints.others(), Some(3));
        assert_eq!(complaints.others(), None);
    }
}
