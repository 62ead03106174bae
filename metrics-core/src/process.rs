//! The process itself: its time on processors, memory, files and threads, as every client library of Prometheus has them.

use rustix::param::page_size;
use rustix::time::{ClockId, clock_gettime};

/// What is read of the process at one moment; what cannot be read is left out.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu_seconds: f64,
    pub(crate) open_files: Option<u64>,
    pub(crate) max_files: Option<u64>,
    pub(crate) stat: Option<Stat>,
    pub(crate) start_seconds: Option<f64>,
}

/// What stands in `/proc/self/stat`, from field 20 on (<https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>).
#[derive(Debug, PartialEq)]
pub(crate) struct Stat {
    pub(crate) threads: u64,
    /// Ticks after the start of the machine.
    start_ticks: u64,
    pub(crate) virtual_bytes: u64,
    resident_pages: u64,
}

impl Usage {
    pub(crate) fn read() -> Self {
        let text = |path| std::fs::read_to_string(path).ok();
        let stat = text("/proc/self/stat").and_then(|stat| Stat::parse(&stat));
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let boot = text("/proc/stat").and_then(|stat| boot_seconds(&stat));
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        Self {
            cpu_seconds: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            // The folder that is being read is a file of its own.
            open_files: std::fs::read_dir("/proc/self/fd")
                .ok()
                .map(|files| (files.count() as u64).saturating_sub(1)),
            max_files: text("/proc/self/limits").and_then(|limits| max_files(&limits)),
            start_seconds: stat
                .as_ref()
                .zip(boot)
                .map(|(stat, boot)| boot as f64 + stat.start_ticks as f64 / ticks),
            stat,
        }
    }
}

impl Stat {
    /// Returns the resident memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.resident_pages * page_size() as u64
    }

    fn parse(text: &str) -> Option<Self> {
        // The name of the program, in parentheses, may hold spaces and parentheses; field 3 comes after the last one.
        let (_, fields) = text.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(17);
        let mut next = || fields.next()?.parse().ok();
        let threads = next()?;
        let _interval: u64 = next()?;
        Some(Self {
            threads,
            start_ticks: next()?,
            virtual_bytes: next()?,
            resident_pages: next()?,
        })
    }
}

/// Returns the soft limit of open files, or none when there is none.
fn max_files(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Returns when the machine was started, in unix seconds.
fn boot_seconds(stat: &str) -> Option<u64> {
    stat.lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_found_whatever_the_program_is_called() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 2000 0 3 0 250 150 0 0 20 0 7 0 123456 999424 321 18446744073709551615 1 1 0";
        let expected = Stat {
            threads: 7,
            start_ticks: 123_456,
            virtual_bytes: 999_424,
            resident_pages: 321,
        };
        assert_eq!(Stat::parse(stat), Some(expected));
        for broken in ["", "42 (a", "42 (a) S 1", "no numbers) S a b c"] {
            assert_eq!(Stat::parse(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn limits_and_the_start_of_the_machine_are_read() {
        let limits = "Limit Soft Hard Units\nMax open files            1024                 4096                 files\n";
        assert_eq!(max_files(limits), Some(1024));
        assert_eq!(max_files("Max open files  unlimited unlimited files"), None);
        assert_eq!(
            boot_seconds("cpu 1 2\nbtime 1700000000\nctxt 3"),
            Some(1_700_000_000)
        );
    }

    #[test]
    fn this_process_is_measured_in_fractions_of_a_second() {
        let before = Usage::read();
        let mut sum = 0u64;
        let mut after = Usage::read();
        while after.cpu_seconds - before.cpu_seconds < 0.02 {
            sum = (0..100_000u64).fold(sum, |sum, n| sum.wrapping_mul(31).wrapping_add(n));
            after = Usage::read();
        }
        std::hint::black_box(sum);
        assert!(
            after.cpu_seconds - before.cpu_seconds < 5.0,
            "no step of whole seconds: {before:?} {after:?}"
        );
        let stat = after.stat.expect("this is Linux");
        assert!(stat.threads > 0 && stat.virtual_bytes > stat.resident_pages);
        assert!(after.open_files > Some(2), "{:?}", after.open_files);
        assert!(after.start_seconds > Some(1e9), "{:?}", after.start_seconds);
    }
}
