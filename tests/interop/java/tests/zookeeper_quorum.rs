//! What ZooKeeper's own Prometheus provider says without a majority, and what the rules make of it.

use std::collections::BTreeMap;

use test_servers::{Ensemble, LONG, Prometheus, ZooKeeperSettings, eventually, free_port};

const PROVIDER: &str = "org.apache.zookeeper.metrics.prometheus.PrometheusMetricsProvider";

/// Starts a Prometheus with the rules, which scrapes these ports each second.
async fn observe(ports: &[u16]) -> Prometheus {
    let targets: Vec<_> = ports
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n\
         rule_files: [rules/*.yml]\n\
         scrape_configs:\n- job_name: zookeeper\n  static_configs: [{{targets: {targets:?}}}]\n"
    );
    Prometheus::start_with_files(&config, &stack::short_rules()).await
}

/// Waits until each server serves clients, or does not, and returns the alerts that are there then, pending or firing.
async fn alerts(prometheus: &Prometheus, serving: &BTreeMap<String, bool>) -> Vec<String> {
    eventually(LONG, &format!("Prometheus sees {serving:?}"), async || {
        let samples = prometheus.query("dubbo:zookeeper_serving").await;
        let seen: BTreeMap<_, _> = samples
            .iter()
            .map(|sample| (sample.labels["instance"].clone(), sample.value == 1.0))
            .collect();
        if seen != *serving {
            return Err(format!("{seen:?}"));
        }
        // An evaluation of the alerts after that of the series they stand on.
        let down = prometheus
            .query("count(dubbo:zookeeper_serving == 0) or vector(0)")
            .await;
        let pending = prometheus
            .query(r#"count(ALERTS{alertname="DubboZooKeeperDown"}) or vector(0)"#)
            .await;
        if down[0].value == pending[0].value {
            Ok(())
        } else {
            Err(format!("{pending:?}"))
        }
    })
    .await;
    let alerts = prometheus
        .query(r#"count by (alertname) (ALERTS{alertname=~"DubboZooKeeper.+"})"#)
        .await;
    alerts
        .iter()
        .map(|alert| format!("{} {}", alert.labels["alertname"], alert.value))
        .collect()
}

#[tokio::test]
async fn servers_without_a_majority_serve_no_clients_though_they_answer() {
    let ports: Vec<u16> = (0..3).map(|_| free_port()).collect();
    let jars = interop_java::zookeeper("3.9");
    let mut ensemble = Ensemble::start_with(|number| ZooKeeperSettings {
        jars: jars.clone(),
        lines: vec![
            format!("metricsProvider.className={PROVIDER}"),
            "metricsProvider.httpHost=127.0.0.1".to_owned(),
            format!("metricsProvider.httpPort={}", ports[number]),
        ],
        ..ZooKeeperSettings::default()
    })
    .await;
    ensemble.whole().await;
    let prometheus = observe(&ports).await;
    let serving = |answers: [bool; 3]| -> BTreeMap<String, bool> {
        let instances = ports.iter().map(|port| format!("127.0.0.1:{port}"));
        instances.zip(answers).collect()
    };
    let found = alerts(&prometheus, &serving([true; 3])).await;
    assert!(found.is_empty(), "{found:?}");

    // One that the others do not reach answers Prometheus, and serves no clients. It is no leader: a new one might take a minute to be elected.
    let leader = ensemble.leader().await;
    let (cut_off, killed) = ((leader + 1) % 3, (leader + 2) % 3);
    ensemble.cut_off(cut_off);
    let found = alerts(
        &prometheus,
        &serving([0, 1, 2].map(|number| number != cut_off)),
    )
    .await;
    assert_eq!(found, ["DubboZooKeeperDown 1"]);
    let answering = prometheus.query("sum(up)").await;
    assert_eq!(answering[0].value, 3.0);

    ensemble.kill(killed);
    let found = alerts(&prometheus, &serving([false; 3])).await;
    assert_eq!(found, ["DubboZooKeeperDown 3", "DubboZooKeeperNoQuorum 1"]);
    let answering = prometheus.query("sum(up)").await;
    assert_eq!(answering[0].value, 2.0);
}
