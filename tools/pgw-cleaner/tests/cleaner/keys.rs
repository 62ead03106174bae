//! Keys of all kinds are read, deleted, and nothing else is.

use pushgateway::GroupingKey;
use test_servers::{LONG, Pushgateway};

use crate::support::{client, expired, run, start};

const OPTIONS: [&str; 4] = ["--ttl", "1s", "--job-prefix", "*"];

fn odd_keys() -> Vec<GroupingKey> {
    let values = [
        "a/b",
        "my job",
        "ü",
        "a%2Fb",
        "x@base64",
        "..",
        "//",
        "日本",
        "\u{1b}[0m",
        "a\nb\"\\",
    ];
    let mut keys: Vec<GroupingKey> = values
        .into_iter()
        .map(|value| GroupingKey::new(value).with("instance", value))
        .collect();
    keys.push(GroupingKey::new("alone"));
    keys.push(GroupingKey::new("empty").with("instance", ""));
    keys.push(
        GroupingKey::new("empty")
            .with("instance", "")
            .with("zone", ""),
    );
    keys.push((0..200).fold(GroupingKey::new("many"), |key, n| {
        key.with(format!("label_{n}"), format!("value/{n}"))
    }));
    keys
}

#[tokio::test]
async fn odd_keys_are_deleted_and_their_neighbours_are_not() {
    let server = Pushgateway::start().await;
    let gateway = client(&server.url());
    for key in odd_keys() {
        gateway.put(&key, "up 1\n").await.unwrap();
    }
    expired(&server, &OPTIONS, odd_keys().len()).await;
    // Keys that a careless encoding takes for one of the odd ones.
    for job in ["a", "a%2Fb%2F", "my%20job", "my+job", "a%252Fb", "x"] {
        gateway
            .put(&GroupingKey::new(job).with("instance", job), "up 1\n")
            .await
            .unwrap();
    }
    let ended = run(
        &server.url(),
        &[&OPTIONS[..], &["--output", "json"]].concat(),
    )
    .await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.report()["deleted"], odd_keys().len(), "{ended:?}");
    assert_eq!(server.groups().await.len(), 6);
}

#[tokio::test]
async fn a_metric_that_hides_the_labels_does_not_save_its_group() {
    let server = Pushgateway::start().await;
    let gateway = client(&server.url());
    let body = "labels 1\nlast_push_successful 1\npush_time_seconds 9e9\n";
    for key in [
        GroupingKey::new("one").with("instance", "a/b"),
        GroupingKey::new("two"),
        GroupingKey::new("three").with("instance", ""),
    ] {
        gateway.put(&key, body).await.unwrap();
    }
    expired(&server, &OPTIONS, 3).await;
    let ended = run(&server.url(), &OPTIONS).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(server.groups().await.is_empty());
}

#[tokio::test]
async fn groups_that_never_had_a_successful_push_go_too() {
    let server = Pushgateway::start().await;
    let key = GroupingKey::new("broken").with("instance", "host:1");
    client(&server.url())
        .put(&key, "up 1 1700000000\n")
        .await
        .expect_err("timestamps are refused");
    assert_eq!(
        server.groups().await.len(),
        1,
        "a failed push makes a group all the same"
    );
    expired(&server, &OPTIONS, 1).await;
    let ended = run(
        &server.url(),
        &[&OPTIONS[..], &["--output", "json"]].concat(),
    )
    .await;
    assert_eq!(
        ended.report()["groups"][0]["last_push_succeeded"],
        false,
        "{ended:?}"
    );
    assert!(server.groups().await.is_empty());
}

#[tokio::test]
async fn a_pusher_whose_pushes_all_fail_keeps_its_group() {
    let server = Pushgateway::start().await;
    let gateway = client(&server.url());
    let key = GroupingKey::new("dubbo_server").with("instance", "host:1");
    gateway.put(&key, "up 1\n").await.unwrap();
    // Fails from now on, a few times a second, for longer than the TTL.
    let failing = tokio::spawn({
        let (gateway, key) = (gateway.clone(), key.clone());
        async move {
            loop {
                gateway
                    .put(&key, "up 1 1700000000\n")
                    .await
                    .expect_err("timestamps are refused");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        }
    });
    let dead = GroupingKey::new("dubbo_server").with("instance", "host:2");
    gateway.put(&dead, "up 1\n").await.unwrap();
    let mut daemon = start(
        &server.url(),
        &[
            "--ttl",
            "10s",
            "--daemon",
            "--interval",
            "100ms",
            "--metrics-addr",
            "127.0.0.1:0",
        ],
    );
    test_servers::eventually(LONG, "only the failing one is left", async || {
        let groups = server.groups().await;
        if groups.len() == 1 {
            Ok(())
        } else {
            Err(groups)
        }
    })
    .await;
    assert_eq!(server.groups().await[0]["instance"], "host:1");
    daemon.terminate();
    assert_eq!(daemon.wait(LONG).await, 0);
    failing.abort();
}
