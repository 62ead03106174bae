//! Go programs that tests run, built from a module of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds packages of the Go module in the folder `module` to `output`: a program, or a folder that is there already.
///
/// Test programs may run side by side: one of them builds, the others wait and find it done.
///
/// # Panics
/// When Go is not installed, or the packages can't be built.
pub fn go_build(module: &str, packages: &[&str], output: &Path) {
    let mut build = Command::new("flock");
    build
        .arg(output.with_extension("lock"))
        .args(["go", "build", "-o"])
        .arg(output)
        .args(packages)
        .current_dir(module);
    let built = build
        .output()
        .unwrap_or_else(|err| panic!("{build:?}: {err}"));
    assert!(
        built.status.success(),
        "{build:?} failed ({}); {module}/go.mod says which Go it needs\n{}",
        built.status,
        String::from_utf8_lossy(&built.stderr)
    );
}

/// Returns cargo's target folder, in which the calling test or program lies.
///
/// # Panics
/// When the caller was not built by cargo.
pub fn target_folder() -> PathBuf {
    let program = std::env::current_exe().expect("a program knows its own path");
    let folder = program.parent();
    // A test lies in the folder deps of its profile, a program beside that folder.
    let profile = folder.and_then(|folder| match folder.file_name() {
        Some(name) if name == "deps" => folder.parent(),
        _ => Some(folder),
    });
    profile
        .and_then(Path::parent)
        .unwrap_or_else(|| panic!("{} should be in cargo's folders", program.display()))
        .to_owned()
}
