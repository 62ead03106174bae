//! What is counted is what happened.

use e2e::{Program, Scrape};
use test_servers::{LONG, Pushgateway, ZooKeeper};

const CALLS: u64 = 400;

/// What the calls' outcomes imply for one side's families.
struct Expected {
    succeeded: f64,
    business: f64,
}

#[tokio::test]
async fn every_family_of_both_sides_is_what_the_calls_imply() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    // The last push of each process holds its final figures.
    let push = [
        "--pushgateway-url",
        &gateway.url(),
        "--push-interval",
        "1h",
        "--delete-on-exit=false",
    ];
    let mut server = Program::start(Program::server(&zookeeper.address()).args(push).args([
        "--error-rate",
        "0.25",
        "--delay",
        "2ms",
    ]));
    let mut client = Program::start(Program::client(&zookeeper.address()).args(push).args([
        "--count",
        &CALLS.to_string(),
        "--concurrency",
        "4",
        "--interval",
        "0s",
    ]));
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    server.stop().await;

    let output = client.stdout();
    let business = output
        .lines()
        .filter(|line| line.contains("random error"))
        .count() as u64;
    let expected = Expected {
        succeeded: client.greetings() as f64,
        business: business as f64,
    };
    assert_eq!(
        client.greetings() as u64 + business,
        CALLS,
        "one line for each call:\n{output}"
    );
    assert!(business > 0, "of {CALLS} calls, a quarter fails");
    let summary = client.summary();
    assert_eq!(
        (summary.calls, summary.failed),
        (CALLS, business),
        "{}",
        summary.line
    );

    let figures = Scrape(gateway.samples().await);
    let consumer = figures.of(&[("job", "dubbo_client")]);
    let provider = figures.of(&[("job", "dubbo_server")]);
    expect(&consumer, "consumer", "dubbo-rust-client", &expected);
    expect(&provider, "provider", "dubbo-rust-server", &expected);

    assert_eq!(
        consumer
            .of(&[("outcome", "ok")])
            .value("dubbo_consumer_attempts_total")
            + consumer
                .of(&[("outcome", "failed")])
                .value("dubbo_consumer_attempts_total"),
        CALLS as f64,
        "a business error is no reason for another attempt"
    );
    let faster = provider.value("dubbo_provider_rt_milliseconds_sum");
    let slower = consumer.value("dubbo_consumer_rt_milliseconds_sum");
    assert!(
        faster < slower,
        "a consumer waits for more than its provider does: {faster} {slower}"
    );
}

fn expect(scrape: &Scrape, side: &str, application: &str, expected: &Expected) {
    let calls = CALLS as f64;
    let family = |suffix: &str| scrape.value(&format!("dubbo_{side}_{suffix}"));

    for (suffix, value) in [
        ("requests_total", calls),
        ("requests_succeed_total", expected.succeeded),
        ("requests_failed_total", expected.business),
        ("requests_business_failed_total", expected.business),
        ("requests_timeout_total", 0.0),
        ("requests_limit_total", 0.0),
        ("requests_failed_service_unavailable_total", 0.0),
        ("requests_unknown_failed_total", 0.0),
    ] {
        assert_eq!(family(suffix), value, "{side} {suffix}");
        let aggregate = format!("{suffix}_aggregate");
        assert_eq!(family(&aggregate), value, "{side} {aggregate}");
    }
    assert_eq!(
        family("requests_processing_total"),
        0.0,
        "{side}: nothing is in flight"
    );
    assert!(
        family("qps_total") > 0.0,
        "{side}: the calls are in the window"
    );

    let errors = scrape.of(&[("error_type", "business"), ("error_code", "17")]);
    let name = format!("dubbo_{side}_errors_total");
    assert_eq!(errors.value(&name), expected.business, "{side}: {name}");
    assert_eq!(
        scrape.value(&name),
        expected.business,
        "{side}: no other error"
    );

    response_times(scrape, side);

    let total = format!("dubbo_{side}_requests_total");
    for (label, value) in [
        ("application_name", application),
        ("interface", "greet.GreetService"),
        ("method", "Greet"),
        ("group", ""),
        ("version", ""),
        ("ip", "127.0.0.1"),
    ] {
        assert_eq!(
            scrape.of(&[(label, value)]).sum(&total),
            Some(calls),
            "{label}={value}"
        );
    }
    assert_eq!(
        scrape
            .of(&[("application_name", application)])
            .sum("dubbo_application_info_total"),
        Some(1.0)
    );
    let pushed = scrape.value("job_pushed_at_seconds");
    let received = scrape.value("push_time_seconds");
    assert!(
        (received - pushed).abs() < 30.0,
        "made at {pushed}, received at {received}"
    );
}

/// Checks the families of the response time against each other.
fn response_times(scrape: &Scrape, side: &str) {
    let calls = CALLS as f64;
    let family = |suffix: &str| scrape.value(&format!("dubbo_{side}_{suffix}"));
    let (sum, average) = (family("rt_milliseconds_sum"), family("rt_milliseconds_avg"));
    let (least, most) = (family("rt_milliseconds_min"), family("rt_milliseconds_max"));
    assert!(
        (sum / calls - average).abs() < 0.001,
        "{side}: {sum} / {calls} is {average}"
    );
    assert!(
        0.0 < least && least <= average && average <= most,
        "{side}: {least} {average} {most}"
    );
    let last = family("rt_milliseconds_last");
    assert!(
        least <= last && last <= most,
        "{side}: {least} {last} {most}"
    );

    // Windowed figures are read from buckets, which are at most 1.6 % wide.
    let near = |value: f64, exact: f64| (value / exact - 1.0).abs() < 0.02;
    assert!(
        near(family("rt_avg_milliseconds_aggregate"), average),
        "{side}"
    );
    assert!(
        near(family("rt_min_milliseconds_aggregate"), least),
        "{side}"
    );
    assert!(
        near(family("rt_max_milliseconds_aggregate"), most),
        "{side}"
    );
    let quantiles = ["p50", "p90", "p95", "p99"].map(|q| family(&format!("rt_milliseconds_{q}")));
    assert!(quantiles.is_sorted(), "{side}: {quantiles:?}");
    assert!(
        least * 0.98 <= quantiles[0] && quantiles[3] <= most * 1.02,
        "{side}: {quantiles:?}"
    );

    assert_eq!(family("request_duration_seconds_count"), calls, "{side}");
    let seconds = family("request_duration_seconds_sum");
    assert!(
        (seconds * 1000.0 - sum).abs() < 0.001 * sum,
        "{side}: {seconds} s, {sum} ms"
    );
    let name = format!("dubbo_{side}_request_duration_seconds_bucket");
    let mut buckets: Vec<(f64, f64)> = scrape
        .0
        .iter()
        .filter(|sample| sample.name() == name)
        .map(|sample| {
            (
                sample
                    .label("le")
                    .replace("+Inf", "inf")
                    .parse()
                    .expect("a bound is a number"),
                sample.value,
            )
        })
        .collect();
    buckets.sort_by(|(a, _), (b, _)| a.total_cmp(b));
    assert!(
        buckets.is_sorted_by(|(_, a), (_, b)| a <= b),
        "{side}: {buckets:?}"
    );
    assert_eq!(buckets.last(), Some(&(f64::INFINITY, calls)), "{side}");
}
