//! Random worlds of pushers that come, push and stop, on one gateway, and a model that says who must stay and who must go.

mod member;
mod world;

use std::ops::Add;

use futures_util::future::join_all;
use test_servers::Pushgateway;

use world::{Tally, World};

/// Worlds side by side on the shared gateway, each with jobs and a cleaner of its own.
const WORLDS: u64 = 20;
/// Rounds of each world: 200 in all.
const ROUNDS: usize = 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn groups_without_pushes_are_deleted_and_live_ones_are_not() {
    let server = Pushgateway::start().await;
    let seed = fastrand::u64(..);
    let worlds = (0..WORLDS)
        .map(|number| World::new(&server.url(), number, seed.wrapping_add(number)).run(ROUNDS));
    let tally = join_all(worlds)
        .await
        .into_iter()
        .fold(Tally::default(), Add::add);
    assert_eq!(tally.rounds, 200, "seed {seed}");
    assert!(
        tally.gone >= 200,
        "at least one group a round was to go: {tally:?}, seed {seed}"
    );
    // On a machine that stalls for longer than the TTL it is not known which process is alive, so this asks for few.
    assert!(
        tally.stayed >= 40,
        "many were certain to live: {tally:?}, seed {seed}"
    );
}
