//! Even subsets, few changes, and the simulation whose table stands in `docs/benchmarks.md`.

use std::collections::HashSet;
use std::mem::size_of;

use super::*;
use crate::consumer::listing::Listing;

fn addresses(count: usize) -> Vec<String> {
    (0..count)
        .map(|index| {
            format!(
                "10.{}.{}.{}:20000",
                index >> 16,
                index >> 8 & 255,
                index & 255
            )
        })
        .collect()
}

fn ring(addresses: &[String]) -> Ring {
    Ring::new(addresses.iter().map(String::as_str))
}

/// What consumers of many providers look like together.
struct Fleet {
    providers: Vec<String>,
    starts: Vec<u64>,
    size: usize,
    /// How many consumers each start stands for: all that use all providers are alike.
    alike: u32,
}

impl Fleet {
    fn numbered(providers: usize, consumers: u32, size: usize) -> Self {
        Self {
            providers: addresses(providers),
            starts: (0..consumers).map(|number| start(Some(number))).collect(),
            size,
            alike: 1,
        }
    }

    fn all(providers: usize, consumers: u32) -> Self {
        Self {
            alike: consumers,
            ..Self::numbered(providers, 1, providers)
        }
    }

    fn unnumbered(providers: usize, consumers: u32, size: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(1);
        Self {
            starts: (0..consumers).map(|_| random.u64(..)).collect(),
            ..Self::numbered(providers, 0, size)
        }
    }

    /// Returns each consumer's providers, in the order of their addresses, while the registry does not list one of them.
    fn subsets(&self, unlisted: Option<usize>) -> Vec<Vec<usize>> {
        let listed: Vec<usize> = (0..self.providers.len())
            .filter(|index| Some(*index) != unlisted)
            .collect();
        let ring = Ring::new(listed.iter().map(|index| self.providers[*index].as_str()));
        let subset = |start: &u64| {
            let chosen = ring.choose(*start, self.size, |_| true);
            let mut chosen: Vec<_> = chosen.into_iter().map(|index| listed[index]).collect();
            chosen.sort_unstable();
            chosen
        };
        self.starts.iter().map(subset).collect()
    }

    /// Returns how many consumers each provider has.
    fn consumers(&self, subsets: &[Vec<usize>]) -> Vec<u32> {
        let mut consumers = vec![0; self.providers.len()];
        for provider in subsets.iter().flatten() {
            consumers[*provider] += self.alike;
        }
        consumers
    }
}

/// Figures of a spread.
struct Spread {
    least: u32,
    mean: f64,
    most: u32,
    /// The standard deviation as a share of the mean.
    deviation: f64,
}

impl Spread {
    fn of(values: &[u32]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let square = |value: &u32| (f64::from(*value) - mean).powi(2);
        let variance = values.iter().map(square).sum::<f64>() / count;
        Self {
            least: values.iter().copied().min().unwrap(),
            mean,
            most: values.iter().copied().max().unwrap(),
            deviation: variance.sqrt() / mean,
        }
    }
}

#[test]
fn a_subset_is_the_same_each_time_and_in_any_order_of_the_list() {
    let mut addresses = addresses(1000);
    let chosen = |addresses: &[String]| -> HashSet<String> {
        let indexes = ring(addresses).choose(start(Some(7)), 100, |_| true);
        indexes.into_iter().map(|i| addresses[i].clone()).collect()
    };
    let before = chosen(&addresses);
    assert_eq!(before.len(), 100);
    addresses.reverse();
    assert_eq!(chosen(&addresses), before);
}

#[test]
fn what_comes_or_goes_changes_one_member_at_most() {
    let all = addresses(1000);
    let (ring_of_all, start) = (ring(&all), start(Some(3)));
    let before: HashSet<_> = ring_of_all
        .choose(start, 100, |_| true)
        .into_iter()
        .collect();
    for gone in 0..all.len() {
        let mut left = all.clone();
        left.remove(gone);
        let after = ring(&left).choose(start, 100, |_| true);
        let after: HashSet<_> = after
            .into_iter()
            .map(|index| index + usize::from(index >= gone))
            .collect();
        let changed = before.difference(&after).count();
        assert_eq!(changed, usize::from(before.contains(&gone)), "{gone}");
    }
}

