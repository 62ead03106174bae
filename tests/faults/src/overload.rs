//! A provider that gets four times the calls that it can do, beside others that are well.

mod load;
mod provider;

use std::sync::Arc;
use std::time::Duration;

use dubbo_registry::{ZooKeeperConfig, ZooKeeperRegistry};
use test_servers::{LONG, eventually};
use triple::{CallLimit, RpcMetadata};

use crate::fault::Length;
use crate::report::Report;
use crate::stage::{Infrastructure, Stage};

pub use load::{Load, load};
pub use provider::{Overloaded, Work};

/// What is left of the answers at capacity, and how much longer they may take.
const FEWEST: f64 = 0.9;
const SLOWEST: f64 = 2.0;

/// How much of the time before it is measured a load runs, so that a limit has found its number.
const WARM_UP: Duration = Duration::from_secs(6);

/// How long a load is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// What one kind of work costs at four times its capacity.
struct Compared {
    capacity: Load,
    without: Load,
    limited: Load,
}

impl Compared {
    async fn of(work: fn() -> Work) -> Self {
        let open = Overloaded::start(work(), None).await;
        let capacity = load(&open.address(), Load::CAPACITY, WARM_UP, MEASURED).await;
        let without = load(&open.address(), Load::OVERLOAD, WARM_UP, MEASURED).await;
        open.leave(Duration::ZERO).await;
        let limited = Overloaded::start(work(), Some(CallLimit::adaptive())).await;
        let overloaded = load(&limited.address(), Load::OVERLOAD, WARM_UP, MEASURED).await;
        limited.leave(Duration::ZERO).await;
        Self {
            capacity,
            without,
            limited: overloaded,
        }
    }

    fn tell(&self, what: &str, report: &mut Report) {
        let Self {
            capacity,
            without,
            limited,
        } = self;
        let (share, slower) = limited.beside(capacity);
        report.note(&format!(
            "; calls that {what}: {:.0} % of the answers in {slower:.1} times the p99, without a limit {:.0} %",
            share * 100.0,
            without.beside(capacity).0 * 100.0
        ));
        let figures = format!("of calls that {what}: {limited:?}, at capacity {capacity:?}");
        report.promise(
            limited.failed == 0,
            format!("refused or answered {figures}"),
        );
        report.promise(
            share >= FEWEST,
            format!("{FEWEST} of the answers {figures}"),
        );
        report.promise(
            slower <= SLOWEST,
            format!("{SLOWEST} times the p99 {figures}"),
        );
    }
}

/// Makes consumers of this stage find the provider, and returns once one calls it.
async fn announce(stage: &Stage, provider: &mut Overloaded) -> ZooKeeperRegistry {
    let config = ZooKeeperConfig::new(stage.zookeeper.address());
    let metadata = Arc::new(RpcMetadata::default());
    let registry = ZooKeeperRegistry::connect(config, Arc::new(()), metadata);
    let registry = registry.expect("the address is legal");
    let announced = provider.serving().announce(&registry, "127.0.0.1");
    let announced = announced.expect("the names are legal").done().await;
    announced.expect("ZooKeeper takes the registration");
    let called = async || provider.attempts() > 0;
    eventually(LONG, "the overloaded provider is called", called).await;
    registry
}

pub(crate) async fn overloaded(length: Length) -> Report {
    let mut report = Report::new("four times what one of three can do");
    let kinds = [
        ("wait", Work::worker as fn() -> Work),
        ("compute", || Work::Processor),
    ];
    // Speed is nothing to assert on in a test, which runs beside much else.
    if length == Length::Full {
        for (what, work) in kinds {
            Compared::of(work).await.tell(what, &mut report);
        }
    }

    let infrastructure = Infrastructure::start().await;
    let servers = [infrastructure.server(), infrastructure.server()];
    let client = infrastructure.client();
    let mut stage = infrastructure.with(&servers, &client).await;
    // What this process answers is in no server's figures.
    stage.whole = false;
    for (what, work) in kinds {
        let mut provider = Overloaded::start(work(), Some(CallLimit::adaptive())).await;
        let registry = announce(&stage, &mut provider).await;
        let (before, attempts) = (stage.client.greetings(), provider.attempts());
        let address = provider.address();
        let lasts = length.seconds(2, 10);
        let limited = load(&address, Load::OVERLOAD, Duration::ZERO, lasts).await;
        let (calls, attempts) = (
            stage.client.greetings() - before,
            provider.attempts() - attempts,
        );
        report.note(&format!(
            "; of a consumer's {calls} calls {attempts} attempts on the one that is to {what}"
        ));
        report.promise(limited.refused > 0, "what is too much is refused");
        report.promise(
            limited.failed == 0,
            format!("calls that are not refused are answered: {limited:?}"),
        );
        report.promise(
            attempts <= calls,
            format!("a consumer turns to others: {attempts} attempts on it in {calls} calls"),
        );
        stage.calls_go_on().await;
        report
            .recovers(provider.leave(Duration::from_millis(500)))
            .await;
        drop(registry);
    }
    stage.unharmed(report).await
}
