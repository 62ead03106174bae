//! A host with IPv6 only: server, client, demo, cleaner, push, pull, and discovery by Prometheus.

use e2e::{binary, in_own_network};
use test_servers::Folder;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ipv6/ipv6.sh");

#[test]
fn everything_works_where_there_is_no_ipv4() {
    let folder = Folder::new("ipv6");
    let programs = ["server", "client", "demo", "pgw-cleaner"].map(binary);
    let mut arguments = programs
        .each_ref()
        .map(|program| program.as_os_str())
        .to_vec();
    arguments.push(folder.path().as_os_str());
    let Some(output) = in_own_network(SCRIPT, &arguments) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert_eq!(said.matches("ok: ").count(), 8, "{said}");
}
