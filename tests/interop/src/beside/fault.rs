//! What happens to the consumers: grpc-go providers that refuse, renew their connections, or are killed.

use std::time::Duration;

use test_servers::free_port;
use tokio::time::sleep;

use super::compared::Calling;
use super::table::Cost;
use super::{Compared, Extent};
use crate::GrpcProvider;

/// The time that a call takes where it is answered.
const DELAY: &str = "-delay=10ms";

/// Something that goes wrong for a consumer of two providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One provider answers UNAVAILABLE at once.
    BlackHole,
    /// Both providers end each connection at an age.
    Renewed,
    /// One provider is killed and started again, over and over.
    Restarted,
}

// === impl Fault ===

impl Fault {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::BlackHole, Self::Renewed, Self::Restarted];

    /// Returns the first column of its row.
    pub(super) fn text(self, extent: &Extent) -> String {
        match self {
            Self::BlackHole => format!(
                "one of two providers answers UNAVAILABLE at once, the other after 10 ms; {} callers without a pause",
                extent.black_hole.concurrency
            ),
            Self::Renewed => format!(
                "both providers end each connection after {:?} (GOAWAY); {} callers, a pause of {:?} after each call",
                extent.age, extent.renewed.concurrency, extent.renewed.interval
            ),
            Self::Restarted => format!(
                "one of two providers is killed (SIGKILL) and, {life:?} later, started again for {life:?}, over and over; {} callers, a pause of {:?} after each call",
                extent.restarted.concurrency,
                extent.restarted.interval,
                life = extent.life
            ),
        }
    }
}

/// Makes a fault happen to one consumer, and returns what that cost.
///
/// # Panics
/// When a program can't be built or started, or says nothing at its end.
pub async fn happens(fault: Fault, consumer: Compared, extent: &Extent) -> Cost {
    match fault {
        Fault::BlackHole => black_hole(consumer, extent).await,
        Fault::Renewed => renewed(consumer, extent).await,
        Fault::Restarted => restarted(consumer, extent).await,
    }
}

async fn black_hole(consumer: Compared, extent: &Extent) -> Cost {
    let good = GrpcProvider::start(&[DELAY]).await;
    let bad = GrpcProvider::start(&["-fail"]).await;
    let addresses = [good.address().to_owned(), bad.address().to_owned()];
    let report = Calling::start(consumer, &addresses, extent.black_hole)
        .end()
        .await;
    let attempts = bad.end().await.calls;
    good.end().await;
    Cost::of(&report, [("attempts on the bad one", attempts)])
}

async fn renewed(consumer: Compared, extent: &Extent) -> Cost {
    let age = format!("-max-connection-age={}ms", extent.age.as_millis());
    let providers = [
        GrpcProvider::start(&[DELAY, &age]).await,
        GrpcProvider::start(&[DELAY, &age]).await,
    ];
    let addresses = providers.each_ref().map(|each| each.address().to_owned());
    let report = Calling::start(consumer, &addresses, extent.renewed)
        .end()
        .await;
    let (mut runs, mut connections) = (0, 0);
    for provider in providers {
        let counted = provider.end().await;
        runs += counted.calls;
        connections += counted.connections;
    }
    Cost::of(
        &report,
        [("runs of the handlers", runs), ("connections", connections)],
    )
}

async fn restarted(consumer: Compared, extent: &Extent) -> Cost {
    let lasting = GrpcProvider::start(&[DELAY]).await;
    // A port below those of outgoing connections, none of which may take it meanwhile.
    let port = format!("-port={}", free_port());
    let mut dying = GrpcProvider::start(&[DELAY, &port]).await;
    let addresses = [lasting.address().to_owned(), dying.address().to_owned()];
    let mut calling = Calling::start(consumer, &addresses, extent.restarted);
    let mut kills = 0;
    while waits(&mut calling, extent.life).await {
        dying.process().kill();
        kills += 1;
        sleep(extent.life).await;
        dying = GrpcProvider::start(&[DELAY, &port]).await;
    }
    let report = calling.end().await;
    dying.end().await;
    lasting.end().await;
    Cost::of(&report, [("kills", kills)])
}

/// Waits for so long, and returns whether the consumer still calls.
async fn waits(calling: &mut Calling, length: Duration) -> bool {
    sleep(length).await;
    calling.is_running()
}
