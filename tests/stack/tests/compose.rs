//! The compose file is accepted from both folders, pins what it runs, and mounts what is there.

use std::process::Command;

use serde_json::Value;
use stack::{list, path, string, text, tool, yaml};
use test_servers::refusing;

/// Returns the configuration as docker-compose reads it, with every profile.
fn config(folder: &str) -> Value {
    config_with(folder, &[])
}

/// Returns the configuration with these variables set.
fn config_with(folder: &str, variables: &[(&str, &str)]) -> Value {
    let output = Command::new("docker-compose")
        .args(["--profile", "apps", "config"])
        .current_dir(path(folder))
        .envs(variables.iter().copied())
        .output()
        .expect("docker-compose starts; apt-get install --no-install-recommends docker-compose");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    yaml_serde::from_slice(&output.stdout).expect("it prints YAML")
}

fn services(config: &Value) -> impl Iterator<Item = (&String, &Value)> {
    config["services"]
        .as_object()
        .expect("there are services")
        .iter()
}

fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().filter_map(Value::as_str).collect()
}

/// Returns the host paths that a service mounts, with where it sees them.
fn mounts(service: &Value) -> Vec<(&str, &str)> {
    texts(&service["volumes"])
        .into_iter()
        .filter(|volume| volume.starts_with('/'))
        .map(|volume| {
            let mut parts = volume.split(':');
            (
                parts.next().unwrap_or_default(),
                parts.next().unwrap_or_default(),
            )
        })
        .collect()
}

#[test]
fn the_stack_is_the_same_from_the_top_and_from_its_folder() {
    assert_eq!(
        text(".env"),
        "COMPOSE_FILE=prometheus_grafana/docker-compose.yml\n"
    );
    assert_eq!(config("."), config("prometheus_grafana"));
}

#[test]
fn every_image_is_pinned_and_can_be_replaced() {
    let file = yaml("prometheus_grafana/docker-compose.yml");
    for (name, service) in services(&file) {
        let image = string(&service["image"]);
        let variable = format!("${{{}_IMAGE:-", name.to_uppercase());
        assert!(
            image.starts_with(&variable),
            "{name}: {image} should begin with {variable}"
        );
        let tag = image
            .trim_end_matches('}')
            .rsplit_once(':')
            .map_or("", |(_, tag)| tag);
        let numbers = tag
            .trim_start_matches('v')
            .split('.')
            .filter(|part| part.parse::<u32>().is_ok())
            .count();
        assert_eq!(
            numbers, 3,
            "{name}: {tag} should name a version down to its patch"
        );
    }
    for line in text("Dockerfile")
        .lines()
        .filter(|line| line.starts_with("FROM ") && line.contains(':'))
    {
        assert!(
            line.contains(|c: char| c.is_ascii_digit()) && !line.contains("latest"),
            "{line}"
        );
    }
}