#[test]
fn members_that_fail_are_replaced_and_stay_in() {
    let all = addresses(1000);
    let ring = ring(&all);
    let before = ring.choose(start(Some(1)), 100, |_| true);
    let dead: HashSet<_> = before.iter().copied().step_by(2).collect();
    let after = ring.choose(start(Some(1)), 100, |index| !dead.contains(&index));
    assert_eq!(
        after.iter().filter(|index| !dead.contains(index)).count(),
        100
    );
    assert!(before.iter().all(|index| after.contains(index)));
    let none = ring.choose(start(Some(1)), 100, |_| false);
    assert_eq!(
        none.len(),
        400,
        "a dead registry does not mean connections to all"
    );
}

#[test]
fn consumers_with_numbers_are_spread_evenly_however_many_there_are() {
    for consumers in [200, 1000, 3000] {
        let fleet = Fleet::numbered(2000, consumers, 100);
        let spread = Spread::of(&fleet.consumers(&fleet.subsets(None)));
        assert!(spread.deviation < 0.15, "{consumers}: {}", spread.deviation);
        assert!(spread.least > 0 && f64::from(spread.most) < 1.6 * spread.mean);
    }
}

/// The bytes of an address in a list.
const ADDRESS: usize = "10.255.255.255:20000".len();

/// The memory that one more provider costs a consumer that is connected to it: measured, see "Growth" in `docs/benchmarks.md`.
const CONNECTED: usize = 61 * 1024;

/// Returns one line of the table.
fn row(name: &str, fleet: &Fleet) -> [String; 7] {
    let before = fleet.subsets(None);
    let usual = fleet.consumers(&before);
    let spread = Spread::of(&usual);
    // One provider is restarted: what other connections are made while the registry does not list it.
    let victim = fleet.providers.len() / 2;
    let during = fleet.subsets(Some(victim));
    let made = before
        .iter()
        .zip(&during)
        .filter(|(before, during)| during.iter().any(|new| before.binary_search(new).is_err()))
        .count();
    let busiest = fleet
        .consumers(&during)
        .iter()
        .zip(&usual)
        .map(|(during, before)| during.saturating_sub(*before))
        .max()
        .unwrap();
    let members = before[0].len();
    let of_the_list = size_of::<Listing>() + ADDRESS + size_of::<(u64, u32)>();
    let kibibytes = (fleet.providers.len() * of_the_list + members * CONNECTED) / 1024;
    [
        name.to_owned(),
        members.to_string(),
        format!("{} / {:.0} / {}", spread.least, spread.mean, spread.most),
        format!("{:.0} %", 100.0 * spread.deviation),
        format!("{:.1} MiB", kibibytes as f64 / 1024.0),
        usual[victim].to_string(),
        format!("{made}, {busiest}"),
    ]
}

/// 10,000 providers and 1,000 consumers, on paper: `cargo test -p triple ten_thousand_providers -- --nocapture` prints the table.
#[test]
fn ten_thousand_providers_and_a_thousand_consumers() {
    const PROVIDERS: usize = 10_000;
    const CONSUMERS: u32 = 1_000;
    let size = crate::ConsumerOptions::DEFAULT_SUBSET;
    let rows = [
        row("all", &Fleet::all(PROVIDERS, CONSUMERS)),
        row(
            "subset, at random",
            &Fleet::unnumbered(PROVIDERS, CONSUMERS, size),
        ),
        row(
            "subset, by number",
            &Fleet::numbered(PROVIDERS, CONSUMERS, size),
        ),
        row("subset of 32", &Fleet::numbered(PROVIDERS, CONSUMERS, 32)),
        row("subset of 300", &Fleet::numbered(PROVIDERS, CONSUMERS, 300)),
    ];
    let mut table = String::from(
        "| providers used | connections of a consumer | consumers of a provider: least / mean / most | spread of calls | memory of a consumer | consumers that notice a restart | connections made in its place, at most to one |\n|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        table.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    std::io::Write::write_all(&mut std::io::stdout(), table.as_bytes()).unwrap();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/benchmarks.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    assert!(
        docs.contains(&table),
        "docs/benchmarks.md has another table than\n{table}"
    );
}
