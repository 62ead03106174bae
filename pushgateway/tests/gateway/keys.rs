//! Keys with values of all kinds arrive unchanged, and a deletion finds them again.

use std::collections::BTreeMap;

use pushgateway::GroupingKey;
use test_servers::Pushgateway;

use crate::client;

/// Returns the labels as the gateway shows them: with an empty `instance` where there is none.
fn shown(key: &GroupingKey) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> = key
        .labels()
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .collect();
    labels.entry("instance".into()).or_default();
    labels
}

fn odd_keys() -> Vec<GroupingKey> {
    let values = [
        "a/b",
        "my job",
        "ü",
        "a%2Fb",
        "x@base64",
        "..",
        ".",
        "//",
        "a+b",
        "日本",
        "\u{1b}[0m",
        "a\nb\"\\",
        "=",
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
            .with("zone", "")
            .with("rack", "1"),
    );
    keys.push((0..200).fold(GroupingKey::new("many"), |key, n| {
        key.with(format!("label_{n}"), format!("value/{n}"))
    }));
    keys.push(GroupingKey::new("long").with("instance", "x".repeat(8000)));
    keys
}

#[tokio::test]
async fn odd_keys_are_pushed_shown_and_deleted() {
    let server = Pushgateway::start().await;
    let gateway = client(&server.url());
    let mut expected = Vec::new();
    for key in odd_keys() {
        gateway
            .put(&key, "up 1\n")
            .await
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        expected.push(shown(&key));
    }
    expected.sort();
    assert_eq!(server.groups().await, expected);

    for key in odd_keys() {
        gateway
            .delete(&key)
            .await
            .unwrap_or_else(|error| panic!("{key}: {error}"));
        expected.retain(|labels| *labels != shown(&key));
        // The gateway works off its queue after its answer.
        let deadline = std::time::Duration::from_secs(30);
        test_servers::eventually(
            deadline,
            &format!("{key} is gone, and nothing else"),
            async || {
                let groups = server.groups().await;
                if groups == expected {
                    Ok(())
                } else {
                    Err(groups.len())
                }
            },
        )
        .await;
    }
}

#[tokio::test]
async fn a_put_replaces_the_whole_group() {
    let server = Pushgateway::start().await;
    let gateway = client(&server.address());
    let key = GroupingKey::new("app").with("instance", "host:1");
    gateway.put(&key, "one 1\ntwo 2\n").await.unwrap();
    gateway.put(&key, "two 3\n").await.unwrap();
    let samples = server.samples().await;
    let value = |name: &str| {
        samples
            .iter()
            .find(|sample| sample.name() == name)
            .map(|sample| sample.value)
    };
    assert_eq!((value("one"), value("two")), (None, Some(3.0)));
    assert_eq!(server.requests("PUT", 200).await, 2);
}

#[tokio::test]
async fn a_base_path_is_kept() {
    let server = Pushgateway::start_with(&["--web.route-prefix=/base/path"]).await;
    let gateway = client(&format!("{}/base/path/", server.url()));
    gateway
        .put(&GroupingKey::new("app"), "up 1\n")
        .await
        .unwrap();
    let elsewhere = client(&server.url())
        .put(&GroupingKey::new("app"), "up 1\n")
        .await
        .unwrap_err();
    assert_eq!(elsewhere.status().map(|status| status.as_u16()), Some(404));
}
