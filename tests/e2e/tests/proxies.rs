//! Proxies in the environment: nothing on this host goes through one, and a gateway elsewhere is reached as curl would.

use std::process::Command;

use e2e::Program;
use test_servers::{LONG, Pushgateway, ZooKeeper, eventually};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// Sets every variable that some program takes a proxy from.
fn proxied(mut command: Command, proxy: &str) -> Command {
    for variable in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ] {
        command.env(variable, proxy);
    }
    command
}

/// Nothing listens there.
const DEAD: &str = "http://127.0.0.1:1";

fn pushing(mut command: Command, gateway: &str) -> Command {
    command.args(["--push", "--push-interval", "500ms"]);
    command.args(["--pushgateway-url", gateway]);
    command
}

async fn groups(gateway: &Pushgateway, count: usize) {
    eventually(LONG, &format!("{count} groups"), async || {
        let groups = gateway.groups().await;
        if groups.len() == count {
            Ok(())
        } else {
            Err(groups)
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_on_this_host_goes_through_a_proxy() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let port = gateway.address().rsplit(':').next().map(str::to_owned);
    let by_name = format!("localhost:{}", port.expect("it has a port"));
    let start = |command, url: &str| Program::start(&proxied(pushing(command, url), DEAD));
    let server = start(Program::server(&zookeeper.address()), &gateway.address());
    let client = start(Program::client(&zookeeper.address()), &by_name);
    client.greeted(3).await;
    groups(&gateway, 2).await;
    let mut cleaner = Program::command("pgw-cleaner");
    cleaner.args(["--pushgateway-url", &gateway.address(), "--dry-run"]);
    let output = proxied(cleaner, DEAD).output().expect("it was built");
    assert!(output.status.success(), "{output:?}");
    drop((server, client));
}

/// Passes every request on to one address, whatever host it names, as a proxy does that resolves names. Returns its own address.
async fn proxy(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut asking, _)) = listener.accept().await {
            let target = target.clone();
            tokio::spawn(async move {
                let mut head = vec![0; 16 * 1024];
                let read = asking.read(&mut head).await?;
                let request = String::from_utf8_lossy(&head[..read]).into_owned();
                let asked = "PUT http://gateway.internal:9091/metrics/job";
                let asked_to_delete = asked.replace("PUT", "DELETE");
                if request.starts_with(asked) || request.starts_with(&asked_to_delete) {
                    let mut gateway = TcpStream::connect(&target).await?;
                    gateway.write_all(&head[..read]).await?;
                    copy_bidirectional(&mut asking, &mut gateway).await?;
                }
                std::io::Result::Ok(())
            });
        }
    });
    address
}

#[tokio::test]
async fn a_gateway_elsewhere_is_reached_through_the_proxy() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let proxy = proxy(gateway.address()).await;
    let mut server = pushing(
        Program::server(&zookeeper.address()),
        "gateway.internal:9091",
    );
    server.env("http_proxy", proxy);
    let mut server = Program::start(&server);
    groups(&gateway, 1).await;
    server.terminate();
    assert_eq!(server.wait(LONG).await, 0);
    groups(&gateway, 0).await;
}

#[tokio::test]
async fn a_push_that_a_proxy_fails_names_the_proxy() {
    let zookeeper = ZooKeeper::start().await;
    let server = pushing(
        Program::server(&zookeeper.address()),
        "gateway.internal:9091",
    );
    let server = Program::start(&proxied(server, DEAD));
    let line = server.logged("pushes fail").await;
    let expected = "(asked through the proxy 127.0.0.1:1, which http_proxy names; no_proxy takes hosts out of that)";
    assert!(line.contains(expected), "{line}");
}

#[tokio::test]
async fn a_wrong_url_of_the_gateway_is_named_by_the_first_push_that_fails() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let url = format!("{}/metrics", gateway.url());
    let server = pushing(Program::server(&zookeeper.address()), &url);
    let server = Program::start(&server);
    let line = server.logged("pushes fail").await;
    assert!(line.contains("leave /metrics out of its URL"), "{line}");
}
