//! What was aimed at: the one table of targets, each a bound on a ratio or on a figure of ours with its defaults.

use std::fmt;

use crate::quantity::Quantity;
use crate::results::{Added, Results, Watched};
use crate::subject::Subject;

/// A target of [`Subject::Ours`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) title: &'static str,
    figure: Figure,
    bound: Bound,
    /// What keeps it from being met where it is missed; empty where that has not happened.
    pub(crate) reason: &'static str,
}

/// The figure that is judged.
#[derive(Clone, Copy, Debug)]
enum Figure {
    /// A quantity, as a ratio to that of another subject.
    Ratio(Quantity, Subject),
    /// The same for one of ours that is not the default.
    RatioOf(Subject, Quantity, Subject),
    /// How many times the CPU per call of the fewest units is that of the most, as a ratio to another subject's.
    Growth(Added, Subject),
    /// A quantity itself: the worst sample, for an exact count is exact each time.
    Worst(Quantity),
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Least(f64),
    MostRatio(f64),
    /// At most one of this many.
    OneOf(f64),
    Most(f64),
}

use Bound::{Least, Most, MostRatio, OneOf};
use Figure::{Growth, Ratio, RatioOf, Worst};

/// All targets.
pub(crate) const TARGETS: [Target; 27] = [
    target(
        "provider: calls, to our own per-core",
        Ratio(Quantity::ProviderCalls, Subject::PerCore),
        Least(1.1),
    )
    .because(AS_PER_CORE),
    target(
        "provider: CPU per call, to our own per-core",
        Ratio(Quantity::ProviderCpu, Subject::PerCore),
        MostRatio(0.9),
    )
    .because(AS_PER_CORE),
    target(
        "provider: calls, to dubbo-go's",
        Ratio(Quantity::ProviderCalls, Subject::DubboGo),
        Least(11.0),
    ),
    target(
        "provider: CPU per call, to dubbo-go's",
        Ratio(Quantity::ProviderCpu, Subject::DubboGo),
        OneOf(14.0),
    ),
    target(
        "provider: memory, to dubbo-go's",
        Ratio(Quantity::ProviderMemory, Subject::DubboGo),
        OneOf(4.5),
    )
    .because(PAGES_OF_THE_PROGRAM),
    target(
        "provider: calls, to plain tonic's on tokio's default runtime",
        Ratio(Quantity::ProviderCalls, Subject::Tonic),
        Least(1.5),
    ),
    target(
        "provider: calls, to plain tonic's per-core",
        Ratio(Quantity::ProviderCalls, Subject::TonicPerCore),
        Least(1.05),
    )
    .because(MORE_THAN_TONIC),
    target(
        "provider, one connection with 128 in flight: calls, to our own work-stealing",
        Ratio(Quantity::ProviderCallsAlone, Subject::WorkStealing),
        Least(1.15),
    ),
    target(
        "provider: calls, to our own without metrics",
        Ratio(Quantity::ProviderCalls, Subject::OursBare),
        Least(0.97),
    ),
    target(
        "consumer, 16 callers: calls, to dubbo-go's",
        Ratio(Quantity::ConsumerCalls, Subject::DubboGo),
        Least(10.0),
    ),
    target(
        "consumer: CPU per call, to dubbo-go's",
        Ratio(Quantity::ConsumerCpu, Subject::DubboGo),
        OneOf(12.0),
    ),
    target(
        "consumer: calls, to plain tonic's per-core",
        Ratio(Quantity::ConsumerCalls, Subject::TonicPerCore),
        Least(1.05),
    )
    .because(MORE_THAN_TONIC),
    target(
        "consumer in #[tokio::main]: calls, to plain tonic's channel there",
        RatioOf(
            Subject::OursEmbedded,
            Quantity::ConsumerCalls,
            Subject::Tonic,
        ),
        Least(1.2),
    )
    .because(STEALING_WAKES),
    target(
        "consumer: calls, to our own without metrics",
        Ratio(Quantity::ConsumerCalls, Subject::OursBare),
        Least(0.97),
    ),
    target(
        "end to end: calls, to dubbo-go's",
        Ratio(Quantity::PairCalls, Subject::DubboGo),
        Least(8.0),
    ),
    target(
        "end to end: calls, to plain tonic's per-core",
        Ratio(Quantity::PairCalls, Subject::TonicPerCore),
        Least(0.95),
    )
    .because(MORE_THAN_TONIC),
    target(
        "handlers of 200 µs, 8 connections: calls, to our own work-stealing",
        Ratio(Quantity::BusyCalls, Subject::WorkStealing),
        Least(0.95),
    )
    .because(HAND_OVER),
    target(
        "handlers of 200 µs, one connection: calls, to our own work-stealing",
        Ratio(Quantity::BusyCallsAlone, Subject::WorkStealing),
        Least(0.95),
    )
    .because(HAND_OVER),
    target(
        "beside a method that blocks: p99 of a light one, to our own work-stealing",
        Ratio(Quantity::LightBesideBlocked, Subject::WorkStealing),
        MostRatio(1.1),
    ),
    target(
        "beside a method that blocks: p99 of health checks, to our own work-stealing",
        Ratio(Quantity::HealthBesideBlocked, Subject::WorkStealing),
        MostRatio(1.1),
    ),
    target(
        "half of the connections heavy: p99 of the light ones, to our own work-stealing",
        Ratio(Quantity::LightBesideHeavy, Subject::WorkStealing),
        MostRatio(1.1),
    ),
    target(
        "growth of CPU per call with connections, to plain tonic's per-core",
        Growth(Added::Connections, Subject::TonicPerCore),
        MostRatio(1.0),
    ),
    target(
        "growth of CPU per call with providers, to plain tonic's per-core",
        Growth(Added::Providers, Subject::TonicPerCore),
        MostRatio(1.0),
    ),
    target(
        "calls that were not counted",
        Worst(Quantity::Lost),
        Most(0.0),
    ),
    target(
        "calls left in flight by the gauge",
        Worst(Quantity::Left),
        Most(0.0),
    ),
    target(
        "error of the printed p50",
        Worst(Quantity::ErrorP50),
        Most(1.0),
    ),
    target(
        "error of the printed p99",
        Worst(Quantity::ErrorP99),
        Most(1.0),
    ),
];

