//! Random lives of a gateway that is restarted, hangs, or has its clock set, and of pushers that live through it: none may count as silent.

use fastrand::Rng;

use super::*;

/// All by a clock that is never set, in seconds.
const ROUNDS: u64 = 200;
const TTL: u64 = 60;
const PUSH_INTERVAL: u64 = 10;
const PASSES: u64 = 150;
/// The longest pause between two passes, in which pushes may fail unseen: with those before and after it is less than a TTL.
const LONGEST_PAUSE: u64 = TTL - 2 * PUSH_INTERVAL;

/// A gateway as its pushers and its cleaner see it.
struct Gateway {
    rng: Rng,
    now: u64,
    /// What its clock shows beyond the true time.
    ahead: u64,
    started: u64,
    down_until: u64,
    /// It takes no connection until then, and forgets nothing.
    hangs_until: u64,
    /// The time of the last push to the living group and to the dead one, by the gateway's clock.
    pushed: [u64; 2],
    persisted: [u64; 2],
}

impl Gateway {
    fn clock(&self) -> u64 {
        self.now + self.ahead
    }

    fn answers(&self) -> bool {
        self.now >= self.down_until.max(self.hangs_until)
    }

    fn second(&mut self) {
        self.now += 1;
        if self.now == self.down_until {
            self.started = self.clock();
            self.pushed = self.persisted;
        }
        if !self.answers() {
            return;
        }
        if self.now.is_multiple_of(PUSH_INTERVAL) {
            self.pushed[0] = self.clock();
        }
        if self.now.is_multiple_of(300) {
            self.persisted = self.pushed;
        }
        match self.rng.u32(0..1500) {
            0 => self.down_until = self.now + self.rng.u64(1..500),
            // A clock that is set by less than the tolerance is one that runs unevenly.
            1 => self.ahead += self.rng.u64(0..100_000),
            2 => self.ahead -= self.rng.u64(0..=self.ahead.min(100_000)),
            3 => self.hangs_until = self.now + self.rng.u64(1..500),
            _ => {}
        }
    }
}

#[test]
fn a_living_group_is_never_silent_whatever_becomes_of_the_gateway_and_its_clock() {
    let begun = Instant::now();
    let (mut judged, mut dead_went, mut steps, mut gaps) = (0, 0, 0, 0);
    for round in 0..ROUNDS {
        let mut gateway = Gateway {
            rng: Rng::with_seed(round),
            now: 1_000_000,
            ahead: 1_000_000,
            started: 2_000_000,
            down_until: 0,
            hangs_until: 0,
            pushed: [2_000_000; 2],
            persisted: [2_000_000; 2],
        };
        let mut history = ClockHistory::default();
        for pass in 0..PASSES {
            // Before its first reading a cleaner knows nothing of steps: what it promises begins there.
            let pause = if pass == 0 {
                0
            } else {
                gateway.rng.u64(1..LONGEST_PAUSE)
            };
            for _ in 0..pause {
                gateway.second();
            }
            if !gateway.answers() {
                history.interrupt();
                gaps += 1;
                continue;
            }
            let at = begun + Duration::from_secs(gateway.now);
            let reading = GatewayClock {
                now: Duration::from_secs(gateway.clock()),
                asked: at,
                answered: at,
                since: Duration::from_secs(gateway.started),
            };
            let Ok(clock) = history.see(reading) else {
                steps += 1;
                continue;
            };
            let silent =
                |pushed: u64| clock.age(Duration::from_secs(pushed)) > Duration::from_secs(TTL);
            judged += 1;
            assert!(!silent(gateway.pushed[0]), "round {round}: {clock:?}");
            dead_went += u32::from(silent(gateway.pushed[1]));
        }
    }
    assert!(judged > 1000, "{judged}");
    assert!(steps > 50, "{steps}");
    assert!(gaps > 50, "{gaps}");
    assert!(dead_went > 200, "{dead_went}");
}
