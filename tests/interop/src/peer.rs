//! The Go peers, each built when it is first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Returns where the dubbo-go peer is, built from the sources as they are now.
///
/// # Panics
/// When Go is not installed, or the peer can't be built.
pub fn peer() -> &'static Path {
    static BUILT: LazyLock<PathBuf> =
        LazyLock::new(|| build("peer", concat!(env!("CARGO_MANIFEST_DIR"), "/peer")));
    &BUILT
}

/// Returns where the plain grpc-go peer is, built from the sources as they are now.
///
/// # Panics
/// When Go is not installed, or the peer can't be built.
pub fn grpc_peer() -> &'static Path {
    static BUILT: LazyLock<PathBuf> =
        LazyLock::new(|| build("grpcpeer", concat!(env!("CARGO_MANIFEST_DIR"), "/grpc")));
    &BUILT
}

fn build(name: &str, sources: &str) -> PathBuf {
    let program = target_folder().join(name);
    let mut build = Command::new("flock");
    // Test programs may run side by side: one of them builds, the others wait and find it done.
    build
        .arg(program.with_extension("lock"))
        .args(["go", "build", "-o"])
        .arg(&program)
        .arg(".")
        .current_dir(sources);
    let output = build
        .output()
        .unwrap_or_else(|err| panic!("{build:?}: {err}"));
    assert!(
        output.status.success(),
        "{build:?} failed ({}); the peers need Go 1.25 or later\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// Returns cargo's target folder.
pub(crate) fn target_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "deps"))
        .and_then(|deps| deps.parent()?.parent())
        .unwrap_or_else(|| panic!("{} should be in cargo's folder deps", test.display()))
        .to_owned()
}
