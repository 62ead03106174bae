//! How much a stranger may ask for.

use std::time::Duration;

/// The limits of one server. The defaults suit some scrapers, some people who look at a page, and a supervisor.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Open connections. Beyond, the one that has been silent for longest gives way; each costs a request's head and an
    /// answer in memory, and a file descriptor.
    pub connections: usize,
    /// How long a connection may be silent before another may take its place; a busy machine needs time to read a request.
    pub patience: Duration,
    /// From the first byte of a TLS connection to the end of its handshake.
    pub handshake: Duration,
    /// From the moment at which the server waits for a request to the end of its head, in time; so this also ends
    /// connections that are kept open and not used. Longer than most pauses between two scrapes, so that these share one.
    pub request: Duration,
    /// The bytes of a request's first line and headers. Prometheus sends less than 1 KiB.
    pub head: usize,
    /// From the first byte that the peer does not take to the last of the answer.
    pub answer: Duration,
    /// Requests that are answered at the same time; more wait. An answer can take a core for milliseconds.
    pub answering: usize,
    /// How long open requests may take once the server is told to stop.
    pub leave: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 128,
            patience: Duration::from_secs(1),
            handshake: Duration::from_secs(10),
            request: Duration::from_secs(20),
            head: 16 * 1024,
            answer: Duration::from_secs(30),
            answering: 4,
            leave: Duration::from_secs(5),
        }
    }
}
