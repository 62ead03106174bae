//! What a soak showed.

use std::fmt;

use serde::Serialize;

/// What one process held.
#[derive(Clone, Debug, Serialize)]
pub struct Growth {
    /// Which process.
    pub process: &'static str,
    /// Its memory when measuring began, in KiB.
    pub memory_kib: f64,
    /// How steep its memory rose after that, in KiB a minute.
    pub slope_kib_per_minute: f64,
    /// Its descriptors, sockets and threads when measuring began and at the end, under the same load.
    pub descriptors: (f64, f64),
    /// The same of its sockets.
    pub sockets: (f64, f64),
    /// The same of its threads.
    pub threads: (f64, f64),
}

/// What a soak showed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SoakReport {
    /// All calls.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// Observations that are missing at the end.
    pub lost: u64,
    /// Providers that were replaced.
    pub restarts: u64,
    /// Scrapes of the lasting provider by Prometheus.
    pub scrapes: u64,
    /// Pushes that the gateway has answered.
    pub pushes: u64,
    /// The processes that lasted.
    pub growth: Vec<Growth>,
    /// What was promised and did not hold.
    pub broken: Vec<String>,
}

impl SoakReport {
    pub(super) fn promise(&mut self, kept: bool, promise: String) {
        if !kept {
            self.broken.push(promise);
        }
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            calls,
            failed,
            lost,
            restarts,
            scrapes,
            pushes,
            growth,
            broken,
        } = self;
        writeln!(
            f,
            "{calls} calls, {failed} failed, {lost} observations lost; {restarts} restarts, {scrapes} scrapes, {pushes} pushes"
        )?;
        for growth in growth {
            let Growth {
                process,
                memory_kib,
                slope_kib_per_minute,
                descriptors,
                sockets,
                threads,
            } = growth;
            writeln!(
                f,
                "{process}: {memory_kib} KiB, rising by {slope_kib_per_minute:.2} KiB a minute; descriptors {} to {}, sockets {} to {}, \
                 threads {} to {}",
                descriptors.0, descriptors.1, sockets.0, sockets.1, threads.0, threads.1
            )?;
        }
        for promise in broken {
            writeln!(f, "broken: {promise}")?;
        }
        Ok(())
    }
}
