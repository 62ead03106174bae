//! The name of this process among all that push under one job.

use std::time::{SystemTime, UNIX_EPOCH};

/// Returns this host's name.
pub(crate) fn hostname() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Returns `<hostname>:<pid>`. In a container the pid is 1 for every process, so that the moment of the start, in unix
/// seconds, takes its place: a restarted container is a new instance.
pub(crate) fn name() -> String {
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    name_of(&hostname(), std::process::id(), started.as_secs())
}

fn name_of(hostname: &str, pid: u32, started_seconds: u64) -> String {
    match pid {
        1 => format!("{hostname}:{started_seconds}"),
        _ => format!("{hostname}:{pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_host_and_pid() {
        assert_eq!(name_of("box", 4711, 1_700_000_000), "box:4711");
    }

    #[test]
    fn the_first_process_of_a_container_is_named_by_its_start() {
        assert_eq!(name_of("pod-a", 1, 1_700_000_000), "pod-a:1700000000");
    }
}
