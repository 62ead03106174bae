//! What a caller decides about measuring, and its defaults.

mod error;

use std::collections::BTreeSet;
use std::time::Duration;

use derive_setters::Setters;

use crate::buckets::MAX_BOUND_SECONDS;
use crate::clock::Clock;
use crate::families::families;
pub use error::ConfigError;

/// The sliding window when nothing else is said, as long as dubbo-go's. A longer one is smoother and slower to show a change;
/// memory hardly depends on it.
pub const DEFAULT_WINDOW: Duration = Duration::from_secs(120);
/// The shortest and the longest window that [`Config::window`] takes. Beyond an hour a busy method could overflow the
/// 32-bit counts that the window keeps for each bucket.
pub const WINDOW_RANGE: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);
/// The most series of calls, over both sides, when nothing else is said. More cost memory (at most 128 KiB for each one in use with
/// two cores) and a longer scrape; fewer fold calls together sooner.
pub const DEFAULT_SERIES_CAP: usize = 1000;
/// The upper bounds, in seconds, of the exported histogram when nothing else is said. Each costs one line in a scrape per method.
pub const DEFAULT_BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Who is measuring: the labels that every Dubbo family carries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Setters)]
#[setters(into)]
#[non_exhaustive]
pub struct Application {
    /// The application's name, label `application_name`.
    pub name: String,
    /// The application's version, label `application_version`.
    pub version: String,
    /// The machine's name, label `hostname`.
    pub hostname: String,
    /// The machine's address, label `ip`.
    pub ip: String,
}

impl Application {
    /// Names the application; the rest is empty.
    pub fn new(name: impl Into<String>) -> Self {
        Self::default().name(name)
    }
}

/// Which families of calls are exported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Families {
    /// Every one: those of dubbo-go and our own.
    #[default]
    All,
    /// Those from which the rest can be derived, without labels that are empty or the same for the whole process: about a fifth of the
    /// size. An error has a series once it has happened.
    Lean,
}

/// How to measure.
#[derive(Clone, Debug, Setters)]
#[non_exhaustive]
pub struct Config {
    /// Who is measuring.
    pub application: Application,
    /// The length of the sliding window, within [`WINDOW_RANGE`]; [`DEFAULT_WINDOW`] by default.
    pub window: Duration,
    /// The most series of calls; [`DEFAULT_SERIES_CAP`] by default. Calls beyond it share one series.
    pub series_cap: usize,
    /// The upper bounds in seconds of `dubbo_{provider,consumer}_request_duration_seconds`, without the infinite one;
    /// [`DEFAULT_BUCKETS`] by default.
    pub buckets: Vec<f64>,
    /// The families of calls that are exported; all by default.
    pub families: Families,
    /// Further labels, name and value, of every family of ours but those of the process (`process_*`); none by default.
    pub labels: Vec<(String, String)>,
    /// The clock.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            application: Application::default(),
            window: DEFAULT_WINDOW,
            series_cap: DEFAULT_SERIES_CAP,
            buckets: DEFAULT_BUCKETS.to_vec(),
            families: Families::default(),
            labels: Vec::new(),
            clock: Clock::default(),
        }
    }
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if !WINDOW_RANGE.contains(&self.window) {
            return Err(ConfigError::Window(self.window));
        }
        if self.series_cap == 0 {
            return Err(ConfigError::SeriesCap);
        }
        let mut names = BTreeSet::new();
        for (name, _) in &self.labels {
            if !is_label(name) || !names.insert(name) {
                return Err(ConfigError::Label(name.clone()));
            }
        }
        let legal = self
            .buckets
            .iter()
            .all(|bound| *bound > 0.0 && *bound <= MAX_BOUND_SECONDS);
        if !legal || !self.buckets.is_sorted_by(|a, b| a < b) {
            return Err(ConfigError::Buckets(self.buckets.clone()));
        }
        Ok(())
    }
}

/// Tells whether a text can be the name of a further label.
fn is_label(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(word)
        && !name.starts_with("__")
        && families()
            .iter()
            .all(|family| !family.labels.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_further_label_is_a_name_that_no_family_has() {
        let check = |names: &[&str]| {
            let labels = names.iter().map(|name| (name.to_string(), "v".to_owned()));
            let config = Config {
                labels: labels.collect(),
                ..Config::default()
            };
            config.check()
        };
        assert_eq!(check(&["zone", "_a1"]), Ok(()));
        for name in [
            "",
            "1a",
            "a-b",
            "__name__",
            "interface",
            "le",
            "error_code",
            "ä",
        ] {
            assert_eq!(check(&[name]), Err(ConfigError::Label(name.to_owned())));
        }
        let twice = check(&["zone", "zone"]);
        assert_eq!(twice, Err(ConfigError::Label("zone".to_owned())));
    }

    #[test]
    fn the_defaults_are_legal() {
        assert_eq!(Config::default().check(), Ok(()));
    }

    #[test]
    fn a_window_out_of_range_is_refused() {
        for window in [
            Duration::ZERO,
            Duration::from_millis(99),
            Duration::from_secs(3601),
        ] {
            let config = Config {
                window,
                ..Config::default()
            };
            assert_eq!(config.check(), Err(ConfigError::Window(window)));
        }
    }

    #[test]
    fn a_cap_of_no_series_is_refused() {
        assert_eq!(
            Config {
                series_cap: 0,
                ..Config::default()
            }
            .check(),
            Err(ConfigError::SeriesCap)
        );
    }

    #[test]
    fn buckets_that_are_not_ascending_positive_seconds_are_refused() {
        for buckets in [
            vec![0.0],
            vec![-1.0],
            vec![2.0, 1.0],
            vec![1.0, 1.0],
            vec![f64::INFINITY],
            vec![1.0, 9_000.0],
            vec![MAX_BOUND_SECONDS + 1.0],
        ] {
            let config = Config {
                buckets: buckets.clone(),
                ..Config::default()
            };
            assert_eq!(config.check(), Err(ConfigError::Buckets(buckets)));
        }
        assert!(
            Config {
                buckets: vec![f64::NAN],
                ..Config::default()
            }
            .check()
            .is_err(),
            "NaN is no bound"
        );
        assert_eq!(
            Config {
                buckets: Vec::new(),
                ..Config::default()
            }
            .check(),
            Ok(()),
            "none leaves the infinite one"
        );
    }
}
