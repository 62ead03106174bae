//! Routing rules are followed on a real ZooKeeper.

use dubbo_registry::{Call, Reference, Registry, Router, Subscription, ZooKeeperConfig};
use test_servers::{LONG, ZooKeeper, eventually};

use crate::support::{
    Recorder, announce, available, connect, connect_with, operator, put_persistent, reference,
    registration,
};

const TAGS: &str = "/dubbo/config/dubbo/my-app.tag-router";
const CONDITIONS: &str = "/dubbo/config/dubbo/greet.GreetService::.condition-router";
const OVERRIDES: &str = "/dubbo/config/dubbo/desk.configurators";

/// The folder of overrides as URLs.
const URLS: &str = "/dubbo/greet.GreetService/configurators";

const GRAY: &str = "force: true\ntags:\n- name: gray\n  addresses: ['127.0.0.1:20001']\n";

fn desk() -> Reference {
    reference().application("desk")
}

/// The ports that a call with this tag may go to.
fn routed(subscription: &Subscription, tag: &str) -> Vec<u16> {
    let providers = subscription.providers();
    let providers: Vec<_> = providers.iter().collect();
    let router = Router::new(&subscription.rules(), &desk(), &providers);
    let find = |name: &str| (name == "dubbo.tag").then_some(tag);
    let places = router.route(&Call {
        method: "Greet",
        attachments: &find,
    });
    places
        .into_iter()
        .map(|place| providers[place].port)
        .collect()
}

async fn until(subscription: &Subscription, what: &str, holds: impl Fn(&Subscription) -> bool) {
    eventually(LONG, what, async || holds(subscription)).await;
}

fn weight(subscription: &Subscription) -> Option<u32> {
    let provider = &subscription.providers()[0];
    subscription.rules().settings(&desk(), provider).weight
}

#[tokio::test]
async fn rules_are_there_with_the_first_list_and_follow_their_nodes() {
    let zookeeper = ZooKeeper::start().await;
    let operator = operator(&zookeeper).await;
    put_persistent(&operator, TAGS, GRAY.as_bytes()).await;
    let provider = connect(zookeeper.address());
    announce(&provider).await;
    let other = provider.register(registration("my-app", 20001));
    other.done().await.unwrap();

    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let mut subscription = consumer.subscribe(desk());
    assert_eq!(available(&mut subscription).await, [20000, 20001]);
    assert_eq!(routed(&subscription, ""), [20000], "from the first call on");
    assert_eq!(routed(&subscription, "gray"), [20001]);

    put_persistent(
        &operator,
        CONDITIONS,
        b"force: true\nconditions: ['=> port = 20001']",
    )
    .await;
    until(&subscription, "the condition is applied", |s| {
        routed(s, "").is_empty()
    })
    .await;
    put_persistent(&operator, CONDITIONS, b"conditions: [broken").await;
    until(&subscription, "the broken rule is told", |_| {
        recorder.malformed() == [CONDITIONS]
    })
    .await;
    assert!(
        routed(&subscription, "").is_empty(),
        "the one before is in force"
    );
    operator.delete(CONDITIONS, None).await.unwrap();
    until(&subscription, "the condition is gone", |s| {
        routed(s, "") == [20000]
    })
    .await;

    let rule = |weight: u32| {
        format!(
            "scope: application\nkey: desk\nconfigs: [{{side: consumer, parameters: {{weight: {weight}}}}}]"
        )
    };
    for expected in [7, 0] {
        put_persistent(&operator, OVERRIDES, rule(expected).as_bytes()).await;
        until(&subscription, "the weight is set", |s| {
            weight(s) == Some(expected)
        })
        .await;
    }
    operator.set_data(OVERRIDES, b"", None).await.unwrap();
    until(&subscription, "an empty rule is none", |s| {
        weight(s).is_none()
    })
    .await;
    operator.delete(TAGS, None).await.unwrap();
    until(&subscription, "the tags are gone", |s| {
        routed(s, "") == [20000, 20001]
    })
    .await;
}

#[tokio::test]
async fn rules_hold_while_zookeeper_is_away_and_are_read_again_after() {
    let mut zookeeper = ZooKeeper::start().await;
    let client = operator(&zookeeper).await;
    put_persistent(&client, TAGS, GRAY.as_bytes()).await;
    drop(client);
    let provider = connect(zookeeper.address());
    announce(&provider).await;
    let other = provider.register(registration("my-app", 20001));
    other.done().await.unwrap();
    let consumer = connect(zookeeper.address());
    let mut subscription = consumer.subscribe(desk());
    assert_eq!(available(&mut subscription).await, [20000, 20001]);
    zookeeper.kill();
    assert_eq!(routed(&subscription, ""), [20000]);
    zookeeper.restart().await;
    let client = operator(&zookeeper).await;
    client.delete(TAGS, None).await.unwrap();
    until(&subscription, "the tags are gone", |s| {
        routed(s, "") == [20000, 20001]
    })
    .await;
}

/// The path of an override that is written as a URL.
fn url(text: &str) -> String {
    let name: String = text
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    format!("{URLS}/{name}")
}

#[tokio::test]
async fn overrides_as_urls_are_there_with_the_first_list_and_follow_their_nodes() {
    let mut zookeeper = ZooKeeper::start().await;
    let client = operator(&zookeeper).await;
    let any =
        url("override://0.0.0.0/greet.GreetService?category=configurators&dynamic=false&weight=7");
    let broken = url("override://0.0.0.0/greet.GreetService?category=configurators&weight=many");
    put_persistent(&client, &any, b"").await;
    put_persistent(&client, &broken, b"").await;
    let provider = connect(zookeeper.address());
    announce(&provider).await;
    let recorder = Recorder::default();
    let consumer = connect_with(ZooKeeperConfig::new(zookeeper.address()), &recorder);
    let mut subscription = consumer.subscribe(desk());
    assert_eq!(available(&mut subscription).await, [20000]);
    assert_eq!(weight(&subscription), Some(7), "from the first call on");
    assert_eq!(recorder.malformed(), [broken.as_str()], "the others hold");

    // Dubbo Admin writes the node of a provider so, and removes it again.
    let one = url(
        "override://127.0.0.1:20000/greet.GreetService?category=configurators&dynamic=false&enabled=true&disabled=true&timeout=250",
    );
    put_persistent(&client, &one, b"").await;
    let settings = |s: &Subscription| s.rules().settings(&desk(), &s.providers()[0]);
    until(&subscription, "the provider is disabled", |s| {
        let settings = settings(s);
        settings.disabled == Some(true) && settings.timeout.is_some() && settings.weight == Some(7)
    })
    .await;
    client.delete(&one, None).await.unwrap();
    until(&subscription, "the provider is called again", |s| {
        settings(s).disabled.is_none()
    })
    .await;
    drop(client);
    zookeeper.kill();
    assert_eq!(weight(&subscription), Some(7), "while ZooKeeper is away");
    zookeeper.restart().await;
    let client = operator(&zookeeper).await;
    client.delete(&any, None).await.unwrap();
    client.delete(&broken, None).await.unwrap();
    until(&subscription, "the override is gone", |s| {
        weight(s).is_none()
    })
    .await;
    assert_eq!(recorder.malformed().len(), 1, "it is told once");
}
