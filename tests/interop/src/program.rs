//! The programs under test, built when they are first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

/// Returns where our own program of this name is.
///
/// # Panics
/// When it can't be built.
pub(crate) fn ours(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = profile_folder();
        let profile = match folder.file_name() {
            Some(name) if name == "release" => "release",
            _ => "dev",
        };
        // The whole workspace, as ./test.sh builds it: a smaller selection has other features, and is compiled a second time.
        run(Command::new(env!("CARGO"))
            .args([
                "build",
                "--workspace",
                "--all-features",
                "--bins",
                "--profile",
                profile,
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR")));
        folder
    });
    BUILT.join(name)
}

/// Returns where the dubbo-go peer is.
///
/// # Panics
/// When Go is not installed, or the peer can't be built.
pub(crate) fn peer() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let program = profile_folder().with_file_name("peer");
        // Test programs may run side by side: one of them builds, the others wait and find it done.
        run(Command::new("flock")
            .arg(program.with_extension("lock"))
            .args(["go", "build", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/peer")));
        program
    });
    &BUILT
}

/// The folder of this build's programs, such as `target/debug`.
fn profile_folder() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    test.ancestors()
        .find(|folder| folder.file_name().is_some_and(|name| name == "deps"))
        .and_then(Path::parent)
        .unwrap_or_else(|| panic!("{} should be in cargo's folder deps", test.display()))
        .to_owned()
}

fn run(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|err| panic!("{command:?}: {err}"));
    assert!(
        output.status.success(),
        "{command:?} failed ({}); dubbo-go needs Go 1.25 or later\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