/// One version of each, in the compose file, in the manifests and in the table that says why.
#[test]
fn versions_are_the_same_everywhere_and_have_a_date_and_a_reason() {
    let file = yaml("prometheus_grafana/docker-compose.yml");
    let readme = text("prometheus_grafana/README.md");
    let mut manifests = String::new();
    for name in ["base/zookeeper.yaml", "push/gateway/pushgateway.yaml"] {
        manifests += &text(&format!("kubernetes/{name}"));
    }
    let mut outside = 0;
    for (name, service) in services(&file) {
        let image = string(&service["image"]);
        let (_, image) = image.split_once(":-").expect("it has a default");
        let image = image.trim_end_matches('}');
        let (repository, version) = image.rsplit_once(':').expect("it has a version");
        if repository.starts_with("dubbo-rust") {
            continue;
        }
        outside += 1;
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{image}` |")));
        let row = row.unwrap_or_else(|| panic!("{name}: the table of versions has no {image}"));
        assert!(
            row.contains("2026-") && row.len() > 60,
            "{row} should have a date and a reason"
        );
        for (at, _) in manifests.match_indices(&format!("image: {repository}:")) {
            let line = manifests[at..].lines().next().unwrap_or_default();
            assert!(
                line.ends_with(version),
                "{line} should be the {version} of the compose file"
            );
        }
    }
    assert_eq!(outside, 5);
}

#[test]
fn every_service_is_watched_and_bounded() {
    let config = config(".");
    assert_eq!(services(&config).count(), 8);
    for (name, service) in services(&config) {
        assert!(
            !texts(&service["healthcheck"]["test"]).is_empty(),
            "{name} has no healthcheck"
        );
        assert!(
            service["mem_limit"].is_string(),
            "{name} has no memory limit"
        );
        assert_eq!(
            service["logging"]["options"]["max-size"], "10m",
            "{name} should rotate its log"
        );
        assert_eq!(
            service["restart"], "unless-stopped",
            "{name} should start again"
        );
        for dependency in service["depends_on"].as_object().into_iter().flatten() {
            assert_eq!(
                dependency.1["condition"], "service_healthy",
                "{name} should wait for {}",
                dependency.0
            );
        }
    }
}

#[test]
fn only_the_known_ports_are_opened_and_only_on_this_host() {
    let config = config(".");
    let mut ports: Vec<_> = services(&config)
        .flat_map(|(name, service)| {
            texts(&service["ports"])
                .into_iter()
                .map(move |port| (name.as_str(), port))
        })
        .collect();
    ports.sort_unstable();
    assert_eq!(
        ports,
        [
            ("alertmanager", "127.0.0.1:9093:9093/tcp"),
            ("grafana", "127.0.0.1:3000:3000/tcp"),
            ("prometheus", "127.0.0.1:9090:9090/tcp"),
            ("pushgateway", "127.0.0.1:9091:9091/tcp"),
            ("zookeeper", "127.0.0.1:2181:2181/tcp"),
        ]
    );
}

#[test]
fn addresses_of_the_host_can_be_of_either_family() {
    for (address, published) in [("0.0.0.0", "0.0.0.0:9090"), ("[::1]", "::1:9090")] {
        let config = config_with(".", &[("BIND", address), ("HOST_GATEWAY", "fd00::1")]);
        let prometheus = &config["services"]["prometheus"];
        assert_eq!(
            texts(&prometheus["ports"]),
            [format!("{published}:9090/tcp")]
        );
        assert_eq!(
            texts(&prometheus["extra_hosts"]),
            ["host.docker.internal:fd00::1"]
        );
    }
}

#[test]
fn what_is_mounted_is_there_and_can_not_be_written_to() {
    let config = config(".");
    let all: Vec<_> = services(&config)
        .flat_map(|(_, service)| mounts(service))
        .collect();
    assert_eq!(all.len(), 7, "{all:?}");
    for (host, _) in all {
        assert!(
            std::path::Path::new(host).exists(),
            "{host} is mounted and not there"
        );
    }
    for (name, service) in services(&config) {
        for volume in texts(&service["volumes"])
            .iter()
            .filter(|volume| volume.starts_with('/'))
        {
            assert!(
                volume.ends_with(":ro,z"),
                "{name} should not write to {volume}, and read it under SELinux"
            );
        }
    }
}

#[test]
fn prometheus_talks_to_services_of_this_network() {
    let config = config(".");
    let configuration = text("prometheus_pull.yml");
    for (service, port) in [
        ("zookeeper", 2181),
        ("pushgateway", 9091),
        ("alertmanager", 9093),
    ] {
        assert!(
            configuration.contains(&format!("'{service}:{port}'")),
            "Prometheus does not know {service}:{port}"
        );
        let ports = texts(&config["services"][service]["ports"]);
        assert!(
            ports
                .iter()
                .any(|line| line.ends_with(&format!(":{port}/tcp"))),
            "{service} does not serve {port}: {ports:?}"
        );
    }
    let prometheus = &config["services"]["prometheus"];
    assert_eq!(
        texts(&prometheus["extra_hosts"]),
        ["host.docker.internal:host-gateway"]
    );
    let mounted: Vec<_> = mounts(prometheus)
        .into_iter()
        .map(|(_, inside)| inside)
        .collect();
    // Rules are named relative to the configuration.
    assert_eq!(
        mounted,
        ["/etc/prometheus/prometheus.yml", "/etc/prometheus/rules"]
    );
}

#[test]
fn grafana_finds_its_data_source_and_the_dashboard_at_home() {
    let config = config(".");
    let grafana = &config["services"]["grafana"];
    let home = string(&grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]);
    let dashboard = mounts(grafana)
        .into_iter()
        .find(|(_, inside)| *inside == home);
    assert!(
        dashboard.is_some_and(|(host, _)| host.ends_with("/grafana.json")),
        "{dashboard:?} at {home}"
    );
    let provider = &yaml("prometheus_grafana/grafana/dashboards/dubbo.yml")["providers"][0];
    let folder = string(&provider["options"]["path"]);
    assert!(home.starts_with(folder), "{folder} should hold {home}");

    let sources = yaml("prometheus_grafana/grafana/datasources/prometheus.yml");
    let source = &sources["datasources"][0];
    assert_eq!(source["uid"], "prometheus", "the uid is fixed");
    assert_eq!(source["url"], "http://prometheus:9090");
    let seconds = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.trim_end_matches('s').parse::<u32>().ok())
    };
    let interval = seconds(&source["jsonData"]["timeInterval"]).expect("it is in seconds");
    let scrape = seconds(&yaml("prometheus_pull.yml")["global"]["scrape_interval"])
        .expect("it is in seconds");
    assert!(
        interval >= scrape && interval >= 10,
        "{interval} s is shorter than the scrape interval ({scrape} s) or that of pushes (10 s)"
    );
}

#[test]
fn alertmanager_accepts_its_configuration() {
    tool(
        "amtool",
        "prometheus-alertmanager",
        ["check-config", "prometheus_grafana/alertmanager.yml"],
    );
}

#[tokio::test]
async fn healthchecks_ask_no_proxy() {
    let server = refusing(200).await;
    let config = config(".");
    let mut asked = 0;
    for (name, service) in services(&config) {
        let test = texts(&service["healthcheck"]["test"]);
        let Some((program, options)) = test[1..].split_first().filter(|(tool, _)| **tool == "wget")
        else {
            continue;
        };
        let options = options.iter().map(|option| {
            let path = option.strip_prefix("http://127.0.0.1:");
            let path = path.and_then(|rest| rest.find('/').map(|at| &rest[at..]));
            path.map_or((*option).to_owned(), |path| {
                format!("http://{server}{path}")
            })
        });
        let mut command = tokio::process::Command::new(program);
        command.args(options).args(["-t", "1"]);
        command.env("http_proxy", "http://127.0.0.1:1");
        let output = command.output().await.expect("wget is installed");
        assert!(output.status.success(), "{name}: {output:?}");
        asked += 1;
    }
    assert_eq!(asked, 7);
}

/// Docker puts both spellings into containers, and Go programs look at the capitals first, ours and curl at the other.
#[test]
fn who_asks_another_service_asks_no_proxy() {
    let config = config(".");
    for (name, asked) in [
        ("grafana", &["prometheus", "host.docker.internal"][..]),
        ("server", &["pushgateway"]),
        ("client", &["pushgateway"]),
        ("cleaner", &["pushgateway"]),
    ] {
        let environment = &config["services"][name]["environment"];
        for variable in ["no_proxy", "NO_PROXY"] {
            let without: Vec<_> = string(&environment[variable]).split(',').collect();
            assert_eq!(without, asked, "{name} {variable}");
        }
    }
}
