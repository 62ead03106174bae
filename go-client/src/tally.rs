//! What became of the calls, counted by each caller for the line at the end.

use std::{collections::BTreeMap, fmt, time::Duration};

use histogram::Histogram;

/// Response times keep two significant digits: quantiles are within 1 %.
const GROUPING_POWER: u8 = 6;
/// Up to 2^40 ns, 18 minutes; longer ones count as that.
const MAX_VALUE_POWER: u8 = 40;

/// The outcomes and response times of calls.
#[derive(Clone, Debug)]
pub struct Tally {
    succeeded: u64,
    failed: BTreeMap<&'static str, u64>,
    response_times: Histogram,
    deaths: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            succeeded: 0,
            failed: BTreeMap::new(),
            response_times: Histogram::new(GROUPING_POWER, MAX_VALUE_POWER)
                .expect("the powers are within the histogram's range"),
            deaths: 0,
        }
    }
}

impl Tally {
    /// Counts a call that took this long; `failure` is its kind of failure, if it failed.
    pub fn record(&mut self, failure: Option<&'static str>, elapsed: Duration) {
        match failure {
            None => self.succeeded += 1,
            Some(kind) => *self.failed.entry(kind).or_default() += 1,
        }
        let nanos = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        self.response_times
            .increment(nanos.min((1 << MAX_VALUE_POWER) - 1))
            .expect("the value was clamped to the histogram's range");
    }

    /// Counts the call whose panic ended its caller.
    pub fn record_death(&mut self, elapsed: Duration) {
        self.record(Some("panicked"), elapsed);
        self.deaths += 1;
    }

    /// Returns how many callers ended by a panic.
    #[must_use]
    pub fn deaths(&self) -> usize {
        self.deaths
    }

    /// Adds what another caller counted.
    pub fn add(&mut self, other: &Self) {
        self.deaths += other.deaths;
        self.succeeded += other.succeeded;
        for (kind, count) in &other.failed {
            *self.failed.entry(kind).or_default() += count;
        }
        self.response_times
            .checked_add_assign(&other.response_times)
            .expect("both have the same powers, and no process counts 2^64 calls");
    }

    /// Returns the response time that this share of the calls does not exceed; none before the first call.
    fn quantile(&self, share: f64) -> Option<Duration> {
        let bucket = self.response_times.quantile_bucket(share).ok()??;
        let middle = bucket.start() + (bucket.end() - bucket.start()) / 2;
        Some(Duration::from_nanos(middle))
    }
}

/// One line: `calls 10, succeeded 8, failed 2 (business 2), p50 10.1 ms, p99 12.3 ms`.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: u64 = self.failed.values().sum();
        write!(
            f,
            "calls {}, succeeded {}, failed {failed}",
            self.succeeded + failed,
            self.succeeded
        )?;
        if failed > 0 {
            let kinds: Vec<String> = self
                .failed
                .iter()
                .map(|(kind, count)| format!("{kind} {count}"))
                .collect();
            write!(f, " ({})", kinds.join(", "))?;
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            match self.quantile(share) {
                Some(time) => write!(f, ", {name} {:.2} ms", time.as_secs_f64() * 1000.0)?,
                None => write!(f, ", {name} -")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_line_names_every_kind_of_failure() {
        let mut tally = Tally::default();
        for millis in 1..=97 {
            tally.record(None, MS * millis);
        }
        tally.record(Some("business"), MS * 98);
        let mut other = Tally::default();
        other.record(Some("timeout"), MS * 99);
        other.record(Some("business"), MS * 100);
        tally.add(&other);
        let line = tally.to_string();
        let counts = "calls 100, succeeded 97, failed 3 (business 2, timeout 1), p50 ";
        assert!(line.starts_with(counts), "{line}");
        let quantile = |name: &str| -> f64 {
            let (_, after) = line.split_once(name).unwrap();
            after.split_whitespace().next().unwrap().parse().unwrap()
        };
        assert!((quantile("p50 ") / 50.0 - 1.0).abs() < 0.01, "{line}");
        assert!((quantile("p99 ") / 99.0 - 1.0).abs() < 0.01, "{line}");
    }

    #[test]
    fn no_call_has_no_quantile() {
        let line = Tally::default().to_string();
        assert_eq!(line, "calls 0, succeeded 0, failed 0, p50 -, p99 -");
    }

    #[test]
    fn an_endless_call_is_counted() {
        let mut tally = Tally::default();
        tally.record(None, Duration::MAX);
        assert!(
            tally
                .to_string()
                .starts_with("calls 1, succeeded 1, failed 0, p50 ")
        );
    }
}
