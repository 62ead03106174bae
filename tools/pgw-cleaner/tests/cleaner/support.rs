//! What the tests share: pushing, running the program, and a front that misbehaves.

mod canned;
mod daemon;
mod front;
mod program;

use std::time::Duration;

use pgw_cleaner::{Cleaner, Deletion, Limit, Metrics, Selection};
use pushgateway::{Access, Gateway, GroupingKey};
use test_servers::{LONG, Pushgateway, eventually};

pub(crate) use canned::canned;
pub(crate) use daemon::Daemon;
pub(crate) use front::{Action, Front};
pub(crate) use program::{run, start};

/// A short TTL, and a report that a test can read.
pub(crate) const OPTIONS: [&str; 4] = ["--ttl", "1s", "--output", "json"];

/// Returns a client of a gateway.
pub(crate) fn client(url: &str) -> Gateway {
    Gateway::new(&Access::new(url.parse().expect("the test gives a URL")))
        .expect("no file is involved")
}

/// Returns a cleaner in this process, of the groups whose jobs begin so; of all without a prefix.
pub(crate) fn cleaner(url: &str, ttl: Duration, job_prefixes: &[&str]) -> Cleaner {
    let prefixes = job_prefixes.iter();
    let selection = Selection {
        ttl,
        job_prefixes: prefixes
            .map(|prefix| prefix.parse().expect("a prefix"))
            .collect(),
        include: Vec::new(),
        exclude: Vec::new(),
        protect: Vec::new(),
        ttl_label: None,
    };
    let deletion = Deletion {
        dry_run: false,
        verify: true,
        max_deletes: Limit(None),
        workers: 2,
        batch_size: 10,
        max_window: Duration::from_secs(2),
        list_timeout: Duration::from_secs(30),
    };
    Cleaner::new(client(url), selection, deletion, Metrics::new())
}

/// Pushes something to a group.
pub(crate) async fn push(server: &Pushgateway, key: &GroupingKey) {
    client(&server.url())
        .put(key, "up 1\n")
        .await
        .unwrap_or_else(|error| panic!("{key}: {error}"));
}

/// Pushes to `count` groups of the job `dubbo_server`, and returns their keys.
pub(crate) async fn push_some(server: &Pushgateway, count: usize) -> Vec<GroupingKey> {
    let keys: Vec<_> = (0..count)
        .map(|n| GroupingKey::new("dubbo_server").with("instance", format!("host-{n:04}:1")))
        .collect();
    for key in &keys {
        push(server, key).await;
    }
    keys
}

/// Waits until the program itself, asked without deleting anything, finds that so many groups have expired.
pub(crate) async fn expired(server: &Pushgateway, options: &[&str], count: usize) {
    let options: Vec<&str> = [options, &["--dry-run", "--output", "json"]].concat();
    eventually(LONG, &format!("{count} groups expire"), async || {
        let found = run(&server.url(), &options).await.report()["would_delete"].clone();
        if found == count { Ok(()) } else { Err(found) }
    })
    .await;
}

/// Returns the instances of all groups.
pub(crate) async fn instances(server: &Pushgateway) -> Vec<String> {
    server
        .groups()
        .await
        .into_iter()
        .filter_map(|mut group| group.remove("instance"))
        .collect()
}
