//! What the page has to show of a scrape, worked out apart from it.

use std::collections::BTreeMap;

use page::Figure;
use test_servers::Sample;

/// Returns the figures of all methods that have these labels, by their columns.
pub(crate) fn figures(
    samples: &[Sample],
    side: &str,
    labels: &[(&str, &str)],
) -> BTreeMap<&'static str, f64> {
    let of = |family: &str| -> Vec<f64> {
        let name = format!("dubbo_{side}_{family}");
        let fits = |sample: &&Sample| sample.name() == name && sample.has(labels);
        let values: Vec<f64> = samples
            .iter()
            .filter(fits)
            .map(|sample| sample.value)
            .collect();
        assert!(!values.is_empty(), "the scrape has {name} of {labels:?}");
        values
    };
    let sum = |family: &str| -> f64 { of(family).iter().sum() };
    let slowest = |family: &str| of(family).into_iter().fold(f64::NAN, f64::max);
    let ended = sum("requests_total_aggregate");
    let success = if ended > 0.0 {
        sum("requests_succeed_total_aggregate") / ended
    } else {
        1.0
    };
    BTreeMap::from([
        ("rate", sum("qps_total")),
        ("success", success),
        ("p50", slowest("rt_milliseconds_p50")),
        ("p99", slowest("rt_milliseconds_p99")),
        ("inFlight", sum("requests_processing_total")),
        ("failed", sum("errors_total")),
    ])
}

/// Asserts that these figures stand on the page: the same values, and texts that read as them.
pub(crate) fn assert_shown(
    shown: &BTreeMap<String, Figure>,
    expected: &BTreeMap<&'static str, f64>,
    what: &str,
) {
    for (name, expected) in expected {
        let Some(figure) = shown.get(*name) else {
            continue;
        };
        let value = figure.value();
        assert!(
            // A sum may be made in another order.
            (value - expected).abs() <= expected.abs() * 1e-12
                || (value.is_nan() && expected.is_nan()),
            "{what}: {name} is {expected} in the scrape and {value} on the page"
        );
        assert_reads_as(&figure.text, *expected, name, what);
    }
}

/// Asserts that a text for people reads as the value that it stands for.
fn assert_reads_as(text: &str, value: f64, name: &str, what: &str) {
    // A space that does not end a line.
    let text = &text.replace('\u{a0}', " ");
    let number = |text: &str| text.replace(',', "").parse::<f64>();
    let close = |read: f64, share: f64| (read - value).abs() <= value.abs() * share;
    let (first, unit) = text.split_once(' ').unwrap_or((text, ""));
    let reads = match (name, number(first)) {
        _ if value.is_nan() => text == "–",
        ("failed", _) => {
            let counts = text.split(", ").filter_map(|kind| {
                number(kind.split_once(' ').map_or(kind, |(_, count)| count)).ok()
            });
            counts.sum::<f64>() == value && (value > 0.0 || text == "none" || text == "0")
        }
        ("inFlight", Ok(read)) => read == value,
        // Two decimals, rounded down.
        ("success", Ok(read)) => {
            unit == "%" && read <= value * 100.0 + 1e-4 && read > value * 100.0 - 0.01
        }
        ("rate", Ok(read)) => (read - value).abs() <= 0.05 || close(read, 0.001),
        (_, Ok(read)) => match unit {
            "µs" => close(read / 1000.0, 0.006),
            "ms" => close(read, 0.006),
            "s" => close(read * 1000.0, 0.006),
            _ => false,
        },
        (_, Err(_)) => false,
    };
    assert!(reads, "{what}: {name} is {value} and reads {text:?}");
}
