//! How much a stranger may ask for.

use std::time::Duration;

use crate::sys;

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
            connections: share_of_descriptors(SHARE, MOST_CONNECTIONS),
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

/// Returns how many connections may be open so that they take at most one in `share` of the file descriptors that this process
/// may open: at least 1, and at most `most`.
pub fn share_of_descriptors(share: usize, most: usize) -> usize {
    fitting(sys::descriptors(), share, most)
}

fn fitting(descriptors: Option<u64>, share: usize, most: usize) -> usize {
    let descriptors = descriptors.and_then(|number| usize::try_from(number).ok());
    let most = most.max(1);
    descriptors.map_or(most, |number| (number / share.max(1)).clamp(1, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_to_the_rest_of_the_process() {
        let cases = [
            (Some(0), SHARE, MOST_CONNECTIONS, 1),
            (Some(256), SHARE, MOST_CONNECTIONS, 32),
            (Some(1024), SHARE, MOST_CONNECTIONS, 128),
            (Some(u64::MAX), SHARE, MOST_CONNECTIONS, 128),
            (None, SHARE, MOST_CONNECTIONS, 128),
            (Some(0), 2, 10_000, 1),
            (Some(256), 2, 10_000, 128),
            (Some(1024), 2, 10_000, 512),
            (Some(u64::MAX), 2, 10_000, 10_000),
            (Some(256), 0, 0, 1),
        ];
        for (descriptors, share, most, expected) in cases {
            let fitting = fitting(descriptors, share, most);
            assert_eq!(fitting, expected, "one in {share} of {descriptors:?}");
        }
    }
}
