//! The project's own files, by their path from its top.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Returns where a file of the project is.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(name)
}

/// Returns a file's text.
///
/// # Panics
/// When it can't be read.
pub fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

/// Returns a JSON file's content.
///
/// # Panics
/// When it can't be read.
pub fn json(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
}

/// Returns the content of a YAML file that holds one document.
///
/// # Panics
/// When it can't be read.
pub fn yaml(name: &str) -> Value {
    let mut documents = all_yaml(name);
    assert_eq!(documents.len(), 1, "{name} should hold one document");
    documents.remove(0)
}

/// Returns every document of a YAML file.
///
/// # Panics
/// When it can't be read.
pub fn all_yaml(name: &str) -> Vec<Value> {
    use serde_json::value::Value as Json;
    yaml_serde::Deserializer::from_str(&text(name))
        .map(|document| {
            <Json as serde::Deserialize>::deserialize(document)
                .unwrap_or_else(|err| panic!("{name}: {err}"))
        })
        .filter(|document| !document.is_null())
        .collect()
}

/// Runs a program that checks something, and returns what it prints.
///
/// # Panics
/// When it is not installed (the text names the Debian package), or fails, with what it printed.
pub fn tool<S: AsRef<OsStr>>(
    program: &str,
    package: &str,
    arguments: impl IntoIterator<Item = S>,
) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(path("."))
        .output()
        .unwrap_or_else(|err| {
            panic!("{program}: {err}; apt-get install --no-install-recommends {package}")
        });
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed:\n{printed}");
    printed.into_owned()
}
