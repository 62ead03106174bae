//! How much a stranger may ask for.

use std::time::Duration;

use rustix::process::{Resource, getrlimit};

/// The most connections at a time.
const MOST_CONNECTIONS: usize = 128;

/// The part of the process's file descriptors that they may have: a process has two such servers, and work of its own.
const SHARE: usize = 8;

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
            connections: connections(getrlimit(Resource::Nofile).current),
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

/// Returns how many connections fit the process's limit of file descriptors, if it has one.
fn connections(descriptors: Option<u64>) -> usize {
    let most = descriptors.and_then(|most| usize::try_from(most).ok());
    most.map_or(MOST_CONNECTIONS, |most| {
        (most / SHARE).clamp(1, MOST_CONNECTIONS)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_the_rest_of_the_process() {
        for (descriptors, most) in [
            (Some(0), 1),
            (Some(256), 32),
            (Some(1024), 128),
            (Some(u64::MAX), 128),
            (None, 128),
        ] {
            assert_eq!(connections(descriptors), most, "of {descriptors:?}");
        }
    }
}
