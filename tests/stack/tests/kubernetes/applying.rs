//! What people type works: the folder, the guide's two files, each overlay; and applying twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use stack::{all_yaml, list, manifests, objects, path, string, text, tool, yaml};

use crate::{named, of_kind};

const OVERLAYS: [&str; 8] = [
    "kubernetes",
    "kubernetes/overlays/kube-prometheus",
    "kubernetes/overlays/helm",
    "kubernetes/overlays/push",
    "kubernetes/overlays/zookeeper-ensemble",
    "kubernetes/overlays/another-namespace",
    "kubernetes/overlays/autoscaling",
    "kubernetes/overlays/tls",
];

/// Returns the manifests under a folder: no kustomizations, patches or examples.
fn written(folder: &str) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for entry in std::fs::read_dir(path(folder)).expect("the folder is there") {
        let name = entry
            .expect("it can be read")
            .file_name()
            .display()
            .to_string();
        let file = format!("{folder}/{name}");
        if path(&file).is_dir() {
            if !["chart", "examples", "patches"].contains(&name.as_str()) {
                files.append(&mut written(&file));
            }
        } else if name.ends_with(".yaml")
            && ![
                "kustomization.yaml",
                "prometheus-adapter-values.yaml",
                "statefulset.yaml",
            ]
            .contains(&name.as_str())
        {
            files.insert(file);
        }
    }
    files
}

fn identity(object: &Value) -> [&str; 3] {
    let metadata = &object["metadata"];
    [&object["kind"], &metadata["namespace"], &metadata["name"]].map(string)
}

#[test]
fn every_manifest_is_part_of_an_overlay_or_one_of_the_guides_files() {
    let mut expected = written("kubernetes");
    let applied: BTreeSet<_> = OVERLAYS
        .iter()
        .flat_map(|folder| manifests(folder))
        .collect();
    for file in [
        "kubernetes/Deployment.yaml",
        "kubernetes/dubboPodMonitor.yaml",
    ] {
        assert!(expected.remove(file), "the guide applies {file}");
    }
    assert_eq!(applied, expected);
}

#[test]
fn the_folder_itself_can_be_applied() {
    let folder = std::fs::read_dir(path("kubernetes")).expect("the folder is there");
    let mut files: Vec<_> = folder
        .map(|file| {
            file.expect("it can be read")
                .file_name()
                .display()
                .to_string()
        })
        .filter(|name| {
            [".yaml", ".yml", ".json"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    files.sort();
    // `kubectl apply -f kubernetes/` takes these files, and fails at one that is for kustomize.
    assert_eq!(files, ["Deployment.yaml", "dubboPodMonitor.yaml"]);
}

#[test]
fn no_overlay_has_an_object_twice_or_the_cleaner_in_both_forms() {
    for folder in OVERLAYS {
        let objects = objects(folder);
        let mut seen = BTreeSet::new();
        for object in &objects {
            assert!(
                seen.insert(identity(object)),
                "{folder}: {:?} twice",
                identity(object)
            );
        }
        let cleaners = seen.iter().filter(|[kind, _, name]| {
            *name == "pgw-cleaner" && ["CronJob", "Deployment"].contains(kind)
        });
        assert!(cleaners.count() < 2, "{folder}");
    }
}

#[test]
fn client_side_apply_can_keep_every_object_in_its_annotation() {
    // What the API server allows for all annotations of an object together.
    const BYTES: usize = 256 * 1024;
    let guide = all_yaml("kubernetes/Deployment.yaml");
    let guide = guide.into_iter().map(|object| ("the guide", object));
    let overlays = OVERLAYS.iter().flat_map(|&folder| {
        objects(folder)
            .into_iter()
            .map(move |object| (folder, object))
    });
    for (from, object) in guide.chain(overlays) {
        let size = object.to_string().len();
        // A quarter stays free: a fault shows here before it shows on a cluster.
        assert!(
            size < BYTES / 4 * 3,
            "{from}: {:?} has {size} bytes",
            identity(&object)
        );
    }
}

/// Returns a folder with what follows from the manifests.
fn generate() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    let script = path("kubernetes/generate.sh");
    tool(&script.display().to_string(), "dash", [folder.path()]);
    folder
}

/// Returns the files below a folder with their texts.
fn contents(folder: &Path, below: &str) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder.join(below)).expect("the folder is there") {
        let entry = entry.expect("it can be read");
        let name = format!("{below}/{}", entry.file_name().display());
        if entry.path().is_dir() {
            files.append(&mut contents(folder, &name));
        } else {
            let text = std::fs::read_to_string(entry.path()).expect("it can be read");
            files.insert(name, text);
        }
    }
    files
}

#[test]
fn the_charts_manifests_are_those_of_the_overlays() {
    let folder = generate();
    let generated = contents(folder.path(), "chart/manifests");
    let written = contents(&path("kubernetes"), "chart/manifests");
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&written), names(&generated));
    for (name, text) in generated {
        assert!(
            written[&name] == text,
            "kubernetes/{name} is not what the manifests say: run kubernetes/generate.sh"
        );
    }
}

