//! `native.sh` starts the whole stack, says what runs, and leaves nothing behind.

use stack::Native;
use test_servers::{LONG, eventually, free_port, get};

#[tokio::test]
async fn the_stack_comes_up_answers_and_goes_down() {
    let native = Native::default();
    let (code, before) = native.run("status");
    assert_eq!(code, 1, "{before}");
    assert_eq!(before.matches("not running").count(), 4, "{before}");

    let (code, up) = native.run("up");
    assert_eq!(code, 0, "{up}");
    let (code, again) = native.run("up");
    assert_eq!((code, again), (0, up), "a second start changes nothing");
    let rules = get(&format!("http://{}/api/v1/rules", native.prometheus))
        .await
        .expect("Prometheus answers");
    assert!(
        rules.body.contains("DubboAvailabilityBurn"),
        "the rules are loaded"
    );
    let managers = format!("http://{}/api/v1/alertmanagers", native.prometheus);
    eventually(LONG, "Prometheus knows the Alertmanager", async || {
        let managers = get(&managers).await?.body;
        if managers.contains(&native.alertmanager) {
            Ok(())
        } else {
            Err(managers)
        }
    })
    .await;

    let (code, down) = native.run("down");
    assert_eq!(code, 0, "{down}");
    let (code, after) = native.run("status");
    assert_eq!(code, 1, "{after}");
    assert_eq!(after.matches("not running").count(), 4, "{after}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let mut native = Native::default();
    let taken = std::net::TcpListener::bind(("127.0.0.1", free_port())).expect("the port is free");
    native.pushgateway = taken.local_addr().expect("it is bound").to_string();
    let (code, output) = native.run("up");
    assert_eq!(code, 1, "{output}");
    assert!(
        output.contains(&format!(
            "pushgateway: another process listens on {}",
            native.pushgateway
        )),
        "{output}"
    );
}

#[test]
fn addresses_may_be_those_of_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        assert!(std::env::var_os("CI").is_none(), "this host has no IPv6");
        eprintln!("LEFT OUT: this host has no IPv6");
        return;
    }
    let mut native = Native::default();
    for address in [
        &mut native.zookeeper,
        &mut native.pushgateway,
        &mut native.alertmanager,
        &mut native.prometheus,
    ] {
        *address = address.replace("127.0.0.1", "[::1]");
    }
    let (code, up) = native.run("up");
    assert_eq!(code, 0, "{up}");
    assert_eq!(up.matches("[::1]:").count(), 4, "{up}");
}
