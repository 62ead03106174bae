//! Scripts and tests ask servers of this host without a proxy, whatever the environment says.
#![expect(clippy::unwrap_used, reason = "these helpers run in tests only")]

use std::fs;
use std::path::{Path, PathBuf};

use stack::path;

/// Returns the project's own files with this extension.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let (path, name) = (entry.path(), entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            let name = name.to_string_lossy();
            if !name.starts_with('.') && !["target", "node_modules"].contains(&&*name) {
                found.extend(files(&path, extension));
            }
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

#[test]
fn scripts_ask_without_a_proxy() {
    let mut asking = 0;
    for file in files(&path("."), "sh") {
        let text = fs::read_to_string(&file).unwrap();
        let everywhere = text.contains("export no_proxy='*'");
        for line in text.lines().map(str::trim) {
            let [curl, wget] = ["curl -", "wget -"]
                .map(|program| line.contains(program) && !line.starts_with('#'));
            let direct = everywhere || (!curl || line.contains("--noproxy '*'"));
            let direct = direct && (!wget || line.contains("-Y off"));
            assert!(direct, "{}: {line}", file.display());
            asking += usize::from(curl || wget);
        }
    }
    assert!(asking > 10, "{asking}");
}

#[test]
fn tests_ask_without_a_proxy() {
    let mut asking = 0;
    for file in files(&path("."), "rs") {
        let text = fs::read_to_string(&file).unwrap();
        let commands = text.matches(concat!("Command::new(\"", "curl\")")).count();
        let direct = text.matches(concat!("\"--", "noproxy\"")).count();
        assert!(commands <= direct, "{}", file.display());
        asking += commands;
    }
    assert!(asking > 3, "{asking}");
}
