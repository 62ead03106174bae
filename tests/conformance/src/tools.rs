//! The programs of the Go module in `tools/`, built when they are first asked for.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;
use std::time::Duration;

use test_servers::{go_build, target_folder};

/// What the module pins, and builds.
const PACKAGES: [&str; 6] = [
    "connectrpc.com/conformance/cmd/connectconformance",
    "github.com/fullstorydev/grpcurl/cmd/grpcurl",
    "github.com/summerwind/h2spec/cmd/h2spec",
    "google.golang.org/grpc/interop/client",
    "google.golang.org/grpc/interop/server",
    "./greeter",
];

/// Returns where one of the programs is: `connectconformance`, `grpcurl`, `h2spec`, `client` and `server` of gRPC's interoperability
/// tests, and `greeter`.
///
/// # Panics
/// When Go is not installed, or the programs can't be built.
pub fn tool(name: &str) -> PathBuf {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = target_folder().join("conformance-tools");
        std::fs::create_dir_all(&folder).expect("cargo's target folder can be written");
        let module = concat!(env!("CARGO_MANIFEST_DIR"), "/tools");
        go_build(module, &PACKAGES, &folder);
        folder
    });
    FOLDER.join(name)
}

/// Runs a program to its end, and returns whether it succeeded and everything it wrote.
///
/// # Panics
/// When it can't be run, or takes longer than the limit.
pub async fn output(program: &Path, args: &[&str], limit: Duration) -> (bool, String) {
    let mut command = tokio::process::Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(limit, command.output()).await;
    let output = output
        .unwrap_or_else(|_| panic!("{command:?} takes longer than {limit:?}"))
        .unwrap_or_else(|err| panic!("{command:?}: {err}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.success(), text)
}
