//! Every variable that a manifest or the compose file sets is one that the program reads, and the ports are its defaults.

use std::collections::BTreeMap;

use e2e::Program;
use serde_json::Value;
use stack::{list, objects, string, template, yaml};

/// Returns the default of an option, as `--help` shows it.
fn default(help: &str, option: &str) -> String {
    let (_, after) = help
        .split_once(&format!("{option} <"))
        .unwrap_or_else(|| panic!("there is no {option}"));
    let (_, after) = after
        .split_once("[default: ")
        .unwrap_or_else(|| panic!("{option} has no default"));
    // An address of IPv6 has brackets of its own, so the bracket that ends the line counts.
    let line = after.lines().next().unwrap_or_default();
    line.trim_end().trim_end_matches(']').to_owned()
}

/// Returns whether the program reads this variable; a password's is named in a text, since no option carries it, and `no_proxy` is read
/// in both spellings by all that push or delete, as curl reads it (`tests/e2e/tests/proxies.rs`).
fn reads(help: &str, variable: &str) -> bool {
    help.contains(&format!("[env: {variable}]"))
        || ["no_proxy", "NO_PROXY"].contains(&variable)
        || (["PUSHGATEWAY_PASS", "METRICS_PASS"].contains(&variable) && help.contains(variable))
}

/// Returns the containers of all manifests that run one of our programs, by the program.
fn containers() -> Vec<(String, Value)> {
    let objects = ["kubernetes", "kubernetes/push/daemon"]
        .into_iter()
        .flat_map(objects)
        .collect::<Vec<_>>();
    let templates = objects.iter().map(template);
    let containers = templates.flat_map(|template| list(&template["spec"]["containers"]).to_vec());
    containers
        .filter_map(|container| {
            let program = ["server", "client", "pgw-cleaner"]
                .into_iter()
                .find(|program| string(&container["image"]).contains(program))?;
            Some((program.to_owned(), container))
        })
        .collect()
}

#[test]
fn every_variable_of_a_manifest_is_read_by_its_program() {
    let containers = containers();
    assert!(containers.len() >= 2, "{containers:?}");
    for (program, container) in containers {
        let help = Program::help(&program);
        for variable in list(&container["env"]) {
            assert!(
                reads(&help, string(&variable["name"])),
                "{program} does not read {}",
                variable["name"]
            );
        }
    }
}

#[test]
fn every_variable_of_the_compose_file_is_read_by_its_program() {
    let compose = yaml("prometheus_grafana/docker-compose.yml");
    for (service, program) in [
        ("server", "server"),
        ("client", "client"),
        ("cleaner", "pgw-cleaner"),
    ] {
        let help = Program::help(program);
        let variables = compose["services"][service]["environment"]
            .as_object()
            .expect("variables are set");
        for name in variables.keys() {
            assert!(reads(&help, name), "{program} does not read {name}");
        }
    }
}

#[test]
fn ports_of_manifests_and_images_are_the_defaults() {
    let mut defaults = BTreeMap::new();
    for program in ["server", "client"] {
        let address = default(&Program::help(program), "--metrics-addr");
        let port: u64 = address
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("an address has a port");
        defaults.insert((program.to_owned(), "metrics".to_owned()), port);
    }
    let triple = default(&Program::help("server"), "--port")
        .parse()
        .expect("a port is a number");
    defaults.insert(("server".to_owned(), "triple".to_owned()), triple);
    for (program, container) in containers() {
        for port in list(&container["ports"]) {
            let key = (program.clone(), string(&port["name"]).to_owned());
            if let Some(default) = defaults.remove(&key) {
                assert_eq!(port["containerPort"], default, "{key:?}");
            }
        }
    }
    assert!(
        defaults.is_empty(),
        "ports that no manifest names: {defaults:?}"
    );
}
