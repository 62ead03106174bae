//! Prometheus is away; scrapes come by the thousand.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use e2e::Scrape;
use test_servers::{LONG, Prometheus, eventually, prometheus_pull};
use tokio::time::{Instant, sleep};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::Stage;

/// Scrapes at a time.
const AT_A_TIME: usize = 50;

pub(crate) async fn away(length: Length) -> Report {
    let mut stage = Stage::start().await;
    let config = prometheus_pull(&stage.zookeeper.address(), &stage.gateway.address());
    let mut prometheus = Prometheus::start(&config).await;
    const ANSWERED: &str = "sum(dubbo_provider_requests_succeed_total)";
    let read = async |prometheus: &Prometheus| {
        let samples = prometheus.query(ANSWERED).await;
        samples.first().map_or(0.0, |sample| sample.value)
    };
    eventually(LONG, "both servers are scraped", async || {
        let up = prometheus.query("sum(up{job=\"dubbo\"})").await;
        up.first().is_some_and(|up| up.value == 2.0)
    })
    .await;
    let before = read(&prometheus).await;
    let outage = length.seconds(3, 20);
    let mut report = Report::new(format!("SIGKILL, back after {outage:?}"));
    prometheus.kill();
    sleep(outage).await;
    stage.calls_go_on().await;
    prometheus.restart().await;
    let fresh = eventually(LONG, "fresh figures", async || {
        read(&prometheus).await > before
    });
    report.recovers(fresh).await;
    stage.settle(&mut report).await;
    report.promise(report.failed == 0, "no call fails");
    let succeeded = stage.client.summary().succeeded as f64;
    eventually(LONG, "Prometheus knows of every call", async || {
        let known = read(&prometheus).await;
        if known == succeeded {
            Ok(())
        } else {
            Err(format!("{known} of {succeeded}"))
        }
    })
    .await;
    report
}

pub(crate) async fn storm(length: Length) -> Report {
    let stage = Stage::start().await;
    let scrapes = length.of(1_000, 10_000);
    let mut report = Report::new(format!("{scrapes} scrapes, {AT_A_TIME} at a time"));
    let url = stage.servers[0].metrics_url().await;
    let left = Arc::new(AtomicUsize::new(scrapes));
    let mut scrapers = tokio::task::JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (url, left) = (url.clone(), Arc::clone(&left));
        scrapers.spawn(async move {
            let mut calls = 0.0;
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
            {
                let scrape = Scrape::get(&url).await;
                let now = scrape.value("dubbo_provider_requests_total");
                let sum = scrape.value("dubbo_provider_requests_succeed_total")
                    + scrape.value("dubbo_provider_requests_failed_total");
                assert_eq!(now, sum, "a scrape adds up");
                assert!(now >= calls, "no counter steps back: {now} after {calls}");
                calls = now;
            }
        });
    }
    let begin = Instant::now();
    while let Some(scraper) = scrapers.join_next().await {
        if let Err(error) = scraper {
            report.promise(false, format!("every scrape is whole: {error}"));
        }
    }
    report.note(&format!(" in {:.1?}", begin.elapsed()));
    report.recovers(stage.calls_go_on()).await;
    stage.unharmed(report).await
}
