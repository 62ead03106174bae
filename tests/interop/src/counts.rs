//! What a process has counted, as its metrics tell it.

use test_servers::{Sample, get};

use crate::Language;

/// The calls of `greet.GreetService/Greet` on one side, since the process started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All calls that have ended.
    pub total: u64,
    /// Those with a greeting.
    pub succeeded: u64,
    /// Those with an error of any kind.
    pub failed: u64,
    /// Those with a business error (code 17).
    pub business: u64,
}

impl Counts {
    /// Reads the counters of `side`, `provider` or `consumer`; a family without a series counts as 0.
    pub fn read(samples: &[Sample], side: &str) -> Self {
        let counter = |name: &str| {
            let name = format!("dubbo_{side}_requests_{name}");
            samples
                .iter()
                .filter(|sample| sample.name() == name)
                .filter(|sample| {
                    sample.has(&[("interface", "greet.GreetService"), ("method", "Greet")])
                })
                .map(|sample| sample.value as u64)
                .sum()
        };
        Self {
            total: counter("total"),
            succeeded: counter("succeed_total"),
            failed: counter("failed_total"),
            business: counter("business_failed_total"),
        }
    }

    /// Adds up what several processes have counted.
    pub fn sum(counts: impl IntoIterator<Item = Self>) -> Self {
        counts.into_iter().fold(Self::default(), |sum, one| Self {
            total: sum.total + one.total,
            succeeded: sum.succeeded + one.succeeded,
            failed: sum.failed + one.failed,
            business: sum.business + one.business,
        })
    }

    /// Scrapes the pull endpoint on `port`.
    pub(crate) async fn scrape(language: Language, port: u16, side: &str) -> Result<Self, String> {
        let path = language.metrics_path();
        let answer = get(&format!("http://127.0.0.1:{port}{path}")).await?;
        if answer.status != 200 {
            return Err(format!("{answer:?}"));
        }
        Ok(Self::read(&Sample::parse(&answer.body), side))
    }
}