#[test]
fn the_charts_templates_use_each_of_its_manifests() {
    let templates: String = ["sample", "monitoring", "push"]
        .map(|name| text(&format!("kubernetes/chart/templates/{name}.yaml")))
        .concat();
    for name in contents(&path("kubernetes"), "chart/manifests").keys() {
        let name = name.trim_start_matches("chart/manifests/");
        assert!(
            templates.contains(&format!("{name:?}")),
            "{name} is not used"
        );
    }
}

#[test]
fn the_chart_has_the_version_of_the_programs() {
    let chart = yaml("kubernetes/chart/Chart.yaml");
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
    let values = yaml("kubernetes/chart/values.yaml");
    for name in ["server", "client", "cleaner"] {
        let image = string(&values[name]["image"]);
        let version = image.rsplit_once(':').map(|(_, version)| version);
        assert_eq!(version, chart["appVersion"].as_str(), "{name}");
    }
}

#[test]
fn the_guides_deployment_is_what_base_says() {
    let folder = generate();
    let generated = std::fs::read_to_string(folder.path().join("Deployment.yaml"))
        .expect("the script writes it");
    assert!(
        generated == text("kubernetes/Deployment.yaml"),
        "kubernetes/Deployment.yaml is not what base/ says: run kubernetes/generate.sh"
    );
    assert_eq!(
        all_yaml("kubernetes/Deployment.yaml"),
        objects("kubernetes/base")
    );
}

#[test]
fn the_guides_pod_monitor_stands_in_monitoring_and_scrapes_what_ours_beside_the_pods_does() {
    let guides = yaml("kubernetes/dubboPodMonitor.yaml");
    assert_eq!(guides["metadata"]["name"], "dubbo-pod-monitor");
    assert_eq!(guides["metadata"]["namespace"], "monitoring");
    assert_eq!(
        guides["spec"]["namespaceSelector"],
        json!({"matchNames": ["dubbo-system"]})
    );
    let scrape = objects("kubernetes/scrape");
    let ours = named(&scrape, "PodMonitor", "dubbo-pod-monitor");
    assert_eq!(ours["metadata"]["labels"], guides["metadata"]["labels"]);
    for key in ["selector", "podMetricsEndpoints"] {
        assert_eq!(ours["spec"][key], guides["spec"][key], "{key}");
    }
}

#[test]
fn monitors_stand_beside_their_pods_so_that_a_namespace_of_an_overlay_moves_both() {
    for folder in ["kubernetes", "kubernetes/push/daemon"] {
        let objects = objects(folder);
        for monitor in of_kind(&objects, "PodMonitor") {
            assert!(monitor["spec"]["namespaceSelector"].is_null(), "{monitor}");
        }
    }
}

#[test]
fn the_helm_chart_takes_every_monitor_and_every_rule() {
    let mut all: Vec<Value> = OVERLAYS.iter().flat_map(|folder| objects(folder)).collect();
    all.push(yaml("kubernetes/dubboPodMonitor.yaml"));
    let mut kinds = BTreeMap::new();
    for kind in ["PodMonitor", "PrometheusRule"] {
        for object in of_kind(&all, kind) {
            *kinds.entry(kind).or_insert(0) += 1;
            assert_eq!(
                object["metadata"]["labels"]["release"],
                "kube-prometheus-stack",
                "{:?}",
                identity(object)
            );
        }
    }
    assert_eq!(kinds.len(), 2, "{kinds:?}");
}

#[test]
fn pushed_series_do_not_get_the_identity_of_the_gateways_pod() {
    let objects = objects("kubernetes/push");
    let monitor = named(&objects, "PodMonitor", "pushgateway");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["honorLabels"], true);
    // On the target and not on its samples: a label that was pushed stays.
    assert_eq!(
        endpoint["relabelings"],
        json!([{"action": "labeldrop", "regex": "namespace|pod|container|endpoint"}])
    );
}

/// Calls `check` with every map within a value.
fn each_map(value: &Value, check: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(map) => {
            check(map);
            map.values().for_each(|value| each_map(value, check));
        }
        Value::Array(items) => items.iter().for_each(|item| each_map(item, check)),
        _ => {}
    }
}

/// What the API server adds inside of a list that is compared as a whole makes every later apply a change, or a conflict.
#[test]
fn what_the_api_server_would_add_within_lists_is_written() {
    let mut all: Vec<Value> = OVERLAYS.iter().flat_map(|folder| objects(folder)).collect();
    all.push(yaml(
        "kubernetes/overlays/zookeeper-ensemble/statefulset.yaml",
    ));
    for object in &all {
        each_map(object, &mut |map| {
            if let Some(reference) = map.get("fieldRef") {
                assert_eq!(reference["apiVersion"], "v1", "{:?}", identity(object));
            }
            if map.contains_key("containerPort") || map.contains_key("targetPort") {
                assert_eq!(
                    map.get("protocol"),
                    Some(&json!("TCP")),
                    "{:?}",
                    identity(object)
                );
            }
        });
        for claim in list(&object["spec"]["volumeClaimTemplates"]) {
            assert_eq!(claim["apiVersion"], "v1");
            assert_eq!(claim["kind"], "PersistentVolumeClaim");
            assert_eq!(claim["spec"]["volumeMode"], "Filesystem");
            assert_eq!(claim["status"], json!({"phase": "Pending"}));
        }
    }
}
