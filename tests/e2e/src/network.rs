//! A network of its own for a test, in which it may take addresses away.

use std::process::{Command, Output};

use rustix::process::geteuid;

/// Runs a bash script with these arguments in a network namespace of its own, which has nothing but a loopback interface that is down.
/// All that it starts ends with it. Nothing is returned where no namespace can be made, which is said.
///
/// # Panics
/// When that is so with the variable `CI`.
pub fn in_own_network(script: &str, arguments: &[&std::ffi::OsStr]) -> Option<Output> {
    let possible = alone().arg("true").status();
    if !possible.is_ok_and(|status| status.success()) {
        assert!(
            std::env::var_os("CI").is_none(),
            "no network namespace can be made"
        );
        eprintln!("LEFT OUT: no network namespace can be made here, so {script} is not run");
        return None;
    }
    let output = alone()
        .args(["bash", script])
        .args(arguments)
        .env_remove("DUBBO_IP_TO_REGISTRY")
        .output();
    Some(output.expect("it ran just now"))
}

fn alone() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--net", "--pid", "--fork", "--kill-child"]);
    if !geteuid().is_root() {
        command.arg("--map-root-user");
    }
    command
}
