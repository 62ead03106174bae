//! A host with IPv6 only: server, client, push, pull, and discovery by Prometheus.

use std::process::Command;

use e2e::binary;
use rustix::process::geteuid;
use test_servers::Folder;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ipv6/ipv6.sh");

/// Returns the command that runs another in a network of its own, and takes it along when it is killed.
fn alone() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--pid", "--fork", "--kill-child"]);
    if !geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}

#[test]
fn everything_works_where_there_is_no_ipv4() {
    if !alone()
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "no network namespace can be made"
        );
        eprintln!("LEFT OUT: no network namespace can be made here, so IPv6 alone is not tried");
        return;
    }
    let folder = Folder::new("ipv6");
    let output = alone()
        .arg("bash")
        .arg(SCRIPT)
        .args([binary("server"), binary("client")])
        .arg(folder.path())
        .env_remove("DUBBO_IP_TO_REGISTRY")
        .output()
        .expect("it ran just now");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert_eq!(said.matches("ok: ").count(), 6, "{said}");
}
