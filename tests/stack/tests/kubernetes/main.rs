//! The manifests fit the programs and each other; their schemas are checked by `tests/stack/schemas`.

mod applying;
mod operating;

use std::collections::BTreeSet;

use serde_json::Value;
use stack::{list, string, text};

/// Returns what `kubectl apply -k kubernetes` applies, and the cleaner in its other form.
fn objects() -> Vec<Value> {
    ["kubernetes", "kubernetes/push/daemon"]
        .into_iter()
        .flat_map(stack::objects)
        .collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects
        .iter()
        .filter(|object| object["kind"] == kind)
        .collect()
}

fn named<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let mut found = of_kind(objects, kind)
        .into_iter()
        .filter(|object| object["metadata"]["name"] == name);
    found.next().unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// Returns whether `labels` have everything that `selector` asks for.
fn matches(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().expect("a selector is a map");
    !selector.is_empty() && selector.iter().all(|(name, value)| &labels[name] == value)
}

/// Returns the workloads with the template of their pods.
fn workloads(objects: &[Value]) -> Vec<(&str, &Value)> {
    ["Deployment", "StatefulSet"]
        .iter()
        .flat_map(|kind| of_kind(objects, kind))
        .map(|object| {
            (
                string(&object["metadata"]["name"]),
                &object["spec"]["template"],
            )
        })
        .collect()
}

fn port<'a>(template: &'a Value, name: &str) -> Option<&'a Value> {
    let containers = list(&template["spec"]["containers"]).iter();
    containers
        .flat_map(|container| list(&container["ports"]))
        .find(|port| port["name"] == name)
}

#[test]
fn selectors_match_the_labels_of_their_pods() {
    let objects = objects();
    for kind in ["Deployment", "StatefulSet"] {
        for workload in of_kind(&objects, kind) {
            let spec = &workload["spec"];
            assert!(
                matches(
                    &spec["selector"]["matchLabels"],
                    &spec["template"]["metadata"]["labels"]
                ),
                "{workload}"
            );
        }
    }
    let services = of_kind(&objects, "Service");
    assert_eq!(services.len(), 3);
    for service in services {
        let mut targets = workloads(&objects);
        targets.retain(|(_, template)| {
            matches(
                &service["spec"]["selector"],
                &template["metadata"]["labels"],
            )
        });
        assert_eq!(
            targets.len(),
            1,
            "{} should lead to one workload",
            service["metadata"]["name"]
        );
        for one in list(&service["spec"]["ports"]) {
            let container = port(targets[0].1, string(&one["targetPort"]));
            assert!(
                container.is_some_and(|container| container["containerPort"] == one["port"]),
                "{one}"
            );
        }
    }
}

#[test]
fn each_pod_monitor_selects_its_processes_and_nothing_else() {
    let objects = objects();
    for (name, namespace, path, expected) in [
        (
            "dubbo-pod-monitor",
            "dubbo-system",
            Some("/prometheus"),
            vec!["dubbo-server", "dubbo-client"],
        ),
        (
            "zookeeper",
            "dubbo-system",
            Some("/metrics"),
            vec!["zookeeper"],
        ),
        (
            "pgw-cleaner",
            "dubbo-system",
            Some("/metrics"),
            vec!["pgw-cleaner"],
        ),
        ("pushgateway", "monitoring", None, vec!["pushgateway"]),
    ] {
        let monitor = named(&objects, "PodMonitor", name);
        let named = list(&monitor["spec"]["namespaceSelector"]["matchNames"]);
        let namespaces = if named.is_empty() {
            std::slice::from_ref(&monitor["metadata"]["namespace"])
        } else {
            named
        };
        assert_eq!(namespaces, [namespace]);
        let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
        assert_eq!(endpoint["path"].as_str(), path);
        assert_eq!(endpoint["interval"], "15s", "{name}");
        let mut selected = Vec::new();
        for (name, template) in workloads(&objects) {
            if matches(
                &monitor["spec"]["selector"]["matchLabels"],
                &template["metadata"]["labels"],
            ) {
                assert!(
                    port(template, string(&endpoint["port"])).is_some(),
                    "{name} has no port {}",
                    endpoint["port"]
                );
                selected.push(name);
            }
        }
        assert_eq!(selected, expected, "{name}");
    }
}

#[test]
fn prometheus_may_look_into_the_namespace() {
    let objects = objects();
    let role = named(&objects, "Role", "dubbo-pod-discovery");
    let binding = named(&objects, "RoleBinding", "dubbo-pod-discovery");
    assert_eq!(role["metadata"]["namespace"], "dubbo-system");
    assert_eq!(binding["metadata"]["namespace"], "dubbo-system");
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    let resources: BTreeSet<_> = list(&role["rules"])
        .iter()
        .flat_map(|rule| list(&rule["resources"]))
        .map(string)
        .collect();
    assert_eq!(
        resources,
        BTreeSet::from(["pods"]),
        "a PodMonitor needs pods and nothing else"
    );
    for rule in list(&role["rules"]) {
        assert_eq!(list(&rule["verbs"]), ["get", "list", "watch"]);
    }
    assert_eq!(binding["subjects"][0]["kind"], "ServiceAccount");
    assert_eq!(binding["subjects"][0]["namespace"], "monitoring");
}

#[test]
fn processes_have_three_probes_bounds_and_no_rights() {
    let objects = objects();
    for (name, template) in workloads(&objects) {
        let pod = &template["spec"]["securityContext"];
        assert_eq!(pod["runAsNonRoot"], true, "{name}");
        assert_eq!(pod["seccompProfile"]["type"], "RuntimeDefault", "{name}");
        assert_eq!(
            template["spec"]["automountServiceAccountToken"], false,
            "{name}"
        );
        for container in list(&template["spec"]["containers"]) {
            assert!(
                !string(&container["image"]).ends_with("latest")
                    && string(&container["image"]).contains(':'),
                "{name}"
            );
            assert!(
                container["resources"]["limits"]["memory"].is_string(),
                "{name}"
            );
            assert!(
                container["resources"]["requests"]["cpu"].is_string(),
                "{name}"
            );
            assert_eq!(
                container["securityContext"]["allowPrivilegeEscalation"], false,
                "{name}"
            );
            assert_eq!(
                list(&container["securityContext"]["capabilities"]["drop"]),
                ["ALL"],
                "{name}"
            );
            if !name.starts_with("dubbo-") {
                continue;
            }
            assert_eq!(
                container["securityContext"]["readOnlyRootFilesystem"], true,
                "{name}"
            );
            for (probe, page) in [
                ("startupProbe", "/startup"),
                ("livenessProbe", "/live"),
                ("readinessProbe", "/ready"),
            ] {
                assert_eq!(container[probe]["httpGet"]["path"], page, "{name}");
                assert_eq!(container[probe]["httpGet"]["port"], "probe", "{name}");
            }
            let probes = list(&container["env"])
                .iter()
                .find(|variable| variable["name"] == "PROBE_ADDR");
            let served = probes.map_or("", |variable| string(&variable["value"]));
            let named = port(template, "probe").expect("the port has its name");
            assert_eq!(served, format!("[::]:{}", named["containerPort"]), "{name}");
        }
    }
}

#[test]
fn the_images_are_those_of_the_compose_file() {
    let compose = text("prometheus_grafana/docker-compose.yml");
    for (name, template) in workloads(&objects()) {
        let image = string(&template["spec"]["containers"][0]["image"]);
        assert!(
            compose.contains(&format!(":-{image}}}")),
            "{name} runs {image}, the compose file does not"
        );
    }
}
