//! What operating systems do differently.

use std::io;

use socket2::Socket;

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What macOS grants at most where it calls the limit infinite (`OPEN_MAX`).
#[cfg(unix)]
const SURE_DESCRIPTORS: u64 = 10_240;

/// Returns how many file descriptors this process may open; none where there is no such limit, or none to be read.
#[cfg(unix)]
pub(crate) fn descriptors() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the soft limit of file descriptors to the hard one, as servers and Go programs do: the soft one is low for the sake of
/// programs that use `select`. Returns the limit that holds then, if there is one.
#[cfg(unix)]
pub fn raise_descriptors() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    for wanted in [maximum, maximum.or(Some(SURE_DESCRIPTORS))] {
        let higher = current.is_some_and(|current| wanted.is_none_or(|wanted| wanted > current));
        let limit = Rlimit {
            current: wanted,
            maximum,
        };
        if !higher || setrlimit(Resource::Nofile, limit).is_ok() {
            break;
        }
    }
    descriptors()
}

/// Lets a port be taken again at once that a process before has left.
#[cfg(unix)]
pub(crate) fn take_over(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_address(true)
}

/// Returns how many file descriptors this process may open: here the system has no such limit.
#[cfg(not(unix))]
pub(crate) fn descriptors() -> Option<u64> {
    None
}

/// Does nothing: here the system has no such limit.
#[cfg(not(unix))]
pub fn raise_descriptors() -> Option<u64> {
    None
}

/// Does nothing: here the option would let a second process take a port that is in use.
#[cfg(not(unix))]
pub(crate) fn take_over(_socket: &Socket) -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        let hard = getrlimit(Resource::Nofile).maximum;
        let raised = raise_descriptors();
        assert_eq!(raised, descriptors());
        if hard.is_some() {
            assert_eq!(raised, hard);
        }
    }
}
