//! The Java peer, built when it is first asked for.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::SystemTime;

use test_servers::{Folder, target_folder};

/// Returns the command of a provider or a consumer that keeps its files in `folder`.
///
/// # Panics
/// When no JDK or Maven is installed, or the peer can't be built.
pub(crate) fn command(role: &str, folder: &Folder) -> Command {
    let mut command = java(folder);
    command.arg("-jar").arg(peer()).arg(role);
    command
}

/// Returns the command of a consumer on an older Dubbo, one of those that `pom.xml` names, that finds its providers by interface at
/// `zookeeper`, an address.
///
/// # Panics
/// When no JDK or Maven is installed, or the peer can't be built.
pub fn older_consumer(release: &str, zookeeper: &str, folder: &Folder) -> Command {
    let target = peer().parent().expect("the peer is in a folder");
    let dubbo = target.join(format!("older/dubbo-{release}.jar"));
    assert!(dubbo.is_file(), "{} is missing", dubbo.display());
    // The first of two jars with the same classes counts: but the newest one also names classes that older ones lack.
    let jars = target.join("lib").read_dir().expect("the peer has jars");
    let mut path = vec![dubbo, target.join("classes")];
    path.extend(jars.flatten().map(|jar| jar.path()).filter(|jar| {
        let name = jar.file_name().unwrap_or_default().to_string_lossy();
        !name.starts_with("dubbo-")
    }));
    let mut command = java(folder);
    command
        .arg("-cp")
        .arg(std::env::join_paths(path).expect("no path has a colon"))
        .args(["peer.Peer", "consumer", "--migration-step=FORCE_INTERFACE"])
        .arg("--proxy=javassist")
        .arg(format!("--zk-address={zookeeper}"));
    command
}

fn java(folder: &Folder) -> Command {
    let mut command = Command::new("java");
    let home = folder.path().display();
    command
        .args([
            // A process of a test is short-lived and small.
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-Xmx192m",
            // Dubbo does not tell Netty whom it calls, so that Netty 4.2 refuses every certificate.
            "-Dio.netty.handler.ssl.defaultEndpointVerificationAlgorithm=NONE",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        ])
        // Dubbo keeps caches there, which another process would read.
        .arg(format!("-Duser.home={home}"));
    command
}

/// Returns the command of an operator that does one thing by Dubbo's own means at `zookeeper`, an address, and ends.
///
/// # Panics
/// When no JDK or Maven is installed, or the peer can't be built.
pub fn operator(zookeeper: &str, folder: &Folder) -> Command {
    let mut command = command("operator", folder);
    command.arg(format!("--zk-address={zookeeper}"));
    command
}

/// Returns where the Java peer is, built from the sources as they are now.
fn peer() -> &'static Path {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let target = target_folder().join("java-peer");
        let jar = target.join("peer.jar");
        let built = modified(&jar);
        if built.is_none()
            || built < modified(&sources().join("src")).max(modified(&sources().join("pom.xml")))
        {
            // Maven's repository is where it always is: only the first build on a machine has to download anything.
            let offline = build(&target, &["--offline"]);
            if let Err(first) = offline
                && let Err(second) = build(&target, &[])
            {
                panic!("the Java peer needs a JDK of 17 or later, and Maven\n{first}\n{second}");
            }
        }
        jar
    });
    &BUILT
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java")
}

/// Tells when a file, or the newest one in a folder, was written.
fn modified(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        let files = path.read_dir().ok()?.flatten();
        return files.filter_map(|file| modified(&file.path())).max();
    }
    path.metadata().ok()?.modified().ok()
}

fn build(target: &Path, options: &[&str]) -> Result<(), String> {
    let mut build = Command::new("flock");
    // Test programs may run side by side: they build one after the other.
    build
        .arg(target.with_extension("lock"))
        .args(["mvn", "--batch-mode", "--quiet", "package"])
        .args(options)
        .arg(format!("-Dpeer.target={}", target.display()))
        .current_dir(sources());
    let output = build.output().map_err(|err| format!("{build:?}: {err}"))?;
    if output.status.success() {
        return Ok(());
    }
    let (stdout, stderr) = (&output.stdout, &output.stderr);
    let text = [stdout, stderr].map(|text| String::from_utf8_lossy(text));
    Err(format!(
        "{build:?} failed ({})\n{}",
        output.status,
        text.join("\n")
    ))
}
