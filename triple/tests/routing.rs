//! What operators' rules do with calls: tags, conditions, and overrides of weight, timeout and retries.
#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use dubbo_registry::MemoryRegistry;
use support::{Behaviour, Client, client, greet, provider};
use tokio::net::TcpListener;
use tonic::{Code, Status};
use triple::{ConsumerOptions, LoadBalance, Serving, Workers};

const SERVICE: &str = "greet.GreetService::";

fn options() -> ConsumerOptions {
    ConsumerOptions::default()
        .balance(LoadBalance::RoundRobin)
        .application("desk")
        .host("10.0.1.1")
}

/// Serves and announces a provider with this tag, none if empty.
async fn tagged(registry: &MemoryRegistry, behaviour: &Behaviour, tag: &str) -> Serving {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let provider = provider(behaviour).tag(tag).warmup(Duration::ZERO);
    let mut serving = provider.serve(listener, &Workers::here()).await.unwrap();
    let announcement = serving.announce(registry, "127.0.0.1").unwrap();
    announcement.done().await.unwrap();
    serving
}

/// Two providers, the calls of which are counted, and a consumer that is connected to both.
struct Pair {
    registry: MemoryRegistry,
    behaviours: [Behaviour; 2],
    serving: [Serving; 2],
    client: Client,
}

impl Pair {
    async fn new(behaviours: [Behaviour; 2], tags: [&str; 2], options: ConsumerOptions) -> Self {
        let registry = MemoryRegistry::new();
        let serving = [
            tagged(&registry, &behaviours[0], tags[0]).await,
            tagged(&registry, &behaviours[1], tags[1]).await,
        ];
        let client = client(&registry, options);
        Self {
            registry,
            behaviours,
            serving,
            client,
        }
    }

