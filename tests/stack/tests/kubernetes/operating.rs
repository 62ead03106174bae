//! What keeps a cluster that is operated running: budgets, spread, limits, names, storage, network policies.

use serde_json::{Value, json};
use stack::{list, string, template, yaml};

use crate::{matches, named, objects, of_kind, port};

/// Returns everything that makes pods, the CronJob included.
fn workloads(objects: &[Value]) -> Vec<&Value> {
    objects
        .iter()
        .filter(|object| !template(object).is_null())
        .collect()
}

#[test]
fn everything_carries_the_common_labels_and_nothing_selects_by_them() {
    let objects = objects();
    for workload in workloads(&objects) {
        let name = string(&workload["metadata"]["name"]);
        let labels = &workload["metadata"]["labels"];
        assert_eq!(labels["app.kubernetes.io/name"], name);
        assert_eq!(labels["app.kubernetes.io/part-of"], "dubbo-rust", "{name}");
        let pod = &template(workload)["metadata"]["labels"];
        for label in
            ["name", "component", "part-of"].map(|label| format!("app.kubernetes.io/{label}"))
        {
            assert_eq!(pod[&label], labels[&label], "{name}: {label}");
        }
        // A selector can't be changed later; labels that others may want to change are no part of it.
        let selector = workload["spec"]["selector"]["matchLabels"].as_object();
        for label in selector.into_iter().flat_map(|selector| selector.keys()) {
            assert!(!label.contains('/'), "{name} selects by {label}");
        }
    }
}

#[test]
fn pods_get_no_service_variables_and_time_to_stop() {
    let objects = objects();
    for workload in workloads(&objects) {
        let name = &workload["metadata"]["name"];
        let spec = &template(workload)["spec"];
        assert_eq!(spec["enableServiceLinks"], false, "{name}");
        let grace = spec["terminationGracePeriodSeconds"].as_u64();
        // Withdraw 3 s, wait 3 s, let consumers go 1 s, drain 10 s, close the session 4 s, the last push 22 s.
        let least = if string(name).starts_with("dubbo-") {
            43
        } else {
            30
        };
        assert!(grace >= Some(least), "{name}: {grace:?}");
    }
}

#[test]
fn what_has_more_than_one_pod_is_spread_and_has_a_budget() {
    let mut objects = objects();
    let ensemble = yaml("kubernetes/overlays/zookeeper-ensemble/statefulset.yaml");
    for object in &mut objects {
        if object["kind"] == "StatefulSet" {
            object["spec"]["replicas"] = ensemble["spec"]["replicas"].clone();
        }
    }
    let many = objects
        .iter()
        .filter(|object| object["spec"]["replicas"].as_u64() > Some(1));
    let mut names = Vec::new();
    for workload in many {
        let name = string(&workload["metadata"]["name"]);
        names.push(name);
        let labels = &template(workload)["metadata"]["labels"];
        let spread = &template(workload)["spec"]["topologySpreadConstraints"][0];
        assert_eq!(spread["topologyKey"], "kubernetes.io/hostname", "{name}");
        assert!(
            matches(&spread["labelSelector"]["matchLabels"], labels),
            "{name}"
        );
        let budget = named(&objects, "PodDisruptionBudget", name);
        assert_eq!(
            budget["metadata"]["namespace"],
            workload["metadata"]["namespace"]
        );
        assert!(
            matches(&budget["spec"]["selector"]["matchLabels"], labels),
            "{name}"
        );
        assert_eq!(budget["spec"]["maxUnavailable"], 1, "{name}");
    }
    names.sort_unstable();
    assert_eq!(names, ["dubbo-server", "zookeeper"]);
}

#[test]
fn the_namespace_asks_for_restricted_pods() {
    let objects = objects();
    let namespace = named(&objects, "Namespace", "dubbo-system");
    for mode in ["enforce", "warn", "audit"] {
        let label = format!("pod-security.kubernetes.io/{mode}");
        assert_eq!(namespace["metadata"]["labels"][&label], "restricted");
    }
}

#[test]
fn zookeeper_keeps_snapshots_and_transactions_on_one_claim() {
    let objects = objects();
    let zookeeper = named(&objects, "StatefulSet", "zookeeper");
    let spec = &template(zookeeper)["spec"];
    assert!(
        spec["volumes"].is_null(),
        "nothing is kept beside the claim"
    );
    assert_eq!(
        spec["containers"][0]["volumeMounts"],
        json!([
            {"name": "data", "mountPath": "/data", "subPath": "data"},
            {"name": "data", "mountPath": "/datalog", "subPath": "datalog"}
        ])
    );
    assert_eq!(list(&zookeeper["spec"]["volumeClaimTemplates"]).len(), 1);
}

#[test]
fn network_policies_name_pods_and_ports_that_are_there() {
    let objects = objects();
    let policies = of_kind(&objects, "NetworkPolicy");
    assert!(!policies.is_empty());
    for policy in policies {
        let name = &policy["metadata"]["name"];
        let here: Vec<&Value> = workloads(&objects)
            .into_iter()
            .filter(|workload| workload["metadata"]["namespace"] == policy["metadata"]["namespace"])
            .map(template)
            .collect();
        let selector = &policy["spec"]["podSelector"]["matchLabels"];
        let selected: Vec<_> = here
            .iter()
            .filter(|pod| selector.is_null() || matches(selector, &pod["metadata"]["labels"]))
            .collect();
        assert!(!selected.is_empty(), "{name} selects nothing");
        for rule in list(&policy["spec"]["ingress"]) {
            for one in list(&rule["ports"])
                .iter()
                .filter_map(|one| one["port"].as_str())
            {
                assert!(
                    selected.iter().any(|pod| port(pod, one).is_some()),
                    "{name}: no port {one}"
                );
            }
            for from in list(&rule["from"]) {
                let peers = &from["podSelector"]["matchLabels"];
                assert!(
                    peers.is_null()
                        || here
                            .iter()
                            .any(|pod| matches(peers, &pod["metadata"]["labels"])),
                    "{name} lets {from} in, which is nothing"
                );
            }
        }
    }
}
