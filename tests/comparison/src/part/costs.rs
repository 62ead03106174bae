//! What is paid beside calls: starts, programs, scrapes, pushes.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use test_servers::{Pushgateway, ZooKeeper};
use tokio::time::{Instant, sleep};

use super::registered;
use crate::bench::Bench;
use crate::h2load::{Load, Until};
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::Running;
use crate::statistics::median;
use crate::subject::{Family, Subject};

const SUBJECTS: [Subject; 2] = [Subject::Ours, Subject::DubboGo];

/// Scrapes of one provider in each round, of which the median counts.
const SCRAPES: usize = 5;

/// Calls of each method before its provider is scraped, so that all of its histogram is there.
const CALLS_OF_EACH: u64 = 20;

/// The same before pushes are watched.
const CALLS_BEFORE_PUSHES: u64 = 200;

/// dubbo-go pushes at whole seconds only.
const PUSH_INTERVAL: &str = "1s";

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let mut measured = Measured::default();
    // Consumers look into the second one, where no killed provider is left.
    let (any, clean) = (ZooKeeper::start().await, ZooKeeper::start().await);
    starts(bench, &any, &clean, &mut measured).await?;
    scrapes(bench, &any, &mut measured).await?;
    pushes(bench, &any, &mut measured).await?;
    for subject in bench.of(&SUBJECTS) {
        for (quantity, name) in [
            (Quantity::ProviderBinary, "server"),
            (Quantity::ConsumerBinary, "client"),
        ] {
            measured.add(
                quantity,
                subject,
                size_mib(&bench.programs.path(subject, name)?)?,
            );
        }
    }
    Ok(measured)
}

async fn starts(
    bench: &Bench,
    any: &ZooKeeper,
    clean: &ZooKeeper,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let options = ProviderOptions::default();
    let other = bench
        .programs
        .provider(Subject::Ours, &clean.address(), options)
        .await?;
    registered(clean, 1).await;
    let subjects = bench.of(&SUBJECTS);
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, subjects.len()) {
            let subject = subjects[at];
            let start = Instant::now();
            let mut provider =
                bench
                    .programs
                    .start_provider(subject, &any.address(), options, &[])?;
            provider
                .answered()
                .await
                .with_context(|| subject.to_string())?;
            let provided = millis(start.elapsed());
            provider.kill();
            measured.add(Quantity::ProviderStart, subject, provided);
            let consumed = first_call(bench, subject, clean, &other.address())
                .await
                .with_context(|| subject.to_string())?;
            measured.add(Quantity::ConsumerStart, subject, consumed);
            bench.progress.say(format_args!(
                "costs, round {} of {}: {subject}: provider answers after {}, consumer has an answer after {}",
                round + 1,
                bench.extent.rounds,
                Unit::Millis.show(provided),
                Unit::Millis.show(consumed),
            ));
        }
    }
    Ok(())
}

/// Returns the time from a consumer's start to its first answer.
async fn first_call(
    bench: &Bench,
    subject: Subject,
    zookeeper: &ZooKeeper,
    address: &str,
) -> anyhow::Result<f64> {
    // Ours says each answer at once when it is not quiet, and of two options the last counts; the peer reports after its last call.
    let (options, answer) = match subject.family() {
        Family::Ours => (
            vec!["--count=1".to_owned(), "--quiet=false".to_owned()],
            "Greet response: ",
        ),
        Family::DubboGo | Family::Tonic => (vec!["--count=1".to_owned()], "\"succeeded\":1,"),
    };
    let start = Instant::now();
    let mut consumer = bench
        .programs
        .consumer(subject, &zookeeper.address(), address, &options)?;
    consumer
        .wait_output(|output| output.contains(answer))
        .await?;
    let passed = millis(start.elapsed());
    consumer.kill();
    Ok(passed)
}

async fn scrapes(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let most = *bench.extent.methods.last().context("there are steps")?;
    let mut providers = Vec::new();
    for subject in bench.of(&SUBJECTS) {
        for (methods, time, size) in [
            (1, Quantity::ScrapeTime, Quantity::ScrapeSize),
            (
                most,
                Quantity::ScrapeTimeThousand,
                Quantity::ScrapeSizeThousand,
            ),
        ] {
            let provider = with_methods(bench, subject, zookeeper, methods).await?;
            providers.push((subject, provider, time, size));
        }
    }
    for round in 0..bench.extent.rounds {
        for at in Bench::order(round, providers.len()) {
            let (subject, provider, time, size) = &providers[at];
            let (took, bytes) = scrape(provider).await?;
            measured.add(*time, *subject, took);
            measured.add(*size, *subject, bytes / 1024.0);
            bench.progress.say(format_args!(
                "costs, round {} of {}: {subject}: {} {}",
                round + 1,
                bench.extent.rounds,
                time.title(),
                Unit::Millis.show(took),
            ));
        }
    }
    Ok(())
}

