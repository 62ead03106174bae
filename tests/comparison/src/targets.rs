//! What was aimed at: the one table of targets, each a bound on a ratio or on a figure.

use std::fmt;

use crate::quantity::Quantity;
use crate::results::Results;
use crate::subject::Subject;

/// A target, the same for both of our shapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target {
    pub(crate) title: &'static str,
    quantity: Quantity,
    against: Against,
    bound: Bound,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug)]
enum Against {
    /// The same quantity of another subject.
    Other(Subject),
    /// Our own without metrics.
    Bare,
    /// Plain tonic in the same shape.
    Ceiling,
    /// Nothing: the figure itself counts.
    Itself,
}

#[derive(Clone, Copy, Debug)]
enum Bound {
    Least(f64),
    /// At most one of this many.
    OneOf(f64),
    Most(f64),
    /// None: it is good to know.
    None,
}

const DUBBO_GO: Against = Against::Other(Subject::DubboGo);

/// All targets.
pub(crate) const TARGETS: [Target; 15] = [
    target(
        "provider: calls, to dubbo-go's",
        Quantity::ProviderCalls,
        DUBBO_GO,
        Bound::Least(11.0),
    ),
    target(
        "provider: CPU per call, to dubbo-go's",
        Quantity::ProviderCpu,
        DUBBO_GO,
        Bound::OneOf(15.0),
    ),
    target(
        "provider: memory, to dubbo-go's",
        Quantity::ProviderMemory,
        DUBBO_GO,
        Bound::OneOf(4.0),
    ),
    target(
        "provider: calls, to plain tonic's on tokio's default runtime",
        Quantity::ProviderCalls,
        Against::Other(Subject::Tonic),
        Bound::Least(1.3),
    ),
    target(
        "provider: calls, to our own without metrics",
        Quantity::ProviderCalls,
        Against::Bare,
        Bound::Least(0.97),
    ),
    target(
        "consumer, 16 callers: calls, to dubbo-go's",
        Quantity::ConsumerCalls,
        DUBBO_GO,
        Bound::Least(6.0),
    ),
    target(
        "consumer: CPU per call, to dubbo-go's",
        Quantity::ConsumerCpu,
        DUBBO_GO,
        Bound::OneOf(10.0),
    ),
    target(
        "end to end: calls, to dubbo-go's",
        Quantity::PairCalls,
        DUBBO_GO,
        Bound::Least(8.0),
    ),
    target(
        "calls that were not counted",
        Quantity::Lost,
        Against::Itself,
        Bound::Most(0.0),
    ),
    target(
        "calls left in flight by the gauge",
        Quantity::Left,
        Against::Itself,
        Bound::Most(0.0),
    ),
    target(
        "error of the printed p50",
        Quantity::ErrorP50,
        Against::Itself,
        Bound::Most(1.0),
    ),
    target(
        "error of the printed p99",
        Quantity::ErrorP99,
        Against::Itself,
        Bound::Most(1.0),
    ),
    target(
        "provider: calls, to the ceiling",
        Quantity::ProviderCalls,
        Against::Ceiling,
        Bound::None,
    ),
    target(
        "consumer: calls, to the ceiling",
        Quantity::ConsumerCalls,
        Against::Ceiling,
        Bound::None,
    ),
    target(
        "end to end: calls, to the ceiling",
        Quantity::PairCalls,
        Against::Ceiling,
        Bound::None,
    ),
];

const fn target(title: &'static str, quantity: Quantity, against: Against, bound: Bound) -> Target {
    Target {
        title,
        quantity,
        against,
        bound,
    }
}

/// What became of a target.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Reached, with the figure.
    Met(String),
    /// Nothing was aimed at; the figure.
    Known(String),
    /// Not reached, with the figure.
    Missed(String),
    /// One of its figures is not there.
    NotMeasured,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Met(figure) => write!(f, "{figure}, met"),
            Self::Known(figure) => f.write_str(figure),
            Self::Missed(figure) => write!(f, "{figure}, MISSED"),
            Self::NotMeasured => f.write_str("not measured"),
        }
    }
}

impl Target {
    /// Returns the bound as text.
    pub(crate) fn bound(&self) -> String {
        match self.bound {
            Bound::Least(bound) => format!("≥ {bound}"),
            Bound::OneOf(bound) => format!("≤ 1/{bound}"),
            Bound::None => "–".to_owned(),
            Bound::Most(bound) => format!("≤ {}", self.quantity.unit().show(bound)),
        }
    }

    /// Judges one of our shapes.
    pub(crate) fn verdict(&self, results: &Results, ours: Subject) -> Verdict {
        let figure = match self.against {
            Against::Other(other) => results.ratio(self.quantity, ours, other),
            Against::Ceiling => results.ratio(self.quantity, ours, ours.ceiling()),
            Against::Bare => results.ratio(self.quantity, ours, ours.bare()),
            // The worst sample: an exact count is exact each time.
            Against::Itself => results.samples(self.quantity, ours).map(|samples| {
                let sizes = samples.iter().map(|sample| sample.abs());
                sizes.fold(f64::NAN, f64::max)
            }),
        };
        let Some(figure) = figure else {
            return Verdict::NotMeasured;
        };
        let text = match self.against {
            Against::Itself => self.quantity.unit().show(figure),
            _ => times(figure),
        };
        let met = match self.bound {
            Bound::None => return Verdict::Known(text),
            Bound::Least(bound) => figure >= bound,
            Bound::OneOf(bound) => figure <= 1.0 / bound,
            Bound::Most(bound) => figure <= bound,
        };
        if met {
            Verdict::Met(text)
        } else {
            Verdict::Missed(text)
        }
    }
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
    use std::collections::BTreeMap;

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
        target.verdict(&results, Subject::PerCore)
    }

    #[test]
    fn a_target_is_met_at_its_bound_and_missed_below_it() {
        let calls = |ours| {
            let figures = [
                (Quantity::ProviderCalls, Subject::PerCore, ours),
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
                (Quantity::ProviderMemory, Subject::PerCore, ours),
                (Quantity::ProviderMemory, Subject::DubboGo, 60.0),
            ];
            judged("provider: memory, to dubbo-go's", &figures)
        };
        assert_eq!(memory(12.0), Verdict::Met("1/5.0".to_owned()));
        assert_eq!(memory(20.0), Verdict::Missed("1/3.0".to_owned()));
    }

    #[test]
    fn a_count_too_many_is_as_wrong_as_one_too_few() {
        let lost = |lost| {
            judged(
                "calls that were not counted",
                &[(Quantity::Lost, Subject::PerCore, lost)],
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
        let ours = [(Quantity::PairCalls, Subject::PerCore, 1.0)];
        assert_eq!(
            judged("end to end: calls, to dubbo-go's", &ours),
            Verdict::NotMeasured
        );
    }

    #[test]
    fn the_ceiling_is_plain_tonic_in_the_same_shape() {
        let figures = [
            (Quantity::ProviderCalls, Subject::PerCore, 90.0),
            (Quantity::ProviderCalls, Subject::TonicPerCore, 100.0),
            (Quantity::ProviderCalls, Subject::Tonic, 50.0),
        ];
        assert_eq!(
            judged("provider: calls, to the ceiling", &figures),
            Verdict::Known("0.90".to_owned())
        );
    }

    #[test]
    fn targets_cover_every_part_that_has_any() {
        for part in [Part::Provider, Part::Consumer, Part::Pair, Part::Exactness] {
            assert!(
                TARGETS.iter().any(|target| target.quantity.part() == part),
                "{part}"
            );
        }
    }
}