    /// Waits until `count` calls in a row, with these headers, are spread so over both.
    async fn until(&self, headers: &[(&'static str, &str)], expected: [usize; 2]) {
        let count = expected[0] + expected[1];
        let mut found = [0, 0];
        for _ in 0..2000 {
            let before = self.calls();
            let mut failed = 0;
            for _ in 0..count {
                failed += usize::from(call(&self.client, headers).await.is_err());
            }
            let after = self.calls();
            found = [after[0] - before[0], after[1] - before[1]];
            if failed == 0 && found == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("{headers:?}: {found:?} instead of {expected:?}");
    }

    /// Waits until calls with these headers fail, and returns how.
    async fn until_refused(&self, headers: &[(&'static str, &str)]) -> Status {
        for _ in 0..2000 {
            if let Err(status) = call(&self.client, headers).await {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("calls go on");
    }

    fn calls(&self) -> [usize; 2] {
        [self.behaviours[0].calls(), self.behaviours[1].calls()]
    }

    fn address(&self, place: usize) -> String {
        self.serving[place].address().to_string()
    }

    fn publish(&self, name: &str, text: &str) {
        self.registry.publish_rule(name, text);
    }
}

async fn call(client: &Client, headers: &[(&'static str, &str)]) -> Result<(), Status> {
    let mut request = tonic::Request::new(greet::GreetRequest::default());
    for (name, value) in headers {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    client.clone().greet(request).await.map(drop)
}

fn two() -> [Behaviour; 2] {
    [Behaviour::default(), Behaviour::default()]
}

#[tokio::test]
async fn a_provider_with_a_tag_gets_the_calls_that_carry_it() {
    let pair = Pair::new(two(), ["gray", ""], options()).await;
    pair.until(&[], [0, 20]).await;
    pair.until(&[("dubbo.tag", "gray")], [20, 0]).await;
    pair.until(&[("dubbo.tag", "blue")], [0, 20]).await;
    let forced = [("dubbo.tag", "blue"), ("dubbo.force.tag", "true")];
    let status = pair.until_refused(&forced).await;
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(
        status.message(),
        "tags and routing rules leave none of the 2 providers of greet.GreetService for this call"
    );
    let own = client(&pair.registry, options().tag("gray"));
    let before = pair.calls();
    for _ in 0..20 {
        greet(&own).await.unwrap();
    }
    let after = pair.calls();
    assert_eq!(after[1], before[1], "the consumer's own tag");
}

#[tokio::test]
async fn a_tag_rule_sets_a_provider_apart_while_it_is_there() {
    let pair = Pair::new(two(), ["", ""], options()).await;
    pair.until(&[], [10, 10]).await;
    let rule = format!(
        "force: false\ntags:\n- name: gray\n  addresses: ['{}']",
        pair.address(0)
    );
    pair.publish("greeter.tag-router", &rule);
    pair.until(&[], [0, 20]).await;
    pair.until(&[("dubbo.tag", "gray")], [20, 0]).await;
    // The rule stays in force while the new one cannot be read.
    pair.publish("greeter.tag-router", "tags: [broken");
    pair.publish("greeter.tag-router", "");
    pair.until(&[], [10, 10]).await;
    pair.until(&[("dubbo.tag", "gray")], [10, 10]).await;
}

#[tokio::test]
async fn condition_rules_choose_by_caller_method_and_provider() {
    let pair = Pair::new(two(), ["", ""], options()).await;
    let port = pair.serving[1].address().port();
    for (name, line, expected) in [
        (SERVICE, format!("=> port = {port}"), [0, 20]),
        (SERVICE, format!("method = Greet => port = {port}"), [0, 20]),
        (
            SERVICE,
            format!("method = Other => port = {port}"),
            [10, 10],
        ),
        (
            "desk",
            format!("application = desk => port != {port}"),
            [20, 0],
        ),
        (
            "greeter",
            format!("host = 10.0.1.* => port = {port}"),
            [0, 20],
        ),
        (
            "greeter",
            format!("host = 10.0.2.* => port = {port}"),
            [10, 10],
        ),
    ] {
        let node = format!("{name}.condition-router");
        pair.publish(
            &node,
            &format!("configVersion: v3.0\nforce: true\nconditions: [{line:?}]"),
        );
        pair.until(&[], expected).await;
        pair.publish(&node, "");
        pair.until(&[], [10, 10]).await;
    }
    let line = format!("attachments[user] = admin => port = {port}");
    let node = format!("{SERVICE}.condition-router");
    pair.publish(&node, &format!("conditions: [{line:?}]"));
    pair.until(&[("user", "admin")], [0, 20]).await;
    pair.until(&[("user", "guest")], [10, 10]).await;
    pair.publish(&node, "conditions: ['application = desk =>']");
    assert_eq!(pair.until_refused(&[]).await.code(), Code::Unavailable);
    pair.publish(&node, "conditions: ['application = other =>']");
    pair.until(&[], [10, 10]).await;
}

#[tokio::test]
async fn overrides_take_a_provider_out_and_weigh_it() {
    let pair = Pair::new(two(), ["", ""], options()).await;
    let node = format!("{SERVICE}.configurators");
    for (params, expected) in [
        ("weight: 0", [0, 20]),
        ("disabled: true", [0, 20]),
        ("weight: 300", [15, 5]),
    ] {
        let address = pair.address(0);
        let rule = format!(
            "configVersion: v2.7\nscope: service\nkey: greet.GreetService\nenabled: true\nconfigs:\n\
             - side: provider\n  addresses: ['{address}']\n  type: weight\n  enabled: true\n  parameters: {{{params}}}\n"
        );
        pair.publish(&node, &rule);
        pair.until(&[], expected).await;
        pair.publish(&node, "");
        pair.until(&[], [10, 10]).await;
    }
}

#[tokio::test]
async fn overrides_set_timeout_and_retries() {
    let slow = || Behaviour::taking(Duration::from_secs(3600));
    let pair = Pair::new([slow(), slow()], ["", ""], options()).await;
    pair.publish(
        "desk.configurators",
        "scope: application\nkey: desk\nconfigs: [{side: consumer, parameters: {timeout: 50, retries: 0}}]",
    );
    let status = pair.until_refused(&[]).await;
    assert_eq!(status.code(), Code::DeadlineExceeded);
    let bad = || Behaviour::failing(|| Status::unavailable("not me"));
    let pair = Pair::new([bad(), bad()], ["", ""], options()).await;
    let rule = |params: &str| {
        format!("key: greet.GreetService\nconfigs: [{{side: consumer, parameters: {{{params}}}}}]")
    };
    for (params, attempts) in [
        ("retries: 0", 1),
        ("retries: 0, Greet.retries: 1", 2),
        ("Other.retries: 0", 3),
    ] {
        pair.publish(&format!("{SERVICE}.configurators"), &rule(params));
        let mut found = 0;
        for _ in 0..2000 {
            let before: usize = pair.calls().iter().sum();
            call(&pair.client, &[]).await.unwrap_err();
            found = pair.calls().iter().sum::<usize>() - before;
            if found == attempts {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(found, attempts, "{params}");
    }
}

#[tokio::test]
async fn a_subset_of_many_providers_does_not_leave_out_the_one_with_the_tag() {
    let registry = MemoryRegistry::new();
    let (gray, others) = (Behaviour::default(), Behaviour::default());
    let _gray = tagged(&registry, &gray, "gray").await;
    let mut many = Vec::new();
    for _ in 0..5 {
        many.push(tagged(&registry, &others, "").await);
    }
    for _ in 0..5 {
        let subset = options().subset(1);
        let client = client(&registry, subset);
        let forced = [("dubbo.tag", "gray"), ("dubbo.force.tag", "true")];
        for _ in 0..10 {
            call(&client, &forced).await.unwrap();
            call(&client, &[]).await.unwrap();
        }
    }
    assert_eq!((gray.calls(), others.calls()), (50, 50));
}
