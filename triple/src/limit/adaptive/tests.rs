//! The number on a provider that is simulated, with a clock of its own: workers that take calls in their order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use fastrand::Rng;

use super::*;

const SECOND: u64 = 1_000_000;

/// How long calls take when they are alone.
#[derive(Clone, Copy, Debug)]
enum Service {
    /// This many microseconds, within a tenth.
    Even(u64),
    /// A mean of this many microseconds, by an exponential distribution.
    Uneven(u64),
}

impl Service {
    fn mean(self) -> u64 {
        match self {
            Self::Even(mean) | Self::Uneven(mean) => mean,
        }
    }

    fn draw(self, rng: &mut Rng) -> u64 {
        match self {
            Self::Even(mean) => rng.u64(mean * 9 / 10..=mean * 11 / 10),
            Self::Uneven(mean) => (-(1.0 - rng.f64()).ln() * mean as f64) as u64,
        }
    }
}

/// A provider of some workers. All times are microseconds.
struct Provider {
    rng: Rng,
    workers: BinaryHeap<Reverse<u64>>,
    /// The ends of the calls that run, with their beginnings.
    running: BinaryHeap<Reverse<(u64, u64)>>,
    limit: Option<Adaptive>,
    now: u64,
}

/// What came of some seconds.
#[derive(Debug)]
struct Outcome {
    answered_per_second: f64,
    p99: u64,
    refused: usize,
}

impl Provider {
    fn new(workers: usize, limit: Option<Adaptive>) -> Self {
        Self {
            rng: Rng::with_seed(7),
            workers: (0..workers).map(|_| Reverse(0)).collect(),
            running: BinaryHeap::new(),
            limit,
            now: 0,
        }
    }

    /// Ends the calls whose time has come, and tells the limit.
    fn end_until(&mut self, now: u64, took: &mut Vec<u64>) {
        while let Some(Reverse((end, begun))) = self.running.peek().copied()
            && end <= now
        {
            self.running.pop();
            took.push(end - begun);
            if let Some(limit) = &mut self.limit {
                let micros = Duration::from_micros;
                limit.ended(micros(end), micros(end - begun));
            }
        }
    }

    /// Is called at random, `load` times as often as it can answer.
    fn called(&mut self, load: f64, service: Service, seconds: u64) -> Outcome {
        let mean = service.mean() as f64 / self.workers.len() as f64 / load;
        let end = self.now + seconds * SECOND;
        let (mut took, mut refused) = (Vec::new(), 0);
        while self.now < end {
            self.now += (-(1.0 - self.rng.f64()).ln() * mean) as u64;
            self.end_until(self.now, &mut took);
            if let Some(limit) = &mut self.limit {
                let room = limit.limit().saturating_sub(self.running.len());
                if room == 1 {
                    limit.full();
                }
                if room == 0 {
                    limit.refused();
                    refused += 1;
                    continue;
                }
            }
            let Reverse(free) = self.workers.pop().unwrap();
            let done = free.max(self.now) + service.draw(&mut self.rng);
            self.workers.push(Reverse(done));
            self.running.push(Reverse((done, self.now)));
        }
        took.sort_unstable();
        Outcome {
            answered_per_second: took.len() as f64 / seconds as f64,
            p99: took[took.len() * 99 / 100],
            refused,
        }
    }
}

const SERVICES: [(usize, Service); 6] = [
    (16, Service::Even(10_000)),
    (2, Service::Even(5_000)),
    (64, Service::Even(50_000)),
    (16, Service::Uneven(10_000)),
    (200, Service::Uneven(20_000)),
    (2, Service::Even(400)),
];

#[test]
fn four_times_the_capacity_costs_a_tenth_of_the_answers_and_twice_the_time_at_most() {
    for (workers, service) in SERVICES {
        let capacity = workers as f64 * SECOND as f64 / service.mean() as f64;
        // As busy as it can be without a queue that grows.
        let usual = Provider::new(workers, None).called(0.9, service, 20);
        let mut provider = Provider::new(workers, Some(Adaptive::default()));
        provider.called(4.0, service, 10);
        let overloaded = provider.called(4.0, service, 40);
        let limit = provider.limit.as_ref().unwrap();
        let context =
            format!("{workers} workers of {service:?}: {usual:?}, {overloaded:?}, {limit:?}");
        assert!(
            overloaded.answered_per_second >= capacity * 0.9,
            "too few answers: {context}"
        );
        assert!(overloaded.p99 <= usual.p99 * 2, "too late: {context}");
    }
}

