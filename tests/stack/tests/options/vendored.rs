//! The mixin in another project.

use std::path::Path;

use serde_json::Value;
use stack::{list, text, tool};

use crate::mixin;

/// Copies the folder's own files: what `jb` takes is this folder, and nothing beside it.
fn vendor(target: &Path) {
    std::fs::create_dir_all(target).expect("the folder is ours");
    for file in std::fs::read_dir(mixin()).expect("the mixin is there") {
        let file = file.expect("it can be read");
        if file.file_type().expect("it has one").is_file() {
            std::fs::copy(file.path(), target.join(file.file_name())).expect("it can be copied");
        }
    }
}

#[test]
fn kube_prometheus_takes_the_mixin_as_the_readme_says() {
    let folder = tempfile::tempdir().expect("the temporary folder is writable");
    vendor(&folder.path().join("mixin"));
    // As much of kube-prometheus as takes a mixin.
    let theirs = folder.path().join("kube-prometheus");
    std::fs::create_dir_all(theirs.join("lib")).expect("the folder is ours");
    std::fs::write(
        theirs.join("main.libsonnet"),
        "{ values+:: { common: {}, grafana: { dashboards: { 'own.json': {} } } }, grafana: { dashboardDefinitions: $.values.grafana.dashboards } }",
    )
    .expect("the folder is ours");
    std::fs::write(
        theirs.join("lib/mixin.libsonnet"),
        "function(given) { prometheusRules: { metadata: { name: given.name }, spec: { groups: given.mixin.prometheusAlerts.groups + given.mixin.prometheusRules.groups } }, grafanaDashboards: given.mixin.grafanaDashboards }",
    )
    .expect("the folder is ours");
    let readme = text("prometheus_grafana/mixin/README.md");
    let example = readme
        .split("```jsonnet\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("the README has an example");
    let file = folder.path().join("example.jsonnet");
    std::fs::write(&file, example).expect("the folder is ours");
    let folder = folder.path().display().to_string();
    let file = file.display().to_string();
    let made: Value = serde_json::from_str(&tool(
        "jsonnet",
        "jsonnet",
        ["-J", folder.as_str(), file.as_str()],
    ))
    .expect("it is JSON");
    let groups = list(&made["dubbo-rules"]["spec"]["groups"]);
    assert!(groups.len() > 15, "{} groups", groups.len());
    let dashboards = &made["grafana-dashboardDefinitions"];
    for name in ["own.json", "dubbo.json", "dubbo-runbook.json"] {
        assert!(dashboards[name].is_object(), "{name}");
    }
}
