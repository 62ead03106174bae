//! Rules that Dubbo for Java writes send our calls where they send Java's.

use std::process::Command;
use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider, operator};
use test_servers::{Folder, LONG, Process, ZooKeeper, eventually};

const CALLS: u64 = 60;

const LOAD: Load = Load {
    concurrency: 2,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

async fn publish(zookeeper: &ZooKeeper, options: &[&str]) {
    let folder = Folder::new("operator");
    let mut command: Command = operator(&zookeeper.address(), &folder);
    command.args(options);
    let mut process = Process::spawn(&command);
    let code = process.wait(LONG).await;
    assert_eq!(code, 0, "{options:?}:\n{}", process.stderr());
}

/// Returns how many calls each provider has had.
async fn totals(providers: &[Provider; 2]) -> [u64; 2] {
    let mut totals = [0; 2];
    for (total, provider) in totals.iter_mut().zip(providers) {
        *total = provider.counts().await.map_or(0, |counts| counts.total);
    }
    totals
}

/// Starts a consumer and asserts that its calls reach the second provider, all but so many.
async fn goes_to_the_second(
    language: Language,
    providers: &[Provider; 2],
    zookeeper: &ZooKeeper,
    rule: &str,
    others: u64,
) {
    // Dubbo for Java reads URLs where it reads providers by interface.
    let options: &[&str] = match (rule, language) {
        ("url", Language::Java) => &["--migration-step=FORCE_INTERFACE"],
        _ => &[],
    };
    let before = totals(providers).await;
    let consumer = Consumer::start_with(language, &zookeeper.address(), LOAD, options).await;
    let (report, _) = consumer.end().await;
    assert_eq!(
        (report.calls, report.lost()),
        (CALLS, 0),
        "{rule}, {language:?}: {report:?}"
    );
    eventually(LONG, "every call is counted", async || {
        let after = totals(providers).await;
        let had = [after[0] - before[0], after[1] - before[1]];
        assert!(
            had[0] <= others,
            "{rule}, {language:?}: the first provider is left out, not {had:?}"
        );
        if had[0] + had[1] == CALLS {
            Ok(())
        } else {
            Err(format!("{had:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn rules_that_java_writes_steer_our_consumer_as_they_steer_javas() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let host = link.address();
    let start = || {
        let options = ["--error-rate=0", "--warmup=0s"];
        Provider::start_on(host, Language::Rust, &zookeeper.address(), &options)
    };
    let mut providers = [start(), start()];
    for provider in &mut providers {
        provider.wait_registered(&zookeeper).await;
    }
    let first = format!("{host}:{}", providers[0].port());
    let to_second = format!("=> port = {}", providers[1].port());
    let url = format!(
        "override://{first}/greet.GreetService?category=configurators&dynamic=false&disabled=true"
    );
    for (rule, key, value) in [
        ("tag", "rust-provider.tag-router", &first),
        (
            "condition",
            "greet.GreetService::.condition-router",
            &to_second,
        ),
        ("override", "greet.GreetService::.configurators", &first),
        ("url", "none", &url),
    ] {
        let key = format!("--key={key}");
        let text = format!("--rule={rule}");
        let value = format!("--value={value}");
        publish(&zookeeper, &[&key, &text, &value]).await;
        // A provider of weight 0 is still called while no other one is connected: by the first call of each caller, at most.
        let others = if rule == "override" { 2 } else { 0 };
        for language in [Language::Rust, Language::Java] {
            goes_to_the_second(language, &providers, &zookeeper, rule, others).await;
        }
        let undo = if rule == "url" {
            "--rule=no-url"
        } else {
            "--rule=none"
        };
        publish(&zookeeper, &[&key, undo, &value]).await;
    }
}
