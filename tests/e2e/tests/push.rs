//! Server and client in push mode, as the guide starts them.

use std::{collections::BTreeMap, process::Command};

use e2e::{Program, Scrape};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use test_servers::{
    LONG, Prometheus, Pushgateway, ZooKeeper, eventually, free_port, get, prometheus_pull, wrapped,
};

/// Sets what the guide exports, and a short interval.
fn guided(mut command: Command, gateway: &Pushgateway) -> Command {
    command
        .env("PUSHGATEWAY_URL", gateway.address())
        .env("JOB_NAME", "dubbo-service")
        .env("PUSHGATEWAY_USER", "username")
        .env("PUSHGATEWAY_PASS", "1234")
        .env("PUSH_INTERVAL", "500ms");
    command
}

/// Returns the groups' instances, by the side whose figures they hold.
async fn instances(gateway: &Pushgateway) -> BTreeMap<&'static str, String> {
    let scrape = Scrape(gateway.samples().await);
    let mut sides = BTreeMap::new();
    for side in ["consumer", "provider"] {
        let name = format!("dubbo_{side}_requests_total");
        if let Some(sample) = scrape.0.iter().find(|sample| sample.name() == name) {
            assert_eq!(sample.label("job"), "dubbo-service");
            sides.insert(side, sample.label("instance").to_owned());
        }
    }
    sides
}

#[tokio::test]
async fn two_processes_of_one_job_push_two_groups_and_each_removes_its_own() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let prometheus =
        Prometheus::start(&prometheus_pull(&zookeeper.address(), &gateway.address())).await;
    let mut server = Program::start(&guided(Program::server(&zookeeper.address()), &gateway));
    let mut client = Program::start(&guided(Program::client(&zookeeper.address()), &gateway));
    client.greeted(20).await;

    for side in ["consumer", "provider"] {
        let query = format!("sum(dubbo_{side}_requests_succeed_total) > 0");
        eventually(LONG, &query, async || {
            prometheus.query(&query).await.first().cloned()
        })
        .await;
    }
    let sides = instances(&gateway).await;
    assert_eq!(
        gateway.groups().await.len(),
        2,
        "one group for each process"
    );
    assert_ne!(sides["consumer"], sides["provider"]);
    for (side, process) in [("consumer", &client), ("provider", &server)] {
        let pid = format!(":{}-", process.id());
        assert!(sides[side].contains(&pid), "{side}: {sides:?}");
    }

    let (pushes, deletions) = (
        gateway.requests("put", 200).await,
        gateway.requests("delete", 202).await,
    );
    client.stop().await;
    assert_eq!(gateway.requests("delete", 202).await, deletions + 1);
    assert!(
        gateway.requests("put", 200).await > pushes,
        "the stop pushes once more"
    );
    let left = instances(&gateway).await;
    assert_eq!(
        left.keys().collect::<Vec<_>>(),
        [&"provider"],
        "only the client's group is gone"
    );

    server.stop().await;
    assert!(
        gateway.groups().await.is_empty(),
        "the server's group is gone, too"
    );
}

/// Returns the beginning of a command whose process gets pid 1.
fn first_process() -> Vec<&'static str> {
    let user = (!geteuid().is_root()).then_some("--map-root-user");
    let prefix = ["unshare", "--pid", "--fork", "--kill-child"];
    prefix.into_iter().chain(user).collect()
}

/// Starts a command as the first process of a container does: with pid 1, and the host name of all others.
fn as_first_process(command: &Command) -> Program {
    Program::start(&wrapped(&first_process(), command))
}

/// Asks the process that `unshare` has started to stop.
fn terminate_child(program: &Program) {
    let id = program.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
    let child = children.expect("it runs").trim().parse().ok();
    let child = child.and_then(Pid::from_raw).expect("it has one child");
    kill_process(child, Signal::TERM).expect("the child runs");
}

#[tokio::test]
async fn containers_with_one_host_name_and_pid_1_each_push_their_own_groups() {
    if !can_be_first_process() {
        return;
    }
    let gateway = Pushgateway::start().await;
    let server = || as_first_process(&guided(Program::server("127.0.0.1:1"), &gateway));
    let (first, mut second) = (server(), server());
    let groups = async |count: usize| {
        eventually(LONG, &format!("{count} groups"), async || {
            let groups = gateway.groups().await;
            if groups.len() == count {
                Ok(groups)
            } else {
                Err(groups)
            }
        })
        .await
    };
    let both = format!("{:?}", groups(2).await);
    assert_eq!(both.matches(":1-").count(), 2, "{both}");
    terminate_child(&second);
    assert_eq!(second.wait(LONG).await, 0, "{}", second.stderr());
    groups(1).await;
    let pushes = gateway.requests("put", 200).await;
    eventually(LONG, "the other one goes on pushing", async || {
        let now = gateway.requests("put", 200).await;
        if now > pushes + 1 { Ok(()) } else { Err(now) }
    })
    .await;
    groups(1).await;
    drop(first);
}

