//! The Prometheus configuration that we ship, for servers of this machine.

use std::process::Command;

/// Returns `prometheus_pull.yml` with the addresses of the test's servers, as `prometheus_grafana/render.sh` prints it, and
/// with scrapes so frequent that a test need not wait for one.
///
/// # Panics
///
/// When it cannot be rendered.
#[must_use]
pub fn prometheus_pull(zookeeper: &str, gateway: &str) -> String {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../prometheus_grafana/render.sh"
    );
    let output = Command::new(script)
        .env("ZOOKEEPER", zookeeper)
        .env("PUSHGATEWAY", gateway)
        .output()
        .expect("the script is executable");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let rendered = String::from_utf8(output.stdout).expect("a configuration is text");
    for server in [zookeeper, gateway] {
        assert!(
            rendered.contains(server),
            "{server} is missing in\n{rendered}"
        );
    }
    rendered
        .replace("scrape_interval: 5s", "scrape_interval: 1s")
        .replace("scrape_timeout: 4s", "scrape_timeout: 1s")
}
