//! Every query of the dashboard on a real Prometheus, fed by two servers and their clients, by push and by pull.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use e2e::{LONG, Program};
use stack::Dashboard;
use test_servers::{Prometheus, Pushgateway, ZooKeeper, eventually, prometheus_pull};
use tokio::time::Instant;

/// How the figures leave the processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Push,
    Pull,
}

/// The servers behind the dashboard, and how processes find them.
#[derive(Debug)]
struct Stack {
    mode: Mode,
    zookeeper: ZooKeeper,
    pushgateway: Pushgateway,
    prometheus: Prometheus,
}

impl Stack {
    async fn start(mode: Mode) -> Self {
        let (zookeeper, pushgateway) = tokio::join!(ZooKeeper::start(), Pushgateway::start());
        let config = prometheus_pull(&zookeeper.address(), &pushgateway.address())
            .replace("scrape_interval: 5s", "scrape_interval: 1s")
            .replace("scrape_timeout: 4s", "scrape_timeout: 1s");
        let prometheus = Prometheus::start(&config).await;
        Self {
            mode,
            zookeeper,
            pushgateway,
            prometheus,
        }
    }

    fn exported(&self, mut command: Command, window: &str) -> Program {
        command.args(["--metrics-window", window]);
        match self.mode {
            Mode::Push => command.args([
                "--push-interval",
                "1s",
                "--pushgateway-url",
                &self.pushgateway.url(),
            ]),
            Mode::Pull => command.arg("--push=false"),
        };
        Program::start(&command)
    }

    fn server(&self, window: &str, options: &[&str]) -> Program {
        let mut command = Program::server(&self.zookeeper.address());
        command.args(options);
        self.exported(command, window)
    }

    /// Starts a client that makes `calls` calls at once, and then none for an hour.
    fn burst(&self, window: &str, calls: &str) -> Program {
        let mut command = Program::client(&self.zookeeper.address());
        command.args(["--interval", "1h", "--concurrency", calls]);
        self.exported(command, window)
    }

    /// Waits until a query of the dashboard answers with this value.
    async fn shows(&self, dashboard: &Dashboard, place: &str, expected: f64) {
        eventually(LONG, &format!("{place} at {expected}"), async || {
            let value = dashboard.value(&self.prometheus, place).await;
            if value.is_some_and(|value| (value - expected).abs() < 1e-9) {
                Ok(())
            } else {
                Err(value)
            }
        })
        .await;
    }
}

