//! Tests of our server and client beside real Dubbo Java ones, and beside other releases of ZooKeeper. The Java program is in `src/`; what starts
//! it is in `interop`, beside its like for dubbo-go.

use std::path::{Path, PathBuf};
use std::process::Command;

use parking_lot::Mutex;
use test_servers::target_folder;

/// Returns the jars of a ZooKeeper of another release than Debian's, one of those in `zookeeper/`: from Maven's own store on this machine, or
/// downloaded into it.
///
/// # Panics
/// When Maven is not installed, or can't get them.
pub fn zookeeper(release: &str) -> Vec<PathBuf> {
    /// Tests of one program run side by side.
    static COPYING: Mutex<()> = Mutex::new(());
    let _copying = COPYING.lock();
    let all = target_folder().join("zookeeper");
    let folder = all.join(release);
    let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("zookeeper/{release}.xml"));
    let part = all.join(format!("{release}-{}.part", std::process::id()));
    for options in [&["--offline"][..], &[]] {
        if folder.exists() {
            break;
        }
        let status = Command::new("mvn")
            .args(["--batch-mode", "--quiet"])
            .args(options)
            .args(["--file".as_ref(), pom.as_os_str()])
            .arg("org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies")
            .arg(format!("-DoutputDirectory={}", part.display()))
            .status();
        let status = status.expect("this test needs Maven");
        if status.success() {
            // Whole, or not there. Another test program may have been faster, with the same jars.
            let _ = std::fs::rename(&part, &folder);
        }
    }
    let jars = folder.read_dir().unwrap_or_else(|err| {
        panic!(
            "Maven did not get ZooKeeper {release} into {}: {err}",
            folder.display()
        )
    });
    jars.flatten().map(|jar| jar.path()).collect()
}
