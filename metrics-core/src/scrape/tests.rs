//! What a scrape holds and weighs, in each format.

use std::time::Duration;

use prost::Message;

use super::*;
use crate::clock::{Clock, ManualClock};
use crate::config::{Application, Config};
use crate::exposition::protobuf::{Histogram, MetricFamily};
use crate::key::{MethodKey, Side};
use crate::outcome::Outcome;

const METHODS: usize = 1000;

/// Metrics of an application with as long names as in the sample, called on a thousand methods, with times over two decades.
fn busy(families: Families, buckets: Vec<f64>) -> Metrics {
    let (clock, manual) = Clock::manual();
    let application = Application {
        name: "dubbo-rust-server".into(),
        version: "0.1.0".into(),
        hostname: "greeter-7c9f6d5b8-x2x4z".into(),
        ip: "10.42.117.203".into(),
    };
    let metrics = Metrics::new(Config {
        application,
        clock,
        families,
        buckets,
        ..Config::default()
    })
    .unwrap();
    let methods: Vec<_> = (0..METHODS)
        .map(|n| {
            metrics.method(
                Side::Provider,
                &MethodKey::new(
                    &format!("greet.GreetService{}", n / 10),
                    &format!("Greet{}", n % 10),
                ),
            )
        })
        .collect();
    let mut now = Duration::ZERO;
    let calls: Vec<Vec<_>> = (0..100)
        .map(|_| methods.iter().map(|method| method.start()).collect())
        .collect();
    for (step, calls) in calls.into_iter().enumerate() {
        let time = Duration::from_secs_f64(0.001 * 10f64.powf(step as f64 / 50.0));
        manual.advance(time - now);
        now = time;
        calls
            .into_iter()
            .for_each(|call| call.end(Outcome::SUCCESS));
    }
    metrics
}

fn decoded(mut bytes: &[u8]) -> Vec<MetricFamily> {
    let mut families = Vec::new();
    while !bytes.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut bytes).unwrap());
    }
    families
}

/// Returns the number of series and of bytes that each method takes, and the size of the whole.
fn size(metrics: &Metrics, format: Format) -> (usize, usize, usize) {
    let bytes = metrics.written(format, metrics.config().families);
    let series = match format {
        Format::Protobuf => decoded(&bytes)
            .iter()
            .filter(|family| family.name.starts_with("dubbo_provider_"))
            .map(|family| family.metric.len())
            .sum(),
        Format::Text | Format::OpenMetrics => String::from_utf8(bytes.clone())
            .unwrap()
            .lines()
            .filter(|line| line.starts_with("dubbo_provider_"))
            .count(),
    };
    (series / METHODS, bytes.len() / METHODS, bytes.len())
}

#[test]
fn a_lean_scrape_with_native_histograms_of_a_thousand_methods_is_at_most_a_megabyte() {
    let metrics = busy(Families::Lean, Vec::new());
    let (series, bytes, all) = size(&metrics, Format::Protobuf);
    assert!(
        series <= 15 && bytes <= 3000,
        "{series} series, {bytes} bytes"
    );
    assert!(all <= 1_000_000, "{all} bytes");
    let (series, bytes, _) = size(&metrics, Format::Text);
    assert!(
        series <= 15 && bytes <= 3000,
        "{series} series, {bytes} bytes as text"
    );
}

#[test]
fn all_families_are_as_many_as_before() {
    let metrics = busy(Families::All, crate::config::DEFAULT_BUCKETS.to_vec());
    let (series, bytes, _) = size(&metrics, Format::Text);
    assert!((50..=56).contains(&series), "{series} series");
    assert!(bytes <= 14_000, "{bytes} bytes");
}

