//! The Kubernetes objects of the project, read from the files that the kustomizations name.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::{all_yaml, list, path, string, yaml};

/// Returns the manifests that the kustomization of a folder leads to, in its order, each by its path from the project's top.
/// Patches are left to kustomize itself: the schemas' check renders every overlay.
///
/// # Panics
/// When one can't be read.
pub fn manifests(folder: &str) -> Vec<String> {
    let kustomization = ["kustomization.yaml", "Kustomization"]
        .map(|name| format!("{folder}/{name}"))
        .into_iter()
        .find(|file| path(file).is_file())
        .unwrap_or_else(|| panic!("{folder} has no kustomization"));
    let kustomization = yaml(&kustomization);
    ["resources", "components"]
        .iter()
        .flat_map(|key| list(&kustomization[key]))
        .flat_map(|entry| {
            let entry = normal(&Path::new(folder).join(string(entry)));
            if path(&entry).is_dir() {
                manifests(&entry)
            } else {
                vec![entry]
            }
        })
        .collect()
}

/// Returns the objects that the kustomization of a folder leads to, without its patches.
///
/// # Panics
/// When a file can't be read.
pub fn objects(folder: &str) -> Vec<Value> {
    manifests(folder)
        .iter()
        .flat_map(|file| all_yaml(file))
        .collect()
}

/// Returns the template of the pods of an object; null for an object that has none.
pub fn template(object: &Value) -> &Value {
    if object["kind"] == "CronJob" {
        &object["spec"]["jobTemplate"]["spec"]["template"]
    } else {
        &object["spec"]["template"]
    }
}

fn normal(path: &Path) -> String {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                normal.pop();
            }
            part => normal.push(part),
        }
    }
    normal.display().to_string()
}
