//! What calls with a trace leave behind.

use std::time::Duration;

use prost::Message;

use super::*;
use crate::exposition::Format;
use crate::exposition::protobuf::{Metric, MetricFamily};
use crate::{Clock, Config, Families, ManualClock, Method, MethodKey, Metrics, Side};

const FIRST: &str = "0af7651916cd43dd8448eb211c80319c";
const SECOND: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn header(id: &str) -> String {
    format!("00-{id}-b7ad6b7169203331-01")
}

struct World {
    metrics: Metrics,
    method: Method,
    manual: ManualClock,
}

impl World {
    fn new(buckets: Vec<f64>) -> Self {
        let (clock, manual) = Clock::manual();
        let metrics = Metrics::new(Config {
            clock,
            buckets,
            ..Config::default()
        })
        .unwrap();
        let method = metrics.method(Side::Provider, &MethodKey::new("x.Y", "Z"));
        Self {
            metrics,
            method,
            manual,
        }
    }

    fn call(&self, millis: u64, traceparent: &str, outcome: Outcome) {
        let mut call = self.method.start();
        call.set_traceparent(traceparent.as_bytes());
        self.manual.advance(Duration::from_millis(millis));
        call.end(outcome);
    }

    /// Returns the first sample of a family in protobuf.
    fn message(&self, name: &str) -> Metric {
        let bytes = self.metrics.written(Format::Protobuf, Families::Lean);
        let mut rest = &bytes[..];
        loop {
            let family = MetricFamily::decode_length_delimited(&mut rest).unwrap();
            if family.name == name {
                return family.metric.into_iter().next().unwrap();
            }
        }
    }

    /// Returns the lines with exemplars, without what all of them have in common, and without their times.
    fn exemplars(&self) -> Vec<String> {
        let format = Format::OpenMetrics;
        let text = String::from_utf8(self.metrics.written(format, Families::Lean)).unwrap();
        let lines = text.lines().filter(|line| line.contains(" # {"));
        lines
            .map(|line| {
                let (sample, exemplar) = line.split_once(" # ").unwrap();
                let (name, labels) = sample.split_once('{').unwrap();
                let (labels, _value) = labels.split_once('}').unwrap();
                let telling =
                    |label: &&str| label.starts_with("le=") || label.starts_with("error_name=");
                let label = labels.split(',').find(telling).unwrap();
                let (exemplar, _time) = exemplar.rsplit_once(' ').unwrap();
                let name = name.strip_prefix("dubbo_provider_").unwrap();
                format!("{name} {label} {exemplar}")
            })
            .collect()
    }
}

#[test]
fn a_sampled_call_leaves_its_trace_on_the_bucket_of_its_duration() {
    let world = World::new(vec![0.01, 0.1, 1.0]);
    world.call(5, &header(FIRST), Outcome::SUCCESS);
    world.call(500, &header(SECOND), Outcome::SUCCESS);
    let expected = [
        format!("request_duration_seconds_bucket le=\"0.01\" {{trace_id=\"{FIRST}\"}} 0.005"),
        format!("request_duration_seconds_bucket le=\"1.0\" {{trace_id=\"{SECOND}\"}} 0.5"),
    ];
    assert_eq!(world.exemplars(), expected);
    assert_eq!(world.exemplars(), expected, "a second reader sees the same");
    // The edges of all panes of the window pass.
    for _ in 0..crate::PANES + 2 {
        world.manual.advance(crate::DEFAULT_WINDOW / crate::PANES);
        world.metrics.figures(Side::Provider);
    }
    assert_eq!(world.exemplars(), expected, "until a newer one comes");
}

#[test]
fn the_newest_call_wins_in_its_bucket_and_in_no_other() {
    let world = World::new(vec![0.005, 0.01, 0.1]);
    // Bounds lie within a power of two: 4.2 to 8.4 ms.
    world.call(8, &header(FIRST), Outcome::SUCCESS);
    world.call(9, &header(SECOND), Outcome::SUCCESS);
    world.call(4, &header(SECOND), Outcome::SUCCESS);
    world.call(6, &header(FIRST), Outcome::SUCCESS);
    let expected = [
        format!("request_duration_seconds_bucket le=\"0.005\" {{trace_id=\"{SECOND}\"}} 0.004"),
        format!("request_duration_seconds_bucket le=\"0.01\" {{trace_id=\"{FIRST}\"}} 0.006"),
    ];
    assert_eq!(world.exemplars(), expected);
}

#[test]
fn with_more_bounds_than_classes_an_exemplar_is_still_at_the_bucket_of_its_time() {
    let world = World::new((1..=1_000).map(f64::from).collect());
    world.call(900_500, &header(FIRST), Outcome::SUCCESS);
    let exemplars = world.exemplars();
    let (_, bound) = exemplars[0].split_once("le=\"").unwrap();
    let bound: f64 = bound.split_once('"').unwrap().0.parse().unwrap();
    let seconds: f64 = exemplars[0].rsplit_once(' ').unwrap().1.parse().unwrap();
    for near in [bound, seconds] {
        assert!((near / 900.5 - 1.0).abs() < 0.02, "{exemplars:?}");
    }
}

