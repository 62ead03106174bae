//! Gathers every family and writes what one scrape, or one push, gets.

mod calls;
mod process;
mod registered;
mod registry;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

#[cfg(feature = "push")]
use crate::clock::unix_seconds;
use crate::config::Families;
#[cfg(feature = "push")]
use crate::exposition::Labels;
use crate::exposition::{Format, Text};
#[cfg(feature = "push")]
use crate::families::{PUSH_FINAL, PUSHED_AT};
use crate::metrics::Metrics;
use crate::reading::Reading;
use crate::series::Series;
pub use registered::Registered;

/// About the bytes that the families of one method take.
const BYTES_PER_SERIES: usize = 16 * 1024;

type Readings = [(Arc<Series>, Reading)];

impl Metrics {
    /// Returns everything measured in Prometheus's text format. It may take milliseconds: call it where no calls are served.
    pub fn text(&self) -> String {
        gather(self, Format::Text, self.config().families).into_string()
    }

    /// Returns everything measured in a format.
    pub(crate) fn written(&self, format: Format, families: Families) -> Vec<u8> {
        gather(self, format, families).finish()
    }

    /// Returns what a push sends: the text, with the moment at which it is made, and with a mark when nothing will follow it.
    #[cfg(feature = "push")]
    pub(crate) fn pushed(&self, is_final: bool) -> String {
        let mut text = gather(self, Format::Text, self.config().families);
        process::begin(&mut text, &PUSHED_AT);
        text.gauge(
            PUSHED_AT.name,
            Labels::none(),
            Labels::none(),
            unix_seconds(),
        );
        if is_final {
            process::begin(&mut text, &PUSH_FINAL);
            text.count(PUSH_FINAL.name, Labels::none(), Labels::none(), 1);
        }
        text.into_string()
    }
}

fn gather(metrics: &Metrics, format: Format, families: Families) -> Text {
    let mut text = measured(metrics, format, families);
    #[cfg(target_os = "linux")]
    process::write_usage(&mut text);
    // A collector that panics takes away those that were added, and nothing else.
    let added = catch_unwind(AssertUnwindSafe(|| metrics.prometheus_registry().gather()));
    let added = added.unwrap_or_else(|_| {
        tracing::warn!("an added collector panicked: the families of all of them are left out");
        Vec::new()
    });
    added.iter().for_each(|family| text.foreign(family));
    text
}

/// Reads everything that was measured, and writes it.
fn measured(metrics: &Metrics, format: Format, families: Families) -> Text {
    let readings = metrics.readings(families);
    let application = metrics.application_labels();
    let mut text = Text::new(format, (readings.len() + 1) * BYTES_PER_SERIES);
    calls::write(&mut text, &readings, metrics.geometry(), families);
    // A lean scrape leaves out when each counter began, which older servers store as a series of its own.
    text.created_seconds = (families == Families::All).then(|| metrics.created_seconds());
    registry::write(&mut text, metrics.discovery(), &application);
    let shared = readings.iter().filter(|(series, _)| series.shared);
    let folded = shared.map(|(_, reading)| reading.totals.started).sum();
    process::write_application(&mut text, &application, folded);
    process::write_pools(&mut text, metrics.pools(), &application);
    process::write_pushes(&mut text, metrics.pushes(), &application);
    text
}

#[cfg(test)]
mod tests;
