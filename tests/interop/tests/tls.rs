//! Triple over TLS with dubbo-go (`tls_config`) and grpc-go on the other side, and what a wrong pair is told.

use std::process::Command;
use std::time::Duration;

use e2e::{Program, Summary};
use interop::{Consumer, GrpcProvider, Language, Load, Provider, grpc_peer};
use test_servers::{Authority, LONG, Process, ZooKeeper, eventually};

const CALLS: u64 = 200;

const LOAD: Load = Load {
    concurrency: 4,
    interval: Duration::ZERO,
    count: Some(CALLS),
};

/// An authority, and the options of both sides with certificates that it has issued.
struct Certified {
    authority: Authority,
    provider: Vec<String>,
    consumer: Vec<String>,
}

impl Certified {
    fn new() -> Self {
        let authority = Authority::new();
        let shown = authority.issue("provider", &["127.0.0.1"]);
        let provider = vec![
            format!("--tls-cert={}", shown.cert.display()),
            format!("--tls-key={}", shown.key.display()),
        ];
        let consumer = vec![format!("--tls-ca={}", authority.file().display())];
        Self {
            authority,
            provider,
            consumer,
        }
    }

    /// Lets the provider ask for certificates, and the consumer show one. `option` is that of the provider's authority.
    fn mutual(mut self, option: &str) -> Self {
        let file = self.authority.file();
        self.provider.push(format!("{option}={}", file.display()));
        let shown = self.authority.issue("consumer", &[]);
        self.consumer.extend([
            format!("--tls-cert={}", shown.cert.display()),
            format!("--tls-key={}", shown.key.display()),
        ]);
        self
    }

    fn provider(&self) -> Vec<&str> {
        self.provider.iter().map(String::as_str).collect()
    }

    fn consumer(&self) -> Vec<&str> {
        self.consumer.iter().map(String::as_str).collect()
    }
}

/// Lets the consumer find the provider in ZooKeeper and call it.
async fn called(consumer: Language, provider: Language, files: &Certified) {
    let zookeeper = ZooKeeper::start().await;
    let provider = Provider::registered(provider, &zookeeper, &files.provider()).await;
    let options = files.consumer();
    let consumer = Consumer::start_with(consumer, &zookeeper.address(), LOAD, &options).await;
    let (report, _) = consumer.end().await;
    assert_eq!(report.lost(), 0, "{report:?}");
    assert_eq!(report.calls, CALLS);
    drop(provider);
}

/// dubbo-go asks instances for their metadata without TLS, whatever its `tls_config` says: it has to find interfaces.
const BY_INTERFACE: &str = "--registry-interface";

#[tokio::test]
async fn a_dubbo_go_consumer_calls_our_provider_over_tls() {
    let mut files = Certified::new();
    files.consumer.push(BY_INTERFACE.to_owned());
    called(Language::Go, Language::Rust, &files).await;
}

#[tokio::test]
async fn a_dubbo_go_consumer_shows_its_certificate_to_our_provider() {
    let mut files = Certified::new().mutual("--tls-client-ca");
    files.consumer.push(BY_INTERFACE.to_owned());
    called(Language::Go, Language::Rust, &files).await;
}

#[tokio::test]
async fn our_consumer_calls_a_dubbo_go_provider_over_tls() {
    called(Language::Rust, Language::Go, &Certified::new()).await;
}

#[tokio::test]
async fn our_consumer_shows_its_certificate_to_a_dubbo_go_provider() {
    let files = Certified::new().mutual("--tls-ca");
    called(Language::Rust, Language::Go, &files).await;
}

/// Our client's command against one provider.
fn client(address: &str, options: &[&str]) -> Command {
    let mut command = Program::command("client");
    command
        .arg(format!("--direct=tri://{address}"))
        .args(["--metrics=false", "--push=false", "--interval=0s"])
        .args(options);
    command
}

#[tokio::test]
async fn our_consumer_calls_a_grpc_go_provider_over_tls_in_both_ways() {
    for files in [Certified::new(), Certified::new().mutual("--tls-ca")] {
        let provider = GrpcProvider::start(&files.provider()).await;
        let options = [&files.consumer()[..], &["--count=100"]].concat();
        let mut client = Program::start(&client(provider.address(), &options));
        assert_eq!(client.wait(LONG).await, 0, "{}", client.stderr());
        let summary = Summary::read(&client.stdout()).expect("a summary");
        assert_eq!(summary.succeeded, 100, "{}", summary.line);
        assert_eq!(provider.end().await.calls, 100);
    }
}

#[tokio::test]
async fn a_grpc_go_consumer_calls_our_provider_over_tls_in_both_ways() {
    for files in [Certified::new(), Certified::new().mutual("--tls-client-ca")] {
        let zookeeper = ZooKeeper::start().await;
        let options = [&files.provider()[..], &["--error-rate=0"]].concat();
        let provider = Provider::registered(Language::Rust, &zookeeper, &options).await;
        let mut command = Command::new(grpc_peer());
        command
            .arg("consumer")
            .arg(format!("--addresses=127.0.0.1:{}", provider.port()))
            .args(["--count=100", "--tls-server-name=127.0.0.1"])
            .args(files.consumer());
        let mut consumer = Process::spawn(&command);
        assert_eq!(consumer.wait(LONG).await, 0, "{}", consumer.stderr());
        let said = consumer.stdout();
        assert!(said.contains("\"succeeded\":100"), "{said}");
    }
}

#[tokio::test]
async fn a_client_that_does_not_fit_a_grpc_go_provider_says_why() {
    let files = Certified::new();
    let secure = GrpcProvider::start(&files.provider()).await;
    let plain = GrpcProvider::start(&[]).await;
    for (provider, options, expected) in [
        (
            &secure,
            vec![],
            "it may speak TLS, for which --tls-ca has to be set",
        ),
        (
            &plain,
            files.consumer(),
            "the provider speaks no TLS, which this consumer was told to use",
        ),
    ] {
        let client = Program::start(&client(provider.address(), &options));
        eventually(LONG, expected, async || {
            let said = client.stderr();
            if said.contains(expected) {
                Ok(())
            } else {
                Err(said)
            }
        })
        .await;
    }
}
