//! A process that was suspended: a laptop that slept, a container that was paused.

use std::time::Duration;

use e2e::{Program, Scrape};
use test_servers::{LONG, ZooKeeper, eventually};

/// The sliding window, and how long the server stands still: two of them.
const WINDOW: &str = "2s";
const SUSPENDED: Duration = Duration::from_secs(4);

/// More calls a second than the client makes.
const MANY: f64 = 200.0;

/// Returns what the figures of the window say, or the reason why they cannot be true.
fn sane(scrape: &Scrape) -> Result<f64, String> {
    let value = |name: &str| scrape.value(&format!("dubbo_provider_{name}"));
    let (rate, calls) = (value("qps_total"), value("requests_total_aggregate"));
    let told = format!("{rate} calls/s, {calls} calls in the window");
    if !(rate > 0.0 && rate < MANY && calls > 0.0) {
        return Err(told);
    }
    let slowest = value("rt_max_milliseconds_aggregate");
    let longest = (SUSPENDED + LONG).as_millis() as f64;
    let quantile = value("rt_milliseconds_p99");
    if !(slowest >= 0.0 && slowest < longest && quantile <= slowest * 1.01) {
        return Err(format!("{told}, p99 {quantile} ms, at most {slowest} ms"));
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
        match sane(&scrape) {
            Ok(_) if scrape.value("dubbo_provider_requests_total") > resumed => Ok(()),
            told => Err(format!("{told:?}")),
        }
    })
    .await;
    client.stop().await;
    server.stop().await;
}
