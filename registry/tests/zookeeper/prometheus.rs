//! A real Prometheus finds what is announced for it.

use std::collections::BTreeMap;

use dubbo_registry::{Registry, ScrapeTarget, ZooKeeperConfig};
use test_servers::{LONG, Prometheus, ZooKeeper, eventually};

use crate::support::*;

/// Returns address and application of each target that Prometheus has.
async fn targets(prometheus: &Prometheus) -> BTreeMap<String, String> {
    let label = |labels: &BTreeMap<String, String>, name: &str| {
        labels.get(name).cloned().unwrap_or_default()
    };
    let targets = prometheus.targets().await;
    targets
        .iter()
        .map(|target| {
            (
                label(&target.labels, "instance"),
                label(&target.labels, "application"),
            )
        })
        .collect()
}

#[tokio::test]
async fn prometheus_follows_the_members_and_names_their_applications() {
    let zookeeper = ZooKeeper::start().await;
    // Members are readable even where their process has authenticated itself.
    let auth = "digest:dubbo:secret"
        .parse()
        .expect("these are credentials");
    let config = ZooKeeperConfig::new(format!("{}/apps", zookeeper.address())).auth(auth);
    let registry = connect_with(config, &Recorder::default());
    let expose = |application: &str, port| {
        registry.expose(ScrapeTarget::new(application, "127.0.0.1", port).unwrap())
    };
    let first = expose("my-app", 9099);
    first.done().await.unwrap();
    let prometheus = Prometheus::start(&format!(
        r"
global: {{ scrape_interval: 1s }}
scrape_configs:
  - job_name: dubbo
    serverset_sd_configs:
      - servers: ['{}']
        paths: ['/apps/prometheus/dubbo']
    relabel_configs:
      - source_labels: [__meta_serverset_endpoint_host_application]
        target_label: application
",
        zookeeper.address()
    ))
    .await;
    let expected = |entries: &[(&str, &str)]| {
        entries
            .iter()
            .map(|(address, name)| ((*address).to_owned(), (*name).to_owned()))
            .collect::<BTreeMap<_, _>>()
    };
    let until = async |entries: &[(&str, &str)]| {
        eventually(LONG, "Prometheus has these targets", async || {
            let found = targets(&prometheus).await;
            if found == expected(entries) {
                Ok(())
            } else {
                Err(format!("{found:?}"))
            }
        })
        .await;
    };
    until(&[("127.0.0.1:9099", "my-app")]).await;
    expose("other-app", 9097).done().await.unwrap();
    until(&[
        ("127.0.0.1:9097", "other-app"),
        ("127.0.0.1:9099", "my-app"),
    ])
    .await;
    first.withdraw().await.unwrap();
    until(&[("127.0.0.1:9097", "other-app")]).await;
    registry.close().await;
    until(&[]).await;
}