#[test]
fn a_failed_call_leaves_its_trace_at_its_error_too() {
    let world = World::new(vec![1.0]);
    world.call(50, &header(FIRST), Outcome::TIMEOUT);
    world.call(60, &header(SECOND), Outcome::SUCCESS);
    let expected = [
        format!("request_duration_seconds_bucket le=\"1.0\" {{trace_id=\"{SECOND}\"}} 0.06"),
        format!("errors_total error_name=\"DEADLINE_EXCEEDED\" {{trace_id=\"{FIRST}\"}} 1"),
    ];
    assert_eq!(world.exemplars(), expected);
}

#[test]
fn calls_without_a_legal_and_sampled_trace_leave_nothing() {
    let world = World::new(vec![1.0]);
    let parent = "b7ad6b7169203331";
    for traceparent in [
        String::new(),
        format!("00-{FIRST}-{parent}-00"),
        format!("00-{FIRST}-{parent}-0a"),
        format!("00-{FIRST}-{parent}-0g"),
        format!("ff-{FIRST}-{parent}-01"),
        format!("00-{FIRST}-{parent}-01-more"),
        format!("01-{FIRST}-{parent}-01more"),
        format!("00-{FIRST}-{parent}-1"),
        format!("00-{}-{parent}-01", FIRST.to_uppercase()),
        format!("00-{}-{parent}-01", "0".repeat(32)),
        format!("00-{FIRST}-{}-01", "0".repeat(16)),
        format!("00-{FIRST}_{parent}-01"),
        format!("00-{FIRST}-{parent}\u{e9}01"),
        format!("0g-{FIRST}-{parent}-01"),
    ] {
        world.call(1, &traceparent, Outcome::UNKNOWN);
        assert_eq!(world.exemplars(), [""; 0], "{traceparent:?}");
    }
    for traceparent in [
        format!("00-{FIRST}-{parent}-ff"),
        format!("01-{FIRST}-{parent}-03"),
        format!("cc-{FIRST}-{parent}-01-what-comes-later"),
    ] {
        let world = World::new(vec![1.0]);
        world.call(1, &traceparent, Outcome::SUCCESS);
        assert_eq!(world.exemplars().len(), 1, "{traceparent:?}");
    }
}

#[test]
fn more_calls_under_way_than_slots_lose_their_exemplars_and_nothing_else() {
    let world = World::new(vec![1.0]);
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let mut call = world.method.start();
            call.set_traceparent(header(FIRST).as_bytes());
            call
        })
        .collect();
    calls
        .into_iter()
        .for_each(|call| call.end(Outcome::SUCCESS));
    assert_eq!(world.exemplars().len(), 1);
    world.call(10, &header(SECOND), Outcome::SUCCESS);
    assert!(world.exemplars()[0].contains(SECOND), "there is room again");
    let figures = world.metrics.figures(Side::Provider).remove(0);
    assert_eq!(figures.outcomes.total(), 1_001);
}

#[test]
fn an_exemplar_says_when_its_call_ended() {
    let world = World::new(vec![1.0]);
    world.call(10, &header(FIRST), Outcome::SUCCESS);
    world.manual.advance(Duration::from_secs(100));
    let format = Format::OpenMetrics;
    let text = String::from_utf8(world.metrics.written(format, Families::Lean)).unwrap();
    let line = text.lines().find(|line| line.contains(" # {")).unwrap();
    let time: f64 = line.rsplit_once(' ').unwrap().1.parse().unwrap();
    let ago = crate::clock::unix_seconds() - time;
    assert!((95.0..160.0).contains(&ago), "{ago} s ago");
    let histogram = world.message("dubbo_provider_request_duration_seconds");
    let exemplar = histogram.histogram.unwrap().exemplars.remove(0);
    let timestamp = exemplar.timestamp.unwrap();
    let told = timestamp.seconds as f64 + f64::from(timestamp.nanos) / 1e9;
    assert!((told - time).abs() < 0.001, "{told} and {time}");
}

#[test]
fn protobuf_carries_exemplars_of_buckets_of_errors_and_of_native_histograms() {
    let world = World::new(vec![0.01]);
    world.call(5, &header(FIRST), Outcome::SUCCESS);
    world.call(7_000, &header(SECOND), Outcome::INTERNAL);
    let metric = |name: &str| world.message(name);
    let histogram = metric("dubbo_provider_request_duration_seconds")
        .histogram
        .unwrap();
    let id = |exemplar: &crate::exposition::protobuf::ExemplarMessage| {
        assert_eq!(exemplar.label[0].name, "trace_id");
        assert!(exemplar.timestamp.is_some());
        exemplar.label[0].value.clone()
    };
    let buckets: Vec<_> = histogram
        .bucket
        .iter()
        .map(|b| (b.upper_bound, id(b.exemplar.as_ref().unwrap())))
        .collect();
    assert_eq!(
        buckets,
        [(0.01, FIRST.to_owned()), (f64::INFINITY, SECOND.to_owned())]
    );
    let native: Vec<_> = histogram
        .exemplars
        .iter()
        .map(|e| (id(e), e.value))
        .collect();
    assert_eq!(
        native,
        [(FIRST.to_owned(), 0.005), (SECOND.to_owned(), 7.0)]
    );
    let error = metric("dubbo_provider_errors_total").counter.unwrap();
    assert_eq!(id(&error.exemplar.unwrap()), SECOND);
}
