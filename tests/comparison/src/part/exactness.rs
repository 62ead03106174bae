//! Whether what is printed is true: counts against the calls that were made, quantiles against the response times of a neutral caller.

use std::time::Duration;

use anyhow::Context as _;
use test_servers::ZooKeeper;
use tokio::time::sleep;

use crate::bench::Bench;
use crate::h2load::{Load, Until};
use crate::programs::ProviderOptions;
use crate::quantity::{Quantity, Unit};
use crate::results::Measured;
use crate::running::Running;
use crate::statistics::quantile;
use crate::subject::Subject;

const SUBJECTS: [Subject; 2] = [Subject::Ours, Subject::DubboGo];

/// The shortest delay: so long that the way from the caller to the provider is less than a thousandth of it.
const DELAY: Duration = Duration::from_millis(100);

/// Calls in flight on each connection while they take that long.
const STREAMS: u32 = 32;

/// Between two looks at counters that are to stand still.
const LOOK: Duration = Duration::from_millis(500);

pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Measured> {
    let zookeeper = ZooKeeper::start().await;
    let mut measured = Measured::default();
    for subject in bench.of(&SUBJECTS) {
        counts(bench, &zookeeper, subject, &mut measured)
            .await
            .with_context(|| subject.to_string())?;
        quantiles(bench, &zookeeper, subject, &mut measured)
            .await
            .with_context(|| subject.to_string())?;
    }
    Ok(measured)
}

async fn counts(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let provider = bench
        .programs
        .provider(subject, &zookeeper.address(), ProviderOptions::default())
        .await?;
    let before = settled(&provider).await?;
    let load = Load::usual(provider.port(), Until::Calls(bench.extent.calls));
    let made = bench.h2load.run(load).await?.calls as f64;
    let counted = settled(&provider).await? - before;
    let left = provider
        .metric("dubbo_provider_requests_processing_total")
        .await?;
    measured.add(Quantity::Made, subject, made);
    measured.add(Quantity::Lost, subject, made - counted);
    measured.add(Quantity::Left, subject, left);
    bench.progress.say(format_args!(
        "exactness: {subject}: {} calls, {} not counted, {} in flight at the end",
        Unit::Count.show(made),
        Unit::Count.show(made - counted),
        Unit::Count.show(left),
    ));
    Ok(())
}

/// Returns the provider's count of calls once it stands still: dubbo-go counts behind a queue.
async fn settled(provider: &Running) -> anyhow::Result<f64> {
    let mut before = provider.answered_calls().await?;
    loop {
        sleep(LOOK).await;
        let now = provider.answered_calls().await?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

async fn quantiles(
    bench: &Bench,
    zookeeper: &ZooKeeper,
    subject: Subject,
    measured: &mut Measured,
) -> anyhow::Result<()> {
    let options = ProviderOptions {
        delay: DELAY,
        ..ProviderOptions::default()
    };
    let provider = bench
        .programs
        .provider(subject, &zookeeper.address(), options)
        .await?;
    let usual = Load::usual(provider.port(), Until::Calls(bench.extent.timed_calls));
    let (_, times) = bench
        .h2load
        .run_timed(Load {
            streams: STREAMS,
            ..usual
        })
        .await?;
    settled(&provider).await?;
    for (share, name, exact, error) in [
        (0.5, "p50", Quantity::TrueP50, Quantity::ErrorP50),
        (0.99, "p99", Quantity::TrueP99, Quantity::ErrorP99),
    ] {
        let printed = provider
            .metric(&format!("dubbo_provider_rt_milliseconds_{name}"))
            .await?;
        let known = quantile(&times, share);
        let off = (printed / known - 1.0).abs() * 100.0;
        measured.add(exact, subject, known);
        measured.add(error, subject, off);
        bench.progress.say(format_args!(
            "exactness: {subject}: {name} is {}, printed {}",
            Unit::Millis.show(known),
            Unit::Millis.show(printed),
        ));
    }
    Ok(())
}
