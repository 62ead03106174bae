//! `prometheus_pull.yml` is valid, the renderer changes names only, and what ZooKeeper lists becomes a target.

use std::path::Path;
use std::process::Command;

use stack::{path, text, tool};

fn render(environment: &[(&str, &str)]) -> String {
    let output = Command::new(path("prometheus_grafana/render.sh"))
        .envs(environment.iter().copied())
        .output()
        .expect("the script starts");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("it prints text")
}

/// Checks a configuration as Prometheus finds it: with the rules beside it.
fn check(configuration: &str) {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let rules = folder.path().join("rules");
    std::os::unix::fs::symlink(path("prometheus_grafana/rules"), rules)
        .expect("the folder is ours");
    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, configuration).expect("the folder is ours");
    let printed = tool(
        "promtool",
        "prometheus",
        [Path::new("check"), Path::new("config"), &file],
    );
    assert!(
        printed.contains("rules found"),
        "the rules should be found: {printed}"
    );
}

#[test]
fn prometheus_accepts_the_configuration_as_it_is_and_rendered() {
    check(&text("prometheus_pull.yml"));
    check(&render(&[]));
}

#[test]
fn prometheus_accepts_the_static_targets_once_they_are_uncommented() {
    let with_static: String = text("prometheus_pull.yml")
        .lines()
        .map(|line| {
            line.replace("# static_configs:", "static_configs:")
                .replace("#   - targets:", "  - targets:")
                + "\n"
        })
        .collect();
    assert_ne!(
        with_static,
        text("prometheus_pull.yml"),
        "there are static targets to uncomment"
    );
    check(&with_static);
}

#[test]
fn the_renderer_replaces_the_names_of_the_compose_network_and_nothing_else() {
    let rendered = render(&[
        ("PROMETHEUS", "127.0.0.1:1090"),
        ("ZOOKEEPER", "127.0.0.1:1181"),
        ("PUSHGATEWAY", "127.0.0.1:1091"),
        ("ALERTMANAGER", "127.0.0.1:1093"),
    ]);
    let original = text("prometheus_pull.yml");
    assert_eq!(original.lines().count(), rendered.lines().count());
    let changed: Vec<_> = original
        .lines()
        .zip(rendered.lines())
        .filter(|(before, after)| before != after)
        .map(|(before, after)| (before.trim(), after.trim()))
        .collect();
    assert_eq!(
        changed,
        [
            (
                "- targets: ['alertmanager:9093']",
                "- targets: ['127.0.0.1:1093']"
            ),
            (
                "- targets: ['localhost:9090']",
                "- targets: ['127.0.0.1:1090']"
            ),
            (
                "- targets: ['alertmanager:9093']",
                "- targets: ['127.0.0.1:1093']"
            ),
            (
                "- targets: ['pushgateway:9091']",
                "- targets: ['127.0.0.1:1091']"
            ),
            (
                "- servers: ['zookeeper:2181']",
                "- servers: ['127.0.0.1:1181']"
            ),
            (
                "#   - targets: ['host.docker.internal:9099', 'host.docker.internal:9097']",
                "#   - targets: ['127.0.0.1:9099', '127.0.0.1:9097']"
            ),
            (
                "replacement: host.docker.internal:$1",
                "replacement: 127.0.0.1:$1"
            ),
        ]
    );
}