/// Starts a provider with so many methods, and calls each of them some times.
pub(super) async fn with_methods(
    bench: &Bench,
    subject: Subject,
    zookeeper: &ZooKeeper,
    methods: u32,
) -> anyhow::Result<Running> {
    let options = ProviderOptions {
        methods,
        ..ProviderOptions::default()
    };
    let provider = bench
        .programs
        .provider(subject, &zookeeper.address(), options)
        .await
        .with_context(|| subject.to_string())?;
    call_each(bench, &provider, methods, CALLS_OF_EACH).await?;
    Ok(provider)
}

/// Calls each method of a provider so many times, and at least 200 times all of them together.
async fn call_each(
    bench: &Bench,
    provider: &Running,
    methods: u32,
    times: u64,
) -> anyhow::Result<()> {
    let calls = (u64::from(methods) * times).max(200);
    let load = Load {
        methods: methods as usize,
        ..Load::usual(provider.port(), Until::Calls(calls))
    };
    bench.h2load.run(load).await?;
    Ok(())
}

/// Returns the median time of some scrapes in ms, and the size of the last one in bytes.
pub(super) async fn scrape(provider: &Running) -> anyhow::Result<(f64, f64)> {
    let mut times = Vec::new();
    let mut size = 0;
    for _ in 0..SCRAPES {
        let start = Instant::now();
        size = provider.scrape().await?.len();
        times.push(millis(start.elapsed()));
    }
    Ok((median(&times), size as f64))
}

/// Watches processes that do nothing but push, all at the same time.
async fn pushes(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let mut pushing = Vec::new();
    for subject in bench.of(&SUBJECTS) {
        for (methods, quantity) in [(1, Quantity::PushCpu), (100, Quantity::PushCpuHundred)] {
            let gateway = Pushgateway::start().await;
            let push = match subject.family() {
                Family::Ours => vec!["--push=true".to_owned()],
                Family::DubboGo | Family::Tonic => vec![],
            };
            let pushing_options = [
                push,
                vec![
                    format!("--pushgateway-url={}", gateway.url()),
                    format!("--push-interval={PUSH_INTERVAL}"),
                ],
            ]
            .concat();
            let options = ProviderOptions {
                methods,
                ..ProviderOptions::default()
            };
            let provider = bench.programs.start_provider(
                subject,
                &zookeeper.address(),
                options,
                &pushing_options,
            )?;
            provider
                .answered()
                .await
                .with_context(|| subject.to_string())?;
            call_each(bench, &provider, methods, CALLS_BEFORE_PUSHES).await?;
            pushing.push((subject, quantity, provider, gateway));
        }
    }
    let mut before = Vec::new();
    for (_, _, provider, gateway) in &pushing {
        before.push((pushed(gateway).await, provider.cpu()?));
    }
    sleep(bench.extent.pushing).await;
    for ((subject, quantity, provider, gateway), (pushes, cpu)) in pushing.iter().zip(before) {
        let cpu = provider.cpu()?.saturating_sub(cpu);
        let pushes = pushed(gateway).await - pushes;
        let each = cpu.as_secs_f64() * 1e6 / pushes;
        anyhow::ensure!(pushes > 0.0, "{subject} does not push");
        measured.add(*quantity, *subject, each);
        bench.progress.say(format_args!(
            "costs: {subject}: {} {} ({pushes} pushes)",
            quantity.title(),
            Unit::Micros.show(each),
        ));
    }
    Ok(())
}

/// Returns how many pushes a gateway has taken, by either method.
async fn pushed(gateway: &Pushgateway) -> f64 {
    let mut count = 0;
    for method in ["PUT", "POST"] {
        for code in [200, 202] {
            count += gateway.requests(method, code).await;
        }
    }
    count as f64
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Returns the size of a file in MiB.
///
/// # Errors
/// When there is none.
fn size_mib(path: &Path) -> anyhow::Result<f64> {
    let size = std::fs::metadata(path)
        .with_context(|| path.display().to_string())?
        .len();
    Ok(size as f64 / 1024.0 / 1024.0)
}