/// Shares and totals, exact before the first call, before the first failure, and after it.
async fn totals_are_exact(mode: Mode) {
    let stack = Stack::start(mode).await;
    // Nothing ages out of the window while the test runs.
    let window = "30m";
    let dashboard = Dashboard::new("5m", "15m");
    let mut servers = vec![stack.server(window, &[]), stack.server(window, &[])];

    stack
        .shows(&dashboard, "panel Provider success rate A", 1.0)
        .await;
    stack.shows(&dashboard, "panel Provider QPS A", 0.0).await;
    let p99 = dashboard
        .value(&stack.prometheus, "panel Provider P99 A")
        .await;
    assert_eq!(p99, None, "without calls there is a gap");

    let first = stack.burst(window, "100");
    first.greeted(100).await;
    for side in ["Provider", "Consumer"] {
        stack
            .shows(&dashboard, &format!("panel {side} statistics A"), 100.0)
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} success rate A"), 1.0)
            .await;
    }

    // The error is decided before the delay, so that the balancer prefers the failing server.
    servers.push(stack.server(window, &["--error-rate", "1", "--delay", "0s"]));
    eventually(LONG, "three servers", async || {
        let processes = stack
            .prometheus
            .query("count(dubbo_provider_requests_total)")
            .await;
        if processes.first().is_some_and(|count| count.value == 3.0) {
            Ok(())
        } else {
            Err(processes)
        }
    })
    .await;
    // A client calls as soon as it is connected to one server. One that called before it was connected to the failing
    // one is followed by another.
    let mut later = Vec::new();
    let mut failed = 0.0;
    while failed == 0.0 && later.len() < 10 {
        let client = stack.burst(window, "200");
        let lines = eventually(LONG, "200 lines", async || {
            let output = client.stdout();
            let lines = output.lines().count();
            if lines >= 200 { Ok(lines) } else { Err(lines) }
        })
        .await;
        assert_eq!(lines, 200, "one line for each call");
        failed = (200 - client.greetings()) as f64;
        later.push(client);
    }
    assert!(failed > 0.0, "the failing server got no call");
    let made = (100 + 200 * later.len()) as f64;
    for side in ["Provider", "Consumer"] {
        // A consumer is one process of two applications of the same name, and both sides are never added up.
        stack
            .shows(&dashboard, &format!("panel {side} statistics A"), made)
            .await;
        stack
            .shows(
                &dashboard,
                &format!("panel {side} statistics B"),
                made - failed,
            )
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} statistics C"), failed)
            .await;
        stack
            .shows(&dashboard, &format!("panel {side} statistics D"), failed)
            .await;
        stack
            .shows(
                &dashboard,
                &format!("panel {side} success rate A"),
                (made - failed) / made,
            )
            .await;
    }

    // The instances add up to the whole.
    let instances = stack
        .prometheus
        .query("count by (instance) (dubbo_provider_requests_total)")
        .await;
    assert_eq!(instances.len(), 3);
    let mut sum = 0.0;
    for instance in &instances {
        let one = Dashboard::of_instance(instance.label("instance"), "5m", "15m");
        sum += one
            .value(&stack.prometheus, "panel Provider statistics A")
            .await
            .unwrap_or_default();
    }
    assert_eq!(sum, made);

    for server in &mut servers {
        server.stop().await;
    }
    eventually(LONG, "no provider", async || {
        let left = stack
            .prometheus
            .query("dubbo_provider_requests_total")
            .await;
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

/// What a client did by its own output, one line for each call: the measure of the rates.
#[derive(Debug)]
struct Driven(Vec<(Instant, usize)>);

impl Driven {
    /// Looks at the client's output.
    fn look(&mut self, client: &Program) {
        self.0
            .push((Instant::now(), client.stdout().lines().count()));
    }

    /// Returns the calls per second over the last `time`, or nothing before it has been watched for so long.
    fn rate(&self, time: Duration) -> Option<f64> {
        let (end, last) = self.0.last()?;
        let (start, first) = self.0.iter().rev().find(|(at, _)| *at + time <= *end)?;
        Some((last - first) as f64 / (*end - *start).as_secs_f64())
    }
}

/// Returns whether two rates are within 10 % of each other.
fn close(shown: Option<f64>, driven: Option<f64>) -> bool {
    shown
        .zip(driven)
        .is_some_and(|(shown, driven)| (shown / driven - 1.0).abs() < 0.1)
}

/// Rates and quantiles under a steady load, and every other query.
async fn every_query_answers_under_load(mode: Mode) {
    let stack = Stack::start(mode).await;
    let window = "10s";
    let dashboard = Dashboard::new("20s", "1m");
    // Slow enough that even a busy machine does not move a call into the next bucket, from 1 to 2.5 s.
    let _servers = [
        stack.server(window, &["--delay", "1200ms", "--error-rate", "0.3"]),
        stack.server(window, &["--delay", "1200ms"]),
    ];
    let mut command = Program::client(&stack.zookeeper.address());
    command.args(["--interval", "20ms", "--concurrency", "30"]);
    let client = stack.exported(command, window);

    let mut driven = Driven(Vec::new());
    eventually(2 * LONG, "rates as driven", async || {
        driven.look(&client);
        let mut wrong = Vec::new();
        for side in ["Provider", "Consumer"] {
            let qps = dashboard
                .value(&stack.prometheus, &format!("panel {side} QPS A"))
                .await;
            let requests = dashboard
                .value(&stack.prometheus, &format!("panel {side} requests A"))
                .await;
            // A figure is a second old when it is asked for: the interval of scrapes.
            for (shown, time) in [(qps, 11), (requests, 21)] {
                let driven = driven.rate(Duration::from_secs(time));
                if !close(shown, driven) {
                    wrong.push(format!(
                        "{side}: {shown:?} over {time} s, driven {driven:?}"
                    ));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    })
    .await;
    for side in ["Provider", "Consumer"] {
        let value = async |place: &str| {
            let value = dashboard
                .value(&stack.prometheus, &format!("panel {side} {place} A"))
                .await;
            value.expect("there are calls")
        };
        let p99 = value("P99").await;
        assert!(p99 > 1.0 && p99 <= 2.5, "{side}: p99 {p99}");
        let errors = value("error rate").await;
        assert!(errors > 0.0 && errors < 0.5, "{side}: error rate {errors}");
    }

    let mut silent = BTreeSet::new();
    for place in dashboard.places() {
        let samples = dashboard.ask(&stack.prometheus, place).await;
        if samples.is_empty() || samples.iter().any(|sample| !sample.value.is_finite()) {
            silent.insert(format!("{place}: {samples:?}"));
        }
    }
    assert!(silent.is_empty(), "queries without data:\n{silent:#?}");
    if mode == Mode::Push {
        for selector in stack::rule_selectors() {
            let samples = stack.prometheus.query(&selector).await;
            assert!(
                !samples.is_empty(),
                "the rules ask for {selector}, which nobody exports"
            );
        }
    }
    let variable = async |name: &str, label: &str| -> BTreeSet<String> {
        let samples = dashboard
            .ask(&stack.prometheus, &format!("variable {name}"))
            .await;
        samples
            .iter()
            .map(|sample| sample.label(label).to_owned())
            .collect()
    };
    let jobs = match mode {
        Mode::Push => BTreeSet::from(["dubbo_client".to_owned(), "dubbo_server".to_owned()]),
        Mode::Pull => BTreeSet::from(["dubbo".to_owned()]),
    };
    assert_eq!(variable("job", "job").await, jobs);
    assert_eq!(variable("instance", "instance").await.len(), 3);
    assert_eq!(
        variable("interface", "interface").await,
        BTreeSet::from(["greet.GreetService".to_owned()])
    );
    // Ours and the one that unknown methods share.
    assert!(variable("method", "method").await.contains("Greet"));
}

#[tokio::test]
async fn totals_are_exact_by_push() {
    totals_are_exact(Mode::Push).await;
}

#[tokio::test]
async fn totals_are_exact_by_pull() {
    totals_are_exact(Mode::Pull).await;
}

#[tokio::test]
async fn every_query_answers_under_load_by_push() {
    every_query_answers_under_load(Mode::Push).await;
}

#[tokio::test]
async fn every_query_answers_under_load_by_pull() {
    every_query_answers_under_load(Mode::Pull).await;
}
