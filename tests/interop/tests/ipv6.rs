//! IPv6 addresses in ZooKeeper, ours and dubbo-go's.

use e2e::{binary, in_own_network};
use interop::peer;
use test_servers::Folder;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ipv6/ipv6.sh");

#[test]
fn both_find_and_call_each_other_over_ipv6() {
    let folder = Folder::new("ipv6");
    let (server, client) = (binary("server"), binary("client"));
    let arguments = [
        server.as_os_str(),
        client.as_os_str(),
        peer().as_os_str(),
        folder.path().as_os_str(),
    ];
    let Some(output) = in_own_network(SCRIPT, &arguments) else {
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    assert_eq!(said.matches("ok: ").count(), 6, "{said}");
}