/// Tells whether processes can be given pid 1 here; says so, or fails in CI, when they can't.
fn can_be_first_process() -> bool {
    let mut command = wrapped(&first_process(), &Command::new("true"));
    let can = command.status().is_ok_and(|status| status.success());
    if !can {
        assert!(std::env::var_os("CI").is_none(), "no process gets pid 1");
        eprintln!("LEFT OUT: no process gets pid 1 here, so containers are not tried");
    }
    can
}

/// Runs a client that makes 50 calls and pushes when it starts and when it ends, and returns what the gateway holds afterwards.
async fn batch(zookeeper: &ZooKeeper, gateway: &Pushgateway, arguments: &[&str]) -> Scrape {
    let mut command = guided(Program::client(&zookeeper.address()), gateway);
    // With this interval, nothing but the push at the stop can have seen a call.
    command.env("PUSH_INTERVAL", "1h");
    command.args(["--count", "50", "--interval", "0s"]);
    command.args(arguments);
    let mut client = Program::start(&command);
    assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
    assert_eq!(client.summary().calls, 50);
    Scrape(gateway.samples().await)
}

#[tokio::test]
async fn a_batch_job_leaves_its_last_figures_marked_as_final_and_one_that_is_told_to_deletes_them()
{
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let _server = Program::start(Program::server(&zookeeper.address()).args(["--push=false"]));
    for arguments in [&[][..], &["--delete-on-exit=false"]] {
        let left = batch(&zookeeper, &gateway, arguments).await;
        let of = |name: &str| -> Vec<f64> {
            let samples = left.0.iter().filter(|sample| sample.name() == name);
            samples.map(|sample| sample.value).collect()
        };
        let calls = of("dubbo_consumer_requests_total");
        assert!(calls.iter().all(|calls| *calls == 50.0), "{calls:?}");
        assert_eq!(of("dubbo_push_final").len(), calls.len(), "marked as final");
        assert_eq!(gateway.requests("delete", 202).await, 0, "{arguments:?}");
    }
    assert_eq!(gateway.groups().await.len(), 2);
    batch(&zookeeper, &gateway, &["--delete-on-exit=true"]).await;
    assert_eq!(
        gateway.groups().await.len(),
        2,
        "the third one deleted its own"
    );
    assert_eq!(gateway.requests("delete", 202).await, 1);
}

#[tokio::test]
async fn a_process_that_a_signal_stops_keeps_its_figures_only_when_it_is_told_to() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    for (argument, groups) in [
        ("--delete-on-exit", 0),
        ("--delete-on-exit=auto", 0),
        ("--delete-on-exit=false", 1),
    ] {
        let mut command = guided(Program::server(&zookeeper.address()), &gateway);
        command.arg(argument);
        let mut server = Program::start(&command);
        eventually(LONG, "the first push", async || {
            gateway.groups().await.len() == 1
        })
        .await;
        server.stop().await;
        assert_eq!(gateway.groups().await.len(), groups, "{argument}");
    }
}

#[tokio::test]
async fn the_first_push_already_holds_every_method_with_zeros() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let hourly = |mut command: Command| {
        command.env("PUSH_INTERVAL", "1h");
        Program::start(&command)
    };
    // There is no provider in the registry's chroot where the client looks, so that it makes no call.
    let alone = format!("{}/alone", zookeeper.address());
    let _server = hourly(guided(Program::server(&zookeeper.address()), &gateway));
    let _client = hourly(guided(Program::client(&alone), &gateway));
    eventually(LONG, "two first pushes", async || {
        gateway.requests("put", 200).await == 2
    })
    .await;
    let figures = Scrape(gateway.samples().await);
    for side in ["provider", "consumer"] {
        for family in [
            "requests_total",
            "requests_failed_total",
            "requests_processing_total",
        ] {
            assert_eq!(
                figures.value(&format!("dubbo_{side}_{family}")),
                0.0,
                "{side} {family}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_listens_for_scrapes_in_push_mode() {
    let (zookeeper, gateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
    let port = free_port();
    let mut command = guided(Program::server(&zookeeper.address()), &gateway);
    command.env("METRICS_ADDR", format!("127.0.0.1:{port}"));
    let server = Program::start(&command);
    eventually(LONG, "a first push", async || {
        gateway.requests("put", 200).await > 0
    })
    .await;
    let refused = get(&format!("http://127.0.0.1:{port}/prometheus")).await;
    assert!(refused.is_err(), "{refused:?}\n{}", server.stderr());
}
