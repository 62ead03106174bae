//! The name of this process among all that push under one job.

use std::hash::{BuildHasher as _, RandomState};

/// The random bits of a name: among ten thousand processes of one host name and pid, two share a name in one of five million cases.
const RANDOM_BITS: u32 = 48;

/// Returns this host's name.
pub(crate) fn hostname() -> String {
    gethostname::gethostname().to_string_lossy().into_owned()
}

/// Returns `<hostname>:<pid>-<random>`.
///
/// Host name and pid are there to be read. Alone they name no process: containers that share the host's network have its name, and
/// pid 1 each, or 2 under an init.
pub(crate) fn name() -> String {
    name_of(&hostname(), std::process::id(), random())
}

fn name_of(hostname: &str, pid: u32, random: u64) -> String {
    format!(
        "{hostname}:{pid}-{random:0digits$x}",
        digits = RANDOM_BITS as usize / 4
    )
}

/// Returns a number from the random numbers of the operating system, with which the standard library keys its maps.
fn random() -> u64 {
    RandomState::new().hash_one(std::process::id()) >> (u64::BITS - RANDOM_BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_named_by_its_host_its_pid_and_chance() {
        assert_eq!(name_of("box", 4711, 0xab_cdef), "box:4711-000000abcdef");
    }

    #[test]
    fn processes_of_one_host_and_pid_have_different_names() {
        let names: std::collections::BTreeSet<String> =
            (0..1000).map(|_| name_of("box", 1, random())).collect();
        assert_eq!(names.len(), 1000);
    }
}
