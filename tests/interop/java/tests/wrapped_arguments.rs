//! A Java consumer of an interface without Protobuf is refused with the reason.

use std::time::Duration;

use interop::{Consumer, Language, Link, Load, Provider};
use test_servers::ZooKeeper;

#[tokio::test]
async fn arguments_in_hessian_are_refused_with_the_reason() {
    let (link, zookeeper) = (Link::up(), ZooKeeper::start().await);
    let options = ["--error-rate=0"];
    let provider =
        Provider::registered_on(link.address(), Language::Rust, &zookeeper, &options).await;
    let load = Load {
        concurrency: 1,
        interval: Duration::ZERO,
        count: Some(3),
    };
    let direct = format!(
        "--direct=tri://{}:{}/greet.GreetService",
        link.address(),
        provider.port()
    );
    let options = ["--plain=true", "--retries=0", direct.as_str()];
    let consumer = Consumer::start_with(Language::Java, &zookeeper.address(), load, &options).await;
    let (report, _) = consumer.end().await;
    assert_eq!((report.calls, report.succeeded), (3, 0), "{report:?}");
    let told = report.errors.keys().all(|text| {
        text.contains("serialized by hessian4") && text.contains("stub that is generated")
    });
    assert!(told, "{report:?}");
}
