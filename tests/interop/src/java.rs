//! The Java peer, built when it is first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use test_servers::Folder;

use crate::peer::target_folder;

/// Returns the command of a provider or a consumer that keeps its files in `folder`.
///
/// # Panics
/// When no JDK or Maven is installed, or the peer can't be built.
pub(crate) fn command(role: &str, folder: &Folder) -> Command {
    let mut command = Command::new("java");
    let home = folder.path().display();
    command
        .args([
            // A process of a test is short-lived and small.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx192m",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ])
        // Dubbo keeps caches there, which another process would read.
        .arg(format!("-Duser.home={home}"))
        .arg("-jar")
        .arg(peer())
        .arg(role);
    command
}

/// Returns where the Java peer is, built from the sources as they are now.
fn peer() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = target_folder().join("java-peer");
        let mut build = Command::new("flock");
        // Test programs may run side by side: one of them builds, the others wait and find it done. Maven's repository is where
        // it always is, so that only the first build on a machine downloads anything.
        build
            .arg(target.with_extension("lock"))
            .args(["mvn", "--batch-mode", "--quiet", "package"])
            .arg(format!("-Dpeer.target={}", target.display()))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/java"));
        let output = build
            .output()
            .unwrap_or_else(|err| panic!("{build:?}: {err}"));
        assert!(
            output.status.success(),
            "{build:?} failed ({}); the peer needs a JDK of 17 or later\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        target.join("peer.jar")
    });
    &BUILT
}
