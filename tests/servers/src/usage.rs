//! What a process holds: memory, descriptors, connections, threads, as `/proc` tells it.

use std::fs;
use std::path::PathBuf;

/// What one process holds at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Resident memory, in KiB.
    pub memory_kib: u64,
    /// Open file descriptors.
    pub descriptors: u64,
    /// Those of them that are sockets.
    pub sockets: u64,
    /// Threads.
    pub threads: u64,
}

impl Usage {
    /// Looks at a process; one that has ended holds nothing.
    pub fn of(process: u32) -> Self {
        let folder = PathBuf::from(format!("/proc/{process}"));
        let status = fs::read_to_string(folder.join("status")).unwrap_or_default();
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse().ok())
                .unwrap_or_default()
        };
        let targets: Vec<PathBuf> = fs::read_dir(folder.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|descriptor| fs::read_link(descriptor.path()).ok())
            .collect();
        let sockets = targets
            .iter()
            .filter(|target| target.to_string_lossy().starts_with("socket:"))
            .count();
        Self {
            memory_kib: number("VmRSS:"),
            descriptors: targets.len() as u64,
            sockets: sockets as u64,
            threads: number("Threads:"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_seen_and_what_has_ended_holds_nothing() {
        let here = std::process::id();
        let before = Usage::of(here);
        assert!(before.memory_kib > 100 && before.threads > 0, "{before:?}");
        let sockets: Vec<_> = (0..50)
            .map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap())
            .collect();
        let during = Usage::of(here);
        // Other tests of this process may close some meanwhile, but not fifty.
        assert!(during.sockets >= 50, "{before:?} {during:?}");
        drop(sockets);
        assert_eq!(Usage::of(u32::MAX), Usage::default());
    }
}
