//! Names of ZooKeeper that have several addresses, or get one later.

use std::{net::TcpListener, process::Command};

use e2e::Program;
use rustix::process::geteuid;
use test_servers::{Folder, LONG, ZooKeeper, eventually, get, wrapped};

const NAME: &str = "zookeeper.internal";

/// What the system resolves names by, in a mount namespace of the program's own.
struct Hosts {
    folder: Folder,
}

impl Hosts {
    fn new(lines: &str) -> Self {
        let hosts = Self {
            folder: Folder::new("names"),
        };
        hosts.write(lines);
        hosts
    }

    fn path(&self) -> String {
        self.folder.path().join("hosts").display().to_string()
    }

    /// Writes into the same file, which is what is mounted.
    fn write(&self, lines: &str) {
        std::fs::write(self.path(), lines).expect("the folder is ours");
    }

    /// Starts a program that resolves names by this file.
    fn start(&self, command: &Command) -> Program {
        let (map, path) = (user(), self.path());
        let script = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
        let prefix = ["unshare", "--mount"].into_iter().chain(map);
        let prefix: Vec<&str> = prefix.chain(["sh", "-c", script, &path]).collect();
        Program::start(&wrapped(&prefix, command))
    }
}

fn user() -> Option<&'static str> {
    (!geteuid().is_root()).then_some("--map-root-user")
}

/// Tells whether a file can be mounted here; says so, or fails in CI, when it can't.
fn can_mount() -> bool {
    let mut command = Command::new("unshare");
    command.arg("--mount").args(user());
    command.args(["mount", "--bind", "/etc/hosts", "/etc/hosts"]);
    let can = command.status().is_ok_and(|status| status.success());
    if !can {
        assert!(std::env::var_os("CI").is_none(), "nothing can be mounted");
        eprintln!("LEFT OUT: no file can be mounted here, so names are not tried");
    }
    can
}

async fn ready(program: &Program) {
    let probes = program.probe_url().await;
    eventually(LONG, "/ready turns to 200", async || {
        let answer = get(&format!("{probes}/ready")).await;
        match answer {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(format!("{other:?}\n{}", program.stderr())),
        }
    })
    .await;
}

fn server(zookeeper: &str) -> Command {
    let mut command = Program::server(zookeeper);
    command.args(["--push=false", "--probe-addr", "127.0.0.1:0"]);
    command
}

#[tokio::test]
async fn a_name_with_several_addresses_is_tried_at_each() {
    if !can_mount() {
        return;
    }
    let mut zookeeper = ZooKeeper::start().await;
    let address = zookeeper.address();
    let (_, port) = address.split_once(':').expect("it has a port");
    // Takes connections, and says nothing.
    let mute = TcpListener::bind(format!("127.0.0.2:{port}")).expect("the port is free there");
    let hosts = Hosts::new(&format!("127.0.0.2 {NAME}\n127.0.0.1 {NAME}\n"));
    let server = hosts.start(&server(&format!("{NAME}:{port}")));
    ready(&server).await;
    // The session finds its server again.
    zookeeper.restart().await;
    server.logged("connection to ZooKeeper is back").await;
    ready(&server).await;
    drop(mute);
}

#[tokio::test]
async fn a_name_that_nothing_answers_at_says_why_for_each_address() {
    if !can_mount() {
        return;
    }
    let mute = TcpListener::bind("127.0.0.2:0").expect("a port is free");
    let port = mute.local_addr().expect("it is bound").port();
    let hosts = Hosts::new(&format!("127.0.0.2 {NAME}\n127.0.0.3 {NAME}\n"));
    let server = hosts.start(&server(&format!("{NAME}:{port}")));
    let line = server.logged("no ZooKeeper answers").await;
    for expected in [
        format!("127.0.0.2:{port}: it takes connections, and does not answer"),
        format!("127.0.0.3:{port}: Connection refused"),
    ] {
        assert!(line.contains(&expected), "{line}");
    }
}

#[tokio::test]
async fn a_name_that_gets_its_address_later_is_found_then() {
    if !can_mount() {
        return;
    }
    let zookeeper = ZooKeeper::start().await;
    let address = zookeeper.address();
    let (ip, port) = address.split_once(':').expect("it has a port");
    let hosts = Hosts::new("127.0.0.1 localhost\n");
    let server = hosts.start(&server(&format!("{NAME}:{port}")));
    server.logged("the name cannot be resolved").await;
    hosts.write(&format!("{ip} {NAME}\n"));
    ready(&server).await;
}