const AS_PER_CORE: &str = "a quick call takes the same way as per-core, through hyper and h2, and the clock is read twice for each of its polls; \
    to be faster than per-core, that way itself would have to become shorter.";

const PAGES_OF_THE_PROGRAM: &str = "two thirds of what is resident are pages of the program file, which holds TLS, a ZooKeeper client, routing rules and \
    reflection; what the process itself holds under load are some 4 MiB.";

const MORE_THAN_TONIC: &str = "each call has what plain tonic has not: deadlines that end a handler, a panic that is an answer, routes by group and \
    version, bounds on memory, retries that can send a request again, a choice among providers, and figures.";

const STEALING_WAKES: &str = "on a runtime that steals work most of a call's time are wake-ups between its threads, for the caller and for the connection, \
    which are the same for both; a connection for each thread makes up for a part of it.";

const HAND_OVER: &str = "a call on the pool is handed over from its connection's thread and back: two wake-ups of another thread, some 20 µs beside the 200 µs, \
    on cores that have nothing to spare. It is the price of light calls that do not wait beside it.";

const fn target(title: &'static str, figure: Figure, bound: Bound) -> Target {
    Target {
        title,
        figure,
        bound,
        reason: "",
    }
}

impl Target {
    /// Says what keeps it from being met.
    const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Reached, with the figure.
    Met(String),
    /// Not reached, with the figure.
    Missed(String),
    /// One of its figures is not there.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met(figure) => write!(f, "{figure}, met"),
            Self::Missed(figure) => write!(f, "{figure}, MISSED"),
            Self::NotMeasured => f.write_str("not measured"),
        }
    }
}

impl Target {
    /// Returns the bound as text.
    pub(crate) fn bound(&self) -> String {
        match (self.bound, self.figure) {
            (Least(bound), _) => format!("≥ {bound}"),
            (MostRatio(bound), _) => format!("≤ {bound}"),
            (OneOf(bound), _) => format!("≤ 1/{bound}"),
            (Most(bound), Worst(quantity)) => format!("≤ {}", quantity.unit().show(bound)),
            (Most(bound), _) => format!("≤ {bound}"),
        }
    }

    /// Judges what was measured.
    pub(crate) fn verdict(&self, results: &Results) -> Verdict {
        let (figure, text) = match self.figure {
            Ratio(quantity, to) => (results.ratio(quantity, Subject::Ours, to), None),
            RatioOf(ours, quantity, to) => (results.ratio(quantity, ours, to), None),
            Growth(added, to) => {
                let growth = |subject| results.growth(added, Watched::Cpu, subject);
                let both = growth(Subject::Ours).zip(growth(to));
                (both.map(|(ours, other)| ours / other), None)
            }
            Worst(quantity) => {
                let samples = results.samples(quantity, Subject::Ours);
                let worst = samples.map(|samples| {
                    let sizes = samples.iter().map(|sample| sample.abs());
                    sizes.fold(f64::NAN, f64::max)
                });
                (worst, worst.map(|worst| quantity.unit().show(worst)))
            }
        };
        let Some(figure) = figure else {
            return Verdict::NotMeasured;
        };
        let text = text.unwrap_or_else(|| match self.bound {
            OneOf(_) => times(figure),
            _ => plain(figure),
        });
        let met = match self.bound {
            Least(bound) => figure >= bound,
            OneOf(bound) => figure <= 1.0 / bound,
            Most(bound) | MostRatio(bound) => figure <= bound,
        };
        if met {
            Verdict::Met(text)
        } else {
            Verdict::Missed(text)
        }
    }
}

