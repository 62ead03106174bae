//! A process that was suspended: a laptop that slept, a container that was paused.

use std::time::Duration;

use e2e::{Program, Scrape};
use test_servers::{LONG, Pushgateway, ZooKeeper, eventually};

/// The sliding window, and how long the server stands still: two of them.
const WINDOW: &str = "2s";
const SUSPENDED: Duration = Duration::from_secs(4);

/// More calls a second than the client makes.
const MANY: f64 = 200.0;

/// Returns what the figures of this side say of the window, or the reason why they cannot be true.
fn sane(side: &str, scrape: &Scrape) -> Result<f64, String> {
    let value = |name: &str| scrape.value(&format!("dubbo_{side}_{name}"));
    let (rate, calls) = (value("qps_total"), value("requests_total_aggregate"));
    let told = format!("{rate} calls/s, {calls} calls in the window");
    if !(rate > 0.0 && rate < MANY && calls > 0.0) {
        return Err(told);
    }
    let slowest = value("rt_max_milliseconds_aggregate");
    let longest = (SUSPENDED + LONG).as_millis() as f64;
    let quantile = value("rt_milliseconds_p99");
    let last = value("rt_milliseconds_last");
    if !(slowest >= 0.0 && slowest < longest && quantile <= slowest * 1.01) {
        return Err(format!("{told}, p99 {quantile} ms, at most {slowest} ms"));
    }
    if !(0.0..longest).contains(&last) {
        return Err(format!("{told}, the last one took {last} ms"));
    }
    Ok(rate)
}

#[tokio::test]
async fn a_server_that_stood_still_for_two_windows_shows_sane_figures_at_once() {
    let zookeeper = ZooKeeper::start().await;
    let arguments = ["--push=false", "--metrics-window", WINDOW, "--delay=1ms"];
    let mut server = Program::start(Program::server(&zookeeper.address()).args(arguments));
    let direct = format!("tri://{}", server.provider_address().await);
    let mut client = Program::client(&zookeeper.address());
    client.args(["--push=false", "--interval=20ms", "--timeout=500ms"]);
    let mut client = Program::start(client.args(["--direct", &direct]));
    client.greeted(20).await;
    let url = server.metrics_url().await;
    let before = Scrape::get(&url).await;
    server.stop_process();
    // The time that passes is what is tried.
    tokio::time::sleep(SUSPENDED).await;
    server.continue_process();
    // The very first scrape: what was in the window is gone, and the long pane is divided by the time that it took.
    let first = Scrape::get(&url).await;
    let rate = first.value("dubbo_provider_qps_total");
    assert!((0.0..MANY).contains(&rate), "{rate} calls/s");
    for name in [
        "dubbo_provider_requests_total",
        "dubbo_provider_requests_succeed_total",
    ] {
        assert!(first.value(name) >= before.value(name), "{name} steps back");
    }
    let processing = first.value("dubbo_provider_requests_processing_total");
    assert!((0.0..MANY).contains(&processing), "{processing} in flight");
    // And calls go on, whose figures are true within a window.
    let resumed = first.value("dubbo_provider_requests_total");
    eventually(LONG, "sane figures of new calls", async || {
        let scrape = Scrape::get(&url).await;
        match sane("provider", &scrape) {
            Ok(_) if scrape.value("dubbo_provider_requests_total") > resumed => Ok(()),
            told => Err(format!("{told:?}")),
        }
    })
    .await;
    client.stop().await;
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_stood_still_for_two_windows_pushes_sane_figures() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let arguments = ["--push=false", "--delay=1ms"];
    let mut server = Program::start(Program::server(&zookeeper.address()).args(arguments));
    let direct = format!("tri://{}", server.provider_address().await);
    let mut client = Program::client(&zookeeper.address());
    client.args(["--metrics-window", WINDOW, "--push-interval=200ms"]);
    client.args(["--pushgateway-url", &gateway.url(), "--direct", &direct]);
    let mut client = Program::start(client.args(["--interval=20ms", "--timeout=500ms"]));
    client.greeted(20).await;
    let pushed = async || Scrape(gateway.samples().await);
    let before = eventually(LONG, "a push with calls", async || {
        let scrape = pushed().await;
        let calls = scrape.sum("dubbo_consumer_requests_total");
        if calls > Some(0.0) {
            Ok(scrape)
        } else {
            Err(calls)
        }
    })
    .await;
    client.stop_process();
    // The time that passes is what is tried.
    tokio::time::sleep(SUSPENDED).await;
    let still = pushed().await.value("job_pushed_at_seconds");
    client.continue_process();
    // No push of the time since then may say what cannot be true, from the first one on.
    let mut seen = before.value("dubbo_consumer_requests_total");
    let resumed = eventually(LONG, "sane figures of new calls", async || {
        let scrape = pushed().await;
        if scrape.value("job_pushed_at_seconds") <= still {
            return Err("no push yet".to_owned());
        }
        let rate = scrape.value("dubbo_consumer_qps_total");
        assert!((0.0..MANY).contains(&rate), "{rate} calls/s");
        let calls = scrape.value("dubbo_consumer_requests_total");
        assert!(calls >= seen, "{calls} calls after {seen}");
        let new = calls > seen;
        seen = calls;
        sane("consumer", &scrape).and_then(|rate| {
            if new {
                Ok(rate)
            } else {
                Err(format!("{rate}"))
            }
        })
    })
    .await;
    assert!(resumed > 0.0);
    client.stop().await;
    server.stop().await;
}