#[test]
fn messages_hold_every_call_in_classic_and_native_buckets() {
    let metrics = busy(Families::All, vec![0.01, 0.1]);
    let families = decoded(&metrics.written(Format::Protobuf, Families::All));
    let durations = families
        .iter()
        .find(|family| family.name == "dubbo_provider_request_duration_seconds")
        .unwrap();
    assert_eq!((durations.kind, durations.metric.len()), (4, METHODS));
    for metric in &durations.metric {
        let histogram = metric.histogram.as_ref().unwrap();
        let (mut count, mut sum) = (0, 0);
        for delta in &histogram.positive_delta {
            count += delta;
            sum += count;
        }
        assert_eq!(
            (histogram.sample_count, sum, histogram.zero_count),
            (100, 100, 0)
        );
        let lengths: u32 = histogram.positive_span.iter().map(|span| span.length).sum();
        assert_eq!(lengths as usize, histogram.positive_delta.len());
        let classic: Vec<_> = histogram
            .bucket
            .iter()
            .map(|bucket| (bucket.upper_bound, bucket.cumulative_count))
            .collect();
        assert_eq!(classic, [(0.01, 51), (0.1, 100)]);
    }
    let names = |format| -> Vec<String> {
        String::from_utf8(metrics.written(format, Families::All))
            .unwrap()
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .map(|line| line.split(' ').next().unwrap_or("").to_owned())
            .collect()
    };
    assert_eq!(names(Format::Text).len(), families.len(), "every family");
    assert_eq!(names(Format::OpenMetrics).len(), families.len());
}

/// Returns the places of the native buckets that hold calls, and how many.
fn native_buckets(histogram: &Histogram) -> Vec<(i32, i64)> {
    let (mut place, mut count) = (0, 0);
    let mut deltas = histogram.positive_delta.iter();
    let mut found = Vec::new();
    for span in &histogram.positive_span {
        place += span.offset;
        for delta in deltas.by_ref().take(span.length as usize) {
            count += delta;
            found.extend((count > 0).then_some((place, count)));
            place += 1;
        }
    }
    found
}

#[test]
fn long_calls_and_calls_across_jumps_of_the_clock_are_in_their_native_buckets() {
    for side in [Side::Provider, Side::Consumer] {
        let (clock, manual) = Clock::manual();
        let metrics = Metrics::new(Config {
            clock,
            families: Families::Lean,
            buckets: Vec::new(),
            ..Config::default()
        })
        .unwrap();
        let method = metrics.method(side, &MethodKey::new("x.Y", "Z"));
        let long = method.start();
        for _ in 0..120 {
            manual.advance(Duration::from_secs(59));
            metrics.figures(side);
        }
        long.end(Outcome::SUCCESS);
        for jump in [ManualClock::set_fast_back, ManualClock::set_fast_forward] {
            metrics.figures(side);
            let call = method.start();
            manual.advance(Duration::from_millis(50));
            jump(&manual, Duration::from_secs(100_000));
            manual.advance(Duration::from_millis(50));
            call.end(Outcome::SUCCESS);
        }
        let families = decoded(&metrics.written(Format::Protobuf, Families::Lean));
        let named = |family: &&MetricFamily| family.name.ends_with("request_duration_seconds");
        let family = families.iter().find(named).unwrap();
        let histogram = family.metric[0].histogram.as_ref().unwrap();
        assert_eq!((histogram.sample_count, histogram.zero_count), (3, 0));
        assert!((histogram.sample_sum - 7080.2).abs() < 1.0, "{histogram:?}");
        let buckets = native_buckets(histogram);
        assert_eq!(buckets.iter().map(|(_, count)| count).sum::<i64>(), 3);
        let upper = |place: i32| 2f64.powf(f64::from(place) * 2f64.powi(-histogram.schema));
        // Jumps are told by the pane in which they happened, so that a call may seem as long as that, 12 s here.
        for (place, _) in &buckets[..buckets.len() - 1] {
            assert!((0.05..=13.0).contains(&upper(*place)), "{buckets:?}");
        }
        let (longest, one) = buckets[buckets.len() - 1];
        assert_eq!(one, 1, "{buckets:?}");
        assert!(
            upper(longest - 1) < 7080.0 && 7080.0 <= upper(longest),
            "{} to {}",
            upper(longest - 1),
            upper(longest)
        );
    }
}

#[test]
fn a_lean_scrape_leaves_out_labels_that_all_series_share() {
    let metrics = busy(Families::Lean, Vec::new());
    let text = metrics.text();
    let line = text
        .lines()
        .find(|line| line.starts_with("dubbo_provider_requests_total"))
        .unwrap();
    assert_eq!(
        line,
        r#"dubbo_provider_requests_total{application_name="dubbo-rust-server",interface="greet.GreetService0",method="Greet0"} 100"#
    );
    assert!(text.contains(r#"ip="10.42.117.203""#), "they stand once");
}
