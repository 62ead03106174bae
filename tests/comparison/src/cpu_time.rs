//! The CPU time of a process, as the kernel counts it in `/proc`.

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

/// Returns the CPU time, of user and system, that a process has used.
///
/// The figure of the whole process has ticks of 10 ms; those of its threads have nanoseconds, but lack the threads that have ended. The
/// larger one counts.
///
/// # Errors
/// When there is no such process.
pub(crate) fn cpu_time(id: u32) -> anyhow::Result<Duration> {
    let stat = read(id, "stat")?;
    let ticks = ticks(&stat).with_context(|| format!("not a stat line: {stat:?}"))?;
    let whole =
        Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64);
    let threads: u64 = fs::read_dir(format!("/proc/{id}/task"))?
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<u64>().ok())
        .sum();
    Ok(whole.max(Duration::from_nanos(threads)))
}

fn read(id: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{id}/{file}");
    fs::read_to_string(&path).with_context(|| format!("{path}: has the process ended?"))
}

/// Adds fields 14 and 15 of a `stat` line, user and system time; the name in field 2 may hold spaces and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11);
    let user: u64 = times.next()?.parse().ok()?;
    let system: u64 = times.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_behind_any_name() {
        let line = "12 (a ) name (x) S 1 2 3 4 5 6 7 8 9 10 700 41 0 0 20 0 3";
        assert_eq!(ticks(line), Some(741));
        assert_eq!(ticks("12 (short) S 1"), None);
    }

    #[test]
    fn this_process_uses_something() {
        let id = std::process::id();
        let before = cpu_time(id).unwrap();
        let mut sum = 0u64;
        while cpu_time(id).unwrap() < before + Duration::from_millis(20) {
            sum = (0..100_000u64).fold(sum, |sum, n| std::hint::black_box(sum.wrapping_add(n)));
        }
    }

    #[test]
    fn a_process_that_is_gone_is_named() {
        let err = cpu_time(u32::MAX).unwrap_err().to_string();
        assert!(err.contains("/proc/4294967295/stat"), "{err}");
    }
}
