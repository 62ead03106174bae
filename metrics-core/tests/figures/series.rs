//! Which series there are: their identity, their bounds, and what they show without calls.

use crate::scrape::Scrape;
use metrics_core::{
    Application, Config, KnownService, MAX_NAME, MethodKey, Metrics, Outcome, Side, UNKNOWN_METHOD,
};

fn key(interface: &str, method: &str, group: &str, version: &str) -> MethodKey {
    MethodKey {
        group: group.into(),
        version: version.into(),
        ..MethodKey::new(interface, method)
    }
}

pub(crate) fn call(metrics: &Metrics, key: &MethodKey, times: usize) {
    let method = metrics.method(Side::Provider, key);
    for _ in 0..times {
        method.start().end(Outcome::SUCCESS);
    }
}

#[test]
fn values_that_look_alike_when_put_together_stay_apart() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    let keys = [
        key("x", "m", "", "1.0.0"),
        key("x", "m", "1.0.0", ""),
        key("ab", "c", "", ""),
        key("a", "bc", "", ""),
        key("x", "m", "a\"b", "\\"),
        key("x", "m", "a", "\"b\\"),
        key("x\n", "m", "a,b=\"c\"", "}"),
    ];
    for (times, key) in keys.iter().enumerate() {
        call(&metrics, key, times + 1);
    }
    let figures = metrics.figures(Side::Provider);
    let counted: Vec<_> = figures
        .iter()
        .map(|figures| (figures.key.clone(), figures.outcomes.total()))
        .collect();
    let expected: Vec<_> = keys.iter().cloned().zip(1..).collect();
    assert_eq!(counted, expected);
    let text = metrics.text();
    for (labels, times) in [
        (
            r#"group="",hostname="",interface="x",ip="",method="m",version="1.0.0"} 1"#,
            1,
        ),
        (
            r#"group="1.0.0",hostname="",interface="x",ip="",method="m",version=""} 2"#,
            2,
        ),
        (
            r#"group="a\"b",hostname="",interface="x",ip="",method="m",version="\\"} 5"#,
            5,
        ),
        (
            r#"group="a,b=\"c\"",hostname="",interface="x\n",ip="",method="m",version="}"} 7"#,
            7,
        ),
    ] {
        let found = text.lines().filter(|line| {
            line.starts_with("dubbo_provider_requests_total{") && line.ends_with(labels)
        });
        assert_eq!(found.count(), 1, "series {times}:\n{text}");
    }
}

#[test]
fn ten_thousand_interfaces_stay_within_the_cap_and_no_call_is_lost() {
    let metrics = Metrics::new(Config::default().series_cap(100)).expect("legal");
    for n in 0..10_000 {
        call(
            &metrics,
            &MethodKey::new(&format!("flood.Interface{n}"), "m"),
            1,
        );
    }
    let figures = metrics.figures(Side::Provider);
    assert_eq!(
        figures.len(),
        101,
        "the cap, and the one that all others share"
    );
    assert_eq!(
        figures
            .iter()
            .map(|figures| figures.outcomes.total())
            .sum::<u64>(),
        10_000,
        "the total is exact"
    );
    let scrape = Scrape::of(&metrics);
    assert_eq!(scrape.value("dubbo_metrics_series_folded_total"), 9_900.0);
    let other: f64 = scrape
        .matching(
            "dubbo_provider_requests_total",
            "interface=\"other\",ip=\"\",method=\"other\"",
        )
        .sum();
    assert_eq!(other, 9_900.0);
    assert_eq!(
        metrics
            .method(Side::Provider, &MethodKey::new("late", "m"))
            .key()
            .interface
            .as_ref(),
        "other"
    );
}

#[test]
fn names_without_measure_share_the_series_of_all_others() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    let longest = "x".repeat(MAX_NAME);
    call(&metrics, &MethodKey::new("a", &longest), 1);
    let oversized = "x".repeat(MAX_NAME + 1);
    let mut keys = vec![
        MethodKey::new(&oversized, "m"),
        MethodKey::new("a", &oversized),
    ];
    keys.push(KnownService::new("a", []).group(&oversized).key("m"));
    keys.push(KnownService::new("a", []).version(&oversized).key("m"));
    for key in &keys {
        call(&metrics, key, 1);
    }
    let folded = Scrape::of(&metrics).value("dubbo_metrics_series_folded_total");
    assert_eq!(folded, 4.0);
    let figures = metrics.figures(Side::Provider);
    let calls: u64 = figures.iter().map(|figures| figures.outcomes.total()).sum();
    assert_eq!(calls, 5, "the total is exact");
    let text = metrics.text();
    assert!(text.contains(&longest) && !text.contains(&oversized));
}

#[test]
fn both_sides_fold_into_series_of_their_own() {
    let metrics = Metrics::new(Config::default().series_cap(1)).expect("legal");
    call(&metrics, &MethodKey::new("a", "m"), 1);
    call(&metrics, &MethodKey::new("b", "m"), 2);
    let consumer = metrics.method(Side::Consumer, &MethodKey::new("b", "m"));
    consumer.start().end(Outcome::SUCCESS);
    assert_eq!(
        (consumer.side(), &*consumer.key().interface),
        (Side::Consumer, "other")
    );
    assert_eq!(
        Scrape::of(&metrics).value("dubbo_metrics_series_folded_total"),
        3.0
    );
}

#[test]
fn known_methods_stand_there_with_zeros_before_their_first_call() {
    let metrics = Metrics::new(Config::default()).expect("legal");
    metrics_core::ProviderLayer::new(&metrics, &[KnownService::new("x.Y", ["A", "B"])]);
    let scrape = Scrape::of(&metrics);
    for name in [
        "requests_total",
        "requests_failed_total",
        "requests_timeout_total",
        "requests_processing_total",
        "qps_total",
    ] {
        let values: Vec<_> = scrape.all(&format!("dubbo_provider_{name}")).collect();
        assert_eq!(values, [0.0, 0.0], "{name}");
    }
    assert_eq!(
        scrape
            .matching("dubbo_provider_errors_total", "error_type=\"business\"")
            .collect::<Vec<_>>(),
        [0.0, 0.0]
    );
    assert_eq!(
        scrape
            .matching("dubbo_provider_requests_total", UNKNOWN_METHOD)
            .count(),
        0,
        "no call came"
    );
    assert!(
        scrape
            .all("dubbo_provider_rt_milliseconds_p99")
            .all(f64::is_nan),
        "no quantile of nothing"
    );
}

#[test]
fn the_labels_say_who_measures() {
    let application = Application::new("shop")
        .version("1.2")
        .hostname("h")
        .ip("10.0.0.1");
    let metrics = Metrics::new(Config::default().application(application)).expect("legal");
    call(&metrics, &key("x.Y", "Z", "g", "v"), 1);
    let text = metrics.text();
    let expected = [
        r#"dubbo_provider_requests_total{application_name="shop",application_version="1.2",group="g",hostname="h",interface="x.Y",ip="10.0.0.1",method="Z",version="v"} 1"#,
        r#"dubbo_application_info_total{application_name="shop",application_version="1.2",git_commit_id="",hostname="h",ip="10.0.0.1"} 1"#,
    ];
    for line in expected {
        assert!(text.lines().any(|l| l == line), "{line} is missing");
    }
}
