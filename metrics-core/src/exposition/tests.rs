//! Known cases of the text format, and properties of its escaping.

use proptest::prelude::*;
use prost::Message;

use super::*;

/// Reads one rendered set of labels back, by the format's rules.
fn parse(mut text: &str) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while !text.is_empty() {
        let (name, rest) = text.split_once("=\"").expect("a name and a quotation mark");
        let mut value = String::new();
        let mut chars = rest.char_indices();
        let end = loop {
            match chars.next().expect("a closing quotation mark") {
                (at, '"') => break at,
                (_, '\\') => match chars.next().expect("something escaped").1 {
                    'n' => value.push('\n'),
                    c @ ('\\' | '"') => value.push(c),
                    c => panic!("\\{c} is no escape"),
                },
                (_, '\n') => panic!("a bare line feed"),
                (_, c) => value.push(c),
            }
        };
        pairs.push((name.to_owned(), value));
        text = rest[end + 1..].strip_prefix(',').unwrap_or("");
    }
    pairs
}

proptest! {
    #[test]
    fn label_values_survive_rendering(values in proptest::collection::vec(".*|[\\\\\"\n,={}a]{0,8}", 1..5)) {
        let names = ["a", "b", "c", "d", "e"];
        let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let read = parse(&Labels::new(pairs.clone()).text);
        let expected: Vec<_> = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn numbers_survive_rendering(value in any::<f64>()) {
        let mut text = String::new();
        write_number(&mut text, value);
        let read: f64 = text.parse().unwrap();
        prop_assert!(read == value || (read.is_nan() && value.is_nan()), "{value} is written as {text}");
    }
}

#[test]
fn known_numbers_look_as_prometheus_wants_them() {
    for (value, expected) in [
        (f64::NAN, "NaN"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (0.25, "0.25"),
        (3.0, "3"),
    ] {
        let mut text = String::new();
        write_number(&mut text, value);
        assert_eq!(text, expected);
    }
}

#[test]
fn a_family_has_help_type_and_samples() {
    let mut text = Text::default();
    text.family("calls", Type::Counter, "All \"calls\" \\ one\nline");
    text.count("calls", &Labels::one("a", "x\"y"), Labels::none(), 1);
    text.count("calls", Labels::none(), Labels::none(), 2);
    text.gauge(
        "calls",
        &Labels::one("a", ""),
        &Labels::one("le", "1"),
        f64::NAN,
    );
    let expected = "# HELP calls All \"calls\" \\\\ one\\nline\n# TYPE calls counter\n\
        calls{a=\"x\\\"y\"} 1\ncalls 2\ncalls{a=\"\",le=\"1\"} NaN\n";
    assert_eq!(text.into_string(), expected);
}

#[test]
fn openmetrics_names_counters_without_their_ending_and_says_units_beginnings_and_the_end() {
    let mut text = Text::new(Format::OpenMetrics, 0);
    text.created_seconds = Some(1.5);
    text.family("calls_total", Type::Counter, "All \"calls\"");
    text.count("calls_total", &Labels::one("a", "x"), Labels::none(), 1);
    text.family("age_seconds", Type::Gauge, "Age");
    text.gauge("age_seconds", Labels::none(), Labels::none(), 2.0);
    text.family("took_seconds", Type::Histogram, "Times");
    let bounds = [1.0, f64::INFINITY].map(|bound| (bound_label(Format::OpenMetrics, bound), bound));
    let distribution = Distribution {
        bounds: &bounds,
        counts: &[2, 1],
        sum: 4.5,
        native: None,
        newest: &[],
        exemplars: None,
    };
    text.histogram("took_seconds", Labels::none(), &distribution);
    let expected = "# HELP calls All \\\"calls\\\"\n# TYPE calls counter\ncalls_total{a=\"x\"} 1\ncalls_created{a=\"x\"} 1.5\n\
        # HELP age_seconds Age\n# TYPE age_seconds gauge\n# UNIT age_seconds seconds\nage_seconds 2\n\
        # HELP took_seconds Times\n# TYPE took_seconds histogram\n# UNIT took_seconds seconds\n\
        took_seconds_bucket{le=\"1.0\"} 2\ntook_seconds_bucket{le=\"+Inf\"} 3\ntook_seconds_sum 4.5\ntook_seconds_count 3\n\
        took_seconds_created 1.5\n# EOF\n";
    assert_eq!(String::from_utf8(text.finish()).unwrap(), expected);
}

proptest! {
    #[test]
    fn labels_survive_the_way_into_messages(values in proptest::collection::vec(".*|[\\\\\"\n,={}a]{0,8}", 1..5)) {
        let names = ["a", "b", "c", "d", "e"];
        let pairs: Vec<_> = names.into_iter().zip(values.iter().map(String::as_str)).collect();
        let read: Vec<_> = protobuf::Metric::decode(Labels::new(pairs.clone()).message())
            .unwrap()
            .label
            .into_iter()
            .map(|pair| (pair.name, pair.value))
            .collect();
        let expected: Vec<_> = pairs
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        prop_assert_eq!(read, expected);
    }
}
