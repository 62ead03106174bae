//! The full screen: a table of both sides, the course of the rate, errors by kind, and where Prometheus finds the same.

use std::collections::BTreeSet;

use metrics_core::METRICS_PATH;

use super::{
    format::{bars, clock, duration, percent, rate, thousands},
    line::{Line, Style},
};
use crate::figures::{Figures, Side};

/// How many seconds of the course of the rate are shown at most.
pub(crate) const COURSE: usize = 120;

/// Returns the lines of a screen of `width` columns and `height` rows. `course` holds the consumer's rates, one for each
/// second, newest last; `pages` are where the provider and the consumer can be watched in a browser.
pub(crate) fn screen(
    figures: &Figures,
    course: &[f64],
    [provider_page, consumer_page]: &[String; 2],
    width: usize,
    height: usize,
) -> Vec<Line> {
    let mut lines = vec![
        Line::new(Style::Strong, " Dubbo metrics demo").with(
            Style::Faint,
            format!("   {}   q ends", clock(figures.elapsed)),
        ),
        Line::default(),
        Line::new(
            Style::Faint,
            format!(
                " {:<10}{:>10}{:>11}{:>10}{:>10}{:>10}{:>11}{:>13}",
                "", "calls/s", "success", "p50", "p90", "p99", "in flight", "calls"
            ),
        ),
        side("provider", &figures.provider),
        side("consumer", &figures.consumer),
        Line::default(),
        Line::new(Style::Faint, " calls/s   ").with(
            Style::Plain,
            bars(course, width.saturating_sub(12).min(COURSE)),
        ),
        Line::default(),
    ];
    lines.extend(errors(figures));
    lines.extend([
        Line::default(),
        Line::new(
            Style::Faint,
            format!(" Status pages, with {METRICS_PATH} on each for Prometheus:"),
        ),
        Line::new(Style::Plain, format!(" provider  {provider_page}")),
        Line::new(Style::Plain, format!(" consumer  {consumer_page}")),
    ]);
    lines.truncate(height);
    lines.into_iter().map(|line| line.cut(width)).collect()
}

fn side(name: &str, side: &Side) -> Line {
    let [p50, p90, p99] = match side.latency {
        Some(latency) => [latency.p50, latency.p90, latency.p99].map(duration),
        None => ["-", "-", "-"].map(str::to_owned),
    };
    let success = if side.failed.is_empty() {
        Style::Good
    } else {
        Style::Plain
    };
    Line::new(Style::Strong, format!(" {name:<10}"))
        .with(Style::Plain, format!("{:>10}", rate(side.calls_per_second)))
        .with(success, format!("{:>11}", percent(side.success_rate())))
        .with(
            Style::Plain,
            format!(
                "{p50:>10}{p90:>10}{p99:>10}{:>11}{:>13}",
                side.in_flight,
                thousands(side.finished)
            ),
        )
}

fn errors(figures: &Figures) -> Vec<Line> {
    let kinds: BTreeSet<&str> = figures
        .provider
        .failed
        .keys()
        .chain(figures.consumer.failed.keys())
        .copied()
        .collect();
    if kinds.is_empty() {
        return vec![Line::new(Style::Faint, " errors    ").with(Style::Good, "none")];
    }
    let heading = format!(" {:<16}{:>12}{:>12}", "errors", "provider", "consumer");
    let rows = kinds.into_iter().map(|kind| {
        let count = |side: &Side| thousands(side.failed.get(kind).copied().unwrap_or(0));
        Line::new(Style::Bad, format!(" {kind:<16}")).with(
            Style::Plain,
            format!(
                "{:>12}{:>12}",
                count(&figures.provider),
                count(&figures.consumer)
            ),
        )
    });
    std::iter::once(Line::new(Style::Faint, heading))
        .chain(rows)
        .collect()
}