#[test]
fn a_provider_that_is_overloaded_from_its_first_call_on_finds_its_number_in_seconds() {
    for (workers, service) in [
        (1, Service::Even(5_000)),
        (10, Service::Even(50_000)),
        (16, Service::Uneven(10_000)),
    ] {
        let capacity = workers as f64 * SECOND as f64 / service.mean() as f64;
        let usual = Provider::new(workers, None).called(0.9, service, 20);
        let mut provider = Provider::new(workers, Some(Adaptive::default()));
        provider.called(4.0, service, 5);
        let overloaded = provider.called(4.0, service, 10);
        let context = format!("{workers} workers of {service:?}: {usual:?}, {overloaded:?}");
        assert!(
            overloaded.answered_per_second >= capacity * 0.9,
            "too few answers: {context}"
        );
        let most = (usual.p99 * 2).max(service.mean() * 8);
        assert!(overloaded.p99 <= most, "too late: {context}");
    }
}

#[test]
fn a_provider_that_is_not_overloaded_refuses_nothing_after_the_start() {
    for (workers, service, load) in [
        (16, Service::Even(10_000), 0.6),
        (400, Service::Even(1_000_000), 0.5),
        (2_000, Service::Uneven(100_000), 0.7),
        (4, Service::Uneven(200), 0.2),
    ] {
        let mut provider = Provider::new(workers, Some(Adaptive::default()));
        provider.called(load, service, 15);
        let outcome = provider.called(load, service, 30);
        let answered = outcome.answered_per_second * 30.0;
        let context = format!("{workers} workers of {service:?}: {outcome:?}");
        assert!((outcome.refused as f64) < answered / 200.0, "{context}");
    }
}

#[test]
fn a_provider_with_nearly_as_much_as_it_can_do_refuses_one_call_of_twenty_at_most() {
    for (workers, service) in [(10, Service::Even(50_000)), (16, Service::Even(10_000))] {
        let mut provider = Provider::new(workers, Some(Adaptive::default()));
        provider.called(0.9, service, 15);
        let outcome = provider.called(0.9, service, 30);
        let calls = outcome.answered_per_second * 30.0 + outcome.refused as f64;
        let context = format!("{workers} workers of {service:?}: {outcome:?}");
        assert!(outcome.refused as f64 <= calls / 20.0, "{context}");
    }
}

#[test]
fn a_service_that_becomes_slower_or_faster_keeps_its_workers_busy() {
    let mut provider = Provider::new(16, Some(Adaptive::default()));
    provider.called(4.0, Service::Even(10_000), 30);
    for mean in [100_000, 10_000, 1_000, 20_000] {
        let service = Service::Even(mean);
        provider.called(4.0, service, 20);
        let outcome = provider.called(4.0, service, 40);
        let capacity = 16.0 * SECOND as f64 / mean as f64;
        let context = format!("{mean} us: {outcome:?}, {:?}", provider.limit);
        assert!(outcome.answered_per_second >= capacity * 0.9, "{context}");
        assert!(outcome.p99 <= mean * 2 + 2_000, "{context}");
    }
}

#[test]
fn an_overload_of_ten_minutes_does_not_become_usual() {
    let mut provider = Provider::new(4, Some(Adaptive::default()));
    let service = Service::Even(10_000);
    provider.called(2.0, service, 600);
    let limit = provider.limit.as_ref().unwrap().limit();
    assert!((4..=8).contains(&limit), "{limit}");
}

#[test]
fn a_call_of_an_hour_among_others_counts_little() {
    let mut limit = Adaptive::default();
    let usual = Duration::from_millis(10);
    let mut now = Duration::ZERO;
    for round in 1..2_000u64 {
        limit.full();
        // As many run as may, and each takes its usual time.
        now += usual / u32::try_from(limit.limit()).unwrap();
        limit.ended(now, usual);
        if round % 1_000 == 0 {
            let before = limit.limit();
            limit.ended(now, Duration::from_secs(3600));
            assert!(limit.limit() >= before / 2, "{limit:?}");
        }
    }
    assert!(limit.limit() > FIRST as usize, "{limit:?}");
}

#[test]
fn the_number_stays_within_its_bounds_whatever_calls_take() {
    let mut rng = Rng::with_seed(3);
    let mut limit = Adaptive::default();
    let mut now = Duration::ZERO;
    for _ in 0..200_000 {
        now += Duration::from_micros(rng.u64(..10_000));
        if rng.bool() {
            limit.full();
        }
        let took = [0, 1, rng.u64(..1_000), u64::MAX][rng.usize(..4)];
        limit.ended(now, Duration::from_nanos(took));
        assert!((2..=MOST as usize).contains(&limit.limit()), "{limit:?}");
    }
}
