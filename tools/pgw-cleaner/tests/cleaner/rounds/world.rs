//! A world: its members, its cleaner, and the judgement after each pass.

use std::collections::HashSet;
use std::ops::Add;
use std::time::Duration;

use fastrand::Rng;
use pgw_cleaner::report::Outcome;
use pgw_cleaner::{Cleaner, Deletion, Group, Limit, Listing, Metrics, Selection};
use pushgateway::{Gateway, GroupingKey};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::member::Member;
use test_servers::{LONG, eventually};

use crate::support::client;

const TTL: Duration = Duration::from_secs(2);
/// From the last push until a group has to be found expired: the gateway's clock is cut to seconds.
const SURELY_EXPIRED: Duration = Duration::from_millis(2000 + 1000 + 100);
const MEMBERS: usize = 3;

pub(crate) struct World {
    number: u64,
    rng: Rng,
    gateway: Gateway,
    cleaner: Cleaner,
    /// Whether the cleaner itself waits until what it deleted is gone.
    verifies: bool,
    members: Vec<Member>,
    serial: usize,
}

/// What the judgements added up to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) rounds: usize,
    /// Members that had to go, and went.
    pub(crate) gone: usize,
    /// Members that had to stay, and stayed.
    pub(crate) stayed: usize,
    /// Members whose pusher was too slow to tell.
    pub(crate) uncertain: usize,
}

impl World {
    pub(crate) fn new(url: &str, number: u64, seed: u64) -> Self {
        let gateway = client(url);
        let selection = Selection {
            ttl: TTL,
            job_prefixes: vec![format!("w{number}-").parse().expect("a prefix")],
            include: Vec::new(),
            exclude: Vec::new(),
            protect: Vec::new(),
            ttl_label: None,
        };
        let mut rng = Rng::with_seed(seed);
        let deletion = Deletion {
            dry_run: false,
            verify: rng.bool(),
            max_deletes: Limit(None),
            workers: rng.u16(1..8),
            batch_size: rng.u32(1..4),
            max_window: Duration::from_secs(1),
            list_timeout: Duration::from_secs(30),
        };
        let verifies = deletion.verify;
        let cleaner = Cleaner::new(gateway.clone(), selection, deletion, Metrics::new());
        Self {
            number,
            rng,
            gateway,
            cleaner,
            verifies,
            members: Vec::new(),
            serial: 0,
        }
    }

    pub(crate) async fn run(mut self, rounds: usize) -> Tally {
        let mut tally = Tally::default();
        for _ in 0..rounds {
            tally = tally + self.round().await;
        }
        for member in &mut self.members {
            member.stop().await;
        }
        tally
    }

    /// Some come, some stop; then a pass, and the judgement.
    async fn round(&mut self) -> Tally {
        while self.members.len() < MEMBERS {
            self.serial += 1;
            let prefix = format!("w{}-", self.number);
            self.members.push(Member::start(
                self.gateway.clone(),
                &prefix,
                self.serial,
                &mut self.rng,
            ));
        }
        let stopping = self.rng.usize(1..MEMBERS);
        self.rng.shuffle(&mut self.members);
        for member in &mut self.members[..stopping] {
            member.stop().await;
        }
        if let Some(last) = self.members[..stopping]
            .iter()
            .filter_map(Member::last_push)
            .max()
        {
            sleep_until(last + SURELY_EXPIRED).await;
        }

        let from = Instant::now();
        let report = self.cleaner.pass(&CancellationToken::new()).await;
        let to = Instant::now();
        assert!(report.error.is_none(), "{:?}", report.error);
        let deleted: HashSet<GroupingKey> = report
            .rows
            .iter()
            .filter(|row| row.outcome == Outcome::Deleted)
            .flat_map(|row| row.group.keys().cloned())
            .collect();
        assert!(
            report.rows.iter().all(|row| row.age > TTL),
            "{:?}",
            report.rows
        );
        if !self.verifies {
            // The gateway accepts a deletion before it makes it.
            let stopped: Vec<_> = self
                .members
                .iter()
                .filter(|member| member.is_stopped())
                .collect();
            eventually(LONG, "accepted deletions are made", async || {
                let there = self.groups().await;
                !stopped.iter().any(|member| there.contains(&member.key))
            })
            .await;
        }
        let there = self.groups().await;

        let mut tally = Tally {
            rounds: 1,
            ..Tally::default()
        };
        for member in &mut self.members {
            let key = &member.key;
            if member.is_stopped() {
                assert!(!there.contains(key), "{key} is still there");
                if member.was_there_at_its_end() {
                    assert!(deleted.contains(key), "{key} was to go: {:?}", report.rows);
                    tally.gone += 1;
                } else {
                    tally.uncertain += 1;
                }
            } else if member.lived_throughout(from, to, TTL) {
                assert!(!deleted.contains(key), "{key} was alive: {:?}", report.rows);
                assert!(
                    there.contains(key),
                    "{key} is not there, though nothing removed it"
                );
                tally.stayed += 1;
            } else {
                tally.uncertain += 1;
            }
            if deleted.contains(key) {
                member.was_deleted(to);
            }
        }
        self.members.retain(|member| !member.is_stopped());
        tally
    }

    /// Returns every key that a group of the gateway may have.
    async fn groups(&self) -> HashSet<GroupingKey> {
        let listing = Listing::open(&self.gateway, Duration::from_secs(30))
            .await
            .expect("the gateway is there");
        let groups = listing.groups().await.expect("the gateway is there");
        groups.iter().flat_map(Group::keys).cloned().collect()
    }
}

impl Add for Tally {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            rounds: self.rounds + other.rounds,
            gone: self.gone + other.gone,
            stayed: self.stayed + other.stayed,
            uncertain: self.uncertain + other.uncertain,
        }
    }
}
