//! One row of the table: what a fault did to calls and observations.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use crate::watch;

/// What a fault did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// What happened, in a few words.
    pub happened: String,
    /// The calls that were made meanwhile.
    pub calls: u64,
    /// Those that failed, for whatever reason.
    pub failed: u64,
    /// Calls that the processes' metrics do not tell of, or tell wrongly.
    pub lost: u64,
    /// From the end of the fault until everything was as before; in seconds in JSON.
    #[serde(rename = "recovered_in_seconds", serialize_with = "seconds")]
    pub recovered: Duration,
    /// What was promised and did not hold; empty when all is well.
    pub broken: Vec<String>,
}

impl Report {
    /// Begins a report with what is made to happen.
    pub(crate) fn new(happened: impl Into<String>) -> Self {
        if let Some(watch) = watch::current() {
            watch.begins();
        }
        Self {
            happened: happened.into(),
            ..Self::default()
        }
    }

    /// Makes the report of a fault that ended with a panic.
    #[must_use]
    pub fn panicked(message: &str) -> Self {
        let mut report = Self {
            happened: "it could not be carried through".to_owned(),
            ..Self::default()
        };
        report.promise(false, message);
        report
    }

    /// Notes a promise, which is broken unless it is `kept`.
    pub(crate) fn promise(&mut self, kept: bool, promise: impl Into<String>) {
        if !kept {
            self.broken.push(promise.into());
        }
    }

    /// Waits until what a fault had disturbed is as before, and notes how long that took: the longest of several times.
    pub(crate) async fn recovers<T>(&mut self, recovery: impl Future<Output = T>) -> T {
        if let Some(watch) = watch::current() {
            watch.ends();
        }
        let over = Instant::now();
        let recovered = recovery.await;
        self.recovered = self.recovered.max(over.elapsed());
        recovered
    }

    /// Adds to what happened.
    pub(crate) fn note(&mut self, text: &str) {
        self.happened.push_str(text);
    }

    /// Returns whether everything that was promised held.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.broken.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            happened,
            calls,
            failed,
            lost,
            recovered,
            broken,
        } = self;
        write!(
            f,
            "{happened}: {failed} of {calls} calls failed, {lost} observations lost, recovered in {recovered:.1?}"
        )?;
        for promise in broken {
            write!(f, "\nbroken: {promise}")?;
        }
        Ok(())
    }
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}
