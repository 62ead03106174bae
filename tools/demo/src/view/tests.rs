//! What people see of known figures.

use std::time::Duration;

use metrics_core::Latency;

use super::{plain, screen};
use crate::figures::{Figures, Side};

fn busy() -> Figures {
    let provider = Side {
        calls_per_second: 199.6,
        finished: 12_345,
        succeeded: 12_222,
        failed: [("business", 123)].into(),
        in_flight: 2,
        latency: Some(Latency {
            p50: Duration::from_micros(10_210),
            p90: Duration::from_micros(11_400),
            p95: Duration::from_micros(11_900),
            p99: Duration::from_micros(12_950),
        }),
    };
    let consumer = Side {
        finished: 12_346,
        failed: [("business", 123), ("timeout", 1)].into(),
        in_flight: 3,
        ..provider.clone()
    };
    Figures {
        elapsed: Duration::from_secs(65),
        provider,
        consumer,
    }
}

fn text(figures: &Figures, course: &[f64], width: usize, height: usize) -> String {
    let pages = ["http://127.0.0.1:9099", "http://127.0.0.1:9097"].map(str::to_owned);
    screen(figures, course, &pages, width, height)
        .iter()
        .map(|line| {
            let spans: String = line.spans().iter().map(|span| span.text.as_str()).collect();
            spans.trim_end().to_owned()
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_busy_screen_shows_both_sides_and_errors_by_kind() {
    let course: Vec<f64> = (0..30)
        .map(|second| f64::from(second.min(20)) * 10.0)
        .collect();
    let text = text(&busy(), &course, 90, 40);
    insta::assert_snapshot!(text);
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(&text), "the README shows this screen");
}

#[test]
fn a_screen_before_the_first_call_is_at_100_percent_and_has_no_quantiles() {
    insta::assert_snapshot!(text(&Figures::default(), &[], 90, 40));
}

#[test]
fn a_small_terminal_gets_what_fits() {
    let text = text(&busy(), &[1.0; 500], 30, 6);
    assert_eq!(text.lines().count(), 5, "the sixth line is empty: {text}");
    assert!(
        text.lines().all(|line| line.chars().count() <= 30),
        "{text}"
    );
}

#[test]
fn no_terminal_gets_one_plain_line_for_each_side() {
    insta::assert_snapshot!(plain(&busy()).join("\n"));
    insta::assert_snapshot!(
        "plain_before_the_first_call",
        plain(&Figures::default()).join("\n")
    );
}