/// Writes a ratio as a number: `0.75`, `1.08`, `11.4`.
fn plain(ratio: f64) -> String {
    let digits = if ratio < 2.0 { 2 } else { 1 };
    format!("{ratio:.digits$}")
}

/// Writes a ratio: `11.4`, `0.98`, or `1/15.2` of what is much smaller.
pub(crate) fn times(ratio: f64) -> String {
    if ratio < 0.8 {
        format!("1/{:.1}", 1.0 / ratio)
    } else if ratio < 2.0 {
        format!("{ratio:.2}")
    } else {
        format!("{ratio:.1}")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::part::Part;
    use crate::results::Measured;

    fn judged(title: &str, figures: &[(Quantity, Subject, f64)]) -> Verdict {
        let mut results = Results {
            parts: BTreeMap::new(),
        };
        for &(quantity, subject, figure) in figures {
            let measured: &mut Measured = results.parts.entry(quantity.part()).or_default();
            measured.add(quantity, subject, figure);
        }
        let target = TARGETS.iter().find(|target| target.title == title).unwrap();
        target.verdict(&results)
    }

    #[test]
    fn a_target_is_met_at_its_bound_and_missed_below_it() {
        let calls = |ours| {
            let figures = [
                (Quantity::ProviderCalls, Subject::Ours, ours),
                (Quantity::ProviderCalls, Subject::DubboGo, 10_000.0),
            ];
            judged("provider: calls, to dubbo-go's", &figures)
        };
        assert_eq!(calls(110_000.0), Verdict::Met("11.0".to_owned()));
        assert_eq!(calls(109_000.0), Verdict::Missed("10.9".to_owned()));
    }

    #[test]
    fn less_is_better_where_a_fraction_was_aimed_at() {
        let memory = |ours| {
            let figures = [
                (Quantity::ProviderMemory, Subject::Ours, ours),
                (Quantity::ProviderMemory, Subject::DubboGo, 60.0),
            ];
            judged("provider: memory, to dubbo-go's", &figures)
        };
        assert_eq!(memory(12.0), Verdict::Met("1/5.0".to_owned()));
        assert_eq!(memory(20.0), Verdict::Missed("1/3.0".to_owned()));
        let title = "provider: CPU per call, to our own per-core";
        let cpu = |ours| {
            let per_core = (Quantity::ProviderCpu, Subject::PerCore, 10.0);
            judged(
                title,
                &[(Quantity::ProviderCpu, Subject::Ours, ours), per_core],
            )
        };
        assert_eq!(cpu(9.0), Verdict::Met("0.90".to_owned()));
        assert_eq!(cpu(9.1), Verdict::Missed("0.91".to_owned()));
    }

    #[test]
    fn a_count_too_many_is_as_wrong_as_one_too_few() {
        let lost = |lost| {
            judged(
                "calls that were not counted",
                &[(Quantity::Lost, Subject::Ours, lost)],
            )
        };
        assert_eq!(lost(0.0), Verdict::Met("0".to_owned()));
        assert_eq!(lost(-2.0), Verdict::Missed("2".to_owned()));
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_missed() {
        assert_eq!(
            judged("end to end: calls, to dubbo-go's", &[]),
            Verdict::NotMeasured
        );
        let ours = [(Quantity::PairCalls, Subject::Ours, 1.0)];
        assert_eq!(
            judged("end to end: calls, to dubbo-go's", &ours),
            Verdict::NotMeasured
        );
    }

    #[test]
    fn growth_is_compared_with_the_growth_of_another_one() {
        let growth = |most| {
            let mut measured = Measured::default();
            for (subject, first, last) in [
                (Subject::Ours, 10.0, most),
                (Subject::TonicPerCore, 20.0, 40.0),
            ] {
                for point in [(1.0, first), (50.0, 100.0), (1000.0, last)] {
                    measured.point(Added::Connections, Watched::Cpu, subject, point);
                }
            }
            let results = Results {
                parts: BTreeMap::from([(Part::Growth, measured)]),
            };
            let title = "growth of CPU per call with connections, to plain tonic's per-core";
            let target = TARGETS.iter().find(|target| target.title == title);
            target.unwrap().verdict(&results)
        };
        assert_eq!(growth(20.0), Verdict::Met("1.00".to_owned()));
        assert_eq!(growth(22.0), Verdict::Missed("1.10".to_owned()));
    }

    #[test]
    fn targets_cover_every_part_that_has_any_and_no_title_stands_twice() {
        let part = |target: &Target| match target.figure {
            Ratio(quantity, _) | RatioOf(_, quantity, _) | Worst(quantity) => quantity.part(),
            Growth(..) => Part::Growth,
        };
        for wanted in Part::ALL {
            let has = TARGETS.iter().any(|target| part(target) == wanted);
            assert!(has || wanted == Part::Costs, "{wanted}");
        }
        let titles: BTreeSet<_> = TARGETS.iter().map(|target| target.title).collect();
        assert_eq!(titles.len(), TARGETS.len());
    }
}
