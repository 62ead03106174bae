//! From figures to what a terminal shows: pure functions.

mod format;
mod line;
mod screen;

pub(crate) use line::{Line, Style};
pub(crate) use screen::{COURSE, screen};

use crate::figures::{Figures, Side};
use format::{duration, percent, rate, thousands};

/// Returns one line for each side, for an output that is no terminal.
pub(crate) fn plain(figures: &Figures) -> [String; 2] {
    [
        plain_side("provider", figures, &figures.provider),
        plain_side("consumer", figures, &figures.consumer),
    ]
}

fn plain_side(name: &str, figures: &Figures, side: &Side) -> String {
    let quantiles = side.latency.map_or_else(
        || "p50 - p90 - p99 -".to_owned(),
        |latency| {
            format!(
                "p50 {} p90 {} p99 {}",
                duration(latency.p50),
                duration(latency.p90),
                duration(latency.p99)
            )
        },
    );
    let errors: Vec<String> = side
        .failed
        .iter()
        .map(|(kind, count)| format!("{kind} {}", thousands(*count)))
        .collect();
    let errors = if errors.is_empty() {
        "none".to_owned()
    } else {
        errors.join(", ")
    };
    format!(
        "{:>4} s  {name}  {} calls/s  success {}  {quantiles}  in flight {}  calls {}  errors: {errors}",
        figures.elapsed.as_secs(),
        rate(side.calls_per_second),
        percent(side.success_rate()),
        side.in_flight,
        thousands(side.finished),
    )
}

#[cfg(test)]
mod tests;
