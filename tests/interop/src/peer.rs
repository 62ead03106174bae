//! The Go peers, each built when it is first asked for.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use test_servers::{go_build, target_folder};

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

fn build(name: &str, module: &str) -> PathBuf {
    let program = target_folder().join(name);
    go_build(module, &["."], &program);
    program
}
